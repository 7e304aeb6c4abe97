"""Planted defects, what schemathesis' report says, and the table of `make contracts`."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from bench.errors import LabError
from bench.paths import ROOT
from tests import conformance, contracts
from tests.conformance import Broken, Departure, of
from tests.contracts import Verdict
from tests.cores import document, order
from tests.planted import DEFECTS, SOUND, Defect, made
from tests.unit.interfaces import Answer, ask

SENT = document(order())
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
        ("string", (*POST, SENT), lambda got: b'"gross":"500"' in got.body),
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
