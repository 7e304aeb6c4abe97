"""Cold start: spawn of a fresh server to its first right answer to a document, including JIT compilation."""

from pathlib import Path

from bench import verify
from bench.host.pinning import cores
from bench.model import Catalog, Measurement, Observed, StartupCase
from bench.serve.application import backend_for
from bench.serve.life_cycle import serving


def observe(catalog: Catalog, case: StartupCase, output: Path) -> Observed:
    """Spawn the case's stack once. The metric is `ready`, in seconds."""
    workload, stack = catalog.workloads[case.workload], case.stack
    first, log = verify.exchanges(workload)[0], output.with_suffix(".log")
    with (
        backend_for(catalog, stack, workload.backend, output.with_suffix(".backend.log")) as backend,
        serving(catalog, stack, first, log, cores().server, backend=backend) as running,
    ):
        facts = (
            verify.read_provenance(catalog, running, stack)
            if running.provenance
            else verify.ask_provenance(catalog, running.port, stack)
        )
        ready = Measurement(metric="ready", unit="s", values=(running.ready_seconds,))
    return Observed(measurements=(ready,), facts=facts)
