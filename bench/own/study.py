"""A user's application → a catalogue that has it, and the study of it: servers and interpreters against today's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bench import readiness
from bench.documents import http_files
from bench.errors import LabError
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
from bench.own import baseline
from bench.own.manifest import BASELINES, Manifest
from bench.progress import Progress
from bench.serve.look import look

LOAD, STEADY = "mix", "steady"
OTHERS: dict[Interface, tuple[str, ...]] = {  # beside the baseline's own, where none are named
    "wsgi": ("gunicorn-gthread", "uwsgi-processes", "granian-wsgi", "bjoern", "gunicorn-gevent"),
    "asgi": ("gunicorn-asgi", "granian-asgi"),
}
ALL = "all"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants to know of an application: on which servers and interpreters, and at which rate."""

    words: str
    servers: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()
    rate: float | None = None


def study_of(manifest: Manifest, asked: Asked, catalog: Catalog, progress: Progress) -> tuple[Study, Catalog]:
    """Build the application where it runs today, record its answers: the study of it, and a catalogue with it.

    Raises LabError for what cannot be built, does not import, fails, or answers otherwise when asked again.
    """
    requests = http_files.read(Path(manifest.requests))
    home = interpreter_called(manifest.interpreter, catalog)
    application = Application(
        name=re.sub(r"[^A-Za-z0-9_]+", "-", manifest.name).strip("-") or "application",
        app=manifest.app,
        interface=manifest.interface or "wsgi",
        factory=bool(manifest.factory),
        source=manifest.source,
        requirements=manifest.requirements,
        env=manifest.env,
        prepare=manifest.prepare,
    )
    catalog = with_application(catalog, application, home)
    labels = catalog.labels()
    for server in (*([manifest.server] if manifest.server else []), *asked.servers):
        pick(labels, server, "server") if server != ALL else None
    _build(catalog, application.name, (), progress)
    looked = look(catalog, application.name)
    if looked.interface is None and manifest.interface is None:
        raise LabError(
            f"{manifest.app}: {looked.type} is neither a WSGI nor an ASGI application; `interface` says which"
        )
    application = replace(
        application,
        interface=manifest.interface or looked.interface or "wsgi",
        factory=looked.factory if manifest.factory is None else manifest.factory,
    )
    catalog = with_application(catalog, application, home)
    server = manifest.server or BASELINES[application.interface]
    servers = _servers(catalog, application.interface, server, asked.servers)
    stack = Stack(variant=application.name, framework=application.interface, server=server)
    _build(catalog, application.name, servers, progress)
    workload = Workload(
        name=f"requests-{application.name}",
        title=f"{len(requests)} requests of {manifest.name}",
        method="GET",
        path=requests[0].path,
        backend=manifest.backend,
    )
    exchanges = baseline.recorded(
        catalog, stack, workload, requests=requests, rule=manifest.answers.rule, progress=progress
    )
    workload = replace(workload, exchanges=exchanges)
    catalog = replace(catalog, workloads=catalog.workloads | {workload.name: workload})
    names = [interpreter_called(text, catalog) for text in asked.interpreters]
    variants = dict.fromkeys((application.name, *(catalog.at(application.name, name) for name in names)))
    return Study(
        name=f"try-{application.name}",
        title=manifest.name,
        question=f"Which server and interpreter serve {manifest.name} best?",
        baseline=application.name,
        variants=tuple(variants),
        frameworks=(application.interface,),
        servers=servers,
        workloads=(workload.name,),
        macro=MacroPlan(loads=(LOAD,), runs=3),
        latency=LatencyPlan(load=STEADY, runs=2, shares=(0.6,), rate=asked.rate, all=True),
        startup=StartupPlan(spawns=3, server=server),
        words=asked.words,
    ), catalog


def with_application(catalog: Catalog, application: Application, home: str) -> Catalog:
    """The catalogue with the application as a variant on the interpreter `home`, and its interface as a framework."""
    if application.name in catalog.variants and catalog.variants[application.name].application is None:
        raise LabError(f"name: {application.name!r} is a variant of the lab's; write another `name` in lab.toml")
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
        catalog, variants=catalog.variants | {variant.name: variant}, frameworks={application.interface: own}
    )


def interpreter_called(text: str, catalog: Catalog) -> str:
    """The catalogue's interpreter that is meant: by its name, or by a version such as `3.14` or `3.14-jit`; or `pypy`.

    Raises LabError where there is none.
    """
    for name in (text, f"cpython-{text}", *(name for name in catalog.interpreters if name.startswith(f"{text}-"))):
        if name in catalog.interpreters:
            return name
    return pick(catalog.interpreters, text, "interpreter").name


def _servers(catalog: Catalog, interface: Interface, today: str, named: Sequence[str]) -> tuple[str, ...]:
    """Today's server first, then those that were named; all that fit, or five, where none were."""
    fitting = [label for label, server in catalog.labels().items() if server.interface == interface]
    chosen = fitting if ALL in named else named or OTHERS[interface]
    return tuple(dict.fromkeys((today, *chosen)))


def _build(catalog: Catalog, name: str, servers: Sequence[str], progress: Progress) -> None:
    """Raises LabError with the reason where the application cannot be built on its interpreter of today."""
    built, unavailable = readiness.build_all(catalog, [name], progress, servers)
    if not isinstance(built.get(name), Artifact):
        raise LabError("; ".join(each.reason for each in unavailable))
