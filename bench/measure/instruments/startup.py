"""Start-up: spawn of a fresh server to its first right answer to a document, a JIT's compiling included."""

from pathlib import Path

from bench import catalog, verify
from bench.host.pinning import cores
from bench.model import Case, Measurement, Observed, stack_of
from bench.serve.backend import attached
from bench.serve.life_cycle import serving


def observe(case: Case, output: Path) -> Observed:
    """One spawn of the case's stack, as `ready` in seconds."""
    workload, stack = catalog.workloads()[case.workload or ""], stack_of(case)
    first, log = verify.exchanges(workload)[0], output.with_suffix(".log")
    with (
        attached(workload, output.with_suffix(".backend.log")) as backend,
        serving(stack, first, log, cores().server, backend=backend) as running,
    ):
        facts = verify.ask_witness(running.port, stack)
        ready = Measurement(metric="ready", unit="s", values=(running.ready_seconds,))
    return Observed(measurements=(ready,), facts=facts)
