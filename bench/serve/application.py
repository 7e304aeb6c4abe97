"""An application before it is served: a fresh, prepared copy of its source, and the environment of its process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.build import artifacts, commands
from bench.build.project import copy, fingerprint
from bench.errors import LabError
from bench.model import Application, Catalog, Stack, Variant
from bench.paths import LAB, PREFIXES, SUBJECT
from bench.provision import stamp
from bench.serve import backend as backends
from bench.serve.backend import RunningBackend

ENTRY = "lab_application"  # the module that servers point at
PREPARED = LAB / "prepared"
SOURCE, STATE = "source", "backend"  # folders of a prepared application


def placed(
    catalog: Catalog, variant: Variant, scratch: Path, log: Path, backend: RunningBackend | None
) -> tuple[Path, dict[str, str]]:
    """Put a prepared copy of the application's source into `scratch`. Returns its folder and the whole environment.

    One prepared copy is kept and copied again. A fresh backend that no copy prepared requires `prepare` each time.
    Raises LabError if the source changed since the plan was made, or with the command of `prepare` that failed.
    """
    application = variant.application
    if application is None:
        raise ValueError(f"{variant.name} is no application")
    if fingerprint(Path(application.source)) != application.source_sha256:
        raise LabError(f"{application.source} changed during the measurement: run the same command again")
    source, entry = scratch / "source", scratch / "entry"
    known = application.prepare and (backend is None or backend.is_prepared)
    prepared = _prepared(catalog, variant, application, log) / SOURCE if known else None
    copy(prepared or Path(application.source), source)
    entry.mkdir()
    shutil.copyfile(SUBJECT / "application.py", entry / f"{ENTRY}.py")
    env = environment(catalog, variant, application, source, backend) | {"LAB_PROVENANCE": str(provenance(scratch))}
    env["PYTHONPATH"] += f":{entry}"
    if prepared is None:
        _prepare(application, variant, source, log, env=env, backend=backend)
    return source, env


@contextmanager
def backend_for(catalog: Catalog, stack: Stack, name: str | None, log: Path) -> Iterator[RunningBackend | None]:
    """Run the backend of that name for a stack; see `bench.serve.backend`.

    A persistent backend begins as a copy of the one that the stack's application has prepared.
    """
    variant = None if stack.is_peer else catalog.variant(stack.variant)
    application = variant.application if variant else None
    state = None
    if variant and application and application.prepare and name and catalog.backends[name].persistent:
        state = _prepared(catalog, variant, application, log) / STATE
    with backends.backend_for(catalog, name, log, state=state) as running:
        yield running


def _prepared(catalog: Catalog, variant: Variant, application: Application, log: Path) -> Path:
    """Return a folder with a copy of the source after `prepare`, and with the folder of the backend, if there is one.

    It is kept while application, artifact and backend are unchanged.
    """
    folder = PREPARED / variant.name
    described = msgspec.json.encode(application, order="sorted").decode()
    name = application.backend
    behind = backends.fingerprint(catalog.backends[name]) if name else ""
    made_of = stamp.of(artifacts.require(variant.name).fingerprint, described, behind)
    if not stamp.is_current(folder, made_of):
        source, of_backend = folder / SOURCE, log.with_suffix(".prepare.log")
        with stamp.rebuilding(folder, made_of):
            copy(Path(application.source), source)
            with backends.backend_for(catalog, name, of_backend, keep=folder / STATE) as backend:
                env = environment(catalog, variant, application, source, backend)
                _prepare(application, variant, source, log, env=env, backend=backend)
    return folder


def _prepare(
    application: Application,
    variant: Variant,
    source: Path,
    log: Path,
    *,
    env: dict[str, str],
    backend: RunningBackend | None,
) -> None:
    places = {"python": str(artifacts.python(variant.name)), **(backend.places if backend else {})}
    commands.run_all(application.prepare, places, source, log, env)


def environment(
    catalog: Catalog, variant: Variant, application: Application, source: Path, backend: RunningBackend | None
) -> dict[str, str]:
    """Return the whole environment of a process of the application. It contains nothing of the caller's."""
    base = artifacts.environment(catalog, variant)
    own = dict(application.env)
    for name, place in backend.places.items() if backend else ():
        own = {key: value.replace(f"{{{name}}}", place) for key, value in own.items()}
    return base | {
        "PATH": f"{PREFIXES / variant.name / 'bin'}:{base['PATH']}",
        "PYTHONPATH": str(source),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAB_APPLICATION": application.app,
        "LAB_FACTORY": str(int(application.factory)),
        **own,
    }


def provenance(scratch: Path) -> Path:
    """Return the path of the file to which the serving process writes its provenance."""
    return scratch / "provenance.json"
