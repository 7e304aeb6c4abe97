"""The answer to a study's question, in sentences made of its figures; only significant differences are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.analysis.text import listed, number, seconds
from bench.catalog import pairing
from bench.model import Stack
from bench.report import latencies, loads, settings, suites, versions
from bench.report.against import against
from bench.report.claims import differ
from bench.report.estimates import LIMITED
from bench.report.ranking import Ranked, ranked_by
from bench.report.rows import Core, Finding, Row
from bench.report.targets import verdict
from bench.report.wording import judged

NAMED = 6  # stacks in a sentence
SEVERAL = 3  # so many places, and which one is best on each server is worth a sentence


def answers(finding: Finding) -> tuple[str, ...]:
    """The whole study's answer, sentence by sentence."""
    return tuple(sentence for paragraph in paragraphs(finding) for sentence in paragraph)


def paragraphs(finding: Finding) -> list[tuple[str, ...]]:
    """How many of the study's targets are met, what its suite says, then workload by workload, named if several.

    Of cores alone that are held against something, the targets are all there is to say; of settings, what they change.
    """
    if settings.only_settings(finding.targets):
        return [tuple(settings.words(finding.targets, finding.catalog))]
    told: list[tuple[str, ...]] = [(verdict(finding.targets),)] if finding.targets else []
    told += [(suites.words(finding.tested),)] if finding.tested else []
    for each in finding.each if finding.rows or not finding.targets else ():
        lead = f"{each.title}: " if finding.others else ""
        first, *rest = answer(each)
        told.append((f"{lead}{first}", *rest))
    together = loads.agreement(finding) if finding.study.open else ""
    return told + ([(together,)] if together else [])


def answer(finding: Finding) -> tuple[str, ...]:
    """Of one workload, which core wins by how much, what of that is left behind each server, and which stack is best.

    Where no variant is compared with another, there is nothing to say of cores; where interpreters are, it is of them.
    Where open loads go beyond capacity, it is of what breaks.
    """
    if finding.study.open:
        return loads.words(finding)
    compared = finding.study.micro is not None and len(finding.cores) > 1
    told = list(versions.words(finding)) if versions.compared(finding) else []
    told += [_cores(finding)] if not told and (compared or not finding.rows) else []
    told += _ranked(finding) if finding.ranks_stacks and finding.ranking else [_servers(finding), *_best(finding)]
    told += [*against(finding), *(() if versions.compared(finding) else _cold(finding))]
    told += [waited] if (waited := latencies.words(finding.latencies)) else []
    if finding.study.first_look:
        told[0] = f"A first look: {told[0][0].lower()}{told[0][1:]}"
    return tuple(told)


def _cores(finding: Finding) -> str:
    base = finding.baseline
    if finding.study.micro is None:
        return "Cores alone are not part of this study."
    if base.time.value is None:
        return f"The baseline, {base.title}, has no figure ({base.time.reason}), so nothing can be compared."
    best = next(filter(_is_faster, finding.cores), None)
    if best is None:
        return f"No variant is significantly faster than {base.title}{_slower(finding)}."
    lead = f"The fastest core is {best.title}"
    if best is not finding.cores[0]:
        lead = f"The fastest core that differs significantly is {best.title}"
    elif finding.lead.ratio and not finding.lead.significant and not finding.cores[1].baseline:
        lead = f"The fastest cores are {best.title} and {finding.cores[1].title} (no significant difference)"
    return f"{lead}, at {judged(best.speedup)} the speed of {base.title}{_untouched(best, finding)}."


def _is_faster(core: Core) -> bool:
    """Whether a core is significantly faster than the baseline."""
    found = core.speedup
    return not core.baseline and found.significant and found.ratio is not None and found.ratio.estimate > 1


def _untouched(best: Core, finding: Finding) -> str:
    """The best that the source gets without a rewrite, where the winner is one."""
    others = [core for core in finding.cores if not core.rewritten and not core.baseline and core.speedup.ratio]
    if not best.rewritten or not others:
        return ""
    runner = next(filter(_is_faster, others), None)
    if runner is None:
        return "; without a rewrite no variant is significantly faster"
    return f"; without a rewrite it is {runner.title}, at {judged(runner.speedup)}"


def _slower(finding: Finding) -> str:
    """The only other one, where nothing is faster than the baseline."""
    if len(finding.cores) != 2:
        return ""
    other = finding.cores[1]  # the fastest is the baseline, or not significantly faster
    return f"; {other.title} runs at {judged(other.speedup)} its speed" if other.speedup.significant else ""


