"""The layer `log`: a line on stdout for each request, in JSON by the Elastic Common Schema (ECS).

    STATEMENTS_LAYERS="request_id health metrics log"

A line has the route and no path, query, header or body: they may hold secrets. Nothing that a client sends gets into it
but what is checked or escaped: the id of the request, that of the trace, and the subject of the token. If the reader is
too slow, lines are lost: the next one tells how many.
"""

import os
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from json.encoder import encode_basestring_ascii
from os import environ

from app import observed
from app.context import AsyncApplication, WsgiApplication
from app.http import REQUEST_ID
from app.lines import Lines, on_stdout
from app.observed import Asked, check_place
from app.principal import PRINCIPAL
from app.routes import method_of, route_of

ECS = "8.17.0"
SUBJECT_CHARACTERS = 128
TRACEPARENT = re.compile("[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


class Clock:
    """The time in UTC, as ISO 8601 has it; the text of a second is made once."""

    def __init__(self) -> None:
        self.second: tuple[int, str] = 0, ""

    def now(self) -> str:
        microseconds = time.time_ns() // 1000
        second = microseconds // 1_000_000
        made, text = self.second
        if made != second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self.second = second, text
        return f"{text}.{microseconds % 1_000_000:06d}Z"


class Log:
    """Writes a line for each request that has ended."""

    header = "traceparent"

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.clock = Clock()
        self.process = ""  # not known before the first request: a server forks its workers before
        self.numbers = count()

    def began(self) -> None:
        if not self.process:
            self.process = f',"process.pid":{os.getpid()},"event.id":"{os.urandom(12).hex()}'

    def ended(self, asked: Asked, status: int, received: int, sent: int, ns: int) -> None:
        method, path, parent = asked
        more = ""
        if (named := REQUEST_ID.get()) is not None:
            more += f',"http.request.id":"{named}"'  # of safe characters, as the layer `request_id` has seen to
        if parent and (found := TRACEPARENT.fullmatch(parent)):
            more += f',"trace.id":"{found[1]}"'
        if (by := PRINCIPAL.get(None)) is not None:
            more += f',"user.id":{encode_basestring_ascii(by.subject[:SUBJECT_CHARACTERS])}'
        self.lines.put(
            f'{{"@timestamp":"{self.clock.now()}"{_head(method, path, status)}{self.process}-{next(self.numbers):x}'
            f'","event.duration":{ns},"http.request.body.bytes":{received},"http.response.body.bytes":{sent}{more}}}\n'
        )


@lru_cache(256)
def _head(method: str, path: str, status: int) -> str:
    method, route, level = method_of(method), route_of(path), "error" if status >= 500 else "info"
    return (
        f',"log.level":"{level}","message":"{method} {route} {status}","ecs.version":"{ECS}"'
        f',"http.request.method":"{method}","http.route":"{route}","http.response.status_code":{status}'
    )


def configured(env: Mapping[str, str] = environ) -> Log:
    """What the environment describes. Raises ValueError, which names the variable, or OSError."""
    check_place("log", env.get("STATEMENTS_LAYERS", "").split())
    return Log(on_stdout())


def wsgi(application: WsgiApplication, log: Log | None = None) -> WsgiApplication:
    """The WSGI application, logged."""
    return observed.on_wsgi(application, log or configured())


def asgi(application: AsyncApplication, log: Log | None = None) -> AsyncApplication:
    """The ASGI application, logged."""
    return observed.on_asgi(application, log or configured())


def rsgi(application: AsyncApplication, log: Log | None = None) -> AsyncApplication:
    """The RSGI application, logged."""
    return observed.on_rsgi(application, log or configured())
