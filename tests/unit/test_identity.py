"""What makes a case another one, and what does not."""

import shutil
from pathlib import Path

import msgspec
import pytest

from bench import backend, catalog, contest, identity, paths, plan
from bench.model import Case
from tests.unit.made import artifact
from tests.unit.trial import STUDY, closed, stack

ARTIFACT = artifact("cpython")


def macro_case() -> Case:
    return Case(
        instrument="macro",
        variant="cpython",
        stack=stack("cpython behind gunicorn-sync"),
        workload="medium",
        load="closed",
    )


def test_equal_inputs_make_an_equal_case() -> None:
    one = identity.identified(macro_case(), ARTIFACT)
    assert one.identity == identity.identified(macro_case(), ARTIFACT).identity
    assert {"artifact", "prefix", "harness", "environment", "server", "workload", "load"} == set(one.inputs)


def test_a_case_read_back_from_disk_is_the_same_case() -> None:
    driven = contest.contenders(STUDY, [closed("cpython behind gunicorn-sync", 1.4e-3, 600)])
    assert driven is not None
    for case in (case for phase in [*plan.phases(STUDY), driven] for case in phase.cases):
        assert msgspec.json.decode(msgspec.json.encode(case), type=Case).identity == case.identity


@pytest.mark.parametrize("change", [{"wheel_sha256": "b" * 64}, {"fingerprint": "e" * 64}])
def test_another_artifact_or_prefix_makes_another_case(change: dict[str, str]) -> None:
    other = msgspec.structs.replace(ARTIFACT, **change)
    assert identity.identified(macro_case(), other).identity != identity.identified(macro_case(), ARTIFACT).identity


@pytest.mark.parametrize(
    ("file", "old", "new", "another"),
    [
        ("bench/servers/gunicorn-sync.toml", '"--workers", "1"', '"--workers", "2"', True),
        ("bench/workloads/medium.toml", "seed = 20261103", "seed = 20261104", True),
        ("bench/loads/closed.toml", "seconds = 3", "seconds = 4", True),
        ("bench/interpreters/cpython-3.11.toml", "[[prov", '[env]\nPYTHONMALLOC = "malloc"\n\n[[prov', True),
        ("bench/servers/gunicorn-gthread.toml", '"4"', '"8"', False),
        ("bench/workloads/small.toml", "seed = 20261101", "seed = 20261102", False),
    ],
)
def test_only_what_could_change_its_figure_makes_another_case(
    checkout: Path, file: str, old: str, new: str, another: bool
) -> None:
    before = identity.identified(macro_case(), ARTIFACT).identity
    path = checkout / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    for reader in (catalog.interpreters, catalog.variants, catalog.servers, catalog.workloads, catalog.loads):
        reader.cache_clear()
    assert (identity.identified(macro_case(), ARTIFACT).identity != before) is another


def test_another_database_makes_another_case_of_what_waits_for_it_and_of_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = msgspec.structs.replace(macro_case(), workload="wait-postgres")
    monkeypatch.setattr(backend, "_program", lambda declared, name: name)
    identities = []
    for version in (b"15", b"16"):
        monkeypatch.setattr(backend, "_bytes", lambda program, version=version: version)
        identities.append([identity.identified(case, ARTIFACT).identity for case in (macro_case(), waiting)])
    assert [one == other for one, other in zip(*identities, strict=True)] == [True, False]


@pytest.mark.parametrize(
    ("file", "another"),
    [
        ("bench/measure.py", True),
        ("bench/instruments/process_tree.py", True),
        ("bench/subject/micro.py", True),
        ("bench/gatling/src/main/java/lab/ClosedSimulation.java", True),
        ("bench/gatling/src/main/resources/gatling.conf", True),
        ("bench/gatling/pom.xml", True),
        ("bench/report.py", False),
        ("bench/report/templates/report.css", False),
    ],
)
def test_code_that_measures_makes_other_cases_and_code_that_tells_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, another: bool
) -> None:
    shutil.copytree(paths.ROOT / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(identity, "ROOT", tmp_path)
    before = identity.harness()
    assert identity.harness() == before
    with (tmp_path / file).open("ab") as changed:
        changed.write(b" ")
    assert (identity.harness() != before) is another
