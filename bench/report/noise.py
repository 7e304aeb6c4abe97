"""The noise beside an answer: the machine's bias, the study's A/A pair, and the smallest detectable differences."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.comparison import Comparison, compared
from bench.analysis.selftest import Selftest
from bench.analysis.stats import POWER
from bench.analysis.text import listed, share
from bench.report import naming, ranking
from bench.report.rows import Finding
from bench.report.selftest import WHERE
from bench.report.wording import judged

WITHIN = "of a request within a process"


def once(finding: Finding) -> list[str]:
    """All sentences on the noise of a study. What holds for all its workloads is told once, the rest by workload."""
    told = [
        [
            _bias(each.selftest),
            _pair(each),
            _residual(each),
            ranking.extra_servers(each.session, each.workload),
            power(each),
        ]
        for each in finding.each
    ]
    found = []
    for kind in zip(*told, strict=True):
        by_text: dict[str, list[str]] = {}
        for each, text in zip(finding.each, kind, strict=True):
            by_text.setdefault(text, []).append(naming.work(each))
        found += _merged({text: titles for text, titles in by_text.items() if text}, len(by_text) > 1)
    return found


def _merged(by_text: dict[str, list[str]], several: bool) -> list[str]:
    """Sentences of several workloads as one where they begin alike: `Smallest …: 8 % (Greetings); 10 % (Waiting)`."""
    parts = [(text.rstrip(".").partition(": "), listed(titles)) for text, titles in by_text.items()]
    if len({lead for (lead, _, _), _ in parts}) == 1 and several:
        return [f"{parts[0][0][0]}: {'; '.join(f'{rest} ({titles})' for (_, _, rest), titles in parts)}."]
    return [f"{listed(titles)}: {text}" if several else text for text, titles in by_text.items()]


def power(finding: Finding) -> str:
    """The smallest detectable differences of this session, from the baseline or from the best."""
    alone = [core.speedup for core in finding.cores if not core.baseline]
    served = [row.speedup for row in finding.rows if not row.core.baseline]
    served = [each.behind for each in finding.ranking] if finding.ranks_stacks else served
    within = [row.slower for row in finding.layered.rows if not row.first]
    told = [*_smallest(alone, WHERE["micro"]), *_smallest(served, WHERE["macro"]), *_smallest(within, WITHIN)]
    lead = f"Smallest detectable difference ({share(POWER)} power)"
    if finding.replaced or finding.delivered:
        return ""  # their ratios have no noise floor
    return f"{lead}: {listed(told)}." if told else f"{lead}: unknown (no ratio has an interval)."


def _residual(finding: Finding) -> str:
    """The residual standard deviation of servers, which gives the intervals behind servers."""
    if finding.residual is None:
        return ""
    return f"Residual standard deviation of fresh servers over all stacks: {share(finding.residual)}."


def _smallest(comparisons: Sequence[Comparison], where: str) -> list[str]:
    smallest = [each.smallest for each in comparisons if each.smallest]
    return [f"{' to '.join(dict.fromkeys((share(min(smallest)), share(max(smallest)))))} {where}"] if smallest else []


def _bias(selftest: Selftest | None) -> str:
    """The bias and the false positives of the self-test, or the command that measures them."""
    tested = [each for each in selftest.equals if each.bias is not None] if selftest else []
    if selftest is None or not tested:
        return (
            "Bias of this machine: not measured, so significance rests on the intervals alone. "
            "To measure it: `python -m bench selftest`."
        )
    told = listed([f"{share(each.bias or 0.0)} {WHERE[each.instrument]}" for each in tested])
    significant = listed([f"{each.significant} of {each.comparisons} {WHERE[each.instrument]}" for each in tested])
    failed = "" if selftest.passed else ", FAILED"
    date = selftest.started[:10]
    return f"Bias of this machine (self-test of {date}{failed}): {told}. A/A false positives: {significant}."


def _pair(finding: Finding) -> str:
    """The ratio of the study's own A/A pair, and whether it raised the noise floor."""
    if finding.same is None:
        return ""
    told = f"A/A pair of this study ({finding.baseline.title}): {judged(compared(finding.same))}."
    bias = finding.selftest.bias("micro") if finding.selftest else None
    if finding.floor <= (bias or 0.0):
        return told
    return f"{told} Its interval excludes 1×, so no difference below {share(finding.floor)} is significant."
