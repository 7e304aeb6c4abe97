"""Where a gain comes from: a study's best stack against its baseline, taken apart, in a sentence of its figures."""

from __future__ import annotations

from bench.analysis.text import listed, number
from bench.model import Catalog
from bench.report.claims import differ
from bench.report.rows import Core, Finding, Row
from bench.report.wording import estimate

KINDS = ("another source", "another codec", "a compiler on the same source", "another interpreter")


def gain(finding: Finding) -> str | None:
    """Of the workload whose requests cost the baseline the most; None where nothing was compared.

    What the servers bring is that of one core behind two of them, what the cores bring that of two behind one server.
    """
    heaviest = max(finding.each, key=lambda each: max(_spent(each), default=0.0))
    told = [*_stacks(heaviest), *_cores(heaviest)]
    lead = f"{heaviest.title}: " if finding.others else ""
    return f"{lead}{'; '.join(told)}." if told else None


def kind(catalog: Catalog, core: Core, baseline: Core) -> str | None:
    """Which of `KINDS` a core is; None for the baseline's own source on its interpreter."""
    own, base = catalog.variant(core.variant), catalog.variant(baseline.variant)
    if core.rewritten or own.codec:
        return KINDS[not core.rewritten]
    return KINDS[2] if own.compiler else KINDS[3] if own.interpreter != base.interpreter else None


def _spent(finding: Finding) -> list[float]:
    """Seconds of server CPU, or without a server of time, for each request or document of the baseline."""
    rows = [row.cpu.value for row in finding.rows if row.core.baseline and row.cpu.value is not None]
    return rows or [core.time.value for core in finding.cores if core.baseline and core.time.value is not None]


def _stacks(finding: Finding) -> list[str]:
    """From the baseline behind the study's first server to the cheapest stack: by the core, and by the server."""
    measured = [row for row in finding.rows if row.cpu.value is not None and not row.stack.is_peer]
    first = _behind(measured, finding.baseline, finding.places[0]) if measured else None
    if first is None or measured[0] is first or differ(finding, first, measured[0]) is False:
        return []
    best = measured[0]
    between = _behind(measured, best.core, first.place)
    told = f"{first.stack} spends {_fold(first, best)} the server CPU time that {best.stack} does"
    if between is None:
        return [told]
    if between is first or between is best:
        return [f"{told}, all by the {'server and framework' if between is first else 'core'}"]
    return [f"{told}: {_fold(first, between)} by the core, {_fold(between, best)} by the server and framework"]


def _cores(finding: Finding) -> list[str]:
    """The best of each kind of change to the core alone; nothing where there is one core."""
    base = finding.baseline
    best: dict[str, Core] = {}
    for core in finding.cores:  # the fastest first
        found = kind(finding.catalog, core, base)
        if found and not core.baseline and core.speedup.ratio:
            best.setdefault(found, core)
    told = [f"{_told(best[name])} from {name}" for name in KINDS if name in best]
    return [f"the core alone has {listed(told)}"] if told else []


def _told(core: Core) -> str:
    if not core.speedup.significant:
        return f"no significant gain ({core.title})"
    return f"{estimate(core.speedup)} ({core.title})"


def _behind(rows: list[Row], core: Core, place: str) -> Row | None:
    return next((row for row in rows if row.core is core and row.place == place), None)


def _fold(more: Row, less: Row) -> str:
    return f"{number((more.cpu.value or 0.0) / (less.cpu.value or 1.0))}×"
