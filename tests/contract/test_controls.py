"""What a served stack would lose or double without its measures against faults; with them it does not.

Each fault comes at the step that the measure is for, so no load and no luck is needed.
"""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from app.core import transform
from bench.catalog import pairing
from bench.model import Stack
from tests.contract import careless
from tests.contract.deferring import EVERY, JSON, Prepared, Service, document, serving, stalled
from tests.contract.loading import await_that
from tests.contract.network import Cutting, Network, Stalling
from tests.declared import CATALOG

OFTEN = {"bjoern", "granian-rsgi"}
STACKS = [pytest.param(each, marks=() if each.server in OFTEN else pytest.mark.faults, id=str(each)) for each in EVERY]
ON_THEIR_WAY = 3  # documents


def careful_or(
    measure: str | None, stack: Stack, prepared: Prepared, folder: Path, between: Callable[[int], Network]
) -> AbstractContextManager[Service]:
    """A stack with all measures, or without one."""
    env = {} if measure is None else without(measure, stack, folder)
    return serving(stack, prepared, folder, between, env=env)


def without(measure: str, stack: Stack, folder: Path) -> dict[str, str]:
    """The variables that take a measure out of a stack."""
    interface = pairing.server_file(CATALOG, stack).interface
    (folder / "careless" / interface).mkdir(parents=True)
    shutil.copy(careless.__file__, folder / "careless" / interface / "app.py")
    return {
        "PYTHONPATH": str(folder),
        "STATEMENTS_FRAMEWORK": f"careless.{interface}.app",
        "CARELESS": measure,
        "CARELESS_FRAMEWORK": CATALOG.frameworks[stack.framework].module,
    }


@pytest.mark.parametrize("measure", [None, "acknowledgement"], ids=["careful", "careless"])
@pytest.mark.parametrize("stack", STACKS)
def test_a_document_on_its_way_to_a_broker_that_is_killed(
    stack: Stack, measure: str | None, prepared: Prepared, tmp_path: Path
) -> None:
    """Without waiting for the acknowledgement it is accepted, and lost."""
    with careful_or(measure, stack, prepared, tmp_path, Stalling) as service:
        service.broker.make_streams()
        first = service.defer(document(0)).headers["location"]
        await_that(lambda: service.broker.counts()[0] == 1, "the first document is not queued")
        with stalled(service):
            replies = [service.defer(document(number)) for number in range(1, 1 + ON_THEIR_WAY)]
            service.broker.kill()
        service.broker.start()
        with service.computing():
            assert service.result(first).body == transform(document(0))
            accepted = [reply.headers["location"] for reply in replies if reply.status == 202]
            lost = [location for location in accepted if service.result(location).status == 404]
    assert {reply.status for reply in replies} == {202 if measure else 503}
    assert len(lost) == len(accepted) == (ON_THEIR_WAY if measure else 0)


@pytest.mark.parametrize("measure", [None, "id"], ids=["careful", "careless"])
@pytest.mark.parametrize("stack", STACKS)
def test_a_message_whose_acknowledgement_is_cut_off(
    stack: Stack, measure: str | None, prepared: Prepared, tmp_path: Path
) -> None:
    """It is sent again. Without an id its event is doubled."""
    with careful_or(measure, stack, prepared, tmp_path, partial(Cutting, cut="after")) as service:
        service.broker.make_streams()
        reply = service.ask("POST", "/statements", document(1), JSON)
        assert (reply.status, reply.body) == (200, transform(document(1)))
        assert isinstance(service.network, Cutting)
        assert service.network.is_cut
        assert list(service.broker.events().values()) == [2 if measure else 1]
