"""What a core shows after its timing, where the documents are not the lab's own: nobody can spell those anew."""

from pathlib import Path

import msgspec
import pytest

from bench.build import proof
from bench.build.proof import Proof
from bench.errors import LabError
from bench.subject import micro

pytestmark = pytest.mark.slow

HONEST = Proof(
    wrong=None,
    calls=90,
    median_seconds=1e-3,
    seen_seconds=0.9e-3,
    slowest_seconds=2e-3,
    grown_bytes=0,
    grown_calls=45,
)


def held_out(folder: Path, count: int) -> list[Path]:
    for number in range(count):
        (folder / f"{number}.json").write_text(f'{{"batch":"{number}"}}')
        (folder / f"{number}.out.json").write_text(f"answer {number}")
    return micro.inputs(folder)


def test_held_out_documents_are_sent_as_they_are_each_at_least_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro, "PROOF_SECONDS", 0.0)
    asked: list[bytes] = []

    def transform(document: bytes) -> bytes:
        asked.append(document)
        return b"answer " + document[10:11]

    paths = held_out(tmp_path, 7)
    told = micro.proof(transform, paths, held_out=True)
    assert asked == 2 * [path.read_bytes() for path in paths]
    assert (told["wrong"], told["calls"]) == (None, 14)
    assert told["seen_seconds"] is not None
    msgspec.convert(told, Proof)


def test_a_few_of_them_say_nothing_of_answers_that_are_kept(tmp_path: Path) -> None:
    told = micro.proof(lambda document: b"answer " + document[10:11], held_out(tmp_path, 4), held_out=True)
    assert told["seen_seconds"] is None
    proof.judge(msgspec.convert(told, Proof), None)


def test_a_held_out_document_that_is_answered_wrong_is_named(tmp_path: Path) -> None:
    told = micro.proof(lambda _: b"answer 0", held_out(tmp_path, 3), held_out=True)
    with pytest.raises(LabError, match=r"call 2 after the timing was answered wrong: 1\.json, which was held out"):
        proof.judge(msgspec.convert(told, Proof), None)


def test_who_is_slow_only_at_what_it_has_not_seen_keeps_its_answers() -> None:
    proof.judge(HONEST, None)
    kept = msgspec.structs.replace(HONEST, seen_seconds=0.2e-3)
    with pytest.raises(LabError, match=r"unseen documents took 5\.0 times as long as seen ones: answers are kept"):
        proof.judge(kept, None)


def test_documents_of_another_size_than_the_timed_ones_are_no_reason_to_suspect_it() -> None:
    with pytest.raises(LabError, match="answers are kept"):
        proof.judge(HONEST, 0.1e-3)
    proof.judge(HONEST, None)
