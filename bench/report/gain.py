"""Where a gain comes from: the factors between a study's baseline and its best stack, in sentences."""

from __future__ import annotations

from bench.analysis.text import listed, number
from bench.model import Catalog, Stack
from bench.report.claims import differ
from bench.report.rows import Core, Finding, Row
from bench.report.wording import estimate

KINDS = ("another source", "another codec", "a compiler on the same source", "another interpreter")


def gain(finding: Finding) -> str | None:
    """The factors on the workload whose requests cost the baseline the most; None where nothing was compared.

    The factor of the core is that of two cores behind one server, the factor of the server that of one core behind two.
    """
    heaviest = max(finding.each, key=lambda each: max(_spent(each), default=0.0))
    told = [*_stacks(heaviest), *_cores(heaviest)]
    lead = f"{heaviest.title}. " if finding.others else ""
    return f"{lead}{' '.join(told)}" if told else None


def kind(catalog: Catalog, core: Core, baseline: Core) -> str | None:
    """The one of `KINDS` that a core is; None for the baseline's own source on its interpreter."""
    own, base = catalog.variant(core.variant), catalog.variant(baseline.variant)
    if core.rewritten or own.codec:
        return KINDS[not core.rewritten]
    return KINDS[2] if own.compiler else KINDS[3] if own.interpreter != base.interpreter else None


def _spent(finding: Finding) -> list[float]:
    """Seconds of the baseline: server CPU per request of its stacks, or without a server its time per document."""
    rows = [row.cpu.value for row in finding.rows if row.core.baseline and row.cpu.value is not None]
    return rows or [core.time.value for core in finding.cores if core.baseline and core.time.value is not None]


def _stacks(finding: Finding) -> list[str]:
    """From the baseline behind the study's first server to the cheapest stack: the factors of core and server.

    They are ratios of the means in the main table. The speed-ups beside these are means of ratios, and may differ in
    the third digit.
    """
    measured = [row for row in finding.rows if row.cpu.value is not None and not row.stack.is_peer]
    first = _behind(measured, finding.baseline, finding.places[0]) if measured else None
    if first is None or measured[0] is first or differ(finding, first, measured[0]) is False:
        return []
    best = measured[0]
    between = _behind(measured, best.core, first.place)
    told = f"{first.stack} uses {_fold(first, best)} the mean server CPU of {best.stack}"
    if between is None:
        return [f"{told}."]
    server = _changed(first.stack, best.stack)
    if between is first or between is best:
        return [f"{told}, all from the {server if between is first else 'core'} (ratio of means)."]
    core = _fold(first, between)
    return [f"{told}: {core} from the core and {_fold(between, best)} from the {server} (ratios of means)."]


def _changed(one: Stack, other: Stack) -> str:
    """The parts beside the core in which two stacks differ, such as `server and its tuning`."""
    tunings = [stack.server.partition("+")[2] for stack in (one, other)]
    parts = ["framework"] if one.framework != other.framework else []
    parts += ["server"] if one.label != other.label else []
    parts += ["its tuning" if "server" in parts else "server's tuning"] if len(set(tunings)) > 1 else []
    return listed(parts)


def _cores(finding: Finding) -> list[str]:
    """The best of each kind of change to the core alone; nothing for a single core."""
    base = finding.baseline
    best: dict[str, Core] = {}
    for core in finding.cores:  # the fastest first
        found = kind(finding.catalog, core, base)
        if found and not core.baseline and core.speedup.ratio:
            best.setdefault(found, core)
    told = [f"{_factor(best[name])} from {name} ({best[name].title})" for name in KINDS if name in best]
    return [f"Speed-up of the core alone: {listed(told)}."] if told else []


def _factor(core: Core) -> str:
    return estimate(core.speedup) if core.speedup.significant else "nothing significant"


def _behind(rows: list[Row], core: Core, place: str) -> Row | None:
    return next((row for row in rows if row.core is core and row.place == place), None)


def _fold(more: Row, less: Row) -> str:
    return f"{number((more.cpu.value or 0.0) / (less.cpu.value or 1.0))}×"
