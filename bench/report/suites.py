"""The cost of testing each framework: the duration of the test suite, and lines of code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bench.analysis.comparison import Comparison, as_a_family, compared, noise_floor, paired, whole
from bench.analysis.selftest import Selftest
from bench.analysis.stats import Ratio, blocked_ratio
from bench.analysis.text import number, times
from bench.model import Run, Session, Study
from bench.report.wording import MILLI, MOST_NUMBERS, fitting, framework, judged

PARTS = ("adapter", "client", "suite")
HEADING = (
    "framework", "tests", "suite, ms", "process, ms", "relative to the first", "lines, adapter", "lines, client",
)  # fmt: skip


class SuiteResult(msgspec.Struct, frozen=True, kw_only=True):
    """A framework under the suite: seconds of the `suite` and of the whole `process`, each a mean with its interval.

    `slower` is the time of the suite ÷ that with the study's first framework. `lines` counts lines of code of the
    framework's `adapter` and `client`, and of the shared `suite`. `reason`: why the times are missing.
    """

    framework: str
    tests: int | None = None
    suite: Ratio | None = None
    process: Ratio | None = None
    slower: Comparison
    lines: dict[str, int] = {}
    reason: str | None = None


def tested(study: Study, session: Session, runs: Iterable[Run], selftest: Selftest | None) -> tuple[SuiteResult, ...]:
    """The result of each framework in the study's order; none without a suite. The comparisons are one family."""
    if study.suite is None:
        return ()
    runs = [run for run in runs if run.case.instrument == "suite"]
    plain = [run for run in runs if not run.case.aa]
    own = {name: [run for run in plain if run.case.subject == name] for name in study.frameworks}
    first, *others = study.frameworks
    same = paired([run for run in runs if run.case.aa], own[first], "suite")
    floor = noise_floor(same, selftest.bias("micro") if selftest else None)
    held = as_a_family([_slower(own[first], own[name], floor) for name in others])
    rows = [Comparison(reason="the others are relative to it"), *held]
    lack = next((lack.reason for lack in session.unavailable if lack.covers(study.baseline)), None)
    return tuple(_row(name, own[name], slower, lack) for name, slower in zip(own, rows, strict=True))


def sentences(rows: Sequence[SuiteResult]) -> str:
    """The duration of the suite with each other framework, relative to the first one."""
    first, *others = rows
    if first.suite is None:
        return fitting(f"Tests: no answer, the suite has no figure with {framework(first.framework)}")
    known = [row for row in others if row.slower.ratio]
    lead = f"Time of the tests, relative to {framework(first.framework)}: "
    changed = [
        f"{framework(row.framework)} {times(row.slower.ratio)}"
        for row in known
        if row.slower.significant and row.slower.ratio
    ]
    if not changed:
        return fitting(f"{lead}{'no framework differs significantly' if known else 'no other framework has a figure'}")
    return fitting(f"{lead}{', '.join(changed[:MOST_NUMBERS])}")


def table(rows: Iterable[SuiteResult]) -> list[Sequence[str]]:
    """A row for each framework under `HEADING`."""
    return [HEADING, *map(_cells, rows)]


def _cells(row: SuiteResult) -> list[str]:
    if row.suite is None or row.process is None:
        return [row.framework, *["—"] * (len(HEADING) - 1)]
    compared_with = judged(row.slower) if row.slower.ratio else "1×"
    lines = [str(row.lines[part]) for part in ("adapter", "client")]
    return [row.framework, str(row.tests), *map(_between, (row.suite, row.process)), compared_with, *lines]


def _slower(first: Sequence[Run], other: Sequence[Run], floor: float) -> Comparison:
    found = paired(whole(other), whole(first), "suite")
    return compared(found, floor) if found else Comparison(reason="not measured")


def _row(name: str, runs: Sequence[Run], slower: Comparison, lack: str | None) -> SuiteResult:
    counted = whole(runs)
    if not counted:
        failed = next((run.told for run in runs if run.verdict != "pass"), None)
        return SuiteResult(framework=name, slower=slower, reason=failed or lack or "not measured")
    tests, *lines = (int(counted[-1].values(metric)[0]) for metric in ("tests", *(f"lines.{part}" for part in PARTS)))
    return SuiteResult(
        framework=name,
        tests=tests,
        suite=_mean(counted, "suite"),
        process=_mean(counted, "process"),
        slower=slower,
        lines=dict(zip(PARTS, lines, strict=True)),
    )


def _mean(runs: Sequence[Run], metric: str) -> Ratio:
    """The mean over processes with its interval, as the ratio to one second each."""
    return blocked_ratio([(run.values(metric), (1.0,)) for run in runs])


def _between(mean: Ratio) -> str:
    """A mean in milliseconds with the ends of its interval."""
    if mean.low is None or mean.high is None:
        return number(mean.estimate / MILLI)
    return f"{number(mean.estimate / MILLI)} ({number(mean.low / MILLI)}–{number(mean.high / MILLI)})"
