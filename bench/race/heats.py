"""A race from start to end: its rounds, the final, and extra blocks for undecided finalists.

The session records the progress. Stored runs alone decide, so a race that was interrupted has the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench import store
from bench.analysis import selftest
from bench.measure import identity
from bench.model import Phase, Plan, Race, Ready, Run, Session
from bench.race import again, playoff, racing


def entered(plan: Plan, ready: Ready, budget: float | None) -> racing.Track | None:
    """The race to run; None without a budget, where the plan fits it, and without a load generator."""
    if budget is None or "macro" in ready.missing:
        return None
    track = racing.track(plan, budget)
    return replace(track, first=identity.identify_phase(plan.catalog, track.first, ready)) if track else None


def run(
    track: racing.Track,
    folder: Path,
    measure: Callable[[Phase], None],
    say: Callable[[str], None],
    machine: dict[str, Any],
) -> None:
    """Run the race in the session's `folder`. `measure` measures a phase; `say` gets a line on each step."""
    cases = {case.identity for case in (*track.first.cases, *track.final.cases)}

    def measured(phase: Phase) -> list[Run]:
        measure(phase)
        again.measure(phase, folder, measure, say)
        return [run for run in store.runs(folder) if run.case.identity in cases]

    race = store.read(folder / "session.json", Session).race or Race(budget_seconds=track.seconds)
    for ended in racing.race(track, race, measured):
        race = store.note(folder, race=ended).race or ended
        say(racing.progress(ended))
    runs = measured(racing.finalists(track, track.final, race))
    for block in playoff.blocks(track, race, runs, measured, _bias(machine)):
        say(f"extra block {block.first}: fresh servers for undecided finalists and for the best")


def _bias(machine: dict[str, Any]) -> float:
    """The bias of server CPU by the machine's self-test; 0 without one."""
    tested = selftest.latest(machine.get("fingerprint"))
    return (tested.bias("macro") if tested else None) or 0.0
