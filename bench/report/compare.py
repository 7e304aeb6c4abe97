"""Two results against each other: a ratio with its interval, be it of the lab's own runs or of pyperf files.

A side is `study/variant`, `study/variant/framework/server` or `study/peer`, of that study's last session, or the path
of a pyperf JSON file, anyone's. `compare_to` of pyperf takes the values of a process for independent ones; here the
process is the unit, and counts may differ.
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
from bench.analysis.comparison import Comparison, as_a_family, noise_floor, paired
from bench.analysis.spread import POOLED, pooled, right
from bench.analysis.stats import POWER, Ratio, ratio
from bench.analysis.text import interval, number, seconds, share, times
from bench.errors import LabError
from bench.model import Instrument, Run, stack_of
from bench.paths import RESULTS
from bench.report.wording import EQUAL


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, value by value, of each process of one benchmark.

    `session`, `runs` with their `metric`, those of all stacks `under` the same load, and the noise `floor` are there
    where they are of the lab.
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


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as fast `b` is as `a`. `paired` says that both were measured in the same blocks.

    `among` is how many benchmarks the two have in common: a family, in which `significant` holds; another result is
    `equal` or undecided. `smallest` is the smallest difference that 80 % of such measurements detect.
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


def compare(a: str, b: str, results: Path = RESULTS) -> list[Compared]:
    """Every benchmark that both sides hold; two sides of one benchmark each are compared whatever its name.

    Raises LabError if a side cannot be read, or if they have nothing in common.
    """
    ones, others = ({side.benchmark: side for side in _sides(text, results)} for text in (a, b))
    if len(ones) == len(others) == 1:
        return _family([_compared(*ones.values(), *others.values())])
    common = [name for name in ones if name in others]
    if not common:
        raise LabError(f"{a} and {b} have no benchmark in common: {', '.join(ones)} and {', '.join(others)}")
    return _family([_compared(ones[name], others[name]) for name in common])


def told(each: Compared) -> str:
    """A comparison in words: the verdict with its interval, what it rests on, the floor and the smallest effect."""
    sides = ((each.a, each.a_seconds, each.processes[0]), (each.b, each.b_seconds, each.processes[1]))
    means = [f"{name}: {seconds(mean)} over {count} process{'es' * (count > 1)}" for name, mean, count in sides]
    lines = [
        f"{each.benchmark}: {_verdict(each)}",
        f"  {means[0]}; {means[1]}",
        *(f"  {line}" for line in _held(each)),
    ]
    if not each.paired:
        lines.append("  Not measured side by side: what the machine did in between is part of this ratio.")
    return "\n".join(lines)


def _verdict(each: Compared) -> str:
    between = "no interval" if each.speedup.low is None else f"95 % interval {interval(each.speedup)}"
    if each.significant:
        return f"{each.b} is {times(each.speedup)} as fast as {each.a} ({between})"
    if each.equal:
        return f"{each.b} is as fast as {each.a}: {EQUAL} ({between})"
    return f"undecided whether {each.b} is as fast as {each.a} ({between})"


def _held(each: Compared) -> Iterator[str]:
    """What the ratio is held against."""
    if each.smallest is None:
        yield "One process tells nothing of the next: measure more for an interval."
        return
    family = f" among {each.among} benchmarks (Benjamini-Hochberg, 5 %)" if each.among > 1 else ""
    said = "Significant" if each.significant else "Equal within 5 %" if each.equal else "No significant difference"
    floor = f"noise floor {share(each.floor)}" if each.floor else "the bias of the machine is not known"
    yield f"{said}{family}; {floor}."
    yield f"Smallest detectable difference ({share(POWER)} power): {share(each.smallest)}."


def _compared(a: Side, b: Side) -> Compared:
    side_by_side = _side_by_side(a, b) if a.session == b.session and a.metric == b.metric else None
    speedup = side_by_side or ratio(a.processes, b.processes)
    floor = a.floor if side_by_side else 0.0
    return Compared(
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
    """The ratio of what one session measured; of stacks under one load as its page has it, with one spread for all."""
    if a.metric not in POOLED or not a.under or a.under != b.under:
        return paired(a.runs, b.runs, a.metric)
    costs = pooled(right(a.under), a.metric)
    return costs.ratio(stack_of(a.runs[0].case), stack_of(b.runs[0].case)) if costs else None


def _family(found: list[Compared]) -> list[Compared]:
    """The benchmarks that two sides have in common are read together."""
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
        raise LabError(f"{text!r} is neither a file nor STUDY/VARIANT[/FRAMEWORK/SERVER] of a study that was run")
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
    """A variant's times, or a stack's server CPU per request load by load, in a study's last session."""
    folder, session = store.latest(study, results)
    instrument: Instrument = "macro" if "/" in subject or subject in session.plan.catalog.peers else "micro"
    metric = selftest.METRICS[instrument]
    runs = store.runs(folder)
    of_kind = [run for run in runs if run.case.instrument == instrument]
    found = [run for run in of_kind if subject == _subject(run) and run.case.is_plain]
    wrong = next((run.told for run in found if run.verdict != "pass"), None)
    if wrong or not found:
        known = ", ".join(sorted({_subject(run) for run in of_kind})) or "nothing"
        raise LabError(f"{study}/{subject} has no figure: {wrong or f'its last session measured {known}'}")
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
            floor=noise_floor(_pair(runs, measured[0].case.workload), tested.bias(instrument) if tested else None),
        )
        for benchmark, measured in _benchmarks(found).items()
    ]


def _benchmarks(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs by what they measured, in words."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        case = run.case
        rate = "" if case.rate is None else f" at {number(case.rate)}/s"
        load = f"server CPU a request, {case.workload}, {case.load}{rate}"
        found[load if case.load else f"transform {case.workload}"].append(run)
    return found


def _load(run: Run) -> tuple[str | None, str | None, float | None]:
    return run.case.workload, run.case.load, run.case.rate


def _subject(run: Run) -> str:
    return run.case.subject


def _pair(runs: Iterable[Run], workload: str | None) -> Ratio | None:
    """The ratio of the session's A/A pair on a workload, None where it measured none."""
    of_workload = [run for run in runs if run.case.workload == workload and run.verdict == "pass"]
    micro = [run for run in of_workload if run.case.instrument == "micro"]
    repeats = [run for run in micro if run.case.aa]
    names = {run.case.variant for run in repeats}
    return paired([run for run in micro if run.case.variant in names and run.case.is_plain], repeats, "time")
