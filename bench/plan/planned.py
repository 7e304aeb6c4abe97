"""study + catalogue → plan: the declarations the study needs, its phases of cases, and its unsupported cases."""

from __future__ import annotations

from msgspec.structs import replace

from bench.model import Catalog, Plan, Study, Yardstick, server_name
from bench.plan import matrix, selection


def plan(study: Study, catalog: Catalog) -> Plan:
    """The plan of a study. Measuring and reporting read this plan, not the catalogue.

    Open loads are not in it: they depend on the outcome of closed ones (`bench.plan.contest`, `latency_loads`).
    """
    needed = selected(study, catalog)
    return Plan(
        study=study,
        catalog=needed,
        phases=tuple(matrix.phases(study, needed)),
        unavailable=tuple(selection.unsupported(study, needed)),
    )


def selected(study: Study, catalog: Catalog) -> Catalog:
    """The part of the catalogue that the study names, directly or through another declaration.

    All frameworks, servers and tunings are in it, because every prefix is made of them.
    """
    named = {name: catalog.subject(name) for name in selection.subjects(study)}
    variants = {name: catalog.variant(name) for name in named if name not in catalog.peers}
    targets = [name for each in study.targets for name in (*each.workloads, each.against and each.against.workload)]
    workloads = {name: catalog.workloads[name] for name in (*study.workloads, *targets) if name}
    loads = {name: catalog.loads[name] for name in study.loads}
    homes = {variant.interpreter for variant in variants.values()}
    tuned = [catalog.tunings[tuning] for name in study.servers if (tuning := server_name(name).tuning)]
    places = {server_name(name).place for name in study.servers} - {""}
    backends = {workload.backend for workload in workloads.values()} | {tuning.backend for tuning in tuned}
    return replace(
        catalog,
        interpreters={name: each for name, each in catalog.interpreters.items() if name in homes},
        variants={name: each for name, each in variants.items() if not isinstance(each, Yardstick)},
        yardsticks={name: each for name, each in variants.items() if isinstance(each, Yardstick)},
        peers={name: catalog.peers[name] for name in named if name in catalog.peers},
        layerings={name: catalog.layerings[name] for name in (study.layers.named if study.layers else ())},
        limits={name: catalog.limits[name] for name in study.limits},
        replacements={name: catalog.replacements[name] for name in study.ways},
        deliveries={name: catalog.deliveries[name] for name in (study.delivered.named if study.delivered else ())},
        backends={name: each for name, each in catalog.backends.items() if name in backends},
        places={name: catalog.places[name] for name in places if name in catalog.places},
        workloads=workloads,
        loads=loads | {load.brief: catalog.loads[load.brief] for load in loads.values() if load.brief},
        studies={},
    )


def narrowed(study: Study, only: str, catalog: Catalog) -> Study:
    """The study with only the baseline and one variant or peer, under a name of its own."""
    if only in catalog.peers:
        chosen: dict[str, tuple[str, ...]] = {"variants": (study.baseline,), "peers": (only,)}
    else:
        only = catalog.at(only, study.interpreters[0]) if study.interpreters else only
        chosen = {"variants": tuple(dict.fromkeys((study.baseline, only))), "peers": ()}
    title = f"{study.title}: {catalog.subject(only).title}"
    return replace(study, name=f"{study.name}-{only}", title=title, only=only, **chosen)
