"""The check of a core after its timing: answers, memory growth and call times on documents not seen before."""

from __future__ import annotations

import msgspec

from bench.errors import LabError
from bench.model import Measurement

# Ratio of unseen to seen call times above which a core is taken to cache answers. Branch prediction alone gives 1.6.
CACHED_RATIO = 3.0
# A leak: more than so many bytes in total, more than so many per call, over at least so many calls.
LEAK_BYTES = 2 * 2**20
LEAK_BYTES_A_CALL = 128
LEAK_CALLS = 50


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The result of `proof` in `bench/subject/micro.py`, which documents each field."""

    wrong: str | None
    calls: int
    median_seconds: float
    seen_seconds: float | None
    slowest_seconds: float
    grown_bytes: int
    grown_calls: int


def judge(proof: Proof, seconds: float | None, *, alike: bool = True) -> None:
    """Raise LabError if the core answered wrong, caches answers or leaks memory. `seconds`: median of the timed calls.

    With `seconds=None` the unseen documents are not comparable to the timed ones. They are then compared to their own
    repetitions. Without `alike`, the calls are not made as the timed ones were, and are not compared at all.
    """
    if proof.wrong:
        how = "with another batch name" if seconds else "held out"
        raise LabError(f"wrong answer in call {proof.calls} after the timing: {proof.wrong} ({how})")
    seen = seconds or proof.seen_seconds
    if alike and seen and proof.median_seconds > CACHED_RATIO * seen:
        raise LabError(
            f"unseen documents took {proof.median_seconds / seen:.1f}× the time of seen ones: the core caches answers"
        )
    if proof.grown_calls >= LEAK_CALLS and proof.grown_bytes > max(LEAK_BYTES, LEAK_BYTES_A_CALL * proof.grown_calls):
        raise LabError(f"memory leak: {proof.grown_bytes / 2**20:.0f} MiB in {proof.grown_calls} calls")


def measurements(proof: Proof) -> tuple[Measurement, ...]:
    """Return the median call time and the mean of the slowest 1 % of the calls."""
    return (
        Measurement(metric="call.median", unit="s", values=(proof.median_seconds,)),
        Measurement(metric="call.slowest", unit="s", values=(proof.slowest_seconds,)),
    )
