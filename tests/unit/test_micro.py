"""pyperf's result files, captured from real processes: every iteration is stored, and the provenance is checked."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyperf
import pytest

from bench import catalog
from bench.build import artifacts
from bench.errors import LabError
from bench.measure.instruments import micro
from bench.model import MicroCase, Run
from tests.declared import CATALOG

DATA = Path(__file__).parent.parent / "data" / "pyperf"


def test_every_value_of_a_process_is_stored_in_seconds_per_document() -> None:
    seen = micro.read(CATALOG, DATA / "cpython-1.json", "cpython")
    written = json.loads((DATA / "cpython-1.json").read_text())
    (run,) = written["benchmarks"][0]["runs"]
    assert seen.values("time") == tuple(run["values"])
    assert seen.values("warmup") == tuple(value for _, value in run["warmups"])
    assert seen.values("first") == (written["metadata"]["first_seconds"],)
    assert seen.values("documents") == (written["metadata"]["documents"] * written["metadata"]["loops"],)
    whole_pass = sum(seen.values("time")) * written["metadata"]["documents"] * written["metadata"]["loops"]
    assert whole_pass < written["metadata"]["duration"], "a value is per document, not per pass"


def test_every_warm_up_value_is_stored() -> None:
    seen = micro.read(CATALOG, DATA / "pypy-1.json", "pypy")
    assert (len(seen.values("warmup")), len(seen.values("time"))) == (3, 5)


def test_the_provenance_is_stored_and_must_match_the_variant() -> None:
    facts = micro.read(CATALOG, DATA / "pypy-1.json", "pypy").facts
    assert (facts["variant"], facts["implementation"], facts["suffix"]) == ("pypy", "pypy", ".py")
    with pytest.raises(LabError, match="provenance check: 'cpython' reports"):
        micro.read(CATALOG, DATA / "pypy-1.json", "cpython")


def test_captured_files_contain_no_host_and_no_path() -> None:
    for path in DATA.glob("*.json"):
        metadata = json.loads(path.read_text())["metadata"]
        assert metadata["hostname"] == "<host>"
        assert metadata["python_executable"].startswith("<checkout>/")


# ---------------------------------------------------------------- one file per variant


def run(raw: str, variant: str, block: int = 0, **changes: Any) -> Run:
    case = MicroCase(variant=variant, workload="small", aa=bool(changes.pop("aa", False)))
    fields: dict[str, Any] = {"verdict": "pass", "raw": (raw, "micro-000/server.log")} | changes
    return Run(case=case, block=block, started="", seconds=1.0, **fields)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A session's folder with three blocks."""
    for block, names in enumerate((("cpython-1", "pypy-1"), ("cpython-2",), ("cpython-1",))):
        folder = tmp_path / f"micro-{block:03}"
        folder.mkdir()
        for name in names:
            shutil.copy(DATA / f"{name}.json", folder / f"{name}.pyperf.json")
    return tmp_path


def test_the_processes_of_a_variant_are_merged_into_one_pyperf_file(session: Path) -> None:
    runs = [
        run("micro-000/cpython-1.pyperf.json", "cpython"),
        run("micro-000/pypy-1.pyperf.json", "pypy"),
        run("micro-001/cpython-2.pyperf.json", "cpython", 1),
        run("micro-002/cpython-1.pyperf.json", "cpython", 2, aa=True),
        run("micro-002/nothing.pyperf.json", "nuitka", 2, verdict="failed"),
    ]
    micro.merge(session, runs)
    made = {path.stem: pyperf.BenchmarkSuite.load(str(path)) for path in (session / "pyperf").glob("*.json")}
    assert set(made) == {"cpython", "cpython-again", "pypy"}
    (merged,) = made["cpython"].get_benchmarks()
    parts = [micro.read(CATALOG, DATA / f"cpython-{number}.json", "cpython") for number in (1, 2)]
    assert [timed.values for timed in merged.get_runs()] == [part.values("time") for part in parts]
    micro.merge(session, runs)
    assert len(pyperf.BenchmarkSuite.load(str(session / "pyperf" / "cpython.json")).get_benchmarks()[0].get_runs()) == 2


def test_pyperf_itself_compares_the_merged_files(session: Path) -> None:
    raw = {"cpython": "micro-000/cpython-1.pyperf.json", "pypy": "micro-000/pypy-1.pyperf.json"}
    micro.merge(session, [run(path, variant) for variant, path in raw.items()])
    files = [str(session / "pyperf" / f"{variant}.json") for variant in raw]
    done = subprocess.run(
        [sys.executable, "-m", "pyperf", "compare_to", *files, "--table"], check=True, capture_output=True, text=True
    )
    assert "transform small" in done.stdout


# ---------------------------------------------------------------- failing processes


def test_a_variants_own_warm_up_overrides_its_interpreters(checkout: Path) -> None:
    assert CATALOG.warmup_of("pypy") == CATALOG.interpreters["pypy-3.11"].warmup
    path = checkout / "builds/pypy/pypy.toml"
    path.write_text(path.read_text() + "\n[warmup]\npasses = 40\n")
    assert catalog.read().warmup_of("pypy").passes == 40


def test_a_workload_may_need_a_longer_warm_up_than_others(checkout: Path) -> None:
    brief = CATALOG.loads["brief"]
    seconds = {name: CATALOG.seconds_to_warm("spring-tomcat-expert", brief, name) for name in ("medium", "large")}
    assert seconds["large"] > seconds["medium"] == CATALOG.warmup_of("spring-tomcat-expert").seconds
    path = checkout / "builds/pypy/pypy.toml"
    path.write_text(path.read_text() + "\n[warmup]\nseconds_of = { huge = 40 }\n")
    with pytest.raises(LabError, match=r"pypy\.toml: warmup\.seconds_of: unknown workload 'huge'"):
        catalog.read()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'wrong answer to 0000.json' >&2; exit 1", "wrong answer to 0000.json"),
        ("echo 'Traceback:'; echo 'MemoryError'; exit 1", "MemoryError"),
    ],
)
def test_a_failing_process_is_reported_with_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    python = tmp_path / "cpython" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(artifacts, "PREFIXES", tmp_path)
    case = MicroCase(variant="cpython", workload="small", values=1, loops=1)
    with pytest.raises(LabError) as caught:
        micro.observe(CATALOG, case, tmp_path / "run")
    assert str(caught.value) == f"pyperf of cpython failed with status 1: {reason}"


def test_each_process_starts_with_an_environment_of_a_different_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "cpython" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho ${#BENCH_PADDING} "$@" >&2; exit 1\n')
    python.chmod(0o755)
    monkeypatch.setattr(artifacts, "PREFIXES", tmp_path)
    case = MicroCase(variant="cpython", workload="small", values=1, loops=1)
    sizes = []
    for block in range(3):
        output = tmp_path / f"micro-{block:03}" / "run"
        output.parent.mkdir()
        with pytest.raises(LabError, match=f"status 1: {micro.padding_bytes(output)} .*{micro.PADDING}"):
            micro.observe(CATALOG, case, output)
        sizes.append(micro.padding_bytes(output))
    assert len(set(sizes)) == 3
