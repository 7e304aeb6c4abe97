"""jsonschema-rs, over the standard library's json: UTF-8 alone, and `parse_constant` refuses NaN and Infinity.

The schema cannot add up amounts. json has no switch that refuses unpaired surrogates.
"""

import json
from typing import NoReturn

from jsonschema_rs import Draft202012Validator, ValidationError
from validators.reporting import reporting
from validators.schema import SCHEMA


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_decode = json.JSONDecoder(parse_constant=_refuse).decode
_validate = Draft202012Validator(SCHEMA).validate


def transform(document: bytes) -> None:
    """Decode and check a document."""
    _validate(_decode(document.decode()))


REFUSALS = (ValidationError, ValueError, RecursionError)
provenance = reporting("jsonschema-rs", module=__file__, schema=SCHEMA)
