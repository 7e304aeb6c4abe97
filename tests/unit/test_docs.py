"""The Markdown pages: every relative link and anchor has a target, and every page is listed."""

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

from bench.paths import FINDINGS, PROFILES, REMARKS, ROOT

NOT_PAGES = {ROOT / "bench/report/templates", PROFILES, REMARKS}  # templates, and parts of the findings' pages
CODE = re.compile(r"^(```+|~~~+).*?^\1|<!--.*?-->|(`+)[^`].*?\2", re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\]\(\s*([^)\s]+)(?:\s+"[^"]*")?\s*\)')
HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)
RELEASE = re.compile(r"^## (\d\S*) - \d{4}-\d\d-\d\d$", re.MULTILINE)


def pages() -> list[Path]:
    """All Markdown files that are, or may be, committed."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.check_output(listed, cwd=ROOT, text=True).splitlines()
    found = {ROOT / name for name in names}
    return sorted(page for page in found if page.exists() and page.parent not in NOT_PAGES)


PAGES = pages()


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures, except those on other hosts."""
    found = LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


@cache
def anchors(page: Path) -> set[str]:
    """The anchors that repository viewers and the site give a page's headings."""
    text = re.sub(r"^(```+).*?^\1", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in HEADING.findall(text):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        numbered = (f"{slug}-{number}" for number in range(1, len(found) + 2))
        found.add(slug if slug not in found else next(each for each in numbered if each not in found))
    return found


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_have_targets(page: Path) -> None:
    assert broken(page) == [], "these links lead nowhere"


def test_a_broken_link_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.test_docs.ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# A title\n\n## `code`, and more\n\n## Again\n\n## Again\n\n```\n# none\n```\n")
    good = "[a](other.md) [b](other.md#code-and-more) [c](other.md#again-1) [d](#here) [e](http://x/) `[f](no.md)`"
    bad = "[a](nope.md) [b](other.md#nope) [c](#nope) [d](other.md#none) ![e](nope.svg) [f](../outside.md)"
    page = tmp_path / "page.md"
    page.write_text(f"# Here\n\n{good}\n\n{bad}\n")
    assert broken(page) == ["nope.md", "other.md#nope", "#nope", "other.md#none", "nope.svg", "../outside.md"]


@pytest.mark.parametrize("folder", [ROOT / "docs", ROOT / "docs/own", FINDINGS], ids=lambda folder: folder.name)
def test_every_page_is_listed(folder: Path) -> None:
    """The sidebar of the site shows what a folder's README links to."""
    listed = {(folder / link.partition("#")[0]).resolve() for link in links(folder / "README.md")}
    missing = [page.name for page in PAGES if page.parent == folder and page.name != "README.md" and page not in listed]
    assert missing == [], f"{folder.relative_to(ROOT)}/README.md does not link to them"


def test_the_newest_release_is_the_version() -> None:
    newest, *_ = RELEASE.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert newest == declared["project"]["version"], "CHANGELOG.md's newest release is not pyproject.toml's version"
