"""What an application is, asked in its own interpreter: WSGI or ASGI, a factory or not; or why it does not import."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import msgspec

from bench.build import artifacts
from bench.errors import LabError
from bench.model import Catalog, Interface
from bench.paths import SUBJECT
from bench.serve.application import environment

IMPORT_SECONDS = 120


class Looked(msgspec.Struct, frozen=True):
    """What `subject/look.py` says of an application."""

    interface: Interface | None = None
    factory: bool = False
    type: str = ""
    error: str | None = None


def look(catalog: Catalog, variant: str) -> Looked:
    """What the application is, asked in its own interpreter. Raises LabError with its short traceback."""
    declared = catalog.variant(variant)
    application = declared.application
    if application is None:
        raise ValueError(f"{variant} is no application")
    env = environment(catalog, declared, application, Path(application.source), None)
    argv = [str(artifacts.python(variant)), str(SUBJECT / "look.py"), application.app]
    try:
        done = subprocess.run(
            argv, cwd=application.source, env=env, capture_output=True, check=False, timeout=IMPORT_SECONDS
        )
        found = msgspec.convert(json.loads(done.stdout.splitlines()[-1]), Looked)
    except subprocess.TimeoutExpired:
        raise LabError(f"{application.app} was not imported within {IMPORT_SECONDS} s") from None
    except (IndexError, ValueError):
        raise LabError(f"{application.app}: importing it ended with status {done.returncode}") from None
    if found.error:
        where = catalog.interpreters[declared.interpreter].title
        raise LabError(f"{application.app} does not import on {where}:\n{found.error.rstrip()}")
    return found
