"""What the programs of the chain answer over HTTP."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Any

from bench.errors import LabError

JSON = {"Content-Type": "application/json"}
PATIENCE_SECONDS = 30.0


def ask(host: str, port: int, method: str, path: str, document: object = None) -> Any:
    """Return the decoded JSON of an answer. Raises LabError with its text if the status is not 2xx."""
    body = None if document is None else json.dumps(document)
    with closing(HTTPConnection(host, port, timeout=PATIENCE_SECONDS)) as connection:
        try:
            connection.request(method, path, body, JSON)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException) as error:
            raise LabError(f"{method} {path} at {host}:{port}: {error}") from error
    if answer.status // 100 != 2:
        raise LabError(f"{method} {path} at {host}:{port}: status {answer.status}: {text[:500].decode()}")
    return json.loads(text)


def is_ready(host: str, port: int, path: str) -> bool:
    """Return True if a GET is answered with status 200."""
    with closing(HTTPConnection(host, port, timeout=PATIENCE_SECONDS)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
