"""Checks before figures: answers to held-out documents, byte for byte, and the provenance of the process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from app.core import InvalidDocument, MalformedDocument, transform
from bench import documents
from bench.build import artifacts
from bench.documents.answers import difference
from bench.errors import RIGHT, LabError
from bench.host import accounts
from bench.host.pinning import cores
from bench.model import Catalog, Exchange, Peer, Stack, Variant, Workload, Yardstick
from bench.paths import PREFIXES, SPEC, SUBJECT
from bench.serve.http_client import HELLO, answered, ask
from bench.serve.life_cycle import HOST, RunningServer, log_of, serving

GOLDEN = SPEC / "golden"
CHECK_SECONDS = 600


class Checked(msgspec.Struct, frozen=True):
    """The number of cases, a message for each wrong answer, and a core's median seconds for a case."""

    cases: int
    mismatches: tuple[str, ...]
    median_seconds: float | None = None


class Score(msgspec.Struct, frozen=True):
    """The last line that `subject/check.py` prints."""

    cases: int
    median_seconds: float


class Problem(msgspec.Struct, frozen=True):
    """The part of the problem details (RFC 9457) that the lab checks."""

    pointer: str


def exchanges(workload: Workload) -> list[Exchange]:
    """The requests that verify a workload: its held-out documents, or its path."""
    return documents.exchanges(workload, documents.ensure(workload).check if workload.documents else None)


@accounts.spending("checks")
def answers_right(port: int, asked: Iterable[Exchange], host: str = HOST) -> None:
    """Send each request and compare the answer byte for byte. Raises LabError at the first wrong one."""
    for number, exchange in enumerate(asked):
        wrong = difference(exchange, answered(port, exchange, host=host))
        if wrong:
            what = f"{exchange.method} {exchange.path}, {exchange.name or f'document {number} of the check set'}"
            raise LabError(f"wrong answer to {what}: {wrong}", gate=RIGHT)


def provenance(catalog: Catalog, variant: str, about: dict[str, Any], **more: str) -> dict[str, Any]:
    """Return `about`, the facts that the measured process reports, if they agree with the declaration and with `more`.

    The declaration is that of the variant and of its interpreter. Raises LabError that names the first fact that
    differs: another program runs than the declared one.
    """
    declared = catalog.subject(variant)
    own = {} if isinstance(declared, Peer) else catalog.interpreters[declared.interpreter].provenance
    expected = own | declared.provenance | {"variant": variant} | more
    for fact, value in expected.items():
        if about.get(fact) != value:
            raise LabError(f"provenance check: {variant!r} reports {fact} = {about.get(fact)!r} instead of {value!r}")
    return about


@accounts.spending("checks")
def ask_provenance(catalog: Catalog, port: int, stack: Stack, host: str = HOST, **more: str) -> dict[str, Any]:
    """The provenance of a running server, from its `/__version__`, checked as in `provenance`."""
    status, body = ask(port, Exchange(method="GET", path="/__version__", body=None, expect=b""), host=host)
    if status != 200:
        raise LabError(f"GET /__version__ answered status {status} instead of 200")
    about: dict[str, Any] = json.loads(body)
    own = {} if stack.is_peer else {"framework": catalog.frameworks[stack.framework].module}
    return provenance(catalog, stack.variant, about, **own, **more)


@accounts.spending("checks")
def read_provenance(catalog: Catalog, running: RunningServer, stack: Stack) -> dict[str, Any]:
    """The provenance of an application, from the record that its process wrote, checked as in `provenance`.

    Implementation, version and prefix must be those of the variant's artifact. Raises LabError without a record.
    """
    if running.provenance is None or not running.provenance.is_file():
        raise LabError(f"provenance check: no process of {stack} wrote its record; see {running.log}")
    about: dict[str, Any] = json.loads(running.provenance.read_bytes())
    interpreter = artifacts.require(stack.variant).interpreter
    own = {
        "implementation": interpreter.implementation,
        "python": interpreter.python,
        "prefix": str(PREFIXES / stack.variant),
    }
    return provenance(catalog, stack.variant, about | {"variant": stack.variant}, **own)


def is_verifiable(subject: Variant | Peer) -> bool:
    """Whether cases say what is right for it. A yardstick that is no validator neither answers nor judges."""
    return not isinstance(subject, Yardstick) or subject.is_validator


