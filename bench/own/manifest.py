"""The `lab.toml` of a user's project → the manifest, with absolute paths."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from bench.catalog import declarations, placeholders
from bench.documents.answers import POINTER
from bench.errors import LabError
from bench.model import Argv, Backend, Declared, Interface, Same

NAME = "lab.toml"
BASELINES: dict[Interface, str] = {"wsgi": "gunicorn-sync", "asgi": "uvicorn-httptools", "rsgi": "granian-rsgi"}
BACKEND = ("dsn", "folder", "port")  # placeholders that a backend fills
REQUIREMENTS = ("uv.lock", "requirements.txt", "pyproject.toml")  # the most exact first


class Answers(Declared, frozen=True, kw_only=True):
    """The rule that compares an answer with the baseline's; see `Same`."""

    same: Literal["json", "bytes"] = "json"
    ignore: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    headers: tuple[str, ...] = ("content-type",)

    def __post_init__(self) -> None:
        """Raise ValueError for an invalid pointer or mask; the decoder adds the file."""
        for key in ("ignore", "unordered"):
            for pointer in getattr(self, key):
                if not POINTER.fullmatch(pointer):
                    raise ValueError(f"{key}: {pointer!r} is not a JSON Pointer such as /id or /rows/*/at")
        for mask in self.mask:
            try:
                re.compile(mask)
            except re.error as error:
                raise ValueError(f"mask: {mask!r} is not a regular expression: {error}") from error

    @property
    def rule(self) -> Same:
        """The rule for each exchange."""
        headers = tuple(name.lower() for name in self.headers)
        return Same(by=self.same, ignore=self.ignore, unordered=self.unordered, mask=self.mask, headers=headers)


class Manifest(Declared, frozen=True, kw_only=True):
    """The content of a `lab.toml`; paths are relative to its folder. `docs/your-own-service.md` explains each key.

    `app` is MODULE:NAME. Without `interface` and `factory`, the imported object decides. `server` and `interpreter`
    are the present ones, the baseline. `backend` names a backend of the lab, or is one. `{dsn}`, `{folder}` and
    `{port}` are its address, folder and port in `env` and `prepare`; `{project}` in it is the folder of the `lab.toml`.
    """

    app: str
    name: str = ""
    interface: Interface | None = None
    factory: bool | None = None
    source: str = "."
    requirements: tuple[str, ...] = ()
    interpreter: str = "cpython-3.11"
    server: str | None = None
    env: dict[str, str] = {}
    prepare: tuple[Argv, ...] = ()
    backend: str | Backend | None = None
    requests: str = "requests"
    answers: Answers = msgspec.field(default_factory=Answers)

    def __post_init__(self) -> None:
        """Raise ValueError for an `app` that is not MODULE:NAME, or for an unknown placeholder."""
        module, colon, attribute = self.app.partition(":")
        if not colon or not attribute or not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(f"app: {self.app!r} is not MODULE:NAME, such as shop.wsgi:application")
        if told := self._unfilled():
            raise ValueError(told)

    def _unfilled(self) -> str | None:
        """Return what is wrong with the first placeholder that the lab does not fill; None if there is none."""
        if isinstance(self.backend, Backend) and (told := placeholders.flaw(_within(self.backend, Path("/")))):
            return f"backend.{told}"
        prepare, env = tuple(chain.from_iterable(self.prepare)), tuple(self.env.values())
        for key, texts in (("prepare", prepare), ("env", env)) if self.backend is None else ():
            asked = [f"{{{place}}}" for place in BACKEND for text in texts if f"{{{place}}}" in text]
            if asked:
                return f"{key}: {asked[0]} belongs to a backend: set `backend`"
        return placeholders.unfilled("prepare", prepare, (*BACKEND, "python")) or placeholders.unfilled(
            "env", env, BACKEND, formatted=False
        )


def read(project: Path, folder: Path | None = None) -> Manifest:
    """Return the manifest of a project, with paths resolved from `folder`, by default the project's.

    Raises LabError that names the file and what is wrong.
    """
    path = project / NAME
    if not path.is_file():
        raise LabError(f"{project}: no {NAME}: run `python -m bench init {project}`")
    found = declarations.read(path, Manifest)
    if isinstance(found.backend, Backend):
        found = replace(found, backend=_within(found.backend, project))
    return placed(found, folder or project)


def placed(manifest: Manifest, folder: Path) -> Manifest:
    """Return the manifest with its paths resolved from `folder`. Raises LabError for a path that does not exist."""
    source = (folder / manifest.source).resolve()
    if not source.is_dir():
        raise LabError(f"source: no such folder: {source}")
    files = [(folder / name).resolve() for name in manifest.requirements or requirements(folder)]
    for path in files:
        if not path.is_file():
            raise LabError(f"requirements: no such file: {path}")
    return replace(
        manifest,
        name=manifest.name or folder.resolve().name,
        source=str(source),
        requirements=tuple(map(str, files)),
        requests=str((folder / manifest.requests).resolve()),
    )


def _within(backend: Backend, project: Path) -> Backend:
    """Return a user's backend with `{project}` replaced, named after its program unless it has a name."""
    plain = str(project.resolve())
    place = plain.replace("{", "{{").replace("}", "}}")  # the other words are format strings

    def words(argv: Argv) -> Argv:
        program = tuple(word.replace("{project}", plain) for word in argv[:1])
        return (*program, *(word.replace("{project}", place) for word in argv[1:]))

    name = backend.name or Path(backend.argv[0]).name
    return replace(
        backend,
        name=name,
        title=backend.title or name,
        prepare=words(backend.prepare),
        argv=words(backend.argv),
        ready=words(backend.ready),
        version=words(backend.version),
        dsn=backend.dsn.replace("{project}", place),
        paths=tuple(path.replace("{project}", plain) for path in backend.paths),
    )


def requirements(folder: Path) -> tuple[str, ...]:
    """Return the requirements file of a project, the most exact one if there are several."""
    return next(((name,) for name in REQUIREMENTS if (folder / name).is_file()), ())
