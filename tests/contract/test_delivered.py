"""Deliveries for real: what a push sets off, what a run tells, and what a failing step or an old version leads to."""

import time
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from bench.build import deliveries
from bench.errors import RIGHT, LabError, MissingError
from bench.measure.instruments import delivered
from bench.measure.instruments.delivered import COLD, DEPENDENCY, LINE, STEPS
from bench.measure.instruments.pushed import Clones
from bench.model import DeliveredCase, Delivery, Observed, Stack, Unavailable
from bench.readiness import building
from tests.absent import absent
from tests.contract.conftest import missing
from tests.declared import CATALOG

QUICK = CATALOG.deliveries["nodejs"]
WHEEL = CATALOG.deliveries["wheel-uv"]
NODE = pytest.mark.parametrize("stack", [Stack(variant=QUICK.subject)], ids=str)
Prepared = tuple[building.Built, list[Unavailable]]


def observe(prepared: Prepared, delivery: Delivery, folder: Path) -> Observed:
    if delivery.subject not in prepared[0]:
        missing(prepared[1], delivery.subject)
    catalog = replace(CATALOG, deliveries={delivery.name: delivery})
    try:
        deliveries.provision(catalog, delivery)
    except MissingError as error:
        absent(str(error), error.remedy)
    return delivered.observe(catalog, DeliveredCase(variant=delivery.subject, delivery=delivery.name), folder / "case")


def check(delivery: Delivery, found: Observed) -> None:
    """Every step has a time, the whole is no less than its parts, and packages are shipped once."""
    for change in (COLD, LINE, *([DEPENDENCY] if delivery.dependency else [])):
        part = found.part(change)
        assert part.value("total") >= sum(part.value(step) for step in STEPS)
        assert part.value("total.cpu") == pytest.approx(sum(part.value(f"{step}.cpu") for step in STEPS))
        assert part.value("tests") == 8
        assert 0 < part.value("tests.run") < part.value("test")
    assert 0 < found.value("line.shipped") < 1.01 * found.value("cold.shipped")


def serving() -> list[str]:
    """The folders that the children of this process run in."""
    return [each.cwd() for each in psutil.Process().children(recursive=True) if "bench-" in each.cwd()]


@NODE
def test_a_change_is_delivered(prepared: Prepared, stack: Stack, tmp_path: Path) -> None:
    check(QUICK, observe(prepared, QUICK, tmp_path))
    assert not serving()


@pytest.mark.long
@pytest.mark.parametrize("stack", [Stack(variant=WHEEL.subject)], ids=str)
def test_a_wheel_and_a_changed_package_are_delivered(prepared: Prepared, stack: Stack, tmp_path: Path) -> None:
    found = observe(prepared, WHEEL, tmp_path)
    check(WHEEL, found)
    assert found.value("line.shipped") < found.value("dependency.shipped") < found.value("cold.shipped")
    assert not serving()


@NODE
def test_an_old_version_is_no_delivery(prepared: Prepared, stack: Stack, tmp_path: Path) -> None:
    once = (("sh", "-c", "test -e service.tar.gz || tar --create --gzip --file service.tar.gz src"),)
    with pytest.raises(LabError, match="wrong first answer: differs at /detail") as caught:
        observe(prepared, replace(QUICK, build=once), tmp_path)
    assert caught.value.gate == RIGHT
    assert not serving()


@NODE
def test_a_failing_test_stops_the_delivery(prepared: Prepared, stack: Stack, tmp_path: Path) -> None:
    broken = replace(QUICK.change, old='const HELLO = "Hello', new='const HELLO = "Goodbye {number}')
    with pytest.raises(LabError, match=r"--test --test-reporter=tap` failed with status 1"):
        observe(prepared, replace(QUICK, change=broken), tmp_path)
    assert not list(tmp_path.glob("*ship.log"))


def test_the_hook_tells_what_was_pushed(tmp_path: Path) -> None:
    clones = Clones(tmp_path, tmp_path / "git.log")
    clones.create()
    for text in ("one\n", "two\n"):
        (clones.developer / "file").write_text(text)
        clones.commit(text)
        began = time.time()
        clones.push()
        assert (clones.deployer / "file").read_text() == text
        assert clones.pushed.stat().st_mtime >= began - 1


def test_a_push_without_the_hook_is_an_error(tmp_path: Path) -> None:
    clones = Clones(tmp_path, tmp_path / "git.log")
    clones.create()
    (tmp_path / "origin.git/hooks/post-receive").unlink()
    (clones.developer / "file").write_text("one\n")
    clones.commit("one")
    with pytest.raises(LabError, match="the hook did not run"):
        clones.push()