def check_variant(catalog: Catalog, variant: str, cases: Path = GOLDEN) -> Checked:
    """Check a built variant, in its interpreter, with every case of a folder in the layout of spec/golden.

    A validator must judge each golden case rightly, but for its departures.
    """
    artifacts.require(variant)
    argv = [str(artifacts.python(variant)), str(SUBJECT / "check.py"), "--cases", str(cases)]
    declared = catalog.variant(variant)
    if isinstance(declared, Yardstick) and declared.is_validator:
        argv += ["--departures", *((declared.departures or ()) if cases == GOLDEN else ())]
    try:
        done = subprocess.run(
            argv,
            check=False,
            cwd=artifacts.python(variant).parent,
            env=artifacts.environment(catalog, declared),
            capture_output=True,
            timeout=CHECK_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"check of {variant} did not end within {CHECK_SECONDS} s") from error
    *mismatches, last = done.stdout.splitlines() or [b""]
    try:
        counts = msgspec.json.decode(last, type=Score)
    except msgspec.DecodeError:
        counts = None
    if counts is None or done.returncode not in {0, 1}:
        said = done.stderr.decode().strip().splitlines()[-1:] or ["no output"]
        raise LabError(f"check of {variant} ended with status {done.returncode}: {said[0]}")
    return Checked(counts.cases, tuple(_worded(json.loads(line)) for line in mismatches), counts.median_seconds)


def check_stack(catalog: Catalog, stack: Stack, cases: Path = GOLDEN) -> Checked:
    """Check a fresh server of a stack with every case of such a folder. Its log is that of `serve`."""
    with serving(catalog, stack, HELLO, log_of(stack), cores().server) as running:
        return check_server(running.port, cases, peer=stack.is_peer)


def check_server(port: int, cases: Path = GOLDEN, *, peer: bool = False) -> Checked:
    """Check a running server with every case of such a folder: 200 and the answer, 422 and the pointer, or 400.

    For a `peer`, answers that `is_free` allows are right, too.
    """
    count, mismatches = 0, []
    for path in _inputs(cases):
        count += 1
        exchange = Exchange(method="POST", path="/statements", body=path.read_bytes(), expect=b"")
        try:
            said = ask(port, exchange)
            wrong = None if peer and is_free(path.read_bytes(), *said) else _wrong(path, *said)
        except LabError as error:
            wrong = str(error)
        if wrong:
            mismatches.append(f"{path.relative_to(cases)}: {wrong}")
    return Checked(count, tuple(mismatches))


def is_free(document: bytes, status: int, body: bytes) -> bool:
    """Whether spec/statement.md allows a peer this answer to a malformed or invalid document.

    A peer may answer 400 or 422 to either kind. It may also read a number as the integer nearest to its double, and
    ignore all but the last value of a repeated member; the answer is then that to the document so read.
    """
    try:
        transform(document)
        return False  # a valid document has one right answer
    except (MalformedDocument, InvalidDocument):
        if status in {400, 422}:
            return True
    try:
        return (status, body) == (200, transform(_as_read_elsewhere(document)))
    except (ValueError, RecursionError):
        return False


def _as_read_elsewhere(document: bytes) -> bytes:
    """The document with numbers read as doubles, integral ones as integers, and without repeated members.

    Raises ValueError if no parser reads it as JSON.
    """

    def number(literal: str) -> int | float:
        value = float(literal)
        return int(value) if value.is_integer() else value

    def constant(literal: str) -> None:
        raise ValueError(f"{literal} is not JSON")

    read = json.loads(document.decode(), parse_int=number, parse_float=number, parse_constant=constant)
    return json.dumps(read).encode()


def _inputs(cases: Path) -> Iterator[Path]:
    """The cases of a folder; the file beside each tells its kind, as in `subject/check.py`."""
    found = [path for path in sorted(cases.rglob("*.json")) if not path.name.endswith(".out.json")]
    if not found:
        raise LabError(f"{cases}: no cases: a case is NAME.json with NAME.out.json or NAME.pointer beside it")
    for path in found:
        beside = path.with_suffix(".out.json").exists() or path.with_suffix(".pointer").exists()
        if not beside and path.parent.name != "malformed":
            raise LabError(f"{path}: add {path.stem}.out.json or {path.stem}.pointer, or use a folder named malformed")
    yield from found


def _wrong(case: Path, status: int, body: bytes) -> str | None:
    """What is wrong with an answer to `case`; None if it is right."""
    answer, pointer = case.with_suffix(".out.json"), case.with_suffix(".pointer")
    if answer.exists():
        if status != 200:
            return f"status {status} instead of 200"
        return None if body == answer.read_bytes() else "the answer differs"
    if not pointer.exists():
        return None if status == 400 else f"status {status} instead of 400"
    if status != 422:
        return f"status {status} instead of 422"
    try:
        told = msgspec.json.decode(body, type=Problem).pointer
    except msgspec.DecodeError as error:
        return f"problem details without a pointer: {error}"
    expected = pointer.read_bytes().decode()
    return None if told == expected else f"pointer {told!r} instead of {expected!r}"


def _worded(mismatch: dict[str, Any]) -> str:
    return f"{mismatch['case']}: expected {mismatch['expected']}, got {mismatch['got']}"
