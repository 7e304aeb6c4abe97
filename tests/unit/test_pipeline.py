"""The spine: what a session is, when one goes on, and what the exit status tells. Nothing is measured here."""

from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench import pipeline, store
from bench.errors import LabError, MissingError, RefusedError
from bench.measure import identity
from bench.measure.instruments import null
from bench.model import (
    Backend,
    Catalog,
    MacroCase,
    MicroCase,
    MicroPlan,
    Phase,
    Plan,
    Ready,
    Run,
    Session,
    Stack,
    Unavailable,
    Verdict,
)
from bench.plan.planned import plan
from bench.progress import Progress
from bench.readiness import setup
from bench.serve import backend
from tests.declared import CATALOG
from tests.unit import fakes, made
from tests.unit.fakes import HERE, STUDY, Bench


@pytest.fixture(autouse=True)
def own_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.keep_sessions(monkeypatch, tmp_path)


def phase(**inputs: str) -> Phase:
    cases = tuple(MicroCase(variant=name, workload="medium", inputs=inputs) for name in STUDY.variants)
    return Phase("micro", 3, cases)


def of(phase: Phase, *unavailable: Unavailable) -> Plan:
    """The plan of the study with that phase alone."""
    return Plan(study=STUDY, catalog=CATALOG, phases=(phase,), unavailable=unavailable)


def test_the_first_start_makes_a_session_with_its_machine_and_unavailable() -> None:
    lack = Unavailable(what="pypy", reason="not here")
    folder, session = pipeline.open_session(of(phase(), lack), False, HERE)
    assert [(kept, record.seed) for kept, record in store.sessions("trial")] == [(folder, session.seed)]
    assert session.plan.cases == phase().cases
    assert session.unavailable == (lack,)
    assert session.machine == HERE
    assert session.finished is None


def test_an_interrupted_session_goes_on_with_its_own_seed() -> None:
    folder, session = pipeline.open_session(of(phase()), False, HERE)
    again, resumed = pipeline.open_session(of(phase()), False, HERE)
    assert again == folder
    assert resumed.seed == session.seed
    assert resumed.finished is None


def test_a_finished_one_is_shown() -> None:
    folder, session = pipeline.open_session(of(phase()), False, HERE)
    done = store.finish(folder, session)
    shown, record = pipeline.open_session(of(phase()), False, HERE)
    assert shown == folder
    assert record.finished == done.finished


def test_a_changed_input_begins_another_session_and_keeps_the_first() -> None:
    first, _ = pipeline.open_session(of(phase(artifact="1")), False, HERE)
    second, session = pipeline.open_session(of(phase(artifact="2")), False, HERE)
    assert first != second
    assert [folder for folder, _ in store.sessions("trial")] == [first, second]
    assert session.plan.cases == phase(artifact="2").cases


def test_another_kind_of_machine_begins_a_session_of_its_own_and_each_goes_on_with_its_own() -> None:
    first, _ = pipeline.open_session(of(phase()), False, HERE)
    other = HERE | {"fingerprint": "1" * 16}
    second, session = pipeline.open_session(of(phase()), False, other)
    assert second != first
    assert session.machine == other
    assert pipeline.open_session(of(phase()), False, HERE)[0] == first


def test_force_measures_anew_and_keeps_what_was() -> None:
    folder, session = pipeline.open_session(of(phase()), False, HERE)
    store.finish(folder, session)
    anew, fresh = pipeline.open_session(of(phase()), True, HERE)
    assert anew != folder
    assert fresh.finished is None
    assert len(store.sessions("trial")) == 2


def test_only_what_is_built_is_measured() -> None:
    artifact = made.artifact("cpython")
    kept = identity.identify_plan(of(phase()), Ready(machine=HERE, artifacts={"cpython": artifact})).cases
    assert [case.variant for case in kept] == ["cpython"]
    assert kept[0].inputs["artifact"] == artifact.content_sha256[:16]


