"""Stored runs, judged by the gates of today: a session may be older than a gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from bench.analysis.gates import Tripped, judge
from bench.model import Run

TWICE = 2  # runs of a case in which a noisy gate must trip


def rejudged(runs: Iterable[Run]) -> list[Run]:
    """The runs, of which those have failed whose row a gate spoils; a noisy gate must trip in two runs of a case."""
    found = [(run, _spoilt(run)) for run in runs]
    times = Counter((run.case.identity, tripped.gate) for run, tripped in found if tripped)
    sure = {key for key, count in times.items() if count >= TWICE}
    return [
        _failed(run, tripped) if tripped and (not tripped.noisy or (run.case.identity, tripped.gate) in sure) else run
        for run, tripped in found
    ]


def _spoilt(run: Run) -> Tripped | None:
    if run.verdict != "pass" or run.case.instrument != "macro":
        return None
    return next((each for each in judge(run) if each.spoils == "row"), None)


def _failed(run: Run, tripped: Tripped) -> Run:
    return msgspec.structs.replace(run, verdict="failed", reason=tripped.reason, gate=tripped.gate)
