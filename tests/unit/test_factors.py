"""Factors that shift a core's time between sessions: the plan, the start of its processes, and the analysis."""

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from bench import keep, store
from bench.analysis import drift
from bench.build import artifacts, variants
from bench.catalog import factors
from bench.errors import LabError
from bench.measure import blocks
from bench.measure.instruments import factors as instrument
from bench.measure.instruments import micro
from bench.model import Case, FactorsCase, FactorsPlan, MicroPlan, Run, Session, Study
from bench.paths import FACTORS
from bench.plan import matrix, selection
from bench.report import docs
from bench.verbs.tell import show
from tests.declared import CATALOG, planned
from tests.unit import made, sessions

STUDY = CATALOG.studies["sessions"]
RATIO = "cpython ÷ cython-untouched"


def moved(case: Case) -> tuple[str, int]:
    """The factor that a case varies, and its level."""
    assert isinstance(case, FactorsCase)
    return case.factor, case.level


# ---------------------------------------------------------------- measurement


def test_each_block_has_each_variant_at_each_level_of_each_factor() -> None:
    (phase,) = matrix.phases(STUDY, CATALOG)
    levels, variants = STUDY.factors.levels, len(STUDY.variants)
    assert phase.blocks == STUDY.micro.processes
    assert len({case.identity for case in phase.cases}) == len(phase.cases) == len(factors.FACTORS) * levels * variants
    counted = [moved(case) for case in phase.cases if case.variant == "cpython"]
    assert {name for name, _ in counted} == set(factors.FACTORS)
    sizes = [level for name, level in counted if name == "environment"]
    assert (min(sizes), max(sizes)) == (0, factors.PADDING_BYTES)
    assert len({size % 16 for size in sizes}) > 1, "the sizes cover different alignments of the stack"


def test_a_factor_that_the_machine_refuses_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factors, "why_not", lambda name: "`setarch` is refused" if name == "addresses" else None)
    (phase,) = matrix.phases(STUDY, CATALOG)
    assert "addresses" not in {moved(case)[0] for case in phase.cases}
    (lack,) = selection.unsupported(STUDY, CATALOG)
    assert (lack.what, lack.reason) == ("factor addresses", "`setarch` is refused")


def started(monkeypatch: pytest.MonkeyPatch, name: str, level: int) -> micro.Start:
    """Return how the process of a case starts."""
    calls: list[micro.Start] = []
    monkeypatch.setattr(instrument, "timed", lambda declared, case, output, start: calls.append(start))
    case = FactorsCase(variant="cpython", workload="medium", values=3, factor=name, level=level)
    instrument.observe(CATALOG, case, Path("run"))
    return calls[0]


def test_each_factor_changes_one_property_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = started(monkeypatch, "nothing", 3)
    assert usual == micro.Start(artifacts.python("cpython"), {micro.PADDING: ""})
    changed = {name: started(monkeypatch, name, 3) for name in factors.FACTORS if name != "nothing"}
    assert changed["environment"] == micro.Start(usual.python, {micro.PADDING: "xxx"})
    assert changed["addresses"] == micro.Start(usual.python, {micro.PADDING: "xxx"}, factors.STILL)
    assert changed["seed"] == micro.Start(usual.python, usual.env | {"PYTHONHASHSEED": "3"})
    assert changed["files"] == micro.Start(FACTORS / "cpython/files-3/bin/python", usual.env)
    assert changed["build"] == micro.Start(FACTORS / "cpython/build-3/bin/python", usual.env)


