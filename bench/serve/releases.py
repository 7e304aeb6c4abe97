"""Versions of a service: other code on disk, or for peers other variables; and the header by which answers tell them.

A version is a folder with a `release.py`. A symbolic link leads to the current one, as deployments do it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from bench.documents.answers import difference
from bench.errors import LabError
from bench.model import Stack
from bench.paths import YARDSTICKS
from bench.serve.http_client import HELLO, answered

BROKEN = 0  # the version that does not start
WRONG = -1  # the version that starts, and answers wrong: peers and `released.py` know it by its sign
BAD = (BROKEN, WRONG)
LINK = "current"
ASK_SECONDS = 1.0


def put(folder: Path, version: int) -> None:
    """Write a version below a folder, and lead the link to it, in one step."""
    own, new = folder / "releases" / str(version), folder / "next"
    own.mkdir(parents=True)
    (own / "release.py").write_text(f'VERSION = "{version}"\n' if version else "raise RuntimeError\n")
    new.symlink_to(own)
    new.replace(folder / LINK)


def environment(stack: Stack, folder: Path, version: int, env: dict[str, str]) -> dict[str, str]:
    """The environment `env` of a process, with which it serves the current version below a folder.

    A peer gets the version itself: NodeJS by `released.mjs`, and Spring Boot as the name of its server. Without a core
    it does not start. Spring Boot answers wrong if all its paths are others.
    """
    if not stack.is_peer:
        return env | {"PYTHONPATH": f"{folder / LINK}:{env['PYTHONPATH']}"}
    shown = {"NODE_OPTIONS": f"--import={YARDSTICKS / 'released.mjs'}", "RELEASE": str(version)}
    shown |= {"SERVER_SERVERHEADER": str(version)}
    bad = {BROKEN: {"STATEMENTS_CORE": "none"}, WRONG: {"SERVER_SERVLET_CONTEXT_PATH": "/wrong"}}
    return env | shown | bad.get(version, {})


def header_of(stack: Stack) -> str:
    """The header in which the answers of a stack tell their version."""
    return "server" if stack.is_peer else "x-version"


def shown(stack: Stack, port: int) -> str | None:
    """The version that answers right over a new connection; None if none does."""
    with suppress(LabError):
        answer = answered(port, HELLO, ASK_SECONDS)
        return None if difference(HELLO, answer) else answer.headers.get(header_of(stack))
    return None
