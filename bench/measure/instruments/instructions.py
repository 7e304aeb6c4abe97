"""callgrind on the core alone: instructions per document, a measure without noise from neighbours and clocks.

A client request switches counting on for whole passes over the documents, so start-up does not count. Without hash
randomisation, and without address randomisation under valgrind, an interpreter executes exactly the same number of
instructions each time. A core that randomises its own hash tables differs by less than 1 % between processes.
Source: the Valgrind manual, chapter 6 (client requests, `totals` of the profile's format).
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import documents, store, verify
from bench.build import artifacts
from bench.errors import LabError
from bench.host.pinning import cores, pinned
from bench.model import Catalog, InstructionsCase, Measurement, Observed, Variant, Yardstick
from bench.paths import SUBJECT, TOOLS
from bench.provision import stamp, system

NEEDS = ("valgrind", "C compiler")
PROCESS_SECONDS = 900
SAME_EACH_TIME = {"PYTHONHASHSEED": "0"}
_SOURCE = SUBJECT / "callgrind.c"
SWITCH = "callgrind.so"


def provision() -> Path:
    """Return the library of client requests (`bench/subject/callgrind.c`), compiling it first if necessary.

    Raises MissingError if valgrind or a C compiler is missing.
    """
    system.require(NEEDS)
    folder, made_of = TOOLS / "callgrind", stamp.of(_SOURCE)
    if not stamp.is_current(folder, made_of):
        with stamp.rebuilding(folder, made_of):
            done = system.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(folder / SWITCH), str(_SOURCE)])
            if done.returncode:
                raise LabError(f"bench/subject/callgrind.c does not compile: {system.error_message(done)}")
    return folder / SWITCH


def observe(catalog: Catalog, case: InstructionsCase, output: Path) -> Observed:
    """Run one process of the variant under callgrind, and keep the profile of its last pass beside `output`.

    The facts contain the core's code path there, `path`, if it reports one, and `timed_path`, that of a process without
    valgrind. Raises LabError with the last line of the process if it fails, or if the provenance check does.
    """
    variant = catalog.variant(case.variant)
    workload = catalog.workloads[case.workload]
    env = artifacts.environment(catalog, variant) | SAME_EACH_TIME
    argv = [
        str(artifacts.python(variant.name)), str(SUBJECT / "instructions.py"),
        "--switch", str(provision()), "--folder", str(documents.ensure(workload).load),
        f"--documents={case.documents}", f"--passes={case.passes}",
        *(["--unanswered"] if isinstance(variant, Yardstick) else []),
    ]  # fmt: skip
    with TemporaryDirectory(dir=output.parent) as folder:
        profile = Path(folder) / "profile"
        valgrind = ["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={profile}"]
        facts = _run_passes(catalog, variant, [*valgrind, *argv], env | artifacts.counting_environment(variant))
        passes = [profile.with_suffix(f".{number + 1}") for number in range(case.passes)]
        counts = tuple(total(path) / case.documents for path in passes)
        output.with_suffix(".callgrind.out").write_bytes(store.scrub(passes[-1].read_bytes()))
    if "path" in facts:
        facts["timed_path"] = _run_passes(catalog, variant, argv, env)["path"]
    counted = Measurement(metric="instructions", unit="1", values=counts)
    return Observed(measurements=(counted,), facts=facts)


def total(profile: Path) -> int:
    """Return the total number of instructions in a callgrind profile. Raises LabError if there is none."""
    found = re.search(rb"^totals: (\d+)$", profile.read_bytes(), re.MULTILINE) if profile.exists() else None
    if found is None:
        raise LabError(f"callgrind wrote no count to {profile.name}: was {SWITCH} built for another valgrind?")
    return int(found[1])


def _run_passes(catalog: Catalog, variant: Variant, argv: list[str], env: dict[str, str]) -> dict[str, Any]:
    """Run the passes and return the checked provenance."""
    folder = artifacts.python(variant.name).parent
    done = subprocess.run(
        pinned(argv, cores().server),
        check=False,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise LabError(f"callgrind of {variant.name} failed with status {done.returncode}: {' '.join(last)}")
    about: dict[str, Any] = json.loads(done.stdout)
    return verify.provenance(catalog, variant.name, about)
