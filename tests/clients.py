"""`make clients`: generated clients, and the golden cases through the models of each against a served stack.

A case passes if the answer is right: a statement that is equal as JSON, 422 with the same pointer, or 400. A typed
client cannot send every document: it may refuse to make a model of it, or its model may change the document.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.errors import LabError
from bench.host.pinning import cores
from bench.model import Stack
from bench.paths import ROOT, SPEC
from bench.progress import Progress
from bench.readiness import building
from bench.serve import http_client, life_cycle
from tests.declared import CATALOG
from tests.languages import CLIENTS, LANGUAGES, Language, built, generated

GOLDEN = SPEC / "golden"
CASES = [
    str(path.relative_to(GOLDEN).with_suffix(""))
    for path in sorted(GOLDEN.glob("*/*.json"))
    if not path.name.endswith(".out.json")
]  # such as valid/one-order
STACK = Stack(variant="cpython", framework="falcon", server="gunicorn-gthread")
PROMISED = {"valid": "Statement", "invalid": "InvalidProblem", "malformed": "Problem"}
RUN_SECONDS = 60

Outcome = Literal["passed", "refused", "changed", "unread", "wrong"]


class Told(msgspec.Struct, frozen=True):
    """What a driver tells of a case: the body that it sent, and the answer as the client's model has it."""

    sent: str | None = None
    status: int = 0
    type: str = ""
    answer: Any = None
    error: str = ""


class Departure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cases that a client does not pass, and why."""

    outcome: Outcome
    reason: str
    cases: tuple[str, ...]


class Departures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of `clients/departures.toml`. `unnoticed`: why the client takes an answer with a renamed member."""

    departures: tuple[Departure, ...] = ()
    unnoticed: str = ""

    def outcomes(self) -> dict[str, Outcome]:
        """The declared outcome of each case."""
        found: dict[str, Outcome] = dict.fromkeys(CASES, "passed")
        return found | {case: each.outcome for each in self.departures for case in each.cases}


def declared(language: Language) -> Departures:
    """What a language's client is declared not to do."""
    tables = tomllib.loads((ROOT / "clients" / "departures.toml").read_text(encoding="utf-8"))
    return msgspec.convert(tables[language.name], Departures)


def told(language: Language, url: str, cases: list[str]) -> dict[str, Told]:
    """Send cases through a client to the service at `url`."""
    argv = [*language.driver(built(language)), url, *(str(GOLDEN / f"{case}.json") for case in cases)]
    done = subprocess.run(argv, capture_output=True, timeout=RUN_SECONDS, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != len(cases):
        raise LabError(f"the driver in {language.name} failed: {done.stderr.decode(errors='replace')}")
    return {case: Told(**json.loads(line)) for case, line in zip(cases, lines, strict=True)}


def outcome(case: str, found: Told) -> Outcome:
    """Judge what came of a case."""
    kind, _, _ = case.partition("/")
    if found.sent is None:
        return "refused"
    document = (GOLDEN / f"{case}.json").read_text(encoding="utf-8", errors="surrogateescape")
    if kind != "valid" and _exact(found.sent) != _exact(document):
        return "changed"
    if found.error:
        return "unread"
    return "passed" if _is_right(case, found) else "wrong"


def _is_right(case: str, found: Told) -> bool:
    kind, _, _ = case.partition("/")
    if found.type != PROMISED[kind]:
        return False
    if kind == "valid":
        expected = json.loads((GOLDEN / f"{case}.out.json").read_bytes())
        return found.status == 200 and json.dumps(found.answer, sort_keys=True) == json.dumps(expected, sort_keys=True)
    if kind == "invalid":
        pointer = (GOLDEN / f"{case}.pointer").read_text(encoding="utf-8")
        return found.status == 422 and found.answer.get("pointer") == pointer
    return found.status == 400


def _exact(text: str) -> str:
    """A JSON text without white space, escapes and the order of members, which no model keeps; another text as it is.

    `1.0`, `1` and `true` remain different, and members that are named twice remain two.
    """
    try:
        return repr(json.loads(text, object_pairs_hook=lambda pairs: tuple(sorted(pairs, key=itemgetter(0)))))
    except (ValueError, RecursionError):
        return text


def outcomes(language: Language, url: str) -> dict[str, Outcome]:
    """What comes of every golden case."""
    return {case: outcome(case, found) for case, found in told(language, url, CASES).items()}


def surprises(language: Language, found: dict[str, Outcome]) -> list[str]:
    """The cases whose outcome is not the declared one, each as a line."""
    expected = declared(language).outcomes()
    unknown = [f"{language.name}: {case}: no such case" for case in expected.keys() - found.keys()]
    return unknown + [
        f"{language.name}: {case}: {found[case]} instead of {expected[case]}"
        for case in found
        if found[case] != expected[case]
    ]


def caught(language: str, url: str) -> bool:
    """Whether a client notices by itself that the service at `url` breaks its promises.

    It does if a document that it can send gets no answer of the promised type, or one that it cannot read. Values are
    not compared.
    """
    client = LANGUAGES[language]
    cases = [case for case, expected in declared(client).outcomes().items() if expected == "passed"]
    found = told(client, url, cases)
    return any(each.error or each.type != PROMISED[case.partition("/")[0]] for case, each in found.items())


def tried(language: Language, url: str) -> list[str]:
    """Build a client anew, send every golden case, and print a row of the table. Returns the surprises."""
    shutil.rmtree(CLIENTS / language.name, ignore_errors=True)
    began = time.perf_counter()
    folder = built(language)
    seconds = time.perf_counter() - began
    lines = sum(text.count(b"\n") for text in generated(language, folder).values())
    found = outcomes(language, url)
    print(f"| {language.name} | {' | '.join(passed(found))} | {lines:,} | {seconds:.3g} |", flush=True)
    return surprises(language, found)


def passed(found: dict[str, Outcome]) -> Iterator[str]:
    """Of each kind: the cases that pass, of those that can be sent as they are, and the number of the others."""
    for kind in PROMISED:
        count = Counter(each for case, each in found.items() if case.startswith(f"{kind}/"))
        unsent = count["refused"] + count["changed"]
        yield f"{count['passed']} of {count.total() - unsent}; {unsent} cannot be sent"


def main() -> int:
    """Build all clients, send every golden case with each, and print the table. Returns 1 if one differs."""
    _, unavailable = building.prepare(CATALOG, [STACK.variant], Progress())
    if STACK.variant in {each.what for each in unavailable}:
        raise LabError(f"{STACK} is unavailable: {unavailable[0].reason}")
    with tempfile.TemporaryDirectory(prefix="clients-") as name:
        log = Path(name) / "log"
        with life_cycle.serving(CATALOG, STACK, http_client.HELLO, log, cores().server) as running:
            print(f"| client | {' | '.join(PROMISED)} | lines | seconds |\n|---|---|---|---|--:|--:|")
            wrong = [line for language in LANGUAGES.values() for line in tried(language, running.url)]
    for line in wrong:
        print(line, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
