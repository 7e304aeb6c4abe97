"""The `lab.toml` of a user's project → the manifest, with absolute paths."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from bench.catalog import declarations, placeholders
from bench.errors import LabError
from bench.model import Argv, Declared, Interface, Same

NAME = "lab.toml"
BASELINES: dict[Interface, str] = {"wsgi": "gunicorn-sync", "asgi": "uvicorn-httptools", "rsgi": "granian-rsgi"}
REQUIREMENTS = ("uv.lock", "requirements.txt", "pyproject.toml")  # the most exact first


class Answers(Declared, frozen=True, kw_only=True):
    """The rule that compares an answer with the baseline's; see `Same`."""

    same: Literal["json", "bytes"] = "json"
    ignore: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    headers: tuple[str, ...] = ("content-type",)

    def __post_init__(self) -> None:
        """Raise ValueError for a mask that is not a regular expression; the decoder adds the file."""
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
    are the present ones, the baseline. `backend` names a backend of the lab; `{dsn}` is its address in `env` and
    `prepare`.
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
    backend: str | None = None
    requests: str = "requests"
    answers: Answers = msgspec.field(default_factory=Answers)

    def __post_init__(self) -> None:
        """Raise ValueError for an `app` that is not MODULE:NAME, or for an unknown placeholder in `prepare`."""
        module, colon, attribute = self.app.partition(":")
        if not colon or not attribute or not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(f"app: {self.app!r} is not MODULE:NAME, such as shop.wsgi:application")
        if told := placeholders.unfilled("prepare", chain.from_iterable(self.prepare), ("dsn", "python")):
            raise ValueError(told)


def read(project: Path, folder: Path | None = None) -> Manifest:
    """Return the manifest of a project, with paths resolved from `folder`, by default the project's.

    Raises LabError that names the file and what is wrong.
    """
    path = project / NAME
    if not path.is_file():
        raise LabError(f"{project}: no {NAME}: run `python -m bench init {project}`")
    return placed(declarations.read(path, Manifest), folder or project)


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


def requirements(folder: Path) -> tuple[str, ...]:
    """Return the requirements file of a project, the most exact one if there are several."""
    return next(((name,) for name in REQUIREMENTS if (folder / name).is_file()), ())
