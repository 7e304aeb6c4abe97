"""Cores as functions: the reference core in this process, or a built variant in a process of its prefix."""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from app.core import InvalidDocument, MalformedDocument, transform
from bench.build import artifacts
from bench.paths import SUBJECT
from tests.declared import CATALOG

Outcome = tuple[Any, ...]  # ("ok", answer), ("malformed",) or ("invalid", pointer); anything else is a bug
Answerer = Callable[[bytes], Outcome]


def reference(document: bytes) -> Outcome:
    """Return the outcome of `app/core.py`."""
    try:
        return ("ok", transform(document))
    except MalformedDocument:
        return ("malformed",)
    except InvalidDocument as error:
        return ("invalid", error.pointer)


@contextmanager
def variant(name: str) -> Iterator[Answerer]:
    """Run a built variant behind a pipe during the block."""
    argv = [artifacts.python(name), SUBJECT / "check.py"]
    with piped(name, argv, artifacts.environment(CATALOG, CATALOG.variants[name])) as answerer:
        yield answerer


@contextmanager
def piped(name: str, argv: Sequence[str | Path], env: dict[str, str]) -> Iterator[Answerer]:
    """Run a program during the block that speaks the protocol of `bench/subject/check.py` on stdin and stdout."""
    child = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    requests, replies = child.stdin, child.stdout

    def ask(document: bytes) -> Outcome:
        with suppress(BrokenPipeError):
            requests.write(len(document).to_bytes(4, "big") + document)
            requests.flush()
        line = replies.readline()
        assert line, f"{name} ended with status {child.wait()} instead of answering {document!r}"
        kind, *news = json.loads(line)
        return ("ok", replies.read(news[0])) if kind == "ok" else (kind, *news)

    with child:
        yield ask
        with suppress(BrokenPipeError):
            requests.close()
