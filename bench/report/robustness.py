"""Servers under attack: which attacks each one stands, as answers and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.analysis import robustness
from bench.analysis.text import listed, number
from bench.report import attacks, charts
from bench.report.attacked import ALONE, LIMITED, PROXIED, Attacked
from bench.report.attacks import fault, ranked
from bench.report.drawing import keys
from bench.report.pictures import Picture, with_keys
from bench.report.wording import MEGA, fitting

Table = list[list[str]]
MOST_ROWS, ALONE_ROWS = 12, 8  # of the first table
FEW = 3  # attacks that are named in one cell
HEADING = ("server", "right", "silent", "wrong", "5xx", "death", "next request wrong", "memory after, MB")
PLACES = (ALONE, PROXIED, LIMITED)


def answers(found: Sequence[Attacked]) -> Iterator[str]:
    """Who stands most attacks, alone and behind nginx, and who should not stand alone."""
    for place, lead in ((ALONE, "Alone"), (PROXIED, "Behind nginx")):
        known = ranked(found, place)
        if known:
            best, worst = known[0], known[-1]
            told = f"{lead}: {best.stack.label} fails {best.faults} of {len(best.rows)} attacks, the fewest"
            yield fitting(told, [f"{worst.stack.label} fails {worst.faults}"])
    unfit = [each.stack.label for each in ranked(found, ALONE) if is_unfit(each)]
    if unfit:
        yield fitting("Not recommended alone, as attacks crash them or valid requests get 5xx", unfit, ": ")


def is_unfit(each: Attacked) -> bool:
    """Whether a quick attack ends a process of it, or a valid request is answered with 5xx."""
    died = any(row.outcome == "death" and row.attack.kind != "slow" for row in each.rows)
    return died or bool(robustness.crashed_on_valid(each.rows))


def table(found: Sequence[Attacked]) -> Table:
    """The best worker class of each server alone, then the best behind nginx."""
    alone = _best(ranked(found, ALONE))[:ALONE_ROWS]
    proxied = _best(ranked(found, PROXIED))[: MOST_ROWS - len(alone)]
    return [list(HEADING), *([each.name, *cells(each)] for each in (*alone, *proxied))]


def _best(known: Iterable[Attacked]) -> list[Attacked]:
    """The first stack of each server program."""
    first: dict[str, Attacked] = {}
    for each in known:
        first.setdefault(each.program, each)
    return list(first.values())


def whole_tables(found: Sequence[Attacked]) -> dict[str, Table]:
    """Every stack with outcomes, by place."""
    by = {place: ranked(found, place) for place in PLACES}
    return {
        place: [list(HEADING), *([each.name, *cells(each)] for each in known)] for place, known in by.items() if known
    }


def cells(each: Attacked) -> list[str]:
    """The cells of a stack after its name."""
    counts = [robustness.count(each.rows, outcome) for outcome in robustness.FAULTS]
    following = sum(row.next_wrong is not None for row in each.rows)
    memory = "—" if each.after is None else number(each.after / MEGA)
    return [f"{len(each.rows) - each.faults} of {len(each.rows)}", *map(str, (*counts, following)), memory]


def attacks_tables(found: Sequence[Attacked]) -> dict[str, Table]:
    """By kind, a row for each attack: what is allowed, and which servers do something else."""
    alone, proxied = (ranked(found, place) for place in (ALONE, PROXIED))
    some = next(iter((*alone, *proxied)), None)
    tables: dict[str, Table] = {}
    for at, row in enumerate(some.rows if some else ()):
        heading = ["sent", "allowed", "source", "fails alone", "fails behind nginx"]
        failing = [_failing(at, known) for known in (alone, proxied)]
        allowed = " or ".join(row.attack.allowed)
        tables.setdefault(row.attack.kind, [heading]).append([row.attack.title, allowed, row.attack.source, *failing])
    return tables


def _failing(at: int, known: Sequence[Attacked]) -> str:
    """The servers that do not stand an attack, by what they do instead."""
    by: dict[str, list[str]] = {}
    for each in known:
        kind = fault(each.rows[at])
        if kind:
            by.setdefault(kind, []).append(each.stack.label)
    told = [f"{kind}: {'all' if len(names) == len(known) else ', '.join(names)}" for kind, names in by.items()]
    return "; ".join(told) or "none"


def unfit_table(found: Sequence[Attacked]) -> Table:
    """The deaths, and the 5xx to valid requests, of each server with the attacks that cause them; empty without any."""
    by: dict[tuple[str, str], list[str]] = {}
    for each in found:
        for row in each.rows:
            if row.outcome == "death" or row in robustness.crashed_on_valid(each.rows):
                by.setdefault((each.name, row.reason), []).append(row.attack.title)
    rows = [[name, reason, _some(titles)] for (name, reason), titles in by.items()]
    return [["server", "what it did", "sent"], *rows[:MOST_ROWS]] if rows else []


def _some(titles: list[str]) -> str:
    """All titles, or their number and the first one."""
    return "; ".join(titles) if len(titles) <= FEW else f"{len(titles)} attacks, such as {titles[0]}"


def without_outcome(found: Iterable[Attacked]) -> list[str]:
    """The stacks without outcomes, with the reasons."""
    return [f"{each.stack}: {each.reason}" for each in found if each.reason]


def picture(found: Sequence[Attacked]) -> Picture:
    """The faults of each server by kind, alone and behind nginx."""
    title = "Attacks that each server fails, by what it does instead"
    shown = with_keys(attacks.chart(found, charts.WIDE), keys(attacks.KINDS))
    return Picture("", "faults", title, f"Alone: {listed(attacks.told(found))}", shown)
