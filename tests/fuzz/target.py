"""What is asked of each document in a fuzzing process: one answer of all paths of the Cython core, and the right one.

What the core hands over goes nowhere, since the reference would agree with itself; a sample of it is shown to the
reference all the same, to count what was valid and need not have been handed over.
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

HANDED_OVER = b"handed over"  # no answer starts like that
STEP = 8192  # executions between two reports

counts = dict.fromkeys(
    ("executions", "answered", "partly", "compared", "handed_over", "malformed", "invalid", "valid_after_all", "bytes"),
    0,
)


def paths() -> list[Callable[[bytes], bytes]]:
    """The transform of each path that this processor runs, the reference behind it taken away."""
    widest = PATHS.index(import_module("cython_core._scalar").widest())
    modules = [import_module(f"cython_core._{path}") for path in PATHS[: widest + 1]]
    for module in modules:
        module.reference = lambda document: HANDED_OVER  # type: ignore[attr-defined]
        assert module.transform(b"{") == HANDED_OVER
    return [module.transform for module in modules]


def examine(document: bytes) -> None:
    """Count a document; raises AssertionError where an answer is not what another path's or the reference's is."""
    counts["executions"] += 1
    counts["bytes"] += len(document)
    said = {outcome(transform, document) for transform in transforms}
    kind = "answered" if HANDED_OVER not in said else "partly" if len(said) > 1 else "handed_over"
    counts[kind] += 1
    said.discard(HANDED_OVER)
    assert len(said) < 2, f"the paths say {' and '.join(map(short, said))}"
    if said and counts[kind] % COMPARED_ONE_IN == 1:
        counts["compared"] += 1
        right = outcome(reference, document)
        assert said == {right}, f"the core says {short(*said)}, the reference {short(right)}"
    elif not said and counts[kind] % JUDGED_ONE_IN == 1:
        right = outcome(reference, document)
        counts[right.split()[0] if isinstance(right, str) else "valid_after_all"] += 1
    if counts["executions"] % STEP == 0:
        tell()


def short(outcome: Outcome) -> str:
    """An outcome in a few words."""
    return outcome if isinstance(outcome, str) else f"{len(outcome)} bytes ({sha256(outcome).hexdigest()[:8]})"


def tell() -> None:
    """Report the counts so far, one line of JSON in the file that the environment names."""
    with Path(os.environ["FUZZ_COUNTS"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(counts) + "\n")


transforms = paths()
atexit.register(tell)
