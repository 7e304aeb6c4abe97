"""What moves a core's time from session to session: its lines on a terminal, its tables and its plot on a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import altair as alt

from bench import store
from bench.analysis.components import Component
from bench.analysis.drift import PROCESSES, TIME, Drift, judge
from bench.analysis.text import listed, number, share
from bench.catalog.factors import FACTORS
from bench.model import Session
from bench.report.charts import WIDE
from bench.report.drawing import Chart, Record, hues, keys, names_axis, sheet
from bench.report.pictures import Picture, with_keys

FACTOR_TITLES = {name: factor.title for name, factor in FACTORS.items()} | {TIME: "time: minutes pass"}
ROW_PIXELS = 16


def judged(folder: Path) -> Drift:
    """What the session in `folder` says."""
    return judge(store.read(folder / "session.json", Session), store.runs(folder))


def told(found: Drift) -> Iterator[str]:
    """What moves what, line by line; then what that makes of two sessions."""
    for subject in found.subjects:
        rows = [each for each in found.moved if each.subject == subject]
        moving = [f"{_short(each.factor)} {_percent(each.moves)}" for each in rows if each.significant]
        still = [each.moves.high for each in rows if not each.significant]
        told = f"is moved by {listed(moving)} (standard deviation)" if moving else "is moved by no factor significantly"
        rest = f"; each {'other ' if moving else ''}factor moves it by at most {share(max(still))}" if still else ""
        yield f"{_title(found, subject)} {told}{rest}."
    for subject in found.subjects:
        same, rebuilt = found.between(subject, TIME), found.between(subject, TIME, "build")
        if same is not None:
            again = f", {share(rebuilt)} after a rebuild" if rebuilt is not None else ""
            yield (
                f"Sessions of {PROCESSES} processes: {_title(found, subject)} is expected to differ by {share(same)} "
                f"(standard deviation){again}."
            )


def moves_table(found: Drift) -> list[Sequence[str]]:
    """By factor, how far its levels lie apart beyond what fresh processes do."""
    heading = ["what changes", "averaged over in a session", *_titles(found)]
    return [heading, *([FACTOR_TITLES[name], _averaged(name), *_cells(found, name)] for name in _factors(found))]


def within_table(found: Drift) -> list[Sequence[str]]:
    """By factor, how far fresh processes at one level of it lie apart."""
    rows = [
        [
            FACTOR_TITLES[name],
            *(_percent(each.within) if (each := found.of(name, subject)) else "—" for subject in found.subjects),
        ]
        for name in _factors(found)
        if name != TIME
    ]
    return [["held at one level", *_titles(found)], *rows]


def picture(found: Drift) -> Picture:
    """How far each factor moves each subject, with the intervals."""
    words = [f"{_title(found, subject)}: {_largest(found, subject)}" for subject in found.subjects]
    about = "How far each factor moves a core's time or a ratio, in % (standard deviation, 95 % interval)"
    return Picture("factors", about, f"The largest: {listed(words)}", _chart(found))


def _title(found: Drift, subject: str) -> str:
    """The titles of a variant, or of the two of a ratio."""
    return " ÷ ".join(found.titles[name] for name in subject.split(" ÷ "))


def _titles(found: Drift) -> list[str]:
    return [_title(found, subject) for subject in found.subjects]


def _chart(found: Drift) -> Chart:
    names = _titles(found)
    records: list[Record] = [
        {
            "factor": _short(each.factor),
            "subject": _title(found, each.subject),
            "sd": 100 * each.moves.sd,
            "low": 100 * each.moves.low,
            "high": 100 * each.moves.high,
        }
        for each in found.moved
    ]
    factors = [_short(name) for name in _factors(found)]
    base = sheet(records, WIDE, height=ROW_PIXELS * len(names) * len(factors)).encode(
        y=alt.Y("factor:N", sort=factors, title=None, axis=names_axis(factors)),
        yOffset=alt.YOffset("subject:N", sort=names),
        color=alt.Color("subject:N", sort=names, scale=hues(names)),
    )
    span = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="%"), x2="high:Q")
    point = base.mark_point(filled=True, size=60, opacity=1).encode(x="sd:Q")
    return with_keys(alt.layer(span, point), keys(names))


def _factors(found: Drift) -> list[str]:
    return [name for name in FACTOR_TITLES if any(each.factor == name for each in found.moved)]


def _cells(found: Drift, factor: str) -> Iterator[str]:
    for subject in found.subjects:
        each = found.of(factor, subject)
        yield "—" if each is None else f"{_percent(each.moves)}{' *' if each.significant else ''}"


def _averaged(name: str) -> str:
    return "yes" if name in FACTORS and FACTORS[name].averaged else "no" if name != "nothing" else ""


def _largest(found: Drift, subject: str) -> str:
    most = max((each for each in found.moved if each.subject == subject), key=lambda each: each.moves.sd)
    return f"{_short(most.factor)} {share(most.moves.sd)}"


def _short(factor: str) -> str:
    """A factor as one word, or two."""
    return {"addresses": "fixed addresses", "seed": "hash seed"}.get(factor, factor)


def _percent(found: Component) -> str:
    """A standard deviation with its interval, such as `0.42 % (0.11–0.93)`."""
    return f"{share(found.sd)} ({number(100 * found.low, 2)}–{number(100 * found.high, 2)})"
