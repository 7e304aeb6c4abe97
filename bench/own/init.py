"""A project → its `lab.toml`, with what was found and what is to be filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.errors import LabError
from bench.model import Catalog
from bench.own import detect
from bench.own.detect import Candidate
from bench.own.manifest import BASELINES, NAME
from bench.own.study import interpreter_called

FIRST = """\
### Write one request after another; docs/your-own-service.md tells what may stand here
# @weight 1
GET /
"""
HOME = "cpython-3.11"


class Written(msgspec.Struct, frozen=True):
    """The files that were written, what was found, and what is left to fill in, in words."""

    files: tuple[Path, ...]
    found: tuple[str, ...]
    missing: tuple[str, ...]


def write(project: Path, catalog: Catalog) -> Written:
    """Look at a project and write its `lab.toml`, and a first request where there is none.

    Raises LabError where there is no such folder, where it has a `lab.toml` already, or where nothing makes an
    application.
    """
    path = project / NAME
    if not project.is_dir():
        raise LabError(f"{project}: no such folder")
    if path.exists():
        raise LabError(f"{path} is there already: change it, or remove it for a new one")
    known = detect.candidates(project)
    if not known:
        raise LabError(f"{project}: no file makes a WSGI or ASGI application: name it by `try --app MODULE:NAME`")
    first, interface = known[0], known[0].interface or "wsgi"
    server = detect.server(project, interface)
    python = detect.python(project)
    home = interpreter_called(python, catalog) if python and f"cpython-{python}" in catalog.interpreters else HOME
    files, folder = detect.requirements(project), project / "requests"
    prepare = detect.prepare(project)
    text = _text(first, known[1:], server=server or BASELINES[interface], home=home, files=files, prepare=prepare)
    path.write_text(text, encoding="utf-8")
    written = [path]
    if not folder.exists():
        folder.mkdir()
        written.append(folder / "first.http")
        written[-1].write_text(FIRST)
    found = [f"{first.app}, {first.framework}", *(f"also {each.app}, {each.framework}" for each in known[1:4])]
    found += [f"requirements: {', '.join(files)}"] * bool(files) + [f"server: {server}"] * bool(server)
    missing = ["requests/first.http asks for / alone: write what your users ask"] * (len(written) > 1)
    missing += ["requirements: no file of them was found"] * (not files)
    missing += ["env: the variables that the application reads, if any"]
    return Written(tuple(written), tuple(found), tuple(missing))


def _text(
    first: Candidate,
    others: Sequence[Candidate],
    *,
    server: str,
    home: str,
    files: Sequence[str],
    prepare: Sequence[Sequence[str]],
) -> str:
    """The TOML, each key with what it means."""
    other = f"  # or {', '.join(each.app for each in others[:3])}" if others else ""
    lines = [
        "# What the runtime lab measures here: docs/your-own-service.md",
        f'app = "{first.app}"{other}',
        f'{"" if first.interface else "# "}server = "{server}"  # of today: what all others are compared with',
        f'interpreter = "{home}"  # of today, too',
        f'source = "{first.source}"  # each server gets a fresh copy of it',
        f"requirements = {_list(files)}",
        f"prepare = [{', '.join(_list(argv) for argv in prepare)}]  # run in each copy before it is served",
        'requests = "requests"  # a folder of NAME.http',
        '# backend = "postgres"  # started beside each server; its address is {dsn} in env and prepare',
        "",
        "[env]",
        '# SECRET_KEY = "for measuring only"',
        "",
        "[answers]",
        'same = "json"  # or "bytes"; a body that is no JSON is compared as bytes',
        'headers = ["content-type"]',
        "ignore = []  # what may differ in JSON answers, such as /id or /rows/*/at",
        "unordered = []  # arrays whose elements may come in any order, such as /projects",
        "mask = []  # what may differ in other answers, as regular expressions, such as '[A-Za-z0-9]{64}'",
    ]
    return "\n".join(lines) + "\n"


def _list(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
