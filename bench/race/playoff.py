"""Extra blocks for finalists that a race leaves undecided, as long as the budget lasts.

A finalist is undecided if it may be the best of its workload and may also cost over 5 % more. A block holds the
undecided finalists and the best, under the study's own load. The report's rule decides, and stored runs alone count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from msgspec.structs import replace

from bench.analysis.standings import standings
from bench.model import Case, Phase, Race, Run, Stack, stack_of
from bench.plan import estimate
from bench.race import racing


def blocks(
    on: racing.Track, race: Race, runs: Iterable[Run], measured: racing.Measured, floor: float = 0.0
) -> Iterator[Phase]:
    """The blocks after the final, each measured by `measured`, until all is decided or the budget is spent.

    As in the report, a difference is significant only beyond the noise `floor`.
    """
    final = racing.finalists(on, on.final, race)
    number = final.first + final.blocks + 1  # the number between is that of the final's extra servers
    while True:
        known = [run for run in runs if run.block < number]
        block = _block(on, final, known, number, floor)
        if block is None:
            return
        runs = measured(block)
        number += 2  # the number between is that of this block's extra servers
        yield block


def _block(on: racing.Track, final: Phase, runs: Sequence[Run], number: int, floor: float) -> Phase | None:
    """The next block, filled from the best rank on; None if nothing is undecided or nothing fits."""
    tables = [table for table in _tables(on, final, runs, floor) if len(table) > 1]
    spent = sum(run.seconds for run in runs)
    pace = spent / (sum(estimate.case_seconds(run.case, on.catalog) for run in runs) or 1.0)
    left = (on.seconds - spent) / max(pace, 1.0)
    chosen: dict[str, Case] = {}
    for turn in zip_longest(*(table[1:] for table in tables)):
        for table, case in zip(tables, turn, strict=True):
            more = {one.identity: one for one in (table[0], case) if one}
            if case and estimate.seconds(Phase("", 1, tuple((chosen | more).values())), on.catalog) <= left:
                chosen |= more
    return replace(final, first=number, blocks=1, cases=tuple(chosen.values())) if chosen else None


def _tables(on: racing.Track, final: Phase, runs: Sequence[Run], floor: float) -> Iterator[list[Case]]:
    """The undecided finalists of each workload and load, after the best of it."""
    by_load: dict[tuple[str | None, str | None], dict[Stack, Case]] = {}
    for case in final.cases:
        by_load.setdefault((case.workload, case.load), {})[stack_of(case)] = case
    for (workload, load), cases in by_load.items():
        own = [run for run in runs if (run.case.workload, run.case.load) == (workload, load)]
        ranked = standings(on.catalog, own, floor=floor)
        undecided = [each.stack for each in ranked[1:] if each.by == "cpu" and each.behind.undecided]
        yield [cases[stack] for stack in (*(each.stack for each in ranked[:1]), *undecided) if stack in cases]
