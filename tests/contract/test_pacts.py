"""Pacts of `billing`: kept as its script records them, honoured by every framework, and broken by broken answers."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.http import JSON
from app.work import new_id
from bench.errors import MissingError
from bench.model import Stack, Unavailable
from bench.readiness import building
from tests import pacts, tools
from tests.absent import absent
from tests.contract.changing import Change, changed, of_body, of_customers, on, rename
from tests.contract.conftest import PLAIN, missing, on_every_server, require_built, served
from tests.listeners import serving
from tests.pacts import Event
from tests.unit.test_jetstream import ACKNOWLEDGED, Asked
from tests.unit.test_jetstream import prepared as ready

pytestmark = pytest.mark.long

EVERY = on_every_server(PLAIN["cpython"])
STACKS = list({stack.framework: stack for stack in reversed(EVERY)}.values())  # one for each framework
PEERS = [Stack(variant="node-ordinary"), Stack(variant="spring-tomcat-ordinary")]


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
    request: pytest.FixtureRequest, prepared: tuple[building.Built, list[Unavailable]], tmp_path: Path
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


VALID, INVALID = "a valid batch", "an invalid batch"
BROKEN = {
    "a member is renamed": (on(200, of_body(rename("currency", "unit"))), VALID),
    "a member of a list is renamed": (on(200, of_body(of_customers(rename("open", "due")))), VALID),
    "a member of a member is renamed": (on(200, of_body(lambda it: rename("open", "due")(it["totals"]))), VALID),
    "a member that only the generated client reads is renamed": (
        on(200, of_body(of_customers(rename("skus", "goods")))),
        VALID,
    ),
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
    "a member that nobody reads is renamed": on(200, of_body(rename("duplicates", "repeated"))),
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


def without_minimum(pact: dict[str, Any]) -> None:
    for each in pact["interactions"]:
        for rule in each["response"].get("matchingRules", {}).get("body", {}).values():
            rule["matchers"][0].pop("min", None)


def in_a_state(pact: dict[str, Any]) -> None:
    for each in pact["interactions"]:
        each["providerStates"] = [{"name": "a statement is kept"}]


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (lambda pact: pact["interactions"].clear(), BROKEN["a member is renamed"][0]),
        (without_minimum, BROKEN["a list is empty"][0]),
        (in_a_state, NOT_READ["nothing"]),
    ],
    ids=["no expectation at all", "a list without a minimum", "a state that nobody brings about"],
)
def test_pact_passes_over_in_silence(
    edit: Callable[[dict[str, Any]], None], change: Change, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pact = pacts.expectations(pacts.KEPT, pacts.ANSWERS)
    edit(pact)
    (tmp_path / pacts.ANSWERS).write_text(json.dumps(pact), encoding="utf-8")
    monkeypatch.setattr(pacts, "KEPT", tmp_path)
    with changed(change) as url:
        assert not pacts.caught(url)


CALLERS = {"a statement for a known caller": "anna", "a statement for nobody known": None}


def published(by: str | None) -> Event:
    """What the service publishes once a statement is made."""
    client = Asked(ACKNOWLEDGED)
    client.run(ready().announce(new_id(), by))
    ((subject, payload, headers),) = client.requests
    return Event(subject, headers, payload)


def of_payload(change: Callable[[dict[str, Any]], object]) -> Callable[[Event], Event]:
    """A change of the members of an event, which it is given."""

    def changed(event: Event) -> Event:
        members = json.loads(event.payload)
        change(members)
        return event._replace(payload=json.dumps(members).encode())

    return changed


def broken_by(change: Callable[[Event], Event]) -> set[str]:
    return set(pacts.broken_by({description: change(published(by)) for description, by in CALLERS.items()}))


def test_the_published_events_honour_the_pact() -> None:
    assert broken_by(lambda event: event) == set()
    assert broken_by(of_payload(lambda it: it.update(at="2026-02-28T23:59:59Z"))) == set()


@pytest.mark.parametrize(
    "change",
    [
        of_payload(rename("id", "statement")),
        of_payload(lambda it: it.update(id="b-1")),
        of_payload(lambda it: it.update(by=7)),
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
