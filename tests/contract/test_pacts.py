"""Pacts of `billing`: kept as its script records them, honoured by every framework, and broken by broken answers."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.simple_server import make_server

import pytest

from app import contract
from app.work import new_id
from app.wsgi import bare_app
from bench import readiness
from bench.errors import MissingError
from bench.model import Stack, Unavailable
from tests import pacts, tools
from tests.absent import absent
from tests.contract.conftest import PLAIN, missing, on_every_server, require_built, served
from tests.listeners import serving
from tests.pacts import Event
from tests.unit.test_hal_clients import Quiet
from tests.unit.test_jetstream import ACKNOWLEDGED, asked
from tests.unit.test_jetstream import prepared as ready

pytestmark = pytest.mark.long

EVERY = on_every_server(PLAIN["cpython"])
STACKS = list({stack.framework: stack for stack in reversed(EVERY)}.values())  # one for each framework
PEERS = [Stack(variant="node-ordinary"), Stack(variant="spring-tomcat-ordinary")]
JSON, PROBLEM = "application/json", "application/problem+json"


@pytest.fixture(autouse=True, scope="module")
def tool() -> None:
    """Pact is here; otherwise the tests are skipped, and in CI they fail."""
    try:
        tools.python("pact")
    except MissingError as error:
        absent(str(error), error.remedy)


@pytest.mark.parametrize("name", [pacts.ANSWERS, pacts.EVENTS])
def test_the_kept_pacts_are_what_the_consumer_records(name: str, tmp_path: Path) -> None:
    pacts.record(tmp_path)
    assert pacts.expectations(pacts.KEPT, name) == pacts.expectations(tmp_path, name)


@pytest.fixture(params=[*STACKS, *PEERS], ids=str)
def address(
    request: pytest.FixtureRequest, prepared: tuple[readiness.Built, list[Unavailable]], tmp_path: Path
) -> Iterator[str]:
    """The URL of each framework and of two peers, running."""
    stack: Stack = request.param
    if not stack.is_peer:
        require_built(prepared, stack)
    elif stack.variant not in prepared[0]:
        missing(prepared[1], stack)
    with contextmanager(served)(stack, tmp_path / "log") as server:
        yield f"http://{server.host}:{server.port}"


def test_each_framework_and_peer_honours_the_pact(address: str) -> None:
    assert pacts.broken(address) == {}


class Answer(NamedTuple):
    """An answer before it is sent; `body` is what the JSON holds."""

    status: str
    media_type: str
    body: Any


Change = Callable[[Answer], Answer]


def on(status: int, change: Change) -> Change:
    """A change of the answers with a status."""
    return lambda answer: change(answer) if answer.status.startswith(str(status)) else answer


def of_body(change: Callable[[Any], None]) -> Change:
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
def changed(change: Change) -> Iterator[str]:
    """The URL of the service, whose JSON answers are changed before they are sent."""
    service = bare_app.make(contract.load_core("app.core"), {}, time.sleep)

    def application(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        head: list[Any] = []
        body = b"".join(service(environ, lambda *given: head.extend(given)))
        status, media_type = head[0], dict(head[1])["Content-Type"]
        if media_type in {JSON, PROBLEM}:
            status, media_type, content = change(Answer(status, media_type, json.loads(body)))
            body = json.dumps(content).encode()
        start_response(status, [("Content-Type", media_type), ("Content-Length", str(len(body)))])
        return [body]

    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


VALID, INVALID = "a valid batch", "an invalid batch"
BROKEN = {
    "a member is renamed": (on(200, of_body(rename("currency", "unit"))), VALID),
    "a member of a list is renamed": (on(200, of_body(of_customers(rename("open", "due")))), VALID),
    "a member has another type": (on(200, of_body(lambda it: it.update(batch=1))), VALID),
    "an integer has a fraction": (on(200, of_body(of_customers(lambda it: it.update(open=5.5)))), VALID),
    "a list is empty": (on(200, of_body(lambda it: it["customers"].clear())), VALID),
    "a status changes": (on(200, lambda it: it._replace(status="201 Created")), VALID),
    "a problem's status changes": (on(422, lambda it: it._replace(status="400 Bad Request")), INVALID),
    "a problem lacks a member": (on(422, of_body(lambda it: it.pop("pointer"))), INVALID),
    "a media type changes": (on(422, lambda it: it._replace(media_type=JSON)), INVALID),
}
NOT_READ = {
    "nothing": on(200, lambda it: it),
    "a member that nobody reads is renamed": on(200, of_body(rename("totals", "sums"))),
    "a member is new": on(200, of_body(lambda it: it.update(country="DE"))),
    "a text for people changes": on(400, of_body(lambda it: it.update(detail="no JSON"))),
}
MISSED = {
    "an amount is wrong": on(200, of_body(of_customers(lambda it: it.update(open=it["open"] + 1)))),
    "a customer is doubled": on(200, of_body(lambda it: it["customers"].append(it["customers"][0]))),
}


@pytest.mark.parametrize(("change", "expectation"), BROKEN.values(), ids=BROKEN)
def test_a_broken_promise_is_caught(change: Change, expectation: str) -> None:
    with changed(change) as url:
        assert list(pacts.broken(url)) == [expectation]


@pytest.mark.parametrize("change", [*NOT_READ.values(), *MISSED.values()], ids=[*NOT_READ, *MISSED])
def test_what_no_expectation_names_may_change(change: Change) -> None:
    with changed(change) as url:
        assert not pacts.caught(url)


CALLERS = {"a statement for a known caller": "anna", "a statement for nobody known": None}


def published(by: str | None) -> Event:
    """What the service publishes once a statement is made."""
    client = asked(ACKNOWLEDGED)
    ready(client).announce(new_id(), by)
    ((subject, payload, headers),) = client.requests
    return Event(subject, headers, payload)


def body_with(**members: Any) -> Callable[[Event], Event]:
    return lambda event: event._replace(payload=json.dumps({**json.loads(event.payload), **members}).encode())


def body_without(member: str, **members: Any) -> Callable[[Event], Event]:
    def change(event: Event) -> Event:
        kept = {name: value for name, value in json.loads(event.payload).items() if name != member}
        return event._replace(payload=json.dumps({**kept, **members}).encode())

    return change


def broken_by(change: Callable[[Event], Event]) -> set[str]:
    return set(pacts.broken_by({description: change(published(by)) for description, by in CALLERS.items()}))


def test_the_published_events_honour_the_pact() -> None:
    assert broken_by(lambda event: event) == set()
    assert broken_by(body_with(at="2026-02-28T23:59:59Z")) == set()


@pytest.mark.parametrize(
    "change",
    [
        body_without("id", statement="0" * 32),
        body_with(id="b-1"),
        body_with(by=7),
        lambda event: event._replace(subject="statements.done"),
        lambda event: event._replace(headers={}),
    ],
    ids=["a member is renamed", "an id has another form", "a member has another type", "the subject", "no header"],
)
def test_a_broken_event_is_caught(change: Callable[[Event], Event]) -> None:
    assert broken_by(change) == set(CALLERS)


class Proxy:
    """Notes the first line of each connection, and closes it."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile() as lines:
                self.asked.append(lines.readline().strip())


def test_pact_reports_no_use_because_it_is_told_not_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(Proxy()) as proxy, changed(NOT_READ["nothing"]) as url:
        monkeypatch.setitem(pacts.ENVIRONMENT, "HTTPS_PROXY", proxy.url)
        pacts.record(tmp_path)
        pacts.broken(url)
        assert proxy.asked == []
        monkeypatch.delitem(pacts.ENVIRONMENT, "PACT_DO_NOT_TRACK")
        pacts.broken(url)
        assert proxy.asked == ["CONNECT www.google-analytics.com:443 HTTP/1.1"]
