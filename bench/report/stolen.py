"""The runs during which the hypervisor took CPU time, by subject, and the figures that it may have changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from bench.analysis.text import share
from bench.host.steal import STOLEN_SHARE
from bench.model import Run

UNTIMED = {"size", "instructions"}  # instruments
ROWS = 12
HEADINGS = ("Subject", "Disturbed runs", "Most stolen", "Blocks")


class Disturbed(msgspec.Struct, frozen=True, kw_only=True):
    """A stack, framework or core: its number of `runs`, and the largest share stolen during one (`most`).

    `blocks` holds the block of each run with more than 2 % stolen, by instrument, workload and load.
    """

    subject: str
    runs: int
    most: float
    blocks: dict[str, list[int]]

    @property
    def disturbed(self) -> int:
        """The number of runs with more than 2 % stolen."""
        return sum(map(len, self.blocks.values()))


class Stolen(msgspec.Struct, frozen=True, kw_only=True):
    """The number of timed `runs` with a known stolen share, and the disturbed `subjects`, the worst first."""

    runs: int = 0
    subjects: tuple[Disturbed, ...] = ()


def stolen(runs: Iterable[Run]) -> Stolen:
    """The disturbed subjects among the timed runs: stacks, frameworks under the suite, cores alone."""
    known: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.stolen is not None and run.case.instrument not in UNTIMED:
            known[run.case.subject].append(run)
    found = [each for subject, own in known.items() if (each := _disturbed(subject, own))]
    return Stolen(
        runs=sum(map(len, known.values())),
        subjects=tuple(sorted(found, key=lambda each: each.most, reverse=True)),
    )


def sentences(found: Stolen) -> str | None:
    """The number of disturbed runs, and the figures that it may have changed; None without any."""
    if not found.subjects:
        return None
    count, worst = sum(each.disturbed for each in found.subjects), found.subjects[0]
    return (
        f"The hypervisor took more than {share(STOLEN_SHARE)} of the CPU time during {count} of {found.runs} runs, "
        f"at most {share(worst.most)} ({worst.subject}). Their times, latencies and server CPU may be too high, their "
        "rates too low. Memory, sizes and instruction counts are not affected."
    )


def grid(found: Stolen) -> list[Sequence[str]]:
    """The heading and the worst subjects; empty if none was disturbed."""
    rows = [
        (
            each.subject,
            f"{each.disturbed} of {each.runs}",
            share(each.most),
            "; ".join(f"{what}: {', '.join(map(str, blocks))}" for what, blocks in each.blocks.items()),
        )
        for each in found.subjects[:ROWS]
    ]
    return [HEADINGS, *rows] if rows else []


def _disturbed(subject: str, runs: Sequence[Run]) -> Disturbed | None:
    """The disturbed runs of a subject; None without any."""
    most = max(run.stolen or 0.0 for run in runs)
    if most <= STOLEN_SHARE:
        return None
    blocks: dict[str, list[int]] = defaultdict(list)
    for run in runs:
        if (run.stolen or 0.0) > STOLEN_SHARE:
            measured = (run.case.instrument, run.case.workload, run.case.load)
            blocks[" ".join(filter(None, measured))].append(run.block)
    return Disturbed(subject=subject, runs=len(runs), most=most, blocks=dict(blocks))
