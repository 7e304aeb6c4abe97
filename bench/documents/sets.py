"""A workload's documents on disk, with the answer of NNNN.json in NNNN.out.json.

- `load/NNNN.json` are sent in turn.
- `unseen/NNNN.json` are sent once each among the others.
- `check/NNNN.json` are never sent by a load.

The answers are those of the reference core, unless the documents are given with their answers.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from app.core import transform
from bench.documents import cdnow, given, orders, shapes
from bench.documents.dice import Dice
from bench.documents.shop import Batch
from bench.errors import LabError
from bench.model import DocumentsSpec, Recorded, Workload
from bench.paths import DOCUMENTS, ROOT

_GENERATORS: dict[str, Callable[[int, int, int], Iterator[Batch]]] = {"orders": orders.batches, "cdnow": cdnow.batches}
_SOURCES = (*sorted((ROOT / "bench" / "documents").glob("*.py")), ROOT / "app" / "core.py", cdnow.LOCK)
PARTS = ("load", "check", "unseen")
SECRET_COUNT = 5
_INPUTS = "[0-9][0-9][0-9][0-9].json"


@dataclass(frozen=True)
class DocumentSet:
    """The folder of a workload's documents. `count`, `bytes`: of the load. `sha256`: pins all documents."""

    folder: Path
    count: int
    bytes: int
    sha256: str

    @property
    def load(self) -> Path:
        """The folder of the documents that a load sends in turn."""
        return self.folder / "load"

    @property
    def check(self) -> Path:
        """The folder of the held-out documents, which check answers before and after a load."""
        return self.folder / "check"

    @property
    def unseen(self) -> Path:
        """The folder of the documents that a load sends once each."""
        return self.folder / "unseen"


class _Stamp(Recorded, frozen=True):
    """The inputs of a complete set, and its size."""

    made_of: str
    count: int
    bytes: int


def ensure(workload: Workload, root: Path = DOCUMENTS) -> DocumentSet:
    """Return the workload's documents and answers, making them in `root` if they are missing or outdated.

    Raises LabError if the documents differ from the hash in the workload's TOML, or if a download fails.
    """
    spec = workload.documents
    if spec is None:
        raise LabError(f"bench/workloads/{workload.name}.toml has no documents")
    folder = root / workload.name
    made_of = _made_of(spec)
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root):  # several processes may need them at once, such as the workers of a fleet
        stamp = _read_stamp(folder)
        if stamp is None or stamp.made_of != made_of:
            with TemporaryDirectory(prefix=f".{workload.name}-", dir=root) as unfinished:
                stamp = _make(workload, spec, made_of, Path(unfinished) / workload.name)
                shutil.rmtree(folder, ignore_errors=True)
                (Path(unfinished) / workload.name).rename(folder)
    return DocumentSet(folder, stamp.count, stamp.bytes, spec.sha256)


def describe(folder: Path) -> DocumentsSpec:
    """Return the declaration of the documents in a user's folder. Raises the errors of `given.read`."""
    pin, counts = Pin(), Counter[str]()
    for path, document, answer in given.with_paths(folder):
        pin.add(path, document, answer)
        counts[path.partition("/")[0]] += 1
    return DocumentsSpec(
        generator="given",
        folder=str(folder),
        count=counts["load"],
        check=counts["check"],
        unseen=counts["unseen"],
        sha256=pin.hexdigest(),
    )


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Prevent other processes from making documents in `root` during the block."""
    folder = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def documents(spec: DocumentsSpec) -> Iterator[tuple[str, bytes]]:
    """Yield (path in the set, document): first those of the load, then `check`, then `unseen`."""
    generate = _GENERATORS[spec.generator]
    parts = (
        ("load", spec.seed, spec.count),
        ("check", spec.seed + 1, spec.check),
        ("unseen", spec.seed + 3, spec.unseen),
    )
    for folder, seed, count in parts:
        dice = Dice(seed + 2)  # for the shape
        for number, batch in enumerate(generate(seed, count, spec.orders)):
            made = shapes.shaped(spec.shape, batch, dice) if spec.shape else batch
            yield f"{folder}/{number:04}.json", shapes.spelled(spec.shape, made, spec.escaped)


def answered(spec: DocumentsSpec) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield (path in the set, document, answer)."""
    if spec.folder:
        yield from given.with_paths(Path(spec.folder))
        return
    for path, document in documents(spec):
        yield path, document, transform(document)


@cache
def secret_documents(spec: DocumentsSpec) -> tuple[tuple[bytes, bytes], ...]:
    """Return documents and answers from a random seed of this process, as many as there are for checking.

    There are at least `SECRET_COUNT`, because a delayed acknowledgement may affect every other request.
    """
    count = max(spec.check, SECRET_COUNT)
    made = msgspec.structs.replace(spec, seed=secrets.randbits(32), count=count, check=0, unseen=0)
    return tuple((document, answer) for _, document, answer in answered(made))


class Pin:
    """The hash of a set: SHA-256 of the lines that `sha256sum` would print for its documents, in order."""

    def __init__(self) -> None:
        self._lines = sha256()

    def add(self, path: str, document: bytes, answer: bytes | None = None) -> None:
        """Add the next document, and its answer if that is given and not computed by the checkout's own code."""
        self._lines.update(f"{sha256(document).hexdigest()}  {path}\n".encode())
        if answer is not None:
            self._lines.update(f"{sha256(answer).hexdigest()}  {path.replace('.json', given.ANSWER)}\n".encode())

    def hexdigest(self) -> str:
        """Return the hash of everything added so far."""
        return self._lines.hexdigest()


def _make(workload: Workload, spec: DocumentsSpec, made_of: str, folder: Path) -> _Stamp:
    for part in PARTS:
        (folder / part).mkdir(parents=True)
    pin = Pin()
    for path, document, answer in answered(spec):
        pin.add(path, document, answer if spec.folder else None)
        (folder / path).write_bytes(document)
        (folder / path).with_suffix(".out.json").write_bytes(answer)
    if pin.hexdigest() != spec.sha256:
        raise LabError(
            f"bench/workloads/{workload.name}.toml: documents.sha256 is {spec.sha256}, "
            f"but the documents have {pin.hexdigest()}"
        )
    count, size = _measure(folder)
    stamp = _Stamp(made_of=made_of, count=count, bytes=size)
    (folder / "stamp.json").write_bytes(msgspec.json.encode(stamp))
    return stamp


def _read_stamp(folder: Path) -> _Stamp | None:
    """Return the stamp of a complete set, or None."""
    stamp = folder / "stamp.json"
    if not stamp.exists():
        return None
    read = msgspec.json.decode(stamp.read_bytes(), type=_Stamp)
    return read if _measure(folder) == (read.count, read.bytes) else None


def _measure(folder: Path) -> tuple[int, int]:
    """Return the number of documents of the load, and their total bytes."""
    sizes = [path.stat().st_size for path in (folder / "load").glob(_INPUTS)]
    return len(sizes), sum(sizes)


def _made_of(spec: DocumentsSpec) -> str:
    """Return a hash of everything that documents and answers depend on."""
    parts = [msgspec.json.encode(spec), *(source.read_bytes() for source in _SOURCES)]
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()
