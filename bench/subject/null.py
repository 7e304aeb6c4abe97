"""The null server: bjoern with an answer read beforehand. Run as `null.py HOST PORT ANSWER`.

What it serves costs no work, so it answers as fast as requests can be asked on this machine.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import bjoern

host, port, answer = sys.argv[1:]
BODY = Path(answer).read_bytes()
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]


def application(_: dict[str, object], start_response: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
    """The same answer to whatever comes; bjoern has read the request's body by then."""
    start_response("200 OK", HEADERS)
    return [BODY]


bjoern.run(application, host, int(port))
