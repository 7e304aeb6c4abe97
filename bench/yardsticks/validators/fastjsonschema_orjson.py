"""fastjsonschema, over orjson: Python code generated from the JSON Schema, which it reads as one of draft 7.

The schema cannot add up amounts.
"""

import fastjsonschema
import orjson
from validators.reporting import reporting
from validators.schema import SCHEMA

_validate = fastjsonschema.compile(SCHEMA)


def transform(document: bytes) -> None:
    """Decode and check a document."""
    _validate(orjson.loads(document))


REFUSALS = (fastjsonschema.JsonSchemaValueException, orjson.JSONDecodeError)
provenance = reporting("fastjsonschema", "orjson", module=__file__, schema=SCHEMA)
