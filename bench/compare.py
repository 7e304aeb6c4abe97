"""Two results against each other: a ratio with its interval, be it of the lab's own runs or of pyperf files.

A side is `study/variant`, of that study's last session, or the path of a pyperf JSON file, anyone's. `compare_to` of
pyperf takes the values of a process for independent ones; here the process is the unit, and counts may differ.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyperf
from rich.console import Console

from bench import store
from bench.errors import LabError
from bench.model import Run
from bench.paths import RESULTS
from bench.report.evidence import paired
from bench.report.wording import interval, seconds, share, times
from bench.stats import Ratio, noise_floor, ratio


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, value by value, of each process of one benchmark; `runs` and `session` where they are of the lab."""

    name: str
    benchmark: str
    processes: tuple[tuple[float, ...], ...]
    session: Path | None = None
    runs: tuple[Run, ...] = ()
    floor: float | None = None

    @property
    def seconds(self) -> float:
        """The mean of the processes' means."""
        return float(np.mean([np.mean(values) for values in self.processes]))


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as fast `b` is as `a`. `paired` says that both were measured in the same blocks."""

    benchmark: str
    a: str
    b: str
    a_seconds: float
    b_seconds: float
    processes: tuple[int, int]
    speedup: Ratio
    paired: bool
    floor: float | None


def show(console: Console, a: str, b: str, json: bool, results: Path = RESULTS) -> int:
    """Print how `b` compares with `a`, benchmark by benchmark. Returns exit status 0: a difference is no failure."""
    found = compare(a, b, results)
    if json:
        console.print_json(msgspec.json.encode(found).decode())
        return 0
    for each in found:
        console.print(told(each), markup=False, highlight=False, soft_wrap=True)
    return 0


def compare(a: str, b: str, results: Path = RESULTS) -> list[Compared]:
    """Every benchmark that both sides hold; two sides of one benchmark each are compared whatever its name.

    Raises LabError if a side cannot be read, or if they have nothing in common.
    """
    ones, others = ({side.benchmark: side for side in _sides(text, results)} for text in (a, b))
    if len(ones) == len(others) == 1:
        return [_compared(*ones.values(), *others.values())]
    common = [name for name in ones if name in others]
    if not common:
        raise LabError(f"{a} and {b} have no benchmark in common: {', '.join(ones)} and {', '.join(others)}")
    return [_compared(ones[name], others[name]) for name in common]


def told(each: Compared) -> str:
    """A comparison in words, with what it rests on."""
    sides = ((each.a, each.a_seconds, each.processes[0]), (each.b, each.b_seconds, each.processes[1]))
    means = [f"{name}: {seconds(mean)} over {count} process{'es' * (count > 1)}" for name, mean, count in sides]
    between = "no interval" if each.speedup.low is None else f"95 % interval {interval(each.speedup)}"
    lines = [
        f"{each.benchmark}: {each.b} is {times(each.speedup)} as fast as {each.a} ({between})",
        f"  {means[0]}; {means[1]}",
    ]
    if each.speedup.low is None:
        lines.append("  One process tells nothing of the next: measure more for an interval.")
    elif each.floor is not None:
        beyond = each.speedup.differs_by_more_than(each.floor)
        lines.append(f"  {'Beyond' if beyond else 'Not beyond'} the noise floor of {share(each.floor)}.")
    elif not each.speedup.differs_by_more_than(0.0):
        lines.append("  The interval holds 1×: no difference is shown.")
    if not each.paired:
        lines.append("  Not measured side by side: what the machine did in between is part of this ratio.")
    return "\n".join(lines)


def _compared(a: Side, b: Side) -> Compared:
    side_by_side = paired(a.runs, b.runs, "time") if a.session == b.session else None
    return Compared(
        benchmark=b.benchmark,
        a=a.name,
        b=b.name,
        a_seconds=a.seconds,
        b_seconds=b.seconds,
        processes=(len(a.processes), len(b.processes)),
        speedup=side_by_side or ratio(a.processes, b.processes),
        paired=side_by_side is not None,
        floor=a.floor if side_by_side else None,
    )


def _sides(text: str, results: Path) -> list[Side]:
    path = Path(text)
    if path.is_file():
        return _pyperf(path)
    study, slash, variant = text.partition("/")
    if not slash or not (results / study).is_dir():
        raise LabError(f"{text!r} is neither a file nor study/variant of a study that was run")
    return _micro(study, variant, results)


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


def _micro(study: str, variant: str, results: Path) -> list[Side]:
    """A variant's micro runs in a study's last session, workload by workload."""
    folder, _ = store.latest(study, results)
    micro: dict[str | None, list[Run]] = {}
    for run in store.runs(folder):
        if run.case.instrument == "micro":
            micro.setdefault(run.case.workload, []).append(run)
    return [_side(f"{study}/{variant}", variant, folder, runs) for runs in micro.values() or [[]]]


def _side(name: str, variant: str, folder: Path, micro: list[Run]) -> Side:
    """The micro runs of a variant among those of one workload, and the noise floor of its A/A pair."""
    runs = tuple(run for run in micro if run.case.variant == variant and not run.case.twin)
    wrong = next((run.reason for run in runs if run.verdict != "pass"), None)
    if wrong or not runs:
        known = ", ".join(sorted({run.case.variant for run in micro})) or "nothing"
        raise LabError(f"{name} has no figure: {wrong or f'its last session measured {known}'}")
    twins = [run for run in micro if run.case.twin and run.verdict == "pass"]
    others = [
        run for run in micro if not run.case.twin and any(run.case.variant == twin.case.variant for twin in twins)
    ]
    same = paired(others, twins, "time")
    return Side(
        name=name,
        benchmark=f"transform {runs[0].case.workload}",
        processes=tuple(run.values("time") for run in runs),
        session=folder,
        runs=runs,
        floor=noise_floor(same) if same else None,
    )
