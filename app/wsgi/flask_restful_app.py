"""The service on Flask-RESTful."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from flask_restful import Api, Resource
from werkzeug.exceptions import HTTPException

from app.contract import Core
from app.http import (
    DEFAULT_MAX_BYTES,
    FAILED,
    HELLO,
    JSON,
    PROBLEM,
    TEXT,
    Facts,
    Problem,
    answer,
    queried,
    queried_wait,
    read_document,
    waited,
)

REQUIREMENTS = ("flask-restful",)  # packages that this file needs


class ProblemApi(Api):
    """An Api that answers all errors, also Flask's own, with problem details."""

    def handle_error(self, e: Exception) -> Response:
        if isinstance(e, HTTPException):
            own = [header for header in e.get_headers() if header[0] != "Content-Type"]
            e = Problem(f"{e.code} {e.name}", e.description or e.name, *own)
        elif not isinstance(e, Problem):
            super().handle_error(e)  # Flask logs it
            e = Problem("500 Internal Server Error", FAILED)
        return Response(e.body(), e.status, e.headers, content_type=PROBLEM)


def query() -> str:
    """The query string of the request."""
    return request.query_string.decode("latin-1")


class Once(Resource):
    """A resource with one object for all requests."""

    init_every_request = False


class Hello(Once):
    """The smallest answer of a server."""

    def get(self) -> Response:
        queried(query())
        return Response(HELLO, content_type=TEXT)


class Statements(Once):
    """The transform: a batch of orders in, one statement per customer out."""

    def __init__(self, transform: Callable[[bytes], bytes], max_bytes: int) -> None:
        self.transform = transform
        self.max_bytes = max_bytes

    def post(self) -> Response:
        queried(query())
        body = answer(self.transform, read_document(request.environ, self.max_bytes))
        return Response(body, content_type=JSON)


class Wait(Once):
    """A slow backend: the worker waits and does not compute."""

    def __init__(self, wait: Callable[[float], object]) -> None:
        self.wait = wait

    def get(self) -> Response:
        seconds = queried_wait(query())
        self.wait(seconds)
        return Response(waited(seconds), content_type=TEXT)


class Fact(Once):
    """What the service says of itself."""

    def __init__(self, fact: Callable[[], dict[str, Any]]) -> None:
        self.fact = fact

    def get(self) -> dict[str, Any]:
        queried(query())
        return self.fact()


def make(core: Core, facts: Facts, wait: Callable[[float], object], max_bytes: int = DEFAULT_MAX_BYTES) -> Flask:
    """The WSGI application over a core; `facts` tell about it, `wait` waits for a number of seconds.

    A body of more than `max_bytes` gets status 413.
    """
    app = Flask(__name__, static_folder=None)
    api = ProblemApi(app, catch_all_404s=True)
    api.add_resource(Hello, "/hello")
    api.add_resource(Statements, "/statements", resource_class_args=(core.transform, max_bytes))
    api.add_resource(Wait, "/wait", resource_class_args=(wait,))
    for path, fact in facts.items():
        api.add_resource(Fact, path, endpoint=path, resource_class_args=(fact,))
    return app
