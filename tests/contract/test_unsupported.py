"""Every unsupported pair is tried, and must fail with the symptom that the catalogue declares."""

import subprocess
import time
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from rich.console import Console

from bench.build import artifacts
from bench.catalog import pairing
from bench.errors import LabError
from bench.host.pinning import cores
from bench.model import Stack, Unavailable
from bench.progress import Progress
from bench.provision.interpreters import install
from bench.readiness import building
from bench.serve import http_client, life_cycle, process
from bench.serve.process import Program
from tests import commands
from tests.contract.conftest import LABELS, PLAIN, missing
from tests.declared import CATALOG

pytestmark = [pytest.mark.slow, pytest.mark.long]

STARTS, REQUESTS = 6, 20  # a server that reads invalid memory may work for a while before it crashes
NEWER = ("cpython@cpython-3.13", "cpython@cpython-3.15")  # some pairs are unsupported only on these


def declared() -> list[Stack]:
    """The first unsupported stack for each server and symptom."""
    found: dict[tuple[str, str], Stack] = {}
    for variant in (*PLAIN.values(), *NEWER):
        for label in LABELS:
            for name in CATALOG.frameworks:
                stack = Stack(variant=variant, framework=name, server=label)
                unsupported = pairing.unsupported(CATALOG, stack)
                if unsupported:
                    found.setdefault((label, unsupported.symptom), stack)
    return list(found.values())


@pytest.mark.parametrize("stack", declared(), ids=str)
def test_an_unsupported_stack_fails_as_declared(
    stack: Stack, prepared: tuple[building.Built, list[Unavailable]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stack.variant in NEWER:
        prepared = building.prepare(CATALOG, [stack.variant], Progress(Console(quiet=True)), [stack.server])
    if stack.variant not in prepared[0]:
        missing(prepared[1], stack.variant)
    unsupported = pairing.unsupported(CATALOG, stack)
    assert unsupported is not None
    commands.alter(monkeypatch, lambda argv, env: (argv, env | {"PYTHONPATH": str(tmp_path / "beside")}))
    monkeypatch.setattr(life_cycle, "READY_SECONDS", 5.0)
    monkeypatch.setattr(pairing, "unsupported", create_autospec(pairing.unsupported, return_value=None))
    log = tmp_path / "log"
    log.touch()
    stop = process._stop

    def stop_after_the_symptom(server: subprocess.Popen[bytes], program: Program, seconds: float) -> str | None:
        """A server may answer before it logs its error."""
        deadline = time.monotonic() + 5
        while unsupported.symptom not in log.read_text(errors="replace") and time.monotonic() < deadline:
            time.sleep(0.02)
        return stop(server, program, seconds)

    monkeypatch.setattr(process, "_stop", stop_after_the_symptom)
    with pytest.raises(LabError) as caught:  # noqa: PT012 - the failure may come at any step
        install(
            artifacts.python(stack.variant),
            pairing.server_file(CATALOG, stack).requirements,
            target=tmp_path / "beside",
        )
        for _ in range(STARTS):
            with life_cycle.serving(CATALOG, stack, http_client.HELLO, log, cores().server) as running:
                for _ in range(REQUESTS):
                    http_client.ask(running.port, http_client.HELLO)
    assert unsupported.symptom in f"{caught.value} {log.read_text(errors='replace')}"
