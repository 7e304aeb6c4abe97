"""Bundles for platforms: what is in them, and which variants have none."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench.build import artifacts, bundles
from bench.errors import LabError, MissingError, UnpinnedError
from bench.model import Artifact, Provisioned
from bench.paths import ROOT
from tests.declared import CATALOG

WHEEL, DIGEST = "statements_cpython-0.1.0-py3-none-any.whl", "1b" * 32
HOME = Provisioned(
    name="cpython-3.11",
    executable="/usr/bin/python3.11",
    implementation="cpython",
    version="3.11.2",
    provider="path",
    build={},
    fingerprint="",
)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Provisioned], None]:
    """A built wheel and the client of billing; returns what changes the interpreter that the wheel is for."""
    for file in (tmp_path / "cpython" / WHEEL, tmp_path / "statements_client" / "client.py"):
        file.parent.mkdir()
        file.write_text("content")
    monkeypatch.setattr(bundles, "ARTIFACTS", tmp_path)
    monkeypatch.setattr(bundles, "CLIENT", tmp_path / "statements_client")

    def on(home: Provisioned) -> None:
        built = Artifact(
            variant="cpython",
            fingerprint="",
            wheel=WHEEL,
            wheel_sha256=DIGEST,
            content_sha256=DIGEST,
            wheel_bytes=7,
            build_seconds=0.0,
            interpreter=home,
            built="",
        )
        monkeypatch.setattr(artifacts, "require", lambda _: built)

    on(HOME)
    return on


@pytest.mark.usefixtures("lab")
def test_a_bundle_has_the_files_of_its_platform_the_code_and_pinned_packages(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    bundles.fill(folder, "heroku", CATALOG.variant("cpython"))
    assert {path.name for path in (folder / "statements").iterdir()} == {
        "Procfile", "app.json", ".python-version", "requirements.txt", WHEEL
    }  # fmt: skip
    assert {path.name for path in (folder / "billing").iterdir()} == {
        "Procfile", "app.json", ".python-version", "requirements.txt", "app", "billing", "statements_client"
    }  # fmt: skip
    lines = (folder / "statements" / "requirements.txt").read_text().splitlines()
    assert lines[-1] == f"./{WHEEL} --hash=sha256:{DIGEST}"
    assert any(line.startswith("gunicorn==") for line in lines)
    assert not list(folder.rglob("__pycache__"))


def test_a_wheel_for_another_python_is_refused(lab: Callable[[Provisioned], None], tmp_path: Path) -> None:
    lab(msgspec.structs.replace(HOME, name="cpython-3.13", version="3.13.1"))
    with pytest.raises(LabError, match=r"cpython: platforms run CPython 3\.11, and its wheel is for cpython-3.13"):
        bundles.fill(tmp_path / "bundle", "heroku", CATALOG.variant("cpython"))


@pytest.mark.usefixtures("lab")
def test_a_variant_with_packages_that_are_not_pinned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnpinnedError, match=r"statements\.txt does not pin orjson"):
        bundles.fill(tmp_path / "bundle", "heroku", CATALOG.variant("orjson"))


@pytest.mark.usefixtures("lab")
def test_billing_needs_its_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "CLIENT", ROOT / "nowhere")
    with pytest.raises(MissingError, match="billing needs its generated client in nowhere") as raised:
        bundles.fill(tmp_path / "bundle", "heroku", CATALOG.variant("cpython"))
    assert raised.value.remedy == bundles.GENERATE
