"""The service as a bare RSGI callable, without a framework: Granian's own interface at its smallest cost."""

import json
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from app.contract import Core
from app.http import (
    DEFAULT_MAX_BYTES,
    HELLO,
    JSON,
    PROBLEM,
    TEXT,
    Facts,
    Problem,
    answer,
    check_length,
    expect_json,
    problem_of,
    queried,
    queried_wait,
    routed,
    waited,
)

REQUIREMENTS: tuple[str, ...] = ()  # packages that this file needs

Reply = tuple[str, bytes]  # media type and body of an answer with status 200
Handler = Callable[[Any, Any], Awaitable[Reply]]  # of a scope and its protocol


def make(
    core: Core,
    facts: Facts,
    wait: Callable[[float], Awaitable[object]],
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> Callable[[Any, Any], Coroutine[Any, Any, None]]:
    """The RSGI application over a core; `facts` tell about it, `wait` waits for a number of seconds.

    A body of more than `max_bytes` gets status 413.
    """
    hello_reply = TEXT, HELLO.encode()

    async def hello(scope: Any, _protocol: Any) -> Reply:
        queried(scope.query_string)
        return hello_reply

    async def statements(scope: Any, protocol: Any) -> Reply:
        queried(scope.query_string)
        return JSON, answer(core.transform, await read_document(scope, protocol, max_bytes))

    async def wait_a_while(scope: Any, _protocol: Any) -> Reply:
        seconds = queried_wait(scope.query_string)
        await wait(seconds)
        return TEXT, waited(seconds).encode()

    async def told(fact: Callable[[], dict[str, Any]], scope: Any, _protocol: Any) -> Reply:
        queried(scope.query_string)
        return JSON, json.dumps(fact()).encode()

    routes: dict[str, tuple[str, Handler]] = {
        "/hello": ("GET", hello),
        "/statements": ("POST", statements),
        "/wait": ("GET", wait_a_while),
        **{path: ("GET", partial(told, fact)) for path, fact in facts.items()},
    }

    async def application(scope: Any, protocol: Any) -> None:
        try:
            media_type, body = await routed(routes, scope.method, scope.path)(scope, protocol)
        except Exception as error:  # noqa: BLE001 - a bug is answered, too
            _refuse(problem_of(error), protocol)
        else:
            protocol.response_bytes(200, [("content-type", media_type)], body)

    return application


def _refuse(problem: Problem, protocol: Any) -> None:
    headers = [("content-type", PROBLEM), *((name.lower(), value) for name, value in problem.headers)]
    protocol.response_bytes(int(problem.status[:3]), headers, problem.body())


async def read_document(scope: Any, protocol: Any, max_bytes: int) -> bytes:
    """Read the body of a POST: at once if its announced length is within the limit, else part by part up to the limit.

    Raises Problem 415 or 413, or 400 if the body breaks off.
    """
    expect_json(scope.headers.get("content-type", ""))
    announced = scope.headers.get("content-length")
    length = None if announced is None else int(announced)  # the server refuses what is no number
    try:
        if length is not None and length <= max_bytes:
            document = await protocol()
        else:
            document = await _read_parts(protocol, max_bytes)
    except Exception as error:  # a broken body
        raise Problem("400 Bad Request", "the body cannot be read") from error
    return check_length(document, max_bytes, length)


async def _read_parts(protocol: Any, max_bytes: int) -> bytes:
    document = bytearray()
    async for part in protocol:
        document += part
        if len(document) > max_bytes:
            break
    return bytes(document)
