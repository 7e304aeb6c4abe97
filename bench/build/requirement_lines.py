"""The lines of a requirements file: other files, packages in folders and archives of this machine, and all else."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from bench.errors import MissingError

INCLUDE = re.compile(r"(--requirements?|--constraints?|-r|-c)\s*=?\s*(\S.*)")
EDITABLE = re.compile(r"(?:--editable|-e)\s*=?\s*(\S.*)")
FIND_LINKS = re.compile(r"(?:--find-links|-f)\s*=?\s*(\S.*)")
NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?\s*@\s*(\S.*)")
EXTRAS = re.compile(r"(.*?)(\[[^][]*\])?")
AFTER = re.compile(r"(?=\s+;|;\s|\s+--)")  # a marker or options
COMMENT = re.compile(r"(^|\s)#.*")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PROJECTS = ("pyproject.toml", "setup.py", "setup.cfg")


class Included(NamedTuple):
    """A line that names another requirements file."""

    option: str
    path: Path


class Local(NamedTuple):
    """A line that names a package in a folder or archive. `after` is its marker and options."""

    name: str
    extras: str
    path: Path
    after: str


Line = str | Included | Local


def read(path: Path) -> dict[Path, list[Line]]:
    """Return the lines of a requirements file and of all that it includes."""
    texts: dict[Path, list[Line]] = {}
    waiting = [path]
    while waiting:
        each = waiting.pop()
        if each in texts:
            continue
        texts[each] = parsed(each, each.read_text(encoding="utf-8"))
        waiting += [line.path for line in texts[each] if isinstance(line, Included)]
    return texts


def parsed(path: Path, text: str) -> list[Line]:
    """Return the lines of a file's `text`. Raises MissingError for a line that is unsupported or names no file."""
    return [_line(path, line) for line in text.replace("\\\n", " ").splitlines()]


def _line(file: Path, text: str) -> Line:
    """Return the meaning of a line. Its relative paths start at the folder of its file."""
    variables = os.environ | {"PROJECT_ROOT": str(file.parent)}
    words = VARIABLE.sub(lambda found: variables.get(found[1], found[0]), COMMENT.sub("", text).strip())
    if included := INCLUDE.fullmatch(words):
        option, name = included.groups()
        if "://" in name and not name.startswith("file:"):
            return text
        path = _path(file, name)
        if not path.is_file():
            raise MissingError(f"{file.name}: no such file: {path}")
        return Included(option, path)
    links = FIND_LINKS.fullmatch(words)
    if links and ("://" not in links[1] or links[1].startswith("file:")):
        raise MissingError(f"{file.name}: a local --find-links is unsupported: name the archive itself: ./NAME.whl")
    editable = EDITABLE.fullmatch(words)
    requirement = editable[1] if editable else words
    if requirement.startswith("-"):
        return text
    named = NAMED.fullmatch(requirement)
    target, *after = AFTER.split(named[3] if named else requirement, maxsplit=1)
    if "+file:" in target:
        raise MissingError(f"{file.name}: {target}: a local repository is unsupported: name its folder without git+")
    if not is_local(target, is_path=bool(named or editable)):
        return text
    if "subdirectory=" in target:
        raise MissingError(f"{file.name}: {target}: #subdirectory= is unsupported: name the folder itself")
    target, extras = (target, None) if named else _split(EXTRAS, target.partition("#")[0])
    path = _path(file, target)
    if not path.exists():
        raise MissingError(f"{file.name}: no such file or folder: {path}")
    if path.is_dir() and not any((path / name).is_file() for name in PROJECTS):
        raise MissingError(f"{file.name}: {path} is no Python project: it has neither pyproject.toml nor setup.py")
    name, extras = (named[1], named[2]) if named else ("", extras)
    return Local(name, extras or "", path, "".join(after).strip())


def _split(pattern: re.Pattern[str], text: str) -> tuple[str, str | None]:
    found = pattern.fullmatch(text)
    return (found[1], found[2]) if found else (text, None)


def is_local(target: str, *, is_path: bool) -> bool:
    """Return True if a requirement's target is on this machine. `is_path`: it must be a path or an address."""
    if target.startswith("file:"):
        return True
    if "://" in target or re.match(r"[a-z]+\+", target):
        return False
    return bool(target) and (is_path or target[0] in "./~" or "/" in target or target.endswith(ARCHIVES))


def _path(file: Path, target: str) -> Path:
    plain = unquote(urlsplit(target).path) if target.startswith("file:") else target.partition("#egg=")[0]
    return (file.parent / Path(plain).expanduser()).resolve()
