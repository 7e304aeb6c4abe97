"""A comparison of two results: a ratio with its interval, from the lab's own runs or from pyperf files.

A side is `study/variant`, `study/variant/framework/server` or `study/peer` of that study's last session, or the path of
any pyperf JSON file. pyperf's `compare_to` treats the values of a process as independent. Here the process is the unit,
and the numbers of processes may differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pyperf

from bench import store
from bench.analysis import selftest
from bench.analysis.comparison import Comparison, as_a_family, paired
from bench.analysis.spread import POOLED, pooled, right
from bench.analysis.stats import POWER, Ratio, ratio
from bench.analysis.text import interval, number, seconds, share, times
from bench.errors import LabError
from bench.model import Instrument, Run, stack_of
from bench.paths import RESULTS
from bench.report.evidence import Evidence
from bench.report.wording import EQUAL, UNDECIDED


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of each process of one benchmark, value by value.

    A side of the lab also has its `session`, its `runs` with their `metric`, the runs of all stacks `under` the same
    load, and the noise `floor`.
    """

    name: str
    benchmark: str
    processes: tuple[tuple[float, ...], ...]
    session: Path | None = None
    runs: tuple[Run, ...] = ()
    under: tuple[Run, ...] = ()
    metric: str = "time"
    floor: float = 0.0

    @property
    def seconds(self) -> float:
        """The mean of the processes' means."""
        return float(np.mean([np.mean(values) for values in self.processes]))


