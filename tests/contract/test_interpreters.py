"""Every interpreter once, with alternating variants, servers and frameworks: provenance and right answers.

The default interpreters of the variants are covered by the other contract tests.
"""

import os
from itertools import count
from pathlib import Path

import pytest
from rich.console import Console

from bench import verify
from bench.host.pinning import cores
from bench.model import FromDebian, Stack
from bench.progress import Progress
from bench.readiness import building
from bench.serve import http_client, life_cycle
from tests.declared import CATALOG

pytestmark = [pytest.mark.slow, pytest.mark.long]

VARIANTS = ("cython", "cpython")
SERVERS = (
    "gunicorn-sync", "waitress", "hypercorn", "fastwsgi", "granian-rsgi", "gunicorn-gthread", "uvicorn-httptools",
    "uwsgi-processes", "gunicorn-tornado",
)  # fmt: skip


def in_turn() -> list[Stack]:
    """One stack per interpreter that is no variant's default."""
    defaults = {variant.interpreter for variant in CATALOG.variants.values()}
    others = [name for name in CATALOG.interpreters if name not in defaults]
    return [stack(turn, name) for turn, name in zip(count(), others, strict=False)]


def stack(turn: int, interpreter: str) -> Stack:
    """A stack on an interpreter, depending on `turn`."""
    server = CATALOG.labels()[SERVERS[turn % len(SERVERS)]]
    frameworks = [name for name, each in CATALOG.frameworks.items() if each.interface == server.interface]
    return Stack(
        variant=f"{VARIANTS[turn % len(VARIANTS)]}@{interpreter}",
        framework=frameworks[turn % len(frameworks)],
        server=server.label,
    )


def bring(stack: Stack) -> None:
    """Build a stack, or leave the test out. In CI it fails, unless only downloads from elsewhere bring its Python."""
    _, unavailable = building.prepare(CATALOG, [stack.variant], Progress(Console(quiet=True)), [stack.server])
    for lack in unavailable:
        interpreter = CATALOG.interpreter_of(stack.variant)
        expected = any(isinstance(each, FromDebian) for each in interpreter.providers)
        if lack.kind == "failed" or ("CI" in os.environ and expected):
            pytest.fail(f"{lack.what}: {lack.reason}")
        pytest.skip(f"{lack.what}: {lack.reason}; remedy: {lack.remedy}")


@pytest.mark.parametrize("stack", in_turn(), ids=str)
def test_an_interpreter_has_its_provenance_and_answers_right(stack: Stack, tmp_path: Path) -> None:
    bring(stack)
    with life_cycle.serving(CATALOG, stack, http_client.HELLO, tmp_path / "log", cores().server) as running:
        verify.ask_provenance(CATALOG, running.port, stack)
        assert verify.check_server(running.port).mismatches == ()
