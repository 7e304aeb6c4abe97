"""What the catalogue declares impossible is tried all the same: it fails, and with the words that are declared."""

import subprocess
import time
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from rich.console import Console

from bench import readiness
from bench.build import artifacts
from bench.catalog import pairing
from bench.errors import LabError
from bench.host.pinning import cores
from bench.model import Stack, Unavailable
from bench.progress import Progress
from bench.provision.interpreters import install
from bench.serve import life_cycle, process
from bench.serve.process import Program
from tests import commands
from tests.contract.conftest import LABELS, PLAIN, missing
from tests.declared import CATALOG

pytestmark = [pytest.mark.slow, pytest.mark.long]

STARTS, ASKED = 6, 20  # what reads memory that is not its own may do so for a while before it crashes
NEWER = ("cpython@cpython-3.13", "cpython@cpython-3.15")  # on which some of what CPython can otherwise cannot be


def declared() -> list[Stack]:
    """Of each pair of implementation and server, and of each server and interface, the first that cannot be."""
    found: dict[tuple[str, str], Stack] = {}
    for variant in (*PLAIN.values(), *NEWER):
        for label in LABELS:
            for name in CATALOG.frameworks:
                stack = Stack(variant=variant, framework=name, server=label)
                impossible = pairing.unsupported(CATALOG, stack)
                if impossible:
                    found.setdefault((label, impossible.symptom), stack)
    return list(found.values())


@pytest.mark.parametrize("stack", declared(), ids=str)
def test_what_is_declared_impossible_fails_as_declared(
    stack: Stack, prepared: tuple[readiness.Built, list[Unavailable]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stack.variant in NEWER:
        prepared = readiness.prepare(CATALOG, [stack.variant], Progress(Console(quiet=True)), [stack.server])
    if stack.variant not in prepared[0]:
        missing(prepared[1], stack.variant)
    impossible = pairing.unsupported(CATALOG, stack)
    assert impossible is not None
    commands.alter(monkeypatch, lambda argv, env: (argv, env | {"PYTHONPATH": str(tmp_path / "beside")}))
    monkeypatch.setattr(life_cycle, "READY_SECONDS", 5.0)
    monkeypatch.setattr(pairing, "unsupported", create_autospec(pairing.unsupported, return_value=None))
    log = tmp_path / "log"
    log.touch()
    end = process._end

    def end_once_it_has_said_why(server: subprocess.Popen[bytes], program: Program, seconds: float) -> str | None:
        """A server may answer before it writes what was wrong."""
        deadline = time.monotonic() + 5
        while impossible.symptom not in log.read_text(errors="replace") and time.monotonic() < deadline:
            time.sleep(0.02)
        return end(server, program, seconds)

    monkeypatch.setattr(process, "_end", end_once_it_has_said_why)
    with pytest.raises(LabError) as caught:  # noqa: PT012 - the failure may come at any step
        install(
            artifacts.python(stack.variant),
            pairing.server_file(CATALOG, stack).requirements,
            target=tmp_path / "beside",
        )
        for _ in range(STARTS):
            with life_cycle.serving(CATALOG, stack, life_cycle.HELLO, log, cores().server) as running:
                for _ in range(ASKED):
                    life_cycle.ask(running.port, life_cycle.HELLO)
    assert impossible.symptom in f"{caught.value} {log.read_text(errors='replace')}"
