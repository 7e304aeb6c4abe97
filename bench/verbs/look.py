"""Verbs that only look: the names, what this machine has, and what a study would measure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from rich.table import Table

from bench.durations import duration, written
from bench.inventory import interpreter_states, inventory, lines
from bench.model import Unavailable
from bench.plan import estimate
from bench.race import racing
from bench.verbs.app import Budget, Json, app, declared, line_of, out, plan_of, say, study_of


@app.command(name="list")
def list_() -> int:
    """List every name, by kind: variants, peers, interpreters, frameworks, servers, workloads, studies and others."""
    catalog = declared()
    nouns: dict[str, Mapping[str, object]] = {
        "variant": catalog.variants,
        "yardstick": catalog.yardsticks,
        "peer": catalog.peers,
        "interpreter": catalog.interpreters,
        "framework": catalog.frameworks,
        "server": catalog.labels(),
        "tuning": catalog.tunings,
        "replacement": catalog.replacements,
        "place": catalog.places,
        "layering": catalog.layerings,
        "backend": catalog.backends,
        "limit": catalog.limits,
        "delivery": catalog.deliveries,
        "workload": catalog.workloads,
        "load": catalog.loads,
        "study": catalog.studies,
    }
    table = Table("kind", "name", "title", box=None, pad_edge=False)
    for noun, known in nouns.items():
        for name, each in known.items():
            table.add_row(noun, name, getattr(each, "title", ""))
    out.print(table)
    return 0


@app.command
def doctor(*, json: Json = False) -> int:
    """Show which requirements this machine has, and the command that installs each missing one.

    Exit status: 1 if anything is missing.
    """
    found = dict(inventory(declared()))
    if json:
        out.print_json(msgspec.json.encode(found).decode())
    else:
        for name, state in found.items():
            here = isinstance(state, str)
            text = state if isinstance(state, str) else f"{state.reason}; to get it: {state.remedy or 'unknown'}"
            line = f"{'found  ' if here else 'missing'} {name}: {text}"
            out.print(line, style=None if here else "red", markup=False, highlight=False, soft_wrap=True)
    return int(any(isinstance(state, Unavailable) for state in found.values()))


@app.command
def interpreters(*, json: Json = False) -> int:
    """Show every interpreter: where it is, how it was built, what it does not support, how to install a missing one."""
    found = interpreter_states(declared())
    say(found, (line for each in found for line in lines(each)), json)
    return 0


@app.command
def plan(study: str, /, *, variant: str | None = None, budget: Budget = None, json: Json = False) -> int:
    """Show the cases of a study, its unsupported cases with reasons, and the expected time. Nothing is measured.

    Example: `python -m bench plan servers --budget 17m`

    Parameters
    ----------
    study
        Name of a study, such as quick (see `python -m bench list`).
    variant
        Plan only this variant or peer and the study's baseline.
    """
    made = plan_of(study_of(study, variant))
    whole = estimate.plan_seconds(made)
    limit = duration(budget, "--budget") if budget else None
    track = racing.track(made, limit) if limit else None
    if json:
        raced = {"budget_seconds": limit, "whole_seconds": whole, "first_round": track.first} if track else None
        out.print_json(
            msgspec.json.encode({"phases": made.phases, "unavailable": made.unavailable, "race": raced}).decode()
        )
        return 0
    table = Table("phase", "cases", "blocks", "time", box=None, pad_edge=False)
    for phase in [track.first if track and phase.name == racing.FINAL else phase for phase in made.phases]:
        about = estimate.seconds(phase, made.catalog) / 60
        table.add_row(phase.name, str(len(phase.cases)), str(phase.blocks), f"{about:.1f} min")
    later = estimate.contest_seconds(made)
    if later:
        table.add_row("open loads", "best of each server", "", f"{later / 60:.1f} min")
    out.print(made.study.question, table, sep="\n")
    for each in made.unavailable:
        out.print(line_of(each), markup=False, highlight=False, soft_wrap=True)
    if limit and track:
        rest = (track.seconds - estimate.seconds(track.first, made.catalog)) / 60
        count = track.final.blocks
        runs = f"{count} fresh server{'s' * (count > 1)} each under {' and '.join(made.study.loads)}"
        out.print(f"{rest:.1f} min remain after the first round: further rounds, then {runs}", highlight=False)
        out.print(f"about {written(limit)} instead of {whole / 60:.0f} min, after set-up and builds")
    else:
        out.print(f"about {whole / 60:.0f} min, after set-up and builds")
    return 0
