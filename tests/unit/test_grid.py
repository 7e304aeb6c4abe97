"""Tables on a terminal: whatever its width, no interval and no word is cut, and what is left out is named."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from bench import keep
from bench.paths import KEPT as DATA
from bench.report import finding, summary
from bench.report.grid import Grid
from bench.report.rows import Finding

WHOLE = re.compile(r"(\([\d.,]+–[\d.,]+\)|[\d.,]+–[\d.,]+×?)[.,;:]*")  # an interval, or a range in a sentence
KEPT = [path.name.removesuffix(keep.SUFFIX) for path in sorted(DATA.glob(f"*{keep.SUFFIX}"))]


@cache
def found(name: str) -> Finding:
    """The finding of a kept session."""
    kept = keep.read(DATA / f"{name}{keep.SUFFIX}")
    return finding.find(kept.session, kept.runs, None, kept.selftest)


def shown(name: str, width: int) -> str:
    """Its summary on a terminal of that width."""
    said = io.StringIO()
    summary.show(Console(file=said, width=width), found(name), Path("report.html"), json=False)
    return said.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("name", KEPT)
def test_no_interval_of_a_kept_session_is_cut(name: str) -> None:
    for width in (60, 80, 100):
        text = shown(name, width)
        assert [word for word in text.split() if "–" in word and not WHOLE.fullmatch(word)] == []
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text


@pytest.mark.parametrize("name", KEPT)
def test_every_figure_of_a_target_is_shown_on_80_columns(name: str) -> None:
    text = " ".join(shown(name, 80).split())
    for row in found(name).targets:
        assert row.text.split()[-1] in text


def grid(width: int) -> list[str]:
    said = io.StringIO()
    table = Grid("core\nµs", "speed-up", "answers/s", "measured")
    table.span("Gunicorn's sync worker, the allocator told to keep memory: server CPU")
    table.row(" cpython@cpython-3.14", "12.7", Text("38.9× (37.2–40.9)"), "generator-limited", "measured to the end")
    table.row(" cpython", "630", "1×", "1,060", "eliminated")
    table.print(Console(file=said, width=width))
    return said.getvalue().splitlines()


def test_a_table_that_fits_is_shown_as_it_is() -> None:
    assert grid(90) == [
        "                       core           speed-up          answers/s             measured",
        "                         µs",
        "Gunicorn's sync worker, the allocator told to keep memory: server CPU",
        " cpython@cpython-3.14  12.7  38.9× (37.2–40.9)  generator-limited  measured to the end",
        " cpython                630                 1×              1,060           eliminated",
    ]


def test_a_narrower_one_breaks_between_words() -> None:
    assert grid(70)[-3:] == [
        " cpython@cpython-3.14 12.7       38.9× generator- measured to",
        "                           (37.2–40.9)    limited     the end",
        " cpython               630          1×      1,060  eliminated",
    ]


def test_a_narrow_one_breaks_names_too() -> None:
    assert grid(56)[-3:] == [
        " cpython@      12.7       38.9× generator- measured to",
        "  cpython-3.14      (37.2–40.9)    limited     the end",
        " cpython        630          1×      1,060  eliminated",
    ]


def test_a_very_narrow_one_leaves_columns_out_and_names_them() -> None:
    *_, first, second, third, left_out, which, where = grid(30)
    assert [first, second, third] == [" cpython@      12.7", "  cpython-3.14", " cpython        630"]
    assert left_out + which + where == "Not shown at this width: speed-up, answers/s, measured (see the report)"
