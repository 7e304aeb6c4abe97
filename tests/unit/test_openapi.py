"""spec/openapi.json: it is valid, accepts what the core accepts, and promises what the service answers."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from app import contract, core
from app.wsgi import bare_app
from tests.cores import GOLDEN
from tests.openapi import Operation, Part, Promises, parts, renamed, written
from tests.unit.interfaces import Answer, ask

SERVICE = bare_app.make(contract.load_core("app.core"), {}, time.sleep)
PROMISES = Promises(written())
POST = Operation("POST", "/statements")


# ---------------------------------------------------------------- the document itself


def test_the_document_is_valid_openapi() -> None:
    validate(written())
    with pytest.raises(OpenAPIValidationError):
        validate({name: value for name, value in written().items() if name != "info"})


def test_each_component_is_used() -> None:
    used = {part["$ref"] for part in parts(written()) if isinstance(part.get("$ref"), str)}
    kinds = {kind: names for kind, names in written()["components"].items() if kind != "securitySchemes"}
    assert used == {f"#/components/{kind}/{name}" for kind, names in kinds.items() for name in names}


def answered(case: Path) -> Any:
    """What the service answers to a golden case, parsed."""
    return json.loads(golden(case).body)


def golden(case: Path) -> Answer:
    """The service's answer to a golden case."""
    return ask("wsgi", SERVICE, "POST", "/statements", case.read_bytes(), content_type="application/json")


def test_the_examples_are_golden_cases() -> None:
    cases = {path.stem: path for path in GOLDEN}
    (sent,) = PROMISES.operations[POST]["requestBody"]["content"].values()
    for name, example in sent["examples"].items():
        assert example["value"] == json.loads(cases[name].read_bytes())
    shown = [part for response in PROMISES.operations[POST]["responses"].values()
             for part in parts(PROMISES.resolved(response)) if "examples" in part]  # fmt: skip
    assert len(shown) == 3
    for part in shown:
        for name, example in part["examples"].items():
            assert example["value"] == answered(cases[name])


# ---------------------------------------------------------------- which documents are accepted

NO_SUM = "no keyword sums members of several objects"
NAN = "Python's parser takes NaN"
SURROGATE = "Python's parser takes half a surrogate pair"
DIFFERENCES = {  # golden cases that the core refuses and the schema accepts
    "invalid/amount-one-over-the-limit": NO_SUM,
    "invalid/amount-too-large": NO_SUM,
    "invalid/id-float": "JSON Schema's integers are the numbers without a fraction: 1.0 is one",
    "malformed/dropped-member-with-lone-surrogate": SURROGATE,
    "malformed/dropped-member-with-nan": NAN,
    "malformed/high-high-low-surrogates": SURROGATE,
    "malformed/lone-surrogate-in-note": SURROGATE,
}


def is_accepted_by_core(body: bytes) -> bool:
    try:
        core.transform(body)
    except (core.MalformedDocument, core.InvalidDocument):
        return False
    return True


BODIES = {f"{path.parent.name}/{path.stem}": path.read_bytes() for path in GOLDEN}
BY_CORE = {case: is_accepted_by_core(body) for case, body in BODIES.items()}


def differences(promises: Promises) -> set[str]:
    """The golden cases of which the schema says something else than the core."""
    schema = promises.request(POST)

    def is_accepted(body: bytes) -> bool:
        try:
            return schema.is_valid(json.loads(body.decode()))
        except (ValueError, RecursionError):
            return False

    return {case for case, body in BODIES.items() if is_accepted(body) != BY_CORE[case]}


def test_schema_and_core_agree_about_golden_cases_but_for_declared_ones() -> None:
    assert differences(PROMISES) == DIFFERENCES.keys()
    assert not any(BY_CORE[case] for case in DIFFERENCES), "the schema accepts all that the core accepts"


def names_in(shape: core.Shape) -> Iterator[str]:
    """The members of a shape of the core, and of those below it."""
    if isinstance(shape, core.Object):
        yield from shape.members
        for member in shape.members.values():
            yield from names_in(member)
    elif isinstance(shape, core.Array):
        yield from names_in(shape.element)


@pytest.mark.parametrize("member", sorted({*names_in(core.BATCH)}))
def test_a_renamed_member_of_the_request_is_noticed(member: str) -> None:
    assert differences(Promises(renamed(written(), member, "renamed"))) != DIFFERENCES.keys()