class Benchmark(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as fast `b` is as `a` in one benchmark. `paired`: both were measured in the same blocks.

    `among` is the number of benchmarks in common, a family in which `significant` holds; other results are `equal` or
    undecided. `smallest` is the smallest detectable difference at 80 % power.
    """

    benchmark: str
    a: str
    b: str
    a_seconds: float
    b_seconds: float
    processes: tuple[int, int]
    speedup: Ratio
    paired: bool
    floor: float
    smallest: float | None
    among: int = 1
    significant: bool = False
    equal: bool = False

    def is_slower(self, limit: float) -> bool:
        """Return True if `b` is significantly slower than `a` and less than `limit` times as fast."""
        return self.significant and self.speedup.estimate < limit


def compare(a: str, b: str, results: Path = RESULTS) -> list[Benchmark]:
    """Every benchmark that both sides have. Two sides with one benchmark each are compared whatever its name.

    Raises LabError if a side cannot be read, or if the two have no benchmark in common.
    """
    ones, others = ({side.benchmark: side for side in _sides(text, results)} for text in (a, b))
    if len(ones) == len(others) == 1:
        return _family([_compared(*ones.values(), *others.values())])
    common = [name for name in ones if name in others]
    if not common:
        raise LabError(f"{a} and {b} have no benchmark in common: {', '.join(ones)} and {', '.join(others)}")
    return _family([_compared(ones[name], others[name]) for name in common])


def text(each: Benchmark) -> str:
    """A comparison as text: its verdict with the interval, the means, the floor and the smallest difference."""
    sides = ((each.a, each.a_seconds, each.processes[0]), (each.b, each.b_seconds, each.processes[1]))
    means = [f"{name}: {seconds(mean)} over {count} process{'es' * (count > 1)}" for name, mean, count in sides]
    lines = [
        f"{each.benchmark}: {_verdict(each)}",
        *(f"  {mean}" for mean in means),
        *(f"  {line}" for line in _basis(each)),
    ]
    if not each.paired:
        lines.append("  Not measured side by side: the ratio includes what the machine did in between.")
    return "\n".join(lines)


def verdict(each: Benchmark, limit: float) -> str:
    """Whether `b` is at least `limit` times as fast as `a`, in a line; undecided if neither is shown."""
    low, measured = each.speedup.low, f"{times(each.speedup)} as fast"
    if each.is_slower(limit):
        return f"slower: {each.benchmark}: {measured}, the limit is {limit:g}×"
    if low is not None and low >= limit:
        return f"within the limit: {each.benchmark}: {measured}, the limit is {limit:g}×"
    detects = "no interval" if each.smallest is None else f"it detects {share(each.smallest)}"
    return f"{UNDECIDED}: {each.benchmark}: {measured}, the limit is {limit:g}×: measure longer ({detects})"


def _verdict(each: Benchmark) -> str:
    between = "no interval" if each.speedup.low is None else f"95 % interval {interval(each.speedup)}"
    if each.significant:
        return f"{each.b} is {times(each.speedup)} as fast as {each.a} ({between})"
    verdict = EQUAL if each.equal else UNDECIDED
    return f"{verdict}, {each.b} against {each.a} ({between})"


def _basis(each: Benchmark) -> Iterator[str]:
    """The family, the noise floor and the smallest detectable difference of a verdict."""
    if each.smallest is None:
        yield "No interval: each side needs two processes or more."
        return
    family = f" among {each.among} benchmarks (Benjamini-Hochberg, 5 %)" if each.among > 1 else ""
    said = "Significant" if each.significant else "Equal within 5 %" if each.equal else "No significant difference"
    floor = share(each.floor) if each.floor else "unknown (not measured side by side, or no self-test)"
    yield f"{said}{family}. Noise floor: {floor}."
    yield f"Smallest detectable difference ({share(POWER)} power): {share(each.smallest)}."


def _compared(a: Side, b: Side) -> Benchmark:
    side_by_side = _side_by_side(a, b) if a.session == b.session and a.metric == b.metric else None
    speedup = side_by_side or ratio(a.processes, b.processes)
    floor = a.floor if side_by_side else 0.0
    return Benchmark(
        benchmark=b.benchmark,
        a=a.name,
        b=b.name,
        a_seconds=a.seconds,
        b_seconds=b.seconds,
        processes=(len(a.processes), len(b.processes)),
        speedup=speedup,
        paired=side_by_side is not None,
        floor=floor,
        smallest=speedup.smallest(floor),
    )


def _side_by_side(a: Side, b: Side) -> Ratio | None:
    """The ratio of two subjects of one session. Stacks under one load share one spread, as in the report."""
    if a.metric not in POOLED or not a.under or a.under != b.under:
        return paired(a.runs, b.runs, a.metric)
    costs = pooled(right(a.under), a.metric)
    return costs.ratio(stack_of(a.runs[0].case), stack_of(b.runs[0].case)) if costs else None


def _family(found: list[Benchmark]) -> list[Benchmark]:
    """The benchmarks with their verdicts, judged as one family."""
    held = as_a_family([Comparison(ratio=each.speedup, floor=each.floor) for each in found])
    return [
        msgspec.structs.replace(each, among=len(found), significant=comparison.significant, equal=comparison.equal)
        for each, comparison in zip(found, held, strict=True)
    ]


def _sides(text: str, results: Path) -> list[Side]:
    path = Path(text)
    if path.is_file():
        return _pyperf(path)
    study, slash, subject = text.partition("/")
    if not slash or not (results / study).is_dir():
        raise LabError(f"{text!r} is neither a file nor STUDY/VARIANT[/FRAMEWORK/SERVER] of a measured study")
    return _of_the_lab(study, subject, results)


def _pyperf(path: Path) -> list[Side]:
    try:
        suite = pyperf.BenchmarkSuite.load(str(path))
    except (ValueError, KeyError) as error:
        raise LabError(f"{path}: not a pyperf JSON file ({error})") from error
    return [
        Side(
            name=path.name,
            benchmark=benchmark.get_name() or path.stem,
            processes=tuple(tuple(run.values) for run in benchmark.get_runs() if run.values),
        )
        for benchmark in suite.get_benchmarks()
    ]


def _of_the_lab(study: str, subject: str, results: Path) -> list[Side]:
    """A variant's times, or a stack's server CPU per request under each load, in a study's last session."""
    folder, session = store.latest(study, results)
    instrument: Instrument = "macro" if "/" in subject or subject in session.plan.catalog.peers else "micro"
    metric = selftest.METRICS[instrument]
    runs = store.runs(folder)
    of_kind = [run for run in runs if run.case.instrument == instrument and not run.case.levels]
    found = [run for run in of_kind if subject == run.case.subject and run.case.is_plain]
    wrong = next((run.told for run in found if run.verdict != "pass"), None)
    if wrong or not found:
        known = ", ".join(sorted({run.case.subject for run in of_kind})) or "nothing"
        raise LabError(f"{study}/{subject} has no figure: {wrong or f'the last session of {study} measured {known}'}")
    tested = selftest.latest(session.machine.get("fingerprint"), results)
    return [
        Side(
            name=f"{study}/{subject}",
            benchmark=benchmark,
            processes=tuple(run.values(metric) for run in measured),
            session=folder,
            runs=tuple(measured),
            under=tuple(run for run in of_kind if _load(run) == _load(measured[0])) if instrument == "macro" else (),
            metric=metric,
            floor=Evidence(session, runs, measured[0].case.workload or "", tested).floor(instrument),
        )
        for benchmark, measured in _benchmarks(found).items()
    ]


def _benchmarks(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs by the title of their benchmark."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        case = run.case
        rate = "" if case.rate is None else f" at {number(case.rate)}/s"
        load = f"server CPU per request, {case.workload}, {case.load}{rate}"
        found[load if case.load else f"transform {case.workload}"].append(run)
    return found


def _load(run: Run) -> tuple[str | None, str | None, float | None]:
    return run.case.workload, run.case.load, run.case.rate
