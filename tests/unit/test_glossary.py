"""The glossary: it has every outcome, instrument and column of the report, and links to it have a target."""

import re
from typing import get_args

import pytest

from bench.model import Instrument, Verdict
from bench.paths import ROOT
from bench.report import table

DOCS = ROOT / "docs"
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^### (.+)$", GLOSSARY, re.MULTILINE)
ROW = re.compile(r"^\| ([^|]+?) \| ([^|]*?) ?\| \[[^\]]+\]\(#([\w-]+)\) \|$", re.MULTILINE)
LINK = re.compile(r"\]\((?:[\w./-]*glossary\.md)#([\w-]+)\)")


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


ANCHORS = {slug(heading) for heading in re.findall(r"^#+ (.+)$", GLOSSARY, re.MULTILINE)}


def columns() -> list[table.Column]:
    """All that the module declares, whatever study has them."""
    declared = (value if isinstance(value, list) else [value] for value in vars(table).values())
    return [each for values in declared for each in values if isinstance(each, table.Column)]


@pytest.mark.parametrize("name", [*get_args(Verdict), *get_args(Instrument)])
def test_every_verdict_and_instrument_is_a_term(name: str) -> None:
    assert name in {term.strip("`").lower() for term in TERMS}


@pytest.mark.parametrize("column", columns(), ids=lambda each: f"{each.heading}, {each.unit}")
def test_every_column_of_the_report_names_its_unit_and_its_term(column: table.Column) -> None:
    assert (column.heading, column.unit) in {(heading, unit) for heading, unit, _ in ROW.findall(GLOSSARY)}


def test_no_term_has_two_entries() -> None:
    assert sorted(set(TERMS)) == sorted(TERMS)


def test_links_to_a_term_have_a_target() -> None:
    links = {anchor for page in DOCS.rglob("*.md") for anchor in LINK.findall(page.read_text(encoding="utf-8"))}
    links |= set(re.findall(r"\]\(#([\w-]+)\)", GLOSSARY))
    assert links - ANCHORS == set()
