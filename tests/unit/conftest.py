"""Fixtures of more than one module's tests."""

import shutil
from pathlib import Path

import pytest

from bench import catalog, paths
from bench.catalog import declarations


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the catalogue reads, which a test may change; `catalog.read` reads it while the test runs."""
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
