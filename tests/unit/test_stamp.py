"""What a folder was made of: it stands if it is whole and made of the same, whatever broke it off."""

from pathlib import Path

import pytest

from bench.model import BuiltPeer
from bench.provision import stamp


def test_a_folder_stands_once_it_is_filled_of_what_it_was_made_of(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    assert not stamp.stands(folder, "flour")
    with stamp.making(folder, "flour"):
        (folder / "bread").write_text("")
    assert stamp.stands(folder, "flour")
    assert not stamp.stands(folder, "rye")


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_one_that_was_broken_off_does_not_stand_and_is_made_anew(tmp_path: Path, error: type[BaseException]) -> None:
    folder = tmp_path / "made"
    with stamp.making(folder, "flour"):
        pass

    def broken_off() -> None:
        with stamp.making(folder, "flour"):
            (folder / "half").write_text("")
            raise error

    with pytest.raises(error):
        broken_off()
    assert not stamp.stands(folder, "flour")
    with stamp.making(folder, "flour"):
        assert not list(folder.iterdir())


def test_what_it_is_made_of_is_told_part_by_part(tmp_path: Path) -> None:
    for name, content in {"one": "flour", "two": "flour", "three": "rye"}.items():
        (tmp_path / name).write_text(content)
    known = [stamp.of(), stamp.of("a", "b"), stamp.of("ab"), stamp.of("b", "a"), stamp.of("one")]
    known += [stamp.of(tmp_path / name) for name in ("one", "two", "three")]
    assert len(set(known)) == len(known)
    assert stamp.of(tmp_path / "one") == known[5]
    (tmp_path / "one").write_text("oats")
    assert stamp.of(tmp_path / "one") != known[5]


@pytest.mark.parametrize("content", [b"", b'{"build": "no', b'{"of": "another lab"}'])
def test_a_record_that_is_cut_off_or_foreign_counts_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "peer.json"
    assert stamp.recorded(path, BuiltPeer) is None
    made = BuiltPeer(build="x", fingerprint="f", version="1", build_seconds=1.0, built="now")
    stamp.record(path, made)
    assert stamp.recorded(path, BuiltPeer) == made
    path.write_bytes(content)
    assert stamp.recorded(path, BuiltPeer) is None
