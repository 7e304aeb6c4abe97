"""Studies: a question, a selection of cases, and the comparisons."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bench.model.base import Count, Declared
from bench.model.measurement_plan import (
    DeliveredPlan,
    FactorsPlan,
    InstructionsPlan,
    LatencyPlan,
    LayersPlan,
    LimitedPlan,
    MacroPlan,
    MicroPlan,
    OpenPlan,
    ReplacedPlan,
    RobustnessPlan,
    SelftestPlan,
    SettingsPlan,
    SharedPlan,
    SizingPlan,
    StartupPlan,
    SuitePlan,
)
from bench.model.place import server_name
from bench.model.target import Target


class Study(Declared, frozen=True, kw_only=True):
    """A question, a selection of cases, and the comparisons.

    With `interpreters`, each variant runs on each of them instead of its own. Each server runs with all `frameworks`,
    unless `frameworks_of` names those of a server, with or without a tuning. `only` is the variant or peer that the
    study was narrowed to. `words` are the arguments of `python -m bench` that measure it, if `run NAME` does not.
    `sessions` is how many sessions its page needs.
    """

    name: str
    title: str
    question: str
    baseline: str
    variants: tuple[str, ...]
    peers: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ("falcon",)
    servers: tuple[str, ...] = ()
    frameworks_of: dict[str, tuple[str, ...]] = {}
    workloads: Annotated[tuple[str, ...], Meta(min_length=1)]
    first_look: bool = False
    aa: bool = False
    instructions: InstructionsPlan | None = None
    micro: MicroPlan | None = None
    macro: MacroPlan | None = None
    open: OpenPlan | None = None
    latency: LatencyPlan | None = None
    startup: StartupPlan | None = None
    suite: SuitePlan | None = None
    layers: LayersPlan | None = None
    selftest: SelftestPlan | None = None
    factors: FactorsPlan | None = None
    robustness: RobustnessPlan | None = None
    limited: LimitedPlan | None = None
    shared: SharedPlan | None = None
    sizing: SizingPlan | None = None
    replaced: ReplacedPlan | None = None
    delivered: DeliveredPlan | None = None
    settings: SettingsPlan | None = None
    targets: tuple[Target, ...] = ()
    sizes: bool = False
    only: str | None = None
    words: str | None = None
    sessions: Count = 1

    def frameworks_on(self, server: str) -> tuple[str, ...]:
        """The names of the frameworks that run behind `server`."""
        named = server_name(server)
        declared = (self.frameworks_of.get(name) for name in (server, named.on_host, named.label))
        return next(filter(None, declared), self.frameworks)

    @property
    def command(self) -> str:
        """The command that measures it."""
        narrowed = f"run {self.name.removesuffix(f'-{self.only}')} --variant {self.only}"
        return f"python -m bench {self.words or (narrowed if self.only else f'run {self.name}')}"

    @property
    def loads(self) -> tuple[str, ...]:
        """The names of its loads, closed ones first."""
        closed = [name for workload in self.workloads for name in self.macro.loads_for(workload)] if self.macro else []
        later = (*(self.open.loads if self.open else ()), *((self.latency.load,) if self.latency else ()))
        within = (*((self.shared.load,) if self.shared else ()), *(self.limited.loads if self.limited else ()))
        return tuple(dict.fromkeys((*closed, *later, *within)))

    @property
    def limits(self) -> tuple[str, ...]:
        """The names of its limits."""
        pairs = (*(self.limited.beside if self.limited else ()), *(self.shared.pairs if self.shared else ()))
        alone = self.limited.alone if self.limited else ()
        seen = self.sizing.limits if self.sizing else ()
        return tuple(dict.fromkeys((*alone, *(name for pair in pairs for name in pair), *seen)))

    @property
    def ways(self) -> tuple[str, ...]:
        """The names of the ways in which its servers are replaced."""
        return self.replaced.ways if self.replaced else ()
