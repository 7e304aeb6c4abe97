"""What several sessions say together: the ratio over them, and how many of their intervals overlap."""

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench import between, store
from bench.model import Run, Session
from bench.report.finding import find
from bench.report.rows import Finding
from tests.unit import sessions

STUDY = sessions.quick()
DAYS = ("2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27")


def runs(faster: float, variant: str = "cython-untouched") -> list[Run]:
    """The made-up session, its `variant` so many times as fast alone."""
    return [_scaled(run, faster) if run.case.variant == variant else run for run in sessions.runs(STUDY)]


def _scaled(run: Run, faster: float) -> Run:
    if run.case.instrument != "micro":
        return run
    scaled = [
        msgspec.structs.replace(each, values=tuple(value / faster for value in each.values))
        if each.metric == "time"
        else each
        for each in run.measurements
    ]
    return msgspec.structs.replace(run, measurements=tuple(scaled))


def session(day: int) -> Session:
    return msgspec.structs.replace(sessions.session(STUDY, []), started=f"{DAYS[day]}T13:00:00+00:00")


def findings(*faster: float) -> list[Finding]:
    """A session's finding for each factor by which the variant is faster there."""
    return [find(session(day), runs(each), STUDY) for day, each in enumerate(faster)]


def of(found: list[between.Repeated], subject: str) -> between.Repeated:
    return next(each for each in found if each.subject == subject)


def test_sessions_that_disagree_have_an_interval_far_wider_than_their_own() -> None:
    found = list(between.repeated(findings(1.0, 1.08, 1.15)))
    moved, still = of(found, "cython-untouched"), of(found, "cython")
    assert (moved.metric, len(moved.sessions)) == ("core alone, medium", 3)
    assert (moved.overlapping, moved.pairs) == (0, 3)
    assert moved.ratio.low < min(each.low for each in moved.sessions)
    assert moved.ratio.high > max(each.high for each in moved.sessions)
    assert (still.overlapping, still.pairs) == (3, 3)
    assert "cpython" not in {each.subject for each in found}, "the baseline is what the others are held against"


def test_two_sessions_are_told_side_by_side_without_an_interval_between_them() -> None:
    lines = list(between.told(list(between.repeated(findings(1.0, 1.08)))))
    assert lines[0] == "core alone, medium, times as fast as the baseline: 4 of 5 pairs of intervals overlap"
    (told,) = [line for line in lines if line.startswith("  cython-untouched:")]
    assert "over 2 sessions (no interval between fewer than 3); by session 1.2" in told
    assert any(line.startswith("server CPU a request, medium, closed, times as fast") for line in lines)


def test_what_one_of_the_sessions_lacks_is_left_out() -> None:
    whole = findings(1.0)[0]
    lacking = find(session(1), [run for run in runs(1.0) if run.case.variant != "numba"], STUDY)
    subjects = {each.subject for each in between.repeated([whole, lacking])}
    assert "cython" in subjects
    assert not {subject for subject in subjects if subject.startswith("numba")}


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    made = []
    for day in range(3):
        made.append(store.create(session(day), tmp_path))
        for run in runs(1.0 + day / 100):
            block = made[-1] / f"{run.case.instrument}-{run.block:03}"
            block.mkdir(exist_ok=True)
            store.save(block, run)
    return made


def test_stored_sessions_are_told_and_read_by_machines(folders: list[Path]) -> None:
    said, machines = (Console(file=io.StringIO(), width=200) for _ in range(2))
    assert between.show(said, STUDY, folders, json=False) == 0
    assert "cython-untouched: 1.2" in said.file.getvalue()
    between.show(machines, STUDY, folders, json=True)
    read = msgspec.json.decode(machines.file.getvalue(), type=list[between.Repeated])
    assert of(read, "cython").pairs == 3

