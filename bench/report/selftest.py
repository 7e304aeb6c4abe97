"""The verdict of a self-test: lines on a terminal, and tables on a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import store
from bench.analysis.selftest import MAX_SIGNIFICANT, RECORD, SURE, AAComparisons, KnownDifference, Selftest, judge
from bench.analysis.stats import POWER
from bench.analysis.text import listed, share
from bench.model import Run, Session
from bench.report.markdown import Table
from bench.report.wording import fitting

WHERE = {"micro": "without a server", "macro": "behind a server"}
SIDES = {"micro": "processes", "macro": "servers"}
EQUALS = (
    "A/A", "comparisons", "bias", "mean of the ratios", "significant differences", "intervals that exclude 1",
    "detectable at 80 % power", "outcome",
)  # fmt: skip
KNOWN = (
    "slower by", "comparisons", "median of the ratios", "found", "needed",
    "detectable at 80 % power", "detectable at 98 % power", "outcome",
)  # fmt: skip


def judged(folder: Path, session: Session, runs: Sequence[Run]) -> Selftest:
    """The verdict on a session; it is stored in the `folder` of a finished one."""
    found = judge(session, runs)
    if session.finished:
        store.write(folder / RECORD, found)
    return found


def lines(found: Selftest) -> Iterator[str]:
    """A line for each instrument's A/A comparisons, then one for each known difference."""
    for each in found.equals:
        yield (
            f"A/A {each.instrument}: {_outcome(each)}. Bias: {_bias(each)}. "
            f"Significant differences: {_significant(each)}. Intervals that exclude 1: {_excluding(each)}. "
            f"Mean of the ratios: {_mean(each)}. "
            f"Smallest detectable difference ({share(POWER)} power): {share(each.smallest)}. "
            f"Measured: {found.variant}, {each.comparisons} comparisons of {_a_side(each)}."
        )
    for known in found.known:
        needed = f"at least {known.needed} required" if known.needed else "too small to be required"
        yield (
            f"{known.percent} % slower: {_outcome(known)}. Found: {known.found} of {known.comparisons} ({needed}). "
            f"Median of the ratios: {_ratio(known.median)}. Smallest detectable difference: "
            f"{_share(known.smallest)} ({share(POWER)} power), {_share(known.sure)} ({share(SURE)} power)."
        )


def answers(found: Selftest) -> Iterator[str]:
    """How far equals come out apart, which known difference is found, and how many equals are called different."""
    told = [f"{_bias(each)} {WHERE[each.instrument]}" for each in found.equals]
    yield fitting("On average, equals differ by this much" if told else "Equals were not compared", told, ": ")
    whole = [each for each in found.known if each.found == each.comparisons]
    known = min(whole or found.known, key=lambda each: (-each.found, each.percent), default=None)
    if known:
        yield fitting(f"A difference of {known.percent} % is found in {known.found} of {known.comparisons} comparisons")
    false, among = (sum(getattr(each, name) or 0 for each in found.equals) for name in ("significant", "comparisons"))
    yield fitting(f"Self-test {'passed' if found.passed else 'FAILED'}: {false} of {among} equals are called different")


RULE = (
    "A page calls two figures different only if their whole interval lies beyond the noise, and names its own noise "
    "under “Method”"
)


def noise(found: Selftest) -> str:
    """In one sentence: which differences a single comparison detects, and how far equals come out apart on average."""
    least = listed([f"{share(each.smallest)} {WHERE[each.instrument]}" for each in found.equals])
    apart = listed([_bias(each) for each in found.equals])
    return f"Noise: a single comparison detects a difference of {least}; equals differ by {apart} on average. {RULE}"


def equals_table(found: Selftest) -> Table:
    """The table of A/A comparisons: its heading and a row for each instrument."""
    rows = [
        (
            f"{each.instrument}, {_a_side(each)}",
            str(each.comparisons),
            _bias(each),
            _mean(each),
            _significant(each),
            _excluding(each),
            share(each.smallest),
            _outcome(each),
        )
        for each in found.equals
    ]
    return [EQUALS, *rows]


def known_table(found: Selftest) -> Table:
    """The table of known differences: its heading and a row for each difference."""
    rows = [
        (
            f"{each.percent} %",
            str(each.comparisons),
            _ratio(each.median),
            str(each.found),
            str(each.needed) if each.needed else "—",
            _share(each.smallest),
            _share(each.sure),
            _outcome(each),
        )
        for each in found.known
    ]
    return [KNOWN, *rows]


def _outcome(each: AAComparisons | KnownDifference) -> str:
    return "passed" if each.passed else "FAILED"


def _a_side(each: AAComparisons) -> str:
    return f"{each.a_side} {SIDES[each.instrument]} a side"


def _bias(each: AAComparisons) -> str:
    return "not measured" if each.bias is None else share(each.bias)


def _mean(each: AAComparisons) -> str:
    """The mean of the ratios, with enough digits for a bias below a percent."""
    if each.mean is None:
        return "—"
    between = "no interval" if each.mean.low is None else f"{_ratio(each.mean.low)}–{_ratio(each.mean.high)}"
    return f"{_ratio(each.mean.estimate)} ({between})"


def _significant(each: AAComparisons) -> str:
    return "not counted" if each.significant is None else f"{each.significant} (at most {MAX_SIGNIFICANT})"


def _excluding(each: AAComparisons) -> str:
    return f"{each.different} (at most {each.allowed})"


def _ratio(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"


def _share(value: float | None) -> str:
    return "—" if value is None else share(value)
