"""A study with its declarations, its phases of cases in order, and its unavailable parts."""

from __future__ import annotations

from bench.model.base import Recorded
from bench.model.built import Unavailable
from bench.model.case import Case
from bench.model.catalog import Catalog
from bench.model.study import Study


class Phase(Recorded, frozen=True):
    """Cases measured by one instrument in `blocks` blocks; each block holds each case once, in random order.

    Block numbers begin at `first`.
    """

    name: str
    blocks: int
    cases: tuple[Case, ...]
    first: int = 0

    @property
    def at_once(self) -> int:
        """How many of its cases run at the same time."""
        return max((case.at_once for case in self.cases), default=1)


class Plan(Recorded, frozen=True, kw_only=True):
    """A study with every declaration that it needs, its phases, and in `unavailable` its unsupported cases.

    A session stores its plan, with the hashes of its cases' inputs and with everything unavailable. Reports read the
    session's plan, never the current checkout.
    """

    study: Study
    catalog: Catalog
    phases: tuple[Phase, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()

    def phase(self, name: str) -> Phase | None:
        """The phase of that name; None if there is none."""
        return next((phase for phase in self.phases if phase.name == name), None)

    @property
    def is_of_an_application(self) -> bool:
        """Whether the study measures a user's application."""
        return self.catalog.variant(self.study.baseline).application is not None

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases of all phases."""
        return tuple(case for phase in self.phases for case in phase.cases)
