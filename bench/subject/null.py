"""The null server: bjoern with a fixed answer from a file. Run as `null.py HOST PORT ANSWER`.

Its answer requires no work, so its rate is the highest that a generator can reach on this machine.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import bjoern

host, port, answer = sys.argv[1:]
BODY = Path(answer).read_bytes()
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]


def application(_: dict[str, object], start_response: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
    """Return the fixed answer to any request. bjoern has already read the request's body."""
    start_response("200 OK", HEADERS)
    return [BODY]


bjoern.run(application, host, int(port))
