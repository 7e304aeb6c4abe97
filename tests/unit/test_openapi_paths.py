"""spec/openapi.json against the frameworks' routes, and against what the layers answer on each path."""

import importlib
import inspect
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import falcon
import falcon.inspect
import pytest
from flask import Flask
from wheezy.http import WSGIApplication

from app import contract, events, health, identity, layers
from app.deferred import Events
from app.http import DEFAULT_MAX_BYTES, MAX_WAIT_MS, Problem
from app.jwks import NoKeys
from app.nats import NoBroker, TooLarge
from app.principal import Principal
from app.relations import RELATIONS
from app.resources import PAGE_CUSTOMERS
from app.tokens import MAX_TOKEN_CHARACTERS, InvalidToken
from bench.model import Framework
from tests.cores import document, order
from tests.declared import CATALOG
from tests.hal import checked, documentation, relations
from tests.openapi import Operation, Promises, parts, written
from tests.unit.interfaces import INTERFACES, Answer, ask
from tests.unit.test_events import SERVICES, MadeUpWork

CORE = contract.load_core("app.core")
PROMISES = Promises(written())
OPERATIONS = PROMISES.operations
CORE_OPERATIONS = {each for each, operation in OPERATIONS.items() if operation["tags"] == ["core"]}
LAYERS = ["request_id", "health", "identity", "hal", "events"]  # the order of docs/operating.md
JSON, HAL = "application/json", "application/hal+json"
MAX_BYTES = 10_000
SENT = document(*(order(number, customer={"id": number, "name": "Ann Lee"}) for number in range(1, 22)))  # two pages


# ---------------------------------------------------------------- which paths and methods there are


def routes(application: Any) -> set[Operation]:
    """The routes of an application, from its own table, without the methods that its framework adds."""
    if isinstance(application, falcon.App):
        return {Operation(method.method, route.path) for route in falcon.inspect.inspect_routes(application)
                for method in route.methods if not method.internal}  # fmt: skip
    if isinstance(application, Flask):
        return {Operation(method, rule.rule) for rule in application.url_map.iter_rules()
                for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}  # fmt: skip
    if isinstance(application, WSGIApplication):
        table = application.options["path_router"].match_map
        return {Operation(method.upper(), f"/{path}") for path, (handler, _) in table.items()
                for method in ("get", "post", "head") if method in vars(handler)}  # fmt: skip
    table = inspect.getclosurevars(application).nonlocals["routes"]
    return {Operation(method, path) for path, (method, _) in table.items()}


@pytest.mark.parametrize("framework", CATALOG.frameworks.values(), ids=lambda framework: framework.name)
def test_each_framework_routes_what_is_tagged_core(framework: Framework) -> None:
    application = importlib.import_module(framework.module).make(CORE, dict, time.sleep)
    assert routes(application) == CORE_OPERATIONS


class Asked(NamedTuple):
    operation: Operation
    answer: Answer


PRINCIPALS = {
    "all": Principal("one", frozenset({"statements", "customers:all"})),
    "seven": Principal("one", frozenset({"statements", "customer:7"})),
    "none": Principal("one", frozenset()),
    "other": Principal("other", frozenset({"statements", "customers:all"})),
}


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
        made = Events(self.work, is_guarded=True, max_bytes=MAX_BYTES)  # type: ignore[arg-type]
        monkeypatch.setattr(events, "configured", lambda: made)
        monkeypatch.setattr(identity, "configured", lambda: identity.Gate(Tokens()))  # type: ignore[arg-type]
        wait = self.wait if interface == "wsgi" else self.wait_on_loop
        core, about = layers.around_core(CORE, LAYERS), {"variant": "x"}
        application = SERVICES[interface].make(core, lambda: about, wait, MAX_BYTES)
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
            if Operation(method, PROMISES.path_of(urlsplit(target).path)) in OPERATIONS:
                yield self.ask(method, target, token=token, **headers)

    def post(self, body: bytes = SENT, token: str = "all", media_type: str = JSON, **headers: str) -> Asked:  # noqa: S107
        return self.ask("POST", "/statements", body, token, Content_Type=media_type, **headers)

    def later(self) -> str:
        """The path of a statement that will be made."""
        return self.post(Prefer="respond-async").answer.headers["location"]


@pytest.fixture(params=INTERFACES)
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Service:
    return Service(request.param, monkeypatch, tmp_path)


