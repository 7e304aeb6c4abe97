"""A build that fails leaves the previous artifact, its prefix and its builder as they were. Nothing is built here."""

from pathlib import Path

import pytest

from bench.build import artifacts, variants
from bench.build.replacing import replacing
from bench.errors import LabError
from bench.model import Artifact
from tests.declared import CATALOG
from tests.unit import made

VARIANT = CATALOG.variant("cpython")
PLACES = ("artifacts", "prefixes", "builders")


class Lab:
    """Stands for all that a build installs: it writes a file into each folder, and then raises `error`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.text = "first"
        self.error: BaseException | None = None

    def install(self, *_: object) -> tuple[Path, dict[str, object], float]:
        for place in PLACES:
            folder = self.root / place / VARIANT.name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "made.txt").write_text(self.text)
        (self.root / "artifacts" / VARIANT.name / "build.log").write_text(f"log of the {self.text}")
        if self.error:
            raise self.error
        return self.root / "artifacts" / VARIANT.name / "made.txt", {}, 1.0

    def build(self) -> Artifact:
        return variants.build(CATALOG, VARIANT, made.interpreter(), (), force=True)

    def texts(self) -> list[str]:
        return [(self.root / place / VARIANT.name / "made.txt").read_text() for place in PLACES]

    def log(self) -> str:
        return (self.root / "artifacts" / VARIANT.name / "build.log").read_text()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(tmp_path)
    monkeypatch.setattr(artifacts, "ARTIFACTS", tmp_path / "artifacts")
    for place in PLACES:
        monkeypatch.setattr(variants, place.upper(), tmp_path / place)
    monkeypatch.setattr(variants, "_install_wheel", lab.install)
    return lab


@pytest.mark.parametrize("error", [LabError("`cc` failed"), KeyboardInterrupt()], ids=repr)
def test_after_a_failed_build_the_previous_artifact_is_as_it_was(lab: Lab, error: BaseException) -> None:
    first = lab.build()
    lab.text, lab.error = "second", error
    for _ in range(2):
        with pytest.raises(type(error)):
            lab.build()
        assert artifacts.artifact(VARIANT.name) == first
        assert lab.texts() == ["first"] * 3
        assert lab.log() == "log of the second", "the error names this log"
        assert artifacts.artifacts() == [first]
    lab.error = None
    second = lab.build()
    assert second.content_sha256 != first.content_sha256
    assert artifacts.artifacts() == [second]
    assert lab.texts() == ["second"] * 3
    assert [path for path in (lab.root / "replaced").rglob("*") if path.is_file()] == []


def test_after_a_failed_first_build_there_is_no_artifact_and_its_log_stays(lab: Lab) -> None:
    lab.error = LabError("`cc` failed")
    with pytest.raises(LabError, match=r"^`cc` failed$"):
        lab.build()
    assert artifacts.artifact(VARIANT.name) is None
    assert lab.log() == "log of the first"


def test_what_a_killed_build_left_aside_is_not_taken_back(tmp_path: Path) -> None:
    folder, log = tmp_path / "prefixes" / "tiny", tmp_path / "build.log"
    stale = tmp_path / "replaced" / "prefixes" / "tiny"
    for each, text in ((folder, "present"), (stale, "stale")):
        each.mkdir(parents=True)
        (each / "made.txt").write_text(text)
    with pytest.raises(LabError), replacing(folder, log=log):
        raise LabError("it failed")
    assert (folder / "made.txt").read_text() == "present"
    assert not log.exists()
