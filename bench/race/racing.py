"""A study cut to a budget by racing: short runs for all candidates, more servers for those still in play.

A candidate is a stack on a workload. A round is a few whole blocks under a brief load, in place of the study's own.
After each round, the candidates of a workload are compared with their best (`bench.analysis.standings`), by intervals
that hold simultaneously at `SURE`. Significantly worse candidates are eliminated, except the best of each server, the
baseline, and candidates that may still be warming up. So each round takes less time than the one before.

Rounds end when the candidates in play fit the rest of the budget under the study's own load. They also end without time
for another round, or after a round that eliminates none. Then the finalists are the best of each server and, as far
as the budget allows, candidates that may be the best of their workload. Stored runs alone decide, so a race that was
interrupted has the same result.

Birattari, Stützle, Paquete & Varrentrapp, "A racing algorithm for configuring metaheuristics", GECCO 2002 (F-Race);
López-Ibáñez et al., "The irace package", Operations Research Perspectives 3, 2016.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest

import msgspec
from msgspec.structs import replace

from bench.analysis.standings import Standing, standings
from bench.durations import written
from bench.errors import LabError
from bench.model import Catalog, Phase, Plan, Race, Round, Run, Stack, Study, stack_of
from bench.plan import estimate
from bench.race import candidates
from bench.race.candidates import Candidate, candidate

BLOCKS = 2  # blocks of a round, and fewest of the final: one block has no interval
ROUND = BLOCKS + 1  # block numbers that a round takes: the last is that of extra servers
SURE = 0.99  # confidence that no round eliminates the best
FINAL = "macro"  # the phase that measures the finalists
Measured = Callable[[Phase], Sequence[Run]]


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """A race to run: the `first` round, the study's own closed loads as `final`, and `seconds` for both together."""

    study: Study
    catalog: Catalog
    first: Phase
    final: Phase
    seconds: float


def track(plan: Plan, budget: float) -> Track | None:
    """The race that keeps the plan within a budget in seconds; None where the whole plan fits without a race.

    Raises LabError for a study without stacks under load, and for a budget below the shortest race.
    """
    study, catalog, final = plan.study, plan.catalog, plan.phase(FINAL)
    if final is None:
        raise LabError(f"--budget requires stacks under load: study {study.name!r} has none")
    beside = estimate.plan_seconds(plan) - estimate.seconds(final, catalog)
    if beside + estimate.seconds(final, catalog) <= budget:
        return None
    if all(candidate(catalog, case).load == case.load for case in final.cases):
        final = replace(final, blocks=1)  # the rounds' servers count as well; extra blocks go to undecided finalists
    entered = {candidate(catalog, case): case for case in final.cases}
    cases = [replace(case, load=each.load) for each, case in entered.items()]
    first = Phase("race", BLOCKS, tuple(cases))
    least = beside + estimate.seconds(first, catalog) + _least(study, catalog, final)
    if least > budget:
        raise LabError(
            f"--budget {written(budget)} is too short for {study.name}: use at least {written(least)}, for a round of "
            f"{len(cases)} candidates and a final of each server's best on each workload"
        )
    return Track(study=study, catalog=catalog, first=first, final=final, seconds=budget - beside)


def race(on: Track, begun: Race, measured: Measured) -> Iterator[Race]:
    """The race after each of its rounds; after the last one, with the number of finalists.

    `measured` measures the missing runs of a round and returns the runs of all rounds so far.
    """
    done = replace(begun, rounds=(), left_out=(), finalists=None, runs=None)
    while done.finalists is None:
        playing = finalists(on, on.first, done)
        runs = measured(replace(playing, first=ROUND * len(done.rounds)))
        runs = [run for run in runs if run.block < ROUND * (len(done.rounds) + 1)]  # a resumed race has later runs
        done = _settled(on, runs, _judged(on, playing, runs, done))
        yield done


def finalists(on: Track, phase: Phase, race: Race) -> Phase:
    """The phase without eliminated cases. The final has the race's number of blocks.

    Its blocks are numbered after those of the rounds, whose servers count as well where the load is the same.
    """
    out = set(map(candidates.candidate_of, race.eliminated))
    playing = replace(phase, cases=tuple(case for case in phase.cases if candidate(on.catalog, case) not in out))
    if phase.name != FINAL:
        return playing
    return replace(playing, blocks=race.runs or phase.blocks, first=ROUND * len(race.rounds))


def progress(race: Race) -> str:
    """The result of the last round, in a line."""
    last = race.rounds[-1]
    line = f"race, round {len(race.rounds)}: {len(last.eliminated)} of {last.candidates} candidates eliminated"
    line += f", {len(race.left_out)} left out (no room in the budget)" if race.left_out else ""
    return line + ("" if race.finalists is None else f", {race.finalists} finalists under the study's own loads")


