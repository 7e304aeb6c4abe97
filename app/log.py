"""The layer `log`: a line on stdout for each request, in JSON by the Elastic Common Schema (ECS).

    STATEMENTS_LAYERS="request_id health metrics log"

A line has the route and no path, query, header or body: they may hold secrets. Nothing that a client sends gets into it
but what is checked or escaped: ids of the request and its trace, and the subject of the token. If the reader is too
slow, lines are lost: the next one tells how many.
"""

import os
import time
from collections.abc import Callable, Mapping
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
from app.sampling import Sampler
from app.timing import CORE
from app.tracing import TRACE

TRANSFORM = "app.timing.timed"  # what the layer wraps a core's transform in
ECS = "8.17.0"
SUBJECT_CHARACTERS = 128


class Clock:
    """The time in UTC, as ISO 8601 has it. The text of a second is made once, and `turned` is called then."""

    def __init__(self, turned: Callable[[], None]) -> None:
        self.turned = turned
        self.second: tuple[int, str] = 0, ""

    def now(self) -> str:
        microseconds = time.time_ns() // 1000
        second = microseconds // 1_000_000
        made, text = self.second
        if made != second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self.second = second, text
            self.turned()
        return f"{text}.{microseconds % 1_000_000:06d}Z"


class Log:
    """Writes a line for each request that has ended, if the rules of the sampler want one."""

    def __init__(self, lines: Lines, sampler: Sampler) -> None:
        self.lines = lines
        self.sampler = sampler
        self.clock = Clock(sampler.refresh)
        self.process = ""  # not known before the first request: a server forks its workers before
        self.numbers = count()

    def began(self) -> None:
        if not self.process:
            self.process = f',"process.pid":{os.getpid()},"event.id":"{os.urandom(12).hex()}'

    def ended(self, asked: Asked, status: int, received: int, sent: int, ns: int) -> None:
        now = self.clock.now()
        rules = self.sampler.rules
        level = rules.level(status, ns)
        if level is None:
            return
        method, path, _ = asked
        head = _head(level, rules.sampled, method, path, status)
        self.lines.put(
            f'{{"@timestamp":"{now}"{head}{self.process}-{next(self.numbers):x}","event.duration":{ns}'
            f',"http.request.body.bytes":{received},"http.response.body.bytes":{sent}{_if_known()}}}\n'
        )


@lru_cache(256)
def _head(level: str, sampled: float, method: str, path: str, status: int) -> str:
    method, route = method_of(method), route_of(path)
    of_share = f',"statements.sampled":{sampled}' if level == "info" and sampled < 1 else ""
    return (
        f',"log.level":"{level}","message":"{method} {route} {status}","ecs.version":"{ECS}"{of_share}'
        f',"http.request.method":"{method}","http.route":"{route}","http.response.status_code":{status}'
    )


def _if_known() -> str:
    """What not every request has."""
    found = ""
    if (named := REQUEST_ID.get()) is not None:
        found += f',"http.request.id":"{named}"'  # of safe characters, as the layer `request_id` has seen to
    if (trace := TRACE.get()) is not None:
        found += f',"trace.id":"{trace.id}","transaction.id":"{trace.span}"'
    if (by := PRINCIPAL.get(None)) is not None:
        found += f',"user.id":{encode_basestring_ascii(by.subject[:SUBJECT_CHARACTERS])}'
    if (core := CORE.get()) is not None:
        found += f',"statements.core.duration":{core[1] - core[0]}'
    return found


def configured(env: Mapping[str, str] = environ) -> Log:
    """What the environment describes. Raises ValueError, which names the variable, or OSError."""
    check_place("log", env.get("STATEMENTS_LAYERS", "").split())
    return Log(on_stdout(), _sampler(env.get("STATEMENTS_LOG_RULES", "")))


def _sampler(file: str) -> Sampler:
    try:
        return Sampler(file)
    except ValueError as error:
        raise ValueError(f"STATEMENTS_LOG_RULES: {error}") from None


def wsgi(application: WsgiApplication, log: Log | None = None) -> WsgiApplication:
    """The WSGI application, logged."""
    return observed.on_wsgi(application, log or configured())


def asgi(application: AsyncApplication, log: Log | None = None) -> AsyncApplication:
    """The ASGI application, logged."""
    return observed.on_asgi(application, log or configured())


def rsgi(application: AsyncApplication, log: Log | None = None) -> AsyncApplication:
    """The RSGI application, logged."""
    return observed.on_rsgi(application, log or configured())
