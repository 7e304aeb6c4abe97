"""Artifact size: everything that a stack requires on a bare image, by part: as installed, stripped and compressed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import product
from pathlib import Path

import msgspec

from bench.build import artifacts, contents, peers, wheels
from bench.catalog import pairing
from bench.model import Artifact, BuiltPeer, Catalog, Measurement, Observed, SizeCase, Stack


class Size(msgspec.Struct, frozen=True):
    """Bytes of one part: files as installed, stripped of symbols, and the latter as a gzipped tar (an image layer)."""

    unpacked: int
    stripped: int
    compressed: int


_PACKED: dict[bytes, Size] = {}  # by a hash of the content


def observe(catalog: Catalog, case: SizeCase, output: Path) -> Observed:  # noqa: ARG001 - it writes no file
    """Measure the sizes of the case's stack by part, and report what its variant costs to keep.

    That is the size of its wheel, the seconds of its build, its non-blank lines of `source` beside the reference, and
    the `dependencies` that it brings: distributions that neither framework nor server requires.
    """
    measured = [
        Measurement(metric=f"{part}.{kind}", unit="B", values=(float(getattr(size, kind)),))
        for part, size in sizes(catalog, case.stack).items()
        for kind in ("unpacked", "stripped", "compressed")
    ]
    if case.stack.is_peer:
        made = peers.require(catalog.peers[case.variant])
        seconds = Measurement(metric="build", unit="s", values=(made.build_seconds,))
        return Observed(measurements=(seconds, *measured), facts={"runtime": made.version})
    built = artifacts.require(case.variant)
    wheel = Measurement(metric="wheel", unit="B", values=(float(built.wheel_bytes),))
    seconds = Measurement(metric="build", unit="s", values=(built.build_seconds,))
    variant = catalog.variant(case.variant)
    source = Measurement(metric="source", unit="1", values=(float(wheels.own_lines(variant)),))
    brought = contents.brought(catalog, case.stack)
    dependencies = Measurement(metric="dependencies", unit="1", values=(float(len(brought)),))
    facts = {"wheel": built.wheel, "content_sha256": built.content_sha256, "interpreter": built.interpreter.version}
    price = (wheel, seconds, source, dependencies)
    return Observed(measurements=(*price, *measured), facts=facts | artifacts.provenance(case.variant))


def stacks(catalog: Catalog, made: Mapping[str, Artifact | BuiltPeer], every: bool = False) -> list[Stack]:
    """Return each built peer, and for each built variant its first supported stack in the catalogue's order.

    With `every` all stacks are returned, except that worker classes with the same files count as one.
    """
    variants = {name: each for name, each in made.items() if isinstance(each, Artifact)}
    found: dict[tuple[str, ...], Stack] = {}
    for variant, framework, label in product(variants, catalog.frameworks, catalog.labels()):
        stack = Stack(variant=variant, framework=framework, server=label)
        if pairing.unsupported(catalog, stack) is None and label not in variants[variant].lacks:
            server = pairing.server_file(catalog, stack)
            found.setdefault((variant, framework, *server.requirements, *server.files) if every else (variant,), stack)
    return [*found.values(), *(Stack(variant=name) for name in made if name not in variants)]


def sizes(catalog: Catalog, stack: Stack) -> dict[str, Size]:
    """Return the size of each non-empty part of `stack`. A file that two parts require counts in the first."""
    return {part: _measure(files) for part, files in contents.files(catalog, stack).items()}


def _measure(files: Iterable[Path]) -> Size:
    """Return the size of a part. Parts with equal contents at equal paths in their prefixes are packed only once."""
    by_image_path = {contents.image_path(path): path for path in files}
    content = hashlib.sha256()
    for image_path, path in sorted(by_image_path.items()):
        content.update(f"{image_path}\0{_digest(path, path.stat().st_mtime_ns)}\0".encode())
    return _PACKED.get(content.digest()) or _PACKED.setdefault(content.digest(), _pack(by_image_path))


@cache
def _digest(path: Path, changed_ns: int) -> str:  # noqa: ARG001 - part of the cache key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pack(by_image_path: Mapping[str, Path]) -> Size:
    """Copy the files to their image paths, strip the copies, and pack them. The originals are unchanged."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "part"
        for image_path, path in by_image_path.items():
            copy = folder / image_path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        copies = [folder / image_path for image_path in by_image_path]
        for copy in filter(contents.is_elf, copies):
            # Files that strip rejects, such as archives with unusual sections, count unstripped.
            subprocess.run(["strip", "--strip-unneeded", str(copy)], check=False, stderr=subprocess.DEVNULL)
        packed = Path(name) / "part.tar.gz"
        with tarfile.open(packed, "w:gz", compresslevel=6) as archive:
            archive.add(folder, arcname=".")
        originals = by_image_path.values()
        unpacked, stripped = (sum(path.stat().st_size for path in found) for found in (originals, copies))
        return Size(unpacked, stripped, packed.stat().st_size)
