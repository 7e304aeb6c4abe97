"""spec/openapi.json against what the service answers within all layers, on each interface."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app import health
from app.http import Problem
from app.nats import NoBroker, TooLarge
from tests.unit.interfaces import INTERFACES
from tests.unit.layered import HAL, JSON, MAX_BYTES, PROMISES, Asked, Service

AWAY = NoBroker("the broker does not answer")
REFUSALS = (
    Problem("400 Bad Request", "NaN is not JSON"),
    Problem("413 Content Too Large", "the answer is too large"),
    Problem("422 Unprocessable Content", "a rule is broken at the pointer", pointer="/orders"),
    Problem("500 Internal Server Error", "computing the document has failed"),
)


def tour(service: Service) -> Iterator[Asked]:
    """Requests that get each promised status of each operation."""
    for method, path in PROMISES.operations:
        for token in ("wrong", "keys-away"):
            target = path.format(id="0" * 32, customer=1, relation="customers")
            yield service.ask(method, target, token=token)
    for target in (
        "/hello",
        "/__version__",
        "/openapi.json",
        "/wait?ms=0",
        "/wait",
        "/",
        "/rels/customers",
        "/rels/none",
    ):
        yield from service.read(target)
        yield from service.read(f"{target}?x=1")
    for target in health.PATHS:
        yield from service.read(target)
    service.draining.touch()
    service.database_is_away = True
    for target in ("/readyz", "/wait?ms=0"):
        yield from service.read(target)
    yield from posts(service)
    yield from later(service)


def posts(service: Service) -> Iterator[Asked]:
    """Statements at once, and batches that are refused or queued."""
    for accept in (JSON, HAL):
        for token in ("all", "seven", "none", ""):
            yield service.post(token=token, Accept=accept)
        yield service.post(Prefer="respond-async", Accept=accept)
        for body in (b"", b"{}", b" " * (MAX_BYTES + 1)):
            yield service.post(body, Accept=accept)
            yield service.post(body, Accept=accept, Prefer="respond-async")
        yield service.post(Accept=accept, media_type="text/plain")
        yield service.post(Accept=accept, Transfer_Encoding="chunked")
        for error in (AWAY, TooLarge(MAX_BYTES)):
            service.work.error = error
            yield service.post(Accept=accept, Prefer="respond-async")
        service.work.error = None
    service.work.queue.clear()  # some are malformed


def later(service: Service) -> Iterator[Asked]:
    """Statements that are made later: pending, made, refused, and without a broker."""
    statement = service.later()
    for is_made in (False, True):
        if is_made:
            service.work.compute()
        yield from readings(service, statement, ("all", "seven", "none", "other", ""))
    for rest in (
        "?x=1",
        "/customers?page=0",
        "/customers?page=3",
        "/customers?x=1",
        "/customers/1?x=1",
        "/customers/99",
    ):
        yield from service.read(f"{statement}{rest}")
    for refusal in REFUSALS:
        statement = service.later()
        service.work.compute(refusal.status, refusal.body())
        yield from readings(service, statement, ("all",))
    service.work.error = AWAY
    yield from readings(service, statement, ("all",))


def readings(service: Service, statement: str, tokens: Sequence[str]) -> Iterator[Asked]:
    """A statement, its pages and a customer, as each token reads them."""
    for rest in ("", "/customers", "/customers?page=2", "/customers/1"):
        for token in tokens:
            for accept in (JSON, HAL):
                yield from service.read(f"{statement}{rest}", token, Accept=accept)


@pytest.mark.parametrize("interface", INTERFACES)
def test_each_answer_is_as_promised(interface: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    service = Service(interface, monkeypatch, tmp_path)
    wrong = {(*asked.operation, asked.answer.status, line)
             for asked in tour(service) for line in PROMISES.broken(*asked)}  # fmt: skip
    assert wrong == set()


def test_each_promised_status_is_answered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = {(asked.operation, str(asked.answer.status)) for asked in tour(Service("wsgi", monkeypatch, tmp_path))}
    promised = {(each, status) for each, operation in PROMISES.operations.items() for status in operation["responses"]}
    assert {each for each in promised if each[1] != "default"} <= found