def test_one_rebuild_and_one_copy_per_level_are_made_once_per_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt: list[Path] = []

    def rebuild(_: object, variant: object, interpreter: object, folder: Path, prefix: Path) -> None:
        rebuilt.append(prefix)
        (prefix / "bin").mkdir(parents=True)
        (prefix / "bin" / "python").symlink_to(__file__)

    built = made.artifact("cpython")
    monkeypatch.setattr(instrument, "FOLDER", tmp_path)
    monkeypatch.setattr(variants, "rebuild", rebuild)
    monkeypatch.setattr(artifacts, "require", lambda name: built)
    for _ in range(2):
        instrument.provision(CATALOG, FactorsPlan(levels=3), "cpython")
    assert rebuilt == [tmp_path / "cpython" / f"build-{level}" for level in range(3)]
    copies = [tmp_path / "cpython" / f"files-{level}" / "bin" / "python" for level in range(3)]
    assert all(path.is_file() and not path.is_symlink() for path in copies), "the interpreter is also copied"
    built = made.artifact("cpython", fingerprint="0" * 64)
    instrument.provision(CATALOG, FactorsPlan(levels=3), "cpython")
    assert len(rebuilt) == 6


def test_the_padding_is_random_and_reproducible() -> None:
    outputs = [
        Path(f"results/quick/20261124T1300{n:02}Z/micro-{block:03}/abc") for n in range(20) for block in range(20)
    ]
    sizes = [micro.padding_bytes(output) for output in outputs]
    assert sizes == [micro.padding_bytes(output) for output in outputs]
    assert 0 <= min(sizes) < 100
    assert factors.PADDING_BYTES - 100 < max(sizes) < factors.PADDING_BYTES
    assert len({size % 16 for size in sizes}) == 16


@pytest.mark.parametrize(
    ("refused", "reason"), [("", None), ("setarch: failed to set personality", "fails on this machine: setarch")]
)
def test_fixed_addresses_are_requested_from_the_kernel(
    monkeypatch: pytest.MonkeyPatch, refused: str, reason: str | None
) -> None:
    factors.why_not.cache_clear()
    answer = SimpleNamespace(returncode=int(bool(refused)), stderr=refused)
    monkeypatch.setattr(subprocess, "run", lambda argv, **_: answer)
    found = factors.why_not("addresses")
    assert found is None if reason is None else reason in found
    assert factors.why_not("files") is None
    factors.why_not.cache_clear()


# ---------------------------------------------------------------- analysis


class Machine:
    """A machine on which each factor shifts the time of a variant by a given size, and blocks drift."""

    def __init__(self, moves: dict[str, float], *, time: float = 0.0, process: float = 0.005, seed: int = 1) -> None:
        self._moves, self._time, self._process, self._seed = moves, time, process, seed

    def execute(self, case: Case, block: int, folder: Path) -> Run:
        name, level = moved(case)
        log = self._draw(case.variant, name, level) * self._moves.get(name, 0.0)
        log += self._draw("time", block) * self._time  # equal for all variants, so ratios within a block cancel it
        log += self._draw(case.identity, block) * self._process
        return sessions.run(case, block, measured={"time": ("s", 5e-4 * np.exp([log] * 3))})

    def _draw(self, *what: object) -> float:
        return float(np.random.default_rng([self._seed, *" ".join(map(str, what)).encode()]).normal())


class SilentWatcher:
    """A watcher that ignores everything."""

    def case(self, case: Case, run: Run | None) -> None: ...

    def skipped(self, case: Case) -> None: ...


SESSION = Session(plan=planned(STUDY), started=sessions.STARTED, seed=1, machine=sessions.MACHINE, finished="x")


def runs(machine: Machine, study: Study = STUDY) -> list[Run]:
    (phase,) = matrix.phases(study, CATALOG)
    return [machine.execute(case, block, Path()) for block in range(phase.blocks) for case in phase.cases]


def test_factors_with_an_effect_are_significant_and_others_are_not() -> None:
    found = drift.judge(SESSION, runs(Machine({"build": 0.03, "seed": 0.02}, time=0.02)))
    assert found.subjects == ("cpython", "cython-untouched", RATIO)
    for subject in found.subjects:
        significant = {each.factor for each in found.moved if each.subject == subject and each.significant}
        moving = {"build", "seed"} | (set() if subject == RATIO else {"time"})
        assert significant == moving
    build_moves = found.of("build", "cpython").moves
    assert build_moves.low < 0.03 < build_moves.high
    assert found.of("nothing", "cpython").within.sd == pytest.approx(0.005, rel=0.3)


