"""A broker by its host name, on gevent and CPython 3.14: the layer reaches it, a client on a loop does not."""

import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from app.core import transform
from bench.build import artifacts
from bench.model import Stack
from bench.progress import Progress
from bench.readiness import building
from tests.contract.conftest import missing, possible
from tests.contract.deferring import Prepared, document, serving
from tests.contract.network import Network
from tests.declared import CATALOG

pytestmark = pytest.mark.long

VARIANT = "cpython@cpython-3.14"
STACKS = [possible(VARIANT, label)[0] for label in ("gunicorn-gevent", "uwsgi-gevent")]

# A loop resolves a name in a thread, too.
LOOP = """
from gevent import monkey; monkey.patch_all()
import asyncio, gevent, time

async def order():
    happened = []
    asyncio.get_running_loop().call_later(2.0, int)  # wakes the loop
    gevent.spawn_later(1.0, happened.append, "another greenlet")
    await asyncio.to_thread(time.sleep, 0.1)
    return [*happened, "the thread"]

print(asyncio.run(order()))
"""


class Named(Network):
    """A network to a broker whose URL has a host name."""

    @property
    def url(self) -> str:
        return f"nats://localhost:{self.port}"


def built(stack: Stack) -> Prepared:
    return building.prepare(CATALOG, [VARIANT], Progress(Console(quiet=True)), [stack.server])


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_the_layer_reaches_it(stack: Stack, tmp_path: Path) -> None:
    with serving(stack, built(stack), tmp_path, Named) as service:
        reply = service.defer(document(1))
        assert reply.status == 202
        with service.computing():
            assert service.result(reply.headers["location"]).body == transform(document(1))


@pytest.mark.parametrize("stack", STACKS[:1], ids=str)
def test_control_a_loop_is_not_woken_by_its_threads(stack: Stack) -> None:
    """The end of a thread's work does not wake the loop (gevent issue 2213)."""
    if VARIANT not in (prepared := built(stack))[0]:
        missing(prepared[1], VARIANT)
    argv = [str(artifacts.python(VARIANT)), "-c", LOOP]
    woken = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert woken.stdout == "['another greenlet', 'the thread']\n"
