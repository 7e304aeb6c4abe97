"""A project → its `lab.toml`, and lists of what was found and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.errors import LabError
from bench.model import Catalog
from bench.own import detect
from bench.own.detect import Candidate
from bench.own.manifest import BASELINES, NAME, requirements

FIRST = """\
# One request after another; see docs/your-own-service.md

### home
# @weight 1
GET /
"""
HOME = "cpython-3.11"


class Written(msgspec.Struct, frozen=True):
    """The written files, and in words what was `found` and what is `missing`."""

    files: tuple[Path, ...]
    found: tuple[str, ...]
    missing: tuple[str, ...]


def write(project: Path, catalog: Catalog) -> Written:
    """Write the `lab.toml` of a project, and a first request if it has none.

    Raises LabError if the folder does not exist, has a `lab.toml`, or contains no application.
    """
    path = project / NAME
    if not project.is_dir():
        raise LabError(f"{project}: no such folder")
    if path.exists():
        raise LabError(f"{path} exists: edit it, or remove it to get a new one")
    known = detect.candidates(project)
    if not known:
        raise LabError(f"{project}: no WSGI, ASGI or RSGI application found: name it with `try --app MODULE:NAME`")
    first, interface = known[0], known[0].interface or "wsgi"
    server = detect.server(project, interface)
    python = detect.python(project)
    known_python = bool(python) and f"cpython-{python}" in catalog.interpreters
    home = f"cpython-{python}" if known_python else HOME
    files, folder = requirements(project), project / "requests"
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
    found += [f"interpreter: {home}"] * known_python
    missing = ["requests/first.http sends only GET /: add the requests of your users"] * (len(written) > 1)
    missing += ["requirements: no requirements.txt, pyproject.toml or uv.lock was found"] * (not files)
    missing += ["[env]: variables that the application reads, if any"]
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
    """Return the TOML, with a comment on each key."""
    other = f"  # or {', '.join(each.app for each in others[:3])}" if others else ""
    lines = [
        "# How the runtime lab measures this service; see docs/your-own-service.md",
        f'app = "{first.app}"{other}',
        f'{"" if first.interface else "# "}server = "{server}"  # the present server; others are compared with it',
        f'interpreter = "{home}"  # the present interpreter',
        f'source = "{first.source}"  # each server runs in a fresh copy of this folder',
        f"requirements = {_list(files)}",
        f"prepare = [{', '.join(_list(argv) for argv in prepare)}]  # commands that prepare each copy",
        'requests = "requests"  # a folder of NAME.http',
        '# backend = "postgres"  # a fresh one for each server; {dsn} or {folder} is its address in env',
        "# or a table [backend] for any other command; see docs/your-own-service.md",
        "",
        "[env]",
        '# SECRET_KEY = "only for measuring"',
        "",
        "[answers]",
        'same = "json"  # or "bytes"; bodies that are not JSON are always compared as bytes',
        'headers = ["content-type"]',
        "ignore = []  # members of JSON answers that may differ, such as /id or /rows/*/at",
        "unordered = []  # arrays in any order, such as /projects",
        "mask = []  # regular expressions for text that may differ, such as '[A-Za-z0-9]{64}'",
    ]
    return "\n".join(lines) + "\n"


def _list(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
