"""The check of each document in a fuzzing process: all paths of the Cython core must give the same, right answer.

Documents that the core hands over are not compared, because the reference core would be compared to itself. A sample is
still passed to the reference core, to count valid documents that the core could have answered.
"""

import atexit
import json
import os
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module
from pathlib import Path

from app.core import transform as reference
from tests.cores import Outcome, outcome
from tests.fuzz import COMPARED_ONE_IN, JUDGED_ONE_IN, PATHS

HANDED_OVER = b"handed over"  # cannot be the beginning of an answer
STEP = 8192  # executions between two reports

counts = dict.fromkeys(
    ("executions", "answered", "partly", "compared", "handed_over", "malformed", "invalid", "valid_after_all", "bytes"),
    0,
)


def paths() -> list[Callable[[bytes], bytes]]:
    """Return the `transform` of each path that this CPU supports, with the fallback replaced by a marker."""
    widest = PATHS.index(import_module("cython_core._scalar").widest())
    modules = [import_module(f"cython_core._{path}") for path in PATHS[: widest + 1]]
    for module in modules:
        module.reference = lambda document: HANDED_OVER  # type: ignore[attr-defined]
        assert module.transform(b"{") == HANDED_OVER
    return [module.transform for module in modules]


def examine(document: bytes) -> None:
    """Count a document. Raises AssertionError if a path's answer differs from another path's or the reference's."""
    counts["executions"] += 1
    counts["bytes"] += len(document)
    outcomes = {outcome(transform, document) for transform in transforms}
    kind = "answered" if HANDED_OVER not in outcomes else "partly" if len(outcomes) > 1 else "handed_over"
    counts[kind] += 1
    outcomes.discard(HANDED_OVER)
    assert len(outcomes) < 2, f"the paths differ: {' and '.join(map(short, outcomes))}"
    if outcomes and counts[kind] % COMPARED_ONE_IN == 1:
        counts["compared"] += 1
        right = outcome(reference, document)
        assert outcomes == {right}, f"the core answers {short(*outcomes)}, the reference core {short(right)}"
    elif not outcomes and counts[kind] % JUDGED_ONE_IN == 1:
        right = outcome(reference, document)
        counts[right.split()[0] if isinstance(right, str) else "valid_after_all"] += 1
    if counts["executions"] % STEP == 0:
        write_counts()


def short(outcome: Outcome) -> str:
    """Describe an outcome in a few words."""
    return outcome if isinstance(outcome, str) else f"{len(outcome)} bytes ({sha256(outcome).hexdigest()[:8]})"


def write_counts() -> None:
    """Append the current counts as a line of JSON to the file in $FUZZ_COUNTS."""
    with Path(os.environ["FUZZ_COUNTS"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(counts) + "\n")


transforms = paths()
atexit.register(write_counts)
