"""What stands beside the answer: the machine's bias and where that is from, and what this session could detect."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.comparison import Comparison, compared
from bench.analysis.selftest import Selftest
from bench.analysis.stats import POWER
from bench.analysis.text import listed, share
from bench.report import ranking
from bench.report.rows import Finding
from bench.report.wording import judged

WHERE = {"micro": "without a server", "macro": "behind a server"}


def noise(finding: Finding) -> str:
    """The machine's bias by its self-test, and the study's own A/A pair."""
    again = ranking.again(finding.session, finding.workload)
    return " ".join(filter(None, [f"{_bias(finding.selftest)}{_pair(finding)}", _residual(finding), again]))


def power(finding: Finding) -> str:
    """The smallest differences that this session could detect beyond the floor: from the baseline, or from the best."""
    alone = [core.speedup for core in finding.cores if not core.baseline]
    served = [row.speedup for row in finding.rows if not row.core.baseline]
    served = [each.behind for each in finding.ranking] if finding.ranks_stacks else served
    told = [*_smallest(alone, WHERE["micro"]), *_smallest(served, WHERE["macro"])]
    lead = f"Smallest detectable difference ({share(POWER)} power)"
    return f"{lead}: {listed(told)}." if told else f"{lead}: unknown, as no ratio has an interval."


def _residual(finding: Finding) -> str:
    """The residual standard deviation of servers, from which the intervals behind servers come."""
    if finding.residual is None:
        return ""
    return f"Fresh servers scatter by {share(finding.residual)} (residual standard deviation over all stacks)."


def _smallest(comparisons: Sequence[Comparison], where: str) -> list[str]:
    smallest = [each.smallest for each in comparisons if each.smallest]
    return [f"{' to '.join(dict.fromkeys((share(min(smallest)), share(max(smallest)))))} {where}"] if smallest else []


def _bias(selftest: Selftest | None) -> str:
    """What the self-test found; where it told of no bias, that claims rest on their intervals alone."""
    tested = [each for each in selftest.equals if each.bias is not None] if selftest else []
    if selftest is None or not tested:
        return (
            "Bias of this machine: untested, so claims rest on the intervals alone; `python -m bench selftest` "
            "measures it."
        )
    told = listed([f"{share(each.bias or 0.0)} {WHERE[each.instrument]}" for each in tested])
    significant = listed([f"{each.significant} of {each.comparisons} {each.instrument}" for each in tested])
    failed = "" if selftest.passed else ", FAILED"
    date = selftest.started[:10]
    return f"Bias of this machine: {told} (self-test of {date}{failed}; A/A false positives: {significant})."


def _pair(finding: Finding) -> str:
    """What the study's own pair of equals came to, and whether it raised the floor."""
    if finding.same is None:
        return ""
    told = f" A/A pair of this study, {finding.baseline.title} against itself: {judged(compared(finding.same))}."
    bias = finding.selftest.bias("micro") if finding.selftest else None
    if finding.floor <= (bias or 0.0):
        return told
    return f"{told} Its interval excludes 1×, so no difference below {share(finding.floor)} is claimed."
