"""Adversarial cores: wrong, slow, crashing, leaking or dishonest ones. Each is rejected with the specific reason.

Each is the reference core with a few added lines, in its own prefix, measured like any variant.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.build import artifacts
from bench.measure import blocks
from bench.measure.instruments import micro
from bench.model import MicroCase, Run
from bench.paths import ROOT
from tests.declared import CATALOG
from tests.unit.made import artifact

pytestmark = pytest.mark.slow
CASE = MicroCase(variant="cpython", workload="small", values=2)  # a pass over 200 documents
HONEST = "right = transform\ncalls = 0\n"

Measured = Callable[[str], Run]


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Appends lines to the reference core, and measures it as the variant `cpython`."""
    prefix = tmp_path / "cpython"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    (packages,) = prefix.glob("lib/*/site-packages")
    shutil.copytree(ROOT / "app", packages / "app", ignore=shutil.ignore_patterns("__pycache__"))
    built = {"variant": "cpython", "core": "app.core", "loads": None, "dumps": None}
    (packages / "app" / "built.json").write_text(json.dumps(built))
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "cpython-3.11").symlink_to(sysconfig.get_paths()["purelib"])
    monkeypatch.setattr(micro, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(artifacts, "PREFIXES", tmp_path)
    monkeypatch.setattr(artifacts, "require", artifact)

    def run(lines: str) -> Run:
        core = packages / "app" / "core.py"
        core.write_text((ROOT / "app" / "core.py").read_text() + HONEST + lines)
        folder = tmp_path / "session" / "micro-000"
        folder.mkdir(parents=True)
        return blocks.execute(CATALOG, CASE, 0, folder)

    return run


def test_an_honest_core_passes(measured: Measured) -> None:
    run = measured("")
    assert (run.verdict, run.reason) == ("pass", None)
    assert run.values("call.slowest") >= run.values("call.median") > (0.0,)


def test_a_core_that_is_slow_with_unusual_white_space_passes(measured: Measured) -> None:
    """An honest core that first removes white space must not be mistaken for one that caches answers."""
    run = measured("def transform(d):\n for _ in range(9 * d.endswith(b' ')): right(d)\n return right(d)\n")
    assert (run.verdict, run.reason) == ("pass", None)


EVERY = """
def transform(document):
    global calls
    calls += 1
    return {fault} if calls % {turn} == 0 else right(document)
"""


def test_wrong_once_in_a_thousand(measured: Measured) -> None:
    reason = measured(EVERY.format(turn=1000, fault='right(document) + b" "')).reason
    assert reason is not None
    assert "after the timing: 0" in reason


def test_slow_once_in_a_hundred_shows_in_the_slowest_calls(measured: Measured) -> None:
    fault = "__import__('time').sleep(0.01) or right(document)"
    run = measured(EVERY.format(turn=100, fault=fault))
    assert run.values("call.slowest")[0] > 0.009 > 3 * run.values("call.median")[0]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("kept = []\ndef transform(d):\n kept.append(20 * d)\n return right(d)\n", "memory leak: "),
        (
            "kept = {}\ndef transform(d):\n if d not in kept: kept[d] = right(d)\n return kept[d]\n",
            "the time of seen ones: the core caches answers",
        ),
        (EVERY.format(turn=300, fault="__import__('os').abort()"), "failed with exit code -6"),
        (
            "class Other:\n def __call__(self, d): return right(d)\ntransform = Other()\n",
            "reports type = 'Other' instead of 'function'",
        ),
        ("def transform(d):\n return b'{}'\n", "failed with status 1: transform small: wrong answer to "),
    ],
    ids=["leaks", "caches answers", "crashes", "is another core", "answers nothing"],
)
def test_an_adversarial_core_fails_with_the_specific_reason(measured: Measured, lines: str, reason: str) -> None:
    run = measured(lines)
    assert run.verdict == "failed"
    assert reason in (run.reason or "")
    assert run.measurements == ()


def test_a_core_that_hangs_is_killed_with_all_its_processes(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro, "PROCESS_SECONDS", 3)
    run = measured(EVERY.format(turn=300, fault="__import__('time').sleep(600)"))
    assert run.reason == "the process hangs: killed after 3 s"


def test_a_core_cannot_override_the_provenance_of_its_process(measured: Measured) -> None:
    run = measured("def provenance():\n return {'variant': 'cython', 'type': 'builtin_function_or_method'}\n")
    assert run.verdict == "pass"
    assert (run.facts["variant"], run.facts["type"]) == ("cpython", "function")