def linked(service: Service) -> set[str]:
    """The paths to which links lead, from home and from statements that are made at once and later."""
    targets, seen = ["/", service.later()], set()
    service.work.compute()
    resources = [checked(service.post(Accept=HAL).answer.body)]
    while targets or resources:
        while resources:
            resource = resources.pop()
            targets += [part["href"] for part in parts(resource) if "href" in part and "templated" not in part]
            if "curies" in resource["_links"]:
                targets += [documentation(resource, each) for each in relations(resource) if ":" in each]
        target = targets.pop()
        if target not in seen:
            seen.add(target)
            answer = service.ask("GET", target, token="all", Accept=HAL).answer  # noqa: S106 - made up
            if answer.headers["content-type"] == HAL:
                resources.append(checked(answer.body))
    return {urlsplit(target).path for target in seen}


def test_each_path_that_a_layer_answers_is_promised(service: Service) -> None:
    found = {PROMISES.path_of(path) for path in chain(linked(service), health.PATHS)}
    assert found | {each.path for each in CORE_OPERATIONS} == written()["paths"].keys()


def test_a_layer_takes_the_promised_methods_alone(service: Service) -> None:
    for path in {each.path for each in OPERATIONS.keys() - CORE_OPERATIONS}:
        promised = {each.method for each in OPERATIONS if each.path == path}
        target = path.format(id="0" * 32, customer=1, relation="customers")
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
            answer = service.ask(method, target).answer
            assert (answer.status == 405) == (method not in promised), (method, path)
            if answer.status == 405:
                assert {*answer.headers["allow"].split(", ")} == promised


# ---------------------------------------------------------------- what is answered there


def tour(service: Service) -> Iterator[Asked]:
    """Requests that get each promised status of each operation."""
    for method, path in OPERATIONS:
        for token in ("wrong", "keys-away"):
            target = path.format(id="0" * 32, customer=1, relation="customers")
            yield service.ask(method, target, token=token)
    for target in ("/hello", "/__version__", "/wait?ms=0", "/wait", "/", "/rels/customers", "/rels/none"):
        yield from service.read(target)
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
        for error in (NoBroker("the broker does not answer"), TooLarge(MAX_BYTES)):
            service.work.error = error
            yield service.post(Accept=accept, Prefer="respond-async")
        service.work.error = None
    service.work.queue.clear()  # some are malformed


def later(service: Service) -> Iterator[Asked]:
    """Statements that are made later: pending, made, refused, of somebody else, and without a broker."""
    outcomes = [
        None,
        Problem("400 Bad Request", "NaN is not JSON"),
        Problem("413 Content Too Large", "the answer is too large"),
        Problem("422 Unprocessable Content", "a rule is broken at the pointer", pointer="/orders"),
        Problem("500 Internal Server Error", "computing the document has failed"),
    ]
    for outcome in outcomes:
        statement = service.later()
        targets = [f"{statement}{rest}" for rest in ("", "/customers", "/customers?page=2", "/customers/1")]
        for computed in (False, True):
            if computed:
                service.work.compute(outcome.status, outcome.body()) if outcome else service.work.compute()
            for target in targets:
                for token in ("all", "seven", "none", "other", ""):
                    yield from service.read(target, token=token, Accept=JSON)
                    yield from service.read(target, token=token, Accept=HAL)
        for rest in ("/customers?page=0", "/customers?page=3", "/customers?x=1", "/customers/1?x=1", "/customers/99"):
            yield from service.read(f"{statement}{rest}")
    service.work.error = NoBroker("the broker does not answer")
    for target in targets:
        yield from service.read(target)


def test_each_answer_is_as_promised(service: Service) -> None:
    wrong = {(*asked.operation, asked.answer.status, line)
             for asked in tour(service) for line in PROMISES.broken(*asked)}  # fmt: skip
    assert wrong == set()


def test_each_promised_status_is_answered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = {(asked.operation, str(asked.answer.status)) for asked in tour(Service("wsgi", monkeypatch, tmp_path))}
    promised = {(each, status) for each, operation in OPERATIONS.items() for status in operation["responses"]}
    assert {each for each in promised if each[1] != "default"} <= found


def test_limits_and_names_are_those_of_the_service() -> None:
    components = written()["components"]
    assert components["parameters"]["Milliseconds"]["schema"]["maximum"] == MAX_WAIT_MS
    assert components["parameters"]["Relation"]["schema"]["enum"] == [*RELATIONS]
    page = components["schemas"]["CustomersPage"]["properties"]["_embedded"]["properties"]["lab:customer"]
    assert page["maxItems"] == PAGE_CUSTOMERS
    assert f"{DEFAULT_MAX_BYTES // 2**20} MiB" in OPERATIONS[Operation("POST", "/statements")]["description"]
    assert f"{MAX_TOKEN_CHARACTERS:,}" in components["securitySchemes"]["token"]["description"]


def test_the_paths_that_need_a_scope_are_those_of_the_layer() -> None:
    scoped = {path: scope for (_, path), operation in OPERATIONS.items()
              for each in operation.get("security", ()) for scope in each.get("token", ())}  # fmt: skip
    assert scoped == identity.REQUIRED
