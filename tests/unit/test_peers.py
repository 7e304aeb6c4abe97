"""Peers: declared, built once per build, planned and reported like stacks, checked as the spec allows."""

import json
import os
from pathlib import Path
from unittest.mock import create_autospec

import msgspec
import pytest

from app.core import transform
from bench import catalog, verify
from bench.build import commands, peers
from bench.catalog import pairing
from bench.errors import LabError, MissingError
from bench.measure import identity
from bench.measure.instruments import sizes
from bench.model import (
    BuiltPeer,
    Catalog,
    FromNpm,
    MacroCase,
    MacroPlan,
    Measurement,
    OpenPlan,
    Peer,
    Run,
    Stack,
    StartupPlan,
    Study,
)
from bench.plan import estimate, matrix, planned, selection
from bench.provision import npm, stamp, system
from bench.readiness import building
from bench.report import page
from bench.report.finding import find
from bench.serve import life_cycle, start_command
from tests.cores import GOLDEN, document, line, order
from tests.declared import CATALOG
from tests.unit import sessions

PROGRAM = """#!/bin/sh
[ "$1" = --version ] && echo v9.9.9 && exit
exec cat "$@"
"""
NPM = FromNpm(folder="peers/tiny", executable="bin/run")
TINY = Peer(
    name="tiny-expert",
    title="Tiny",
    language="Shell",
    kind="expert",
    server="sh",
    build="tiny",
    runtime="sh-9",
    provider=NPM,
    source={"peers/tiny/src": "."},
    steps=(("{runtime}", "main.sh", "--", "{prefix}/built.json"), ("cp", "main.sh", "made.sh")),
    argv=("{runtime}", "{prefix}/made.sh", "{host}", "{port}", "{backlog}"),
    env={"TINY_HOME": "{home}"},
    files={"interpreter": ("{runtime}",), "core": ("{prefix}/*.sh",)},
    provenance={"core": "expert"},
    keep_alive=True,
)
STUDY = Study(
    name="trial",
    title="A trial",
    question="Which?",
    baseline="cpython",
    variants=("cpython", "cython"),
    peers=("node-ordinary",),
    servers=("gunicorn-sync", "uwsgi-processes"),
    workloads=("medium",),
    sizes=True,
    startup=StartupPlan(spawns=2, server="gunicorn-sync"),
    macro=MacroPlan(loads=("closed",), runs=2),
    open=OpenPlan(loads=("ramp",), runs=1, share=0.7),
)
PEER = Stack(variant="node-ordinary")


