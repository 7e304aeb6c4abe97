"""docs/questions.md: an answer is short, and its figures are those of a page that its row names."""

import re

import pytest

from bench.paths import ROOT

PAGE = ROOT / "docs" / "questions.md"
ROW = re.compile(
    r"^\| (?P<question>[^|]+) \| (?P<short>[^|]+) \| (?P<more>[^|]*) \| ?(?P<lacking>[^|]*) ?\|$", re.MULTILINE
)
TEXT = PAGE.read_text(encoding="utf-8")
HEADING = "| question |"
ROWS = [row for row in ROW.finditer(TEXT) if not row[0].startswith(HEADING)]
CODE, LINK = re.compile(r"`[^`]*`"), re.compile(r"\[([^]]+)\]\(([^)#]+)[^)]*\)")
NUMBER = re.compile(r"(?<![\w.,])(?:\d[\d,.]*\d|\d)")
PYTHON = re.compile(r"3\.\d\d")  # a version
MOST_WORDS, MOST_NUMBERS = 25, 4


def stands(figure: str, text: str) -> bool:
    """Whether a text has a figure, or that of milliseconds in microseconds."""
    spelled = (figure, f"{1000 * float(figure.replace(',', '')):,.0f}")
    return any(re.search(rf"(?<![\d.,]){re.escape(each)}(?!\d)", text) for each in spelled)


def said(row: re.Match[str]) -> str:
    """An answer without its commands and the targets of its links."""
    return LINK.sub(r"\1", CODE.sub("", row["short"]))


def test_every_line_of_a_table_is_read() -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(HEADING)]
    assert [row[0] for row in ROWS] == lines
    assert len(lines) > 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["question"])
def test_a_figure_of_an_answer_stands_on_a_page_of_its_row(row: re.Match[str]) -> None:
    pages = [
        (PAGE.parent / target).read_text(encoding="utf-8") for _, target in LINK.findall(row["short"] + row["more"])
    ]
    assert [each for each in NUMBER.findall(said(row)) if not stands(each, "\n".join(pages))] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["question"])
def test_an_answer_is_short(row: re.Match[str]) -> None:
    assert len(said(row).split()) <= MOST_WORDS
    assert len(NUMBER.findall(PYTHON.sub("", said(row)))) <= MOST_NUMBERS
