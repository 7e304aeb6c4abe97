"""`make contracts`: which tool catches which planted defect, and what schemathesis finds on every pair of the lab.

A tool is a function of the address where a defect is served: it returns whether it finds anything wrong. A verdict
other than declared fails the run, such as anything wrong with the sound service. So does an undeclared broken promise
of a pair.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench import verify
from bench.documents.answers import Answer
from bench.host.pinning import cores
from bench.model import Exchange
from bench.paths import ROOT
from bench.serve import http_client, life_cycle
from bench.serve.ports import free_port
from tests import clients, conformance, pacts, tools
from tests.cores import GOLDEN
from tests.openapi import Operation, Promises, written
from tests.planted import DEFECTS, SOUND

OF_SERVERS = {"date", "server", "connection"}  # headers that a server adds to each answer

Tool = Callable[[str], bool]


# ---------------------------------------------------------------- the tools


def schemathesis(address: str) -> bool:
    """Requests made from the OpenAPI document."""
    with TemporaryDirectory(prefix="contracts-") as folder:
        return bool(conformance.checked(address, conformance.BRIEF, Path(folder)).broken)


def golden_cases(address: str) -> bool:
    """Status and bytes of the answers to golden cases, and the pointer of a refusal."""
    return bool(verify.check_server(port_of(address)).mismatches)


def schemas(address: str) -> bool:
    """Status, headers and schema of the answers to golden cases, by the OpenAPI document."""
    promises, post = Promises(written()), Operation("POST", "/statements")
    answers = [posted(address, case.read_bytes()) for case in GOLDEN]
    return any(promises.broken(post, answer) for answer in answers)


TOOLS: dict[str, Tool] = {
    "schemathesis": schemathesis,
    "golden": golden_cases,
    "schemas": schemas,
    "pact": pacts.caught,
    "Python": partial(clients.caught, "python"),
    "TypeScript": partial(clients.caught, "typescript"),
    "Java": partial(clients.caught, "java"),
}
MISSED: dict[str, Set[str]] = {
    "schemathesis": {"sum", "header"},
    "golden": {"limit", "optional", "method", "media-type", "header"},
    "schemas": {"sum", "tolerant", "limit", "optional", "method"},
    "pact": DEFECTS.keys() - {"renamed", "media-type"},
    "Python": DEFECTS.keys() - {"renamed", "crash"},
    "TypeScript": DEFECTS.keys() - {"crash"},
    "Java": DEFECTS.keys() - {"renamed", "crash"},
}


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def posted(address: str, document: bytes) -> Answer:
    """The answer to a document, without the headers of its server."""
    exchange = Exchange(method="POST", path="/statements", body=document, expect=b"")
    answer = http_client.answered(port_of(address), exchange)
    headers = {name: value for name, value in answer.headers.items() if name not in OF_SERVERS}
    return Answer(answer.status, headers, answer.body)


# ---------------------------------------------------------------- the defects


class Verdict(NamedTuple):
    """Whether a tool finds anything wrong with a defect, and the seconds that it takes."""

    defect: str
    tool: str
    caught: bool
    seconds: float


@contextmanager
def serving(defect: str, log: Path) -> Iterator[str]:
    """The address of the service with a defect."""
    port = free_port()
    argv = [str(tools.python("contracts")), "-m", "waitress", f"--listen={life_cycle.HOST}:{port}"]
    with life_cycle.launched(
        defect,
        [*argv, "--call", "tests.planted:application"],
        {"PYTHONPATH": str(ROOT), "PLANTED": defect},
        folder=log.parent,
        first=http_client.HELLO,
        log=log,
        cpus=cores().server,
        host=life_cycle.HOST,
        port=port,
    ) as running:
        yield running.url


def verdicts(defect: str, folder: Path, names: Iterable[str] = TOOLS) -> Iterator[Verdict]:
    """What each tool says of a defect."""
    with serving(defect, folder / f"{defect}.log") as address:
        for name in names:
            began = time.perf_counter()
            caught = TOOLS[name](address)
            yield Verdict(defect, name, caught, time.perf_counter() - began)


def is_declared(verdict: Verdict) -> bool:
    """Whether a tool says what MISSED says; of the sound service, that nothing is wrong."""
    return verdict.caught == (verdict.defect not in {SOUND, *MISSED[verdict.tool]})


def table(found: Iterable[Verdict]) -> Iterator[str]:
    """The verdicts in Markdown, a row for each defect, and the mean seconds of each tool."""
    by_defect: dict[str, dict[str, Verdict]] = {}
    for verdict in found:
        by_defect.setdefault(verdict.defect, {})[verdict.tool] = verdict
    yield f"| planted | {' | '.join(TOOLS)} |"
    yield f"|---|{'---|' * len(TOOLS)}"
    for defect, row in by_defect.items():
        title = "nothing" if defect == SOUND else DEFECTS[defect].title
        yield f"| {title} | {' | '.join('caught' if row[tool].caught else '–' for tool in TOOLS)} |"
    seconds = (mean(row[tool].seconds for row in by_defect.values()) for tool in TOOLS)
    yield f"| seconds | {' | '.join(f'{each:.3g}' for each in seconds)} |"


def tried_defects(folder: Path, *, as_json: bool) -> bool:
    """Print what each tool says of each defect. Returns False if a verdict is another than declared."""
    found = [verdict for defect in (SOUND, *DEFECTS) for verdict in verdicts(defect, folder)]
    print(*((json.dumps(each._asdict()) for each in found) if as_json else table(found)), sep="\n", flush=True)
    wrong = [verdict for verdict in found if not is_declared(verdict)]
    for verdict in wrong:
        print(f"not as declared: {verdict.tool}, {verdict.defect}: caught = {verdict.caught}", file=sys.stderr)
    return not wrong


# ---------------------------------------------------------------- every pair


def tried_pairs(folder: Path, *, as_json: bool) -> bool:
    """Print what schemathesis does with every pair, at length. Returns False if it finds anything but departures."""
    if not as_json:
        print("", "| pair | requests | seconds | declared |", "|---|--:|--:|--:|", sep="\n")
    as_declared = True
    for subject in conformance.every_pair():
        with conformance.served(subject, folder / "stack.log") as address:
            report = conformance.checked(address, conformance.LONG, folder)
        declared = subject.declared()
        row = {
            "pair": str(subject),
            "requests": report.cases,
            "seconds": round(report.seconds, 1),
            "declared": len(declared),
        }
        print(json.dumps(row) if as_json else f"| {' | '.join(map(str, row.values()))} |", flush=True)
        if report.broken != declared:
            as_declared = False
            print(f"{subject}: not as declared: {sorted(report.broken ^ declared)}\n{report.said}", file=sys.stderr)
    return as_declared


def main(words: list[str]) -> int:
    """`--json` prints a line of JSON for each verdict and pair. Returns the exit status."""
    as_json = "--json" in words
    with TemporaryDirectory(prefix="contracts-") as name:
        told = [tried(Path(name), as_json=as_json) for tried in (tried_defects, tried_pairs)]
    return 0 if all(told) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
