"""A mistake in a TOML file → one line with the file, the line, the key and the nearest known key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import inspect

from bench.errors import unknown

Place = tuple[str | int, ...]  # keys and positions in arrays, from the top of the file

POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")  # how tomllib ends its messages
PATH = re.compile(r" - at `\$(.*)`$")  # how msgspec ends its messages
STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")  # a key, a position, any key of a table of one's own names
HEADER = re.compile(r"\s*(\[\[?)(.+?)\]\]?\s*(?:#.*)?$")
KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*")(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)\s*=""")
ANY = "*"


def of_syntax(path: Path, text: str, error: ValueError) -> str:
    """The message for a file that is not TOML."""
    found = POSITION.search(str(error))
    if found is None:
        return f"{path}: invalid TOML: {error}"
    line, column = found[1] or len(text.splitlines()), found[2]
    return f"{path}:{line}{f':{column}' if column else ''}: invalid TOML: {str(error)[: found.start()]}"


def of_content(path: Path, text: str, noun: type[msgspec.Struct], error: msgspec.ValidationError) -> str:
    """The message for a TOML file that does not declare a `noun`."""
    found = PATH.search(str(error))
    told = str(error)[: found.start()] if found else str(error)
    steps = STEP.findall(found[1]) if found else []
    place: Place = tuple(int(index) if index else ANY if anything else key for key, index, anything in steps)
    within = f" in {written(place)}" if place else ""
    if unexpected := re.match(r"Object contains unknown field `(.+)`", told):
        told, place = unknown("key", unexpected[1], _keys(noun, place), within), (*place, unexpected[1])
    elif absent := re.match(r"Object missing required field `(.+)`", told):
        told = f"missing key {absent[1]!r}{within}"
    elif choice := re.match(r"Invalid (?:enum )?value '(.+)'", told):
        told = f"{written(place)}: {unknown('value', choice[1], _choices(noun, place))}"
    elif place:
        told = f"{written(place)}: {told[0].lower()}{told[1:].replace('`', '')}"
    line = _line(text, place)
    return f"{path}{f':{line}' if line else ''}: {told}"


def written(place: Place) -> str:
    """A place as messages show it, such as `targets[0].metric`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def _keys(noun: type[msgspec.Struct], place: Place) -> set[str]:
    """The keys of the table at `place`."""
    tables = [each for each in _types(inspect.type_info(noun), place) if isinstance(each, inspect.StructType)]
    return {field.encode_name for each in tables for field in each.fields} | {
        each.tag_field for each in tables if each.tag_field
    }


def _choices(noun: type[msgspec.Struct], place: Place) -> set[str]:
    """The values that the key at `place` may have: those of a literal type, or the tags of a union."""
    whole = inspect.type_info(noun)
    literals = [each.values for each in _types(whole, place) if isinstance(each, inspect.LiteralType)]
    tables = [each for each in _types(whole, place[:-1]) if isinstance(each, inspect.StructType)]
    tags = [(each.tag,) for each in tables if place and each.tag_field == place[-1]]
    return {str(value) for values in (*literals, *tags) for value in values}


def _types(kind: inspect.Type, place: Place) -> Iterator[inspect.Type]:
    """The types that what stands at `place` of a `kind` may have."""
    match kind:
        case inspect.UnionType(types=kinds):
            for each in kinds:
                yield from _types(each, place)
        case _ if not place:
            yield kind
        case inspect.StructType(fields=fields):
            for field in fields:
                if field.encode_name == place[0]:
                    yield from _types(field.type, place[1:])
        case inspect.VarTupleType(item_type=inner) | inspect.DictType(value_type=inner):
            yield from _types(inner, place[1:])


def _line(text: str, place: Place) -> int | None:
    """The line of `place`, or of the table or array around it; None where neither is in the text."""
    best, found = 0, None
    for number, known in _places(text):
        shared = 0
        for one, other in zip(known, place, strict=False):
            if ANY not in (one, other) and one != other:
                break
            shared += 1
        if shared > best and shared == len(known):
            best, found = shared, number
    return found


def _places(text: str) -> Iterator[tuple[int, Place]]:
    """Each line that begins a table or a key, with its place."""
    table: Place = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header, key = HEADER.match(line), KEY.match(line)
        if header:
            table = _names(header[2])
            if header[1] == "[[":
                counts[header[2]] = counts.get(header[2], -1) + 1
                table = (*table, counts[header[2]])
            yield number, table
        elif key:
            yield number, (*table, *_names(key[1]))


def _names(dotted: str) -> Place:
    """The parts of a dotted key, without their quotes."""
    return tuple(part.strip('"') for part in re.findall(r'"[^"]*"|[^.\s]+', dotted))
