"""Every interpreter at least once, with a variant, a server and a framework in turn: who runs, and right answers.

Those that a variant is at home on meet every server in the other contracts.
"""

import os
from itertools import count
from pathlib import Path

import pytest
from rich.console import Console

from bench import readiness, verify
from bench.host.pinning import cores
from bench.model import FromDebian, Stack
from bench.progress import Progress
from bench.serve import life_cycle
from tests.declared import CATALOG

pytestmark = [pytest.mark.slow, pytest.mark.long]

VARIANTS = ("cython", "cpython")
SERVERS = ("gunicorn-sync", "gunicorn-gthread", "uwsgi-processes", "gunicorn-tornado", "granian-wsgi")


def in_turn() -> list[Stack]:
    """A stack an interpreter."""
    homes = {variant.interpreter for variant in CATALOG.variants.values()}
    away = [name for name in CATALOG.interpreters if name not in homes]
    frameworks = [name for name, framework in CATALOG.frameworks.items() if framework.interface == "wsgi"]
    return [
        Stack(
            variant=f"{VARIANTS[turn % len(VARIANTS)]}@{name}",
            framework=frameworks[turn % len(frameworks)],
            server=SERVERS[turn % len(SERVERS)],
        )
        for turn, name in zip(count(), away, strict=False)
    ]


@pytest.mark.parametrize("stack", in_turn(), ids=str)
def test_an_interpreter_is_what_it_says_and_answers_right(stack: Stack, tmp_path: Path) -> None:
    _, unavailable = readiness.prepare(CATALOG, [stack.variant], Progress(Console(quiet=True)), [stack.server])
    for lack in unavailable:
        sure = any(isinstance(each, FromDebian) for each in CATALOG.interpreters[_home(stack)].providers)
        if lack.kind == "failed" or ("CI" in os.environ and sure):
            pytest.fail(f"{lack.what}: {lack.reason}")
        pytest.skip(f"{lack.what}: {lack.reason}; to get it: {lack.remedy}")
    with life_cycle.serving(CATALOG, stack, life_cycle.HELLO, tmp_path / "log", cores().server) as running:
        verify.ask_provenance(CATALOG, running.port, stack)
        assert verify.check_server(running.port).mismatches == ()


def _home(stack: Stack) -> str:
    return CATALOG.variant(stack.variant).interpreter
