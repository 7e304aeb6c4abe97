"""Builds: what changes an artifact's fingerprint, what an artifact contains, and how failing steps are reported."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from bench import catalog
from bench.build import artifacts, commands, releases, sbom, server_packages, variants, version, wheels
from bench.build.version import Code
from bench.catalog import declarations, pairing
from bench.errors import LabError, MissingError
from bench.model import Artifact, Catalog, Codec, Provisioned, Server, Stack, Unavailable, Variant
from bench.paths import ROOT
from bench.provision import interpreters, system
from tests.declared import CATALOG
from tests.unit import made

pytestmark = pytest.mark.slow

TINY = Variant(
    name="tiny",
    title="Tiny",
    interpreter="cpython-3.11",
    compiler="none",
    codec=Codec(loads="json.loads", dumps="json.dumps"),
    source={"optimised/tiny": "tiny_core", "setup.py": "setup.py"},
    steps=(("{python}", "-c", "open('tiny_core/made.txt', 'w').write('made by a step')"),),
    remove=("setup.py", "tiny_core/left*"),
    env={"TINY_CACHE": "{prefix}/cache"},
    provenance={},
)


def declared() -> Catalog:
    """The catalogue of the test's checkout: its frameworks and servers, and `TINY`."""
    return Catalog(
        interpreters=CATALOG.interpreters,
        variants={"tiny": TINY},
        frameworks=catalog.frameworks(),
        layers=catalog.layers(),
        servers=declarations.listing(Server, "bench/servers/*.toml"),
    )


@pytest.fixture(scope="module")
def interpreter() -> Provisioned:
    found = interpreters.provision(CATALOG.interpreters["cpython-3.11"])
    assert isinstance(found, Provisioned)
    return found


@pytest.fixture
def lab(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two sources and without frameworks and servers. Builds stay inside it."""
    shutil.rmtree(checkout / "bench" / "servers")
    shutil.rmtree(checkout / "app")
    for name, text in {
        "app/core.py": "def transform(document):\n    return document\n",
        "app/README.md": "Words.\n",
        "spec/openapi.json": "{}",
        "optimised/tiny/__init__.py": "",
        "optimised/tiny/left_over.py": "",
        "setup.py": "",
    }.items():
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for module in (wheels, commands):
        monkeypatch.setattr(module, "ROOT", checkout)
    for module, folders in (
        (artifacts, ("ARTIFACTS", "PREFIXES")),
        (variants, ("ARTIFACTS", "PREFIXES", "TOOLS", "BUILDERS")),
    ):
        for folder in folders:
            monkeypatch.setattr(module, folder, checkout / ".lab" / folder.lower())
    return checkout


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build steps run, but no packages are installed."""
    for module in (variants, server_packages):
        monkeypatch.setattr(module, "install", lambda *places, **more: None)


# ---------------------------------------------------------------- fingerprint


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("app/core.py", True),
        ("spec/openapi.json", True),
        ("optimised/tiny/__init__.py", True),
        ("setup.py", True),
        ("app/README.md", False),
    ],
)
def test_a_changed_source_changes_the_fingerprint(
    lab: Path, interpreter: Provisioned, path: str, changed: bool
) -> None:
    before = variants.fingerprint_of(declared(), TINY, interpreter)
    assert variants.fingerprint_of(declared(), TINY, interpreter) == before
    (lab / path).write_bytes((lab / path).read_bytes() + b"#")
    assert (variants.fingerprint_of(declared(), TINY, interpreter) != before) is changed


def test_a_renamed_source_changes_the_fingerprint(lab: Path, interpreter: Provisioned) -> None:
    before = variants.fingerprint_of(declared(), TINY, interpreter)
    (lab / "optimised/tiny/left_over.py").rename(lab / "optimised/tiny/left_behind.py")
    assert variants.fingerprint_of(declared(), TINY, interpreter) != before


@pytest.mark.parametrize(
    "change",
    [{"steps": ()}, {"remove": ()}, {"codec": None}, {"requirements": ("cffi",)}, {"env": {"TINY_CACHE": "/"}}],
)
def test_a_changed_declaration_changes_the_fingerprint(
    lab: Path, interpreter: Provisioned, change: dict[str, object]
) -> None:
    other = msgspec.structs.replace(TINY, **change)
    assert variants.fingerprint_of(declared(), other, interpreter) != variants.fingerprint_of(
        declared(), TINY, interpreter
    )


