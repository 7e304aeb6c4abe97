"""The lab measured by itself: equals that must come out equal, and known differences that must be found.

The study `selftest` measures one variant against itself in many blocks; so many blocks in a row are one comparison.
What is judged here is derived from its stored runs, kept beside them, and carried by every report of this machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from scipy.special import bdtr

from bench import store
from bench.errors import LabError
from bench.model import Instrument, Recorded, Run, Session, Study
from bench.paths import RESULTS
from bench.stats import LEVEL, POWER, Ratio, blocked_ratio

STUDY = "selftest"
RECORD = "selftest.json"
METRICS: dict[Instrument, str] = {"micro": "time", "macro": "cpu"}
FALSE_ALARM = 1 / 70  # how often a right method may fail: more than 5 of 40 comparisons called different
FLOOR_SHARE = 0.95  # of the A/A comparisons lie below the floor


Values = tuple[float, ...]
_Side = dict[int, Values]  # the values of a block's process


class Equals(Recorded, frozen=True, kw_only=True):
    """A/A comparisons by one instrument, of so many processes or servers a side.

    `floor` is how far from 1 all but a twentieth of the ratios came: 0.02 is 2 %. `different` were called so at the
    5 % level, `allowed` is the most that a right method has but once in seventy. `smallest` is the median of the
    smallest differences that one such comparison sees four times in five.
    """

    instrument: Instrument
    a_side: int
    comparisons: int
    floor: float
    different: int
    allowed: int
    smallest: float

    @property
    def passed(self) -> bool:
        """Whether no more were called different than chance does."""
        return self.different <= self.allowed


class Known(Recorded, frozen=True, kw_only=True):
    """Comparisons with the same core made `percent` slower: `found` so at the 5 % level; `median` of the ratios."""

    percent: int
    comparisons: int
    found: int
    median: float | None = None


class Selftest(Recorded, frozen=True, kw_only=True):
    """What a self-test said of the machine of that fingerprint."""

    started: str
    fingerprint: str
    variant: str
    equals: tuple[Equals, ...]
    known: tuple[Known, ...]

    @property
    def passed(self) -> bool:
        """Whether the method held with each instrument."""
        return all(each.passed for each in self.equals)

    def floor(self, instrument: Instrument) -> float | None:
        """The noise floor of what an instrument measures; None where it was not tested."""
        return next((each.floor for each in self.equals if each.instrument == instrument), None)


def judge(session: Session, runs: Iterable[Run], study: Study) -> Selftest:
    """Derive the verdict from the runs of a whole session. Raises LabError where no instrument measured anything."""
    runs = list(runs)
    sides: dict[Instrument, int] = {
        "micro": study.micro.processes if study.micro else 0,
        "macro": study.macro.runs if study.macro else 0,
    }
    equals = [_equals(runs, instrument, a_side) for instrument, a_side in sides.items() if a_side]
    known = [_known(runs, percent, sides["micro"]) for percent in (study.selftest.slower if study.selftest else ())]
    if not any(equals):
        raise LabError(f"{study.name}: no A/A comparison was measured; run `python -m bench selftest`")
    return Selftest(
        started=session.started,
        fingerprint=str(session.machine.get("fingerprint")),
        variant=study.baseline,
        equals=tuple(each for each in equals if each),
        known=tuple(known),
    )


def allowed(comparisons: int) -> int:
    """The most of so many comparisons of equals that may be called different at the 5 % level: 5 of 40."""
    return next(count for count in range(comparisons + 1) if bdtr(count, comparisons, 1 - LEVEL) >= 1 - FALSE_ALARM)


def latest(fingerprint: str | None, results: Path = RESULTS) -> Selftest | None:
    """The last self-test of the machine of that fingerprint, None without one."""
    records = sorted((results / STUDY).glob(f"*/{RECORD}"), reverse=True)
    return next((found for path in records if (found := store.read(path, Selftest)).fingerprint == fingerprint), None)


def conclude(console: Console, folder: Path, study: Study, json: bool) -> int:
    """Judge the session in `folder`, keep the verdict in it and print it. Returns the exit status, 1 if it failed."""
    session = store.read(folder / "session.json", Session)
    found = judge(session, store.runs(folder), study)
    if session.finished:
        store.write(folder / RECORD, found)
    if json:
        console.print_json(msgspec.json.encode(found).decode())
    else:
        for line in told(found):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return int(not found.passed)


def told(found: Selftest) -> Iterator[str]:
    """The verdict, line by line."""
    for each in found.equals:
        yield (
            f"A/A {each.instrument}: {found.variant} against itself, {each.comparisons} times, {each.a_side} a side: "
            f"noise floor {each.floor:.2%}; {each.different} called different at the 5 % level, up to {each.allowed} "
            f"are chance: {'passed' if each.passed else 'FAILED'}. One such comparison sees a difference of "
            f"{each.smallest:.2%} in {POWER:.0%} of cases."
        )
    for known in found.known:
        median = "none was measured" if known.median is None else f"median of the ratios {known.median:.4f}"
        yield f"{known.percent} % slower by counted work: found {known.found} of {known.comparisons} times ({median})"


def _comparisons(above: _Side, below: _Side, size: int) -> list[Ratio]:
    """The ratios of one side to the other, each of `size` blocks in a row.

    Blocks that lack one of the two are left out, and so is a comparison that has less than two blocks.
    """
    groups: dict[int, list[tuple[Values, Values]]] = defaultdict(list)
    for block in sorted(above.keys() & below.keys()):
        groups[block // size].append((above[block], below[block]))
    return [blocked_ratio(pairs) for pairs in groups.values() if len(pairs) > 1]


def _side(runs: Iterable[Run], instrument: Instrument, *, twin: bool = False, slower: int | None = None) -> _Side:
    """The values of one case, block by block; `slower` is 0 for what the slower ones are compared with."""
    wanted = (instrument, twin, slower)
    found = [run for run in runs if (run.case.instrument, run.case.twin, run.case.settings.get("slower")) == wanted]
    return {run.block: run.values(METRICS[instrument]) for run in found if run.verdict == "pass"}


def _equals(runs: Sequence[Run], instrument: Instrument, a_side: int) -> Equals | None:
    ratios = _comparisons(_side(runs, instrument, twin=True), _side(runs, instrument), a_side)
    smallest = [each.smallest() or 0.0 for each in ratios]
    if not ratios:
        return None
    return Equals(
        instrument=instrument,
        a_side=a_side,
        comparisons=len(ratios),
        floor=float(np.expm1(np.quantile(np.abs(np.log([each.estimate for each in ratios])), FLOOR_SHARE))),
        different=sum(each.differs_by_more_than(0.0) for each in ratios),
        allowed=allowed(len(ratios)),
        smallest=float(np.median(smallest)),
    )


def _known(runs: Sequence[Run], percent: int, a_side: int) -> Known:
    ratios = _comparisons(_side(runs, "micro", slower=percent), _side(runs, "micro", slower=0), a_side)
    estimates = [each.estimate for each in ratios]
    return Known(
        percent=percent,
        comparisons=len(ratios),
        found=sum(each.low is not None and each.low > 1 for each in ratios),
        median=float(np.median(estimates)) if estimates else None,
    )
