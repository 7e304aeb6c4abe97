"""What a runtime sees of a limit on its CPU time, and what it sizes by that: a program within the limit prints it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec

from bench.build import artifacts, peers
from bench.errors import LabError
from bench.host.cgroup import group
from bench.host.limits import limited
from bench.host.pinning import cores, pinned
from bench.model import Catalog, Observed, Peer, SizingCase
from bench.paths import PREFIXES, SUBJECT

PYTHON = SUBJECT / "sizing.py"
PROGRAMS = {"JavaScript": SUBJECT / "sizing.mjs", "Java": SUBJECT / "Sizing.java"}
TIMEOUT_SECONDS = 60.0


def observe(catalog: Catalog, case: SizingCase, output: Path) -> Observed:
    """Run the program once. The facts are what it prints. Raises LabError with its last line if it fails."""
    subject, log = catalog.subject(case.variant), output.with_suffix(".log")
    if isinstance(subject, Peer):
        runtime = peers.home(subject) / subject.provider.executable
        argv, env, prefix = [str(runtime), str(PROGRAMS[subject.language])], dict(os.environ), subject.build
    else:
        argv, prefix = [str(artifacts.python(case.variant)), str(PYTHON)], case.variant
        env = artifacts.environment(catalog, subject)
    with group() as metered, limited(catalog.limits[case.limit], metered) as within, log.open("wb") as errors:
        done = subprocess.run(
            pinned(within.argv_within(argv), cores().all),
            cwd=PREFIXES / prefix,
            env=env,
            stdout=subprocess.PIPE,
            stderr=errors,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        raise LabError(f"{case.label} failed with status {done.returncode}; see {log}")
    return Observed(facts=msgspec.json.decode(done.stdout, type=dict[str, int | str]))
