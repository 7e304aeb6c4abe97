"""The answer of a study that ranks stacks: the best for a kind of work, and what the nearest others cost."""

from __future__ import annotations

from collections.abc import Iterator

from bench.analysis.text import number, times
from bench.catalog import pairing
from bench.report import naming
from bench.report.ranking import Ranked
from bench.report.rows import Finding
from bench.report.wording import fitting, framework

USUAL = "gunicorn-sync"  # the server that most readers have: an answer names it where it was measured
NEAR = 1.1  # of the best's cost: what is further behind is no rival, only undecided
RIVALS = 2  # most stacks that an answer names beside the best as no worse


def answer(finding: Finding) -> str:
    """The best stack for a workload, those not significantly worse, and the best of other servers or frameworks."""
    lead = f"{naming.work(finding)}{_only_core(finding)}: "
    if not finding.ranking:
        return fitting(f"{lead}no stack has a figure")
    best, *rest = finding.ranking
    own = _group(finding, best)
    near = {_group(finding, each): each for each in reversed(rest) if _is_near(each)}
    rivals = [naming.stack(finding, each.stack) for group, each in reversed(near.items()) if group != own]
    told = naming.stack(finding, best.stack)
    if len(rivals) > RIVALS:
        told += f" or one of {len(rivals)} others (undecided)"
    else:
        told = " or ".join(filter(None, (", ".join([told, *rivals][:-1]), [told, *rivals][-1])))
    return fitting(f"{lead}{told}", _costs(finding, best, [each for each in rest if _group(finding, each) not in near]))


def _only_core(finding: Finding) -> str:
    """The core of all stacks, if it is a rewritten one: the faster the core, the further servers lie apart."""
    cores = {row.core.variant: row.core for row in finding.rows}
    (core, *others) = cores.values() or [None]
    return f" with {naming.core(finding, core)}" if core and not others and core.rewritten else ""


def _costs(finding: Finding, best: Ranked, rest: list[Ranked]) -> Iterator[str]:
    """What the best stack of each other group costs, the usual server's second at the latest."""
    first: dict[str, Ranked] = {}
    for each in rest:
        if _group(finding, each) != _group(finding, best) and each.behind.significant:
            first.setdefault(_group(finding, each), each)
    chosen = list(first.values())
    usual = next((each for each in rest if each.stack.label == USUAL and each.behind.significant), None)
    if usual and best.stack.label != USUAL:
        others = [each for each in chosen if each.stack.label != USUAL and each.by == "cpu"]
        chosen = [*others[:1], usual, *others[1:]]
    costs = " costs"
    for each in chosen:
        name = _name(finding, each, best)
        if each.by == "rate" and each.figures.rate.value and best.figures.rate.value:
            yield f"{name} answers {number(each.figures.rate.value)}/s instead of {number(best.figures.rate.value)}"
        elif each.behind.ratio:
            yield f"{name}{costs} {times(each.behind.ratio)}"
            costs = ""


def _is_near(each: Ranked) -> bool:
    """Whether a stack may be as good as the best: not significantly behind, and not far behind by its estimate."""
    ratio = each.behind.ratio
    return not each.behind.significant and (ratio is None or ratio.estimate < NEAR)


def _name(finding: Finding, each: Ranked, best: Ranked) -> str:
    """A stack that is not the best: its server, and its framework if the best has another; or all of it.

    Where the study has one server, it is the framework alone.
    """
    if finding.is_of_an_application or finding.compares_cores:
        return naming.stack(finding, each.stack)
    if _one_server(finding):
        return framework(each.stack.framework)
    other = framework(each.stack.framework) != framework(best.stack.framework)
    return " ".join(filter(None, (naming.server(finding, each.stack), naming.beside(each.stack) if other else "")))


def _group(finding: Finding, each: Ranked) -> str:
    """What one stack stands for: its server program, its framework where the study has one server, else itself."""
    if finding.is_of_an_application or finding.compares_cores:
        return str(each.stack)
    if _one_server(finding):
        return each.stack.framework
    return pairing.server_for(finding.catalog, each.stack).server


def _one_server(finding: Finding) -> bool:
    return len(finding.study.servers) == 1
