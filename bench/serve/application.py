"""An application about to be served: a fresh copy of its source, made ready, and the environment of its process."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.build import artifacts, commands
from bench.model import Application, Catalog, Variant
from bench.paths import LAB, PREFIXES, SUBJECT
from bench.provision import stamp

ENTRY = "lab_application"  # the module that servers point at
LEFT_OUT = {".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache"}
MANIFEST = "lab.toml"
PREPARED = LAB / "prepared"


def placed(
    catalog: Catalog, variant: Variant, scratch: Path, log: Path, dsn: str | None
) -> tuple[Path, dict[str, str]]:
    """Copy the application's source, made ready, into `scratch`: the copy's folder and the whole environment.

    Without a backend it is made ready once and copied from there; a fresh backend has to be made ready each time.
    Raises LabError with the command of `prepare` that fails and the place of its log.
    """
    application = variant.application
    if application is None:
        raise ValueError(f"{variant.name} is no application")
    source, entry = scratch / "source", scratch / "entry"
    prepared = _prepared(catalog, variant, application, log) if application.prepare and dsn is None else None
    shutil.copytree(prepared or application.source, source, symlinks=True, ignore=_left_out)
    entry.mkdir()
    shutil.copyfile(SUBJECT / "application.py", entry / f"{ENTRY}.py")
    env = environment(catalog, variant, application, source, dsn) | {"LAB_PROVENANCE": str(provenance(scratch))}
    env["PYTHONPATH"] += f":{entry}"
    if prepared is None:
        _prepare(application, variant, source, log, env)
    return source, env


def _prepared(catalog: Catalog, variant: Variant, application: Application, log: Path) -> Path:
    """A copy of the source on which the commands of `prepare` have run, kept for as long as nothing of it changes."""
    folder = PREPARED / variant.name
    built = artifacts.require(variant.name).fingerprint
    told = msgspec.json.encode(application, order="sorted").decode()
    made_of = stamp.of(fingerprint(Path(application.source)), built, told)
    source = folder / "source"
    if not stamp.is_current(folder, made_of):
        with stamp.rebuilding(folder, made_of):
            shutil.copytree(application.source, source, symlinks=True, ignore=_left_out)
            _prepare(application, variant, source, log, environment(catalog, variant, application, source, None))
    return source


def _prepare(application: Application, variant: Variant, source: Path, log: Path, env: dict[str, str]) -> None:
    places = {"python": str(artifacts.python(variant.name)), "dsn": env.get("LAB_DSN", "")}
    commands.run_all(application.prepare, places, source, log, env)


def environment(
    catalog: Catalog, variant: Variant, application: Application, source: Path, dsn: str | None
) -> dict[str, str]:
    """The whole environment of a process of the application: nothing of the caller's passes."""
    base = artifacts.environment(catalog, variant)
    own = {key: value.replace("{dsn}", dsn or "") for key, value in application.env.items()}
    return base | {
        "PATH": f"{PREFIXES / variant.name / 'bin'}:{base['PATH']}",
        "PYTHONPATH": str(source),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAB_APPLICATION": application.app,
        "LAB_FACTORY": str(int(application.factory)),
        **({"LAB_DSN": dsn} if dsn else {}),
        **own,
    }


def provenance(scratch: Path) -> Path:
    """Where the process that serves writes what it is."""
    return scratch / "provenance.json"


def fingerprint(source: Path) -> str:
    """Hash of the names and contents of all files of a project that are copied, but for `lab.toml`."""
    digest = hashlib.sha256()
    for path in sorted(_files(source)):
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        digest.update(f"{path.relative_to(source)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield from _files(path) if path.name not in LEFT_OUT else ()
        elif path.is_symlink() or (path.is_file() and path.name != MANIFEST):
            yield path


def _left_out(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in LEFT_OUT or Path(folder, name).is_socket()}
