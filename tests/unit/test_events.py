"""The layer `events` on each interface: what is queued, what is published, who gets a result, and no broker."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from app import contract, deferred, events, layers
from app.asgi import falcon_app
from app.core import transform
from app.deferred import Events, prefers_async
from app.nats import Dialogue, Message, NoBroker, TooLarge
from app.principal import Principal
from app.rsgi import bare_app as rsgi_app
from app.work import BY, Outcome, is_id, new_id
from app.wsgi import bare_app as wsgi_app
from bench.paths import ROOT
from tests.unit.interfaces import INTERFACES, Answer, ask_as

CORE = contract.load_core("app.core")
DOCUMENT = b'{"batch":"b","currency":"EUR","orders":[]}'
JSON = "application/json"
MAX_BYTES = 1000
SERVICES: dict[str, Any] = {"wsgi": wsgi_app, "asgi": falcon_app, "rsgi": rsgi_app}
BROKER = "nats://127.0.0.1:1"  # nothing listens there
ALL = frozenset({"statements", "customers:all"})


class MadeUpWork:
    """A queue, results and events in this process; the broker may be away. No dialogue asks for anything."""

    def __init__(self) -> None:
        self.queue: dict[str, tuple[bytes, str | None]] = {}
        self.results: dict[str, Outcome] = {}
        self.events: list[tuple[str, str | None]] = []
        self.error: Exception | None = None

    def check(self) -> Dialogue[None]:
        yield from ()
        if self.error:
            raise self.error

    def submit(self, document: bytes, by: str | None) -> Dialogue[str]:
        yield from self.check()
        made = new_id(document)
        self.queue[made] = document, by
        return made

    def announce(self, made: str, by: str | None) -> Dialogue[None]:
        yield from self.check()
        self.events.append((made, by))

    def outcome(self, made: str) -> Dialogue[Outcome | None]:
        yield from self.check()
        return self.results.get(made)

    def pending(self, made: str) -> Dialogue[Message | None]:
        yield from self.check()
        if made not in self.queue:
            return None
        document, by = self.queue[made]
        return Message("", "", "", "", {} if by is None else {BY: by}, document)

    def compute(self, status: str = "200 OK", body: bytes | None = None) -> None:
        """Do what a consumer does."""
        for made, (document, by) in self.queue.items():
            self.results[made] = Outcome(status, transform(document) if body is None else body, by)
        self.queue.clear()


class Service:
    """The service with the layer, as one interface serves it."""

    def __init__(self, interface: str, *, is_guarded: bool) -> None:
        self.work = MadeUpWork()
        self.interface = interface
        made = Events(self.work, BROKER, is_guarded=is_guarded, max_bytes=MAX_BYTES)  # type: ignore[arg-type]
        self.application = getattr(events, interface)(SERVICES[interface].make(CORE, {}, time.sleep, MAX_BYTES), made)

    def ask(self, method: str, path: str, body: bytes = b"", by: Principal | None = None, **headers: str) -> Answer:
        return ask_as(by, self.interface, self.application, method, path, body, **headers)

    def post(self, document: bytes = DOCUMENT, by: Principal | None = None, **headers: str) -> Answer:
        return self.ask("POST", "/statements", document, by, **{"Content_Type": JSON, **headers})

    def defer(self, document: bytes = DOCUMENT, by: Principal | None = None) -> str:
        """The location of a statement that is made later."""
        answer = self.post(document, by, Prefer="respond-async")
        assert answer.status == 202
        return answer.headers["location"]


@pytest.fixture(params=INTERFACES)
def service(request: pytest.FixtureRequest) -> Service:
    return Service(request.param, is_guarded=False)


@pytest.fixture(params=INTERFACES)
def guarded(request: pytest.FixtureRequest) -> Service:
    return Service(request.param, is_guarded=True)


def is_problem(answer: Answer, status: int) -> bool:
    body = json.loads(answer.body)
    return (answer.status, answer.headers["content-type"], body["status"]) == (
        status,
        "application/problem+json",
        status,
    )


def test_a_document_is_accepted_once_it_is_queued(service: Service) -> None:
    answer = service.post(Prefer="respond-async")
    location = answer.headers["location"]
    assert (answer.status, answer.headers["preference-applied"]) == (202, "respond-async")
    assert is_id(location.removeprefix("/statements/"))
    assert service.work.queue == {location.removeprefix("/statements/"): (DOCUMENT, None)}
    assert not service.work.events, "nothing is made yet"


def test_a_result_is_pending_until_it_is_stored(service: Service) -> None:
    location = service.defer()
    pending = service.ask("GET", location)
    assert (pending.status, pending.headers["retry-after"]) == (202, "1")
    service.work.compute()
    done = service.ask("GET", location)
    assert (done.status, done.headers["content-type"], done.body) == (200, JSON, transform(DOCUMENT))
    head = service.ask("HEAD", location)
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(done.body)), b"")
    assert {each.headers["cache-control"] for each in (pending, done, head)} == {"no-store"}


def test_a_result_that_is_stored_between_two_looks_is_found(service: Service) -> None:
    location = service.defer()

    def pending(_made: str) -> Dialogue[None]:
        yield from ()
        service.work.compute()

    service.work.pending = pending  # type: ignore[assignment]
    assert service.ask("GET", location).status == 200


def test_a_problem_is_answered_as_the_post_would_have_been(service: Service) -> None:
    location = service.defer(b"{}")
    body = service.post(b"{}")
    service.work.compute(status="422 Unprocessable Content", body=body.body)
    answer = service.ask("GET", location)
    assert is_problem(answer, 422)
    assert answer.body == body.body


@pytest.mark.parametrize("id_", ["0" * 32, "7" + "f" * 31])
def test_an_unknown_id_is_not_found(service: Service, id_: str) -> None:
    assert is_problem(service.ask("GET", f"/statements/{id_}"), 404)


@pytest.mark.parametrize("path", ["/statements/x", "/statements/", "/nope", "/statements/" + "9" * 32])
def test_other_paths_are_the_applications(service: Service, path: str) -> None:
    service.work.error = AssertionError("the broker is not asked")
    assert is_problem(service.ask("GET", path), 404)
    assert service.ask("GET", "/hello").body == b"Hello, world!\n"


def test_a_result_takes_no_other_method(service: Service) -> None:
    answer = service.ask("DELETE", service.defer())
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_statement_is_an_event(service: Service) -> None:
    answer = service.post()
    assert (answer.status, answer.body) == (200, transform(DOCUMENT))
    ((made, by),) = service.work.events
    assert is_id(made)
    assert by is None
    assert not service.work.queue


def test_a_refused_document_is_no_event(service: Service) -> None:
    assert is_problem(service.post(b"{}"), 422)
    assert is_problem(service.post(Content_Type="text/plain"), 415)
    assert not service.work.events


def test_without_a_broker_nothing_is_accepted_made_or_found(service: Service) -> None:
    location = service.defer()
    service.work.error = NoBroker("the broker does not answer")
    for answer in (service.post(Prefer="respond-async"), service.post(), service.ask("GET", location)):
        assert is_problem(answer, 503)
        assert answer.headers["retry-after"] == "1"
    assert is_problem(service.post(b"{}"), 422), "what is refused needs no broker"


def test_the_words_of_the_broker_are_for_the_log_alone(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    deferred.LOG.filters[0].next = 0.0  # type: ignore[union-attr] # as if nothing had been told
    service.work.error = NoBroker("stream name already in use with a different configuration")
    answers = [service.post(Prefer="respond-async"), service.post()]
    assert [json.loads(each.body)["detail"] for each in answers] == ["the broker is not available"] * 2
    assert caplog.messages == ["the broker: stream name already in use with a different configuration"], "once"


@pytest.mark.parametrize(
    ("document", "media_type", "status"),
    [(DOCUMENT, "text/plain", 415), (DOCUMENT.ljust(MAX_BYTES + 1), JSON, 413)],
)
def test_a_body_is_refused_before_it_is_queued(service: Service, document: bytes, media_type: str, status: int) -> None:
    assert is_problem(service.post(document, Content_Type=media_type, Prefer="respond-async"), status)
    assert not service.work.queue


def test_a_document_that_is_too_large_for_the_broker_is_refused(service: Service) -> None:
    service.work.error = TooLarge(100)
    answer = service.post(Prefer="respond-async")
    assert is_problem(answer, 413)
    assert "at most 100 bytes" in json.loads(answer.body)["detail"]
    assert is_problem(service.post(), 503), "the client has no part in the size of an event"
    assert is_problem(service.ask("GET", "/statements/" + "0" * 32), 503)


def test_only_who_made_a_statement_gets_it(guarded: Service) -> None:
    one, other = Principal("one", ALL), Principal("other", ALL)
    location = guarded.defer(by=one)
    assert guarded.ask("GET", location, by=one).status == 202
    assert is_problem(guarded.ask("GET", location, by=other), 404)
    guarded.work.compute()
    assert guarded.ask("GET", location, by=one).body == transform(DOCUMENT)
    unknown = guarded.ask("GET", "/statements/" + "0" * 32, by=other)
    for by in (other, None):
        answer = guarded.ask("GET", location, by=by)
        assert is_problem(answer, 404)
        assert answer.body == unknown.body.replace(b"0" * 32, location.removeprefix("/statements/").encode())


def test_a_result_shows_what_its_reader_may_see_now(guarded: Service) -> None:
    location = guarded.defer(by=Principal("one", ALL))
    guarded.work.compute()
    seen = guarded.ask("GET", location, by=Principal("one", frozenset({"statements"})))
    assert "duplicates" not in json.loads(seen.body)
    refused = guarded.ask("GET", location, by=Principal("one", frozenset()))
    assert is_problem(refused, 403)
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


def test_with_identity_nobody_unknown_queues_a_document(guarded: Service) -> None:
    answer = guarded.post(Prefer="respond-async")
    assert is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == 'Bearer realm="statements", scope="statements"'
    assert not guarded.work.queue


def test_what_was_made_before_identity_was_switched_on_is_nobodys(guarded: Service) -> None:
    made = new_id()
    guarded.work.queue[made] = DOCUMENT, None
    for _ in range(2):  # while it waits, and once it is stored
        for by in (None, Principal("one", ALL)):
            assert is_problem(guarded.ask("GET", f"/statements/{made}", by=by), 404)
        guarded.work.compute()


def test_an_event_tells_who_made_its_statement(guarded: Service) -> None:
    guarded.post(by=Principal("one", ALL))
    assert [by for _, by in guarded.work.events] == ["one"]


@pytest.mark.parametrize(
    ("prefer", "is_async"),
    [
        ("respond-async", True),
        ("Respond-Async", True),
        ("wait=10, respond-async", True),
        ("respond-async;x=1", True),
        ('a="b,c", respond-async', True),
        ("", False),
        ("respond-asynchronously", False),
        ("return=minimal", False),
        ('a="b, respond-async, c"', False),
        (r'a="\", respond-async, "', False),
        ('a=", respond-async', False),
        ('respond-async, a="', True),
    ],
)
def test_the_preference_is_read_from_its_header(prefer: str, is_async: bool) -> None:
    assert prefers_async(prefer) is is_async


READ = """import sys
from app.deferred import prefers_async
from app.negotiation import prefers_hal

