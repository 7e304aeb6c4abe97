"""What a person sees: a bar on a terminal, a line now and then elsewhere, and each failure at once."""

import io
import re
import time
from itertools import count
from typing import Any

import pytest
from rich.console import Console

from bench import progress
from bench.model import Case, MicroCase, Run, SizeCase, Stack
from bench.progress import Progress

MICRO = MicroCase(variant="cpython", workload="medium")
SIZE = SizeCase(stack=Stack(variant="cpython", framework="falcon", server="bjoern"))


def expected(_: Case) -> float:
    """Seconds of any case."""
    return 2.5


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def plain(said: io.StringIO) -> Progress:
    """As in a log file: no terminal."""
    return Progress(Console(file=said, width=80))


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is due at once."""
    monkeypatch.setattr(progress, "LINE_EVERY_SECONDS", -1.0)


def run(case: Case, seconds: float, **changes: Any) -> Run:
    kept = {"verdict": "pass"} | changes
    return Run(case=case, block=0, started="", seconds=seconds, **kept)


def lines(said: io.StringIO) -> list[str]:
    return [" ".join(line.split()) for line in said.getvalue().splitlines()]


def test_it_begins_with_an_estimate(plain: Progress, said: io.StringIO) -> None:
    with plain.measuring(700, expected):
        pass
    assert lines(said) == ["about 12 min of measuring; Ctrl-C keeps finished runs"]


@pytest.mark.usefixtures("always")
def test_off_a_terminal_it_writes_lines_that_count_up(plain: Progress, said: io.StringIO) -> None:
    with plain.measuring(4 * 2.5, expected):
        for _ in range(4):
            plain.case(MICRO, None)
            plain.case(MICRO, run(MICRO, 2.5))
    shares = [int(line.split("%")[0]) for line in lines(said)[1:]]
    assert shares == [0, 25, 25, 50, 50, 75, 75, 100]
    assert all("micro cpython" in line for line in lines(said)[1:])
    assert lines(said)[-1].startswith("100% 0 s left")


def test_off_a_terminal_lines_are_few(plain: Progress, said: io.StringIO) -> None:
    with plain.measuring(100, expected):
        for _ in range(50):
            plain.case(MICRO, None)
            plain.case(MICRO, run(MICRO, 2))
    assert len(lines(said)) == 1


@pytest.mark.usefixtures("always")
def test_the_estimate_learns_from_what_was_measured(plain: Progress, said: io.StringIO) -> None:
    with plain.measuring(10 * 2.5, expected):
        plain.case(MICRO, run(MICRO, 3 * 2.5))
    assert lines(said)[-1].startswith(f"10% {9 * 3 * 2.5:.0f} s left")


@pytest.mark.usefixtures("always")
def test_what_an_earlier_start_measured_counts_as_done(plain: Progress, said: io.StringIO) -> None:
    with plain.measuring(10 * 2.5, expected):
        for _ in range(5):
            plain.skipped(MICRO)
        plain.case(MICRO, None)
    assert lines(said)[-1].startswith(f"50% {5 * 2.5:.0f} s left")


@pytest.mark.usefixtures("always")
def test_taking_longer_than_planned_leaves_nothing_rather_than_less(plain: Progress, said: io.StringIO) -> None:
    with plain.measuring(1, expected):
        for _ in range(9):
            plain.case(SIZE, run(SIZE, 60))
    assert " 0 s left" in lines(said)[-1]


@pytest.mark.parametrize("terminal", [False, True])
def test_it_never_passes_100_percent(said: io.StringIO, monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    minutes = count()
    monkeypatch.setattr(time, "monotonic", lambda: 60.0 * next(minutes))
    shown = Progress(Console(file=said, width=80, force_terminal=terminal))
    with shown.measuring(10, expected):
        for _ in range(9):  # 22.5 seconds where 10 were planned
            shown.case(MICRO, None)
            shown.case(MICRO, run(MICRO, 5))
            assert max(task.percentage for task in shown._bar.tasks) <= 100
    assert not terminal or shown._bar.tasks[0].percentage == 100
    assert terminal or max(int(share) for share in re.findall(r"(\d+)%", said.getvalue())) == 100


@pytest.mark.usefixtures("always")
def test_another_session_begins_anew(plain: Progress, said: io.StringIO) -> None:
    for _ in range(2):
        with plain.measuring(2 * 2.5, expected):
            plain.case(MICRO, run(MICRO, 2.5))
    assert [line.split("%")[0] for line in lines(said) if "%" in line] == ["50", "50"]


def test_a_failure_is_said_at_once_and_whole(plain: Progress, said: io.StringIO) -> None:
    reason = "wrong answer to POST /statements, document 3 of the check set: [status 500], 12 bytes"
    plain.case(MICRO, run(MICRO, 1, verdict="failed", reason=reason))
    assert lines(said) == [f"failed: micro cpython medium: {reason}"]


def test_a_quick_step_is_not_worth_a_line(plain: Progress, said: io.StringIO) -> None:
    with plain.step("interpreter cpython-3.11"):
        pass
    assert said.getvalue() == ""


def test_on_a_terminal_there_is_a_bar_and_the_step_that_runs(said: io.StringIO) -> None:
    shown = Progress(Console(file=said, force_terminal=True, width=100))
    with shown.step("build nuitka"):
        pass
    assert "build nuitka" in said.getvalue()
    with shown.measuring(60, expected):
        shown.case(MICRO, None)
        shown.case(MICRO, run(MICRO, 2))
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.getvalue())
    assert "micro cpython" in text
    assert " left" in text
    assert "━" in text
