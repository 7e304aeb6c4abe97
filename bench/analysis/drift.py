"""The effect of each factor on a core's time from session to session, from runs at several levels of each factor.

Blocks are minutes apart with nothing changed, so time is a factor, too. Every block holds every level of every factor
in random order. The stored runs are the only input.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from statistics import mean

import numpy as np

from bench.analysis.components import Component, Table, components
from bench.analysis.stats import LEVEL, benjamini_hochberg
from bench.catalog.factors import FACTORS
from bench.errors import LabError
from bench.model import FactorsCase, Recorded, Run, Session, Study

TIME = "time"
PROCESSES = 8  # processes of a variant in a session of the study `variants`

_Level = tuple[str, int]  # a factor's name and its level
_Cells = dict[_Level, dict[int, float]]  # by level and block, the logarithm of the process's mean time


class FactorEffect(Recorded, frozen=True, kw_only=True):
    """The effect of a factor on a subject's time (`moves`), and the spread of fresh processes at one level (`within`).

    The subject is a variant, or the ratio of the baseline's time to a variant's. `significant` holds among all factors
    and subjects of the session.
    """

    factor: str
    subject: str
    moves: Component
    within: Component
    significant: bool = False


class Drift(Recorded, frozen=True, kw_only=True):
    """The effects of a session's factors, each at `levels` levels in `blocks` blocks; `titles` are the variants'."""

    started: str
    fingerprint: str
    levels: int
    blocks: int
    moved: tuple[FactorEffect, ...]
    titles: dict[str, str]

    @property
    def subjects(self) -> tuple[str, ...]:
        """The variants, then the ratios."""
        return tuple(dict.fromkeys(each.subject for each in self.moved))

    def of(self, factor: str, subject: str) -> FactorEffect | None:
        """The effect of a factor on a subject; None where it was not measured."""
        return next((each for each in self.moved if (each.factor, each.subject) == (factor, subject)), None)

    def between(self, subject: str, *causes: str, processes: int = PROCESSES) -> float | None:
        """The expected standard deviation between sessions of `processes` processes that also differ in `causes`.

        None where one of the causes was not measured.
        """
        usual, own = self.of("nothing", subject), [self.of(cause, subject) for cause in causes]
        known = [each for each in own if each]
        if usual is None or len(known) < len(own):
            return None
        return math.sqrt(usual.within.sd**2 / processes + sum(each.moves.sd**2 for each in known))


def judge(session: Session, runs: Iterable[Run]) -> Drift:
    """Estimate the effects of the factors from the runs of a session on the study's first workload.

    Raises LabError where no factor was measured at two levels in two blocks.
    """
    study = session.plan.study
    own = [run for run in runs if run.case.instrument == "factors" and run.case.workload == study.workloads[0]]
    cells = _logs(run for run in own if run.verdict == "pass")
    blocks = sorted({run.block for run in own})
    moved = [each for subject, table in _subjects(cells, study) for each in _moved(subject, table, blocks)]
    if not moved:
        raise LabError(f"{study.name}: no factor has two levels in two blocks: run `python -m bench sessions`")
    return Drift(
        started=session.started,
        fingerprint=str(session.machine.get("fingerprint")),
        levels=study.factors.levels if study.factors else 0,
        blocks=len(blocks),
        moved=tuple(_significant(moved)),
        titles={name: session.plan.catalog.variant(name).title for name in study.variants},
    )


def _logs(runs: Iterable[Run]) -> dict[str, _Cells]:
    """The logarithm of each process's mean time, by variant, level and block."""
    found: dict[str, _Cells] = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        if isinstance(run.case, FactorsCase):
            level = (run.case.factor, run.case.level)
            found[run.case.variant][level][run.block] = math.log(mean(run.values("time")))
    return found


def _subjects(cells: dict[str, _Cells], study: Study) -> Iterator[tuple[str, _Cells]]:
    """The variants with their cells, then the ratios with the differences of the variants' cells."""
    known = [name for name in study.variants if name in cells]
    yield from ((name, cells[name]) for name in known)
    base = cells.get(study.baseline, {})
    for name in (name for name in known if name != study.baseline):
        yield (
            f"{study.baseline} ÷ {name}",
            {
                level: {block: log - own[block] for block, log in base[level].items() if block in own}
                for level, own in cells[name].items()
                if level in base
            },
        )


def _moved(subject: str, cells: _Cells, blocks: Sequence[int]) -> Iterator[FactorEffect]:
    levels = sorted(cells.items())  # figures must not depend on the order of the runs
    for factor in FACTORS:
        table = _table([own for (name, _), own in levels if name == factor], blocks)
        if table is not None:
            found = components(table)
            yield FactorEffect(factor=factor, subject=subject, moves=found.levels, within=found.error)
    table = _table([own for _, own in levels], blocks)
    if table is not None:
        found = components(table)
        yield FactorEffect(factor=TIME, subject=subject, moves=found.blocks, within=found.error)


def _table(levels: Sequence[dict[int, float]], blocks: Sequence[int]) -> Table | None:
    """The levels that were timed in every block; None with fewer than two levels or blocks."""
    rows = [[own[block] for block in blocks] for own in levels if own.keys() >= set(blocks)]
    return np.array(rows) if len(rows) > 1 and len(blocks) > 1 else None


def _significant(moved: Sequence[FactorEffect]) -> Iterator[FactorEffect]:
    """The effects with their significance, judged as one family."""
    adjusted = benjamini_hochberg([1.0 if each.moves.chance is None else each.moves.chance for each in moved])
    for each, chance in zip(moved, adjusted, strict=True):
        yield FactorEffect(
            factor=each.factor,
            subject=each.subject,
            moves=each.moves,
            within=each.within,
            significant=chance <= 1 - LEVEL,
        )