def test_what_a_front_lacks_is_not_measured_and_its_server_is() -> None:
    lacking = {"bjoern+nginx": Unavailable(what="*/*/bjoern+nginx", reason="no nginx", server="bjoern+nginx")}
    built = made.artifact("cpython", lacks=lacking)
    stacks = [Stack(variant="cpython", framework="bare", server=name) for name in ("bjoern+nginx", "bjoern")]
    loaded = Phase("macro", 1, tuple(MacroCase(stack=stack, workload="hello", load="brief") for stack in stacks))
    ready = Ready(machine=HERE, artifacts={"cpython": built}, unavailable=tuple(lacking.values()))
    placed = identity.identify_plan(of(loaded), ready)
    assert [str(case.stack) for case in placed.cases] == ["cpython/bare/bjoern"]
    assert [lack.what for lack in placed.unavailable] == ["*/*/bjoern+nginx"]


def test_code_that_changed_while_it_measured_is_told() -> None:
    now = identity.harness("micro")[:16]
    identity.require_unchanged(phase(harness=now))
    with pytest.raises(LabError, match="the code of micro changed during the session"):
        identity.require_unchanged(phase(harness="0" * 16))


# ---------------------------------------------------------------- exit status


def run(verdict: Verdict = "pass") -> Run:
    case = MicroCase(variant="cpython", workload="medium")
    return Run(case=case, block=0, started="", seconds=1.0, verdict=verdict, reason="so")


MISSING = Unavailable(what="pypy", reason="not here")
DECLARED = Unavailable(what="pypy/falcon/meinheld", reason="it cannot", kind="unsupported")
FAILED = Unavailable(what="nuitka", reason="it did not build", kind="failed")


@pytest.mark.parametrize(
    ("runs", "unavailable", "alone", "under_ci"),
    [
        ([run()], [], 0, 0),
        ([run()], [DECLARED], 0, 0),
        ([run()], [MISSING], 0, 1),
        ([run()], [FAILED], 1, 1),
        ([run(), run("failed")], [], 1, 1),
    ],
)
def test_the_exit_status_tells_of_failures_and_under_ci_of_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, runs: list[Run], unavailable: list[Unavailable], alone: int, under_ci: int
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert pipeline.status(runs, unavailable) == alone
    monkeypatch.setenv("CI", "true")
    assert pipeline.status(runs, unavailable) == under_ci


# ---------------------------------------------------------------- the whole way


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_a_study_is_measured_to_its_end_with_the_open_loads_of_the_best(bench: Bench) -> None:
    folder, session = bench.run()
    assert session.finished
    runs = store.runs(folder)
    assert len(runs) == len(bench.measured) == 3 * 2 + 1 + 2 + 1
    driven = [run.case for run in runs if run.case.rate is not None]
    assert [(case.variant, case.load, case.rate) for case in driven] == [("nuitka", "ramp", 1000.0)]
    assert all(run.case.inputs["harness"] for run in runs)


def test_finished_it_is_not_measured_again_unless_forced(bench: Bench) -> None:
    first, _ = bench.run()
    count = len(bench.measured)
    assert bench.run()[0] == first
    assert len(bench.measured) == count
    assert bench.run(force=True)[0] != first
    assert len(bench.measured) == 2 * count


def test_run_twice_it_has_two_finished_sessions_and_three_after_another_time(bench: Bench) -> None:
    for count in (2, 3):
        pipeline.run_twice(plan(STUDY, CATALOG), Progress(Console(file=bench.said)))
        assert [bool(session.finished) for _, session in store.sessions("trial")] == [True] * count


@pytest.mark.parametrize("compares", [True, False])
def test_a_study_of_interpreters_asks_for_those_that_are_built_like_the_baselines(bench: Bench, compares: bool) -> None:
    newest = msgspec.structs.replace(CATALOG.studies["newest"], macro=None, servers=())
    study = newest if compares else msgspec.structs.replace(newest, interpreters=())
    setup.make_ready(plan(study, CATALOG), Progress(Console(file=bench.said)))
    assert bench.likes.pop("cpython-3.11") is None
    assert {"cpython-3.12", "cpython-3.14t", "pypy-3.11"} < bench.likes.keys()
    assert set(bench.likes.values()) == {"cpython-3.11" if compares else None}


def test_an_interrupted_repetition_goes_on(bench: Bench) -> None:
    bench.run()
    bench.stop_after = len(bench.measured) + 4
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_twice(plan(STUDY, CATALOG), Progress(Console(file=bench.said)))
    bench.stop_after = None
    pipeline.run_twice(plan(STUDY, CATALOG), Progress(Console(file=bench.said)))
    assert [bool(session.finished) for _, session in store.sessions("trial")] == [True, True]


