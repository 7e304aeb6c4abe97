"""peer → what runs: its runtime brought, source and steps in a prefix of its build, argv and environment."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.build import commands, wheels
from bench.errors import LabError
from bench.host import machine
from bench.model import BuiltPeer, FromNpm, Peer
from bench.paths import ARTIFACTS, INTERPRETERS, PREFIXES, ROOT
from bench.provision import debian, npm, stamp, system


def make(peer: Peer, force: bool = False) -> BuiltPeer:
    """Build `peer`, or return what is here already for unchanged inputs, be it built for a peer of the same build.

    Raises LabError with the failing command and the place of its log, and MissingError for what cannot be had here.
    """
    system.require(peer.needs)
    runtime = provision(peer)
    fingerprint = fingerprint_of(peer)
    built = find(peer)
    if built and built.fingerprint == fingerprint and not force:
        return built
    folder, prefix = ARTIFACTS / peer.build, PREFIXES / peer.build
    for stale in (folder, prefix):
        shutil.rmtree(stale, ignore_errors=True)
        stale.mkdir(parents=True)
    began = time.perf_counter()
    for place, file in _sources(peer):
        (prefix / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, prefix / place)
    record = {"version": wheels.VERSION, "commit": machine.commit(), "build": peer.build, "fingerprint": fingerprint}
    (prefix / "built.json").write_text(json.dumps(record, indent=1) + "\n")
    commands.run_all(peer.steps, _places(peer), prefix, folder / "build.log", dict(os.environ))
    made = BuiltPeer(
        build=peer.build,
        fingerprint=fingerprint,
        version=_version(runtime),
        build_seconds=time.perf_counter() - began,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    stamp.record(folder / "peer.json", made)
    return made


def find(peer: Peer) -> BuiltPeer | None:
    """What was built last for `peer`, if anything was."""
    return stamp.recorded(ARTIFACTS / peer.build / "peer.json", BuiltPeer)


def require(peer: Peer) -> BuiltPeer:
    """What was built for `peer`, or a LabError with the command that builds it."""
    built = find(peer)
    if built is None:
        raise LabError(f"peer {peer.name!r} is not built: run `python -m bench build {peer.name}`")
    return built


def home(peer: Peer) -> Path:
    """The folder that the runtime of `peer` is brought into."""
    return INTERPRETERS / peer.runtime


def is_here(peer: Peer) -> bool:
    """Whether the runtime of `peer` is here already."""
    if isinstance(peer.provider, FromNpm):
        return npm.is_unpacked(peer.provider, home(peer))
    return debian.is_unpacked(peer.provider, home(peer))


def provision(peer: Peer) -> Path:
    """The program that runs `peer`, brought if it is not here. Raises LabError, or MissingError, if it cannot be."""
    if isinstance(peer.provider, FromNpm):
        return npm.unpack(peer.provider, home(peer))
    return debian.unpack(peer.provider, home(peer))


def command(peer: Peer, *, host: str, port: int, backlog: int) -> tuple[list[str], dict[str, str]]:
    """The argv and the whole environment that serve `peer`. Raises LabError if it is not built."""
    require(peer)
    places = _places(peer) | {"host": host, "port": str(port), "backlog": str(backlog)}
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": places["prefix"]}
    env |= {key: value.format_map(places) for key, value in peer.env.items()} | {"STATEMENTS_VARIANT": peer.name}
    return [part.format_map(places) for part in peer.argv], env


def files(peer: Peer) -> dict[str, set[Path]]:
    """What a bare image needs, by part. Raises LabError for a pattern that finds nothing."""
    places = _places(peer)
    found: dict[str, set[Path]] = {}
    for part, patterns in peer.files.items():
        for pattern in patterns:
            paths = {path.resolve() for path in Path("/").glob(pattern.format_map(places).lstrip("/"))}
            needed = {path for path in paths if path.is_file()}
            if not needed:
                raise LabError(f"peer {peer.name!r}: files: {pattern} names no file")
            found.setdefault(part, set()).update(needed)
    return found


def fingerprint_of(peer: Peer) -> str:
    """Hash of all that the build is made of, its runtime as it was brought."""
    digest = hashlib.sha256(msgspec.json.encode(peer.made_of, order="sorted") + Path(__file__).read_bytes())
    brought = stamp.NAME if isinstance(peer.provider, FromNpm) else "manifest.json"
    digest.update((home(peer) / brought).read_bytes())
    for place, path in _sources(peer):
        digest.update(f"{place}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _places(peer: Peer) -> dict[str, str]:
    runtime = home(peer) / peer.provider.executable
    return {"runtime": str(runtime), "home": str(home(peer)), "prefix": str(PREFIXES / peer.build)}


def _sources(peer: Peer) -> Iterator[tuple[str, Path]]:
    """(place in the prefix, file) of the peer's source, in a stable order."""
    for origin, place in peer.source.items():
        path = ROOT / origin
        if not path.exists():
            raise LabError(f"{peer.name}.toml: source {origin!r} is not in the checkout")
        if path.is_file():
            yield place, path
            continue
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield f"{place}/{file.relative_to(path)}", file


def _version(runtime: Path) -> str:
    """What the runtime says of its version, its first line. Raises LabError if it does not run."""
    try:
        done = system.run([str(runtime), "--version"])
    except OSError as error:
        raise LabError(f"{runtime} does not run: {error.strerror}") from error
    if done.returncode != 0 or not done.stdout.strip():
        raise LabError(f"`{runtime} --version` failed: {system.complaint(done)}")
    return done.stdout.splitlines()[0].strip()
