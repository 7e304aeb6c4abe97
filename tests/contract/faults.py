"""The faults that a service under load has to survive. Each is done to its broker, its workers or its consumers."""

import re
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from app.work import new_id
from bench.paths import ROOT
from tests.contract import dying
from tests.contract.broker import worker
from tests.contract.deferring import Service, document, stalled
from tests.contract.dying import STEPS
from tests.contract.loading import Users, await_that
from tests.contract.network import Network, Stalling

LOAD_SECONDS = 1.0  # before, between and after
TIMES = 2
STALL_SECONDS = 10.0

ROW = re.compile(r"^\| (`[^|]+`) \| ([^|]*starts a new one|the server ends[^|]*) ?\|$", re.MULTILINE)
REPLACED = {  # by label: whether the server goes on when a worker process is killed
    label: does.endswith("starts a new one")
    for labels, does in ROW.findall((ROOT / "docs/events.md").read_text(encoding="utf-8"))
    for label in re.findall("`([^`]+)`", labels)
}


def broker_killed(users: Users) -> None:
    """SIGKILL, twice, and the broker starts again."""
    for _ in range(TIMES):
        time.sleep(LOAD_SECONDS)
        users.service.broker.kill()
        users.service.broker.start()
        users.await_more()


def worker_killed(users: Users) -> None:
    """SIGKILL of a worker process, twice, and another takes its place."""
    for _ in range(TIMES):
        time.sleep(LOAD_SECONDS)
        replace_worker(users.service)
        users.await_more()


def replace_worker(service: Service) -> None:
    """Kill a worker. Return once the server's master has replaced it, or the ended server was started again."""
    known = service.processes()
    service.asking().pop().kill()
    if REPLACED[service.label]:
        await_that(lambda: bool(service.processes() - known), f"{service.label} does not replace its worker")
    else:
        await_that(service.has_ended, f"{service.label} does not end with its worker")
        service.start_again()


def consumers_killed(users: Users) -> None:
    """SIGKILL of a consumer at each step of a document, all at once, while another one works."""
    service = users.service
    partitions = [new_id(document(number))[0] for number in range(len(STEPS))]
    with ExitStack() as stop:
        killed = [
            stop.enter_context(worker(service.stack.variant, service.broker.url, service.folder, (dying.__file__, *at)))
            for at in zip(STEPS, partitions, strict=True)
        ]
        assert {each.wait() for each in killed} == {-signal.SIGKILL}
    users.await_more()


def network_stalled(users: Users) -> None:
    """Nothing reaches or leaves the broker for 10 s. Meanwhile users get 503."""
    time.sleep(LOAD_SECONDS)
    with stalled(users.service):
        time.sleep(STALL_SECONDS)
        assert 503 in users.statuses
    users.await_more()


class Fault(NamedTuple):
    """A fault: how it is done, and what a service needs for it. `breaks`: requests under way may get no answer."""

    do: Callable[[Users], None]
    between: Callable[[int], Network] | None = None
    workers: int = 1
    breaks: bool = False


FAULTS = {
    "broker": Fault(broker_killed),
    "worker": Fault(worker_killed, workers=2, breaks=True),
    "consumers": Fault(consumers_killed),
    "network": Fault(network_stalled, between=Stalling),
}
