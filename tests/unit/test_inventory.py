"""The listing of interpreters: what is here and how it was built, what a build would bring, what is lacking."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench import inventory
from bench.build import artifacts
from bench.model import (
    Artifact,
    FromDebian,
    FromPath,
    FromPyenv,
    FromUv,
    Interpreter,
    Provider,
    Provisioned,
    Unavailable,
    Unsupported,
)
from bench.provision import interpreters
from bench.report.built import how
from tests.declared import CATALOG

pytestmark = pytest.mark.slow

HERE = ".".join(map(str, sys.version_info[:2]))
THIS = FromPath(names=(sys.executable,))
DEBIAN = FromDebian(suites=("sid",), packages=("python3.99", "python3.99-dev"), executable="usr/bin/python3.99")
INSTALLED = FromUv(request="cpython@3.99", install=True)


def interpreter(*providers: Provider, **more: Any) -> Interpreter:
    named: dict[str, Any] = {"name": "it", "title": "It", "implementation": "cpython", "version": HERE} | more
    return Interpreter(**named, providers=providers)


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is unpacked, built or to be found by pyenv."""
    monkeypatch.setattr(interpreters, "INTERPRETERS", tmp_path / "interpreters")
    monkeypatch.setattr(artifacts, "ARTIFACTS", tmp_path / "artifacts")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    return tmp_path


def test_what_is_here_is_told_with_its_build() -> None:
    found = inventory.state(CATALOG, interpreter(THIS, DEBIAN))
    assert found.here
    assert (found.here.version, found.build_brings, found.remedy) == (platform.python_version(), (), None)
    assert inventory.lines(found)[0].startswith(f"found   it: {platform.python_version()} from path at ")


def test_a_provider_that_comes_first_is_told_as_what_a_build_brings(empty: Path) -> None:
    found = inventory.state(CATALOG, interpreter(DEBIAN, THIS, INSTALLED))
    assert found.here
    assert found.build_brings == ("unpacks python3.99 python3.99-dev from Debian sid",)
    assert inventory.lines(found)[1].strip() == f"`{found.remedy}` first {found.build_brings[0]}"
    assert list(empty.iterdir()) == [], "a look brings nothing"


def test_what_is_not_here_has_every_reason_and_the_command() -> None:
    found = inventory.state(CATALOG, interpreter(FromPyenv(prefix="3.99"), DEBIAN, INSTALLED, name="cpython-3.14"))
    assert found.here is None
    assert found.reason == "pyenv: not found; debian: not found; uv: not found"
    assert found.remedy == "python -m bench build cpython@cpython-3.14"
    first, second = inventory.lines(found)
    assert first == f"missing cpython-3.14: {found.reason}"
    assert second.strip() == f"`{found.remedy}` {found.build_brings[0]}, else runs `uv python install cpython@3.99`"


def test_one_that_says_otherwise_than_declared_is_not_it() -> None:
    found = inventory.state(CATALOG, interpreter(THIS, provenance={"gil": False}))
    assert found.here is None
    assert (found.reason, found.remedy) == ("path: not found", None)


def test_what_an_interpreter_goes_without_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Provisioned(
        name="it",
        executable="/bin/it",
        implementation="cpython",
        version=HERE,
        provider="pyenv",
        build={"pgo": False, "lto": True, "shared": True},
        fingerprint="",
    )
    server = CATALOG.servers["bjoern"]
    never = msgspec.structs.replace(server, unsupported={f"cpython-{HERE}": Unsupported(reason="too new", symptom="")})
    lacks = {"gunicorn-gevent": Unavailable(what="gunicorn-gevent", reason="no wheel")}
    made = Artifact("cython@it", "", "", "", "", 0, 0.0, plain, "", lacks)
    pinned = {"waitress": Unavailable(what="waitress", reason="the pins of an application exclude it")}
    shop, branch = (Artifact(name, "", "", "", "", 0, 0.0, plain, "", pinned) for name in ("shop@it", "shop-main"))
    monkeypatch.setattr(interpreters, "provision", lambda *_, **__: plain)
    declared = msgspec.structs.replace(CATALOG, servers={"bjoern": never})
    monkeypatch.setattr(artifacts, "artifacts", lambda: [shop, made, branch])
    found = inventory.state(declared, interpreter(THIS))
    assert found.lacks == {
        "profile-guided optimisation": "disabled in this build",
        "bjoern": "too new",
        "gunicorn-gevent": "no wheel",
    }
    assert how(plain.build) == "no PGO, LTO, in a shared library"
    assert how({}) == "build unknown"


def test_every_interpreter_is_listed_once() -> None:
    assert [each.name for each in inventory.interpreter_states(CATALOG)] == list(CATALOG.interpreters)
