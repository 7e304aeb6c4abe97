"""jsonschema, over orjson: a validator in Python for the JSON Schema.

The schema cannot add up amounts.
"""

import orjson
from jsonschema import Draft202012Validator, ValidationError
from validators.reporting import reporting
from validators.schema import SCHEMA

_validate = Draft202012Validator(SCHEMA).validate


def transform(document: bytes) -> None:
    """Decode and check a document."""
    _validate(orjson.loads(document))


REFUSALS = (ValidationError, orjson.JSONDecodeError)
provenance = reporting("jsonschema", "orjson", module=__file__, schema=SCHEMA)
