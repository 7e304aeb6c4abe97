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
from time import time_ns

from app import observed
from app.context import AsyncApplication, WsgiApplication
from app.http import REQUEST_ID
from app.lines import Lines, on_stdout
from app.observed import FAILED, Asked, check_place
from app.principal import PRINCIPAL
from app.routes import method_of, route_of
from app.sampling import USUAL, Sampler
from app.timing import CORE
from app.tracing import TRACE
from app.versions import Running, running

TRANSFORM = "app.timing.timed"  # what the layer wraps a core's transform in
ECS = "8.17.0"
SECOND_NS = 1_000_000_000
SUBJECT_CHARACTERS = DEPLOYMENT_CHARACTERS = 128


class Clock:
    """The present second in UTC, as ISO 8601 has it. Its text is made once, and `turned` is called before."""

    def __init__(self, turned: Callable[[], None]) -> None:
        self.turned = turned
        self.second: tuple[int, bytes] = 0, b""  # its first nanosecond

    def turn(self, ns: int) -> tuple[bytes, int]:
        """Go on to the second of a time. Its text, and the nanoseconds since it began."""
        second, since = divmod(ns, SECOND_NS)
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        self.turned()  # first: no other thread goes on with what was before
        self.second = second * SECOND_NS, text
        return text, since


class Log:
    """Writes a line for each request that has ended, if the rules of the sampler want one. `fixed` is in each.

    Bytes are put together, and not text: on CPython that takes two thirds of the time.
    """

    def __init__(self, lines: Lines, sampler: Sampler, fixed: str = "") -> None:
        self.lines = lines
        self.fixed = fixed
        self.sampler = sampler
        self.clock = Clock(sampler.refresh)
        self.process = b""  # not known before the first request: a server forks its workers before
        self.numbers = count()

    def ended(self, asked: Asked, status: int, received: int, sent: int, ns: int) -> None:
        begun, second = self.clock.second
        since = time_ns() - begun  # small numbers: to divide large ones takes long
        if not 0 <= since < SECOND_NS:
            second, since = self.clock.turn(begun + since)
        rules = self.sampler.rules
        level = "info" if rules is USUAL and status < FAILED else rules.level(status, ns)  # a call less
        if level is None:
            return
        method, path, _ = asked
        head = _head(level, rules.sampled, method, path, status)
        process, number = self.process or self._process(), next(self.numbers)
        self.lines.put(
            b'{"@timestamp":"%b.%06dZ"%b%b-%x","event.duration":%d,"http.request.body.bytes":%d'
            b',"http.response.body.bytes":%d%b}\n'
            % (second, since // 1000, head, process, number, ns, received, sent, _if_known())
        )

    def _process(self) -> bytes:
        text = f'{self.fixed},"process.pid":{os.getpid()},"event.id":"{os.urandom(12).hex()}'
        self.process = text.encode()
        return self.process


@lru_cache(256)
def _head(level: str, sampled: float, method: str, path: str, status: int) -> bytes:
    method, route = method_of(method), route_of(path)
    of_share = f',"statements.sampled":{sampled}' if level == "info" and sampled < 1 else ""
    text = (
        f',"log.level":"{level}","message":"{method} {route} {status}","ecs.version":"{ECS}"{of_share}'
        f',"http.request.method":"{method}","http.route":"{route}","http.response.status_code":{status}'
    )
    return text.encode()


def _if_known() -> bytes:
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
    return found.encode() if found else b""


def members_of(what: Running) -> str:
    """The members of a line that tell what runs."""
    told = f',"service.version":{encode_basestring_ascii(what.version)}'
    deployment = (what.deployment.version or "")[:DEPLOYMENT_CHARACTERS]
    return f'{told},"statements.deployment":{encode_basestring_ascii(deployment)}' if deployment else told


def configured(env: Mapping[str, str] = environ) -> Log:
    """What the environment describes. Raises ValueError, which names the variable, or OSError."""
    check_place("log", env.get("STATEMENTS_LAYERS", "").split())
    return Log(on_stdout(), _sampler(env.get("STATEMENTS_LOG_RULES", "")), members_of(running()))


def _sampler(file: str) -> Sampler:
    try:
        return Sampler(file)
    except ValueError as error:
        raise ValueError(f"STATEMENTS_LOG_RULES: {error}") from None


def wsgi(application: WsgiApplication, log: Log | None = None) -> WsgiApplication:
    """The WSGI application, logged."""
    return observed.on_wsgi(application, (log or configured()).ended)


def asgi(application: AsyncApplication, log: Log | None = None) -> AsyncApplication:
    """The ASGI application, logged."""
    return observed.on_asgi(application, (log or configured()).ended)


def rsgi(application: AsyncApplication, log: Log | None = None) -> AsyncApplication:
    """The RSGI application, logged."""
    return observed.on_rsgi(application, (log or configured()).ended)
