"""The service within all layers, with a made-up issuer, broker and database, asked as spec/openapi.json names paths."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app import contract, events, identity, layers, log, metrics, otel
from app.batches import Batches, Limits
from app.deferred import Events
from app.http import Problem
from app.jwks import NoKeys
from app.lines import Lines
from app.metering import CELLS, Meter, file_in
from app.principal import Principal
from app.sampling import Sampler
from app.slots import Slots
from app.tokens import InvalidToken
from tests.cores import document, order
from tests.openapi import Operation, Promises, written
from tests.unit.interfaces import Answer, ask
from tests.unit.test_events import BROKER, SERVICES, MadeUpWork

CORE = contract.load_core("app.core")
PROMISES = Promises(written())
LAYERS = [
    "request_id",
    "health",
    "trace",
    "metrics",
    "log",
    "otel",
    "identity",
    "hal",
    "events",
]
JSON, HAL = "application/json", "application/hal+json"
MAX_BYTES = 10_000
SENT = document(*(order(number, customer={"id": number, "name": "Ann Lee"}) for number in range(1, 22)))  # two pages
PRINCIPALS = {
    "all": Principal("one", frozenset({"statements", "customers:all"})),
    "seven": Principal("one", frozenset({"statements", "customer:7"})),
    "none": Principal("one", frozenset()),
    "other": Principal("other", frozenset({"statements", "customers:all"})),
}


class Asked(NamedTuple):
    operation: Operation
    answer: Answer


class Tokens:
    """Takes the place of the verifier: the name of a token says what it is."""

    def principal_of(self, token: str, may_wait: bool = True) -> Principal:
        if token == "keys-away":  # noqa: S105 - a made-up one
            raise NoKeys(10.0)
        if token not in PRINCIPALS:
            raise InvalidToken("the signature is wrong")
        return PRINCIPALS[token]


class Service:
    """The service within all layers, with a made-up issuer, broker and database."""

    def __init__(self, interface: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.interface = interface
        self.work = MadeUpWork()
        self.database_is_away = False
        self.draining = folder / "draining"
        for name, value in {"LAYERS": " ".join(LAYERS), "WAIT": "time.sleep", "DRAINING": str(self.draining)}.items():
            monkeypatch.setenv(f"STATEMENTS_{name}", value)
        made = Events(self.work, BROKER, is_guarded=True, max_bytes=MAX_BYTES)  # type: ignore[arg-type]
        monkeypatch.setattr(events, "configured", lambda: made)
        meter = Meter(Slots(file_in(folder), CELLS), {})
        monkeypatch.setattr(metrics, "configured", lambda: metrics.Metrics(meter, "a-token-of-prometheus"))
        monkeypatch.setattr(log, "configured", lambda: log.Log(Lines(lambda _line: None), Sampler("")))
        made_of_requests = otel.Spans(Batches(InMemorySpanExporter(), Limits()), Resource({}))
        monkeypatch.setattr(otel, "configured", lambda: made_of_requests)
        monkeypatch.setattr(identity, "configured", lambda: identity.Gate(Tokens()))  # type: ignore[arg-type]
        wait = self.wait if interface == "wsgi" else self.wait_on_loop
        facts = {"/__version__": lambda: {"variant": "x"}, "/openapi.json": written}
        application = SERVICES[interface].make(layers.around_core(CORE, LAYERS), facts, wait, MAX_BYTES)
        self.application = layers.around(application, interface, LAYERS)

    def wait(self, _seconds: float) -> None:
        if self.database_is_away:
            raise Problem("503 Service Unavailable", "the database does not answer")

    async def wait_on_loop(self, seconds: float) -> None:
        self.wait(seconds)

    def ask(self, method: str, target: str, body: bytes = b"", token: str = "", **headers: str) -> Asked:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        operation = Operation(method, PROMISES.path_of(urlsplit(target).path))
        return Asked(operation, ask(self.interface, self.application, method, target, body, **headers))

    def read(self, target: str, token: str = "all", **headers: str) -> Iterator[Asked]:  # noqa: S107 - made up
        """GET, and HEAD where it is promised."""
        for method in ("GET", "HEAD"):
            if Operation(method, PROMISES.path_of(urlsplit(target).path)) in PROMISES.operations:
                yield self.ask(method, target, b"", token, **headers)

    def post(self, body: bytes = SENT, token: str = "all", media_type: str = JSON, **headers: str) -> Asked:  # noqa: S107
        return self.ask("POST", "/statements", body, token, Content_Type=media_type, **headers)

    def later(self) -> str:
        """The path of a statement that will be made."""
        return self.post(Prefer="respond-async").answer.headers["location"]
