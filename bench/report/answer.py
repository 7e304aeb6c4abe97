"""The answer to a study's question, in sentences made from its figures. It names significant differences only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.analysis.text import listed, number, seconds
from bench.catalog import pairing
from bench.model import Stack
from bench.report import against, latencies, loads, settings, suites, versions
from bench.report.claims import differ
from bench.report.estimates import LIMITED
from bench.report.ranking import Ranked, ranked_by
from bench.report.rows import Core, Finding, Row
from bench.report.targets import verdict
from bench.report.wording import judged

NAMED = 6  # most stacks that a sentence names
SEVERAL = 3  # fewest places for a sentence on the best of each server


def answers(finding: Finding) -> tuple[str, ...]:
    """The answer of the whole study, sentence by sentence."""
    return tuple(sentence for paragraph in paragraphs(finding) for sentence in paragraph)


def paragraphs(finding: Finding) -> list[tuple[str, ...]]:
    """The answer in paragraphs: the targets, the test suite, then each workload, named if there are several.

    A study whose targets have no limit answers with the effects of its settings alone. A study of cores alone that has
    targets answers with these.
    """
    if settings.only_settings(finding.targets):
        return [target_sentences(finding)]
    told = [target_sentences(finding)] if finding.targets else []
    told += [(suites.sentences(finding.tested),)] if finding.tested else []
    for each in finding.each if finding.rows or not finding.targets else ():
        lead = f"{each.title}. " if finding.others else ""
        first, *rest = answer(each)
        told.append((f"{lead}{first}", *rest))
    together = loads.agreement(finding) if finding.study.open else ""
    return told + ([(together,)] if together else [])


def target_sentences(finding: Finding) -> tuple[str, ...]:
    """The number of targets met, or the effects of the settings where no target has a limit."""
    if settings.only_settings(finding.targets):
        return tuple(settings.sentences(finding.targets, finding.catalog))
    return (verdict(finding.targets),)


def answer(finding: Finding) -> tuple[str, ...]:
    """The answer for one workload: the fastest core, its speed-up behind each server, and the best stacks.

    A study of open loads answers with what breaks, a study of several interpreters with their speeds. A study of one
    core has no sentence on cores.
    """
    if finding.study.open:
        return loads.sentences(finding)
    compared = finding.study.micro is not None and len(finding.cores) > 1
    told = list(versions.sentences(finding)) if versions.compared(finding) else []
    told += [_cores(finding)] if not told and (compared or not finding.rows) else []
    told += [_ranked(finding)] if finding.ranks_stacks and finding.ranking else [_servers(finding), *_best(finding)]
    told += [*against.sentences(finding), *(() if versions.compared(finding) else _cold(finding))]
    told += [latency] if (latency := latencies.sentence(finding.latencies)) else []
    if finding.study.first_look:
        told[0] = f"A first look: {told[0][0].lower()}{told[0][1:]}"
    return tuple(told)


def _cores(finding: Finding) -> str:
    base = finding.baseline
    if finding.study.micro is None:
        return "Cores alone are not part of this study."
    if base.time.value is None:
        return f"Nothing to compare: the baseline, {base.title}, has no figure ({base.time.reason})."
    best = next(filter(_is_faster, finding.cores), None)
    if best is None:
        return f"No variant is significantly faster than {base.title}.{_slower(finding)}"
    lead = f"The fastest core is {best.title}"
    if best is not finding.cores[0]:
        lead = f"The fastest core that differs significantly is {best.title}"
    elif finding.lead.ratio and not finding.lead.significant and not finding.cores[1].baseline:
        lead = f"The fastest cores are {best.title} and {finding.cores[1].title} (no significant difference)"
    return f"{lead}, at {judged(best.speedup)} the speed of {base.title}.{_untouched(best, finding)}"


def _is_faster(core: Core) -> bool:
    """Whether a core is significantly faster than the baseline."""
    found = core.speedup
    return not core.baseline and found.significant and found.ratio is not None and found.ratio.estimate > 1


def _untouched(best: Core, finding: Finding) -> str:
    """The fastest core without a rewrite, where the fastest of all is a rewrite."""
    others = [core for core in finding.cores if not core.rewritten and not core.baseline and core.speedup.ratio]
    if not best.rewritten or not others:
        return ""
    runner = next(filter(_is_faster, others), None)
    if runner is None:
        return " Without a rewrite, no variant is significantly faster."
    return f" Without a rewrite, it is {runner.title}, at {judged(runner.speedup)}."


def _slower(finding: Finding) -> str:
    """The speed of the only other core, where it is significantly slower than the baseline."""
    if len(finding.cores) != 2:
        return ""
    other = finding.cores[1]  # the fastest is the baseline, or not significantly faster
    return f" {other.title} runs at {judged(other.speedup)} its speed." if other.speedup.significant else ""


def _servers(finding: Finding) -> str:
    measured = _measured(finding)
    if not measured:
        return "No stack was measured behind a server."
    first = measured[0]
    beside = ""
    if len(measured) > 1 and differ(finding, first, measured[1]) is False:
        beside = f", no significant difference from {measured[1].stack}"
    core = _compared(finding)
    behind = [_behind(row) for row in measured if row.core is core]
    speedup = f"Speed-up by server CPU of {core.title}: {listed(behind)}. " if core and behind else ""
    return f"{speedup}Least server CPU per request: {_spent(first)} ({first.stack}{beside})."


def _compared(finding: Finding) -> Core | None:
    """The core whose speed-up is told for each server: the fastest, or the only other one if that is the baseline."""
    winner, *others = finding.cores
    if winner.baseline and len(others) == 1:
        return others[0]
    return None if versions.compared(finding) else next(filter(_is_faster, finding.cores), None)


def _ranked(finding: Finding) -> str:
    """For ranked stacks: the best, the stacks not significantly behind it, and the best of each server."""
    best, *rest = finding.ranking
    beside = _named("Equal within 5 %", [str(each.stack) for each in rest if each.behind.equal])
    beside += _named("Undecided", [str(each.stack) for each in rest if each.behind.undecided])
    one_server = len(finding.study.servers) == 1
    first: dict[str, Ranked] = {}
    for each in finding.ranking:
        first.setdefault(each.stack.framework if one_server else _program(finding, each.stack), each)
    behind = [f"{each.stack} {judged(each.behind)}" for each in first.values() if each.behind.ratio]
    others = "with each other framework" if one_server else "on each other server"
    least = f" Best stack {others}, relative to it: {listed(behind)}." if behind else ""
    cpu, rate = best.figures.cpu.value, best.figures.rate.value
    told = [f"{seconds(cpu)} of server CPU"] if cpu else []
    told += [f"{number(rate)} answers per second"] if rate else []
    by = ranked_by(finding.catalog.workloads[finding.workload])
    return f"Best by {by}: {best.stack} ({', '.join(told)}).{beside}{least}"


def _named(lead: str, stacks: list[str]) -> str:
    """A sentence that names stacks, or counts them where they are many; empty without any."""
    named = listed(stacks) if len(stacks) <= NAMED else f"{len(stacks)} stacks (see the table)"
    return f" {lead}: {named}." if stacks else ""


def _best(finding: Finding) -> Iterator[str]:
    """For several servers: the cheapest stack of each, and the largest capacity if another stack has it.

    The largest capacity is unknown where the generator limited a stack.
    """
    measured = _measured(finding)
    if len({row.place for row in measured}) < SEVERAL:
        return
    best: dict[str, Row] = {}
    for row in measured:
        best.setdefault(_program(finding, row.stack), row)
    yield f"Least on each server: {listed([f'{_spent(row)} ({row.stack})' for row in best.values()])}."
    most = max(measured, key=lambda row: row.capacity.value or 0.0)
    limited = any(row.capacity.instead == LIMITED for row in measured)
    if most.capacity.value and most is not measured[0] and not limited:
        yield f"Largest capacity: {number(most.capacity.value)} requests per second ({most.stack})."


def _program(finding: Finding, stack: Stack) -> str:
    return pairing.server_for(finding.catalog, stack).server


def _measured(finding: Finding) -> Sequence[Row]:
    """The stacks that have a figure, the cheapest first."""
    return [row for row in finding.rows if row.cpu.value is not None]


def _spent(row: Row) -> str:
    return seconds(row.cpu.value or 0.0)


def _behind(row: Row) -> str:
    """The speed-up of a stack relative to the baseline behind the same server."""
    where = f"behind {row.place}"
    if row.speedup.ratio is None:
        return f"unknown {where} ({row.speedup.reason})"
    return f"{judged(row.speedup)} {where}"


def _cold(finding: Finding) -> Iterator[str]:
    """For each core that warms up: its first document beside the baseline's, and when it is steady."""
    base = finding.baseline
    for core in finding.cores:
        if core.shape not in {"warm-up", "no steady state"} or core.first.value is None:
            continue
        beside = f" ({base.title}: {seconds(base.first.value)})" if base.first.value and not core.baseline else ""
        settled = "No steady state."
        if core.settled.value is not None:
            settled = f"Steady after {seconds(core.settled.value)} of work."
        yield f"{core.title}: first document of a fresh process in {seconds(core.first.value)}{beside}. {settled}"
