"""Stamps: a folder is current if it is complete and was built from the same inputs, however its build ended."""

from pathlib import Path

import pytest

from bench.model import BuiltPeer
from bench.provision import stamp


def test_a_folder_is_current_for_the_inputs_that_it_was_built_from(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    assert not stamp.is_current(folder, "flour")
    with stamp.rebuilding(folder, "flour"):
        (folder / "bread").write_text("")
    assert stamp.is_current(folder, "flour")
    assert not stamp.is_current(folder, "rye")


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_interrupted_build_is_not_current_and_starts_empty(tmp_path: Path, error: type[BaseException]) -> None:
    folder = tmp_path / "made"
    with stamp.rebuilding(folder, "flour"):
        pass

    def interrupted() -> None:
        with stamp.rebuilding(folder, "flour"):
            (folder / "half").write_text("")
            raise error

    with pytest.raises(error):
        interrupted()
    assert not stamp.is_current(folder, "flour")
    with stamp.rebuilding(folder, "flour"):
        assert not list(folder.iterdir())


def test_each_part_and_its_boundaries_change_the_hash(tmp_path: Path) -> None:
    for name, content in {"one": "flour", "two": "flour", "three": "rye"}.items():
        (tmp_path / name).write_text(content)
    known = [stamp.of(), stamp.of("a", "b"), stamp.of("ab"), stamp.of("b", "a"), stamp.of("one")]
    known += [stamp.of(tmp_path / name) for name in ("one", "two", "three")]
    assert len(set(known)) == len(known)
    assert stamp.of(tmp_path / "one") == known[5]
    (tmp_path / "one").write_text("oats")
    assert stamp.of(tmp_path / "one") != known[5]


@pytest.mark.parametrize("content", [b"", b'{"build": "no', b'{"of": "another lab"}'])
def test_a_truncated_or_foreign_record_reads_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "peer.json"
    assert stamp.read_record(path, BuiltPeer) is None
    made = BuiltPeer(build="x", fingerprint="f", version="1", build_seconds=1.0, built="now")
    stamp.write_record(path, made)
    assert stamp.read_record(path, BuiltPeer) == made
    path.write_bytes(content)
    assert stamp.read_record(path, BuiltPeer) is None
