"""Which inputs change the identity of a case, and which do not."""

import shutil
from pathlib import Path

import msgspec
import pytest

from bench import catalog, paths
from bench.measure import blocks, identity
from bench.model import Artifact, BuiltPeer, Case, Instrument, MacroCase, MicroCase, Stack, SuiteCase
from bench.plan import contest
from bench.plan.planned import plan
from bench.serve import backend, programs, proxy
from tests.declared import CATALOG
from tests.unit.made import artifact, interpreter
from tests.unit.trial import STUDY, closed, stack

pytestmark = pytest.mark.slow

ARTIFACT = artifact("cpython")


def macro_case() -> Case:
    return MacroCase(
        stack=stack("cpython behind gunicorn-sync"),
        workload="medium",
        load="closed",
    )


CASES = {
    "core": MicroCase(variant="cython", workload="medium"),
    "cpython": macro_case(),
    "pypy": msgspec.structs.replace(macro_case(), stack=stack("pypy behind gunicorn-sync")),
    "node": msgspec.structs.replace(macro_case(), stack=Stack(variant="node-expert")),
    "tuned": msgspec.structs.replace(
        macro_case(), stack=Stack(variant="cpython", framework="falcon", server="gunicorn-sync+allocator")
    ),
    "suite": SuiteCase(variant="cpython", framework="falcon"),
}
ALL, ON_CPYTHON, STACKS = set(CASES), {"core", "cpython", "tuned", "suite"}, {"cpython", "pypy", "node", "tuned"}


def built(variant: str) -> Artifact | BuiltPeer:
    """The made-up build of a variant or peer of `CASES`."""
    if variant in CATALOG.peers:
        return BuiltPeer(build="nodejs", fingerprint="f" * 64, version="v24", build_seconds=1.0, built="")
    return artifact(variant, interpreter=interpreter(name=CATALOG.variant(variant).interpreter))


def identities() -> dict[str, str]:
    """The current identities of `CASES`, by name."""
    declared = catalog.read()
    return {name: identity.identify(declared, case, built(case.variant)).identity for name, case in CASES.items()}


def changed(path: Path, old: str, new: str) -> set[str]:
    """The cases whose identity changes when `old` becomes `new` in a file; an empty `old` appends `new`."""
    before, text = identities(), path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text + new)
    return {name for name, after in identities().items() if after != before[name]}


def test_equal_inputs_give_equal_cases() -> None:
    one = identity.identify(CATALOG, macro_case(), ARTIFACT)
    assert one.identity == identity.identify(CATALOG, macro_case(), ARTIFACT).identity
    assert {"artifact", "prefix", "harness", "subject", "interpreter", "server", "workload", "load"} == set(one.inputs)


def test_a_stored_case_has_the_same_identity() -> None:
    driven = contest.open_loads(plan(STUDY, CATALOG), [closed("cpython behind gunicorn-sync", 1.4e-3, 600)])
    assert driven is not None
    for case in (case for phase in [*plan(STUDY, CATALOG).phases, driven] for case in phase.cases):
        assert msgspec.json.decode(msgspec.json.encode(case), type=Case).identity == case.identity


@pytest.mark.parametrize("change", [{"content_sha256": "b" * 64}, {"fingerprint": "e" * 64}])
def test_a_changed_artifact_or_prefix_changes_the_case(change: dict[str, str]) -> None:
    other = msgspec.structs.replace(ARTIFACT, **change)
    assert (
        identity.identify(CATALOG, macro_case(), other).identity
        != identity.identify(CATALOG, macro_case(), ARTIFACT).identity
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "touched"),
    [
        ("bench/servers/gunicorn-sync.toml", "{backlog}", "2048", {"cpython", "pypy", "tuned"}),
        ("bench/tunings/allocator.toml", "33554432", "16777216", {"tuned"}),
        ("bench/tunings/nginx.toml", "keepalive 16", "keepalive 32", set()),
        ("bench/servers/gunicorn-gthread.toml", '"4"', '"8"', set()),
        ("bench/workloads/medium.toml", "seed = 20261103", "seed = 20261104", ALL - {"suite"}),
        ("bench/workloads/small.toml", "seed = 20261101", "seed = 20261102", set()),
        ("bench/loads/closed.toml", "seconds = 3", "seconds = 4", STACKS),
        ("bench/interpreters/cpython-3.11.toml", "[[prov", '[env]\nA = "b"\n\n[[prov', ON_CPYTHON),
        ("bench/interpreters/cpython-3.11.toml", "[[prov", "[warmup]\nseconds = 7\n\n[[prov", ON_CPYTHON),
        ("bench/interpreters/pypy-3.11.toml", "seconds = 7", "seconds = 8", {"pypy"}),
        ("optimised/cython/cython.toml", "", "\n[warmup]\nseconds = 7\n", {"core"}),
        ("builds/pypy/pypy.toml", "", "\n[warmup]\nseconds = 8\n", {"pypy"}),
        ("peers/nodejs/node-ordinary.toml", "seconds = 5", "seconds = 6", {"node"}),  # node-expert is `like` it
        ("peers/nodejs/node-expert.toml", "", "\n[warmup]\nseconds = 6\n", {"node"}),
        ("peers/nodejs/node-handwritten.toml", "", "\n[warmup]\nseconds = 6\n", set()),
    ],
)
def test_a_changed_declaration_changes_only_its_own_cases(
    checkout: Path, file: str, old: str, new: str, touched: set[str]
) -> None:
    assert changed(checkout / file, old, new) == touched


