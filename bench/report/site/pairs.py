"""The ratios of each two subjects of a group, in one session or over several.

Each interval holds 95 % by itself: a reader picks a pair, and no family of comparisons is read together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from bench.analysis.comparison import Comparison, compared
from bench.analysis.stats import Ratio, between
from bench.model import Instrument, Stack
from bench.report.evidence import Evidence

Pair = tuple[str, str]
Ratios = dict[Pair, Comparison]  # the cost of the first ÷ that of the second, which stands before it
Subjects = Mapping[str, str | Stack]  # by name


def ratios(evidence: Evidence, load: str, subjects: Subjects) -> Ratios:
    """The known ratios: of server CPU per request under a load, or of a core's time without one."""
    instrument: Instrument = "macro" if load else "micro"
    metric, under = ("cpu", load) if load else ("time", None)
    names = list(subjects)
    found = {
        (above, below): evidence.speedup(instrument, subjects[below], metric, under, over=subjects[above])
        for at, above in enumerate(names)
        for below in names[:at]
    }
    return {pair: each for pair, each in found.items() if each.ratio}


def over_sessions(sessions: Sequence[Ratios]) -> Ratios:
    """The ratios over sessions, of the pairs that every session has."""
    found = {}
    for above, below in sessions[0] if sessions else ():
        own = [known for each in sessions if (known := of(each, above, below))]
        shared = [each.ratio for each in own if each.ratio]
        if len(shared) == len(sessions):
            found[above, below] = compared(between(shared), max(each.floor for each in own))
    return found


def of(known: Ratios, above: str, below: str) -> Comparison | None:
    """The cost of `above` ÷ that of `below`, in whichever direction it is known; None if unknown."""
    found, turned = known.get((above, below)), known.get((below, above))
    if found or turned is None or turned.ratio is None:
        return found
    return replace(turned, ratio=_inverse(turned.ratio))


def _inverse(ratio: Ratio) -> Ratio:
    low, high = (1 / end if end else None for end in (ratio.high, ratio.low))
    return replace(ratio, estimate=1 / ratio.estimate, low=low, high=high)
