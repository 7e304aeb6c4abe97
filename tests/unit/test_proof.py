"""The check of a core after its timing, with documents that the lab did not make and cannot vary: held-out ones."""

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
    received: list[bytes] = []

    def transform(document: bytes) -> bytes:
        received.append(document)
        return b"answer " + document[10:11]

    paths = held_out(tmp_path, 7)
    result = micro.proof(transform, paths, held_out=True)
    assert received == 2 * [path.read_bytes() for path in paths]
    assert (result["wrong"], result["calls"]) == (None, 14)
    assert result["seen_seconds"] is not None
    msgspec.convert(result, Proof)


def test_too_few_held_out_documents_cannot_reveal_a_cache(tmp_path: Path) -> None:
    result = micro.proof(lambda document: b"answer " + document[10:11], held_out(tmp_path, 4), held_out=True)
    assert result["seen_seconds"] is None
    proof.judge(msgspec.convert(result, Proof), None)


def test_a_wrong_answer_names_the_held_out_document(tmp_path: Path) -> None:
    result = micro.proof(lambda _: b"answer 0", held_out(tmp_path, 3), held_out=True)
    with pytest.raises(LabError, match=r"wrong answer in call 2 after the timing: 1\.json \(held out\)"):
        proof.judge(msgspec.convert(result, Proof), None)


def test_a_core_that_is_slow_only_with_unseen_documents_caches_answers() -> None:
    proof.judge(HONEST, None)
    caching = msgspec.structs.replace(HONEST, seen_seconds=0.2e-3)
    with pytest.raises(LabError, match=r"unseen documents took 5\.0× the time of seen ones: the core caches answers"):
        proof.judge(caching, None)


def test_held_out_documents_are_not_compared_to_the_timed_ones() -> None:
    with pytest.raises(LabError, match="the core caches answers"):
        proof.judge(HONEST, 0.1e-3)
    proof.judge(HONEST, None)
