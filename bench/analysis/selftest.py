"""The self-test: A/A pairs that must come out equal, and known differences that must be found.

The study `selftest` measures one variant against itself in many blocks. A few consecutive blocks make one comparison.
The verdict derives from the stored runs, is stored beside them, and appears in every report of this machine.
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
FALSE_ALARM = 1 / 70  # how often a correct method may fail: more than 5 of 40 A/A intervals exclude 1
SPREAD_SHARE = 0.95  # share of the A/A comparisons within the spread
MAX_SIGNIFICANT = 2  # largest number of significant differences among an instrument's A/A comparisons
SURE = 0.98  # power at which at least 9 of 10 comparisons find a difference, in all but one of sixty self-tests
FOUND = 0.9  # share of the comparisons that must find a difference which each finds with that power


Values = tuple[float, ...]
_Side = dict[int, Values]  # by block, the values of its process


class AAComparisons(Recorded, frozen=True, kw_only=True):
    """A/A comparisons by one instrument, of `a_side` processes or servers a side.

    `mean` is the geometric mean of their ratios with its interval. `bias` is its distance from 1: 0.004 is 0.4 %.
    `spread` is the distance from 1 within which 95 % of the ratios lie, sampling error included. `significant` counts
    the significant differences by a report's rule, without a noise floor. `different` counts the intervals that
    exclude 1, each by itself: a correct method exceeds `allowed` once in seventy self-tests. `smallest` is the median
    of the smallest detectable differences at 80 % power. Records of earlier versions have no `bias`, `mean` or
    `significant`.
    """

    instrument: Instrument
    a_side: int
    comparisons: int
    bias: float | None = None
    mean: Ratio | None = None
    spread: float | None = msgspec.field(default=None, name="floor")  # its name in earlier records
    significant: int | None = None
    different: int
    allowed: int
    smallest: float

    @property
    def passed(self) -> bool:
        """Whether no more comparisons differ than chance allows."""
        return self.different <= self.allowed and (self.significant or 0) <= MAX_SIGNIFICANT


class KnownDifference(Recorded, frozen=True, kw_only=True):
    """Comparisons with the same core made `percent` slower; `found` of them are significant by a report's rule.

    `median` is the median of the ratios. `smallest` is the smallest detectable difference at 80 % power, `sure` the one
    at 98 % power. Records of earlier versions have neither.
    """

    percent: int
    comparisons: int
    found: int
    median: float | None = None
    smallest: float | None = None
    sure: float | None = None

    @property
    def needed(self) -> int:
        """How many comparisons must find the difference: 0 where it is smaller than `sure`."""
        is_sure = self.sure is not None and self.percent / 100 >= self.sure
        return math.ceil(FOUND * self.comparisons) if is_sure else 0

    @property
    def passed(self) -> bool:
        """Whether the method has the power that its intervals promise."""
        return self.found >= self.needed


class Selftest(Recorded, frozen=True, kw_only=True):
    """The results of a self-test on the machine with that fingerprint."""

    started: str
    fingerprint: str
    variant: str
    equals: tuple[AAComparisons, ...]
    known: tuple[KnownDifference, ...]

    @property
    def passed(self) -> bool:
        """Whether the A/A comparisons of each instrument passed, and all known differences."""
        return all(each.passed for each in self.equals) and all(each.passed for each in self.known)

    def bias(self, instrument: Instrument) -> float | None:
        """The bias of an instrument, 0.004 for 0.4 %; None where it was not tested."""
        return next((each.bias for each in self.equals if each.instrument == instrument), None)

    def spread(self, instrument: Instrument) -> float | None:
        """The spread of an instrument's A/A comparisons; None where it was not tested."""
        return next((each.spread for each in self.equals if each.instrument == instrument), None)


