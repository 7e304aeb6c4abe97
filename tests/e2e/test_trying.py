"""A core of one's own as docs/your-own-core.md shows it: its code from the page, measured for real."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bench import store
from bench.analysis import gates
from bench.paths import ROOT
from tests.absent import expect_none
from tests.docs_output import BLOCK, COMMAND, Page

pytestmark = [pytest.mark.slow, pytest.mark.long]
NOISY = {gate.name for gate in gates.GATES if gate.noisy}  # a busy machine can trip them
PAGE = (ROOT / "docs" / "your-own-core.md").read_text(encoding="utf-8")
(TRY,) = (COMMAND.findall(block["body"])[-1] for block in BLOCK.finditer(PAGE))

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
    folder = Page(PAGE, tmp_path_factory.mktemp("home")).service
    subprocess.run([sys.executable, "make_invoices.py"], check=True, cwd=folder)
    return folder


def bench_try(folder: Path, core: str, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", PROGRAM, "try", core, *options, str(folder / "results")]
    return subprocess.run(argv, check=False, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=900)


def test_the_core_of_the_page_gets_figures_alone_and_behind_a_server(folder: Path) -> None:
    core, *options = shlex.split(TRY.replace("\\\n", "").replace("~", str(folder.parent)))[4:]
    done = bench_try(folder, core, *options, "--servers", "gunicorn-sync")
    ((session_folder, session),) = store.sessions("try-faster.transform", folder / "results")
    expect_none(session.unavailable)
    made = store.runs(session_folder)
    failed = [run for run in made if run.verdict != "pass"]
    assert [run.reason for run in failed if run.gate not in NOISY] == []
    assert done.returncode == int(bool(failed)), done.stdout + done.stderr
    assert {run.case.instrument for run in made} == {"micro", "macro", "null"}
    assert {run.facts["core"] for run in made if run.case.stack and run not in failed} == {
        "mycore:transform",
        "faster:transform",
    }
    assert "How fast is faster:transform" in done.stdout
    assert "try faster:transform" in (session_folder / "report.html").read_text()
    shown = bench_try(folder, core, *options, "--servers", "gunicorn-sync")
    assert (shown.returncode, shown.stdout) == (done.returncode, done.stdout), "the finished one is shown"


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
    options = ("--documents", str(folder / "invoices"), "--source", str(folder), "--servers", "")
    done = bench_try(folder, "wrong:transform", *options)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("bench: ")]
    assert (done.returncode, done.stdout) == (status, "")
    assert told in line
