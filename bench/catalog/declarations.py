"""One TOML file → a noun of `model`; a folder of them → a dict by name. Errors name the file, the line and the key."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec

from bench.catalog import drivable, mistakes, placeholders
from bench.errors import LabError
from bench.model import Declared, Interpreter, Layering, Peer, Server, Tuning, Variant, Words, Workload
from bench.paths import ROOT

T = TypeVar("T", bound=Declared)
Flaw = Callable[[Declared], str | None]  # what is wrong with a declaration, whatever the others say

ALONE: Sequence[Flaw] = (placeholders.flaw, drivable.flaw)
WORDS = Words.__struct_fields__  # keys beside those of the nouns in `WORDED`
WORDED = {Interpreter, Layering, Peer, Server, Tuning, Variant, Workload}


def read(path: Path, noun: type[T], beside: Collection[str] = ()) -> T:
    """Decode one TOML file without the keys `beside` the noun's.

    Raises LabError that names the file, the line and the key that is wrong.
    """
    try:
        return msgspec.convert({key: value for key, value in _keys(path).items() if key not in beside}, noun)
    except msgspec.ValidationError as error:
        raise LabError(mistakes.of_content(_named(path), path.read_text(), noun, error)) from error


def _named(path: Path) -> Path:
    """A file as messages name it: relative to the checkout if it is inside."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _keys(path: Path, followed: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The keys of a TOML file. With `like = "NAME"`, they override those of NAME.toml beside it, table by table.

    `followed` are the files that are like this one.
    """
    own = _decoded(path)
    like = own.pop("like", None)
    if like is None:
        return own
    original = path.with_name(f"{like}.toml")
    if original in (path, *followed):
        raise LabError(f"{_named(path)}: like: {like}.toml copies this file in turn: name another file")
    try:
        base = _keys(original, (*followed, path))
    except FileNotFoundError:
        raise LabError(f"{_named(path)}: like: there is no {like}.toml beside this file") from None
    both = {key for key in own.keys() & base.keys() if isinstance(own[key], dict) and isinstance(base[key], dict)}
    return base | own | {key: base[key] | own[key] for key in both}


def _decoded(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    try:
        keys: dict[str, Any] = tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LabError(f"{_named(path)}:{line}: not UTF-8; save the file as UTF-8") from error
    except ValueError as error:
        raise LabError(mistakes.of_syntax(_named(path), content.decode(), error)) from error
    return keys


def listing(noun: type[T], *patterns: str, flaws: Sequence[Flaw] = ALONE) -> dict[str, T]:
    """Every noun that the files of some folders declare, by its name.

    Raises LabError where a name differs from its file's stem, where two files declare one name, and for what one of
    `flaws` finds.
    """
    found: dict[str, T] = {}
    places: dict[str, Path] = {}
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        declared = read(path, noun, WORDS if noun in WORDED else ())
        name: str = getattr(declared, "name")  # noqa: B009 - every declared noun has one
        if name != path.stem:
            raise LabError(f"{path.relative_to(ROOT)}: name: {name!r} must equal the file's name, {path.stem!r}")
        first = places.setdefault(name, path)
        if first != path:
            raise LabError(f"{path.relative_to(ROOT)}: name: {first.relative_to(ROOT)} declares {name!r} already")
        found[name] = declared
    flawed = [(places[name], told) for name, each in found.items() for flaw in flaws if (told := flaw(each))]
    if flawed:  # of a file and those like it, the file itself is named
        path, told = min(flawed, key=lambda each: "like" in _decoded(each[0]))
        raise LabError(f"{path.relative_to(ROOT)}: {told}")
    return found


def words(*patterns: str) -> dict[str, Words]:
    """What the files of some folders say to readers, by the name of what they declare. `like` copies no words."""
    found: dict[str, Words] = {}
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        own = {key: value for key, value in _decoded(path).items() if key in WORDS}
        try:
            found |= {path.stem: msgspec.convert(own, Words)} if own else {}
        except msgspec.ValidationError as error:
            raise LabError(mistakes.of_content(_named(path), path.read_text(), Words, error)) from error
    return found


@overload
def constant(path: Path, name: str) -> tuple[str, ...]: ...


@overload
def constant(path: Path, name: str, missing: None) -> tuple[str, ...] | None: ...


def constant(path: Path, name: str, missing: str | None = "the framework needs") -> tuple[str, ...] | None:
    """A tuple of strings that a module assigns at its top, read from its source: the lab does not import the module.

    Without it, raises LabError, which says whose packages are `missing`; with `missing` None, returns None.
    """
    where = path.relative_to(ROOT)
    try:
        module = ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise LabError(f"{where}:{error.lineno or 1}: invalid Python: {error.msg}") from error
    except ValueError as error:  # a null byte
        raise LabError(f"{where}: invalid Python: {error}") from error
    for node in module.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=found)], value=value)
                | ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value)
            ) if found == name:
                return _strings(value, f"{where}:{node.lineno}: {name}")
    if missing is None:
        return None
    raise LabError(f"{where}: add {name} = (…), a tuple of the packages that {missing}")


def _strings(value: ast.expr, where: str) -> tuple[str, ...]:
    """The tuple of strings that an expression spells out. Raises LabError, beginning with `where`, for another."""
    match value:
        case ast.Tuple(elts=parts) if all(
            isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts
        ):
            strings: tuple[str, ...] = ast.literal_eval(value)
            return strings
    raise LabError(f'{where}: expected a tuple of strings, such as ("falcon",)')
