"""A stack behind nginx is one process tree with it: its cores, its metrics and its end."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from bench.errors import LabError
from bench.host.pinning import cores
from bench.measure.instruments.process_tree import require_alive
from bench.model import Stack, Unavailable
from bench.readiness import building, servers
from bench.serve import http_client, life_cycle
from tests.absent import absent
from tests.contract.conftest import PLAIN, missing
from tests.declared import CATALOG, planned, study_called

STACK = Stack(variant=PLAIN["cpython"], framework="bare", server="gunicorn-sync+nginx")


@pytest.fixture(autouse=True)
def here(prepared: tuple[building.Built, list[Unavailable]]) -> None:
    """Skips the tests if the variant or nginx is unavailable; in CI they fail."""
    if STACK.variant not in prepared[0]:
        missing(prepared[1], STACK.variant)
    study = msgspec.structs.replace(study_called("proxy"), servers=(STACK.server,))
    for lack in servers.tunings_missing(planned(study)).values():
        absent(lack.reason, lack.remedy)


def serving(folder: Path):
    return life_cycle.serving(CATALOG, STACK, http_client.HELLO, folder / "log", cores().server)


def named(running: life_cycle.RunningServer, name: str) -> list[psutil.Process]:
    return [each for each in running.process.children(recursive=True) if each.name() == name]


def wait_until(over: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not over() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert over()


def test_both_run_on_the_servers_core_and_none_is_left_behind(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        tree = [running.process, *running.process.children(recursive=True)]
        assert len(named(running, "nginx")) == 2, "a master and one worker"
        assert {tuple(each.cpu_affinity()) for each in tree} == {tuple(cores().server)}
    assert not [each for each in tree if each.is_running()]


@pytest.mark.parametrize("which", [0, 1], ids=["master", "worker"])
def test_an_nginx_that_dies_under_the_load_spoils_the_row(tmp_path: Path, which: int) -> None:
    """The death of the master ends the server. A worker is restarted, and its death is still noticed."""
    with (  # noqa: PT012 - either check may notice the death first
        pytest.raises(LabError, match="server processes ended under the load"),
        serving(tmp_path) as running,
        require_alive(running.process),
    ):
        victim = named(running, "nginx")[which]
        victim.kill()
        wait_until(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE)


def test_an_nginx_that_dies_ends_the_server(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="exited by itself"), serving(tmp_path) as running:  # noqa: PT012
        named(running, "nginx")[0].kill()
        running.process.wait(5)
