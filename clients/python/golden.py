"""Sends documents through the models of the generated client: `golden.py URL FILE...`.

A file gives a line of JSON: `sent`, the body of the request, then `status`, `type` and `answer` as the client's model
has it, or `error`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
from statements_client import AuthenticatedClient
from statements_client.api.core import post_statement
from statements_client.models import Batch


def told(client: AuthenticatedClient, document: bytes) -> dict[str, Any]:
    """What comes of a document."""
    try:
        response = post_statement.sync_detailed(client=client, body=Batch.from_dict(json.loads(document.decode())))
        if response.parsed is None:
            raise ValueError(f"no model of status {response.status_code}")
        answer = response.parsed.to_dict()
    except Exception as error:  # noqa: BLE001 a model raises whatever its conversions do
        return {"error": repr(error)}
    return {"status": response.status_code, "type": type(response.parsed).__name__, "answer": answer}


def main(url: str, *files: str) -> None:
    """Print a line for each file."""
    sent: list[str] = []

    def record(request: httpx.Request) -> None:
        sent.append(request.content.decode())

    hooks = {"event_hooks": {"request": [record]}}
    unused = "none"  # the service needs no token here, but the generator takes an optional one for a required one
    with AuthenticatedClient(url, unused, raise_on_unexpected_status=True, httpx_args=hooks) as client:
        for file in files:
            sent.clear()
            found = told(client, Path(file).read_bytes())
            print(json.dumps({"sent": sent[0] if sent else None, **found}))


main(*sys.argv[1:])
