"""Requests as editors' HTTP clients write them: `NAME.http`, one file or several to a folder → exchanges.

    ### Search for a word
    # @weight 3
    POST /search?page=2 HTTP/1.1
    Content-Type: application/json

    {"word": "lab"}

`###` parts the requests of a file and may name the next one; `#` and `//` begin a comment; `@name = value` defines what
`{{name}}` stands for in the lines below. An address may be whole, `http://localhost:8000/search`: its path counts. A
body may be a file beside it: `< ./body.json`. The format is that of the HTTP clients of VS Code and of JetBrains' IDEs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench.errors import LabError

SUFFIXES = (".http", ".rest")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REQUEST = re.compile(r"(?:(?P<method>[A-Z]+)\s+)?(?P<address>(?:https?://|/|\{\{)\S*)(?:\s+HTTP/[\d.]+)?$")
_DEFINITION = re.compile(r"@(?P<name>[\w.-]+)\s*=\s*(?P<value>.*)$")
_DIRECTIVE = re.compile(r"(?:#|//)\s*@(?P<name>\w+)\s+(?P<value>\S+)")
_PLACE = re.compile(r"\{\{\s*([\w.$-]+)\s*\}\}")
_HEADER = re.compile(r"(?P<name>[!#$%&'*+.^_`|~\w-]+)\s*:\s*(?P<value>.*)$")
OWN = {"content-length", "connection", "transfer-encoding"}  # headers that whoever sends decides


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a file; `name` tells it in messages."""

    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    weight: int = 1


def read(folder: Path) -> list[Request]:
    """The requests of every file of a folder and all below it, by name; of a file that is named itself, its own.

    Raises LabError naming the file and the line that is wrong, and for a folder without a request.
    """
    if not folder.exists():
        raise LabError(f"{folder}: no such folder or file of requests")
    paths = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    found = [request for path in paths for request in requests(path)]
    if not found:
        raise LabError(f"{folder}: no request in it: write one in NAME.http, such as `GET /products`")
    return found


def requests(path: Path) -> Iterator[Request]:
    """The requests of one file. Raises LabError naming the line that is wrong."""
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [0, *(number for number, line in enumerate(lines) if line.startswith("###")), len(lines)]
    known: dict[str, str] = {}
    parts = [(start, lines[start:end]) for start, end in pairwise(starts)]
    for index, (start, part) in enumerate(parts):
        title = part[0].lstrip("#").strip() if part and part[0].startswith("###") else ""
        request = _request(path, start, part, known, title or f"{path.stem}{f'-{index}' if index > 1 else ''}")
        if request:
            yield request


def _request(path: Path, start: int, lines: list[str], known: dict[str, str], name: str) -> Request | None:
    """The request in some lines of a file, of which the first is number `start`; None if they hold none."""
    weight, line = 1, ""
    rest = iter(enumerate(lines, start + 1))
    for number, line in rest:
        if told := _DIRECTIVE.match(line):
            weight = _weight(path, number, told["value"]) if told["name"] == "weight" else weight
            name = told["value"] if told["name"] == "name" else name
        elif defined := _DEFINITION.match(line):
            known[defined["name"]] = _filled(path, number, defined["value"].strip(), known)
        elif line.strip() and not line.startswith(("#", "//")):
            break
    else:
        return None
    asked = _REQUEST.match(_filled(path, number, line.strip(), known))
    if asked is None or (asked["method"] or "GET") not in METHODS:
        raise LabError(f"{path}:{number}: no request: {line.strip()!r}; write one such as `GET /products`")
    address = urlsplit(asked["address"])
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    headers: dict[str, str] = {}
    for number, line in rest:
        if not line.strip():
            break
        if line.startswith(("?", "&", " ", "\t")):  # a query that goes on
            target += line.strip()
            continue
        header = _HEADER.match(_filled(path, number, line, known))
        if header is None:
            raise LabError(f"{path}:{number}: no header: {line.strip()!r}; an empty line comes before a body")
        if header["name"].lower() not in OWN:
            headers[header["name"]] = header["value"].strip()
    body = _body(path, [(number, line) for number, line in rest], known)
    return Request(name=name, method=asked["method"] or "GET", path=target, headers=headers, body=body, weight=weight)


def _body(path: Path, lines: list[tuple[int, str]], known: dict[str, str]) -> bytes | None:
    """The lines after the headers without empty ones at their end; or the file that they name."""
    while lines and not lines[-1][1].strip():
        lines.pop()
    if not lines:
        return None
    number, first = lines[0]
    if first.startswith("< ") and len(lines) == 1:
        file = path.parent / first.removeprefix("< ").strip()
        if not file.is_file():
            raise LabError(f"{path}:{number}: no such file: {file}")
        return file.read_bytes()
    return "\n".join(_filled(path, number, line, known) for number, line in lines).encode()


def _filled(path: Path, number: int, line: str, known: dict[str, str]) -> str:
    """The line with its variables replaced. Raises LabError for one that is not defined above it."""

    def value(place: re.Match[str]) -> str:
        if place[1] not in known:
            raise LabError(f"{path}:{number}: {place[0]} is not defined: add a line `@{place[1]} = VALUE` above it")
        return known[place[1]]

    return _PLACE.sub(value, line)


def _weight(path: Path, number: int, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise LabError(f"{path}:{number}: weight {text!r} is no whole number from 1 on")
    return int(text)
