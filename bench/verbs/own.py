"""Verbs for your own code: a whole service, or a core."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench import pipeline
from bench.documents.answers import POINTER
from bench.errors import LabError
from bench.host import exclusive
from bench.progress import Progress
from bench.verbs.app import Budget, Flag, Json, app, declared, duration_of, out, plan_of, words
from bench.verbs.tell import show

DEFAULT_REQUESTS = Path("requests")
CORE_SERVERS = "gunicorn-sync,uwsgi-processes"
Text = Annotated[str, Parameter(show_default=False)]


@app.command
def init(project: Path, /) -> int:
    """Write a lab.toml and a first request for a project, and print what was found and what is missing.

    Example: `python -m bench init ~/shop`, then `python -m bench try ~/shop`. No other file of the project changes.

    Parameters
    ----------
    project
        Folder of a service: Django, FastAPI, Flask, Falcon, Starlette, Litestar, Quart, Bottle, or a bare callable.
    """
    from bench.own import init as initialising  # noqa: PLC0415 - only the verbs of this module need it

    written = initialising.write(project.resolve(), declared())
    for lead, lines in (("found", written.found), ("wrote", map(str, written.files)), ("to do", written.missing)):
        for line in lines:
            out.print(f"{lead}  {line}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"then: python -m bench try {project}", markup=False, highlight=False, soft_wrap=True)
    return 0


@app.command(name="try")
def try_(
    own: str | None = None,
    /,
    *,
    url: str | None = None,
    application: Annotated[str | None, Parameter(name="--app")] = None,
    source: Annotated[Path, Parameter(show_default=False)] = Path(),
    requirements: Annotated[tuple[Path, ...], Parameter(negative="", show_default=False)] = (),
    requests: Path | None = None,
    servers: str | None = None,
    interpreters: Text = "",
    rate: float | None = None,
    workers: int = 1,
    ignore: Text = "",
    documents: Path | None = None,
    against: str | None = None,
    framework: str = "falcon",
    requires: Text = "",
    budget: Budget = None,
    allow_remote_load: Flag = False,
    force: Flag = False,
    strict: Flag = False,
    json: Json = False,
) -> int:
    """Measure your own service behind several servers and on several Pythons, one that runs already, or your own core.

    Service: `python -m bench try ~/shop`, where `init` wrote a lab.toml, or `python -m bench try --app
    shop.wsgi:application`. Every answer is compared with that of the baseline, your present server and Python. Your
    folder is not changed.

    Service that runs already: `python -m bench try --url http://127.0.0.1:8000`. Throughput, latency and, if its
    processes can be read, CPU and memory. It gets the requests for real, thousands of times.

    Core, a function from bytes to bytes: `python -m bench try mycore:transform --documents ~/invoices`.

    Exit status: 1 if an answer is wrong, 3 if --strict refuses to measure.

    Parameters
    ----------
    own
        Folder of a service with its lab.toml; or a core, MODULE:FUNCTION or MODULE:FUNCTION@INTERPRETER.
    url
        Service that runs already: http://HOST:PORT, an address of this machine.
    application
        Service without a lab.toml: a WSGI or ASGI application or factory, such as shop.wsgi:application.
    source
        Folder of the application or of the core's module. Default: the current folder.
    requirements
        Service without a lab.toml: its requirements.txt, pyproject.toml or uv.lock.
    requests
        Service: the requests to send, a file NAME.http or a folder of such files.
    servers
        Comma-separated servers, or all; for a core, "" measures it alone.
    interpreters
        Service: comma-separated Pythons, such as 3.14,3.14-jit,pypy.
    rate
        Service: requests/s at which latencies are measured. Default: half the capacity of the slowest stack; with
        --url, 60 % of the throughput.
    workers
        Service: worker processes of each server, one for each of its cores; a core more is for the load.
    ignore
        Service: comma-separated JSON Pointers to members that may differ between answers, such as /id,/rows/*/at.
    documents
        Core: folder with documents NAME.json and their right answers NAME.out.json, as in spec/golden/valid.
    against
        Baseline. Service: folder of another version, measured side by side. Core: a variant or another MODULE:FUNCTION;
        default: cpython, if it answers the documents right.
    framework
        Core: the framework between core and server.
    requires
        Core: comma-separated packages that MODULE imports; bench/locks/measured.txt must pin them.
    allow_remote_load
        With --url: the service may run on another machine. Its CPU and memory are then unavailable.
    force
        Begin a new session even if the last one is finished or interrupted.
    strict
        Refuse to measure, with exit status 3, if the machine is not quiet within a minute.
    """
    if rate is not None and not 0 < rate < math.inf:
        raise LabError(f"invalid --rate {rate:g}: use requests per second, more than 0")
    for pointer in words(ignore):
        if not POINTER.fullmatch(pointer):
            raise LabError(f"invalid --ignore {pointer!r}: use JSON Pointers such as /id,/rows/*/at")
    if url is not None:
        unused = {
            "--app": application,
            "--source": source != Path(),
            "--requirements": requirements,
            "--servers": servers,
            "--interpreters": interpreters,
            "--workers": workers != 1,
            "--documents": documents,
            "--against": against,
            "--requires": requires,
            "--budget": budget,
        }
        given = [f"the folder {own!r}"] * bool(own) + [name for name, value in unused.items() if value]
        return _running(
            url,
            requests,
            given,
            rate=rate,
            ignore=ignore,
            remote=allow_remote_load,
            force=force,
            strict=strict,
            json=json,
        )
    if allow_remote_load:
        raise LabError("--allow-remote-load requires --url")
    limit = duration_of(budget)
    if documents is not None:
        if own is None:
            raise LabError("--documents requires a core, such as `try mycore:transform --documents ~/invoices`")
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
    if application is None and (own is None or not Path(own).is_dir()):
        lead = f"{own!r} is not a folder" if own else "try requires something to measure"
        raise LabError(f"{lead}: use a folder with a lab.toml, --app MODULE:NAME, or a core with --documents")
    if own and application:
        raise LabError(f"use either the folder {own!r} or --app, not both")
    from bench.own import asked, study  # noqa: PLC0415 - only the verbs of this module need it

    service = asked.Asked(
        project=Path(own).resolve() if own else None,
        app=application or "",
        source=source.resolve(),
        requirements=requirements,
        requests=requests,
        servers=words(servers or ""),
        interpreters=words(interpreters),
        rate=rate,
        workers=workers,
        ignore=words(ignore),
        against=Path(against) if against else None,
    )
    exclusive.require_free()  # before anything is built
    plan = plan_of(*study.study_of(service, declared(), Progress()))
    folder, _ = pipeline.run(plan, Progress(), force, strict, budget=limit)
    return show(folder, None, json)