header = sys.stdin.read()
print(prefers_async(header), prefers_hal(header))"""


@pytest.mark.parametrize("end", ["", "\\"])
def test_a_quoted_string_that_never_closes_is_read_once(end: str) -> None:
    """Read again at each of its quotes, this one takes minutes."""
    header = '"' + '\\"' * 200_000 + end
    argv = [sys.executable, "-c", READ]
    done = subprocess.run(argv, cwd=ROOT, input=header, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "False False\n"


Environment = Callable[..., dict[str, str]]


@pytest.mark.parametrize(
    ("env", "error"),
    [
        ({}, "STATEMENTS_BROKER is not set: the layer events needs it"),
        ({"STATEMENTS_BROKER": "x"}, "STATEMENTS_BROKER: it is no URL like nats://HOST:PORT"),
        (
            {"STATEMENTS_BROKER": "nats://x", "STATEMENTS_LAYERS": "events identity"},
            "STATEMENTS_LAYERS: put identity before events: it has to know who asks",
        ),
        (
            {"STATEMENTS_BROKER": "nats://x", "STATEMENTS_MAX_BYTES": "1 MiB"},
            "STATEMENTS_MAX_BYTES: '1 MiB' is no number of bytes",
        ),
    ],
)
def test_a_wrong_configuration_is_an_error(env: dict[str, str], error: str) -> None:
    with pytest.raises(ValueError, match=f"^{error}$"):
        events.configured(env)


def test_the_layer_is_guarded_behind_identity() -> None:
    env = {"STATEMENTS_BROKER": "nats://x", "STATEMENTS_LAYERS": "identity events", "STATEMENTS_MAX_BYTES": "7"}
    made = events.configured(env)
    assert (made.is_guarded, made.max_bytes) == (True, 7)
    assert not events.configured({"STATEMENTS_BROKER": "nats://x"}).is_guarded


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_layer_connects_to_no_broker_before_a_request(monkeypatch: pytest.MonkeyPatch, interface: str) -> None:
    """A server may fork after it has made the application."""
    monkeypatch.setenv("STATEMENTS_BROKER", "nats://127.0.0.1:1")
    monkeypatch.setenv("STATEMENTS_LAYERS", "events")
    for client in ("blocking", "asyncio"):
        monkeypatch.setattr(f"app.nats_{client}.connected", lambda *_: pytest.fail("it connects"))
    layers.around(SERVICES[interface].make(CORE, {}, time.sleep), interface, ["events"])
