"""Clients of HAL that know only `/`, over HTTP: they find everything, also where a path is renamed."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import halchemy
import pytest

from app import events, hal
from app.core import transform
from app.deferred import Events
from app.nats import Dialogue, Message
from app.relations import RELATIONS
from app.resources import Resources
from app.wsgi import bare_app
from tests.following import DEFAULT, Reached, client, reach
from tests.hal import HAL
from tests.unit.test_events import BROKER, MadeUpWork
from tests.unit.test_hal import CORE, SENT, Renamed


class ComputedOnceAskedFor(MadeUpWork):
    """Work that waits until somebody asks for its result."""

    def pending(self, made: str) -> Dialogue[Message | None]:
        message = yield from super().pending(made)
        self.compute()
        return message


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def served(resources: type[Resources] = Resources) -> Iterator[str]:
    """The URL of the service with `hal` and `events`."""
    application = bare_app.make(CORE, {}, time.sleep)
    application = events.wsgi(application, Events(ComputedOnceAskedFor(), BROKER))  # type: ignore[arg-type]
    with make_server(
        "127.0.0.1", 0, hal.wsgi(application, hal.Hal(resources(are_kept=True))), handler_class=Quiet
    ) as it:
        thread = threading.Thread(target=it.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{it.server_port}"
        it.shutdown()
        thread.join()


def require_all(reached: Reached) -> None:
    """A client has found all that the document becomes."""
    plain = json.loads(transform(SENT))
    customers = plain.pop("customers")
    assert reached.statement == plain
    assert reached.customers == customers
    assert reached.answer["_embedded"]["lab:customer"] == customers
    for name, text in reached.documented.items():
        assert RELATIONS[name].summary in text


@pytest.mark.parametrize(("resources", "fixed"), [(Resources, 200), (Renamed, 404)])
def test_halchemy_finds_everything_and_a_client_with_fixed_paths_only_without_a_change(
    resources: type[Resources], fixed: int
) -> None:
    with served(resources) as url:
        require_all(reach(client(url), SENT))
        assert status_with_fixed_paths(url) == fixed


def status_with_fixed_paths(url: str) -> int:
    """What a client gets that has the paths of a statement and of its customers in its code."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
    headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
    connection.request("POST", "/statements", SENT, headers)
    reply = connection.getresponse()
    made = json.loads(reply.read()) and reply.headers["Location"].rpartition("/")[2]
    for path in (f"/statements/{made}", f"/statements/{made}/customers?page=2"):
        connection.request("GET", path, headers={"Accept": HAL})
        reply = connection.getresponse()
        reply.read()
    connection.close()
    return reply.status


def test_halchemy_sends_a_password_unless_it_is_told_otherwise() -> None:
    assert halchemy.Api("http://127.0.0.1").headers["Authorization"] == DEFAULT
    assert "Authorization" not in client("http://127.0.0.1").headers
    assert client("http://127.0.0.1", "Bearer x").headers["Authorization"] == "Bearer x"
