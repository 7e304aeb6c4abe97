"""The service on the reference core, whose JSON answers are changed before they are sent."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from wsgiref.simple_server import make_server

from app import contract
from app.http import JSON, PROBLEM
from app.replies import of_wsgi, replied
from app.wsgi import bare_app
from tests.unit.test_hal_clients import Quiet


class Answer(NamedTuple):
    """An answer before it is sent; `body` is what the JSON holds."""

    status: str
    media_type: str
    body: Any


Change = Callable[[Answer], Answer]


def on(status: int, change: Change) -> Change:
    """A change of the answers with a status."""
    return lambda answer: change(answer) if answer.status.startswith(str(status)) else answer


def of_body(change: Callable[[Any], object]) -> Change:
    """A change of the body, which it is given."""

    def changed(answer: Answer) -> Answer:
        change(answer.body)
        return answer

    return changed


def rename(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    return lambda each: each.update({new: each.pop(old)})


def of_customers(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def changed(statement: dict[str, Any]) -> None:
        for each in statement["customers"]:
            change(each)

    return changed


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """The URL of a WSGI application in a thread of this process."""
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def changed(change: Change) -> Iterator[str]:
    """The URL of the changed service."""
    service = bare_app.make(contract.load_core("app.core"), {}, time.sleep)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        reply = of_wsgi(service, environ)
        media_type = reply.header("content-type")
        if media_type in {JSON, PROBLEM}:
            answer = change(Answer(reply.status, media_type, json.loads(reply.body)))
            reply = replied(answer.status, answer.media_type, json.dumps(answer.body).encode())
        return reply.start(environ, start_response)

    with serving(application) as url:
        yield url