def judge(session: Session, runs: Iterable[Run]) -> Selftest:
    """The results of a self-test from the runs of its session. Raises LabError without any A/A comparison."""
    study, runs = session.plan.study, list(runs)
    sides: dict[Instrument, int] = {
        "micro": study.micro.processes if study.micro else 0,
        "macro": study.macro.runs if study.macro else 0,
    }
    equals = [found for name, a_side in sides.items() if a_side and (found := _equals(runs, name, a_side))]
    if not equals:
        raise LabError(f"{study.name}: no A/A comparison was measured: run `python -m bench selftest`")
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
    """The largest number of A/A comparisons whose 95 % intervals may exclude 1: 5 of 40."""
    return next(count for count in range(comparisons + 1) if bdtr(count, comparisons, 1 - LEVEL) >= 1 - FALSE_ALARM)


def latest(fingerprint: str | None, results: Path = RESULTS) -> Selftest | None:
    """The last self-test of the machine with that fingerprint; None without one."""
    records = sorted((results / STUDY).glob(f"*/{RECORD}"), reverse=True)
    return next((found for path in records if (found := store.read(path, Selftest)).fingerprint == fingerprint), None)


def _comparisons(above: _Side, below: _Side, size: int, instrument: Instrument) -> list[Ratio]:
    """The ratios of one side to the other, each over `size` consecutive blocks.

    The ratios of servers share one spread, as in a report. Blocks without both sides and comparisons of fewer than two
    blocks are left out.
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
    """The values of one case by block. `slower` is 0 for the case that the slower ones are compared with."""
    wanted = (instrument, aa, slower)
    found = [run for run in runs if (run.case.instrument, run.case.aa, run.case.slower) == wanted]
    return {run.block: run.values(METRICS[instrument]) for run in found if run.verdict == "pass"}


def _equals(runs: Sequence[Run], instrument: Instrument, a_side: int) -> AAComparisons | None:
    ratios = _comparisons(_side(runs, instrument, aa=True), _side(runs, instrument), a_side, instrument)
    if not ratios:
        return None
    mean_ratio = averaged(ratios)
    significant = sum(each.significant for each in _family(ratios, 0.0))  # no floor: the bias is of these very ratios
    return AAComparisons(
        instrument=instrument,
        a_side=a_side,
        comparisons=len(ratios),
        bias=math.expm1(abs(math.log(mean_ratio.estimate))),
        mean=mean_ratio,
        spread=float(np.expm1(np.quantile(np.abs(np.log([each.estimate for each in ratios])), SPREAD_SHARE))),
        significant=significant,
        different=sum(each.differs_by_more_than(0.0) for each in ratios),
        allowed=allowed(len(ratios)),
        smallest=float(np.median([each.smallest() or 0.0 for each in ratios])),
    )


def _known(runs: Sequence[Run], percent: int, a_side: int, floor: float) -> KnownDifference:
    ratios = _comparisons(_side(runs, "micro", slower=percent), _side(runs, "micro", slower=0), a_side, "micro")
    if not ratios:
        return KnownDifference(percent=percent, comparisons=0, found=0)
    return KnownDifference(
        percent=percent,
        comparisons=len(ratios),
        found=sum(each.significant for each in _family(ratios, floor) if each.ratio and each.ratio.estimate > 1),
        median=float(np.median([each.estimate for each in ratios])),
        smallest=float(np.median([each.smallest(floor) or 0.0 for each in ratios])),
        sure=_sure(ratios, floor),
    )


def _family(ratios: Iterable[Ratio], floor: float) -> list[Comparison]:
    """The ratios judged as one family, as in a report."""
    return as_a_family([Comparison(ratio=each, floor=floor) for each in ratios])


def _sure(ratios: Sequence[Ratio], floor: float) -> float | None:
    """The smallest detectable difference at a power of `SURE`, from the pooled spread of all comparisons."""
    known = [(each.error, each.freedom) for each in ratios if each.error is not None and each.freedom is not None]
    if not known:
        return None
    errors, freedoms = np.array(known).T
    freedom = float(freedoms.mean())
    reach = float(nctdtrinc(freedom, 1 - SURE, stdtrit(freedom, (1 + LEVEL) / 2)))
    return math.expm1(reach * float(np.sqrt(np.mean(errors**2))) + math.log1p(floor))
