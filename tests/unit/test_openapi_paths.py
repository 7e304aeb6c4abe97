"""spec/openapi.json against the paths and methods of frameworks and layers, and against the service's limits."""

import importlib
import inspect
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import falcon
import falcon.inspect
import pytest
from flask import Flask
from wheezy.http import WSGIApplication

from app import health, identity
from app.http import DEFAULT_MAX_BYTES, MAX_WAIT_MS
from app.relations import RELATIONS
from app.resources import PAGE_CUSTOMERS
from app.tokens import MAX_TOKEN_CHARACTERS
from bench.model import Framework
from bench.paths import ROOT
from tests.declared import CATALOG
from tests.hal import checked, documentation, relations
from tests.openapi import Operation, parts, written
from tests.unit.interfaces import INTERFACES
from tests.unit.layered import CORE, HAL, LAYERS, PROMISES, Service

FACTS = {"/__version__": dict, "/openapi.json": dict}
OPERATIONS = PROMISES.operations
CORE_OPERATIONS = {each for each, operation in OPERATIONS.items() if operation["tags"] == ["core"]}


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
    application = importlib.import_module(framework.module).make(CORE, FACTS, time.sleep)
    assert routes(application) == CORE_OPERATIONS


@pytest.fixture(params=INTERFACES)
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Service:
    return Service(request.param, monkeypatch, tmp_path)


def links(resource: dict[str, Any]) -> Iterator[str]:
    """Where the links of a resource lead, and where its relations are documented."""
    yield from (part["href"] for part in parts(resource) if "href" in part and "templated" not in part)
    yield from (documentation(resource, each) for each in relations(resource) if ":" in each)


def linked(service: Service) -> set[str]:
    """The paths to which links lead, from home and from statements that are made at once and later."""
    targets, seen = ["/", service.later(), *links(checked(service.post(Accept=HAL).answer.body))], set()
    service.work.compute()
    while targets:
        target = targets.pop()
        if target not in seen:
            seen.add(target)
            answer = service.ask("GET", target, token="all", Accept=HAL).answer  # noqa: S106 - made up
            targets += links(checked(answer.body)) if answer.headers["content-type"] == HAL else ()
    return {urlsplit(target).path for target in seen}


def test_no_layer_is_left_out() -> None:
    found = {path.stem for path in (ROOT / "app").glob("*.py") if "\ndef wsgi(" in path.read_text(encoding="utf-8")}
    assert found == {*LAYERS, "context", "drain"}, "these two answer nothing themselves"


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
