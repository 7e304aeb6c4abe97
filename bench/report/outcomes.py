"""The plot of a study's targets that are ratios: each subject relative to what its target names."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.comparison import Comparison
from bench.analysis.stats import Ratio
from bench.analysis.text import times
from bench.report import settings
from bench.report.dots import ALL, Dot, dots
from bench.report.drawing import Chart
from bench.report.rows import Finding
from bench.report.targets import TargetResult
from bench.report.wording import estimate, judged

COLOURS = {"met": "blue", "missed": "orange", "undecided": "grey"}


def ratios(finding: Finding, targets: Sequence[TargetResult]) -> dict[tuple[str, str], TargetResult]:
    """The targets of a workload that answer its study's question, by subject and metric.

    These are effects of settings, or ratios of cores that nothing serves. Other studies have a plot of stacks.
    """
    asked = settings.only_settings(targets) or not finding.rows
    found: dict[tuple[str, str], TargetResult] = {}
    for each in targets if asked else ():
        other = each.target.against and (each.target.against.stack or each.target.against.variant)
        if other and each.workload == finding.workload and each.comparison:
            found.setdefault((each.target.subject, each.target.metric), each)
    return found


def outcomes(found: dict[tuple[str, str], TargetResult], width: int, rows: slice = ALL) -> Chart:
    """Each ratio with its interval, a lane for each metric. Memory is hollow."""
    several = len({metric for _, metric in found}) > 1
    marks = [_dot(subject, metric if several else "", each) for (subject, metric), each in found.items()]
    return dots(marks, width, "relative to what the target names", rows)


def colour(each: TargetResult) -> str:
    """The colour of a target's outcome; without a limit, of its significance."""
    if each.outcome:
        return COLOURS[each.outcome]
    return "blue" if each.comparison and each.comparison.significant else "grey"


def _dot(subject: str, metric: str, each: TargetResult) -> Dot:
    found = each.comparison or Comparison()
    ratio = found.ratio or Ratio(estimate=1.0)
    limited = f", {each.outcome}, limit {each.limit}" if each.outcome else ""
    return Dot(
        row=subject,
        at=ratio.estimate,
        low=ratio.low or ratio.estimate,
        high=ratio.high or ratio.estimate,
        told=times(ratio) if each.outcome else estimate(found),
        hint=f"{each.target.title}: {judged(found)}{limited}",
        colour=colour(each),
        lane=metric,
        hollow=metric == "memory",
    )
