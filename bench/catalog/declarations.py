"""A TOML file → a noun of `model`, a folder of them → all by name; what is wrong is told with its file and key."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.errors import LabError
from bench.model import Declared
from bench.paths import ROOT

T = TypeVar("T", bound=Declared)


def read(path: Path, noun: type[T]) -> T:
    """Decode one TOML file. Raises LabError naming the file and the key that is wrong."""
    try:
        return msgspec.convert(_keys(path), noun)
    except msgspec.DecodeError as error:
        raise LabError(f"{_named(path)}: {error}") from error


def _named(path: Path) -> Path:
    """A file as messages name it: from the checkout on where it lies there."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _keys(path: Path) -> dict[str, Any]:
    """What a TOML file says; with `like = "NAME"`, over what NAME.toml beside it says, table by table."""
    own: dict[str, Any] = msgspec.toml.decode(path.read_bytes())
    like = own.pop("like", None)
    if like is None:
        return own
    try:
        base = _keys(path.with_name(f"{like}.toml"))
    except FileNotFoundError:
        raise LabError(f"{path.relative_to(ROOT)}: like {like!r}: there is no {like}.toml beside it") from None
    tables = {key: base[key] | value for key, value in own.items() if isinstance(value, dict) and key in base}
    return base | own | tables


def listing(noun: type[T], *patterns: str) -> dict[str, T]:
    """Every declared noun of some folders by its file's stem, which its `name` has to equal and no other file has."""
    found: dict[str, T] = {}
    places: dict[str, Path] = {}
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        declared = read(path, noun)
        name: str = getattr(declared, "name")  # noqa: B009 - every declared noun has one
        if name != path.stem:
            raise LabError(f"{path.relative_to(ROOT)}: name is {name!r}, but the file is called {path.name}")
        first = places.setdefault(name, path)
        if first != path:
            raise LabError(f"{path.relative_to(ROOT)}: name {name!r} is taken by {first.relative_to(ROOT)}")
        found[name] = declared
    return found


def constant(path: Path, name: str) -> tuple[str, ...]:
    """A tuple of strings assigned at the top of a module that must not be imported here."""
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                return tuple(ast.literal_eval(value))
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                return tuple(ast.literal_eval(value))
    raise LabError(f"{path.relative_to(ROOT)}: no constant {name} that lists what the framework needs installed")
