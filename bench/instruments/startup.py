"""Start-up: spawn of a fresh server to its first right answer to a document, a JIT's compiling included."""

from pathlib import Path

from bench import catalog, verify
from bench.model import Case, Measurement, Observed, stack_of
from bench.pinning import cores
from bench.serve import serving


def observe(case: Case, output: Path) -> Observed:
    """One spawn of the case's stack, as `ready` in seconds."""
    first = verify.exchanges(catalog.workloads()[case.workload or ""])[0]
    with serving(stack_of(case), first, output.with_suffix(".log"), cores().server) as running:
        facts = verify.ask_witness(running.port, stack_of(case))
        ready = Measurement(metric="ready", unit="s", values=(running.ready_seconds,))
    return Observed(measurements=(ready,), facts=facts)
