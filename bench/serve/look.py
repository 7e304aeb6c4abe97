"""Import an application in its own interpreter: WSGI or ASGI, a factory or not, or the error of its import."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench.build import artifacts
from bench.build.project import copy
from bench.errors import LabError
from bench.model import Catalog, Interface
from bench.paths import LOGS, SUBJECT
from bench.serve.application import environment
from bench.serve.backend import backend_for

IMPORT_SECONDS = 120
OTHERWISE = "correct it, or set what it reads in [env] of lab.toml"
REMEDIES = {  # of an exception's class
    "KeyError": "set the variable in [env] of lab.toml",
    "ImproperlyConfigured": "set what the settings read in [env] of lab.toml",
    "ModuleNotFoundError": "add its package to `requirements`, or correct `app` or `source` in lab.toml",
    "ImportError": "add its package to `requirements`, or correct `app` or `source` in lab.toml",
    "AttributeError": "correct the module, or `app` in lab.toml",
}


class Looked(msgspec.Struct, frozen=True):
    """The output of `subject/look.py`. `error`: the traceback of an import that failed."""

    interface: Interface | None = None
    factory: bool = False
    type: str = ""
    debug: bool = False
    error: str | None = None


def look(catalog: Catalog, variant: str) -> Looked:
    """Import a copy of the application in its own interpreter. Raises LabError with a short traceback if that fails."""
    declared = catalog.variant(variant)
    application = declared.application
    if application is None:
        raise ValueError(f"{variant} is no application")
    argv = [str(artifacts.python(variant)), str(SUBJECT / "look.py"), application.app]
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{variant}-import.backend.log"
    try:
        with (
            TemporaryDirectory(prefix="bench-") as scratch,
            backend_for(catalog, application.backend, log) as backend,  # an import may connect to it
        ):
            source = Path(scratch, "source")
            copy(Path(application.source), source)
            env = environment(catalog, declared, application, source, backend)
            done = subprocess.run(argv, cwd=source, env=env, capture_output=True, check=False, timeout=IMPORT_SECONDS)
        found = msgspec.convert(json.loads(done.stdout.splitlines()[-1]), Looked)
    except subprocess.TimeoutExpired:
        raise LabError(f"{application.app} was not imported within {IMPORT_SECONDS} s") from None
    except (IndexError, ValueError):
        raise LabError(f"{application.app}: its import exited with status {done.returncode}") from None
    if found.error:
        where = catalog.interpreters[declared.interpreter].title
        cause = raised(found.error)
        remedy = REMEDIES.get(cause.partition(":")[0].rpartition(".")[2], OTHERWISE)
        raise LabError(f"{application.app} does not import on {where}: {cause}; {remedy}\n{found.error.rstrip()}")
    return found


def raised(traceback: str) -> str:
    """Return the line of a traceback that names the exception: the first one after the last frame."""
    lines = traceback.rstrip().splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith("  File ")]
    after = lines[frames[-1] :] if frames else lines
    return next((line for line in after if line and not line.startswith(" ")), "no message")
