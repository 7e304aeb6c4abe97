"""What stands first in the report: the answer on cards, the plots in order, notes on certainty, and filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bench.model import Stack
from bench.report import noise, stolen
from bench.report.answer import answers
from bench.report.builds import without_pgo
from bench.report.cards import Card, cards
from bench.report.figures import Key, Plot
from bench.report.rows import Finding
from bench.report.spent import unrest

ORDER = (
    "attacks",
    "outcomes",
    "breaks",
    "ranking",
    "spent",
    "survival",
    "speedups",
    "times",
    "added",
    "latency",
    "percentiles",
    "memory",
    "sizes",
)
TABLED = {"latency", "percentiles"}
FEW = 3  # details on a card, else two
MOST_WORDS = 5  # of the title of a card
FIRST_LOOK = (
    "A first look: few processes, few servers per stack, one run of each open load. It detects large differences only."
)
INTERVALS = (
    "Each interval holds 95 % by itself. In rankings by CPU, all intervals hold simultaneously. A difference is "
    "significant if its whole interval lies beyond the noise floor and its p-value holds in its family, the cores or "
    "the stacks of one workload (Benjamini–Hochberg, 5 %). A ratio without an interval is a ratio of means."
)
ATTACKED = (
    "Each attack was tried once, on a server with one worker; quick ones that ended near their time limit were tried "
    "once more. A server that withstands these attacks is not proven safe."
)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A plot for each workload, given by the page's part for it. They are side by side if each has one panel."""

    name: str
    plots: tuple[tuple[Mapping[str, Any], Plot], ...]

    @property
    def side_by_side(self) -> bool:
        """Whether each plot has one panel, and no table of its workload below."""
        return self.name not in TABLED and all(len(plot.panels) == 1 for _, plot in self.plots)

    @property
    def keys(self) -> list[Key]:
        """The keys to the colours of all its plots."""
        return list(dict.fromkeys(key for _, plot in self.plots for key in plot.keys))

    @property
    def again(self) -> str:
        """The command that repeats it."""
        return self.plots[0][1].again


def sections(parts: Sequence[Mapping[str, Any]]) -> list[Section]:
    """The plots by section. The first one tells the answer. A size is the same for all workloads."""
    found = []
    for name in ORDER:
        own = tuple((part, part["plots"][name]) for part in parts if name in part["plots"])
        if own:
            found.append(Section(name=name, plots=own[:1] if name == "sizes" else own))
    return found


def verdicts(finding: Finding) -> tuple[Card, ...]:
    """The answer on cards: those of a user's application, or one for each answer, its words before a colon on top."""
    return tuple(map(_folded, cards(finding)) if finding.is_of_an_application else map(_card, answers(finding)))


def _folded(card: Card) -> Card:
    """The card with at most three details, the others folded."""
    if len(card.details) <= FEW:
        return card
    return msgspec.structs.replace(card, details=card.details[: FEW - 1], more=card.details[FEW - 1 :])


def _card(answer: str) -> Card:
    title, colon, lead = answer.partition(": ")
    return Card(title, lead) if colon and len(title.split()) <= MOST_WORDS else Card("", answer)


def notes(finding: Finding) -> list[str]:
    """What limits the certainty of the figures, a paragraph each."""
    if finding.attacked:
        return [ATTACKED]
    look = FIRST_LOOK if finding.study.first_look else None
    rest = without_pgo(finding), unrest(finding.session), stolen.sentences(finding.stolen)
    return list(filter(None, (look, *noise.once(finding), *rest, INTERVALS)))


def filters(finding: Finding) -> dict[str, list[str]]:
    """The servers, frameworks and variants by which rows can be chosen, where there are several; none of attacks."""
    if finding.attacked:
        return {}
    named = [names(row.stack, finding) for row in finding.rows]
    values = {name: {each[name] for each in named if each[name]} for name in ("server", "framework", "variant")}
    return {name: sorted(known) for name, known in values.items() if len(known) > 1}


def names(stack: Stack, finding: Finding) -> dict[str, str]:
    """The names of a stack's parts, by which its rows are chosen."""
    server = finding.catalog.peers[stack.variant].server if stack.is_peer else stack.server
    return {"variant": stack.variant, "framework": stack.framework, "server": server}
