"""The applications of docs/own: each is built, imported and asked as its page says; one is measured."""

import re
from pathlib import Path

import pytest
from rich.console import Console

from bench.own.asked import Asked
from bench.own.study import study_of
from bench.paths import ROOT
from bench.progress import Progress
from tests.conftest import Main
from tests.declared import CATALOG
from tests.docs_output import BLOCK, Page

pytestmark = [pytest.mark.slow, pytest.mark.long]
PAGES = [path for path in sorted((ROOT / "docs" / "own").glob("*.md")) if path.name != "README.md"]
SUBJECTS = [
    (path, re.findall(r"bench try (~/\S+)", block["body"])[0])
    for path in PAGES
    for block in BLOCK.finditer(path.read_text(encoding="utf-8"))
]


def made(path: Path, folder: str, scratch: Path) -> Path:
    """The project of a page in `scratch`, made by the page's commands before the last."""
    page = Page(path.read_text(encoding="utf-8"), scratch)
    page.prepare()
    return Path(folder.replace("~", str(scratch)))


@pytest.mark.parametrize(("path", "folder"), SUBJECTS, ids=lambda each: getattr(each, "stem", each))
def test_an_application_answers_alike_on_every_start(path: Path, folder: str, tmp_path: Path) -> None:
    asked = Asked(project=made(path, folder, tmp_path))
    server = asked.manifest.server
    assert server
    study, catalog = study_of(Asked(project=asked.project, servers=(server,)), CATALOG, Progress(Console(quiet=True)))
    assert study.servers == (server,)
    (workload,) = (catalog.workloads[name] for name in study.workloads)
    assert {exchange.status for exchange in workload.exchanges} <= {200, 302, 404}
    assert 200 in {exchange.status for exchange in workload.exchanges}


def test_one_of_them_is_measured(tmp_path: Path, main: Main) -> None:
    path, folder = next(each for each in SUBJECTS if each[0].stem == "httpbin")
    status, output, errors = main("try", str(made(path, folder, tmp_path)), "--servers", "gunicorn-sync")
    assert status == 0, errors
    assert "Keep gunicorn-sync: no other stack was measured." in output
