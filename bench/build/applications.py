"""A user's requirements → pins for one interpreter, in the lab's cache. The user's project does not change."""

from __future__ import annotations

import re
from pathlib import Path

from bench.build import requirements
from bench.errors import MissingError
from bench.model import Application, Provisioned
from bench.paths import LAB
from bench.provision import stamp, system
from bench.provision.interpreters import MEASURED_LOCK, uv
from bench.provision.locks import ENTRY

PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*(?:==|@)", re.MULTILINE)  # to a version or to a wheel
LOCKS = LAB / "applications"
PINS, ALL_PINS = "requirements.txt", "all.txt"


def locked(application: Application, interpreter: Provisioned) -> Path:
    """Return the pins of an application's requirements on an interpreter, resolved once for unchanged files.

    It is resolved again when a file that they include or a local package that they name changes.
    Raises MissingError with uv's message if they cannot be resolved, or with the line that is unsupported.
    """
    files = [Path(name) for name in application.requirements]
    folder = LOCKS / application.name / interpreter.name
    made_of = stamp.of(interpreter.fingerprint, *requirements.parts(files))
    pins = folder / PINS
    if stamp.is_current(folder, made_of):
        return pins
    with stamp.rebuilding(folder, made_of):
        prepared = requirements.prepared(files, folder, interpreter)
        if prepared:
            how = ["--python", interpreter.executable, "--no-header", "--no-emit-index-url", "--no-annotate"]
            done = uv("pip", "compile", *map(str, prepared), *how, "--output-file", str(pins))
            if done.returncode != 0:
                names = ", ".join(path.name for path in files)
                raise MissingError(f"{names}: cannot be resolved for {interpreter.name}: {system.error_message(done)}")
            requirements.require_no_local(pins.read_text(encoding="utf-8"), folder)
        else:
            pins.write_text("")
        (folder / ALL_PINS).write_text(_merged(pins.read_text(encoding="utf-8")), encoding="utf-8")
    return pins


def all_pins(pins: Path) -> Path:
    """Return the lock of the servers: the application's pins, and the lab's pins for all other packages."""
    return pins.with_name(ALL_PINS)


def _merged(pins: str) -> str:
    own = {match[1].lower().replace("_", "-") for match in PINNED.finditer(pins)}
    lab = [match[0] for match in ENTRY.finditer(MEASURED_LOCK.read_text(encoding="utf-8")) if match[1] not in own]
    return pins + "".join(line.partition(" \\")[0] + "\n" for entry in lab for line in entry.splitlines()[:1])
