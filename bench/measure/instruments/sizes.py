"""Artifact size: everything that a stack requires on a bare image, by part: as installed, stripped and compressed.

The parts contain the interpreter with its standard library and the shared libraries that they load, the installed
distributions that the stack requires, and the core's own wheel.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, distributions
from itertools import product
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.build import artifacts, peers, wheels
from bench.catalog import pairing
from bench.errors import LabError
from bench.model import Artifact, BuiltPeer, Catalog, Measurement, Observed, Peer, SizeCase, Stack
from bench.paths import PREFIXES

# Parts of a standard library that no service loads. Debian also has separate packages for them.
NOT_NEEDED = {
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "site-packages",
    "dist-packages",
}
PARTS = ("interpreter", "libraries", "framework", "server", "core")


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
    brought = _closure(variant.requirements, _installed(case.variant)) - _served(catalog, case.stack)
    dependencies = Measurement(metric="dependencies", unit="1", values=(float(len(brought)),))
    facts = {"wheel": built.wheel, "wheel_sha256": built.wheel_sha256, "interpreter": built.interpreter.version}
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
    if stack.is_peer:
        return _sizes_of_peer(catalog.peers[stack.variant])
    variant = catalog.variant(stack.variant)
    server = pairing.server_file(catalog, stack)
    installed = _installed(stack.variant)
    requirements = {
        "core": (wheels.distribution(variant),),
        "framework": catalog.frameworks[stack.framework].requirements,
        "server": server.requirements,
        "libraries": variant.requirements,
    }
    files: dict[str, set[Path]] = {"interpreter": _interpreter(stack.variant)}
    taken: set[str] = set()
    for part, names in requirements.items():
        needed = _closure(names, installed) - taken
        taken |= needed
        files[part] = {path for name in needed for path in _files(installed[name])}
    files["server"] |= set(_declared_files(server.files, stack.variant))
    return _by_part(files, artifacts.base(stack.variant))


def _served(catalog: Catalog, stack: Stack) -> set[str]:
    """Return the distributions that the framework and the server of `stack` require."""
    names = (*catalog.frameworks[stack.framework].requirements, *pairing.server_file(catalog, stack).requirements)
    return _closure(names, _installed(stack.variant))


def _sizes_of_peer(peer: Peer) -> dict[str, Size]:
    """Return the sizes of a peer's declared parts, with the shared libraries that its programs load.

    The libraries are searched first in the folder of an unpacked Debian runtime.
    """
    return _by_part(peers.files(peer), peers.home(peer) / "usr")


def _by_part(files: dict[str, set[Path]], base: Path) -> dict[str, Size]:
    """Return the size of each non-empty part, including shared libraries that no earlier part contains."""
    seen: set[Path] = set()
    for own in files.values():
        own.update(_shared_libraries(own, base) - seen)
        seen |= own
    return {part: _measure(files[part]) for part in PARTS if files.get(part)}


def _installed(variant: str) -> dict[str, Distribution]:
    (site,) = (PREFIXES / variant / "lib").glob("*/site-packages")
    return {canonicalize_name(found.metadata["Name"]): found for found in distributions(path=[str(site)])}


def _closure(names: Iterable[str], installed: dict[str, Distribution]) -> set[str]:
    """Return `names` and their requirements that are installed. Environment markers exclude the others."""
    found: set[str] = set()
    todo = [canonicalize_name(name) for name in names]
    while todo:
        name = todo.pop()
        if name in found or name not in installed:
            continue
        found.add(name)
        needs = [Requirement(text) for text in installed[name].requires or ()]
        todo += [canonicalize_name(need.name) for need in needs if _is_needed_here(need)]
    return found


def _is_needed_here(need: Requirement) -> bool:
    """Return False for an extra, or for another platform. Another distribution may have brought such a package."""
    text = str(need.marker)
    return need.marker is None or not ("extra" in text or ("sys_platform" in text and not need.marker.evaluate()))


def _files(distribution: Distribution) -> Iterator[Path]:
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file))).resolve()
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


@cache
def _interpreter(variant: str) -> set[Path]:
    """Return the executable, the standard library, and the shared libraries that they load."""
    program = "import json,sys,sysconfig; print(json.dumps([sys.executable, sysconfig.get_path('stdlib')]))"
    base = Path(artifacts.require(variant).interpreter.executable)
    executable, library = map(Path, json.loads(subprocess.check_output([base, "-c", program], text=True)))
    files = {executable.resolve(), *_library_files(library)}
    return files | _shared_libraries(files, artifacts.base(variant))


def _declared_files(patterns: Iterable[str], variant: str) -> Iterator[Path]:
    """Yield the files that a server declares in addition to its packages. Patterns are relative to `{base}/`."""
    base = artifacts.base(variant)
    for pattern in patterns:
        found = [path for path in base.glob(pattern.removeprefix("{base}/")) if path.is_file()]
        if not found:
            raise LabError(f"files: {pattern} matches no file of the interpreter of {variant}")
        yield from found


def _library_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        unneeded = NOT_NEEDED.intersection(parts) or "__pycache__" in parts or parts[0].startswith("config-")
        if path.is_file() and not path.is_symlink() and not unneeded:
            yield path


def _shared_libraries(files: Iterable[Path], base: Path) -> set[Path]:
    """Return the shared libraries of the ELF files among `files`, preferably from `base`, the interpreter's prefix.

    An unpacked interpreter has its own C library, which the loader uses for everything that the interpreter loads.
    """
    own = {path.name: path for path in base.glob("lib/*-linux-gnu/*.so*")}
    elves = frozenset((path, path.stat().st_mtime_ns) for path in files if _is_elf(path))
    return {own.get(path.name, path).resolve() for path in _loaded(elves)}


@cache
def _loaded(elves: frozenset[tuple[Path, int]]) -> frozenset[Path]:
    """Return the shared libraries that ldd lists for files, given with their modification times as a cache key."""
    if not elves:
        return frozenset()
    argv = ["ldd", *(str(path) for path, _ in elves)]
    output = subprocess.run(argv, check=False, capture_output=True, text=True).stdout
    return frozenset(map(Path, re.findall(r"(?:=> |^\t)(/\S+)", output, re.MULTILINE)))


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _measure(files: Iterable[Path]) -> Size:
    """Return the size of a part. Parts with equal contents at equal paths in their prefixes are packed only once."""
    by_image_path = {_image_path(path): path for path in files}
    content = hashlib.sha256()
    for image_path, path in sorted(by_image_path.items()):
        content.update(f"{image_path}\0{_digest(path, path.stat().st_mtime_ns)}\0".encode())
    return _PACKED.get(content.digest()) or _PACKED.setdefault(content.digest(), _pack(by_image_path))


def _image_path(path: Path) -> str:
    """Return the path of a file in an image, which does not depend on the location of its prefix."""
    inside = PREFIXES in path.parents
    return "/".join(path.relative_to(PREFIXES).parts[1:]) if inside else str(path).lstrip("/")


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
        for copy in filter(_is_elf, copies):
            # Files that strip rejects, such as archives with unusual sections, count unstripped.
            subprocess.run(["strip", "--strip-unneeded", str(copy)], check=False, stderr=subprocess.DEVNULL)
        packed = Path(name) / "part.tar.gz"
        with tarfile.open(packed, "w:gz", compresslevel=6) as archive:
            archive.add(folder, arcname=".")
        originals = by_image_path.values()
        unpacked, stripped = (sum(path.stat().st_size for path in found) for found in (originals, copies))
        return Size(unpacked, stripped, packed.stat().st_size)
