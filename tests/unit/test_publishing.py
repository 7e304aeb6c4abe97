"""What is uploaded to a package index, and what a stack installs from one. No index is asked."""

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from bench.build import artifacts, contents, publishing
from bench.errors import LabError
from bench.model import Stack
from bench.provision import stamp
from tests.declared import CATALOG
from tests.unit import made

INDEX = "https://devpi.example/team/internal/"
WHEEL = "statements_{}-0.1.0-py3-none-any.whl"
STACK = Stack(variant="cpython", framework="falcon", server="gunicorn-sync")


class Uv:
    """Stands in for uv: keeps the words of each call, and answers."""

    def __init__(self, status: int = 0, said: str = "") -> None:
        self.calls: list[tuple[str, ...]] = []
        self.status, self.said = status, said

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        self.calls.append(words)
        return subprocess.CompletedProcess(words, self.status, "", self.said)


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> Uv:
    stands_in = Uv()
    monkeypatch.setattr(publishing, "uv", stands_in)
    return stands_in


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (artifacts, publishing):
        monkeypatch.setattr(module, "ARTIFACTS", tmp_path)
    return tmp_path


def build(folder: Path, names: Iterable[str], wheel: str = WHEEL) -> list[Path]:
    """Artifacts of variants, each with a file as its wheel."""
    paths = [folder / name / wheel.format(name) for name in names]
    for path in paths:
        path.parent.mkdir()
        path.write_text(path.name)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        record = made.artifact(path.parent.name, wheel=path.name, wheel_sha256=digest)
        stamp.write_record(path.parent / "artifact.json", record)
    return paths


def test_every_built_wheel_is_uploaded_and_no_application(folder: Path, uv: Uv) -> None:
    wheels = build(folder, ["cpython", "cython"])
    build(folder, ["shop"], "requirements.txt")
    assert publishing.publish(INDEX) == [path.name for path in wheels]
    ((verb, *options),) = uv.calls
    assert verb == "publish"
    assert options[-3:] == [INDEX, *map(str, wheels)]


def test_named_variants_alone_are_uploaded(folder: Path, uv: Uv) -> None:
    wheels = build(folder, ["cpython", "cython", "mypyc"])
    assert publishing.publish(INDEX, ["mypyc", "cpython"]) == [wheels[2].name, wheels[0].name]


def test_no_credential_is_on_the_command_line(folder: Path, uv: Uv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PUBLISH_PASSWORD", "secret")
    build(folder, ["cpython"])
    publishing.publish(INDEX)
    with pytest.raises(LabError, match="has credentials: set UV_PUBLISH_USERNAME") as refused:
        publishing.publish("https://team:secret@devpi.example/team/internal/")
    assert "secret" not in f"{uv.calls} {refused.value}"


def test_the_reason_of_the_index_is_told(folder: Path, uv: Uv) -> None:
    build(folder, ["cpython"])
    uv.status, uv.said = 2, "error: Failed to publish\n  cause: Server returned status code 401 Unauthorized\n"
    with pytest.raises(LabError, match=r"`uv publish` failed: error: Failed to publish; cause: Server .* 401"):
        publishing.publish(INDEX)


def test_a_wheel_that_was_not_built_so_is_neither_uploaded_nor_pinned(folder: Path, uv: Uv) -> None:
    (wheel,) = build(folder, ["cpython"])
    wheel.write_text("changed")
    with pytest.raises(LabError, match="is not the wheel that was built: run `python -m bench build cpython --force`"):
        publishing.publish(INDEX)
    with pytest.raises(LabError, match="is not the wheel that was built"):
        publishing.requirements(CATALOG, STACK)
    assert not uv.calls


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([], "no variant is built: run `python -m bench build`"),
        (["cython"], "variant 'cython' is not built: run `python -m bench build cython`"),
        (["shop"], "shop is an application: it has no wheel"),
    ],
)
def test_what_has_no_wheel_is_refused(folder: Path, uv: Uv, names: list[str], reason: str) -> None:
    build(folder, ["shop"], "requirements.txt")
    with pytest.raises(LabError, match=f"^{reason}$"):
        publishing.publish(INDEX, names)


def test_a_requirements_file_pins_the_wheel_and_what_the_stack_needs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheel,) = build(folder, ["cpython"])
    monkeypatch.setattr(contents, "required", lambda *_: {"gunicorn", "falcon", "packaging"})
    lines = publishing.requirements(CATALOG, STACK).splitlines()
    assert lines[0] == "statements-cpython==0.1.0 \\"
    assert lines[1] == f"    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"
    pinned = [line.partition("==")[0] for line in lines if not line.startswith(" ")]
    assert pinned == ["statements-cpython", "falcon", "gunicorn", "packaging"]
    assert all("--hash=sha256:" in line or line.startswith("    #") for line in lines if line.startswith(" "))