def _judged(on: Track, playing: Phase, runs: Sequence[Run], done: Race) -> Race:
    """The race with one more round, which eliminates candidates with a failed run and significantly worse ones."""
    running = [candidate(on.catalog, case) for case in playing.cases]
    failed = {stack_of(run.case): run for run in runs if run.verdict != "pass"}  # eliminates the stack everywhere
    out = [candidates.eliminated_by_failure(each, failed[each.stack]) for each in running if each.stack in failed]
    when = f"after round {len(done.rounds) + 1}"
    tables = _tables(on, [each for each in running if each.stack not in failed], runs)
    firsts = _firsts(tables)
    worse = [
        each for table in tables for each in table if each[1].behind.significant and not each[0].warms_up(on.catalog)
    ]
    worse = [each for each in worse if each[0] not in firsts]
    out += [candidates.eliminated_by_rank(*each, when=when, worse=True) for each in worse]
    gone = set(map(candidates.candidate_of, out))
    rivals = {each for each in running if each not in gone and each.stack.variant != on.study.baseline}
    kept = _with_baselines(on, rivals)
    ended = Round(
        candidates=len(running),
        blocks=BLOCKS,
        seconds=sum(run.seconds for run in runs if run.block >= ROUND * len(done.rounds)),
        eliminated=tuple(each for each in out if candidates.candidate_of(each) not in kept),
    )
    return replace(done, rounds=(*done.rounds, ended))


def _settled(on: Track, runs: Sequence[Run], done: Race) -> Race:
    """The race with its finalists, if the candidates in play fit the time left or another round would not help.

    Another round does not help without time for it, or after a round that could have eliminated candidates and did not.
    """
    playing = finalists(on, on.first, done)
    spent = sum(run.seconds for run in runs)
    pace = spent / (sum(estimate.case_seconds(run.case, on.catalog) for run in runs) or 1.0)
    left = (on.seconds - spent) / max(pace, 1.0)
    if estimate.seconds(finalists(on, on.final, done), on.catalog) <= left:
        return replace(done, finalists=len(playing.cases))
    tables = _tables(on, [candidate(on.catalog, case) for case in playing.cases], runs)
    turns = [each for rank in zip_longest(*tables) for each in rank if each]  # the first of each table, the second …
    chosen = _with_baselines(on, _firsts(tables))
    goes_on = len(done.rounds) == 1 or done.rounds[-1].eliminated  # the first has the widest intervals
    least = _final_seconds(on, chosen) / on.final.blocks  # seconds of one block
    if goes_on and estimate.seconds(playing, on.catalog) + least * on.final.blocks <= left:
        return done
    runs_each = max(_fewest(on.final), min(on.final.blocks, int(left / least))) if least else on.final.blocks
    left *= on.final.blocks / runs_each
    for each in (each for each, standing in turns if not standing.behind.significant):
        more = _with_baselines(on, chosen | {each})
        if _final_seconds(on, more) > left:
            break
        chosen = more
    when = "no room in the budget"
    out = [candidates.eliminated_by_rank(*each, when=when) for each in turns if each[0] not in chosen]
    return replace(done, left_out=tuple(out), finalists=len(playing.cases) - len(out), runs=runs_each)


def _firsts(tables: Iterable[list[_Entry]]) -> set[Candidate]:
    """The best of each server on each workload."""
    firsts: dict[tuple[str, str], Candidate] = {}
    for table in tables:
        for each, _ in table:
            firsts.setdefault((each.workload, each.stack.server or each.stack.variant), each)
    return set(firsts.values())


def _tables(on: Track, running: Iterable[Candidate], runs: Sequence[Run]) -> list[list[_Entry]]:
    """The candidates that have figures, by workload and brief load, the best first."""
    playing: dict[tuple[str, str], set[Stack]] = {}
    for each in running:
        playing.setdefault((each.workload, each.load), set()).add(each.stack)
    found = []
    for (workload, load), stacks in playing.items():
        own = [run for run in runs if (run.case.workload, run.case.load) == (workload, load)]
        ranked = standings(on.catalog, (run for run in own if run.case.stack in stacks), SURE)
        found.append([(Candidate(each.stack, workload, load), each) for each in ranked])
    return [table for table in found if table]


def _with_baselines(on: Track, chosen: set[Candidate]) -> set[Candidate]:
    """The chosen candidates, the baseline in place of each variant, and the baseline's first stack on each workload."""
    entered, baseline = [candidate(on.catalog, case) for case in on.first.cases], on.study.baseline
    first = next((each.stack for each in entered if each.stack.variant == baseline), None)
    beside = {each._replace(stack=replace(each.stack, variant=baseline)) for each in chosen if first}
    return (chosen | beside | {each for each in entered if each.stack == first}) & set(entered)


def _final_seconds(on: Track, chosen: set[Candidate]) -> float:
    cases = tuple(case for case in on.final.cases if candidate(on.catalog, case) in chosen)
    return estimate.seconds(replace(on.final, cases=cases), on.catalog)


def _fewest(final: Phase) -> int:
    """The fewest blocks of a final."""
    return min(BLOCKS, final.blocks)


def _least(study: Study, catalog: Catalog, final: Phase) -> float:
    """Seconds of the shortest final: each server's best on each workload, and the baselines beside them."""
    each: dict[tuple[str | None, str | None, str], float] = {}
    for case in final.cases:
        key = (case.workload, case.load, stack_of(case).server or case.variant)
        each[key] = min(estimate.case_seconds(case, catalog), each.get(key, math.inf))
    return _fewest(final) * sum(each.values()) * (1 if len(study.variants) == 1 else 2)


_Entry = tuple[Candidate, Standing]
