"""`python -m tests.endurance`: a million calls of each hand-written core must not increase the memory of its process.

The calls cycle through the golden cases of up to 2,000 bytes. They include answers, fallbacks to the reference core,
invalid and malformed documents. Exit status 1 if the memory grows.
"""

import gc
import json
import subprocess
import sys
import time
from pathlib import Path

CORES = ("cython", "numba")
CALLS, WARM = 1_000_000, 100_000  # memory is read after WARM calls and at the end
MOST_BYTES = 2**20  # of growth: one byte per call


def own_bytes() -> int:
    """Return the private memory of this process, which its end would free."""
    gc.collect()
    fields = [line.split() for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()]
    return 1024 * sum(int(words[1]) for words in fields if words[0] in ("Private_Clean:", "Private_Dirty:"))


def call_core(golden: Path) -> None:
    """Call the core of the prefix that runs this script, and print outcomes and memory as JSON."""
    from app.about import built_core  # noqa: PLC0415, the variant's own
    from app.core import InvalidDocument, MalformedDocument  # noqa: PLC0415

    core = built_core()
    paths = [path for path in sorted(golden.glob("*/*.json")) if not path.name.endswith(".out.json")]
    documents = [document for path in paths if len(document := path.read_bytes()) <= 2000]
    outcomes = dict.fromkeys(("answered", "InvalidDocument", "MalformedDocument"), 0)
    warm = 0
    for call in range(CALLS):
        if call == WARM:
            warm = own_bytes()
        try:
            core.transform(documents[call % len(documents)])
            outcomes["answered"] += 1
        except (InvalidDocument, MalformedDocument) as error:
            outcomes[type(error).__name__] += 1
    found = {"documents": len(documents), "outcomes": outcomes, "warm": warm, "end": own_bytes(), **core.provenance()}
    print(json.dumps(found))


def main() -> int:
    """Run each core in its own prefix, and print its growth."""
    from bench import catalog  # noqa: PLC0415, not available in a prefix
    from bench.build import artifacts  # noqa: PLC0415
    from bench.errors import LabError  # noqa: PLC0415
    from bench.paths import SPEC  # noqa: PLC0415

    declared, status = catalog.read(), 0
    for name in CORES:
        began = time.monotonic()
        try:
            artifacts.require(name)
        except LabError as error:
            print(f"endurance: {error}", file=sys.stderr)
            return 2
        argv = [str(artifacts.python(name)), str(Path(__file__)), str(SPEC / "golden")]
        env = artifacts.environment(declared, declared.variants[name])
        found = json.loads(subprocess.run(argv, env=env, check=True, capture_output=True).stdout)
        grown = found["end"] - found["warm"]
        status |= grown > MOST_BYTES
        counts = ", ".join(f"{count:,} {kind}" for kind, count in found["outcomes"].items())
        print(
            f"{name}: {CALLS:,} calls of {found['documents']} documents in {time.monotonic() - began:.0f} s: {counts}"
        )
        print(f"  fallbacks to app.core: {found.get('fallbacks', 0):,}")
        print(f"  {found['warm'] / 2**20:.1f} MiB after {WARM:,} calls, {grown / 1024:+.0f} KiB at the end")
    return status


if __name__ == "__main__":
    if len(sys.argv) > 1:
        call_core(Path(sys.argv[1]))
    else:
        sys.exit(main())
