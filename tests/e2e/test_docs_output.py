"""The output in the docs is that of today. Where a test fails, `make docs-output` mends the page."""

from pathlib import Path

import pytest

from bench import keep
from bench.paths import ROOT
from tests.docs_output import BLOCK, DATA, PAGES, QUOTES, Page

pytestmark = pytest.mark.slow
SHOWING = [path for path in PAGES if BLOCK.search(text := path.read_text(encoding="utf-8")) or QUOTES.search(text)]


@pytest.mark.parametrize("path", SHOWING, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_shows_what_its_commands_print(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert Page(text, tmp_path).pasted() == text


@pytest.mark.parametrize("path", SHOWING, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_the_machine_that_measured_its_sessions(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for session in filter(None, (block["session"] for block in BLOCK.finditer(text))):
        machine = keep.read(DATA / f"{session}{keep.SUFFIX}").session.machine
        assert f"{machine['cores']} cores of an {machine['cpu']}" in text