def test_sessions_are_brought_up_to_a_number_and_an_interrupted_one_goes_on(bench: Bench) -> None:
    progress = Progress(Console(file=bench.said))
    bench.run()
    each = len(bench.measured)
    bench.stop_after = 2 * each + 4  # within the third
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_times(plan(STUDY, CATALOG), progress, 3)
    bench.stop_after = None
    folders = pipeline.run_times(plan(STUDY, CATALOG), progress, 3)
    assert folders == [folder for folder, _ in store.sessions("trial")]
    assert len(folders) == 3
    assert 3 * each <= len(bench.measured) <= 3 * each + 1, "no session is measured twice"
    assert pipeline.run_times(plan(STUDY, CATALOG), progress, 2) == folders, "there are enough, so nothing is measured"
    assert "session 3 of 3" in bench.said.getvalue()


def test_sessions_of_other_cases_or_of_another_machine_are_not_counted(bench: Bench) -> None:
    pipeline.run_times(plan(STUDY, CATALOG), Progress(Console(file=bench.said)), 2)
    (first, _), (folder, record) = store.sessions("trial")
    store.write(folder / "session.json", msgspec.structs.replace(record, machine={"fingerprint": "f" * 16}))
    other = store.read(first / "session.json", Session)
    assert [found for found, _ in store.alike(other)] == [first]
    longer = msgspec.structs.replace(STUDY, micro=MicroPlan(processes=3, values=6))
    assert first not in pipeline.run_times(plan(longer, CATALOG), Progress(Console(file=bench.said)), 2)


@pytest.mark.parametrize("after", [0, 3, 7, 9])
def test_interrupted_anywhere_it_goes_on_where_it_was(bench: Bench, after: int) -> None:
    bench.stop_after = after
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    bench.stop_after = None
    folder, session = bench.run()
    assert session.finished
    told = f"continuing the interrupted session of {session.started}: {after} runs are measured"
    assert (told in bench.said.getvalue()) is (after > 0)
    assert len(store.runs(folder)) == 10
    assert len(store.sessions("trial")) == 1
    assert len(bench.measured) <= 12, "of a broken block no more than its one run is measured twice"


def test_interrupted_on_a_terminal_it_gives_the_cursor_back(bench: Bench) -> None:
    bench.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(plan(STUDY, CATALOG), Progress(Console(file=bench.said, force_terminal=True)))
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert bench.said.getvalue().rfind(shown) > bench.said.getvalue().rfind(hidden) > 0


def test_what_is_unavailable_is_listed_and_the_rest_goes_on(bench: Bench) -> None:
    bench.missing = {"pypy-3.11"}
    bench.broken = {"mypyc"}
    bench.wrong = {"cython-untouched"}
    names = ("cpython", "nuitka", "pypy", "mypyc", "cython-untouched")
    folder, session = bench.run(msgspec.structs.replace(STUDY, variants=names))
    unavailable = {lack.what: lack for lack in session.unavailable}
    assert set(unavailable) == {"pypy", "mypyc", "cython-untouched"}
    assert (unavailable["pypy"].reason, unavailable["pypy"].remedy) == ("no provider has it", "get it")
    assert unavailable["pypy"].kind == "unavailable"
    assert unavailable["mypyc"].kind == "failed"
    assert unavailable["mypyc"].reason == "`cc` failed with status 1; see build.log"
    assert unavailable["mypyc"].remedy == "python -m bench build mypyc"
    assert unavailable["cython-untouched"].kind == "failed"
    assert "1 of 94 cases wrong; the first: valid/a.json: expected 1" in unavailable["cython-untouched"].reason
    assert {run.case.variant for run in store.runs(folder)} == {"cpython", "nuitka"}


def test_without_a_load_generator_the_rest_is_measured(bench: Bench) -> None:
    bench.no_generator = MissingError("mvn is not here", "apt-get install maven")
    folder, session = bench.run()
    lack = Unavailable(what="all loads", reason="mvn is not here", remedy="apt-get install maven", instrument="macro")
    assert session.unavailable == (lack,)
    assert {run.case.instrument for run in store.runs(folder)} == {"micro"}
    bench.no_generator = None
    again, session = bench.run()
    assert again != folder
    assert session.unavailable == ()
    assert {run.case.instrument for run in store.runs(again)} == {"micro", "null", "macro"}


