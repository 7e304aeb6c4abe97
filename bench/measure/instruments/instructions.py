"""callgrind on the core alone: instructions a document, a second measure that neither neighbour nor clock disturbs.

Start-up is not counted: a client request switches counting on for whole passes over the documents. Hash randomisation
is off here (and address randomisation under valgrind), so an interpreter counts the same to the instruction each time;
a core that keys its hash tables at random by itself differs by less than a percent from process to process.
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
    """The switch that the counted process turns counting on with, compiled if it is not here as its source is.

    Raises MissingError where valgrind or a C compiler is missing.
    """
    system.require(NEEDS)
    folder, made_of = TOOLS / "callgrind", stamp.of(_SOURCE)
    if not stamp.is_current(folder, made_of):
        with stamp.rebuilding(folder, made_of):
            done = system.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(folder / SWITCH), str(_SOURCE)])
            if done.returncode:
                raise LabError(f"bench/subject/callgrind.c: {system.error_message(done)}")
    return folder / SWITCH


def observe(catalog: Catalog, case: InstructionsCase, output: Path) -> Observed:
    """One process of the variant under callgrind; the profile of its last pass is kept beside `output`.

    `path` of the facts is what the core took in there. Where it tells one, a process outside is asked, too: that is
    `timed_path`. Raises LabError with the last words of the process if it fails, or runs what was not declared.
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
        watched = ["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={profile}"]
        facts = _ask(catalog, variant, [*watched, *argv], env | artifacts.counting_environment(variant))
        passes = [profile.with_suffix(f".{number + 1}") for number in range(case.passes)]
        counts = tuple(total(path) / case.documents for path in passes)
        output.with_suffix(".callgrind.out").write_bytes(store.scrub(passes[-1].read_bytes()))
    if "path" in facts:
        facts["timed_path"] = _ask(catalog, variant, argv, env)["path"]
    counted = Measurement(metric="instructions", unit="1", values=counts)
    return Observed(measurements=(counted,), facts=facts)


def total(profile: Path) -> int:
    """The instructions of a whole callgrind profile. Raises LabError where it does not tell them."""
    found = re.search(rb"^totals: (\d+)$", profile.read_bytes(), re.MULTILINE) if profile.exists() else None
    if found is None:
        raise LabError(f"callgrind left no count in {profile.name}: is the switch of another valgrind?")
    return int(found[1])


def _ask(catalog: Catalog, variant: Variant, argv: list[str], env: dict[str, str]) -> dict[str, Any]:
    """Run the passes and return the provenance."""
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
        raise LabError(f"counting {variant.name} failed with status {done.returncode}: {' '.join(last)}")
    about: dict[str, Any] = json.loads(done.stdout)
    return verify.provenance(catalog, variant.name, about)
