"""jsonschema, over orjson: a validator in Python for the JSON Schema.

What the schema cannot say is in its comment.
"""

import orjson
from jsonschema import Draft202012Validator, ValidationError
from validators.reporting import reporting
from validators.schema import PATH, SCHEMA

_validate = Draft202012Validator(SCHEMA).validate


def transform(document: bytes) -> None:
    """Decode and check a document."""
    _validate(orjson.loads(document))


REFUSALS = (ValidationError, orjson.JSONDecodeError)
provenance = reporting("jsonschema", "orjson", sources=(__file__, PATH))
