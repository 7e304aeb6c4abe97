"""study + catalogue → plan: the declarations that the study needs, its phases of cases, and what is unsupported."""

from __future__ import annotations

from msgspec.structs import replace

from bench.model import Catalog, Plan, Study, Yardstick
from bench.plan import matrix


def plan(study: Study, catalog: Catalog) -> Plan:
    """The plan of a study, made once: what is done and told afterwards takes it from there.

    It holds no open loads, which need the outcome of the closed ones (`bench.plan.contest`, `latency_loads`).
    """
    needed = selected(study, catalog)
    return Plan(
        study=study,
        catalog=needed,
        phases=tuple(matrix.phases(study, needed)),
        unavailable=tuple(matrix.unsupported(study, needed)),
    )


def selected(study: Study, catalog: Catalog) -> Catalog:
    """Of the catalogue what the study names, and what that names in turn; variants that were moved as they are there.

    Frameworks, servers and tunings are all there: every prefix is made of them.
    """
    named = {name: catalog.subject(name) for name in matrix.subjects(study)}
    variants = {name: catalog.variant(name) for name in named if name not in catalog.peers}
    targets = [name for each in study.targets for name in (*each.workloads, each.against and each.against.workload)]
    workloads = {name: catalog.workloads[name] for name in (*study.workloads, *targets) if name}
    loads = {name: catalog.loads[name] for name in study.loads}
    homes = {variant.interpreter for variant in variants.values()}
    backends = {workload.backend for workload in workloads.values()}
    return replace(
        catalog,
        interpreters={name: each for name, each in catalog.interpreters.items() if name in homes},
        variants={name: each for name, each in variants.items() if not isinstance(each, Yardstick)},
        yardsticks={name: each for name, each in variants.items() if isinstance(each, Yardstick)},
        peers={name: catalog.peers[name] for name in study.peers},
        backends={name: each for name, each in catalog.backends.items() if name in backends},
        workloads=workloads,
        loads=loads | {load.brief: catalog.loads[load.brief] for load in loads.values() if load.brief},
        studies={},
    )


def narrowed(study: Study, only: str, catalog: Catalog) -> Study:
    """The study with the variant or peer `only` and the baseline alone, kept under a name of its own."""
    if only in catalog.peers:
        chosen: dict[str, tuple[str, ...]] = {"variants": (study.baseline,), "peers": (only,)}
    else:
        only = catalog.at(only, study.interpreters[0]) if study.interpreters else only
        chosen = {"variants": tuple(dict.fromkeys((study.baseline, only))), "peers": ()}
    title = f"{study.title}: {catalog.subject(only).title}"
    return replace(study, name=f"{study.name}-{only}", title=title, only=only, **chosen)
