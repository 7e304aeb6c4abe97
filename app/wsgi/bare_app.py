"""The service as a bare WSGI callable, without a framework: the smallest cost that a framework can have."""

import json
from collections.abc import Callable, Iterable
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
    problem_of,
    queried,
    queried_wait,
    read_document,
    routed,
    waited,
)

REQUIREMENTS: tuple[str, ...] = ()  # packages that this file needs

Environ = dict[str, Any]
Reply = tuple[str, bytes]  # media type and body of an answer with status 200


def make(
    core: Core, facts: Facts, wait: Callable[[float], object], max_bytes: int = DEFAULT_MAX_BYTES
) -> Callable[[Environ, Callable[..., object]], Iterable[bytes]]:
    """The WSGI application over a core; `facts` tell about it, `wait` waits for a number of seconds.

    A body of more than `max_bytes` gets status 413.
    """
    hello_reply = TEXT, HELLO.encode()

    def hello(environ: Environ) -> Reply:
        queried(environ.get("QUERY_STRING", ""))
        return hello_reply

    def statements(environ: Environ) -> Reply:
        queried(environ.get("QUERY_STRING", ""))
        return JSON, answer(core.transform, read_document(environ, max_bytes))

    def wait_a_while(environ: Environ) -> Reply:
        seconds = queried_wait(environ.get("QUERY_STRING", ""))
        wait(seconds)
        return TEXT, waited(seconds).encode()

    def told(fact: Callable[[], dict[str, Any]], environ: Environ) -> Reply:
        queried(environ.get("QUERY_STRING", ""))
        return JSON, json.dumps(fact()).encode()

    routes: dict[str, tuple[str, Callable[[Environ], Reply]]] = {
        "/hello": ("GET", hello),
        "/statements": ("POST", statements),
        "/wait": ("GET", wait_a_while),
        **{path: ("GET", partial(told, fact)) for path, fact in facts.items()},
    }

    def application(environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
        try:
            media_type, body = routed(routes, environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))(environ)
        except Exception as error:  # noqa: BLE001 - a bug is answered, too
            return _refuse(problem_of(error), environ, start_response)
        start_response("200 OK", [("Content-Type", media_type), ("Content-Length", str(len(body)))])
        return [body]

    return application


def _refuse(problem: Problem, environ: Environ, start_response: Callable[..., object]) -> list[bytes]:
    body = problem.body()
    headers = [("Content-Type", PROBLEM), ("Content-Length", str(len(body))), *problem.headers]
    start_response(problem.status, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