def _servers(finding: Finding) -> str:
    measured = _measured(finding)
    if not measured:
        return "Behind a server nothing was measured."
    cheapest = f"{measured[0].stack} spends the least"
    if len(measured) > 1 and differ(finding, measured[0], measured[1]) is False:
        cheapest = f"{measured[0].stack} and {measured[1].stack} spend the least (no significant difference)"
    cheapest = f"{cheapest}: {_spent(measured[0])} a request"
    core = _compared(finding)
    behind = [_behind(row) for row in measured if row.core is core]
    speedup = f"the speed-up of {core.title} is {listed(behind)}; " if core and behind else ""
    return f"By server CPU per request, {speedup}{cheapest}."


def _compared(finding: Finding) -> Core | None:
    """The core whose speed-up behind servers is told: the winner, or the only other one where the baseline wins."""
    winner, *others = finding.cores
    if winner.baseline and len(others) == 1:
        return others[0]
    return None if versions.compared(finding) else next(filter(_is_faster, finding.cores), None)


def _ranked(finding: Finding) -> list[str]:
    """Where stacks are ranked: the best, what is not significantly behind it, and the best of each server."""
    best, *rest = finding.ranking
    beside = _named("equal to it within 5 %", [str(each.stack) for each in rest if each.behind.equal])
    beside += _named("undecided", [str(each.stack) for each in rest if each.behind.undecided])
    one_server = len(finding.study.servers) == 1
    first: dict[str, Ranked] = {}
    for each in finding.ranking:
        first.setdefault(each.stack.framework if one_server else _program(finding, each.stack), each)
    behind = [f"{each.stack} {judged(each.behind)}" for each in first.values() if each.behind.ratio]
    others = "with each other framework" if one_server else "on each other server"
    least = f" The best {others}, in units of that: {listed(behind)}." if behind else ""
    cpu, rate = best.figures.cpu.value, best.figures.rate.value
    told = [f"{seconds(cpu)} of server CPU a request"] if cpu else []
    told += [f"{number(rate)} answers a second"] if rate else []
    by = ranked_by(finding.catalog.workloads[finding.workload])
    return [f"By {by} {best.stack} is the best, with {listed(told)}{beside}.{least}"]


def _named(lead: str, stacks: list[str]) -> str:
    """Stacks by name, or how many where they are many."""
    named = listed(stacks) if len(stacks) <= NAMED else f"{len(stacks)} stacks (see the table)"
    return f"; {lead}: {named}" if stacks else ""


def _best(finding: Finding) -> Iterator[str]:
    """Where several servers were compared: the cheapest stack of each, and the largest capacity if another has it.

    Where the generator limited one stack, which has the largest capacity is unknown.
    """
    measured = _measured(finding)
    if len({row.place for row in measured}) < SEVERAL:
        return
    best: dict[str, Row] = {}
    for row in measured:
        best.setdefault(_program(finding, row.stack), row)
    yield f"The least on each server: {listed([f'{row.stack} {_spent(row)}' for row in best.values()])}."
    most = max(measured, key=lambda row: row.capacity.value or 0.0)
    limited = any(row.capacity.instead == LIMITED for row in measured)
    if most.capacity.value and most is not measured[0] and not limited:
        yield f"The largest capacity is that of {most.stack}: {number(most.capacity.value)} requests a second."


def _program(finding: Finding, stack: Stack) -> str:
    return pairing.server_for(finding.catalog, stack).server


def _measured(finding: Finding) -> Sequence[Row]:
    """The stacks that have a figure, the cheapest first."""
    return [row for row in finding.rows if row.cpu.value is not None]


def _spent(row: Row) -> str:
    return seconds(row.cpu.value or 0.0)


def _behind(row: Row) -> str:
    """The speed-up of a stack over the baseline behind the same server."""
    where = f"behind {row.place}"
    if row.speedup.ratio is None:
        return f"unknown {where} ({row.speedup.reason})"
    return f"{judged(row.speedup)} {where}"


def _cold(finding: Finding) -> Iterator[str]:
    """What warms up, how long that takes or that it does not end, and its first document against the baseline's."""
    base = finding.baseline
    for core in finding.cores:
        if core.shape not in {"warm-up", "no steady state"} or core.first.value is None:
            continue
        beside = f" ({base.title}: {seconds(base.first.value)})" if base.first.value and not core.baseline else ""
        settled = "reaches no steady state"
        if core.settled.value is not None:
            settled = f"is steady after {seconds(core.settled.value)} of work"
        first = f"the first document of a fresh process takes it {seconds(core.first.value)}{beside}"
        yield f"{core.title} {settled}; {first}."
