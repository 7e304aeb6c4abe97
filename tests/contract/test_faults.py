"""What a service has acknowledged survives each fault under load, on every server: nothing is lost or doubled.

Each server is tested with one fault in turn by the `long` tests, and with every one by `make faults`. The counts are
printed at the end. `test_controls.py` shows that they would show a loss.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.model import Stack
from tests.contract.deferring import EVERY, Prepared, serving
from tests.contract.faults import FAULTS, LOAD_SECONDS
from tests.contract.loading import USERS, Users, counted
from tests.fault_counts import PROPERTY


def cases() -> list[object]:
    """Every server with every fault."""
    found: list[object] = []
    for turn, stack in enumerate(EVERY):
        for place, fault in enumerate(FAULTS):
            mark = pytest.mark.long if turn % len(FAULTS) == place else pytest.mark.faults
            found.append(pytest.param(stack, fault, marks=mark, id=f"{stack}-{fault}"))
    return found


@pytest.mark.parametrize(("stack", "fault"), cases())
def test_nothing_is_lost_or_doubled(
    stack: Stack, fault: str, prepared: Prepared, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    done = FAULTS[fault]
    with serving(stack, prepared, tmp_path, done.between, done.workers) as service, service.computing():
        with Users(service) as users:
            done.do(users)
            time.sleep(LOAD_SECONDS)
        counts = counted(users)
        record_property(PROPERTY, [stack.server, fault, *counts])
    assert users.wrong == []
    assert users.statuses <= {200, 202, 503} | ({0} if done.breaks else set())
    assert counts.acknowledged > USERS
    assert (counts.lost, counts.doubled) == (0, 0)
