"""Servers under attack: which ones to use where, and which attacks each one withstands, as answers and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.analysis import robustness
from bench.analysis.robustness import HIDING, KINDS, ONLY_NEXT, Judged
from bench.analysis.text import listed, number
from bench.report import attacks, charts
from bench.report.attacked import ALONE, LIMITED, PROXIED, Attacked
from bench.report.attacks import ranked
from bench.report.markdown import Table
from bench.report.pictures import Picture, with_keys
from bench.report.wording import MEGA, fits, fitting

MOST_ROWS = 12  # of the first table
FEW = 3  # attacks that are named in one cell
HEADING = ("server", "right", *KINDS, "next request wrong, in all", "memory after, MB")
FIRST = len(HEADING) - 2  # columns of the first table
PLACES = (ALONE, PROXIED, LIMITED)
NEXT_WRONG = "next request wrong"


def answers(found: Sequence[Attacked]) -> Iterator[str]:
    """Which servers to use without nginx, which behind it, which only there, and which nowhere."""
    alone, proxied = (ranked(found, place) for place in (ALONE, PROXIED))
    ended = [each for each in alone if robustness.quick_deaths(each.rows)]
    barred = list(dict.fromkeys(each.stack.label for each in (*filter(is_unfit, proxied), *ended)))
    if alone:
        yield _alone(alone)
    if proxied:
        yield _proxied(proxied, barred)
    exposed = [each.stack.label for each in alone if is_exposed(each) and each.stack.label not in barred]
    told = []
    if exposed:
        where = "Only behind nginx" if proxied else "Not alone"
        told.append((f"{where}: {', '.join(exposed)}", " (hidden requests answered, 5xx, or processes ended)"))
    if barred:
        told.append((f"Not at all: {', '.join(barred)}", " (quick attacks end a process)"))
    if told:
        whole = ". ".join(f"{names}{reason}" for names, reason in told)
        yield fitting(whole if fits(whole) else ". ".join(names for names, _ in told))


def _alone(known: Sequence[Attacked]) -> str:
    """The servers without hidden requests, deaths, 5xx and blocked requests that answer fewest attacks wrongly."""
    steady = [each for each in known if not is_exposed(each) and not each.spoils]
    if not steady:
        return fitting("Without nginx use none: attacks spoil good requests or end a process of each server")
    wrong = robustness.count(steady[0].rows, "wrong")
    best = [each.stack.label for each in steady if robustness.count(each.rows, "wrong") == wrong]
    figures = f"{wrong} of {len(steady[0].rows)} attacks wrongly"
    names = " or ".join(filter(None, (", ".join(best[:-1]), best[-1])))
    subject = "each" if len(best) > 1 else "it"
    told = f"Without nginx use {names}: {subject} answers {figures}, leaves some unanswered, and has no worse fault"
    return fitting(told if fits(told) else f"Without nginx {len(best)} servers, such as {best[0]}, answer {figures}")


def _proxied(known: Sequence[Attacked], barred: list[str]) -> str:
    """The servers to use behind nginx, and how many fail no more than what every one of them fails."""
    common = set.intersection(*map(_failed, known))
    those = "one attack" if len(common) == 1 else f"{len(common)} attacks"
    use = f"Behind nginx use any server{f' but {listed(barred)}' if barred else ''}"
    equal = sum(_failed(each) == common for each in known)
    count = f"all {equal}" if equal == len(known) else f"{equal} of {len(known)}"
    held = f"only the {those} that nginx itself does not end in time" if common else "none"
    return fitting(f"{use}: {count} fail {held}")


def _failed(each: Attacked) -> set[str]:
    return {row.attack.name for row in each.rows if not row.is_right}


def is_unfit(each: Attacked) -> bool:
    """Whether a quick attack ends a process of it, or it answers 5xx to a valid request or to one of another client."""
    return bool(
        robustness.quick_deaths(each.rows) or robustness.crashed_on_valid(each.rows) or robustness.spoilt(each.rows)
    )


def is_exposed(each: Attacked) -> bool:
    """Whether it answers a hidden request, ends, or answers any request with 5xx."""
    return any(row.fault in {HIDING, "death", "5xx"} or row.next_error for row in each.rows)


def table(found: Sequence[Attacked]) -> Table:
    """The best worker class of each server alone; behind nginx, equal servers as one row, and always the worst."""
    alone = [[each.name, *_counted(each)] for each in _best(ranked(found, ALONE))]
    by: dict[tuple[str, ...], list[str]] = {}
    for each in ranked(found, PROXIED):
        by.setdefault(tuple(_counted(each)), []).append(each.name)
    proxied = [[names[0] if len(names) == 1 else f"{len(names)} servers + nginx", *same] for same, names in by.items()]
    room = max(MOST_ROWS - len(alone), 1)
    if len(proxied) > room:
        proxied = [*proxied[: room - 1], proxied[-1]]
    return [list(HEADING[:FIRST]), *alone[: MOST_ROWS - len(proxied)], *proxied]


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
    memory = "—" if each.after is None else number(each.after / MEGA)
    return [*_counted(each), str(each.spoils), f"{memory}{' (new)' if each.renewed else ''}"]


def _counted(each: Attacked) -> list[str]:
    """How many attacks it withstands, and fails by each kind of fault."""
    return [f"{len(each.rows) - each.faults} of {len(each.rows)}", *map(str, each.severity)]


def attacks_tables(found: Sequence[Attacked]) -> Mapping[str, Table]:
    """By kind, a row for each attack: what is allowed, and which servers do something else."""
    alone, proxied = (ranked(found, place) for place in (ALONE, PROXIED))
    some = next(iter((*alone, *proxied)), None)
    tables: dict[str, list[list[str]]] = {}
    for at, row in enumerate(some.rows if some else ()):
        heading = ["sent", "allowed", "source", "fails alone", "fails behind nginx"]
        failing = [_failing(at, known) for known in (alone, proxied)]
        allowed = " or ".join(row.attack.allowed)
        tables.setdefault(row.attack.kind, [heading]).append([row.attack.title, allowed, row.attack.source, *failing])
    return tables


def _failing(at: int, known: Sequence[Attacked]) -> str:
    """The servers that fail an attack, by what they do instead, and those whose next request was wrong."""
    by: dict[str, list[str]] = {}
    for each in known:
        for kind in _kinds(each.rows[at]):
            by.setdefault(kind, []).append(each.stack.label)
    told = [
        f"{kind}: {'all' if len(by[kind]) == len(known) else ', '.join(by[kind])}"
        for kind in (*KINDS, NEXT_WRONG)
        if kind in by
    ]
    return "; ".join(told) or "none"


def _kinds(row: Judged) -> Iterator[str]:
    if row.fault and row.fault != ONLY_NEXT:
        yield row.fault
    if row.next_wrong:
        yield NEXT_WRONG


def unfit_table(found: Sequence[Attacked]) -> Table:
    """The deaths and 5xx of all servers by the attacks that cause them, equal ones as one row; empty without any."""
    causes: dict[tuple[str, str], list[Judged]] = {}
    for each in found:
        for row in each.rows:
            for did in _did(row):
                causes.setdefault((each.name, did), []).append(row)
    by: dict[tuple[str, str], list[str]] = {}
    for (name, did), rows in causes.items():
        told = f"{did} after {_seconds(rows)}" if did == rows[0].ended else did
        by.setdefault((told, _some([row.attack.title for row in rows])), []).append(name)
    return [["server", "what it did", "sent"], *([", ".join(names), *told] for told, names in by.items())] if by else []


def _did(row: Judged) -> Iterator[str]:
    """What a server did under one attack, if it ended or answered with 5xx."""
    if row.ended:
        yield row.ended
    elif row.outcome == "5xx":
        yield row.reason
    if row.next_error:
        yield f"status {row.next_error} to a good request {'beside' if row.is_beside else 'after'} it"


def _seconds(rows: Iterable[Judged]) -> str:
    """After how long the servers ended."""
    times = sorted({round(row.seconds) for row in rows})
    return f"{times[0]} to {times[-1]} s" if len(times) > 1 else f"{times[0]} s"


def _some(titles: list[str]) -> str:
    """All titles, or their number and the first one."""
    return "; ".join(titles) if len(titles) <= FEW else f"{len(titles)} attacks, such as {titles[0]}"


def one_request(found: Iterable[Attacked]) -> str:
    """The servers without a proxy that close each connection after one answer; empty without any."""
    return listed([each.stack.label for each in found if each.place == ALONE and each.rows and each.is_closing])


def repeated(found: Iterable[Attacked]) -> str:
    """How many trials were repeated, and how many outcomes that changed."""
    counts = [sum(each.repeated for each in found), sum(each.changed for each in found)]
    return f"{counts[0]} trials were repeated; {counts[1] or 'no'} outcome{'s' * (counts[1] > 1)} changed"


def without_outcome(found: Iterable[Attacked]) -> list[str]:
    """The stacks without outcomes, with the reasons."""
    return [f"{each.stack}: {each.reason}" for each in found if each.reason]


def picture(found: Sequence[Attacked]) -> Picture:
    """The faults of each server by kind, alone and behind nginx."""
    title = "Attacks that each server fails, by what it does instead"
    shown = with_keys(attacks.chart(found, charts.WIDE), attacks.KEYS)
    return Picture("", "faults", title, f"Alone: {listed(attacks.told(found))}", shown)
