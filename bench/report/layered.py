"""What each layer adds to a request within a process, framework by framework: figures, and their cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

from bench.analysis.added import Added, added
from bench.analysis.comparison import Comparison, as_a_family, compared, noise_floor, paired, whole
from bench.analysis.selftest import Selftest
from bench.analysis.stats import Ratio, blocked_ratio
from bench.analysis.text import number
from bench.model import LayersCase, Run, Session, Study
from bench.report.wording import MICRO, judged

HEADINGS = ("request, µs", "added, µs", "relative to no layer")


class LayerResult(msgspec.Struct, frozen=True, kw_only=True):
    """Requests through a layer and a framework: seconds each (`time`), and what the layer adds.

    `slower` is the time ÷ that of the study's first layer, which is `first`. `reason`: why the time is missing.
    """

    variant: str
    framework: str
    layering: str
    first: bool
    time: Ratio | None = None
    added: Added | None = None
    slower: Comparison = Comparison()
    reason: str | None = None


class Layered(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a workload in the study's order. `same` is the ratio of the study's own A/A pair."""

    rows: tuple[LayerResult, ...] = ()
    same: Ratio | None = None
    floor: float = 0.0

    def of(self, variant: str, framework: str, layer: str) -> LayerResult | None:
        """The result of a layer around a framework; None where it is not for that framework."""
        return next(
            (row for row in self.rows if (row.variant, row.framework, row.layering) == (variant, framework, layer)),
            None,
        )

    @property
    def figures(self) -> tuple[LayerResult, ...]:
        """The results with a time."""
        return tuple(row for row in self.rows if row.time)


def layered(session: Session, runs: Iterable[Run], workload: str, selftest: Selftest | None) -> Layered:
    """The results of a workload; none for a study without layers. Its comparisons are one family."""
    plan, study = session.plan.study.layers, session.plan.study
    if plan is None:
        return Layered()
    own: dict[tuple[str, str, str, bool], list[Run]] = {}
    for run in runs:
        case = run.case
        if isinstance(case, LayersCase) and case.workload == workload:
            own.setdefault((case.variant, case.framework, case.layering, case.aa), []).append(run)
    first = plan.named[0]
    repeated = whole(own.get((study.baseline, study.frameworks[0], first, True), ()))
    same = paired(repeated, whole(own.get((study.baseline, study.frameworks[0], first, False), ())), "time")
    floor = noise_floor(same, selftest.bias("micro") if selftest else None)
    rows = [
        _row(session, (variant, framework, layer), own, floor)
        for variant in study.variants
        for framework in study.frameworks
        for layer in plan.named
        if session.plan.catalog.layerings[layer].is_for(framework)
    ]
    held = iter(as_a_family([row.slower for row in rows if not row.first]))
    rows = [row if row.first else msgspec.structs.replace(row, slower=next(held)) for row in rows]
    return Layered(rows=tuple(rows), same=same, floor=floor)


def _row(
    session: Session,
    of: tuple[str, str, str],
    own: dict[tuple[str, str, str, bool], list[Run]],
    floor: float,
) -> LayerResult:
    variant, framework, layer = of
    first = _first(session.plan.study)
    runs, without = whole(own.get((*of, False), ())), whole(own.get((variant, framework, first, False), ()))
    row = LayerResult(variant=variant, framework=framework, layering=layer, first=layer == first)
    if not runs:
        failed = (run.told for run in own.get((*of, False), ()) if run.verdict != "pass")
        lacks = (
            lack.reason
            for lack in session.unavailable
            if lack.covers(variant, framework, instrument="layers", layering=layer) or lack.covers(variant)
        )
        reason = next(chain(failed, lacks), None) or "not measured"
        return msgspec.structs.replace(row, reason=reason, slower=Comparison(reason=reason))
    time = blocked_ratio([(run.values("time"), (1.0,)) for run in runs])
    if row.first:
        return msgspec.structs.replace(row, time=time, slower=Comparison(reason="the others are relative to it"))
    ratio = paired(runs, without, "time")
    slower = compared(ratio, floor) if ratio else Comparison(reason="no layer has no figure")
    return msgspec.structs.replace(row, time=time, added=added(runs, without, "time"), slower=slower)


def _first(study: Study) -> str:
    """The layer that the others are compared with."""
    return study.layers.named[0] if study.layers else ""


def cells(row: LayerResult) -> list[str]:
    """The cells of a row under `HEADINGS`."""
    if row.time is None:
        return ["—"] * len(HEADINGS)
    if row.first:
        return [_between(row.time), "", "1×"]
    return [_between(row.time), amount(row), judged(row.slower)]


def amount(row: LayerResult, between: bool = True) -> str:
    """The microseconds that a layer adds, with their interval; `at most` its end where the difference may be noise."""
    found = row.added
    if found is None or not row.slower.ratio:
        return "—"
    if not row.slower.significant or (found.low is not None and found.low <= 0):
        return "undecided" if found.high is None else f"at most {_micro(max(found.high, 0.0))}"
    ends = "" if found.low is None or found.high is None else f" ({_micro(found.low)}–{_micro(found.high)})"
    return _micro(found.seconds) + (ends if between else "")


def _between(time: Ratio) -> str:
    ends = "" if time.low is None or time.high is None else f" ({_micro(time.low)}–{_micro(time.high)})"
    return _micro(time.estimate) + ends


def _micro(seconds: float) -> str:
    return number(seconds / MICRO)


def drawable(rows: Iterable[LayerResult]) -> Iterator[LayerResult]:
    """The results that a log scale can hold: layers that add a significant time."""
    for row in rows:
        if row.slower.significant and row.added and row.added.low is not None and row.added.low > 0:
            yield row
