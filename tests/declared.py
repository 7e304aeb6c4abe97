"""The checkout's declarations, read once for all tests, and plans of made-up studies."""

from collections.abc import Iterable

from bench import catalog
from bench.model import Case, Phase, Plan, Study, Unavailable
from bench.plan.planned import selected

CATALOG = catalog.read()


def study_called(name: str) -> Study:
    """A minimal study of that name."""
    return Study(name=name, title=name, question="?", baseline="cpython", variants=("cpython",), workloads=("medium",))


def planned(study: Study, cases: Iterable[Case] = (), unavailable: Iterable[Unavailable] = ()) -> Plan:
    """A plan of a study with these cases, as stored in a session."""
    phases = (Phase("all", 1, tuple(cases)),)
    return Plan(study=study, catalog=selected(study, CATALOG), phases=phases, unavailable=tuple(unavailable))