@pytest.mark.slow
def test_without_effects_significant_factors_are_rare() -> None:
    found = [drift.judge(SESSION, runs(Machine({}, seed=seed))) for seed in range(12)]
    assert sum(each.significant for session in found for each in session.moved) <= 3


def test_two_sessions_differ_by_the_effects_that_their_processes_do_not_average_out() -> None:
    found = drift.judge(SESSION, runs(Machine({"build": 0.03}, time=0.02)))
    alone, later, rebuilt = (found.between("cpython", *causes) for causes in ((), ("time",), ("time", "build")))
    assert alone == pytest.approx(found.of("nothing", "cpython").within.sd / 8**0.5)
    assert alone < later < rebuilt
    assert found.between("cpython", "weather") is None


def test_a_failed_level_is_left_out_and_without_levels_there_is_an_error() -> None:
    whole = runs(Machine({}))
    broken = [
        msgspec.structs.replace(run, verdict="failed", reason="no", measurements=())
        if moved(run.case) == ("build", 1) and run.block == 2
        else run
        for run in whole
    ]
    found = drift.judge(SESSION, broken)
    assert found.of("build", "cpython").moves != drift.judge(SESSION, whole).of("build", "cpython").moves
    with pytest.raises(LabError, match="no factor has two levels in two blocks"):
        drift.judge(SESSION, [run for run in whole if run.block == 0])


def test_an_interrupted_session_continues_with_the_incomplete_block(tmp_path: Path) -> None:
    study = msgspec.structs.replace(STUDY, factors=FactorsPlan(levels=2), micro=MicroPlan(processes=3, values=3))
    (phase,) = matrix.phases(study, CATALOG)
    machine = Machine({})
    measured: list[Case] = []

    def execute(case: Case, block: int, folder: Path) -> Run:
        if len(measured) == len(phase.cases) + 5:
            raise KeyboardInterrupt
        measured.append(case)
        return machine.execute(case, block, folder)

    with pytest.raises(KeyboardInterrupt):
        blocks.measure(phase, tmp_path, 1, SilentWatcher(), execute)
    blocks.measure(phase, tmp_path, 1, SilentWatcher(), machine.execute)
    found, expected = store.runs(tmp_path), runs(machine, study)
    assert len(found) == len(expected)
    ended = msgspec.structs.replace(SESSION, plan=planned(study))
    assert drift.judge(ended, found) == drift.judge(ended, expected)


# ---------------------------------------------------------------- reports


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    made_up = tuple(runs(Machine({"build": 0.03}, time=0.01)))
    keep.write([keep.Kept(session=SESSION, runs=made_up)], folder)
    return folder


def test_a_kept_session_becomes_a_page_with_tables_and_a_plot(kept: Path, tmp_path: Path) -> None:
    docs.write(kept, tmp_path)
    words = " ".join((tmp_path / "sessions.md").read_text().split())
    assert re.search(r"- CPython 3\.11: build moves it by [23]\.\d %; sessions lie \S+ % apart\.", words)
    assert "| a rebuild from the same source | no | " in words
    assert "each factor at 7 levels, each level in 7 blocks" in words
    assert ".venv/bin/python -m bench sessions --force --keep" in words
    assert "![Largest: " in words
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["sessions-factors.svg"]
    assert "CPython 3.11: build moves it by " in (tmp_path / "README.md").read_text()
    assert all(path.stat().st_size < keep.LIMIT / 2 for path in kept.iterdir())


def test_a_run_ends_with_a_summary_of_the_factors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = store.create(SESSION, tmp_path)
    for run in runs(Machine({"build": 0.03})):
        block = folder / f"factors-{run.block:03}"
        block.mkdir(exist_ok=True)
        store.save(block, run)
    assert show(folder, None, json=False) == 0
    words = "Expected standard deviation of CPython 3.11 ÷ Cython, untouched source between sessions of 8 processes: "
    assert words in capsys.readouterr().out
    assert show(folder, None, json=True) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=drift.Drift).of("build", RATIO).significant
