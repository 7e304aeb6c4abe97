"""case → the same with a hash of each thing that could change its figure: what has changed is another case."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from bench import backend, catalog, pairing
from bench.model import Artifact, BuiltPeer, Case, Declared
from bench.paths import ROOT
from bench.plan import backend_of

HARNESS = (
    "bench/measure.py",
    "bench/serve.py",
    "bench/backend.py",
    "bench/verify.py",
    "bench/peers.py",
    "bench/pinning.py",
    "bench/instruments",
    "bench/subject",
    "bench/gatling",
)
SUITE_CASES = "spec/golden"


def identified(
    case: Case, artifact: Artifact | BuiltPeer, generator: str | None = None, code: str | None = None
) -> Case:
    """`case` with a hash of each thing that could change its figure, known once its variant is built.

    `generator` is the fingerprint of the machine that the load comes from, if it is another one; `code` is the
    harness's hash, for who has many cases.
    """
    inputs = {"prefix": artifact.fingerprint, "harness": code or harness()}
    if isinstance(artifact, Artifact):
        inputs["artifact"] = artifact.wheel_sha256
        inputs["environment"] = _digest(catalog.interpreters()[artifact.interpreter.name].env)
    if case.framework:
        inputs["cases"] = digest(SUITE_CASES)
    if case.stack:
        inputs["server"] = _digest(pairing.server_for(case.stack))
    if case.workload:
        inputs["workload"] = _digest(catalog.workloads()[case.workload])
    waited_for = backend_of(case)
    inputs |= {"backend": backend.fingerprint(waited_for)} if waited_for else {}
    if case.load:
        inputs["load"] = _digest(catalog.loads()[case.load])
        inputs |= {"generator": generator} if generator else {}
    return msgspec.structs.replace(case, inputs={name: text[:16] for name, text in inputs.items()})


def harness() -> str:
    """Hash of the code that measures; a change of it makes other cases."""
    return digest(*HARNESS)


def digest(*names: str) -> str:
    """Hash of files and folders of the checkout."""
    found = hashlib.sha256()
    for path in (path for name in names for path in _files(ROOT / name)):
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _digest(declared: Declared | dict[str, str]) -> str:
    return hashlib.sha256(msgspec.json.encode(declared, order="sorted")).hexdigest()
