"""What deliveries may name, and what a study of deliveries may name."""

from __future__ import annotations

from bench.errors import LabError
from bench.model import Catalog, Study, pick
from bench.paths import ROOT


def check_sources(catalog: Catalog) -> None:
    """Raises LabError unless each delivery is of a known variant or peer, and all its source is in the checkout."""
    for delivery in catalog.deliveries.values():
        where = f"bench/deliveries/{delivery.name}.toml"
        known = {**catalog.variants, **catalog.peers}
        pick(known, delivery.subject, "variant or peer", f"{where}: subject")
        for origin in delivery.source:
            if not (ROOT / origin).exists():
                raise LabError(f"{where}: source: {origin!r} is not in the checkout")


def check(study: Study, where: str, catalog: Catalog) -> None:
    """Raises LabError unless each delivery is known, and its subject is one of the study."""
    for name in study.delivered.named if study.delivered else ():
        subject = pick(catalog.deliveries, name, "delivery", f"{where}: delivered.named").subject
        if subject not in (*study.variants, *study.peers):
            raise LabError(f"{where}: delivered.named: {name} delivers {subject}: add it to the study")
