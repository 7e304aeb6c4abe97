"""case → the same with a hash of each thing that could change its figure: what has changed is another case."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from bench import catalog
from bench.catalog import pairing
from bench.measure import blocks, closure
from bench.model import Artifact, BuiltPeer, Case, Declared, Instrument
from bench.paths import ROOT
from bench.plan.matrix import backend_of
from bench.serve import backend, front

# What a run is made of once its instrument has observed:
STORED_BY = ("bench.store", "bench.host.machine", "bench.host.steal")
CALLED_BY = "bench/measure/blocks.py"  # hashed alone: what it imports beside those are the other instruments
FLEET = "bench/fleet/worker.py"  # likewise: it hands the load to another machine
SUITE_CASES = "spec/golden"


def identified(
    case: Case,
    artifact: Artifact | BuiltPeer,
    generator: str | None = None,
    code: Callable[[Instrument], str] | None = None,
) -> Case:
    """`case` with a hash of each thing that could change its figure, known once its variant is built.

    The framework's adapter and the service itself are in the prefix's. `generator` is the fingerprint of the machine
    that the load comes from, if it is another one. `code` is a cached `harness`, for many cases.
    """
    inputs = {"prefix": artifact.fingerprint, "harness": (code or harness)(case.instrument)}
    if isinstance(artifact, Artifact):
        inputs["artifact"] = artifact.wheel_sha256
        inputs["interpreter"] = _digest(catalog.interpreters()[artifact.interpreter.name])
    inputs["subject"] = _digest(catalog.subject(case.variant))
    if case.framework:
        inputs["cases"] = digest(SUITE_CASES)
    if case.stack and not case.stack.is_peer:
        server = pairing.server_file(case.stack)
        inputs["server"] = _digest(server)
        inputs |= {"front": front.fingerprint(server.front)} if server.front else {}
    if case.workload:
        inputs["workload"] = _digest(catalog.workloads()[case.workload])
    waited_for = backend_of(case)
    inputs |= {"backend": backend.fingerprint(waited_for)} if waited_for else {}
    if case.load:
        inputs["load"] = _digest(catalog.loads()[case.load])
        inputs |= {"generator": generator, "fleet": digest(FLEET)} if generator else {}
    return msgspec.structs.replace(case, inputs={name: text[:16] for name, text in inputs.items()})


def harness(instrument: Instrument) -> str:
    """Hash of the code at work from a subject's start to its stored run; a change of it makes other cases."""
    return digest(*code_of(instrument))


def code_of(instrument: Instrument) -> tuple[str, ...]:
    """The files of that code, by path in the checkout."""
    own = blocks.INSTRUMENTS[instrument].__module__
    return (CALLED_BY, *map(str, closure.files(ROOT, own, *STORED_BY)))


def digest(*names: str) -> str:
    """Hash of files and folders of the checkout."""
    found = hashlib.sha256()
    for path in (path for name in names for path in closure.below(ROOT / name)):
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _digest(declared: Declared) -> str:
    return hashlib.sha256(msgspec.json.encode(declared, order="sorted")).hexdigest()
