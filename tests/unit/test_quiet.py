"""What counts as noise of the machine, how long the lab waits for quiet, and what it reports."""

from typing import Any

import msgspec
import pytest

from bench.errors import RefusedError
from bench.host import accounts, quiet
from bench.host.quiet import Sample, Watch
from bench.model import Account, Session
from bench.report import spent
from tests.declared import planned, study_called

BEFORE = Sample(at=100.0, cpus=2, busy=50.0, own=20.0, throttled=3, others={7: ("chrome", 5.0)})


def later(seconds: float = 1.0, **changes: Any) -> Sample:
    return msgspec.structs.replace(BEFORE, at=BEFORE.at + seconds, **changes)


def test_the_labs_own_work_is_not_noise() -> None:
    assert quiet.transient_noise(BEFORE, later(10, busy=68.0, own=38.0)) == []


@pytest.mark.parametrize(
    ("changes", "noise"),
    [
        ({"busy": 50.5}, "other processes use 0.50 of 2 cores"),
        (
            {"busy": 50.5, "others": {7: ("chromium", 5.4)}},
            "other processes use 0.50 of 2 cores (chromium: 0.40)",
        ),
        ({"stolen": 0.2}, "the hypervisor took 10 % of the CPU time"),
        ({"swapped_bytes": 3 * 2**20}, "swapping 3 MiB/s"),
        ({"throttled": 4}, "the CPU was throttled"),
        ({"hot": True}, "a temperature is over its limit"),
    ],
)
def test_each_disturbance_is_described(changes: dict[str, Any], noise: str) -> None:
    assert quiet.transient_noise(BEFORE, later(**changes)) == [noise]


def test_another_governor_than_performance_is_noise() -> None:
    assert quiet.permanent_noise(BEFORE) == quiet.permanent_noise(later(governor="performance")) == []
    assert quiet.permanent_noise(later(governor="powersave")) == ["the CPU governor is powersave, not performance"]


class Machine:
    """A clock that advances by sleeping, and the load of other processes in each second. The last load persists."""

    def __init__(self, *loads: float, governor: str | None = None) -> None:
        self.loads, self.governor = loads, governor
        self.now = self.busy = 0.0
        self.said: list[str] = []

    def sample(self) -> Sample:
        return Sample(at=self.now, cpus=2, busy=self.busy, own=0.0, governor=self.governor)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.busy += self.loads[min(int(self.now), len(self.loads) - 1)]
            self.now += 1

    def watch(self, strict: bool = False) -> Watch:
        return Watch(self.said.append, strict, self.sample, self.pass_time)


@pytest.fixture
def clock() -> accounts.Clock:
    return accounts.Clock()


def test_a_quiet_machine_is_sampled_for_one_window(clock: accounts.Clock) -> None:
    machine = Machine(0.0)
    machine.watch(strict=True).before_block()
    assert (machine.now, machine.said, clock.read().noise) == (1, [], ())


def test_the_first_block_waits_for_quiet(clock: accounts.Clock) -> None:
    machine = Machine(1.0, 1.0, 1.0, 0.0)
    machine.watch(strict=True).before_block()
    assert (machine.now, machine.said, clock.read().noise) == (4, [], ())


def test_after_a_minute_the_study_continues_with_a_warning(clock: accounts.Clock) -> None:
    machine = Machine(1.0)
    machine.watch().before_block()
    assert machine.now == quiet.WAIT_SECONDS
    assert machine.said == ["the machine is not quiet (noted in the report): other processes use 1.00 of 2 cores"]
    assert clock.read().noise == ("other processes use 1.00 of 2 cores",)


def test_strict_raises_an_error_instead_also_for_permanent_noise() -> None:
    with pytest.raises(RefusedError, match="--strict requires a quiet machine: the CPU governor is powersave"):
        Machine(0.0, governor="powersave").watch(strict=True).before_block()


def test_a_disturbed_block_is_followed_by_a_wait_but_not_after_a_failed_one(clock: accounts.Clock) -> None:
    machine = Machine(0.0, 1.0)
    watch = machine.watch()
    for expected in (1, 11 + quiet.COOL_SECONDS, 21 + quiet.COOL_SECONDS):
        watch.before_block()
        assert machine.now == expected
        machine.pass_time(10)
    assert len(clock.read().noise) == 2


def test_after_a_quiet_block_the_lab_waits_again() -> None:
    machine = Machine(0.0, *[1.0] * 60, *[0.0] * 30, 1.0)
    watch = machine.watch()
    watch.before_block()  # second 1
    machine.pass_time(10)
    watch.before_block()  # the block was noisy: waits, without success
    assert machine.now == 31
    machine.pass_time(35)
    watch.before_block()  # the block was noisy: does not wait, because the last wait failed
    assert machine.now == 66
    machine.pass_time(10)
    watch.before_block()  # quiet
    machine.pass_time(30)
    watch.before_block()
    assert machine.now == 106 + quiet.COOL_SECONDS


def test_this_machine_can_be_sampled() -> None:
    first, second = quiet.sample(), quiet.sample()
    assert second.at > first.at
    assert second.own >= first.own > 0
    assert second.busy >= first.busy > 0
    assert first.cpus >= 1


def test_the_labs_overhead_is_compared_to_its_limit() -> None:
    account = Account(
        wall_seconds=200.0,
        lab_seconds=4.0,
        starts_seconds=30.0,
        cool_downs_seconds=100.0,
        noise=("the CPU was throttled",) * 2,
    )
    session = Session(plan=planned(study_called("trial")), started="", seed=1, machine={}, accounts=(account, account))
    assert spent.overhead(session) == (
        "Overhead of the lab: 8.00 s of CPU in 200 s, 4.0 % (limit 10 %). "
        "Time beside measuring: starts of servers 60.0 s and waiting for quiet 200 s."
    )
    assert spent.unrest(session) == (
        "The machine was not quiet 4 times, before or during a block: the CPU was throttled."
    )
    bare = msgspec.structs.replace(session, accounts=())
    assert spent.overhead(bare) is spent.unrest(bare) is None
    greedy = msgspec.structs.replace(session, accounts=(Account(wall_seconds=10.0, lab_seconds=2.0),))
    assert "20 % (ABOVE the limit of 10 %)" in (spent.overhead(greedy) or "")
