"""The identity of cases: hashes of every input that can affect a measurement. A changed input makes a new case."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache

import msgspec

from bench.build import deliveries, fronts, images
from bench.catalog import pairing
from bench.errors import LabError
from bench.measure import blocks, closure
from bench.model import (
    Artifact,
    BuiltPeer,
    Case,
    Catalog,
    Declared,
    DeliveredCase,
    Instrument,
    LayersCase,
    LimitedCase,
    Phase,
    Plan,
    Ready,
    ReplacedCase,
    SizingCase,
    SuiteCase,
)
from bench.paths import ROOT
from bench.plan.selection import backend_of
from bench.serve import backend, proxy

# Modules that turn an instrument's observation into a stored run:
STORED_BY = ("bench.store", "bench.host.machine", "bench.host.steal")
CALLED_BY = "bench/measure/blocks.py"  # hashed without its imports, which include all other instruments
FLEET = "bench/fleet/worker.py"  # hashed without its imports; it delegates the load to another machine
SUITE_CASES = "spec/golden"


def identify_plan(plan: Plan, ready: Ready) -> Plan:
    """Return the plan with the measurable cases, each with its inputs' hashes; the rest is listed as unavailable."""
    missing = ready.missing.keys() | ({"null"} if "macro" in ready.missing else set())
    phases = tuple(identify_phase(plan.catalog, phase, ready) for phase in plan.phases if phase.name not in missing)
    unavailable = (*ready.unavailable, *ready.missing.values(), *plan.unavailable)
    return msgspec.structs.replace(plan, phases=phases, unavailable=unavailable)


def identify_phase(catalog: Catalog, phase: Phase, ready: Ready) -> Phase:
    """Return the phase with the cases whose variant, server and backend are available, each with its inputs' hashes."""
    code = cache(harness)
    cases = [
        identify(catalog, case, artifact, ready.generator, code)
        for case in phase.cases
        if (artifact := ready.artifacts.get(case.variant)) and not _lacks_server(artifact, case)
        if not (case.stack and case.workload in ready.unserved.get(case.variant, {}))
        if not (isinstance(case, LayersCase) and _lacks_packages(ready, case))
        if not (isinstance(case, DeliveredCase) and _cannot_deliver(ready, case))
    ]
    return msgspec.structs.replace(phase, cases=tuple(cases))


def require_unchanged(phase: Phase) -> None:
    """Raise LabError if the measuring code has changed since the cases of the phase were identified."""
    known = {(case.instrument, case.inputs["harness"]) for case in phase.cases if "harness" in case.inputs}
    for instrument, code in known:
        if not harness(instrument).startswith(code):
            raise LabError(f"the code of {instrument} changed during the session: run the command again for a new one")


