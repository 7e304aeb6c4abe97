"""What every framework answers where something is easily left out: other methods, HEAD, models that refuse, bugs."""

import json
import logging
import time
from dataclasses import replace
from importlib import import_module

import pytest

from app.contract import Core, load_core
from app.statements import as_seen
from bench.model import Framework
from tests.declared import CATALOG
from tests.unit.interfaces import Answer, ask

DOCUMENT = b'{"batch":"b","currency":"EUR","orders":[]}'
CORE = load_core("app.core")
FRAMEWORKS = list(CATALOG.frameworks.values())
LEAVING_OUT = [each for each in FRAMEWORKS if each.interface != "rsgi"]  # Granian leaves the body of HEAD out by itself
FACTS = {"/__version__": dict, "/openapi.json": dict}
ALLOWED = {"/hello": "GET", "/statements": "POST", "/wait": "GET", **dict.fromkeys(FACTS, "GET")}


@pytest.fixture(params=FRAMEWORKS, ids=lambda framework: framework.name)
def framework(request: pytest.FixtureRequest) -> Framework:
    return request.param


def asked(framework: Framework, method: str, path: str, body: bytes = b"", core: Core = CORE, **headers: str) -> Answer:
    application = import_module(framework.module).make(core, FACTS, time.sleep)
    return ask(framework.interface, application, method, path, body, **headers)


def is_problem(answer: Answer, status: int) -> bool:
    found = answer.status, answer.headers["content-type"], json.loads(answer.body)["status"]
    return found == (status, "application/problem+json", status)


@pytest.mark.parametrize(("path", "method"), ALLOWED.items())
def test_a_method_that_is_not_allowed_is_told_which_ones_are(framework: Framework, path: str, method: str) -> None:
    for other in {"GET", "POST", "PUT", "DELETE"} - {method}:
        answer = asked(framework, other, path)
        assert is_problem(answer, 405)
        assert {method} <= set(answer.headers["allow"].split(", ")) <= {method, "HEAD", "OPTIONS"}


@pytest.mark.parametrize("framework", LEAVING_OUT, indirect=True, ids=lambda framework: framework.name)
@pytest.mark.parametrize("path", ["/nope", "/statements"])
def test_head_tells_no_other_length_than_that_of_the_body(framework: Framework, path: str) -> None:
    head, whole = asked(framework, "HEAD", path), asked(framework, "GET", path)
    assert (head.status, head.body) == (whole.status, b"")
    assert head.headers.get("content-length", str(len(whole.body))) == str(len(whole.body))


def test_a_refusal_by_a_model_has_its_challenge(framework: Framework) -> None:
    core = replace(CORE, transform=as_seen(CORE.transform))
    answer = asked(framework, "POST", "/statements", DOCUMENT, core, Content_Type="application/json")
    assert is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == 'Bearer realm="statements", scope="statements"'


def broken(_document: bytes) -> bytes:
    raise ZeroDivisionError("a secret")


def test_a_bug_is_a_problem_that_tells_nothing_and_its_cause_is_logged(
    framework: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    core = replace(CORE, transform=broken)
    answer = asked(framework, "POST", "/statements", DOCUMENT, core, Content_Type="application/json")
    assert is_problem(answer, 500)
    assert b"secret" not in answer.body
    if framework.name != "falcon":  # it writes to the server's log, `wsgi.errors`
        (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert record.exc_info[0] is ZeroDivisionError
