"""A fleet of dask workers in this process: which are admitted, how blocks are distributed, and lost workers."""

import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from distributed import LocalCluster, get_worker
from rich.console import Console

from bench import store
from bench.build import artifacts
from bench.errors import LabError
from bench.fleet import driver, worker
from bench.fleet.worker import Badge
from bench.host import exclusive, machine
from bench.measure import blocks
from bench.model import Case, Catalog, Measurement, MicroPlan, Observed, Plan, Ready, Session, Study, Unavailable
from bench.plan.planned import plan
from bench.progress import Progress
from tests.declared import CATALOG
from tests.unit.made import artifact

pytestmark = pytest.mark.slow

STUDY = Study(
    name="trial",
    title="A trial",
    question="Which?",
    baseline="cpython",
    variants=("cpython", "nuitka"),
    workloads=("medium",),
    micro=MicroPlan(processes=6, values=1),
)


NO_LOAD = Unavailable(what="every load", reason="not installed")


class Fleet:
    """Two fake machines, set up by a test. It records which one measured what, and pickles as a reference to itself."""

    in_use: "Fleet"

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.said = io.StringIO()
        self.measured: dict[str, list[str]] = defaultdict(list)
        self.names: dict[str, int] = {each.address: name for name, each in cluster.workers.items()}
        self.ready: dict[int, Ready] = {}
        self.badges: dict[int, Badge] = {}
        self.observe = lambda name: None

    def __reduce__(self):
        return getattr, (Fleet, "in_use")

    def badge(self, dask_worker) -> Badge:
        name = self.names[dask_worker.address]
        badge = Badge(mark=f"mark-{name}", runs=worker.COMMIT, checked_out=worker.COMMIT)
        return self.badges.get(name, badge)

    def make_ready(self, plan: Plan) -> Ready:
        return self.ready.get(self.here(), ready())

    def micro(self, catalog: Catalog, case: Case, output: Path) -> Observed:
        self.measured[get_worker().address].append(case.variant)
        self.observe(self.here())
        output.with_suffix(".log").write_text(f"as {self.here()}")
        return Observed(measurements=(Measurement(metric="time", unit="s", values=(1e-3,)),))

    def here(self) -> int:
        return self.names[get_worker().address]

    def close(self, name: int) -> None:
        self.cluster.sync(self.cluster.workers[name].close, executor_wait=False)

    def run(self, study: Study = STUDY, **options):
        progress = Progress(Console(file=self.said))
        return driver.run(plan(study, CATALOG), self.cluster.scheduler_address, progress, **options)


def ready(**other) -> Ready:
    machine = {"fingerprint": "0" * 16, "commit": "0123456789ab"}
    defaults: dict[str, Any] = {
        "machine": machine,
        "artifacts": {name: artifact(name) for name in STUDY.variants},
        "missing": {"macro": NO_LOAD},
    }
    return Ready(**(defaults | other))


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setattr(store, "create", partial(store.create, results=tmp_path))
    monkeypatch.setattr(store, "sessions", partial(store.sessions, results=tmp_path))
    seconds = count()
    monkeypatch.setattr(store, "now", lambda: "2026-11-24T12:{:02}:{:02}+00:00".format(*divmod(next(seconds), 60)))
    monkeypatch.setattr(worker, "FLEET", tmp_path / "fleet")
    monkeypatch.setattr(artifacts, "require", artifact)
    monkeypatch.setattr(exclusive, "measuring", nullcontext)  # both fake machines are this one
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, resources={"machine": 1}
    ) as cluster:
        made_up = Fleet(cluster)
        monkeypatch.setattr(Fleet, "in_use", made_up, raising=False)
        monkeypatch.setattr(worker, "badge", made_up.badge)
        monkeypatch.setattr(worker, "make_ready", made_up.make_ready)
        monkeypatch.setitem(blocks.INSTRUMENTS, "micro", made_up.micro)
        yield made_up


def test_equal_machines_share_a_session_block_by_block(machines: Fleet) -> None:
    ((folder, session),) = machines.run()
    runs = store.runs(folder)
    assert session.finished
    assert len(runs) == 12
    assert all(run.machine for run in runs)
    assert len(machines.measured) == 2, "both machines measured blocks"
    for run in runs:
        (log,) = run.raw
        assert (folder / log).read_text().startswith("as "), "the tools' outputs were returned"
    by_block = {(run.block, (folder / run.raw[0]).read_text()) for run in runs}
    assert len(by_block) == 6, "all cases of a block ran on one machine"


def test_different_machines_have_separate_sessions(machines: Fleet) -> None:
    machines.ready[1] = ready(machine={"fingerprint": "1" * 16, "commit": "0123456789ab"})
    answers = machines.run()
    assert [session.machine["fingerprint"] for _, session in answers] == ["0" * 16, "1" * 16]
    for name, (folder, _) in enumerate(answers):
        assert {(folder / run.raw[0]).read_text() for run in store.runs(folder)} == {f"as {name}"}
        assert len(store.runs(folder)) == 12, "each has every block"


