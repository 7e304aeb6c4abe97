"""Compare an answer with the right one: status, chosen headers, and the body as bytes or as a JSON value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import unified_diff
from os.path import commonprefix
from typing import Any

import msgspec

from bench.model import Exchange, Same

SHOWN = 12  # lines of a difference
WIDTH = 200  # characters of a line
DEEPEST = 200  # levels of a JSON value; the comparison is recursive
ANY = "*"
GONE = object()
BYTES = Same(by="bytes")
POINTER = re.compile(r"(/([^/~]|~[01])*)+")  # RFC 6901, but for the empty one, which is the whole document


class Answer(msgspec.Struct, frozen=True):
    """Status, headers by their names in lower case, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def named(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their names in lower case, with the values of a repeated name joined in their order."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}


def difference(exchange: Exchange, answer: Answer) -> str | None:
    """Return the lines that show how `answer` differs from the right one; None if they are the same by the rule."""
    rule = exchange.same or BYTES
    if rule.by == "nothing":
        return None
    if answer.status != exchange.status:
        return f"status {answer.status} instead of {exchange.status}: {_shown(answer.body)}"
    for name in rule.headers:
        expected, got = exchange.expect_headers.get(name), answer.headers.get(name)
        if expected != got:
            return f"header {name}: {got!r} instead of {expected!r}"
    if answer.body == exchange.expect:
        return None
    if rule.by == "json":
        expected, got = parsed(exchange.expect), parsed(answer.body)
        if expected is not GONE and got is not GONE:
            expected, got = (counted(value, rule) for value in (expected, got))
            paths = list(unlike(expected, got))
            return None if not paths else _lines(pretty(expected), pretty(got), paths)
    if exchange.same is None:
        at = len(commonprefix([exchange.expect, answer.body]))  # noqa: RUF071 - byte by byte is meant
        return f"the body differs from byte {at} on: {len(answer.body)} bytes instead of {len(exchange.expect)}"
    right, text = _masked(exchange.expect, rule.mask), _masked(answer.body, rule.mask)
    if right == text:
        return None
    expected_lines, lines = _shown_lines(right), _shown_lines(text)
    if expected_lines == lines:  # they differ in line ends only, or in bytes that are shown alike
        expected_lines, lines = ([ascii(line) for line in each.splitlines(True)] for each in (right, text))
    return _lines(expected_lines, lines, [])


def parsed(body: bytes) -> Any:
    """Return the JSON value of a body, or `GONE` if it is not JSON or nested too deeply to be compared as a value."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return GONE
    return GONE if _is_deep(value) else value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            below
            for each in level
            if isinstance(each, dict | list)
            for below in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def counted(value: Any, rule: Same) -> Any:
    """Return a JSON value without the ignored members and with unordered arrays sorted.

    Inner arrays are sorted before the outer ones, whose order depends on them. Indices count before sorting.
    """
    value = without(value, rule.ignore)
    for path in sorted(map(_parts, rule.unordered), key=len, reverse=True):
        value = _sorted(value, path)
    return value


def without(value: Any, pointers: tuple[str, ...]) -> Any:
    """Return the value without the members that the pointers name (RFC 6901; `*` is any member or index).

    An element of an array becomes null, so that the others keep their indices.
    """
    for pointer in pointers:
        value = _removed(value, _parts(pointer))
    return value


def unlike(one: Any, other: Any, at: str = "") -> Iterator[str]:
    """Yield the pointers at which two JSON values differ, the outermost of each difference."""
    match one, other:
        case dict(), dict():
            for key in dict.fromkeys((*one, *other)):
                below = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
                if key in one and key in other:
                    yield from unlike(one[key], other[key], below)
                else:
                    yield below
        case list(), list() if len(one) == len(other):
            for index, pair in enumerate(zip(one, other, strict=True)):
                yield from unlike(*pair, f"{at}/{index}")
        case _:
            if type(one) is not type(other) or one != other:
                yield at


def pretty(value: Any) -> list[str]:
    """Return a JSON value as indented lines."""
    return json.dumps(value, indent=1, ensure_ascii=False).splitlines()


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _sorted(value: Any, path: list[str]) -> Any:
    if not path:
        return sorted(value, key=lambda each: json.dumps(each, sort_keys=True)) if isinstance(value, list) else value
    first, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {key: _sorted(each, rest) if first in {ANY, key} else each for key, each in value.items()}
    if isinstance(value, list):
        return [_sorted(each, rest) if first in {ANY, str(at)} else each for at, each in enumerate(value)]
    return value


def _removed(value: Any, path: list[str]) -> Any:
    if not path:
        return GONE
    first, rest = path[0], path[1:]
    if isinstance(value, dict):
        chosen = {key: _removed(each, rest) if first in {ANY, key} else each for key, each in value.items()}
        return {key: each for key, each in chosen.items() if each is not GONE}
    if isinstance(value, list):
        rows = [_removed(each, rest) if first in {ANY, str(index)} else each for index, each in enumerate(value)]
        return [None if each is GONE else each for each in rows]  # the others keep their indices
    return value


def _lines(expected: list[str], got: list[str], paths: list[str]) -> str:
    """Return the difference of two texts as a unified diff of at most `SHOWN` lines."""
    differing = [line[:WIDTH] for line in unified_diff(expected, got, "expected", "got", lineterm="", n=1)]
    more = [f"… and {len(differing) - SHOWN} more lines"] if len(differing) > SHOWN else []
    at = [f"differs at {', '.join(path or '/' for path in paths[:5])}"] if paths else ["the body differs"]
    return "\n".join([*at, *differing[:SHOWN], *more])


def _masked(body: bytes, masks: tuple[str, ...]) -> str:
    """Return a body as text with the matches of the masks replaced. Other bytes than UTF-8 stay distinct."""
    text = body.decode("utf-8", "surrogateescape")
    for mask in masks:
        text = re.sub(mask, "…", text)
    return text


def _shown_lines(text: str) -> list[str]:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").splitlines()


def _shown(body: bytes) -> str:
    return repr(body[:WIDTH])
