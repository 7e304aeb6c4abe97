"""The service on Falcon."""

from collections.abc import Callable
from typing import Any

import falcon

from app.contract import Core
from app.http import DEFAULT_MAX_BYTES, HELLO, JSON, PROBLEM, TEXT, Problem, answer, read_document, wait_seconds, waited

REQUIREMENTS = ("falcon",)  # what has to be installed beside this file


class Hello:
    """The least that a server can answer."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = TEXT
        resp.text = HELLO


class Statements:
    """The transform: a batch of orders in, one statement per customer out."""

    def __init__(self, transform: Callable[[bytes], bytes], max_bytes: int) -> None:
        self.transform = transform
        self.max_bytes = max_bytes

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = answer(self.transform, read_document(req.env, self.max_bytes))
        resp.content_type = JSON


class Wait:
    """A slow back end: it keeps the worker waiting, not computing."""

    def __init__(self, wait: Callable[[float], object]) -> None:
        self.wait = wait

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        seconds = wait_seconds(req.get_param("ms"))
        self.wait(seconds)
        resp.content_type = TEXT
        resp.text = waited(seconds)


class Version:
    """What runs here."""

    def __init__(self, about: Callable[[], dict[str, Any]]) -> None:
        self.about = about

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = self.about()


def make(
    core: Core, about: Callable[[], dict[str, Any]], wait: Callable[[float], object], max_bytes: int = DEFAULT_MAX_BYTES
) -> falcon.App[falcon.Request, falcon.Response]:
    """The WSGI application over a core; `about` tells what runs, `wait` waits so many seconds.

    Bodies of more than `max_bytes` are refused.
    """
    app = falcon.App()
    app.add_route("/hello", Hello())
    app.add_route("/statements", Statements(core.transform, max_bytes))
    app.add_route("/wait", Wait(wait))
    app.add_route("/__version__", Version(about))
    app.add_error_handler(Problem, _tell)
    app.set_error_serializer(_tell_of_http)
    return app


def _tell(_req: falcon.Request, resp: falcon.Response, problem: Problem, _params: dict[str, Any]) -> None:
    resp.status = problem.status
    resp.content_type = PROBLEM
    resp.data = problem.body()


def _tell_of_http(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    """Word Falcon's own errors, such as an unknown path, like the service's."""
    status = falcon.code_to_http_status(error.status)
    _tell(req, resp, Problem(status, error.description or f"{req.method} {req.path}"), {})
