"""`lab.toml` beside a user's project → what is measured of it, every path absolute."""

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
BASELINES: dict[Interface, str] = {"wsgi": "gunicorn-sync", "asgi": "gunicorn-uvicorn"}
REQUIREMENTS = ("uv.lock", "requirements.txt", "pyproject.toml")  # the most exact first


class Answers(Declared, frozen=True, kw_only=True):
    """When an answer is right: as `Same` has it, over the answers of the baseline."""

    same: Literal["json", "bytes"] = "json"
    ignore: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    headers: tuple[str, ...] = ("content-type",)

    def __post_init__(self) -> None:
        """Raises ValueError, which the decoder tells with the file, for a mask that is no regular expression."""
        for mask in self.mask:
            try:
                re.compile(mask)
            except re.error as error:
                raise ValueError(f"mask: {mask!r} is no regular expression: {error}") from error

    @property
    def rule(self) -> Same:
        """The rule for each exchange."""
        headers = tuple(name.lower() for name in self.headers)
        return Same(by=self.same, ignore=self.ignore, unordered=self.unordered, mask=self.mask, headers=headers)


class Manifest(Declared, frozen=True, kw_only=True):
    """What a `lab.toml` says; paths are relative to its folder. `docs/your-own-service.md` explains each key.

    `app` is MODULE:NAME; `interface` and `factory` are found out where they are absent. `server` and `interpreter` are
    those of today, the baseline. `backend` names one of the lab's, whose address is `{dsn}` in `env` and `prepare`.
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
        """Raises ValueError, which the decoder tells with the file, for what its keys cannot hold.

        `app` names an object of a module, and `prepare` only the places that the lab fills.
        """
        module, colon, attribute = self.app.partition(":")
        if not colon or not attribute or not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(f"app: {self.app!r} is not MODULE:NAME, such as shop.wsgi:application")
        if told := placeholders.unfilled("prepare", chain.from_iterable(self.prepare), ("dsn", "python")):
            raise ValueError(told)


def read(project: Path) -> Manifest:
    """The manifest of a project's folder, with absolute paths. Raises LabError naming the file and what is wrong."""
    path = project / NAME
    if not path.is_file():
        raise LabError(f"{project}: no {NAME} here: `python -m bench init {project}` writes one")
    return placed(declarations.read(path, Manifest), project)


def placed(manifest: Manifest, folder: Path) -> Manifest:
    """The manifest with its paths taken from `folder`. Raises LabError for one that is not there."""
    source = (folder / manifest.source).resolve()
    if not source.is_dir():
        raise LabError(f"source: no such folder: {source}")
    files = [(folder / name).resolve() for name in manifest.requirements or _found(folder)]
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


def written(manifest: Manifest) -> bytes:
    """The manifest as TOML, keys that have their defaults left out."""
    return msgspec.toml.encode({key: value for key, value in msgspec.to_builtins(manifest).items() if value})


def _found(folder: Path) -> tuple[str, ...]:
    """The file of requirements that a project has, the most exact one."""
    return next(((name,) for name in REQUIREMENTS if (folder / name).is_file()), ())
