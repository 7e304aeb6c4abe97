"""The effects of factors on a core's time: lines on a terminal, tables and a plot on a page."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt

from bench.analysis.components import Component
from bench.analysis.drift import PROCESSES, TIME, Drift
from bench.analysis.text import listed, number, share
from bench.catalog.factors import FACTORS
from bench.report.charts import WIDE
from bench.report.drawing import Chart, Record, hues, keys, names_axis, sheet
from bench.report.markdown import Table
from bench.report.pictures import Picture, with_keys
from bench.report.wording import fitting

FACTOR_TITLES = {name: factor.title for name, factor in FACTORS.items()} | {TIME: "time: minutes pass"}
ROW_PIXELS = 16


def lines(found: Drift) -> Iterator[str]:
    """The significant effects on each subject, then the expected difference between two sessions."""
    for subject in found.subjects:
        rows = [each for each in found.moved if each.subject == subject]
        effects = [f"{_percent(each.moves)} by {_short(each.factor)}" for each in rows if each.significant]
        others = [each.moves.high for each in rows if not each.significant]
        lead = "Significant effect" if effects else "No significant effect"
        told = f": standard deviation {listed(effects)}" if effects else ""
        rest = f" Each {'other ' if effects else ''}factor: at most {share(max(others))}." if others else ""
        yield f"{lead} on {_title(found, subject)}{told}.{rest}"
    for subject in found.subjects:
        same, rebuilt = found.between(subject, TIME), found.between(subject, TIME, "build")
        if same is not None:
            again = f", after a rebuild {share(rebuilt)}" if rebuilt is not None else ""
            yield (
                f"Expected standard deviation of {_title(found, subject)} between sessions of {PROCESSES} processes: "
                f"{share(same)}{again}."
            )


def answers(found: Drift) -> Iterator[str]:
    """For each subject, the factors that move it, and how far its sessions lie apart."""
    for subject in found.subjects:
        moved = [each for each in found.moved if each.subject == subject and each.significant]
        moved.sort(key=lambda each: -each.moves.sd)
        told = [f"{_short(each.factor)} moves it by {share(each.moves.sd)}" for each in moved]
        same = found.between(subject, TIME)
        again = [f"sessions lie {share(same)} apart"] if same is not None else []
        yield fitting(f"{_title(found, subject)}: {told[0] if told else 'nothing moves it significantly'}", again)


def moves_table(found: Drift) -> Table:
    """By factor, the standard deviation between its levels, beyond that of fresh processes."""
    heading = ["factor", "averaged within a session", *_titles(found)]
    return [heading, *([FACTOR_TITLES[name], _averaged(name), *_cells(found, name)] for name in _factors(found))]


def within_table(found: Drift) -> Table:
    """By factor, the standard deviation of fresh processes at one level of it."""
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
    """The effect of each factor on each subject, with its interval."""
    words = [f"{_largest(found, subject)} ({_title(found, subject)})" for subject in found.subjects]
    about = "Effect of each factor on a core's time or a ratio, in % (standard deviation, 95 % interval)"
    return Picture("", "factors", about, f"Largest: {listed(words)}", _chart(found))


def _title(found: Drift, subject: str) -> str:
    """The title of a variant, or of the two variants of a ratio."""
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
        color=alt.Color("subject:N", sort=names, scale=hues(keys(names))),
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
    """A factor in one or two words."""
    return {"addresses": "fixed addresses", "seed": "hash seed"}.get(factor, factor)


def _percent(found: Component) -> str:
    """A standard deviation with its interval, such as `0.42 % (0.11–0.93)`."""
    return f"{share(found.sd)} ({number(100 * found.low, 2)}–{number(100 * found.high, 2)})"
