"""Extra servers for stacks whose servers disagree."""

from pathlib import Path

import msgspec

from bench import store
from bench.model import Again, Phase, Session, Stack
from bench.plan import matrix
from bench.race import again
from bench.race.again import servers_again
from tests.declared import CATALOG
from tests.unit import races
from tests.unit.races import STUDY, Fake, cost

PHASE = matrix.phases(STUDY, CATALOG)[-1]
ODD = ("cython/bare/bjoern", "medium", 1)


class Odd(Fake):
    """One server of one stack costs 1.5 times as much."""

    def run(self, case, block):
        run = super().run(case, block)
        if (str(case.stack), case.workload, block) != ODD or run.verdict != "pass":
            return run
        spent = run.measurements[0]
        dearer = msgspec.structs.replace(spent, values=(spent.values[0] * 1.5,))
        return msgspec.structs.replace(run, measurements=(dearer, *run.measurements[1:]))


def test_it_stands_in_a_block_of_its_own_beside_the_best() -> None:
    phase, again = servers_again(PHASE, Odd()(PHASE))
    assert [(str(each.stack), each.workload, each.load, each.block) for each in again] == [
        ("cython/bare/bjoern", "medium", "closed", 3)
    ]
    assert {str(case.stack) for case in phase.cases} == {"cython/bare/bjoern", "cython/bare/uwsgi-processes"}
    assert {case.workload for case in phase.cases} == {"medium"}
    assert (phase.first, phase.blocks) == (PHASE.first + PHASE.blocks, 1)


def test_where_all_agree_there_is_none() -> None:
    assert servers_again(PHASE, Fake(spread=0.0)(PHASE)) is None


def test_servers_of_earlier_blocks_are_equals_and_those_of_stacks_that_failed_do_not_count() -> None:
    runs = Odd()(PHASE)
    later = msgspec.structs.replace(PHASE, first=3)
    steady = Fake(spread=0.01)(later)
    assert servers_again(later, [*runs, *steady]) is None, "it got another one after its own blocks"
    broken = Odd(cost)
    broken.broken = {(ODD[0], ODD[1])}
    assert servers_again(PHASE, broken(PHASE)) is None


def test_a_server_that_is_far_from_those_of_earlier_blocks_is_seen_in_a_block_of_its_own() -> None:
    """As in a race whose final adds one server to those of its rounds."""
    rounds = Fake(spread=0.01)(msgspec.structs.replace(PHASE, blocks=2))
    odd = [msgspec.structs.replace(run, block=2) for run in Odd()(PHASE) if run.block == 1]
    phase, again = servers_again(msgspec.structs.replace(PHASE, first=2, blocks=1), [*rounds, *odd])
    assert [str(each.stack) for each in again] == [ODD[0]]
    assert phase.first == 3


def test_the_extra_servers_do_not_decide_anew_who_gets_one() -> None:
    def dear(case):
        return cost(case) * (3 if str(case.stack) == ODD[0] else 1)

    runs = list(Odd()(PHASE))
    more, who = servers_again(PHASE, runs)
    extra = Fake(dear)(more)
    assert servers_again(PHASE, [*runs, *extra]) == (more, who)


def test_the_record_tells_of_all_that_ever_got_another_server(tmp_path: Path) -> None:
    phase = PHASE
    runs = list(Odd()(phase))
    earlier = Again(Stack(variant="cython", framework="falcon", server="bjoern"), "hello", "glance", 2)
    record = msgspec.structs.replace(races.session(None, runs), again=(earlier,))
    folder = store.create(record, tmp_path)
    for run in runs:
        block = folder / f"macro-{run.block:03}"
        block.mkdir(exist_ok=True)
        store.save(block, run)
    measured: list[Phase] = []
    said: list[str] = []
    again.measure(phase, folder, measured.append, said.append)
    found = store.read(folder / "session.json", Session).again
    assert [(str(each.stack), each.block) for each in found] == [("cython/falcon/bjoern", 2), (ODD[0], 3)]
    assert [each.name for each in measured] == ["again"]
    assert said == [f"extra server for stacks whose servers disagree: {ODD[0]}"]