INTEGERS = [sign * (limit + step) for limit in (0, 10**6, 10**9, 2**53) for step in (-1, 0, 1) for sign in (1, -1)]
LENGTHS = [limit + step for limit in (1, 30, 40, 64, 200, 2_000) for step in (-1, 0, 1)]
TEXTS = ["open", "Open", "EUR", "EURO", "EU", "eur", "ÄÖÜ", "a b", " a ", "\t", "a\n", "\u00a0", "A_1.-", *"ä٣😀/"]
YEARS = ("0000", "0001", "0004", "0010", "0100", "0400", "1000", "1900", "2000", "2023", "2024", "2100", "9999")
DAYS = [f"{year}-{month:02}-{day:02}T23:59:59Z" for year in YEARS for month in range(14) for day in range(33)]
TIMES = [f"2026-02-28T{each}" for each in ("00:00:00Z", "24:00:00Z", "23:60:00Z", "23:59:60Z", "23:59:59", "1:00:00Z",
                                          "00:00:00z", "00:00:00+00:00", "00:00:00.0Z", "00:00:00Z\n")]  # fmt: skip
PROBES: list[Any] = [None, True, False, 0.5, [], {}, *INTEGERS, *TEXTS, *DAYS, *TIMES]
PROBES += [
    "2026-02-28 00:00:00Z",
    "２026-02-28T00:00:00Z",
    *(letter * length for letter in ("x", "😀") for length in LENGTHS),
]


def departures(shape: core.Shape, schema: Part, pointer: str = "") -> Iterator[str]:
    """Where a schema allows other values than a shape of the core."""
    part = PROMISES.resolved(schema)
    if isinstance(shape, core.Object):
        same = part["properties"].keys() == shape.members.keys() and part["additionalProperties"] is False
        if not (same and {*part["required"]} == shape.members.keys() - {*shape.optional}):
            yield pointer
        for name, member in shape.members.items():
            yield from departures(member, part["properties"][name], f"{pointer}/{name}")
    elif isinstance(shape, core.Array):
        if (part["type"], part.get("minItems", 0), part["maxItems"]) != ("array", shape.low, shape.high):
            yield pointer
        yield from departures(shape.element, part["items"], f"{pointer}/0")
    else:
        is_valid = PROMISES.validator(part).is_valid
        yield from (f"{pointer}: {probe!r}" for probe in PROBES if is_valid(probe) != shape(probe))


def test_the_schema_has_the_limits_of_the_core() -> None:
    (content,) = PROMISES.operations[POST]["requestBody"]["content"].values()
    assert list(departures(core.BATCH, content["schema"])) == []


# ---------------------------------------------------------------- which answers are promised


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    """The answers to all golden cases."""
    return [golden(path) for path in GOLDEN]


def broken(promises: Promises, answers: Iterable[Answer]) -> Iterator[str]:
    return (line for answer in answers for line in promises.broken(POST, answer))


def test_answers_to_golden_cases_are_as_promised(answers: list[Answer]) -> None:
    assert {answer.status for answer in answers} == {200, 400, 422}
    assert list(broken(PROMISES, answers)) == []


def members(value: Any) -> set[str]:
    return {name for part in parts(value) for name in part}


def test_a_renamed_member_of_an_answer_is_noticed(answers: list[Answer]) -> None:
    names = {name for answer in answers for name in members(json.loads(answer.body))}
    assert {"batch", "skus", "duplicates", "pointer", "detail"} < names
    for name in names:
        assert any(broken(Promises(renamed(written(), name, "renamed")), answers)), name


STATEMENT = GOLDEN[[path.stem for path in GOLDEN].index("empty-batch")]
REFUSED = b'{"title": "x", "status": 400, "detail": "x"}'


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"status": 418}, "status 418"),
        ({"status": 202}, "header location: absent"),
        ({"headers": {"vary": "*"}}, "header vary: *"),
        ({"headers": {"age": "1"}}, "header age: not promised"),
        ({"headers": {"content-type": "text/plain"}}, "media type text/plain"),
        ({"body": b"[]"}, 'body at /: [] is not of type "object"'),
        (
            {"status": 415, "headers": {"content-type": "application/problem+json"}, "body": REFUSED},
            "a problem of status 400 with status 415",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_broken_promise_is_named(change: dict[str, Any], line: str) -> None:
    right = golden(STATEMENT)
    assert PROMISES.broken(POST, right) == []
    headers = {"headers": right.headers | change.get("headers", {})}
    assert line in PROMISES.broken(POST, right._replace(**change | headers))
