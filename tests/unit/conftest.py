"""Fixtures shared by unit tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import versions
from bench import catalog, paths
from bench.catalog import declarations
from bench.host import exclusive


@pytest.fixture(autouse=True)
def lock(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement on this machine does not stop the tests, because theirs have another lock."""
    monkeypatch.setattr(exclusive, "FOLDER", tmp_path_factory.mktemp("lock"))


@pytest.fixture(autouse=True)
def record(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A checkout has no record of an artifact. The layers of the tests' service tell this one."""
    monkeypatch.setattr(versions, "built", lambda: {"version": "1.2.3+g0123456789ab", "commit": "0123456789ab"})
    versions.running.cache_clear()
    yield
    versions.running.cache_clear()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the catalogue's files. `catalog.read` reads the copy during the test, which may change it."""
    for pattern in (
        "bench/*/*.toml",
        "builds/*/*.toml",
        "optimised/*/*.toml",
        "peers/*/*.toml",
        "app/*/*_app.py",
    ):
        for path in paths.ROOT.glob(pattern):
            copy = tmp_path / path.relative_to(paths.ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    for module in (catalog, declarations):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path
