"""study → the subjects, servers and stacks that it selects, the unsupported ones, and the backend of each case."""

from __future__ import annotations

from collections.abc import Iterator

from bench.catalog import factors, pairing
from bench.model import Case, Catalog, Instrument, Stack, Study, Unavailable, server_name


def subjects(study: Study) -> list[str]:
    """The names of everything the study runs: variants, yardsticks of its targets, peers."""
    targets = [name for each in study.targets for name in (each.variant, each.against and each.against.variant) if name]
    runtimes = study.sizing.runtimes if study.sizing else ()
    return list(dict.fromkeys([*study.variants, *targets, *study.peers, *runtimes]))


def servers(study: Study) -> tuple[str, ...]:
    """The servers that the study needs, without tunings and places; none if it measures only cores."""
    served = (study.sizes, study.macro, study.suite, study.robustness, study.limited, study.shared, study.replaced)
    asked = study.servers if any(served) else ()
    needed = [*asked, *([study.startup.server] if study.startup and study.startup.server else [])]
    return tuple(dict.fromkeys(server_name(name).label for name in needed))


def stacks(study: Study, catalog: Catalog, behind: tuple[str, ...] | None = None) -> Iterator[Stack]:
    """Every supported stack of the study; with `behind`, stacks of those servers instead of the study's."""
    for stack in _all_stacks(study, behind or study.servers):
        if pairing.unsupported(catalog, stack) is None:
            yield stack


def unsupported(study: Study, catalog: Catalog) -> list[Unavailable]:
    """The unsupported stacks, instruction counts and factors, each with its reason."""
    reasons = {stack: pairing.unsupported(catalog, stack) for stack in _all_stacks(study, study.servers)}
    found = [_declared(str(stack), why.reason, stack) for stack, why in reasons.items() if why]
    uncounted = {name: pairing.uncountable(catalog, name) for name in study.variants} if study.instructions else {}
    for name, reason in uncounted.items():
        found += [_declared(f"{name}: instructions", reason, Stack(variant=name), "instructions")] if reason else []
    fixed = {name: factors.why_not(name) for name in factors.FACTORS} if study.factors else {}
    found += [
        Unavailable(what=f"factor {name}", reason=reason, kind="unsupported")
        for name, reason in fixed.items()
        if reason
    ]
    return found


def backend_of(case: Case, catalog: Catalog) -> str | None:
    """The backend of a case's stack: the one that its workload waits for, or that its server's tuning needs, if any."""
    if case.stack is None:
        return None
    tuning = pairing.tuning_of(catalog, case.stack)
    waits_for = catalog.workloads[case.workload].backend if case.workload else None
    return waits_for or (tuning.backend if tuning else None)


def _all_stacks(study: Study, servers: tuple[str, ...]) -> Iterator[Stack]:
    for server in servers:
        for framework in study.frameworks_on(server):
            for variant in study.variants:
                yield Stack(variant=variant, framework=framework, server=server)
    for peer in study.peers if servers else ():
        yield Stack(variant=peer)


def _declared(what: str, reason: str, of: Stack, instrument: Instrument | None = None) -> Unavailable:
    """The record of an unsupported stack, or of a variant that one instrument cannot measure."""
    return Unavailable(
        what=what,
        reason=reason,
        kind="unsupported",
        variant=of.variant,
        framework=of.framework or None,
        server=of.server or None,
        instrument=instrument,
    )
