"""The answers of a study that compares cores: what to change, what that brings, and what another interpreter costs."""

from __future__ import annotations

from collections.abc import Iterator

from bench.analysis.text import number, seconds, times
from bench.model import Catalog
from bench.report import naming
from bench.report.rows import Core, Finding
from bench.report.wording import MEGA, fitting

KINDS = {
    "source": "Rewrite the core",
    "codec": "Change the codec",
    "compiler": "Compile the source as it is",
    "interpreter": "Change the interpreter",
}


def answers(finding: Finding, lead: str = "") -> Iterator[str]:
    """The fastest core and its speed-up behind each server; what helps without a rewrite; another interpreter's price.

    `lead` names the workload, if the study has several.
    """
    base = finding.baseline
    if base.time.value is None:
        yield fitting(f"{lead}No answer: the baseline, {naming.core(finding, base)}, has no figure")
        return
    best = next(filter(is_faster, finding.cores), None)
    if best is None:
        yield _none(finding, lead)
    else:
        yield _best(finding, best, lead)
        if best.rewritten:
            yield _without_a_rewrite(finding)
    yield from _elsewhere(finding, named=best is None)


def is_faster(core: Core) -> bool:
    """Whether a core is significantly faster than the baseline."""
    found = core.speedup
    return not core.baseline and found.significant and found.ratio is not None and found.ratio.estimate > 1


def kind(catalog: Catalog, core: Core, baseline: Core) -> str | None:
    """The one of `KINDS` that a core changes; None for the baseline's own source on its interpreter."""
    own, base = catalog.variant(core.variant), catalog.variant(baseline.variant)
    if core.rewritten or own.codec:
        return "source" if core.rewritten else "codec"
    return "compiler" if own.compiler else "interpreter" if own.interpreter != base.interpreter else None


def _best(finding: Finding, best: Core, lead: str) -> str:
    """The fastest core, a second one if the two do not differ, and what is left behind each server."""
    name, second = naming.core(finding, best), _second(finding, best)
    found = kind(finding.catalog, best, finding.baseline)
    lead = lead or (f"{KINDS[found]}: " if found else "")
    told = f"{name} or {naming.core(finding, second)} is" if second else f"{name} is"
    return fitting(f"{lead}{told} {_times(best)} as fast", _served(finding, best, " remains"))


def _second(finding: Finding, best: Core) -> Core | None:
    """The core that does not differ significantly from the fastest; None without one."""
    if best is not finding.cores[0] or len(finding.cores) < 2 or finding.lead.significant:
        return None
    second = finding.cores[1]
    return second if is_faster(second) else None


def _none(finding: Finding, lead: str) -> str:
    """That no core is faster; the speed of the only other one, where it is slower."""
    others = [core for core in finding.cores if not core.baseline]
    stay = f"{lead}Stay with {naming.core(finding, finding.baseline)}"
    if len(others) != 1 or not others[0].speedup.significant:
        return fitting(f"{stay}: no variant is significantly faster")
    only = others[0]
    return fitting(
        f"{stay}: {naming.core(finding, only)} runs at {_times(only)} its speed", _served(finding, only), ", "
    )


def _served(finding: Finding, core: Core, verb: str = "") -> Iterator[str]:
    """The significant speed-ups of a core behind each server, the largest first."""
    for row in finding.rows:
        if row.core is core and row.speedup.significant and row.speedup.ratio:
            yield f"{times(row.speedup.ratio)}{verb} on {naming.server(finding, row.stack)}"
            verb = ""


def _without_a_rewrite(finding: Finding) -> str:
    """The fastest core of each kind that leaves the source as it is."""
    first: dict[str, Core] = {}
    for core in finding.cores:  # the fastest first
        found = kind(finding.catalog, core, finding.baseline)
        if found and not core.rewritten and is_faster(core):
            first.setdefault(found, core)
    if not first:
        return fitting("Without a rewrite: nothing is significantly faster")
    best, *others = first.values()
    told = [f"{naming.core(finding, core)} {_times(core)}" for core in others]
    return fitting(f"Without a rewrite: {naming.core(finding, best)} brings {_times(best)}", told, ", ")


def _elsewhere(finding: Finding, *, named: bool) -> Iterator[str]:
    """What another implementation of Python brings or costs: speed unless it is `named`, memory, time to be warm."""
    base = finding.baseline
    home = finding.catalog.interpreter_of(base.variant).implementation
    core = next(
        (
            core
            for core in finding.cores
            if core.time.value is not None and finding.catalog.interpreter_of(core.variant).implementation != home
        ),
        None,
    )
    if core is None:
        return
    name, memory = naming.core(finding, core), list(_memory(finding, core))
    if named and len(finding.cores) == 2:
        yield _cold(finding, core)
        yield from [fitting(f"{name} {memory[0]}")] if memory else []
        return
    lead = (
        f"{name} brings {_times(core)}"
        if is_faster(core)
        else f"Do not switch to {name}: it runs at {_times(core)} the speed"
    )
    if not core.speedup.significant:
        lead = f"{name} is no faster"
    settled = [f"is steady after {seconds(core.settled.value)}"] if core.settled.value else []
    yield fitting(lead, [*memory, *settled], ", ")


def _memory(finding: Finding, core: Core) -> Iterator[str]:
    """The most memory of a core behind a server, and the baseline's there."""
    held = [(row.memory.value, row.place) for row in finding.rows if row.core is core and row.memory.value is not None]
    if not held:
        return
    most, place = max(held)
    base = finding.row(finding.baseline, place)
    instead = f" instead of {number(base.memory.value / MEGA)} MB" if base and base.memory.value else ""
    yield f"holds {number(most / MEGA)} MB{instead}"


def _cold(finding: Finding, core: Core) -> str:
    """The first document of a fresh process, and when it is steady."""
    name, base = naming.core(finding, core), finding.baseline
    if core.first.value is None:
        return fitting(f"Cold: {name} has no figure")
    instead = f" instead of {seconds(base.first.value)}" if base.first.value else ""
    steady = f"steady after {seconds(core.settled.value)} of work" if core.settled.value else "no steady state"
    return fitting(f"Cold: {name} takes {seconds(core.first.value)} for a first document{instead}", [steady])


def _times(core: Core) -> str:
    return times(core.speedup.ratio) if core.speedup.ratio else "—"
