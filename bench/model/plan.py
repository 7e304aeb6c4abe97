"""A study with all that it is made of: what is measured, in which order, and what cannot be."""

from __future__ import annotations

from bench.model.base import Recorded
from bench.model.built import Unavailable
from bench.model.case import Case
from bench.model.catalog import Catalog
from bench.model.study import Study


class Phase(Recorded, frozen=True):
    """Cases measured by one instrument in `blocks` blocks; each block holds each case once, in random order.

    Blocks are numbered from `first` on.
    """

    name: str
    blocks: int
    cases: tuple[Case, ...]
    first: int = 0


class Plan(Recorded, frozen=True, kw_only=True):
    """A study with every declaration that it needs, its phases, and in `unavailable` what is declared to be impossible.

    A session stores the plan that it measures: its cases with their inputs' hashes, and all that is unavailable.
    Reports of a session read its own plan, not what the checkout declares by then.
    """

    study: Study
    catalog: Catalog
    phases: tuple[Phase, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()

    def phase(self, name: str) -> Phase | None:
        """The phase of that name, None if there is none."""
        return next((phase for phase in self.phases if phase.name == name), None)

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases of all phases."""
        return tuple(case for phase in self.phases for case in phase.cases)
