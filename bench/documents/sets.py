"""A workload's documents on disk: `load/NNNN.json`, sent in turn; `unseen/NNNN.json`, sent once each among those; and
`check/NNNN.json`, which no load ever sends.

Beside each stands `NNNN.out.json`, its answer: the layout of spec/golden/valid. The reference core has answered, unless
the documents are given with their answers.
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
SECRET = 5
_INPUTS = "[0-9][0-9][0-9][0-9].json"


@dataclass(frozen=True)
class DocumentSet:
    """Where a workload's documents lie; `count` and `bytes` are those of the load, `sha256` pins all inputs."""

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
        """The folder of the documents held out for checking answers before and after a load."""
        return self.folder / "check"

    @property
    def unseen(self) -> Path:
        """The folder of the documents that a load sends once each."""
        return self.folder / "unseen"


class _Stamp(Recorded, frozen=True):
    """What a finished set was made of, and how much it is."""

    made_of: str
    count: int
    bytes: int


def ensure(workload: Workload, root: Path = DOCUMENTS) -> DocumentSet:
    """The workload's documents and answers, made below `root` if they are not there or were made of something else.

    Raises LabError if what was made is not what the workload's TOML pins, or if a history cannot be fetched.
    """
    spec = workload.documents
    if spec is None:
        raise LabError(f"bench/workloads/{workload.name}.toml: documents: there are none, its path says all")
    folder = root / workload.name
    made_of = _made_of(spec)
    root.mkdir(parents=True, exist_ok=True)
    with _held(root):  # of two processes that want them, such as workers of a fleet, one makes them
        stamp = _standing(folder)
        if stamp is None or stamp.made_of != made_of:
            with TemporaryDirectory(prefix=f".{workload.name}-", dir=root) as unfinished:
                stamp = _make(workload, spec, made_of, Path(unfinished) / workload.name)
                shutil.rmtree(folder, ignore_errors=True)
                (Path(unfinished) / workload.name).rename(folder)
    return DocumentSet(folder, stamp.count, stamp.bytes, spec.sha256)


def described(folder: Path) -> DocumentsSpec:
    """The documents that lie in somebody's folder now. Raises LabError for one that is not laid out as such."""
    pin, counts = Pin(), Counter[str]()
    for path, document, answer in given.placed(folder):
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
def _held(root: Path) -> Iterator[None]:
    """Keep other processes from making documents below `root` meanwhile."""
    folder = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def documents(spec: DocumentsSpec) -> Iterator[tuple[str, bytes]]:
    """The inputs of a set, each with its path in the set's folder: first the load's, then those of the other two."""
    generate = _GENERATORS[spec.generator]
    parts = (
        ("load", spec.seed, spec.count),
        ("check", spec.seed + 1, spec.check),
        ("unseen", spec.seed + 3, spec.unseen),
    )
    for folder, seed, count in parts:
        dice = Dice(seed + 2)  # of what the shape invents
        for number, batch in enumerate(generate(seed, count, spec.orders)):
            made = shapes.shaped(spec.shape, batch, dice) if spec.shape else batch
            yield f"{folder}/{number:04}.json", shapes.spelled(spec.shape, made, spec.escaped)


def answered(spec: DocumentsSpec) -> Iterator[tuple[str, bytes, bytes]]:
    """The documents of a set, each with its path and its answer."""
    if spec.folder:
        yield from given.placed(Path(spec.folder))
        return
    for path, document in documents(spec):
        yield path, document, transform(document)


@cache
def secret(spec: DocumentsSpec) -> tuple[tuple[bytes, bytes], ...]:
    """As many documents as are for checking, and their answers, of a seed that each process of the lab draws.

    At least `SECRET`, for a delayed acknowledgement may strike every other request.
    """
    made = msgspec.structs.replace(spec, seed=secrets.randbits(32), count=max(spec.check, SECRET), check=0, unseen=0)
    return tuple((document, answer) for _, document, answer in answered(made))


class Pin:
    """The hash of a set's inputs: SHA-256 over the lines that `sha256sum` would print of them, in order."""

    def __init__(self) -> None:
        self._lines = sha256()

    def add(self, path: str, document: bytes, answer: bytes | None = None) -> None:
        """Take in the next input, and its answer where that is no outcome of the checkout's own code."""
        self._lines.update(f"{sha256(document).hexdigest()}  {path}\n".encode())
        if answer is not None:
            self._lines.update(f"{sha256(answer).hexdigest()}  {path.replace('.json', given.ANSWER)}\n".encode())

    def hexdigest(self) -> str:
        """The hash of what was added."""
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
            f"but the documents made from its other keys have {pin.hexdigest()}"
        )
    count, size = _measure(folder)
    stamp = _Stamp(made_of=made_of, count=count, bytes=size)
    (folder / "stamp.json").write_bytes(msgspec.json.encode(stamp))
    return stamp


def _standing(folder: Path) -> _Stamp | None:
    """The stamp of a set that is there whole."""
    stamp = folder / "stamp.json"
    if not stamp.exists():
        return None
    read = msgspec.json.decode(stamp.read_bytes(), type=_Stamp)
    return read if _measure(folder) == (read.count, read.bytes) else None


def _measure(folder: Path) -> tuple[int, int]:
    """How many documents the load has, and their bytes."""
    sizes = [path.stat().st_size for path in (folder / "load").glob(_INPUTS)]
    return len(sizes), sum(sizes)


def _made_of(spec: DocumentsSpec) -> str:
    """A hash of all that inputs and answers depend on."""
    parts = [msgspec.json.encode(spec), *(source.read_bytes() for source in _SOURCES)]
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()
