"""What a core shows once its timing is over: answers, memory and evenness on bytes that it has not seen before."""

from __future__ import annotations

import msgspec

from bench.errors import LabError
from bench.model import Measurement

KEPT = 3.0  # unseen bytes take no longer than this many times the seen ones; what a branch predictor learns is 1.6
LEAK_BYTES = 2 * 2**20  # growth of the process that is no mere page more …
LEAK_BYTES_A_CALL = 128  # … and that each of so many calls has its part in
LEAK_CALLS = 50


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The word of `subject/micro.py`, whose `proof` tells what each is."""

    wrong: str | None
    calls: int
    median_seconds: float
    seen_seconds: float | None
    slowest_seconds: float
    grown_bytes: int
    grown_calls: int


def judge(proof: Proof, seconds: float | None) -> None:
    """Raises LabError that names what is wrong with a core whose timed calls took so many seconds each.

    Without `seconds`, what was unseen is no like of what was timed: it is held against itself once it was seen.
    """
    if proof.wrong:
        how = "as a batch of another name" if seconds else "which was held out"
        raise LabError(f"call {proof.calls} after the timing was answered wrong: {proof.wrong}, {how}")
    seen = seconds or proof.seen_seconds
    if seen and proof.median_seconds > KEPT * seen:
        raise LabError(
            f"unseen documents took {proof.median_seconds / seen:.1f} times as long as seen ones: "
            "answers are kept from call to call"
        )
    if proof.grown_calls >= LEAK_CALLS and proof.grown_bytes > max(LEAK_BYTES, LEAK_BYTES_A_CALL * proof.grown_calls):
        raise LabError(f"memory leaks: {proof.grown_bytes / 2**20:.0f} MiB more after {proof.grown_calls} calls")


def measurements(proof: Proof) -> tuple[Measurement, ...]:
    """How even the calls were: the middle one, and the mean of the slowest hundredth."""
    return (
        Measurement(metric="call.median", unit="s", values=(proof.median_seconds,)),
        Measurement(metric="call.slowest", unit="s", values=(proof.slowest_seconds,)),
    )