def identify(
    catalog: Catalog,
    case: Case,
    artifact: Artifact | BuiltPeer,
    generator: str | None = None,
    code: Callable[[Instrument], str] | None = None,
) -> Case:
    """Return `case` with a hash of every input that can affect its measurement. Its variant must be built.

    The hash of the prefix covers the service and the framework's adapter. `generator`: fingerprint of the machine that
    generates the load, if it is another one. `code`: a cached `harness`, for many cases.
    """
    inputs = {"prefix": artifact.fingerprint, "harness": (code or harness)(case.instrument)}
    if isinstance(artifact, Artifact):
        inputs["artifact"] = artifact.content_sha256
        inputs["interpreter"] = _digest(catalog.interpreters[artifact.interpreter.name])
    inputs["subject"] = _digest(catalog.subject(case.variant))
    if isinstance(case, SuiteCase):
        inputs["cases"] = digest(SUITE_CASES)
    if isinstance(case, LayersCase):
        layering = catalog.layerings[case.layering]
        inputs["layering"] = _digest(layering)
        inputs |= {"around": digest(f"bench/yardsticks/{layering.around}")} if layering.around else {}
    if isinstance(case, LimitedCase | SizingCase):
        inputs["limit"] = _digest(catalog.limits[case.limit])
    if isinstance(case, LimitedCase) and case.beside:
        inputs["beside"] = _digest(catalog.limits[case.beside])
    if isinstance(case, ReplacedCase):
        way = catalog.replacements[case.way]
        inputs |= {"way": _digest(way), "entry": digest(f"bench/yardsticks/{way.entry}.py")}
        inputs |= {"proxy": proxy.fingerprint(way.proxy)} if way.proxy else {}
    if isinstance(case, DeliveredCase):
        delivery = catalog.deliveries[case.delivery]
        inputs |= {"delivery": _digest(delivery), "repository": deliveries.fingerprint_of(catalog, delivery)}
    if case.stack and not case.stack.is_peer:
        server = pairing.server_file(catalog, case.stack)
        inputs["server"] = _digest(server)
        inputs |= {"proxy": proxy.fingerprint(server.proxy)} if server.proxy else {}
        place = pairing.place_of(catalog, case.stack)
        if place:
            inputs |= {"place": _digest(place), "image": images.require(images.imaged(catalog, case.stack)).digest}
            inputs |= {"front": fronts.require(server.proxy.argv[0])} if server.proxy else {}
        tuning = pairing.tuning_of(catalog, case.stack)
        inputs |= {"tuning": _digest(tuning)} if tuning else {}
        inputs |= {"entry": digest(f"bench/yardsticks/{tuning.entry}.py")} if tuning and tuning.entry else {}
    if case.workload:
        inputs["workload"] = _digest(catalog.workloads[case.workload])
    backend_name = backend_of(case, catalog)
    inputs |= {"backend": backend.fingerprint(catalog.backends[backend_name])} if backend_name else {}
    if case.load:
        inputs["load"] = _digest(catalog.loads[case.load])
        inputs |= {"generator": generator, "fleet": digest(FLEET)} if generator else {}
    return msgspec.structs.replace(case, inputs={name: text[:16] for name, text in inputs.items()})


def harness(instrument: Instrument) -> str:
    """Return a hash of all code that runs between the start of a subject and the stored run."""
    return digest(*code_of(instrument))


def code_of(instrument: Instrument) -> tuple[str, ...]:
    """Return the files of that code, as paths in the checkout."""
    own = blocks.INSTRUMENTS[instrument].__module__
    return (CALLED_BY, *map(str, closure.files(ROOT, own, *STORED_BY)))


def digest(*names: str) -> str:
    """Return a hash of the paths and contents of files and folders of the checkout."""
    contents = hashlib.sha256()
    for path in (path for name in names for path in closure.files_below(ROOT / name)):
        contents.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return contents.hexdigest()


def _lacks_server(artifact: Artifact | BuiltPeer, case: Case) -> bool:
    """Return True if the server of a case, or a requirement of its tuning or its replacement, is unavailable."""
    needed = {case.stack.label, case.stack.server} if case.stack else set()
    needed |= {f"+{case.way}"} if isinstance(case, ReplacedCase) else set()
    return isinstance(artifact, Artifact) and not needed.isdisjoint(artifact.lacks)


def _lacks_packages(ready: Ready, case: LayersCase) -> bool:
    """Return True if the packages of a case's layering or of its framework are unavailable."""
    own = (lack for lack in ready.unavailable if lack.instrument == case.instrument)
    return any(lack.covers(case.variant, case.framework, instrument="layers", layering=case.layering) for lack in own)


def _cannot_deliver(ready: Ready, case: DeliveredCase) -> bool:
    """Return True if the tools or packages of a delivery are unavailable."""
    return any(
        lack.covers(case.variant, instrument=case.instrument, delivery=case.delivery) for lack in ready.unavailable
    )


def _digest(declared: Declared) -> str:
    return hashlib.sha256(msgspec.json.encode(declared, order="sorted")).hexdigest()