def test_without_a_null_server_the_rest_is_measured(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(variant: str) -> None:
        raise MissingError("libev is not here: /usr/include/ev.h", "sudo apt-get install libev-dev")

    monkeypatch.setattr(null, "provision", missing)
    folder, session = bench.run()
    assert [(lack.what, lack.remedy) for lack in session.unavailable] == [
        ("null server", "sudo apt-get install libev-dev")
    ]
    assert {run.case.instrument for run in store.runs(folder)} == {"micro", "macro"}


def test_without_a_back_end_the_workloads_that_do_not_wait_for_it_are_measured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: Catalog, backend: Backend, variant: str) -> None:
        if variant == "nuitka":
            raise MissingError("no driver", "bring it")

    monkeypatch.setattr(backend, "provision", missing)
    monkeypatch.setattr(backend, "fingerprint", lambda declared: declared.name)
    waiting = msgspec.structs.replace(STUDY, workloads=("hello", "wait-postgres"), micro=None, open=None)
    folder, session = bench.run(waiting)
    assert [(lack.what, lack.reason, lack.remedy) for lack in session.unavailable] == [
        ("nuitka/*/*, wait-postgres", "no driver", "bring it")
    ]
    driven = {(run.case.variant, run.case.workload) for run in store.runs(folder) if run.case.instrument == "macro"}
    assert driven == {("cpython", "hello"), ("nuitka", "hello"), ("cpython", "wait-postgres")}


def test_a_server_that_is_unavailable_beside_a_variant_is_listed_for_it(bench: Bench) -> None:
    bench.lacks = {
        "uwsgi-processes": Unavailable(what="uwsgi-processes", reason="no C compiler", server="uwsgi-processes")
    }
    folder, session = bench.run(msgspec.structs.replace(STUDY, servers=("gunicorn-sync", "uwsgi-processes")))
    assert [(lack.what, lack.reason, lack.remedy, lack.kind == "failed") for lack in session.unavailable] == [
        ("cpython/*/uwsgi-processes", "no C compiler", None, False),
        ("nuitka/*/uwsgi-processes", "no C compiler", None, False),
    ]
    assert all(lack.covers(lack.variant or "", "falcon", "uwsgi-processes") for lack in session.unavailable)
    assert not any(lack.covers("cpython", "falcon", "gunicorn-sync") for lack in session.unavailable)
    servers = {run.case.stack.server for run in store.runs(folder) if run.case.stack}
    assert servers == {"gunicorn-sync"}


def test_a_variant_that_is_there_at_last_is_measured_in_a_session_with_its_baseline(bench: Bench) -> None:
    bench.broken = {"nuitka"}
    first, _ = bench.run()
    bench.broken = set()
    second, session = bench.run()
    assert first != second
    assert session.unavailable == ()
    assert {run.case.variant for run in store.runs(second)} == {"cpython", "nuitka"}


def test_plans_and_runs_agree_on_what_is_measured(bench: Bench) -> None:
    folder, _ = bench.run()
    planned = sum(phase.blocks * len(phase.cases) for phase in plan(STUDY, CATALOG).phases)
    closed = [run for run in store.runs(folder) if run.case.rate is None]
    assert len(closed) == planned


def test_each_start_keeps_what_it_spent(bench: Bench) -> None:
    bench.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    bench.stop_after = None
    _, session = bench.run()
    assert len(session.accounts) == 2
    assert all(account.lab_seconds > 0 and account.wall_seconds > 0 for account in session.accounts)
    assert all(account.noise == () for account in session.accounts)


def test_a_machine_that_is_not_quiet_is_told_and_measured_or_refused(bench: Bench) -> None:
    bench.load = 0.5
    with pytest.raises(RefusedError, match="other processes use"):
        bench.run(strict=True)
    assert bench.measured == []
    _, session = bench.run()
    assert session.finished
    assert "not quiet (noted in the report): other processes use 0.50 of 2 cores" in bench.said.getvalue()
    assert session.accounts[-1].noise[0] == "other processes use 0.50 of 2 cores"
