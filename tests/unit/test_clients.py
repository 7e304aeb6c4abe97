"""How an outcome of a golden case through a client is judged."""

import json

import pytest

from tests.clients import CASES, GOLDEN, Told, declared, outcome, surprises
from tests.languages import LANGUAGES, Language

ORDER = (GOLDEN / "valid/one-order.json").read_text()
STATEMENT = json.loads((GOLDEN / "valid/one-order.out.json").read_text())
FLOAT = (GOLDEN / "invalid/id-float.json").read_text()
TWICE = (GOLDEN / "malformed/dropped-member-with-nan.json").read_text()
POINTER = (GOLDEN / "invalid/id-float.pointer").read_text()


def invalid(sent: str, pointer: str = POINTER, status: int = 422) -> Told:
    return Told(sent=sent, status=status, type="InvalidProblem", answer={"pointer": pointer})


def valid(answer: object, status: int = 200, kind: str = "Statement") -> Told:
    return Told(sent=ORDER, status=status, type=kind, answer=answer)


@pytest.mark.parametrize(
    ("case", "found", "expected"),
    [
        ("valid/one-order", valid(STATEMENT), "passed"),
        ("valid/one-order", valid({**STATEMENT, "orders": 1.0}), "wrong"),
        ("valid/one-order", valid({**STATEMENT, "batch": "other"}), "wrong"),
        ("valid/one-order", valid(STATEMENT, status=202), "wrong"),
        ("valid/one-order", valid(STATEMENT, kind="Pending"), "wrong"),
        ("valid/one-order", Told(sent=ORDER, error="KeyError('totals')"), "unread"),
        ("valid/one-order", Told(error="KeyError('orders')"), "refused"),
        ("invalid/id-float", invalid(FLOAT), "passed"),
        ("invalid/id-float", invalid(json.dumps(json.loads(FLOAT), sort_keys=True, indent=2)), "passed"),
        ("invalid/id-float", invalid(FLOAT, pointer="/orders"), "wrong"),
        ("invalid/id-float", invalid(FLOAT, status=400), "wrong"),
        ("invalid/id-float", Told(sent=FLOAT.replace("1.0", "1"), type="Statement", status=200), "changed"),
        ("invalid/id-float", Told(sent=FLOAT.replace("1.0", "true"), type="Statement", status=200), "changed"),
        ("malformed/dropped-member-with-nan", Told(sent=TWICE, type="Problem", status=400), "passed"),
        ("malformed/dropped-member-with-nan", Told(sent=json.dumps(json.loads(TWICE)), status=200), "changed"),
        ("malformed/empty", Told(error="JSONDecodeError()"), "refused"),
    ],
)
def test_outcomes(case: str, found: Told, expected: str) -> None:
    assert outcome(case, found) == expected


def test_every_golden_case_is_sent() -> None:
    kinds = [case.partition("/")[0] for case in CASES]
    assert [kinds.count(kind) for kind in ("valid", "invalid", "malformed")] == [32, 41, 21]


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
def test_a_departure_that_does_not_occur_is_a_surprise(language: Language) -> None:
    expected = declared(language).outcomes()
    assert surprises(language, expected) == []
    departures = [case for case in expected if expected[case] != "passed"]
    assert surprises(language, dict.fromkeys(expected, "passed")) == [
        f"{language.name}: {case}: passed instead of {expected[case]}" for case in departures
    ]


def test_a_case_that_does_not_pass_is_a_surprise() -> None:
    python = LANGUAGES["python"]
    found = declared(python).outcomes() | {"valid/one-order": "wrong"}
    assert surprises(python, found) == ["python: valid/one-order: wrong instead of passed"]


def test_a_departure_of_no_case_is_a_surprise() -> None:
    python = LANGUAGES["python"]
    found = declared(python).outcomes()
    del found["malformed/utf-16"]
    assert surprises(python, found) == ["python: malformed/utf-16: no such case"]
