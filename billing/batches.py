"""A batch of orders, as the generated client takes it: a model, in place of the caller's bytes.

A model drops members that it does not know, and takes an object for an empty array. `statements` would answer another
batch than the caller's. So billing itself refuses each document that its model changes.
"""

import json
from typing import Any

from statements_client.models import Batch

from app.core import is_plain, is_too_deep, loads, strict_loads
from app.http import Problem


def batch_of(document: bytes) -> Batch:
    """The model of a batch.

    Raises Problem 400 if the document is malformed, or 422 if no model says what it says.
    """
    members = _parsed(document)
    try:
        batch = Batch.from_dict(members)
        sent = batch.to_dict()
        json.dumps(sent, allow_nan=False)  # the client cannot send 1e999, which Python reads as infinite
    except (KeyError, TypeError, ValueError) as error:
        raise _invalid() from error
    if sent != members:
        raise _invalid()
    return batch


def _parsed(document: bytes) -> Any:
    """Any JSON that the spec allows; Python's own parser takes more. Raises Problem 400."""
    try:
        members = loads(document) if is_plain(document) else strict_loads(document)
    except (ValueError, RecursionError) as error:
        raise Problem("400 Bad Request", "the document is malformed") from error
    if is_too_deep(members):
        raise Problem("400 Bad Request", "the document nests too deeply")
    return members


def _invalid() -> Problem:
    return Problem(
        "422 Unprocessable Content", "the document is no batch: a member is missing, unknown or of a wrong type"
    )
