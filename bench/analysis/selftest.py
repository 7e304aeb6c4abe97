"""The lab measured by itself: equals that must come out equal, and known differences that must be found.

The study `selftest` measures one variant against itself in many blocks; so many blocks in a row are one comparison.
What is judged here is derived from its stored runs, kept beside them, and carried by every report of this machine.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean

import msgspec
import numpy as np
from scipy.special import bdtr, nctdtrinc, stdtrit

from bench import store
from bench.analysis.comparison import Comparison, as_a_family
from bench.analysis.pooled import Pooled
from bench.analysis.stats import LEVEL, Ratio, averaged, blocked_ratio
from bench.errors import LabError
from bench.model import Instrument, Recorded, Run, Session
from bench.paths import RESULTS

STUDY = "selftest"
RECORD = "selftest.json"
METRICS: dict[Instrument, str] = {"micro": "time", "macro": "cpu"}
FALSE_ALARM = 1 / 70  # how often a right method may fail: more than 5 of 40 intervals of equals exclude 1
SPREAD_SHARE = 0.95  # of the A/A comparisons lie within the spread
CLAIMS = 2  # the most of an instrument's equals that may be significant to differ
SURE = 0.98  # power at which at least 9 of 10 comparisons find a difference, in all but one of sixty self-tests
FOUND = 0.9  # share of the comparisons that must find a difference which each finds with that power


Values = tuple[float, ...]
_Side = dict[int, Values]  # the values of a block's process


class Equals(Recorded, frozen=True, kw_only=True):
    """A/A comparisons by one instrument, of so many processes or servers a side.

    `mean` is the geometric mean of their ratios with its interval, `bias` how far that is from 1: 0.004 is 0.4 %;
    `spread` is how far from 1 all but a twentieth of them came, sampling error and all. Of all, `claimed` are
    differences by a report's rule, without a floor; the single intervals of `different` exclude 1, of `allowed` at most
    in a right method but once in seventy. `smallest` is the median of the smallest differences that 80 % of such
    comparisons detect. Records of an earlier lab have neither `bias`, `mean` nor `claimed`.
    """

    instrument: Instrument
    a_side: int
    comparisons: int
    bias: float | None = None
    mean: Ratio | None = None
    spread: float | None = msgspec.field(default=None, name="floor")  # the name that earlier records have for it
    significant: int | None = None
    different: int
    allowed: int
    smallest: float

    @property
    def passed(self) -> bool:
        """Whether no more came out different than chance allows."""
        return self.different <= self.allowed and (self.significant or 0) <= CLAIMS


class Known(Recorded, frozen=True, kw_only=True):
    """Comparisons with the same core made `percent` slower, of which a report would claim that for `found`.

    `median` is that of the ratios. `smallest` is the smallest difference that 80 % of such comparisons detect, `sure`
    the one that 98 % do: at least `needed` must find a larger one. Records of an earlier lab lack both.
    """

    percent: int
    comparisons: int
    found: int
    median: float | None = None
    smallest: float | None = None
    sure: float | None = None

    @property
    def needed(self) -> int:
        """How many of the comparisons must find the difference: none where they may lack the power."""
        is_sure = self.sure is not None and self.percent / 100 >= self.sure
        return math.ceil(FOUND * self.comparisons) if is_sure else 0

    @property
    def passed(self) -> bool:
        """Whether the method has the power that its own intervals promise."""
        return self.found >= self.needed


class Selftest(Recorded, frozen=True, kw_only=True):
    """What a self-test said of the machine of that fingerprint."""

    started: str
    fingerprint: str
    variant: str
    equals: tuple[Equals, ...]
    known: tuple[Known, ...]

    @property
    def passed(self) -> bool:
        """Whether equals came out equal with each instrument, and known differences were found."""
        return all(each.passed for each in self.equals) and all(each.passed for each in self.known)

    def bias(self, instrument: Instrument) -> float | None:
        """What is left of many averaged equals by an instrument; None where that was not tested."""
        return next((each.bias for each in self.equals if each.instrument == instrument), None)

    def spread(self, instrument: Instrument) -> float | None:
        """How far A/A comparisons by an instrument scatter; None where that was not tested."""
        return next((each.spread for each in self.equals if each.instrument == instrument), None)


def judge(session: Session, runs: Iterable[Run]) -> Selftest:
    """Derive the verdict from the runs of a whole session. Raises LabError where no instrument measured anything."""
    study, runs = session.plan.study, list(runs)
    sides: dict[Instrument, int] = {
        "micro": study.micro.processes if study.micro else 0,
        "macro": study.macro.runs if study.macro else 0,
    }
    equals = [found for name, a_side in sides.items() if a_side and (found := _equals(runs, name, a_side))]
    if not equals:
        raise LabError(f"{study.name}: no A/A comparison was measured; run `python -m bench selftest`")
    floor = next((each.bias for each in equals if each.instrument == "micro"), None) or 0.0
    slower = study.selftest.slower if study.selftest else ()
    return Selftest(
        started=session.started,
        fingerprint=str(session.machine.get("fingerprint")),
        variant=study.baseline,
        equals=tuple(equals),
        known=tuple(_known(runs, percent, sides["micro"], floor) for percent in slower),
    )


def allowed(comparisons: int) -> int:
    """The most of so many comparisons of equals whose 95 % intervals may exclude 1: 5 of 40."""
    return next(count for count in range(comparisons + 1) if bdtr(count, comparisons, 1 - LEVEL) >= 1 - FALSE_ALARM)


def latest(fingerprint: str | None, results: Path = RESULTS) -> Selftest | None:
    """The last self-test of the machine of that fingerprint, None without one."""
    records = sorted((results / STUDY).glob(f"*/{RECORD}"), reverse=True)
    return next((found for path in records if (found := store.read(path, Selftest)).fingerprint == fingerprint), None)


def _comparisons(above: _Side, below: _Side, size: int, instrument: Instrument) -> list[Ratio]:
    """The ratios of one side to the other, each of `size` blocks in a row: where all ratios of a self-test are made.

    Those of servers have one spread, as a report's have. Blocks that lack one of the two are left out, and so is a
    comparison that has less than two blocks.
    """
    groups: dict[int, dict[int, tuple[Values, Values]]] = defaultdict(dict)
    for block in sorted(above.keys() & below.keys()):
        groups[block // size][block % size] = (above[block], below[block])
    whole = {number: pairs for number, pairs in groups.items() if len(pairs) > 1}
    if instrument == "micro":
        return [blocked_ratio(list(pairs.values())) for pairs in whole.values()]
    within = {number: {b: mean(one) / mean(two) for b, (one, two) in pairs.items()} for number, pairs in whole.items()}
    costs = Pooled(within, blocked=False) if within else None
    return [costs.ratio(number) for number in costs.stacks] if costs else []


def _side(runs: Iterable[Run], instrument: Instrument, *, aa: bool = False, slower: int | None = None) -> _Side:
    """The values of one case, block by block; `slower` is 0 for what the slower ones are compared with."""
    wanted = (instrument, aa, slower)
    found = [run for run in runs if (run.case.instrument, run.case.aa, run.case.slower) == wanted]
    return {run.block: run.values(METRICS[instrument]) for run in found if run.verdict == "pass"}


def _equals(runs: Sequence[Run], instrument: Instrument, a_side: int) -> Equals | None:
    ratios = _comparisons(_side(runs, instrument, aa=True), _side(runs, instrument), a_side, instrument)
    if not ratios:
        return None
    mean_ratio = averaged(ratios)
    return Equals(
        instrument=instrument,
        a_side=a_side,
        comparisons=len(ratios),
        bias=math.expm1(abs(math.log(mean_ratio.estimate))),
        mean=mean_ratio,
        spread=float(np.expm1(np.quantile(np.abs(np.log([each.estimate for each in ratios])), SPREAD_SHARE))),
        significant=sum(
            each.significant for each in _claims(ratios, 0.0)
        ),  # the bias is of these ratios: it may excuse none
        different=sum(each.differs_by_more_than(0.0) for each in ratios),
        allowed=allowed(len(ratios)),
        smallest=float(np.median([each.smallest() or 0.0 for each in ratios])),
    )


def _known(runs: Sequence[Run], percent: int, a_side: int, floor: float) -> Known:
    ratios = _comparisons(_side(runs, "micro", slower=percent), _side(runs, "micro", slower=0), a_side, "micro")
    if not ratios:
        return Known(percent=percent, comparisons=0, found=0)
    return Known(
        percent=percent,
        comparisons=len(ratios),
        found=sum(each.significant for each in _claims(ratios, floor) if each.ratio and each.ratio.estimate > 1),
        median=float(np.median([each.estimate for each in ratios])),
        smallest=float(np.median([each.smallest(floor) or 0.0 for each in ratios])),
        sure=_sure(ratios, floor),
    )


def _claims(ratios: Iterable[Ratio], floor: float) -> list[Comparison]:
    """The ratios as a report judges them: one family, as they are read together."""
    return as_a_family([Comparison(ratio=each, floor=floor) for each in ratios])


def _sure(ratios: Sequence[Ratio], floor: float) -> float | None:
    """The smallest difference that `SURE` of such comparisons detect, by the spread of all of them together."""
    known = [(each.error, each.freedom) for each in ratios if each.error is not None and each.freedom is not None]
    if not known:
        return None
    errors, freedoms = np.array(known).T
    freedom = float(freedoms.mean())
    reach = float(nctdtrinc(freedom, 1 - SURE, stdtrit(freedom, (1 + LEVEL) / 2)))
    return math.expm1(reach * float(np.sqrt(np.mean(errors**2))) + math.log1p(floor))
