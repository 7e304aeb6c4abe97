"""Files of requests, `NAME.http`, in the format of editors' HTTP clients → requests.

    ### Search for a word
    # @weight 3
    POST /search?page=2 HTTP/1.1
    Content-Type: application/json

    {"word": "lab"}

`###` separates requests and may name the next one. `#` and `//` begin a comment. `@name = value` defines `{{name}}` for
the lines below. Of a full address, `http://localhost:8000/search`, only path and query count. `< ./body.json` sends a
file beside it as the body. The HTTP clients of VS Code and of JetBrains' IDEs read the same format.

A request is sent as it is written, or refused. Scripts, files within a body and repeated headers are not supported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import msgspec

from bench.errors import LabError

SUFFIXES = (".http", ".rest")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REQUEST = re.compile(r"(?:(?P<method>[A-Z]+)\s+)?(?P<address>(?:https?://|/|\{\{)\S*)(?:\s+HTTP/[\d.]+)?$")
_DEFINITION = re.compile(r"@(?P<name>[\w.-]+)\s*=\s*(?P<value>.*)$")
_DIRECTIVE = re.compile(r"(?:#|//)\s*@(?P<name>\w+)\s+(?P<value>\S+)")
_PLACE = re.compile(r"\{\{\s*([\w.$-]+)\s*\}\}")
_HEADER = re.compile(r"(?P<name>[!#$%&'*+.^_`|~\w-]+)\s*:\s*(?P<value>.*)$")
_ORIGIN = re.compile(r"^https?://[^/?#]*")
_UNSUPPORTED = re.compile(r"<@|< |<> |>>!? |>\s*\{%|> \S+\.js\s*$")  # of JetBrains' client: files, outputs and scripts
_NO_TARGET = re.compile(r"[^!-~]")  # RFC 9112: a target and a header are ASCII
_NO_HEADER = re.compile(r"[^\t -~]")
OWN = {"content-length", "connection", "transfer-encoding"}  # headers that the sender sets


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a file. `name` identifies it in messages; `weight` is its share of the load."""

    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    weight: int = 1


def read(folder: Path) -> list[Request]:
    """Return the requests of one file, or of all files below a folder, sorted by path.

    Raises LabError that names the file and the invalid line, and for a folder without requests.
    """
    if not folder.exists():
        raise LabError(f"{folder}: no such file or folder of requests")
    paths = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    found = [request for path in paths for request in requests(path)]
    if not found:
        raise LabError(f"{folder}: no requests: write one in a file NAME.http, such as `GET /products`")
    return found


def requests(path: Path) -> Iterator[Request]:
    """Yield the requests of one file. Raises LabError that names the invalid line."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise LabError(f"{path}:{line}: not UTF-8: save the file as UTF-8") from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]  # a body may contain other line separators
    starts = [0, *(number for number, line in enumerate(lines) if line.startswith("###")), len(lines)]
    known: dict[str, str] = {}
    parts = [(start, lines[start:end]) for start, end in pairwise(starts)]
    for index, (start, part) in enumerate(parts):
        title = part[0].lstrip("#").strip() if part and part[0].startswith("###") else ""
        request = _request(path, start, part, known, title or f"{path.stem}{f'-{index}' if index > 1 else ''}")
        if request:
            yield request


def _request(path: Path, start: int, lines: list[str], known: dict[str, str], name: str) -> Request | None:
    """Return the request in `lines` of a file, which begin after line `start`; None if they contain none."""
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
        raise LabError(f"{path}:{number}: invalid request {line.strip()!r}: write one such as `GET /products`")
    target = _ORIGIN.sub("", asked["address"]).partition("#")[0]
    target = _plain(path, number, "path", target if target.startswith("/") else f"/{target}", _NO_TARGET)
    headers: dict[str, str] = {}
    for number, line in rest:
        if not line.strip():
            break
        if line.startswith(("?", "&", " ", "\t")):  # the query continues
            target += _plain(path, number, "path", _filled(path, number, line.strip(), known), _NO_TARGET)
            continue
        header = _HEADER.match(_filled(path, number, line, known))
        if header is None:
            raise LabError(f"{path}:{number}: invalid header {line.strip()!r}: a body begins after an empty line")
        _plain(path, number, "header", header[0], _NO_HEADER)
        if header["name"].lower() in map(str.lower, headers):
            raise LabError(f"{path}:{number}: header {header['name']} is repeated: write all its values in one line")
        if header["name"].lower() not in OWN:
            headers[header["name"]] = header["value"].strip()
    body = _body(path, [(number, line) for number, line in rest], known)
    return Request(name=name, method=asked["method"] or "GET", path=target, headers=headers, body=body, weight=weight)


def _body(path: Path, lines: list[tuple[int, str]], known: dict[str, str]) -> bytes | None:
    """Return the lines after the headers, without empty ones at the end; or the content of the file they name."""
    while lines and not lines[-1][1].strip(" \t"):
        lines.pop()
    if not lines:
        return None
    number, first = lines[0]
    if first.startswith("< ") and len(lines) == 1 and not first.startswith("< {%"):
        file = path.parent / first.removeprefix("< ").strip()
        if not file.is_file():
            raise LabError(f"{path}:{number}: no such file: {file}")
        return file.read_bytes()
    for number, line in lines:
        if _UNSUPPORTED.match(line):
            remedy = "remove it, or write the whole body to a file: `< ./body.json`"
            raise LabError(f"{path}:{number}: {line.strip()!r} is not supported: {remedy}")
    return "\n".join(_filled(path, number, line, known) for number, line in lines).encode()


def _plain(path: Path, number: int, what: str, text: str, wrong: re.Pattern[str]) -> str:
    """Return the text. Raises LabError for a character that HTTP does not permit there."""
    found = wrong.search(text)
    if found:
        raise LabError(f"{path}:{number}: {found[0]!r} in the {what}: percent-encode it as {quote(found[0], safe='')}")
    return text


def _filled(path: Path, number: int, line: str, known: dict[str, str]) -> str:
    """Return the line with its variables replaced. Raises LabError for a variable that is not defined above it."""

    def value(place: re.Match[str]) -> str:
        if place[1] not in known:
            raise LabError(f"{path}:{number}: {place[0]} is not defined: add a line `@{place[1]} = VALUE` above it")
        return known[place[1]]

    return _PLACE.sub(value, line)


def _weight(path: Path, number: int, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise LabError(f"{path}:{number}: invalid weight {text!r}: use a whole number from 1 on")
    return int(text)
