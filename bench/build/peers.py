"""Build a peer: install its runtime, run its build steps in a prefix, and compose its command line."""

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

from bench.build import commands, version
from bench.errors import LabError
from bench.model import BuiltPeer, FromNpm, Peer
from bench.paths import ARTIFACTS, INTERPRETERS, PREFIXES, ROOT
from bench.provision import debian, npm, stamp, system


def make(peer: Peer, force: bool = False) -> BuiltPeer:
    """Build `peer`, or return its existing build if the inputs are unchanged. Peers may share one build.

    Raises LabError with the failing command and the path of its log, and MissingError if a requirement is unavailable.
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
    for destination, file in _sources(peer):
        (prefix / destination).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, prefix / destination)
    record = {**version.development()._asdict(), "build": peer.build, "fingerprint": fingerprint}
    (prefix / "built.json").write_text(json.dumps(record, indent=1) + "\n")
    commands.run_all(peer.steps, _placeholders(peer), prefix, folder / "build.log", dict(os.environ))
    made = BuiltPeer(
        build=peer.build,
        fingerprint=fingerprint,
        version=_version(runtime),
        build_seconds=time.perf_counter() - began,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    stamp.write_record(folder / "peer.json", made)
    return made


def find(peer: Peer) -> BuiltPeer | None:
    """Return the latest build of `peer`, or None if it is not built."""
    return stamp.read_record(ARTIFACTS / peer.build / "peer.json", BuiltPeer)


def require(peer: Peer) -> BuiltPeer:
    """Return the build of `peer`, or raise LabError with the command that builds it."""
    built = find(peer)
    if built is None:
        raise LabError(f"peer {peer.name!r} is not built: run `python -m bench build {peer.name}`")
    return built


def home(peer: Peer) -> Path:
    """Return the folder of the runtime of `peer`."""
    return INTERPRETERS / peer.runtime


def is_here(peer: Peer) -> bool:
    """Return True if the runtime of `peer` is installed."""
    if isinstance(peer.provider, FromNpm):
        return npm.is_unpacked(peer.provider, home(peer))
    return debian.is_unpacked(peer.provider, home(peer))


def provision(peer: Peer) -> Path:
    """Return the program that runs `peer`, installing it first if necessary.

    Raises LabError or MissingError if it cannot be installed.
    """
    if isinstance(peer.provider, FromNpm):
        return npm.unpack(peer.provider, home(peer))
    return debian.unpack(peer.provider, home(peer))


def command(peer: Peer, *, host: str, port: int, backlog: int) -> tuple[list[str], dict[str, str]]:
    """Return the argv and the complete environment that serve `peer`. Raises LabError if it is not built."""
    require(peer)
    values = _placeholders(peer) | {"host": host, "port": str(port), "backlog": str(backlog)}
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": values["prefix"]}
    env |= {key: value.format_map(values) for key, value in peer.env.items()} | {"STATEMENTS_VARIANT": peer.name}
    return [part.format_map(values) for part in peer.argv], env


def files(peer: Peer) -> dict[str, set[Path]]:
    """Return the files that a bare image requires, by part. Raises LabError for a pattern that matches no file."""
    values = _placeholders(peer)
    found: dict[str, set[Path]] = {}
    for part, patterns in peer.files.items():
        for pattern in patterns:
            paths = {path.resolve() for path in Path("/").glob(pattern.format_map(values).lstrip("/"))}
            matched = {path for path in paths if path.is_file()}
            if not matched:
                raise LabError(f"peer {peer.name!r}: files: {pattern} matches no file")
            found.setdefault(part, set()).update(matched)
    return found


def fingerprint_of(peer: Peer) -> str:
    """Return a hash of all inputs of the build, including the installed runtime."""
    digest = hashlib.sha256(msgspec.json.encode(peer.made_of, order="sorted") + Path(__file__).read_bytes())
    runtime_record = stamp.NAME if isinstance(peer.provider, FromNpm) else "manifest.json"
    digest.update((home(peer) / runtime_record).read_bytes())
    for destination, path in _sources(peer):
        digest.update(f"{destination}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _placeholders(peer: Peer) -> dict[str, str]:
    runtime = home(peer) / peer.provider.executable
    return {"runtime": str(runtime), "home": str(home(peer)), "prefix": str(PREFIXES / peer.build)}


def _sources(peer: Peer) -> Iterator[tuple[str, Path]]:
    """Yield (destination in the prefix, file) of the peer's source files, in a stable order."""
    for origin, destination in peer.source.items():
        path = ROOT / origin
        if not path.exists():
            raise LabError(f"{peer.name}.toml: source {origin!r} is not in the checkout")
        if path.is_file():
            yield destination, path
            continue
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield f"{destination}/{file.relative_to(path)}", file


def _version(runtime: Path) -> str:
    """Return the first line that the runtime prints for `--version`. Raises LabError if it does not run."""
    try:
        done = system.run([str(runtime), "--version"])
    except OSError as error:
        raise LabError(f"{runtime} does not run: {error.strerror}") from error
    if done.returncode != 0 or not done.stdout.strip():
        raise LabError(f"`{runtime} --version` failed: {system.error_message(done)}")
    return done.stdout.splitlines()[0].strip()
