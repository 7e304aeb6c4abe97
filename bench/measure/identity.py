"""plan → the same, each case with a hash of each thing that could change its figure: what changed is another case."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache

import msgspec

from bench.catalog import pairing
from bench.errors import LabError
from bench.measure import blocks, closure
from bench.model import Artifact, BuiltPeer, Case, Catalog, Declared, Instrument, Phase, Plan, Ready, Stack, SuiteCase
from bench.paths import ROOT
from bench.plan.matrix import backend_of
from bench.serve import backend, proxy

# What a run is made of once its instrument has observed:
STORED_BY = ("bench.store", "bench.host.machine", "bench.host.steal")
CALLED_BY = "bench/measure/blocks.py"  # hashed alone: what it imports beside those are the other instruments
FLEET = "bench/fleet/worker.py"  # likewise: it hands the load to another machine
SUITE_CASES = "spec/golden"


def placed(plan: Plan, ready: Ready) -> Plan:
    """The plan as far as what is `ready` carries it: its cases identified, and what lacks something told as a lack."""
    lacking = ready.missing.keys() | ({"null"} if "macro" in ready.missing else set())
    phases = tuple(phase_of(plan.catalog, phase, ready) for phase in plan.phases if phase.name not in lacking)
    unavailable = (*ready.unavailable, *ready.missing.values(), *plan.unavailable)
    return msgspec.structs.replace(plan, phases=phases, unavailable=unavailable)


def phase_of(catalog: Catalog, phase: Phase, ready: Ready) -> Phase:
    """The phase with the cases whose variant is built, with its server and back end, each with its inputs' hashes."""
    code = cache(harness)
    cases = [
        identified(catalog, case, artifact, ready.generator, code)
        for case in phase.cases
        if (artifact := ready.artifacts.get(case.variant)) and not _lacks(artifact, case.stack)
        if not (case.stack and case.workload in ready.unserved.get(case.variant, {}))
    ]
    return msgspec.structs.replace(phase, cases=tuple(cases))


def require_unchanged(phase: Phase) -> None:
    """Raises LabError where the code that measures is not what the cases of the phase were identified with."""
    known = {(case.instrument, case.inputs["harness"]) for case in phase.cases if "harness" in case.inputs}
    for instrument, code in known:
        if not harness(instrument).startswith(code):
            raise LabError(f"the code of {instrument} changed while it measured: the same command begins a new session")


def identified(
    catalog: Catalog,
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
        inputs["interpreter"] = _digest(catalog.interpreters[artifact.interpreter.name])
    inputs["subject"] = _digest(catalog.subject(case.variant))
    if isinstance(case, SuiteCase):
        inputs["cases"] = digest(SUITE_CASES)
    if case.stack and not case.stack.is_peer:
        server = pairing.server_file(catalog, case.stack)
        inputs["server"] = _digest(server)
        inputs |= {"proxy": proxy.fingerprint(server.proxy)} if server.proxy else {}
    if case.workload:
        inputs["workload"] = _digest(catalog.workloads[case.workload])
    waited_for = backend_of(case, catalog)
    inputs |= {"backend": backend.fingerprint(catalog.backends[waited_for])} if waited_for else {}
    if case.load:
        inputs["load"] = _digest(catalog.loads[case.load])
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


def _lacks(artifact: Artifact | BuiltPeer, stack: Stack | None) -> bool:
    """Whether the server of a stack, or what its tuning needs, could not be had."""
    needed = {stack.label, stack.server} if stack else set()
    return isinstance(artifact, Artifact) and not needed.isdisjoint(artifact.lacks)


def _digest(declared: Declared) -> str:
    return hashlib.sha256(msgspec.json.encode(declared, order="sorted")).hexdigest()
