"""What schemathesis finds on served stacks: declared departures alone. What each tool finds of planted defects."""

from pathlib import Path

import pytest

from bench.errors import MissingError
from bench.model import Artifact, Stack, Unavailable
from bench.readiness import building
from bench.serve import backend
from tests import conformance, contracts, tools
from tests.absent import absent
from tests.conformance import EACH_FRAMEWORK, LAYERED, Subject, of
from tests.contract.conftest import missing
from tests.declared import CATALOG
from tests.planted import DEFECTS, SOUND

pytestmark = pytest.mark.long
SUBJECTS = [*EACH_FRAMEWORK, LAYERED, of("node-ordinary"), of("spring-tomcat-ordinary")]


@pytest.fixture(autouse=True, scope="module")
def needed() -> None:
    """The packages and the broker are here; otherwise the tests are skipped, and in CI they fail."""
    try:
        tools.python("contracts")
        backend.require(CATALOG.backends["nats"])
    except MissingError as error:
        absent(str(error), error.remedy)


@pytest.mark.parametrize(("stack", "layers"), SUBJECTS, ids=map(str, SUBJECTS))
def test_a_stack_breaks_only_the_promises_that_are_declared(
    stack: Stack, layers: tuple[str, ...], prepared: tuple[building.Built, list[Unavailable]], tmp_path: Path
) -> None:
    built = prepared[0].get(stack.variant)
    if built is None or (isinstance(built, Artifact) and stack.label in built.lacks):
        missing(prepared[1], stack)
    subject = Subject(stack, layers)
    with conformance.served(subject, tmp_path / "log") as address:
        report = conformance.checked(address, conformance.BRIEF, tmp_path)
    assert report.broken == subject.declared(), report.said


@pytest.mark.parametrize("defect", [SOUND, *DEFECTS])
def test_each_tool_catches_the_defects_that_it_is_said_to_catch(defect: str, tmp_path: Path) -> None:
    """All but schemathesis, which takes eight seconds each: `make contracts` asks it, too."""
    found = contracts.verdicts(defect, tmp_path, contracts.TOOLS.keys() - {"schemathesis"})
    assert [verdict for verdict in found if not contracts.is_declared(verdict)] == []
