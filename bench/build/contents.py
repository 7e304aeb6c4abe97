"""The files of a stack, by part: everything that it requires on a bare image.

The parts contain the interpreter with its standard library and the shared libraries that they load, the installed
distributions that the stack requires, and the core's own wheel.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.build import artifacts, peers, wheels
from bench.catalog import pairing
from bench.errors import LabError
from bench.model import Catalog, Peer, Stack
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


def files(catalog: Catalog, stack: Stack) -> dict[str, set[Path]]:
    """Return the files of each non-empty part of `stack`. A file that two parts require is in the first."""
    if stack.is_peer:
        return _of_peer(catalog.peers[stack.variant])
    variant = catalog.variant(stack.variant)
    server = pairing.server_file(catalog, stack)
    installed = _installed(stack.variant)
    requirements = {
        "core": (wheels.distribution(variant),),
        "framework": catalog.frameworks[stack.framework].requirements,
        "server": server.requirements,
        "libraries": variant.requirements,
    }
    found: dict[str, set[Path]] = {"interpreter": _interpreter(stack.variant)}
    taken: set[str] = set()
    for part, names in requirements.items():
        needed = _closure(names, installed) - taken
        taken |= needed
        found[part] = {path for name in needed for path in _files(installed[name])}
    found["server"] |= set(_declared_files(server.files, stack.variant))
    return _with_libraries(found, artifacts.base(stack.variant))


def brought(catalog: Catalog, stack: Stack) -> set[str]:
    """Return the distributions that the variant of `stack` brings: neither its framework nor its server needs them."""
    needed = catalog.variant(stack.variant).requirements
    return _closure(needed, _installed(stack.variant)) - _served(catalog, stack)


def required(catalog: Catalog, stack: Stack) -> set[str]:
    """Return the distributions that `stack` requires beside the wheel of its variant."""
    needed = catalog.variant(stack.variant).requirements
    return _closure(needed, _installed(stack.variant)) | _served(catalog, stack)


def image_path(path: Path) -> str:
    """Return the path of a file in an image, which does not depend on the location of its prefix."""
    inside = PREFIXES in path.parents
    return "/".join(path.relative_to(PREFIXES).parts[1:]) if inside else str(path).lstrip("/")


def is_elf(path: Path) -> bool:
    """Return True if a file is a program, a library or an extension module."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _served(catalog: Catalog, stack: Stack) -> set[str]:
    """Return the distributions that the framework and the server of `stack` require."""
    names = (*catalog.frameworks[stack.framework].requirements, *pairing.server_file(catalog, stack).requirements)
    return _closure(names, _installed(stack.variant))


def _of_peer(peer: Peer) -> dict[str, set[Path]]:
    """Return the files of a peer's declared parts, with the shared libraries that its programs load.

    The libraries are searched first in the folder of an unpacked Debian runtime.
    """
    return _with_libraries(peers.files(peer), peers.home(peer) / "usr")


def _with_libraries(files: dict[str, set[Path]], base: Path) -> dict[str, set[Path]]:
    """Return each non-empty part, including the shared libraries that no earlier part contains."""
    seen: set[Path] = set()
    for own in files.values():
        own.update(_shared_libraries(own, base) - seen)
        seen |= own
    return {part: files[part] for part in PARTS if files.get(part)}


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
    elves = frozenset((path, path.stat().st_mtime_ns) for path in files if is_elf(path))
    return {own.get(path.name, path).resolve() for path in _loaded(elves)}


@cache
def _loaded(elves: frozenset[tuple[Path, int]]) -> frozenset[Path]:
    """Return the shared libraries that ldd lists for files, given with their modification times as a cache key."""
    if not elves:
        return frozenset()
    argv = ["ldd", *(str(path) for path, _ in elves)]
    output = subprocess.run(argv, check=False, capture_output=True, text=True).stdout
    return frozenset(map(Path, re.findall(r"(?:=> |^\t)(/\S+)", output, re.MULTILINE)))
