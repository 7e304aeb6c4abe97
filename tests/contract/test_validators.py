"""Each validator judges every golden case rightly, except exactly those that its TOML declares."""

import msgspec
import pytest
from rich.console import Console

from bench import verify
from bench.model import Yardstick
from bench.progress import Progress
from bench.readiness import building
from tests.contract.conftest import missing
from tests.declared import CATALOG

VALIDATORS = [name for name, each in CATALOG.yardsticks.items() if each.is_validator]


@pytest.fixture(scope="module", params=VALIDATORS)
def validator(request: pytest.FixtureRequest) -> Yardstick:
    """A validator that is built."""
    built, unavailable = building.build_all(CATALOG, [request.param], Progress(Console(quiet=True)))
    if request.param not in built:
        missing(unavailable, request.param)
    return CATALOG.yardsticks[request.param]


def test_golden_cases(validator: Yardstick) -> None:
    checked = verify.check_variant(CATALOG, validator.name)
    assert checked.cases > 0
    assert checked.mismatches == ()


def test_without_its_departures_each_is_a_mismatch(validator: Yardstick) -> None:
    strict = msgspec.structs.replace(validator, departures={})
    catalog = msgspec.structs.replace(CATALOG, yardsticks=CATALOG.yardsticks | {validator.name: strict})
    found = {told.partition(".json: ")[0] for told in verify.check_variant(catalog, validator.name).mismatches}
    assert found == (validator.departures or {}).keys()
