"""Make a machine ready for a plan.

A part that is unavailable, fails or answers wrong becomes an `Unavailable` record, and the rest goes on.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench import verify
from bench.host import machine
from bench.model import Artifact, Plan, Ready
from bench.plan import selection
from bench.progress import Progress
from bench.readiness import building, instruments, servers


def make_ready(plan: Plan, progress: Progress, cases: Path = verify.GOLDEN) -> Ready:
    """Make this machine ready for the plan. Returns its state."""
    study, catalog = plan.study, plan.catalog
    reference = catalog.interpreter_of(study.baseline).name if study.interpreters else None
    asked, served = selection.subjects(study), selection.servers(study)
    built, unavailable = building.prepare(catalog, asked, progress, served, cases, reference=reference)
    untuned = servers.tunings_missing(plan)
    unavailable += untuned.values()
    for name, made in built.items():
        if isinstance(made, Artifact):
            unpacked = servers.packages_missing(plan, name, progress) | servers.places_missing(plan, name, progress)
            unavailable += unpacked.values()
            built[name] = msgspec.structs.replace(made, lacks=made.lacks | untuned | unpacked)
    instruments.bring_documents(plan, progress)
    unavailable += instruments.additions_missing(plan, built, progress)
    missing = instruments.phases_missing(plan, progress)
    unserved = servers.backends_missing(plan, built, progress) if served else {}
    unavailable += [each for workloads in unserved.values() for each in workloads.values()]
    return Ready(
        machine=machine.describe(), artifacts=built, unavailable=tuple(unavailable), missing=missing, unserved=unserved
    )