def test_interpreter_lock_file_and_frameworks_change_the_fingerprint(
    lab: Path, interpreter: Provisioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    prints = [variants.fingerprint_of(declared(), TINY, interpreter)]
    prints.append(
        variants.fingerprint_of(declared(), TINY, msgspec.structs.replace(interpreter, fingerprint="another"))
    )
    (lab / "lock.txt").write_text("falcon==4.0\n")
    monkeypatch.setattr(variants, "MEASURED_LOCK", lab / "lock.txt")
    prints.append(variants.fingerprint_of(declared(), TINY, interpreter))
    (lab / "app/wsgi").mkdir()
    (lab / "app/wsgi/falcon_app.py").write_text('REQUIREMENTS = ("falcon",)\n')

    prints.append(variants.fingerprint_of(declared(), TINY, interpreter))
    (lab / "app/metrics.py").write_text('REQUIREMENTS = ("statsd",)\n')
    prints.append(variants.fingerprint_of(declared(), TINY, interpreter))
    assert len(set(prints)) == len(prints)


def test_a_missing_source_is_named(lab: Path, interpreter: Provisioned) -> None:
    missing = msgspec.structs.replace(TINY, source={"optimised/nothing": "nothing"})
    with pytest.raises(LabError, match=r"^tiny.toml: source 'optimised/nothing' is not in the checkout$"):
        variants.fingerprint_of(declared(), missing, interpreter)


# ---------------------------------------------------------------- steps that fail


def failure(interpreter: Provisioned, *step: str) -> str:
    """Return the error message of a build whose only step is `step`."""
    with pytest.raises(LabError) as caught:
        variants.build(declared(), msgspec.structs.replace(TINY, steps=(step,)), interpreter)
    return str(caught.value)


@pytest.mark.usefixtures("nothing_installed")
def test_a_failed_step_is_reported_with_its_command_and_log(lab: Path, interpreter: Provisioned) -> None:
    log = ".lab/artifacts/tiny/build.log"
    message = failure(interpreter, "{python}", "-c", "import sys; sys.exit('out of ' + 'luck')")
    command = f"{lab}/.lab/builders/tiny/bin/python -c import sys; sys.exit('out of ' + 'luck')"
    assert message == f"`{command}` failed with status 1: out of luck; see {log}"
    assert "out of luck" in (lab / log).read_text()
    assert "`false` failed with status 1; see " in failure(interpreter, "false")
    assert artifacts.artifact("tiny") is None
    with pytest.raises(LabError, match="'tiny' is not built: run `python -m bench build tiny`"):
        artifacts.require("tiny")


@pytest.mark.usefixtures("nothing_installed")
def test_a_step_whose_tool_is_missing_is_reported(lab: Path, interpreter: Provisioned) -> None:
    message = failure(interpreter, "no-such-compiler", "-O3")
    assert message.startswith("`no-such-compiler -O3` could not be started (No such file or directory); see .lab/")


@pytest.mark.usefixtures("nothing_installed")
def test_a_step_that_hangs_is_reported(lab: Path, interpreter: Provisioned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "STEP_SECONDS", 2)
    assert failure(interpreter, "sleep", "600").startswith("`sleep 600` timed out after 2 s; see .lab/")


# ---------------------------------------------------------------- unavailable requirements


def test_nothing_is_built_while_a_required_system_part_is_missing(
    lab: Path, interpreter: Provisioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = system.Part(name="a moon", needed="tides", commands=("moon",), packages=("moon-dev",))
    monkeypatch.setattr(system, "parts", lambda: [part])
    with pytest.raises(MissingError) as caught:
        variants.build(declared(), msgspec.structs.replace(TINY, needs=("a moon",)), interpreter)
    assert str(caught.value) == "a moon is not installed: moon not found"
    assert caught.value.remedy == part.remedy
    assert not (lab / ".lab").exists()


def test_an_unavailable_server_is_not_retried_at_each_build(
    lab: Path, interpreter: Provisioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab / "bench/servers").mkdir()
    shutil.copy(ROOT / "bench/servers/gunicorn-sync.toml", lab / "bench/servers")

    requested: list[str] = []

    def install(python: Path, names: Sequence[str], **options: Path) -> None:
        requested.extend(names)
        if "gunicorn" in names:
            raise MissingError("no network")
        interpreters.install(python, names, **options)

    for module in (variants, server_packages):
        monkeypatch.setattr(module, "install", install)
    built = variants.build(declared(), TINY, interpreter)
    remedy = "python -m bench build --force"
    lack = Unavailable(what="gunicorn-sync", reason="no network", remedy=remedy, server="gunicorn-sync")
    assert built.lacks == {"gunicorn-sync": lack}
    requested.clear()
    assert variants.build(declared(), TINY, interpreter) == built
    assert requested == []
    assert variants.build(declared(), TINY, interpreter, force=True).lacks == built.lacks
    assert "gunicorn" in requested


@pytest.mark.usefixtures("nothing_installed")
def test_a_server_is_retried_once_its_missing_system_part_is_installed(
    lab: Path, interpreter: Provisioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab / "bench/servers").mkdir()
    text = (ROOT / "bench/servers/gunicorn-sync.toml").read_text()
    (lab / "bench/servers/gunicorn-sync.toml").write_text(f'needs = ["a moon"]\n{text}')

    moon = lab / "moon"
    part = system.Part(name="a moon", needed="tides", packages=["moon"], files=[str(moon)])
    monkeypatch.setattr(system, "parts", lambda: [part])
    monkeypatch.setattr(variants, "_install_tools", lambda *_: None)
    monkeypatch.setattr(wheels, "make", lambda variant, builder, folder, log: lab / "setup.py")
    built = variants.build(declared(), TINY, interpreter)
    assert (list(built.lacks), built.waits_for) == (["gunicorn-sync"], ("a moon",))
    assert variants.build(declared(), TINY, interpreter) == built
    moon.touch()
    assert variants.build(declared(), TINY, interpreter).lacks == {}


@pytest.mark.usefixtures("nothing_installed")
def test_a_prefix_keeps_the_servers_of_earlier_builds(
    lab: Path, interpreter: Provisioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab / "bench/servers").mkdir()
    for name in ("gunicorn-sync", "gunicorn-gthread", "bjoern"):
        shutil.copy(ROOT / f"bench/servers/{name}.toml", lab / "bench/servers")

    monkeypatch.setattr(system, "require", lambda _: None)
    monkeypatch.setattr(variants, "_install_tools", lambda *_: None)
    monkeypatch.setattr(wheels, "make", lambda variant, builder, folder, log: lab / "setup.py")
    assert variants.build(declared(), TINY, interpreter, ()).servers == ()
    assert variants.build(declared(), TINY, interpreter, ("gunicorn-sync",)).servers == ("gunicorn-sync",)
    both = variants.build(declared(), TINY, interpreter, ("gunicorn-gthread",))
    assert both.servers == ("gunicorn-gthread", "gunicorn-sync")
    assert variants.build(declared(), TINY, interpreter, ("gunicorn-sync",)) == both, (
        "an installed server is not installed again"
    )
    assert variants.build(declared(), TINY, interpreter, ()) == both

    absent = Stack(variant="tiny", framework="falcon", server="bjoern")
    monkeypatch.setattr(pairing, "unsupported", lambda *_: None)
    with pytest.raises(LabError, match="tiny was built without bjoern: run `python -m bench build tiny`"):
        artifacts.require_server(declared(), absent)
    variants.build(declared(), TINY, interpreter)
    artifacts.require_server(declared(), absent)


# ---------------------------------------------------------------- a whole build


@pytest.fixture
def built(lab: Path, interpreter: Provisioned) -> Artifact:
    return variants.build(declared(), TINY, interpreter)


def test_an_artifact_is_a_wheel_in_its_own_prefix(lab: Path, interpreter: Provisioned, built: Artifact) -> None:
    wheel = lab / ".lab/artifacts/tiny" / built.wheel
    assert wheel.stat().st_size == built.wheel_bytes
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
        service = {"app/core.py", "app/openapi.json", "app/built.json"}
        assert names == service | {"tiny_core/__init__.py", "tiny_core/made.txt"}
        record = json.loads(packed.read("app/built.json"))
    assert record["variant"] == "tiny"
    assert (record["core"], record["compiler"]) == ("app.core", "none")
    assert (record["loads"], record["dumps"]) == ("json.loads", "json.dumps")

    program = "import app.core, tiny_core, sys; print(app.core.__file__); print(*sys.path, sep='\\n')"
    env = artifacts.environment(declared(), TINY)
    core, *path = subprocess.check_output(
        [artifacts.python("tiny"), "-c", program], cwd=lab / ".lab", env=env, text=True
    ).splitlines()
    assert Path(core).is_relative_to(lab / ".lab/prefixes/tiny")
    assert str(lab) not in path, "the checkout is not on sys.path of a measured process"
    assert env["TINY_CACHE"] == f"{lab}/.lab/prefixes/tiny/cache"
    pyperf = (lab / ".lab").rglob("pyperf/__init__.py")
    assert [str(path.relative_to(lab)) for path in pyperf] == [".lab/tools/cpython-3.11/pyperf/__init__.py"]

    assert artifacts.require("tiny") == built
    assert variants.build(declared(), TINY, interpreter) == built, "an unchanged artifact is not built again"

    first = wheel.read_bytes()
    shutil.rmtree(lab / ".lab/artifacts")
    again = variants.build(declared(), TINY, interpreter)
    assert (wheel.parent / again.wheel).read_bytes() == first, "equal sources give equal wheels"


def test_a_rebuild_is_the_same_source_in_another_prefix(lab: Path, interpreter: Provisioned, built: Artifact) -> None:
    folder, prefix = lab / ".lab" / "again" / "wheel", lab / ".lab" / "again" / "prefix"
    variants.rebuild(declared(), TINY, interpreter, folder, prefix)
    assert (folder / built.wheel).read_bytes() == (lab / ".lab/artifacts/tiny" / built.wheel).read_bytes()
    assert list(prefix.rglob("app/core.py"))
    assert artifacts.artifact(TINY.name) == built, "the artifact itself is unchanged"


def test_a_measured_process_inherits_nothing_from_the_callers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONHASHSEED", "LD_PRELOAD", "CFLAGS"):
        monkeypatch.setenv(name, "from the caller")
    for variant in CATALOG.variants.values():
        env = artifacts.environment(CATALOG, variant)
        assert not [name for name, value in env.items() if value == "from the caller"]


def test_frameworks_and_servers_change_the_fingerprint() -> None:
    core = CATALOG.variant("cpython")
    (first, server), *_ = ((name, each) for name, each in CATALOG.servers.items() if "cpython" in each.implementations)
    newer = msgspec.structs.replace(server, requirements=(*server.requirements, "another"))
    fewer = dict(list(CATALOG.frameworks.items())[1:])
    prints = {
        variants.fingerprint_of(declared, core, made.interpreter())
        for declared in (
            CATALOG,
            msgspec.structs.replace(CATALOG, frameworks=fewer),
            msgspec.structs.replace(CATALOG, servers=CATALOG.servers | {first: newer}),
        )
    }
    assert len(prints) == 3


def test_a_release_names_its_commit_and_leaves_the_artifact_as_it_is(
    lab: Path, built: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    code = Code("9.8.7", "c" * 40)
    monkeypatch.setattr(releases, "LAB", lab / ".lab")
    monkeypatch.setattr(releases, "RELEASES", lab / ".lab" / "releases")
    monkeypatch.setattr(version, "release", lambda: code)
    monkeypatch.setattr(sbom, "write", lambda python, folder: asked.extend((python, folder)))
    wheel = releases.make(declared(), TINY.name)
    assert wheel == lab / ".lab/releases/9.8.7/tiny/statements_tiny-9.8.7-py3-none-any.whl"
    assert {name: wheels.record(wheel)[name] for name in ("version", "commit")} == code._asdict()
    assert [asked[0].name, asked[1]] == ["python", wheel.parent], "the SBOM is of a prefix with this wheel"
    assert asked[0].is_relative_to(lab / ".lab")
    assert artifacts.artifact(TINY.name) == built
    assert wheels.record(lab / ".lab/artifacts/tiny" / built.wheel)["version"] != code.version
    assert wheels.content(wheel) == built.content_sha256, "so a commit alone makes no other case"


def test_a_commit_alone_changes_no_fingerprint(
    lab: Path, interpreter: Provisioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = variants.fingerprint_of(declared(), TINY, interpreter)
    monkeypatch.setattr(version, "development", lambda: Code("9.8.7+gdddddddddddd", "d" * 12))
    assert variants.fingerprint_of(declared(), TINY, interpreter) == before
