"""jsonschema-rs, over orjson: a validator in Rust for the JSON Schema.

The schema cannot add up amounts.
"""

import orjson
from jsonschema_rs import Draft202012Validator, ValidationError
from validators.reporting import reporting
from validators.schema import SCHEMA

_validate = Draft202012Validator(SCHEMA).validate


def transform(document: bytes) -> None:
    """Decode and check a document."""
    _validate(orjson.loads(document))


REFUSALS = (ValidationError, orjson.JSONDecodeError)
provenance = reporting("jsonschema-rs", "orjson", module=__file__, schema=SCHEMA)