def test_complete_blocks_are_not_measured_again(machines: Fleet) -> None:
    ((folder, _),) = machines.run()
    machines.measured.clear()
    assert machines.run()[0][0] == folder
    assert not machines.measured
    for path in (folder / "micro-002").glob("*.json"):
        path.unlink()
    session = store.read(folder / "session.json", Session)
    store.write(folder / "session.json", msgspec.structs.replace(session, finished=None))
    machines.run()
    assert sum(map(len, machines.measured.values())) == 2, "only the incomplete block"


@pytest.mark.parametrize(
    ("badge", "reason"),
    [
        (Badge(mark="mark-1", runs="deadbeef", checked_out="deadbeef"), "runs commit deadbeef instead of"),
        (Badge(mark="mark-1", runs=worker.COMMIT, checked_out="deadbeef"), "but deadbeef is checked out: restart it"),
        (Badge(mark="mark-0", runs=worker.COMMIT, checked_out=worker.COMMIT), "runs on the same machine"),
    ],
)
def test_an_unsuitable_worker_is_refused_with_the_reason(machines: Fleet, badge: Badge, reason: str) -> None:
    machines.badges[1] = badge
    ((folder, session),) = machines.run()
    assert session.finished
    assert len(store.runs(folder)) == 12
    assert [machines.names[address] for address in machines.measured] in ([0], [1])
    (line,) = [line for line in machines.said.getvalue().splitlines() if line.startswith("refused: the machine at")]
    assert reason in line


def test_equal_machines_with_different_artifacts_do_not_share_a_session(machines: Fleet) -> None:
    machines.ready[1] = ready(
        artifacts={"cpython": artifact("cpython"), "nuitka": artifact("nuitka", content_sha256="0" * 64)}
    )
    machines.run()
    assert [machines.names[address] for address in machines.measured] in ([0], [1])
    assert "'nuitka' differs from the equal machine of" in machines.said.getvalue()


def test_the_block_of_a_lost_machine_is_measured_by_an_equal_one(machines: Fleet) -> None:
    started, lost = Event(), Event()

    def observe(name: int) -> None:
        if name == 0:
            started.set()
            lost.wait(30)

    machines.observe = observe
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(machines.run)
        assert started.wait(30)
        machines.close(0)
        lost.set()
        ((folder, session),) = answer.result(60)
    assert session.finished
    runs = store.runs(folder)
    assert sorted(Counter(run.block for run in runs).items()) == [(block, 2) for block in range(6)]
    assert {(folder / run.raw[0]).read_text() for run in runs} == {"as 1"}


def test_after_the_loss_of_all_machines_the_next_run_continues(machines: Fleet) -> None:
    started, lost = Event(), Event()

    def observe(name: int) -> None:
        started.set()
        lost.wait(30)

    machines.badges[1] = Badge(mark="mark-1", runs="deadbeef", checked_out="deadbeef")
    machines.observe = observe
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(machines.run)
        assert started.wait(30)
        machines.close(0)
        lost.set()
        with pytest.raises(LabError, match=r"lost the worker at .*; finished runs are kept"):
            answer.result(60)
    machines.badges.clear()
    ((_, session),) = machines.run()
    assert session.finished
    assert len(store.sessions("trial")) == 1


def test_a_case_with_changed_inputs_is_not_measured(machines: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "require", lambda name: artifact(name, content_sha256="0" * 64))
    with pytest.raises(LabError, match=r"the inputs of .* changed on this machine"):
        machines.run()


def test_remote_load_requires_permission_and_a_generator(machines: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="--allow-remote-load requires a load generator"):
        machines.run(remote_load=True)
    machines.cluster.sync(machines.cluster.workers[1].set_resources, generator=1)
    with pytest.raises(LabError, match="a worker is a load generator: end it, or use --allow-remote-load"):
        machines.run()


def test_without_a_scheduler_or_a_machine_there_is_an_error(machines: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SCHEDULER_SECONDS", 0.5)
    for name in (0, 1):
        machines.close(name)
    with pytest.raises(LabError, match="no machine can take part"):
        machines.run()
    with pytest.raises(LabError, match=r"no dask scheduler at '127\.0\.0\.1:1'"):
        driver.run(plan(STUDY, CATALOG), "127.0.0.1:1", Progress(Console(file=io.StringIO())))


@pytest.mark.parametrize(
    ("address", "fits"),
    [("tcp://10.1.2.3:4711", True), ("tcp://[fd00::1]:4711", True), ("tcp://8.8.8.8:4711", False)],
)
def test_a_server_listens_on_a_private_address_only(monkeypatch: pytest.MonkeyPatch, address: str, fits: bool) -> None:
    monkeypatch.setattr(worker, "get_worker", lambda: SimpleNamespace(address=address))
    if fits:
        assert worker.private_address() in address
    else:
        with pytest.raises(LabError, match=r"must not listen at the public address 8\.8\.8\.8"):
            worker.private_address()


def test_a_worker_begins_without_its_own_leftovers_and_leaves_what_other_machines_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def worked(*_: object) -> None:
        """It works."""

    monkeypatch.setattr(worker, "FLEET", tmp_path)
    monkeypatch.setattr(worker, "_work", worked)
    monkeypatch.setattr(worker, "leave_server_alone", lambda: None)
    for name in (machine.mark(), "another"):
        (tmp_path / name / "micro").mkdir(parents=True)
    worker.work("127.0.0.1:8786", "machine")
    assert [path.name for path in tmp_path.iterdir()] == ["another"]
