"""Interpreters come from the first provider that has them; without one they are unavailable, with every reason."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import msgspec
import pytest

from bench.build import server_packages
from bench.errors import LabError
from bench.inventory import inventory
from bench.model import FromDebian, FromPath, FromPyenv, FromUv, Interpreter, Provider, Provisioned, Unavailable
from bench.provision import alike, interpreters, locks
from tests.declared import CATALOG
from tests.unit import made

HERE = ".".join(map(str, sys.version_info[:2]))
PROBED = {"executable": sys.executable, "implementation": "cpython", "python": HERE, "version": HERE, "build": {}}


def interpreter(*providers: Provider, version: str = HERE) -> Interpreter:
    return Interpreter(name="it", title="It", implementation="cpython", version=version, providers=providers)


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_interpreters_on_path_come_before_downloads_by_uv() -> None:
    for declared in CATALOG.interpreters.values():
        on_path = [at for at, provider in enumerate(declared.providers) if isinstance(provider, FromPath)]
        downloads = [at for at, each in enumerate(declared.providers) if isinstance(each, FromUv) and each.install]
        assert all(path < download for path in on_path for download in downloads), declared.name


def test_the_first_candidate_that_runs_and_fits_is_chosen(tmp_path: Path) -> None:
    broken = executable(tmp_path / "broken", "#!/bin/sh\nexit 1\n")
    talks = executable(tmp_path / "talks", "#!/bin/sh\necho hello\n")
    found = interpreters.provision(interpreter(FromPath(names=(str(broken), str(talks), sys.executable))))
    assert isinstance(found, Provisioned)
    assert (found.version, found.implementation, found.provider) == (platform.python_version(), "cpython", "path")
    assert Path(found.executable).resolve() == Path(sys.executable).resolve()


def test_the_fingerprint_does_not_depend_on_time() -> None:
    declared = interpreter(FromPath(names=(sys.executable,)))
    assert interpreters.provision(declared) == interpreters.provision(declared)


def test_unavailable_names_each_providers_reason_and_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    debian = FromDebian(suites=("sid",), packages=("python3.99",), executable="usr/bin/python3.99")
    providers = FromPath(names=("python3",)), FromPyenv(prefix="3.99"), debian, FromUv(request="cpython@3.99")
    found = interpreters.provision(interpreter(*providers))
    assert isinstance(found, Unavailable)
    assert found.what == "it"
    assert "path: not found; pyenv: not found; debian: unpacking python3.99 requires apt-get" in found.reason
    assert found.remedy == ".venv/bin/uv python install cpython@3.99"


@pytest.mark.parametrize(("python", "fits"), [("3.11.2", True), ("3.1.4", False), ("3.110.0", False), ("3.12", False)])
def test_a_version_fits_to_the_precision_declared(python: str, fits: bool) -> None:
    facts = {"implementation": "cpython", "python": python, "build": {}}
    assert interpreters.fits(facts, interpreter(version="3.11")) is fits


def test_another_implementation_does_not_fit() -> None:
    facts = {"implementation": "pypy", "python": "3.11.2", "build": {}}
    assert not interpreters.fits(facts, interpreter(version="3.11"))


@pytest.mark.parametrize(("build", "fits"), [({"jit": True}, True), ({"jit": False}, False), ({}, False)])
def test_an_interpreter_must_report_the_declared_provenance(build: dict[str, bool], fits: bool) -> None:
    facts = {"implementation": "cpython", "python": f"{HERE}.0", "build": build}
    declared = Interpreter(
        name="it", title="It", implementation="cpython", version=HERE, providers=(), provenance={"jit": True}
    )
    assert interpreters.fits(facts, declared) is fits


def test_the_interpreters_own_record_of_its_build_overrides_the_declared_one() -> None:
    source = FromPath(names=(sys.executable,), built={"pgo": True, "lto": True})
    facts = {"executable": sys.executable, "implementation": "cpython", "version": HERE, "build": {"pgo": False}}
    assert interpreters.describe("it", source, facts).build == {"pgo": False, "lto": True}


def test_one_that_is_built_unlike_the_baseline_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, fast = (FromPath(names=(sys.executable,), built={"pgo": optimised}) for optimised in (False, True))
    monkeypatch.setattr(interpreters, "probe", lambda *_: PROBED)
    monkeypatch.setattr(interpreters, "uv_python", lambda *_: [])
    like = interpreters.describe("base", fast, PROBED)
    asked = interpreter(slow, fast)
    chosen = [interpreters.provision(asked, like=like), interpreters.provision(asked)]
    assert [each.build["pgo"] for each in chosen if isinstance(each, Provisioned)] == [True, False], "the first alone"
    found = interpreters.provision(interpreter(slow, FromUv(request="cpython@3.99")), like=like)
    assert isinstance(found, Unavailable)
    assert found.reason.startswith(
        f"path: {HERE} was built without profile-guided optimisation, unlike the baseline's base; uv: not found"
    )
    assert found.remedy == ".venv/bin/uv python install cpython@3.99"


@pytest.mark.parametrize(
    ("own", "reference", "told"),
    [
        ({"pgo": True, "lto": True}, {"pgo": True, "lto": True, "shared": False}, None),
        ({"shared": True}, {"pgo": True, "lto": True, "shared": False}, None),
        ({"jit": True}, {"pgo": True}, None),
        ({"pgo": True, "lto": False}, {"pgo": True, "lto": True}, "built without link-time optimisation"),
        ({"pgo": True}, {"pgo": False}, "built with profile-guided optimisation"),
        (
            {"pgo": False, "lto": False},
            {"pgo": True, "lto": True},
            "built without profile-guided optimisation and without link-time optimisation",
        ),
    ],
)
def test_builds_are_compared_as_far_as_both_are_known(
    own: dict[str, bool], reference: dict[str, bool], told: str | None
) -> None:
    found, base = (made.interpreter(name=name, build=build) for name, build in (("it", own), ("base", reference)))
    assert alike.unlike(found, base) == (told and f"{told}, unlike the baseline's base")


def test_interpreters_that_differ_only_in_environment_share_a_prefix() -> None:
    known = CATALOG.interpreters
    (plain,), (jit,) = (
        [each for each in known[name].providers if isinstance(each, FromDebian)]
        for name in ("cpython-3.15", "cpython-3.15-jit")
    )
    assert interpreters.debian_prefix(plain) == interpreters.debian_prefix(jit)
    assert (known["cpython-3.15"].env, known["cpython-3.15-jit"].env) == ({"PYTHON_JIT": "0"}, {"PYTHON_JIT": "1"})


def test_a_shadowed_executable_is_a_candidate_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [executable(tmp_path / folder / "python3", "#!/bin/sh\n") for folder in ("shim", "real")]
    monkeypatch.setenv("PATH", f"{tmp_path}/shim:{tmp_path}/empty:{tmp_path}/real")
    assert interpreters.on_path("python3") == [str(path) for path in both]
    assert interpreters.on_path(str(both[1])) == [str(both[1])]
    assert interpreters.on_path(str(tmp_path / "nothing")) == []


def test_the_newest_pyenv_version_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    for version in ("3.11.9", "3.11.10", "3.12.0", "pypy3.11-7.3.19"):
        executable(tmp_path / "versions" / version / "bin/python", "")
    found = [Path(path).parts[-3] for path in interpreters.pyenv("3.11")]
    assert found == ["3.11.10", "3.11.9"]


def test_finding_without_bring_installs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "INTERPRETERS", tmp_path)
    debian = FromDebian(suites=("sid",), packages=("python3.99",), executable="usr/bin/python3.99")
    declared = interpreter(debian, FromUv(request="cpython@3.99", install=True))
    assert isinstance(interpreters.provision(declared, bring=False), Unavailable)
    assert list(tmp_path.iterdir()) == []


def test_installing_an_unpinned_package_fails_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"measured\.txt does not pin left-pad"):
        interpreters.install(tmp_path / "no-python", ["left-pad"])


def test_an_unpinned_requirement_of_a_server_makes_only_that_server_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = msgspec.structs.replace(CATALOG.servers["gunicorn-sync"], requirements=("left-pad",))
    servers = {"gunicorn-sync": own, "gunicorn-gthread": CATALOG.servers["gunicorn-gthread"]}
    declared = msgspec.structs.replace(CATALOG, servers=servers)
    monkeypatch.setattr(server_packages, "install", lambda _, names, lock: locks.entries(lock, names))
    lacks = server_packages.add(declared, tmp_path, "cpython", servers)
    told = "measured.txt does not pin left-pad: add it to group 'measured' of pyproject.toml and run `make lock`"
    assert {label: lack.reason for label, lack in lacks.items()} == {
        "gunicorn-sync": f"bench/servers/gunicorn-sync.toml: {told}"
    }


def test_the_inventory_lists_every_requirement_once() -> None:
    names = [name for name, _ in inventory(CATALOG)]
    assert len(names) == len(set(names))
    assert {"JDK", "patchelf", "cpython-3.11", "pypy-3.11"} <= set(names)
