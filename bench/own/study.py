"""A user's application → its study, which compares servers and interpreters with the present ones; and a catalogue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from bench.build.project import fingerprint
from bench.catalog import pairing
from bench.documents import http_files
from bench.errors import LabError, unknown
from bench.host import pinning
from bench.model import (
    Application,
    Artifact,
    Catalog,
    Framework,
    Interface,
    LatencyPlan,
    MacroPlan,
    Stack,
    StartupPlan,
    Study,
    Variant,
    Workload,
    pick,
)
from bench.own import baseline, shown
from bench.own.asked import Asked
from bench.own.manifest import BASELINES, NAME, Manifest
from bench.progress import Progress
from bench.readiness import building
from bench.serve.backend import require
from bench.serve.look import look

LOAD, STEADY = "mix", "steady"
# The servers beside the present one, unless --servers names others: the first `MOST`.
OTHERS: dict[Interface, tuple[str, ...]] = {
    "wsgi": ("gunicorn-gthread", "uwsgi-processes", "granian-wsgi", "bjoern", "gunicorn-gevent", "waitress"),
    "asgi": (
        "uvicorn-httptools", "granian-asgi", "gunicorn-asgi", "gunicorn-uvicorn", "hypercorn", "uvicorn-h11",
    ),
    "rsgi": (),
}  # fmt: skip
MOST = 5
ALL = "all"
RUNS, RUNS_OF_VERSIONS = 3, 12  # servers per stack: two versions differ by less than two servers


def study_of(asked: Asked, catalog: Catalog, progress: Progress) -> tuple[Study, Catalog]:
    """Build the application on its present interpreter and record its answers. Returns the study and its catalogue.

    Raises LabError if the application cannot be built or imported, or if its answers fail or are not repeatable.
    """
    pinning.serve_on(asked.workers)
    manifest = asked.manifest
    requests = http_files.read(Path(manifest.requests))
    home = interpreter_called(manifest.interpreter, catalog, f"{NAME}: interpreter")
    named = [each for each in asked.servers if each != ALL]
    places = {f"{NAME}: server": [manifest.server] if manifest.server else [], "--servers": named}
    for where, labels in places.items():
        for label in labels:
            pick(catalog.labels(), label, "server", where)
    names = [interpreter_called(text, catalog, "--interpreters") for text in asked.interpreters]
    catalog, behind = with_backend(catalog, manifest)
    present, application, catalog = _versions(asked, home, catalog, progress, backend=behind)
    server = manifest.server or BASELINES[application.interface]
    are_versions = present != application
    servers = compared_servers(
        catalog, application.interface, server, asked.servers or ((server,) if are_versions else ())
    )
    stack = Stack(variant=present.name, framework=application.interface, server=server)
    if refused := pairing.unsupported(catalog, stack):
        raise LabError(f"the baseline {stack} is unsupported: {refused.reason}")
    _build(catalog, present.name, servers, progress)
    workload = Workload(
        name=f"requests-{application.name}",
        title=f"{len(requests)} requests of {manifest.name}",
        method="GET",
        path=requests[0].path,
        backend=behind,
    )
    exchanges = baseline.recorded(
        catalog, stack, workload, requests=requests, rule=manifest.answers.rule, progress=progress
    )
    for line in (f"answers of the baseline, {stack}:", *shown.lines(exchanges)):
        progress.say(line)
    workload = replace(workload, exchanges=exchanges)
    catalog = replace(catalog, workloads=catalog.workloads | {workload.name: workload})
    variants = (present.name, application.name, *(catalog.at(application.name, name) for name in names))
    best = f"Which server and interpreter serve {manifest.name} best?"
    return Study(
        name=f"try-{application.name}",
        title=manifest.name + (f", {asked.workers} worker processes" if asked.workers > 1 else ""),
        question=f"Is {manifest.name} slower than {present.name}?" if are_versions else best,
        baseline=present.name,
        variants=tuple(dict.fromkeys(variants)),
        frameworks=(application.interface,),
        servers=servers,
        workloads=(workload.name,),
        macro=MacroPlan(loads=(LOAD,), runs=RUNS_OF_VERSIONS if are_versions else RUNS),
        latency=LatencyPlan(load=STEADY, runs=2, shares=(0.6,), rate=asked.rate, all=True),
        startup=StartupPlan(spawns=3, server=server),
        words=asked.words,
    ), catalog


def _versions(
    asked: Asked, home: str, catalog: Catalog, progress: Progress, *, backend: str | None
) -> tuple[Application, Application, Catalog]:
    """Return the present version, the baseline, and the asked one, with a catalogue of both. They may be the same."""
    application, catalog = _looked_at(asked.manifest, home, catalog, progress, backend=backend, workers=asked.workers)
    if asked.other_version is None:
        return application, application, catalog
    present, catalog = _looked_at(asked.other_version, home, catalog, progress, backend=backend, workers=asked.workers)
    if present.interface != application.interface:
        kinds = f"{present.interface.upper()}, and {application.name} is {application.interface.upper()}"
        raise LabError(f"--against: {present.name} is {kinds}: two versions must have one interface")
    return present, application, catalog


def with_backend(catalog: Catalog, manifest: Manifest) -> tuple[Catalog, str | None]:
    """Return the catalogue with the backend of a manifest, and the backend's name, if it has one.

    Raises LabError for an unknown name, and MissingError if one of its programs is missing.
    """
    own = manifest.backend
    if own is None:
        return catalog, None
    if isinstance(own, str):
        if own not in catalog.backends:
            known = unknown("backend", own, catalog.backends)
            raise LabError(f"{NAME}: {known}; declare another one as a table [backend]")
        own = catalog.backends[own]
    require(own)
    return replace(catalog, backends=catalog.backends | {own.name: own}), own.name


def _looked_at(
    manifest: Manifest, home: str, catalog: Catalog, progress: Progress, *, backend: str | None, workers: int
) -> tuple[Application, Catalog]:
    """Build the application without servers and import it, to learn its interface. Returns it and its catalogue."""
    application = Application(
        name=re.sub(r"[^A-Za-z0-9_]+", "-", manifest.name).strip("-") or "application",
        app=manifest.app,
        interface=manifest.interface or "wsgi",
        factory=bool(manifest.factory),
        source=manifest.source,
        source_sha256=fingerprint(Path(manifest.source)),
        requirements=manifest.requirements,
        env=manifest.env,
        prepare=manifest.prepare,
        backend=backend,
        workers=workers,
    )
    catalog = with_application(catalog, application, home)
    _build(catalog, application.name, (), progress)
    with progress.step(f"import of {manifest.app}"):
        looked = look(catalog, application.name)
    interface = manifest.interface or looked.interface
    if interface is None:
        raise LabError(
            f"{manifest.app}: {looked.type} is no WSGI, ASGI or RSGI application: set `interface` in lab.toml"
        )
    factory = looked.factory if manifest.factory is None else manifest.factory
    application = replace(application, interface=interface, factory=factory, debug=looked.debug)
    return application, with_application(catalog, application, home)


def with_application(catalog: Catalog, application: Application, home: str) -> Catalog:
    """Return the catalogue with the application as a variant on the interpreter `home`, its interface as framework."""
    if application.name in catalog.variants and catalog.variants[application.name].application is None:
        raise LabError(f"name: {application.name!r} is a variant of the lab: set another `name` in lab.toml")
    variant = Variant(
        name=application.name,
        title=f"{application.app}, {catalog.interpreters[home].title}",
        interpreter=home,
        core=application.app,
        provenance={"application": application.app},
        application=application,
    )
    own = Framework(name=application.interface, module="", interface=application.interface, requirements=())
    return replace(
        catalog,
        variants=catalog.variants | {variant.name: variant},
        frameworks={application.interface: own},
        layers={},  # those of the lab's own service
    )


def interpreter_called(text: str, catalog: Catalog, where: str) -> str:
    """Return the name of an interpreter for its name, a version such as `3.14` or `3.14-jit`, or `pypy`.

    Raises LabError that begins with `where` if there is none.
    """
    for name in (text, f"cpython-{text}", *(name for name in catalog.interpreters if name.startswith(f"{text}-"))):
        if name in catalog.interpreters:
            return name
    return pick(catalog.interpreters, text, "interpreter", where).name


def compared_servers(catalog: Catalog, interface: Interface, present: str, named: Sequence[str]) -> tuple[str, ...]:
    """The present server first, then the `named` ones, all of the interface for `all`, or the usual ones for none."""
    fitting = [label for label, server in catalog.labels().items() if server.interface == interface]
    usual = [label for label in OTHERS[interface] if label != present][:MOST]
    for label in [each for each in named if each != ALL and each not in fitting]:
        speaks = catalog.labels()[label].interface.upper()
        known = ", ".join(fitting)
        raise LabError(f"--servers: {label} is for {speaks} applications, this one is {interface.upper()}: use {known}")
    chosen = fitting if ALL in named else named or usual
    return tuple(dict.fromkeys((present, *chosen)))


def _build(catalog: Catalog, name: str, servers: Sequence[str], progress: Progress) -> None:
    """Build the application. Raises LabError with the reason if it or the first server, the baseline's, fails."""
    built, unavailable = building.build_all(catalog, [name], progress, servers)
    made = built.get(name)
    if not isinstance(made, Artifact):
        raise LabError("; ".join(each.reason for each in unavailable))
    for server in servers[:1]:
        if server in made.lacks:
            raise LabError(f"the baseline's server {server} is unavailable: {made.lacks[server].reason}")
