"""Figures and comparisons as text, an interval beside each ratio that has a verdict; and answers of limited length."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.analysis.comparison import Comparison
from bench.analysis.text import interval, number, times
from bench.report.estimates import Figure

MICRO, MILLI, KILO, MEGA = 1e-6, 1e-3, 1e3, 1e6
EQUAL, UNDECIDED = "equal", "undecided"  # replace the estimate of a ratio that is not significant
MOST_WORDS, MOST_NUMBERS = 25, 3  # of an answer
NO_FRAMEWORK = {"bare", "bare-rsgi"}
NUMBER = re.compile(r"(?<![\w.])\d[\d,.]*")


def estimate(found: Comparison) -> str:
    """The estimate of a significant ratio, `equal` or `undecided`; a dash for an unknown ratio."""
    if found.ratio is None:
        return "—"
    return times(found.ratio) if found.significant else EQUAL if found.equal else UNDECIDED


def judged(found: Comparison) -> str:
    """The estimate with its interval, such as `1.52× (1.34–1.68)` or `equal (0.98–1.03)`; an undecided one has none."""
    if found.undecided:
        return UNDECIDED
    between = interval(found.ratio) if found.ratio else found.reason or "unknown"
    return f"{estimate(found)} ({between})"


def fits(text: str) -> bool:
    """Whether an answer is short enough."""
    return len(text.split()) <= MOST_WORDS and len(NUMBER.findall(text)) <= MOST_NUMBERS


def fitting(lead: str, parts: Iterable[str] = (), joint: str = "; ") -> str:
    """An answer: `lead`, then as many of the `parts` as there is room for, the first after `joint`.

    A lead that is too long itself, for instance with the title of a user's workload, is cut.
    """
    kept: list[str] = []
    words = lead.split()
    lead = lead if len(words) <= MOST_WORDS else f"{' '.join(words[: MOST_WORDS - 1])} …"
    for part in parts:
        if fits(joint.join([lead, ", ".join([*kept, part])])):
            kept.append(part)
    return f"{joint.join(filter(None, (lead, ', '.join(kept))))}."


def framework(name: str) -> str:
    """A framework as prose names it."""
    return "no framework" if name in NO_FRAMEWORK else name


def scaled(figure: Figure, unit: float) -> str:
    """A figure in units of `unit`, or the text in place of an absent one."""
    return figure.instead if figure.value is None else number(figure.value / unit)


def microseconds(figure: Figure) -> str:
    """A latency in microseconds, or `< 1,000` below the resolution of its clock."""
    if figure.value is None:
        return figure.instead
    told = number(figure.value / MICRO)
    return f"<\N{NO-BREAK SPACE}{told}" if figure.below else told
