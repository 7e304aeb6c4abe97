"""Planted defects, what schemathesis' report says, and the table of `make contracts`."""

import json
from collections.abc import Callable

import pytest

from bench.errors import LabError
from bench.paths import ROOT
from tests.conformance import DEPARTURES, Broken, every_pair, of, read
from tests.contracts import MISSED, TOOLS, Verdict, table
from tests.cores import document, order
from tests.planted import DEFECTS, SOUND, Defect, made
from tests.unit.interfaces import Answer, ask

SENT = document(order())
REFUNDED = document(order(status="refunded"))
NAMED = document(order(customer={"id": 7, "name": "Łucja"}))
LONGEST = document(order(channel="x" * 30))
UNKNOWN = json.dumps({**json.loads(SENT), "x": 1}).encode()

Asked = tuple[str, str, bytes]
POST = ("POST", "/statements")


def answer(name: str, asked: Asked) -> Answer:
    """What the service with a defect answers."""
    defect = Defect("nothing") if name == SOUND else DEFECTS[name]
    return ask("wsgi", made(defect), *asked, content_type="application/json")


@pytest.mark.parametrize(
    ("name", "asked", "shows"),
    [
        ("renamed", (*POST, SENT), lambda got: b'"balance":500}' in got.body),
        ("sum", (*POST, REFUNDED), lambda got: b'"net":500}' in got.body),
        ("offset", (*POST, SENT), lambda got: b'"last":"2026-02-28T23:59:59+00:00"' in got.body),
        ("crash", (*POST, NAMED), lambda got: got.status == 500),
        ("tolerant", (*POST, UNKNOWN), lambda got: got.status == 200),
        ("limit", (*POST, LONGEST), lambda got: b"/orders/0/channel" in got.body),
        ("optional", ("GET", "/wait", b""), lambda got: got.status == 200),
        ("method", ("PUT", "/statements", b""), lambda got: got.status == 404),
        ("media-type", ("GET", "/nope", b""), lambda got: got.headers["content-type"] == "application/json"),
        ("header", ("GET", "/hello", b""), lambda got: "x-backend" in got.headers),
    ],
)
def test_a_defect_is_what_its_title_says(name: str, asked: Asked, shows: Callable[[Answer], bool]) -> None:
    assert shows(answer(name, asked))
    assert not shows(answer(SOUND, asked))


def test_there_are_ten_defects() -> None:
    assert len(DEFECTS) == 10


# ---------------------------------------------------------------- schemathesis' report

REPORT = json.loads((ROOT / "tests/data/schemathesis/report.json").read_bytes())


def test_a_report_says_which_operation_breaks_which_promise() -> None:
    report = read(REPORT, "curl")
    kind = "UndefinedContentType"
    assert report.broken == {Broken("GET /wait", kind), Broken("POST /statements", kind)}
    assert (report.cases, round(report.seconds, 1), report.said) == (261, 4.5, "curl")


@pytest.mark.parametrize(
    "change",
    [{"errors": [{"title": "Network Error", "count": 1}]}, {"operations": {"total": 4, "tested": 3}}],
    ids=["error", "operation not tested"],
)
def test_a_run_that_is_not_whole_is_an_error(change: dict[str, object]) -> None:
    with pytest.raises(LabError, match="of 4 operations: why"):
        read(REPORT | change, "why")


def test_each_departure_is_that_of_a_pair() -> None:
    subjects = every_pair()
    for departure in DEPARTURES:
        declared = {Broken(operation, departure.failure) for operation in departure.operations}
        assert any(declared <= subject.declared() for subject in subjects), departure.part


def test_departures_are_found_by_the_parts_of_a_pair() -> None:
    framework, layer = of("cpython", "wheezy-web", "waitress"), of("cpython", "falcon", "waitress", "events")
    assert {*map(len, (framework.declared(), layer.declared()))} == {2, 3}
    both = of("cpython", "wheezy-web", "waitress", "events")
    assert both.declared() == framework.declared() | layer.declared()
    assert of("cpython", "falcon", "waitress").declared() == set()


# ---------------------------------------------------------------- the table


def test_the_page_has_the_table() -> None:
    said = [
        Verdict(defect, tool, defect not in {SOUND, *MISSED[tool]}, 1) for defect in (SOUND, *DEFECTS) for tool in TOOLS
    ]
    *rows, seconds = table(said)
    assert "\n".join(rows) in (ROOT / "docs/contracts.md").read_text()
    assert seconds == f"| seconds |{' 1 |' * len(TOOLS)}"
