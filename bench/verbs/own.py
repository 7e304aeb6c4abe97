"""Measure what is one's own: a core, or a whole service."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec.structs import replace

from bench import pipeline
from bench.errors import LabError
from bench.progress import Progress
from bench.verbs.app import Budget, Flag, Json, app, declared, duration_of, out, plan_of, words
from bench.verbs.tell import show

CORE_SERVERS = "gunicorn-sync,uwsgi-processes"
Pointers = Annotated[str, Parameter(help="What may differ in JSON answers, such as /id,/rows/*/at.")]


@app.command
def init(project: Path) -> int:
    """Look at a project, write its lab.toml and a first request, and say what was found and what to fill in.

    Then `try PROJECT` measures it. Nothing else in the project is changed.

    Parameters
    ----------
    project
        The folder of a service: Django, FastAPI, Flask, Falcon, Starlette, Litestar, or a bare WSGI or ASGI callable.
    """
    from bench.own import init as initialising  # noqa: PLC0415 - other verbs know no applications

    written = initialising.write(project.resolve(), declared())
    for lead, lines in (("found", written.found), ("wrote", map(str, written.files)), ("to do", written.missing)):
        for line in lines:
            out.print(f"{lead}  {line}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"then: python -m bench try {project}", markup=False, highlight=False, soft_wrap=True)
    return 0


@app.command(name="try")
def try_(
    own: str | None = None,
    *,
    application: Annotated[str | None, Parameter(name="--app")] = None,
    source: Path = Path(),
    requirements: tuple[Path, ...] = (),
    requests: Path | None = None,
    servers: str | None = None,
    interpreters: str = "",
    rate: float | None = None,
    ignore: Pointers = "",
    documents: Path | None = None,
    against: str | None = None,
    framework: str = "falcon",
    requires: str = "",
    budget: Budget = None,
    force: bool = False,
    strict: Flag = False,
    json: Json = False,
) -> int:
    """Measure a service of your own behind several servers and on several Pythons, or a core of your own.

    A service: `try ~/shop`, a folder with a lab.toml (`init` writes one), or `try --app shop.wsgi:application`. Each
    answer is compared with that of the baseline, the server and Python of today; your folder stays as it is.
    A core, any function of bytes that returns bytes: `try mycore:transform --documents DIR`.

    Parameters
    ----------
    own
        The folder of a service with its lab.toml; or a core: MODULE:FUNCTION, or MODULE:FUNCTION@INTERPRETER.
    application
        A WSGI or ASGI application, MODULE:NAME, in place of a lab.toml; a factory is called.
    source
        The folder that the application or the core's module lies in; else the current one.
    requirements
        Files of what the application requires: requirements.txt, pyproject.toml or uv.lock.
    requests
        A folder of NAME.http, or one such file: what is asked of the application.
    servers
        Names with commas between them, or `all`; of a core "" for it alone.
    interpreters
        Pythons to try the application on, such as 3.14,3.14-jit,pypy.
    rate
        Requests a second at which latencies are told; else half of what the slowest stack answers.
    ignore
        What may differ in JSON answers, such as /id,/rows/*/at.
    documents
        Of a core: a folder laid out like spec/golden/valid, NAME.json with its right answer NAME.out.json.
    against
        Of a core: what it is held against, a variant or MODULE:FUNCTION of the same source.
    framework
        Of a core: the framework that it is served by.
    requires
        Of a core: the packages that it imports, with commas between them, as bench/locks/measured.txt pins them.
    force
        Measure anew what is finished.
    strict
        Measure nothing, with exit status 3, on a machine that is not quiet within a minute.
    """
    if documents is not None:
        if own is None:
            raise LabError("--documents are for a core: name it, such as mycore:transform")
        return _core(
            own,
            documents=documents,
            against=against,
            servers=CORE_SERVERS if servers is None else servers,
            framework=framework,
            source=source,
            requires=requires,
            force=force,
            strict=strict,
            json=json,
        )
    from bench.own import manifest as manifests  # noqa: PLC0415 - other verbs know no applications
    from bench.own import study as studies  # noqa: PLC0415
    from bench.serve.application import fingerprint  # noqa: PLC0415

    if application is not None:
        files = tuple(str(path.resolve()) for path in requirements)
        found = manifests.Manifest(
            app=application, requirements=files, requests=str((requests or Path("requests")).resolve())
        )
        found = manifests.placed(found, source.resolve())
    elif own is not None and Path(own).is_dir():
        found = manifests.read(Path(own).resolve())
        found = replace(found, requests=str(requests.resolve())) if requests else found
    else:
        named = f"{own!r} is no folder; " if own else ""
        raise LabError(f"{named}name a folder with a lab.toml, --app MODULE:NAME, or a core with its --documents")
    if ignore:
        answers = replace(found.answers, ignore=(*found.answers.ignore, *words(ignore)))
        found = replace(found, answers=answers)
    before = fingerprint(Path(found.source))
    told = [own] if own else ["--app", application or "", "--source", str(source.resolve())]
    asked = studies.Asked(
        words=shlex.join(["try", *told]), servers=words(servers or ""), interpreters=words(interpreters), rate=rate
    )
    plan = plan_of(*studies.study_of(found, asked, declared(), Progress()))
    folder, _ = pipeline.run(plan, Progress(), force, strict, budget=duration_of(budget))
    if fingerprint(Path(found.source)) != before:
        raise LabError(f"{found.source} changed while it was measured: measure again, with --force")
    return show(folder, None, json)


def _core(
    core: str,
    *,
    documents: Path,
    against: str | None,
    servers: str,
    framework: str,
    source: Path,
    requires: str,
    force: bool,
    strict: bool,
    json: bool,
) -> int:
    """Measure a core of one's own."""
    from bench import trying  # noqa: PLC0415 - other verbs know no documents but the catalogue's

    own = trying.Own(
        core=core,
        documents=documents.resolve(),
        source=source.resolve(),
        against=against,
        servers=words(servers),
        framework=framework,
        requires=words(requires),
    )
    plan = plan_of(*trying.study_of(own, declared(), Progress()))
    folder, _ = pipeline.run(plan, Progress(), force, strict, own.documents)
    return show(folder, None, json)