def _running(
    url: str,
    requests: Path | None,
    given: Sequence[str],
    *,
    rate: float | None,
    ignore: str,
    remote: bool,
    force: bool,
    strict: bool,
    json: bool,
) -> int:
    """Measure a service that runs already. `given`: options that do not go with it."""
    from bench.own import running  # noqa: PLC0415 - only the verbs of this module need it
    from bench.report import running as telling  # noqa: PLC0415 - a slow import, as in `show`

    if given:
        raise LabError(f"use either {given[0]} or --url, not both: the lab does not start a service that runs already")
    if requests is None and not DEFAULT_REQUESTS.is_dir():
        raise LabError("--url requires --requests FOLDER, with requests in files NAME.http")
    folder = (requests or DEFAULT_REQUESTS).resolve()
    asked = running.AskedByUrl(url=url, requests=folder, ignore=words(ignore), rate=rate, remote=remote)
    results, record = running.measure(asked, declared(), Progress(), force=force, strict=strict)
    telling.show(out, record, results, json)
    return 0


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
    """Measure the user's own core."""
    from bench import trying  # noqa: PLC0415 - only the verbs of this module need it

    own = trying.Own(
        core=core,
        documents=documents.resolve(),
        source=source.resolve(),
        against=against,
        servers=words(servers),
        framework=framework,
        requires=words(requires),
    )
    exclusive.require_free()  # before anything is built
    plan = plan_of(*trying.study_of(own, declared(), Progress()))
    folder, _ = pipeline.run(plan, Progress(), force, strict, own.documents)
    return show(folder, None, json)
