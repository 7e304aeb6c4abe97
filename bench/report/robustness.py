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
from bench.report.wording import MEGA, fits, fitting

Table = list[list[str]]
MOST_ROWS = 12  # of the first table
FEW = 3  # attacks that are named in one cell
HEADING = (
    "server", "hidden requests answered", "right", "silent", "wrong", "5xx", "death", "next request wrong",
    "memory after, MB",
)  # fmt: skip
PLACES = (ALONE, PROXIED, LIMITED)


def answers(found: Sequence[Attacked]) -> Iterator[str]:
    """The servers that answer hidden requests, fail fewest attacks, are safe behind nginx, and are not recommended."""
    alone, proxied = (ranked(found, place) for place in (ALONE, PROXIED))
    if alone:
        yield _alone(alone)
    if proxied:
        yield _proxied(proxied)
    behind = [each.stack.label for each in proxied if is_unfit(each)]
    only = [each.stack.label for each in alone if is_unfit(each) and each.stack.label not in behind]
    told = [f"{', '.join(behind)}, even behind nginx"] if behind else []
    told += [f"{', '.join(only)} {'without nginx' if behind else 'alone'}"] if only else []
    if told:
        yield fitting(f"Not recommended, as attacks end them or valid requests get 5xx: {'; '.join(told)}")


def _alone(known: Sequence[Attacked]) -> str:
    best = known[0]
    fewest = f"{best.stack.label} fails fewest attacks: {best.faults} of {len(best.rows)}"
    open_to = [each.stack.label for each in known if each.hidden]
    if not open_to:
        return fitting(f"Alone: no server answers hidden requests. {fewest}")
    named = f"Alone: {', '.join(open_to)} answer{'s' if len(open_to) == 1 else ''} hidden requests. {fewest}"
    short = f"Alone: {len(open_to)} servers answer hidden requests. {fewest}"
    return fitting(named if fits(named) else short)


def _proxied(known: Sequence[Attacked]) -> str:
    """The servers behind nginx that fail no more than what every one of them fails, and the worst of the others."""
    common = set.intersection(*map(_failed, known))
    those = "one attack" if len(common) == 1 else f"{len(common)} attacks"
    others = [each for each in known if _failed(each) != common]
    if not others:
        return f"Behind nginx: all {len(known)} servers fail only the {those} that nginx itself lets through."
    lead = f"Behind nginx: {len(known) - len(others)} of {len(known)} servers fail only"
    lead += f" the {those} that nginx itself lets through"
    return fitting(lead, [f"{others[-1].stack.label} fails most"])


def _failed(each: Attacked) -> set[str]:
    return {row.attack.name for row in each.rows if not row.is_right}


def is_unfit(each: Attacked) -> bool:
    """Whether a quick attack ends a process of it, or a valid request is answered with 5xx."""
    died = any(row.outcome == "death" and row.attack.kind != "slow" for row in each.rows)
    return died or bool(robustness.crashed_on_valid(each.rows))


def table(found: Sequence[Attacked]) -> Table:
    """The best worker class of each server alone; behind nginx, equal servers as one row, and always the worst."""
    alone = [[each.name, *cells(each)[:-1]] for each in _best(ranked(found, ALONE))]
    by: dict[tuple[str, ...], list[str]] = {}
    for each in ranked(found, PROXIED):
        by.setdefault(tuple(cells(each)[:-1]), []).append(each.name)
    proxied = [[names[0] if len(names) == 1 else f"{len(names)} servers + nginx", *same] for same, names in by.items()]
    room = max(MOST_ROWS - len(alone), 1)
    if len(proxied) > room:
        proxied = [*proxied[: room - 1], proxied[-1]]
    return [list(HEADING[:-1]), *alone[: MOST_ROWS - len(proxied)], *proxied]


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
    """The cells of a stack after its name; that of memory is the last one."""
    counts = [robustness.count(each.rows, outcome) for outcome in robustness.FAULTS]
    following = sum(row.next_wrong is not None for row in each.rows)
    memory = "—" if each.after is None else number(each.after / MEGA)
    right = f"{len(each.rows) - each.faults} of {len(each.rows)}"
    return [str(each.hidden), right, *map(str, (*counts, following)), f"{memory}{' (new)' if each.renewed else ''}"]


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
