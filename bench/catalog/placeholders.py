"""The places that declarations may name in braces, such as `{port}`, key by key: what the lab fills in, and no other.

A key is filled in one of two ways. Most are Python format strings, where `{{` is a brace. In the others the names alone
are replaced, and every other brace stays as it is. A proxy's `config` has braces of its own, so it is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from string import Formatter
from typing import Any

from bench.errors import unknown
from bench.model import Backend, Delivery, Interpreter, Layering, Peer, Place, Replacement, Server, Tuning, Variant

SERVED = ("backlog", "base", "entry", "host", "port", "prefix", "python", "scratch", "workers")
BUILT = ("home", "prefix", "runtime")
STARTED = ("folder", "port")
PLACED = ("cgroup", "cpus", "env_file", "folder", "home", "host", "name", "port", "runtime")
VERIFIED = ("algorithm", "audience", "issuer", "jwks")
PREPARED = ("packages", "runtime", "tools")
DELIVERED = (*PREPARED, "caches", "release")

NAMED = re.compile(r"\{([A-Za-z_]\w*)\}")

Key = tuple[str, Iterable[str], tuple[str, ...], bool]  # its name, its texts, the places known there, a format string?


def flaw(declared: Any) -> str | None:
    """What is wrong with the first placeholder that nobody fills; None if there is none."""
    return next(filter(None, (unfilled(*key) for key in _keys(declared))), None)


def unfilled(key: str, texts: Iterable[str], known: Sequence[str], formatted: bool = True) -> str | None:
    """What is wrong with the first placeholder of a key's texts that is not `known`; None if there is none."""
    for text in texts:
        try:
            found = list(_fields(text)) if formatted else NAMED.findall(text)
        except ValueError:
            return f"{key}: {text!r} has a single brace; write it twice"
        for name in found:
            if name not in known:
                return f"{key}: {unknown('placeholder', f'{{{name}}}', [f'{{{place}}}' for place in known])}"
    return None


def _fields(text: str) -> Iterator[str]:
    """The fields of a format string, with their conversions and formats, of which a placeholder has none."""
    for _, name, form, conversion in Formatter().parse(text):
        if name is not None:
            yield name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")


def _keys(declared: Any) -> Iterator[Key]:  # noqa: PLR0912 - a branch for each noun
    """The keys of a declaration that the lab fills in."""
    match declared:
        case Server():
            yield "argv", declared.argv, SERVED, True
            yield "env", declared.env.values(), SERVED, True
            yield "files", declared.files, ("base",), False
        case Tuning():
            yield from _keys_of_tuning(declared)
        case Backend():
            for key in ("prepare", "argv", "ready", "version"):
                yield key, getattr(declared, key)[1:], STARTED, True  # the first word names a program
            yield "dsn", (declared.dsn,), STARTED, True
        case Place():
            for key in ("engine", "argv", "options", "shared", "process", "remove", "version"):
                yield key, getattr(declared, key), PLACED, True
            for key in ("argv", "ready", "image", "load") if declared.daemon else ():
                yield f"daemon.{key}", getattr(declared.daemon, key), ("archive", "home", "image"), True
        case Layering():
            yield "env", declared.env.values(), VERIFIED if declared.bearer else (), True
        case Delivery():
            yield "prepare", chain.from_iterable(declared.prepare), PREPARED, True
            for key in ("test", "build", "ship"):
                yield key, chain.from_iterable(getattr(declared, key)), DELIVERED, True
            yield "start", declared.start, (*DELIVERED, "host", "port"), True
            yield "env", declared.env.values(), DELIVERED, True
            yield "shipped", declared.shipped, DELIVERED, True
        case Interpreter():
            yield "env", declared.env.values(), ("prefix",), False
        case Variant():
            yield "steps", chain.from_iterable(declared.steps), ("python",), True
            yield "after_install", chain.from_iterable(declared.after_install), ("prefix", "python"), True
            yield "env", declared.env.values(), ("prefix",), False
        case Peer():
            yield "steps", chain.from_iterable(declared.steps), BUILT, True
            yield "argv", declared.argv, (*BUILT, "backlog", "host", "port"), True
            yield "env", declared.env.values(), (*BUILT, "backlog", "host", "port"), True
            yield "files", chain.from_iterable(declared.files.values()), BUILT, True


def _keys_of_tuning(declared: Tuning) -> Iterator[Key]:
    yield "words", chain.from_iterable(declared.words.values()), SERVED, True
    yield "env", declared.env.values(), (*SERVED, "dsn") if declared.backend else SERVED, True
    if declared.proxy:
        yield "proxy.argv", declared.proxy.argv, SERVED, False
    for key in ("touch", "pid_file", "successor") if isinstance(declared, Replacement) else ():
        yield key, filter(None, [getattr(declared, key)]), ("scratch",), True
