"""One TOML file → a noun of `model`; a folder of them → a dict by name. Errors name the file, the line and the key."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.catalog import mistakes, placeholders
from bench.errors import LabError
from bench.model import Declared
from bench.paths import ROOT

T = TypeVar("T", bound=Declared)


def read(path: Path, noun: type[T]) -> T:
    """Decode one TOML file. Raises LabError that names the file, the line and the key that is wrong."""
    try:
        return msgspec.convert(_keys(path), noun)
    except msgspec.ValidationError as error:
        raise LabError(mistakes.of_content(_named(path), path.read_text(), noun, error)) from error


def _named(path: Path) -> Path:
    """A file as messages name it: relative to the checkout if it is inside."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _keys(path: Path) -> dict[str, Any]:
    """The keys of a TOML file. With `like = "NAME"`, they override those of NAME.toml beside it, table by table."""
    own = _decoded(path)
    like = own.pop("like", None)
    if like is None:
        return own
    try:
        base = _keys(path.with_name(f"{like}.toml"))
    except FileNotFoundError:
        raise LabError(f"{_named(path)}: like: there is no {like}.toml beside this file") from None
    tables = {key: base[key] | value for key, value in own.items() if isinstance(value, dict) and key in base}
    return base | own | tables


def _decoded(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    try:
        keys: dict[str, Any] = tomllib.loads(content.decode())
    except ValueError as error:  # neither TOML nor UTF-8
        raise LabError(mistakes.of_syntax(_named(path), content.decode(errors="replace"), error)) from error
    return keys


def listing(noun: type[T], *patterns: str) -> dict[str, T]:
    """Every noun that the files of some folders declare, by its name.

    Raises LabError where a name differs from its file's stem, where two files declare one name, and for a placeholder
    that nobody fills.
    """
    found: dict[str, T] = {}
    places: dict[str, Path] = {}
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        declared = read(path, noun)
        name: str = getattr(declared, "name")  # noqa: B009 - every declared noun has one
        if name != path.stem:
            raise LabError(f"{path.relative_to(ROOT)}: name: {name!r} must equal the file's name, {path.stem!r}")
        first = places.setdefault(name, path)
        if first != path:
            raise LabError(f"{path.relative_to(ROOT)}: name: {first.relative_to(ROOT)} declares {name!r} already")
        found[name] = declared
    flawed = [(places[name], told) for name, declared in found.items() if (told := placeholders.flaw(declared))]
    if flawed:  # of a file and those like it, the file itself is named
        path, told = min(flawed, key=lambda each: "like" in _decoded(each[0]))
        raise LabError(f"{path.relative_to(ROOT)}: {told}")
    return found


def constant(path: Path, name: str) -> tuple[str, ...]:
    """A tuple of strings that a module assigns at its top, read from its source: the lab does not import the module."""
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                return tuple(ast.literal_eval(value))
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                return tuple(ast.literal_eval(value))
    raise LabError(f"{path.relative_to(ROOT)}: add {name} = (…), a tuple of the packages that the framework needs")