def test_a_changed_database_changes_only_the_cases_that_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = msgspec.structs.replace(macro_case(), workload="wait-postgres")
    monkeypatch.setattr(programs, "located", lambda declared, name: name)
    identities = []
    for version in (b"15", b"16"):
        monkeypatch.setattr(backend, "_bytes", lambda program, version=version: version)
        identities.append([identity.identify(CATALOG, case, ARTIFACT).identity for case in (macro_case(), waiting)])
    assert [one == other for one, other in zip(*identities, strict=True)] == [True, False]


def test_a_changed_proxy_changes_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = msgspec.structs.replace(
        macro_case(), stack=Stack(variant="cpython", framework="falcon", server="gunicorn-sync+nginx")
    )
    identities = set()
    for version in ("1.22", "1.26"):
        monkeypatch.setattr(proxy, "fingerprint", lambda proxy, version=version: version)
        identities.add(identity.identify(CATALOG, behind, ARTIFACT).identity)
    assert len(identities) == 2


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the measuring code, which a test may change."""
    for folder in ("bench", "app", "spec/golden"):
        shutil.copytree(paths.ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(identity, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "touched"),
    [
        ("bench/measure/blocks.py", ALL),
        ("bench/store.py", ALL),
        ("bench/host/steal.py", ALL),
        ("bench/catalog/pairing.py", ALL),
        ("bench/provision/interpreters.py", ALL),
        ("bench/verify.py", ALL),
        ("bench/locks/measured.txt", ALL),
        ("bench/build/proof.py", {"core"}),
        ("bench/subject/micro.py", {"core"}),
        ("bench/analysis/gates.py", STACKS),
        ("bench/measure/instruments/process_tree.py", STACKS),
        ("bench/pacer/pacer.c", STACKS),
        ("bench/gatling/src/main/java/lab/ClosedSimulation.java", STACKS),
        ("bench/gatling/src/main/resources/gatling.conf", STACKS),
        ("bench/gatling/pom.xml", STACKS),
        ("bench/subject/suite/contract.py", {"suite"}),
        ("bench/report/page.py", set()),
        ("bench/report/templates/report.css", set()),
        ("bench/race/racing.py", set()),
        ("bench/fleet/worker.py", set()),
    ],
)
def test_changed_measuring_code_changes_cases_and_changed_reporting_code_does_not(
    code: Path, file: str, touched: set[str]
) -> None:
    assert changed(code / file, "", " " if file.endswith((".txt", ".css", ".xml", ".conf")) else "\n") == touched


def test_no_file_of_the_report_changes_a_case(code: Path) -> None:
    before = identities()
    for path in (path for path in (code / "bench/report").rglob("*") if path.is_file()):
        path.write_bytes(path.read_bytes() + b"\n")
    assert identities() == before


def test_the_fleets_code_changes_only_cases_with_a_remote_load(code: Path) -> None:
    def remote() -> str:
        return identity.identify(CATALOG, macro_case(), ARTIFACT, generator="0" * 16).identity

    before = remote()
    (code / "bench/fleet/worker.py").write_text("")
    assert remote() != before


def test_a_tunings_backend_and_its_yardstick_are_inputs_of_the_case(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "fingerprint", lambda declared: declared.name)
    stacks = {name: Stack(variant="cpython", framework="falcon", server=f"gunicorn-sync+{name}") for name in TUNINGS}
    cases = {name: msgspec.structs.replace(macro_case(), stack=each) for name, each in stacks.items()}

    def inputs(name: str) -> dict[str, str]:
        return identity.identify(CATALOG, cases[name], ARTIFACT).inputs

    assert {name: inputs(name)["backend"] for name in TUNINGS} == TUNINGS
    assert "entry" not in inputs("events")
    before = inputs("events-bulk")["entry"]
    (code / "bench/yardsticks/events_bulk.py").write_text("")
    assert inputs("events-bulk")["entry"] != before


TUNINGS = {"events": "nats", "events-fsync": "nats-fsync", "events-bulk": "nats"}


def test_a_given_code_function_replaces_the_hash_of_the_harness() -> None:
    requested: list[Instrument] = []

    def code(instrument: Instrument) -> str:
        requested.append(instrument)
        return instrument

    known = {
        identity.identify(CATALOG, case, built(case.variant), code=code).inputs["harness"] for case in CASES.values()
    }
    assert known == set(requested) == {"micro", "macro", "suite"}
    assert known <= set(blocks.INSTRUMENTS)
