"""The answer to a study's question: at most three sentences, made from its figures by its kind.

`bench.report.wording` limits each sentence in words and numbers. It names significant differences only.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bench.analysis.text import number
from bench.report import (
    against,
    deliveries,
    drift,
    layers,
    limits,
    loads,
    naming,
    ranked,
    replacements,
    robustness,
    selftest,
    settings,
    speedups,
    suites,
    validators,
    versions,
)
from bench.report.rows import Finding
from bench.report.targets import TargetResult, counts
from bench.report.wording import MICRO, fitting, scaled

MOST = 3  # answers of a study


def answers(finding: Finding) -> tuple[str, ...]:
    """The answers of the whole study."""
    return tuple(islice(_all(finding), MOST))


def answer(finding: Finding) -> tuple[str, ...]:
    """The answers for one workload: one if the study has several."""
    several = len(finding.study.workloads) > 1
    return tuple(islice(_of_workload(finding, f"{naming.work(finding)}: " if several else ""), 1 if several else MOST))


def _all(finding: Finding) -> Iterator[str]:
    """A self-test, factors, layers, settings and targets of cores answer for the study, all else for each workload."""
    if finding.study.selftest and finding.selftest:
        yield from selftest.answers(finding.selftest)
    elif finding.drift:
        yield from drift.answers(finding.drift)
    elif finding.layered.rows:
        yield from layers.answers(finding)
    elif finding.attacked:
        yield from robustness.answers(finding.attacked)
    elif finding.replaced:
        yield from replacements.answers(finding)
    elif finding.delivered:
        yield from deliveries.answers(finding)
    elif finding.limited:
        yield from limits.answers(finding)
    elif settings.only_settings(finding.targets):
        yield from settings.answers(finding)
    elif finding.targets and not finding.rows:
        yield from _targets(finding)
    elif validators.compared(finding):
        yield from validators.answers(finding)
    else:
        yield from _of_each(finding)


def _of_each(finding: Finding) -> Iterator[str]:
    if finding.tested:
        yield suites.sentences(finding.tested)
    for each in finding.each:
        yield from answer(each)
    beside = against.beside(finding) if finding.study.peers else None
    yield from [beside] if beside else []


def _of_workload(finding: Finding, lead: str) -> Iterator[str]:
    study = finding.study
    if study.open:
        yield loads.answer(finding)
    elif study.peers and finding.rows:
        yield against.answer(finding)
    elif versions.compared(finding):
        yield from versions.answers(finding, lead)
    elif study.micro and len(finding.cores) > 1:
        found = list(speedups.answers(finding, lead))
        yield from found[: MOST - finding.ranks_stacks]
        yield from [ranked.answer(finding)] if finding.ranks_stacks else []
    elif study.macro:
        yield ranked.answer(finding)
        yield from _tail(finding)
    else:
        yield from speedups.answers(finding, lead)


def _tail(finding: Finding) -> Iterator[str]:
    """Where the 99th percentile at the common rate is least and most, if the study drives all its stacks at it."""
    plan = finding.study.latency
    known = [each for each in finding.latencies if each.is_common and each.percentiles["p99"].figure.value is not None]
    if not plan or not plan.all or len(known) < 2:
        return
    least = min(known, key=lambda each: max(each.percentiles["p99"].servers))  # surely low, not the least by chance
    most = max(known, key=lambda each: min(each.percentiles["p99"].servers))
    ends = [
        f"{scaled(each.percentiles['p99'].figure, MICRO)} µs on {naming.advised(finding, each.stack)}"
        for each in (least, most)
    ]
    yield fitting(f"p99 at {number(known[0].rate)} requests per second each: from {' to '.join(ends)}")


def _targets(finding: Finding) -> Iterator[str]:
    """How many targets are met, then the range of the first ones over their workloads."""
    met, *others = counts(finding.targets) or ["none has a limit"]
    yield fitting(f"Targets: {met}", others, ", ")
    titled: dict[str, list[TargetResult]] = {}
    for row in finding.targets:
        if row.value is not None and row.comparison:
            titled.setdefault(row.target.title, []).append(row)
    for title, rows in titled.items():
        low, high = (number(end(row.value or 0.0 for row in rows)) for end in (min, max))
        limit = rows[0].limit
        yield fitting(
            f"{title}: {low}× to {high}×" if low != high else f"{title}: {low}×", [f"target {limit}"] if limit else []
        )
