"""Progress on the terminal: the current step, the share that is done, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from bench.model import Case, Run

Expected = Callable[[Case], float]  # the expected seconds of a case
LINE_EVERY_SECONDS = 15.0  # how often a line is printed without a terminal


class Progress:
    """A bar on a terminal, lines elsewhere, on standard error. The estimate of the time left learns from the runs."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._planned = self._done = self._spent = 0.0
        self._expected: Expected = lambda _: 0.0
        self._said = time.monotonic()
        self._bar = Bar(
            BarColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.description}"),
            console=self._console,
            transient=True,
            auto_refresh=False,  # a refresh thread would disturb the generator's core
        )
        self._task = self._bar.add_task("", total=1.0, left="", visible=False)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """A step without an estimate. A terminal shows it at once; it is printed if it took over two seconds."""
        began = time.monotonic()
        with self._console.status(what) if self._console.is_terminal else _nothing():
            yield
        took = time.monotonic() - began
        if took > 2:
            self._console.print(f"{what}: {took:.0f} s", highlight=False)

    def say(self, what: str) -> None:
        """Print a line, above the bar if there is one."""
        self._console.print(what, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def measuring(self, seconds: float, expected: Expected) -> Iterator[None]:
        """Show a bar for a study of `seconds` expected seconds, with the seconds `expected` for each case."""
        self._planned, self._done, self._spent, self._expected = seconds, 0.0, 0.0, expected
        self.say(f"about {_minutes(seconds)} of measuring; Ctrl-C keeps finished runs")
        if self._console.is_terminal:
            self._bar.update(self._task, visible=True)
            self._bar.start()
        try:
            yield
        finally:
            if self._console.is_terminal:
                self._bar.stop()

    def case(self, case: Case, run: Run | None) -> None:
        """A case begins (`run` is None) or has ended. A failure is printed at once."""
        if run is None:
            self._show(case.label)
            return
        self._done += self._expected(case)
        self._spent += run.seconds / case.at_once
        if run.verdict == "failed":
            told = f"failed: {case.label}: {run.told}"
            self._console.print(told, style="red", markup=False, highlight=False, soft_wrap=True)
        self._show(case.label)

    def skipped(self, case: Case) -> None:
        """A case was measured by an earlier start of this session."""
        self._done += self._expected(case)
        self._spent += self._expected(case)

    def _show(self, label: str) -> None:
        pace = self._spent / self._done if self._done else 1.0
        done = min(self._done, self._planned)  # more is measured than planned where servers disagree
        left = _minutes((self._planned - done) * pace) + " left"
        self._bar.update(self._task, completed=done, total=self._planned, description=label, left=left)
        self._bar.refresh()
        due = time.monotonic() - self._said > LINE_EVERY_SECONDS
        if due and not self._console.is_terminal:
            self._said = time.monotonic()
            self.say(f"{done / max(self._planned, 1):4.0%}  {left:>12}  {label}")


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