@pytest.fixture
def lab(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the source of a peer, whose runtime is already installed."""
    for name, text in {"src/main.sh": "", "package.json": "{}", "package-lock.json": "{}"}.items():
        path = checkout / "peers" / "tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for module in (peers, npm, commands):
        monkeypatch.setattr(module, "ROOT", checkout)
    for folder in ("ARTIFACTS", "PREFIXES", "INTERPRETERS"):
        monkeypatch.setattr(peers, folder, checkout / ".lab" / folder.lower())
    program = peers.home(TINY) / "bin" / "run"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (peers.home(TINY) / stamp.NAME).write_text(npm.made_of(NPM))
    return checkout


def test_peers_of_one_build_are_built_once(lab: Path) -> None:
    made = peers.make(TINY)
    assert (made.version, made.build) == ("v9.9.9", "tiny")
    assert (lab / ".lab/prefixes" / "tiny" / "made.sh").exists()
    record = json.loads((lab / ".lab/prefixes" / "tiny" / "built.json").read_text())
    assert record["fingerprint"] == made.fingerprint
    sibling = msgspec.structs.replace(TINY, name="tiny-ordinary", kind="ordinary", env={})
    assert peers.make(sibling) == made
    (lab / "peers/tiny/src/main.sh").write_text("# changed\n")
    assert peers.make(TINY).fingerprint != made.fingerprint


def test_a_peers_command_inherits_nothing_from_the_callers_environment(lab: Path) -> None:
    peers.make(TINY)
    argv, env = peers.command(TINY, host="127.0.0.1", port=8000, backlog=64)
    prefix = lab / ".lab/prefixes" / "tiny"
    assert argv == [str(peers.home(TINY) / "bin/run"), f"{prefix}/made.sh", "127.0.0.1", "8000", "64"]
    assert env["STATEMENTS_VARIANT"] == "tiny-expert"
    assert env["TINY_HOME"] == str(peers.home(TINY))
    assert env["HOME"] == str(prefix)
    assert not {"USER", "PWD", "VIRTUAL_ENV"} & env.keys()


def test_a_failed_step_is_reported_with_its_last_line(lab: Path) -> None:
    broken = msgspec.structs.replace(TINY, steps=(("sh", "-c", "echo no such jar; exit 3"),))
    with pytest.raises(LabError, match=r"failed with status 3: no such jar; see .*build\.log"):
        peers.make(broken)
    with pytest.raises(LabError, match="peer 'tiny-expert' is not built: run `python -m bench build tiny-expert`"):
        peers.require(TINY)


def test_a_peers_files_are_those_that_it_declares(lab: Path) -> None:
    peers.make(TINY)
    found = sizes.sizes(Catalog(peers={"tiny-expert": TINY}), Stack(variant="tiny-expert"))
    assert {part: size.unpacked for part, size in found.items()} == {"interpreter": len(PROGRAM), "core": 0}
    nothing = msgspec.structs.replace(TINY, files={"core": ("{prefix}/*.jar",)})
    with pytest.raises(LabError, match=r"peer 'tiny-expert': files: \{prefix\}/\*\.jar matches no file"):
        peers.files(nothing)


def test_npm_installs_the_locked_packages_or_its_error_is_reported(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = lab / "fake" / "npm"
    fake.parent.mkdir()
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    monkeypatch.setattr(system, "require", create_autospec(system.require))
    fake.write_text("#!/bin/sh\nmkdir -p $3/bin; cp $3/package-lock.json $3/bin/run\n")
    fake.chmod(0o755)
    assert npm.unpack(NPM, lab / "fresh").read_text() == "{}"
    assert npm.is_unpacked(NPM, lab / "fresh")
    (lab / "peers/tiny/package-lock.json").write_text('{"another": 1}')
    assert not npm.is_unpacked(NPM, lab / "fresh")
    fake.write_text("#!/bin/sh\nprintf 'npm error code X\\nnpm error sha512-x was wrong\\n' >&2; exit 1\n")
    with pytest.raises(MissingError, match=r"`npm ci` in peers/tiny failed: sha512-x was wrong"):
        npm.unpack(NPM, lab / "fresh")


def test_peers_of_one_build_share_its_inputs(checkout: Path) -> None:
    text = (checkout / "peers/nodejs/node-ordinary.toml").read_text().replace("node-ordinary", "node-other")
    (checkout / "peers/nodejs/node-other.toml").write_text(text.replace('runtime = "node-24"', 'runtime = "node-26"'))
    with pytest.raises(LabError, match="peer 'node-other': runtime differs from 'node-expert-allocator'"):
        catalog.read()


def test_a_peers_build_cannot_have_a_variants_name(checkout: Path) -> None:
    for path in (checkout / "peers/nodejs").glob("*.toml"):
        path.write_text(path.read_text().replace('build = "nodejs"', 'build = "cython"'))
    with pytest.raises(LabError, match="a variant is named 'cython' already"):
        catalog.read()


def test_a_peers_name_parses_as_a_stack() -> None:
    for name in CATALOG.peers:
        assert pairing.parse_stack(CATALOG, name) == Stack(variant=name)
        assert str(Stack(variant=name)) == name
        assert pairing.server_for(CATALOG, Stack(variant=name)) is CATALOG.peers[name]
        assert pairing.unsupported(CATALOG, Stack(variant=name)) is None


def test_a_peer_is_in_every_phase_of_a_study_except_those_of_cores() -> None:
    cases = {phase.name: [str(case.stack) for case in phase.cases] for phase in matrix.phases(STUDY, CATALOG)}
    assert all(cases[name].count("node-ordinary") == 1 for name in ("size", "startup", "macro"))
    assert selection.subjects(STUDY) == ["cpython", "cython", "node-ordinary"]
    warm = CATALOG.peers["node-ordinary"].warmup.seconds - CATALOG.loads["brief"].lead_in_seconds
    case = MacroCase(stack=PEER, workload="medium", load="brief")
    stack = Stack(variant="cython", framework="falcon", server="gunicorn-sync")
    of_stack = msgspec.structs.replace(case, stack=stack)
    assert estimate.case_seconds(case, CATALOG) - estimate.case_seconds(of_stack, CATALOG) >= warm > 0


def test_a_study_narrowed_to_a_peer_keeps_it_and_the_baseline() -> None:
    narrowed = planned.narrowed(STUDY, "node-ordinary", CATALOG)
    assert (narrowed.variants, narrowed.peers) == (("cpython",), ("node-ordinary",))
    assert planned.narrowed(STUDY, "cython", CATALOG).peers == ()


def test_a_changed_build_of_a_peer_changes_its_cases() -> None:
    built = BuiltPeer(build="nodejs", fingerprint="f" * 64, version="v1", build_seconds=1.0, built="")
    case = MacroCase(stack=PEER, workload="medium", load="closed")
    known = identity.identify(CATALOG, case, built).identity
    assert identity.identify(CATALOG, case, msgspec.structs.replace(built, fingerprint="e" * 64)).identity != known
    assert identity.identify(CATALOG, case, built).inputs.keys() == {
        "prefix",
        "subject",
        "workload",
        "load",
        "harness",
    }


def closed(stack: Stack, cpu: float, rate: float, block: int = 0, **more) -> Run:
    case = MacroCase(stack=stack, workload="medium", load="closed")
    measured = {"cpu": ("s", cpu), "rate": ("1/s", rate), "generator_cpu": ("1", 0.1), "memory.loaded": ("B", 9e7)}
    taken = tuple(Measurement(metric=name, unit=unit, values=(value,)) for name, (unit, value) in measured.items())
    series = {"memory": ((0.0, 8e7), (1.0, 9e7))} | more.pop("series", {})
    whole = {"started": "", "seconds": 1.0, "verdict": "pass", "series": series} | more
    return Run(case=case, block=block, measurements=taken, **whole)


def falcon(variant: str, server: str = "gunicorn-sync") -> Stack:
    return Stack(variant=variant, framework="falcon", server=server)


def test_a_peers_row_is_relative_to_the_baseline_behind_the_first_server_and_shows_its_warm_up() -> None:
    cooling = tuple((float(second + 1), 3000.0, cost) for second, cost in enumerate([9e-4, 6e-4, *[3e-4] * 8]))
    runs = [
        run
        for block in (0, 1)
        for run in (
            closed(falcon("cpython"), 1.2e-3, 900, block),
            closed(falcon("cython"), 2e-4, 4000, block),
            closed(PEER, 3e-4, 3000, block, series={"warmup": cooling}, facts={"node": "v24"}),
        )
    ]
    finding = find(sessions.session(STUDY, runs), runs)
    row = next(row for row in finding.rows if row.stack == PEER)
    assert row.speedup.ratio is not None
    assert row.speedup.ratio.estimate == pytest.approx(4.0)
    assert (row.warmed.value, row.warmed.reason) == (2.0, "warm-up")
    assert row.place == "node:http"
    assert finding.places == ("gunicorn-sync", "uwsgi-processes", "node:http")
    assert [core.variant for core in finding.peers] == ["node-ordinary"]
    assert "NodeJS 24, as most would write it" in page.html(finding)


def test_a_peer_has_only_the_freedoms_of_the_spec() -> None:
    valid, invalid, malformed = document(order()), document(order(0)), b"[1,"
    answer = transform(valid)
    assert not verify.is_free(valid, 400, b"")  # a valid document has one answer
    assert not verify.is_free(valid, 200, answer)
    assert all(verify.is_free(wrong, status, b"") for wrong in (invalid, malformed) for status in (400, 422))
    assert not any(verify.is_free(wrong, status, b"") for wrong in (invalid, malformed) for status in (200, 500, 413))
    for spelled in (b'"id":1.0,', b'"id":1e0,', b'"id":100000000000000000001e-20,'):
        assert verify.is_free(valid.replace(b'"id":1,', spelled), 200, answer)
    assert not verify.is_free(valid.replace(b'"id":1,', b'"id":1.5,'), 200, answer)
    assert not verify.is_free(document(order(lines=[line(quantity=10**400)])), 200, answer)
    for dropped in (rb'"\ud800"', b"9" * 4301):
        assert verify.is_free(valid.replace(b"{", b'{"batch":' + dropped + b",", 1), 200, answer)
    assert not verify.is_free(valid.replace(b"{", b'{"batch":NaN,', 1), 200, answer)


def test_few_golden_cases_leave_freedom() -> None:
    """Among the golden error cases, a peer may answer only those of the spec's three freedoms."""
    answerable = [path.stem for path in GOLDEN if path.parent.name != "valid" and _may_be_answered(path.read_bytes())]
    dropped = ["dropped-member-with-4301-digits", "dropped-member-with-lone-surrogate"]
    assert sorted(answerable) == [*dropped, "id-float"]


def _may_be_answered(bytes_: bytes) -> bool:
    try:
        return verify.is_free(bytes_, 200, transform(verify._as_read_elsewhere(bytes_)))
    except (ValueError, RecursionError):
        return False


def test_a_peer_that_is_not_built_is_an_error(lab: Path) -> None:
    declared = Catalog(peers={"tiny-expert": TINY})
    with pytest.raises(LabError, match="is not built"):
        building.required(declared, "tiny-expert")
    with pytest.raises(LabError, match="is not built"):
        start_command.command(declared, Stack(variant="tiny-expert"), 8000, life_cycle.HOST, lab)
    made = peers.make(TINY)
    assert building.required(declared, "tiny-expert") == made
