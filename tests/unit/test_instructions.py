"""Counting instructions: which cases are counted, which are unsupported, and which are timed on the counted path."""

from pathlib import Path

import msgspec
import pytest

from bench.build import artifacts
from bench.errors import LabError
from bench.measure.instruments import instructions
from bench.model import InstructionsCase, InstructionsPlan, MicroCase, MicroPlan, Phase, Run, Study
from bench.plan import cores, matrix, selection
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


def test_instructions_are_counted_before_the_timing_which_needs_the_counted_paths() -> None:
    assert [(each.name, each.blocks) for each in matrix.phases(STUDY, CATALOG)] == [("instructions", 2), ("micro", 4)]


def test_a_jit_compiler_is_unsupported_and_not_a_case() -> None:
    assert [case.variant for case in phase("instructions").cases] == ["cpython", "cython", "numba"]
    (lack,) = selection.unsupported(STUDY, CATALOG)
    assert (lack.what, lack.kind == "unsupported", lack.kind == "failed") == ("pypy: instructions", True, False)
    assert "compiles at run time" in lack.reason
    assert selection.unsupported(msgspec.structs.replace(STUDY, instructions=None), CATALOG) == []


def test_a_core_that_took_another_path_under_callgrind_is_also_timed_on_that_path() -> None:
    runs = [
        counted("cpython"),
        counted("cython", path="avx2", timed_path="avx512"),
        counted("numba", path="generic", timed_path="generic"),
    ]
    cases = cores.with_counted_paths(phase("micro"), CATALOG, runs).cases
    assert cases[: len(phase("micro").cases)] == phase("micro").cases
    assert [(case.variant, case.path) for case in cases if case.path] == [("cython", "avx2")]
    first, last = cases[0], cases[-1]
    assert isinstance(first, MicroCase)
    assert isinstance(last, MicroCase)
    assert (last.values, last.loops, last.warmups) == (first.values, first.loops, first.warmups)
    assert len({case.identity for case in cases}) == len(cases)
    assert "on path avx2" in cases[-1].label


def test_without_counts_no_path_is_forced() -> None:
    assert cores.with_counted_paths(phase("micro"), CATALOG, []) == phase("micro")


def test_a_path_is_forced_with_the_variants_declared_variable() -> None:
    cython, numba, cpython = (CATALOG.variants[name] for name in ("cython", "numba", "cpython"))
    assert artifacts.path_environment(cython, "avx2") == {"CYTHON_CORE_PATH": "avx2"}
    assert artifacts.path_environment(cython, None) == {}
    assert artifacts.counting_environment(cython) == artifacts.counting_environment(cpython) == {}
    assert artifacts.counting_environment(numba) == {"NUMBA_CPU_NAME": "generic"}
    with pytest.raises(LabError, match="'cpython' has no selectable code path"):
        artifacts.path_environment(cpython, "avx2")


def test_the_total_of_a_profile(tmp_path: Path) -> None:
    profile = tmp_path / "profile.1"
    profile.write_text("version: 1\nevents: Ir\nfn=(1) transform\n12 700\n\ntotals: 73483198\n")
    assert instructions.total(profile) == 73_483_198
    profile.write_text("version: 1\nevents: Ir\n")
    for path in (profile, tmp_path / "profile.2"):
        with pytest.raises(LabError, match=f"wrote no count to {path.name}"):
            instructions.total(path)


def test_an_aa_case_is_not_timed_on_the_counted_path() -> None:
    plain = MicroCase(variant="cython", workload="medium")
    counted = InstructionsCase(variant="cython", workload="medium", documents=3, passes=2)
    run = sessions.run(counted, 0, facts={"path": "avx2", "timed_path": "avx512"})
    phase = Phase("micro", 2, (plain, msgspec.structs.replace(plain, aa=True)))
    forced = msgspec.structs.replace(plain, path="avx2")
    assert cores.with_counted_paths(phase, CATALOG, [run]).cases == (*phase.cases, forced)
