"""Counting instructions: what is counted, what cannot be, and what is timed again on the path that was counted."""

from pathlib import Path

import msgspec
import pytest

from bench.build import artifacts
from bench.errors import LabError
from bench.measure.instruments import instructions
from bench.model import InstructionsCase, InstructionsPlan, MicroCase, MicroPlan, Phase, Run, Study
from bench.plan import matrix
from tests.declared import CATALOG
from tests.unit import sessions

STUDY = Study(
    name="trial",
    title="A trial",
    question="Which?",
    baseline="cpython",
    variants=("cpython", "pypy", "cython", "numba"),
    workloads=("medium",),
    aa=True,
    instructions=InstructionsPlan(runs=2, documents=3),
    micro=MicroPlan(processes=4, values=2),
)


def phase(name: str) -> Phase:
    return next(phase for phase in matrix.phases(STUDY, CATALOG) if phase.name == name)


def counted(variant: str, **facts: str) -> Run:
    case = InstructionsCase(variant=variant, workload="medium", documents=3, passes=2)
    return Run(case=case, block=0, started="", seconds=1.0, verdict="pass", facts=facts)


def test_they_are_counted_before_the_time_is_taken_so_that_it_is_known_which_path_to_time() -> None:
    assert [(each.name, each.blocks) for each in matrix.phases(STUDY, CATALOG)] == [("instructions", 2), ("micro", 4)]


def test_what_compiles_while_it_runs_is_a_declared_hole_and_no_case() -> None:
    assert [case.variant for case in phase("instructions").cases] == ["cpython", "cython", "numba"]
    (lack,) = matrix.unsupported(STUDY, CATALOG)
    assert (lack.what, lack.kind == "unsupported", lack.kind == "failed") == ("pypy: instructions", True, False)
    assert "compiles at run time" in lack.reason
    assert matrix.unsupported(msgspec.structs.replace(STUDY, instructions=None), CATALOG) == []


def test_a_core_that_took_another_path_under_the_counter_is_timed_on_that_too() -> None:
    runs = [
        counted("cpython"),
        counted("cython", path="avx2", timed_path="avx512"),
        counted("numba", path="generic", timed_path="generic"),
    ]
    cases = matrix.with_counted_paths(phase("micro"), CATALOG, runs).cases
    assert cases[: len(phase("micro").cases)] == phase("micro").cases
    assert [(case.variant, case.path) for case in cases if case.path] == [("cython", "avx2")]
    first, last = cases[0], cases[-1]
    assert isinstance(first, MicroCase)
    assert isinstance(last, MicroCase)
    assert (last.values, last.loops, last.warmups) == (first.values, first.loops, first.warmups)
    assert len({case.identity for case in cases}) == len(cases)
    assert "on path avx2" in cases[-1].label


def test_where_nothing_was_counted_nothing_is_forced() -> None:
    assert matrix.with_counted_paths(phase("micro"), CATALOG, []) == phase("micro")


def test_a_path_is_forced_by_the_variable_that_the_variant_declares() -> None:
    cython, numba, cpython = (CATALOG.variants[name] for name in ("cython", "numba", "cpython"))
    assert artifacts.forced(cython, "avx2") == {"CYTHON_CORE_PATH": "avx2"}
    assert artifacts.forced(cython, None) == artifacts.counted_path(cython) == artifacts.counted_path(cpython) == {}
    assert artifacts.counted_path(numba) == {"NUMBA_CPU_NAME": "generic"}
    with pytest.raises(LabError, match="'cpython' declares no variable"):
        artifacts.forced(cpython, "avx2")


def test_a_profile_tells_its_total(tmp_path: Path) -> None:
    profile = tmp_path / "profile.1"
    profile.write_text("version: 1\nevents: Ir\nfn=(1) transform\n12 700\n\ntotals: 73483198\n")
    assert instructions.total(profile) == 73_483_198
    profile.write_text("version: 1\nevents: Ir\n")
    for path in (profile, tmp_path / "profile.2"):
        with pytest.raises(LabError, match=f"no count in {path.name}"):
            instructions.total(path)


def test_a_twin_is_not_timed_on_the_counted_path() -> None:
    plain = MicroCase(variant="cython", workload="medium")
    counted = InstructionsCase(variant="cython", workload="medium", documents=3, passes=2)
    told = sessions.run(counted, 0, facts={"path": "avx2", "timed_path": "avx512"})
    phase = Phase("micro", 2, (plain, msgspec.structs.replace(plain, aa=True)))
    forced = msgspec.structs.replace(plain, path="avx2")
    assert matrix.with_counted_paths(phase, CATALOG, [told]).cases == (*phase.cases, forced)
