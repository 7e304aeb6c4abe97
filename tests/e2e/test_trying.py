"""A core of one's own as docs/your-own-core.md shows it: its code from the page, measured for real."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import store
from bench.paths import ROOT
from tests.absent import expect_none

pytestmark = [pytest.mark.slow, pytest.mark.long]
PAGE = (ROOT / "docs" / "your-own-core.md").read_text()

# `try`, its results in a folder of the test's own.
PROGRAM = """
import sys
from functools import partial
from pathlib import Path
from bench import __main__, store
from bench.host import quiet
results = Path(sys.argv.pop())
store.create, store.sessions = (partial(f, results=results) for f in (store.create, store.sessions))
quiet.WAIT_SECONDS = quiet.COOL_SECONDS = 2  # the machine of a test need not be quiet
sys.exit(__main__.main())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody has who follows the page: two cores and a folder of documents."""
    folder = tmp_path_factory.mktemp("service")
    for name, code in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL):
        (folder / name).write_text(code)
    subprocess.run([sys.executable, "make_invoices.py"], check=True, cwd=folder)
    return folder


def bench_try(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", PROGRAM, "try", *words, "--documents", str(folder / "invoices")]
    argv += ["--source", str(folder), str(folder / "results")]
    return subprocess.run(argv, check=False, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=900)


def test_the_core_of_the_page_gets_figures_alone_and_behind_a_server(folder: Path) -> None:
    words = ("faster:transform", "--against", "mycore:transform", "--requires", "orjson", "--servers", "gunicorn-sync")
    done = bench_try(folder, *words)
    ((session_folder, session),) = store.sessions("try-faster.transform", folder / "results")
    expect_none(session.unavailable)
    assert done.returncode == 0, done.stdout + done.stderr
    made = store.runs(session_folder)
    assert [run.reason for run in made if run.verdict != "pass"] == []
    assert {run.case.instrument for run in made} == {"micro", "macro", "null"}
    assert {run.facts["core"] for run in made if run.case.stack} == {"mycore:transform", "faster:transform"}
    assert "How fast is faster:transform" in done.stdout
    assert "try faster:transform" in (session_folder / "report.html").read_text()
    shown = bench_try(folder, *words)
    assert (shown.returncode, shown.stdout) == (0, done.stdout), "the finished one is shown"


@pytest.mark.parametrize(
    ("lines", "status", "told"),
    [
        (
            "def transform(document):\n    raise KeyError('vat')\n",
            1,
            "wrong.transform answers 120 of 120 documents wrong; the first: 0.json: ",
        ),
        ("def transform(document):\n    return {}\n", 1, "got returned dict"),
        ("def transform(document):\n    return b'[]'\n", 1, "got 2 bytes, from byte 0 b'[]'"),
        ("import nosuchmodule\n", 2, "No module named 'nosuchmodule'"),
        ("def convert(document):\n    return b'[]'\n", 2, "has no attribute 'transform'"),
    ],
    ids=["raises", "returns no bytes", "answers wrong", "cannot be imported", "is not there"],
)
def test_a_core_that_cannot_be_measured_is_told_in_one_line(folder: Path, lines: str, status: int, told: str) -> None:
    (folder / "wrong.py").write_text(lines)
    done = bench_try(folder, "wrong:transform", "--servers", "")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("bench: ")]
    assert (done.returncode, done.stdout) == (status, "")
    assert told in line
