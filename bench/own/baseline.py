"""The answers of an application on its present stack, which every other server and interpreter must give, too.

The baseline is started several times and sent each request twice. What differs between its own answers must be ignored.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from bench.build import artifacts
from bench.documents import answers
from bench.documents.answers import GONE, Answer
from bench.documents.http_files import Request
from bench.errors import LabError
from bench.host.pinning import cores
from bench.model import Catalog, Exchange, Recorded, Same, Stack, Workload
from bench.own.shown import ERROR, excerpt
from bench.paths import LAB, ROOT
from bench.progress import Progress
from bench.provision import stamp
from bench.serve import backend
from bench.serve.application import backend_for
from bench.serve.http_client import answered
from bench.serve.life_cycle import log_of, serving

ANSWERS = LAB / "recorded"
FORMAT = 2  # of the recorded answers; 2: all values of a repeated header
STARTS, ROUNDS = 5, 2  # five starts show the random order of a set of two strings in 15 of 16 cases
FAILED = 500  # the lowest status of a failure
HOST = "localhost"  # the Host header unless a request sets it: some answers contain it, and the port changes
SHOWN = "content-type"  # the header that is kept to be shown, whether it is compared or not
ASK, NONE = Same(by="nothing"), Answer(0, {}, b"")  # before the answer is known
REPEATABLE = "remove the request, or make its answer repeatable"
INDEX = re.compile(r"/\d+(?=/|$)")
TOKEN = re.compile(r"[A-Za-z0-9]+")
SHORTEST = 16  # letters of a token that is suggested for `mask`, such as a CSRF token

Found = dict[str, set[str]]  # values by key of `[answers]`


class Recording(Recorded, frozen=True):
    """The requests with the answers of the baseline. They are recorded once, because a plan contains them."""

    of: str
    exchanges: tuple[Exchange, ...]


def recorded(
    catalog: Catalog, stack: Stack, workload: Workload, *, requests: Sequence[Request], rule: Same, progress: Progress
) -> tuple[Exchange, ...]:
    """Return each request with the baseline's answer, recorded once for the same application, rule and requests.

    Raises LabError that names the requests that fail, or whose answers differ between two starts or rounds.
    """
    variant = catalog.variant(stack.variant)
    declared = catalog.backends[workload.backend] if workload.backend else None
    behind = backend.fingerprint(declared) if declared else ""
    parts = [artifacts.require(stack.variant).fingerprint, str(stack), behind]
    encoded = msgspec.json.encode((FORMAT, parts, variant.application, requests, rule))
    path = ANSWERS / f"{hashlib.sha256(encoded).hexdigest()[:16]}.json"
    known = stamp.read_record(path, Recording)
    if known:
        return known.exchanges
    seen: list[list[Answer]] = [[] for _ in requests]
    for start in range(STARTS):
        with progress.step(f"answers of {stack}, start {start + 1} of {STARTS}"):
            _ask(catalog, stack, workload, requests, seen)
    blamed = f"the application, see {log_of(stack).relative_to(ROOT)}"
    require_answers(requests, seen, rule, blamed=blamed)
    exchanges = tuple(exchange_of(request, given[0], rule) for request, given in zip(requests, seen, strict=True))
    _require_some_success(exchanges)
    ANSWERS.mkdir(parents=True, exist_ok=True)
    stamp.write_record(path, Recording(of=path.stem, exchanges=exchanges))
    return exchanges


def _require_some_success(exchanges: Sequence[Exchange]) -> None:
    """Raise LabError if no request is answered with success: the requests do not fit the application."""
    if all(each.status >= ERROR for each in exchanges):
        first = exchanges[0]
        told = f"such as {first.method} {first.path} ({first.name}) with {first.status}"
        raise LabError(f"the baseline answers every request with an error, {told}: write the requests of your users")


def _ask(
    catalog: Catalog, stack: Stack, workload: Workload, requests: Sequence[Request], seen: list[list[Answer]]
) -> None:
    """Send all requests to a fresh server, round by round, and append its answers to those `seen`."""
    log = log_of(stack)
    first = exchange_of(requests[0])
    with (
        backend_for(catalog, stack, workload.backend, log.with_suffix(".backend.log")) as behind,
        serving(catalog, stack, first, log, cores().server, backend=behind) as running,
    ):
        for _ in range(ROUNDS):
            for request, given in zip(requests, seen, strict=True):
                given.append(answered(running.port, exchange_of(request)))


def in_lab_toml(found: Found) -> list[str]:
    """Return what to do, then the lines of a lab.toml that ignore what differs."""
    keys = [f"{key} = [{', '.join(map(repr, sorted(words)))}]" for key, words in found.items() if words]
    return ["ignore what may differ by the last lines, in lab.toml", "", "[answers]", *keys]


def require_answers(
    requests: Sequence[Request],
    seen: Sequence[Sequence[Answer]],
    rule: Same,
    whose: str = "the baseline",
    remedy: Callable[[Found], list[str]] = in_lab_toml,
    *,
    blamed: str = "the service",
) -> None:
    """Raise LabError if an answer failed, or with the differences between the answers to one request.

    The first line says what is wrong and what to do. `remedy` returns what to do about differences and further lines,
    from the values of `[answers]` that ignore them. `blamed` is what to correct besides a request that fails.
    """
    for request, given in zip(requests, seen, strict=True):
        _require_success(request, given, whose, blamed)
    _require_same(requests, seen, rule, whose, remedy)


def _require_success(request: Request, given: Sequence[Answer], whose: str, blamed: str) -> None:
    failed = next((each for each in given if each.status >= FAILED), None)
    if failed:
        told = f"{_named(request)} fails on {whose}: status {failed.status}: {excerpt(failed.body)}"
        raise LabError(f"{told}; correct the request or {blamed}")


def _require_same(
    requests: Sequence[Request],
    seen: Sequence[Sequence[Answer]],
    rule: Same,
    whose: str,
    remedy: Callable[[Found], list[str]],
) -> None:
    told: dict[str, str] = {}  # the first difference of each request
    found = {"ignore": set(rule.ignore), "unordered": set(rule.unordered), "mask": set(rule.mask)}
    before = {key: set(words) for key, words in found.items()}
    for request, given in zip(requests, seen, strict=True):
        expected = exchange_of(request, given[0], rule)
        differing = [(each, words) for each in given[1:] if (words := answers.difference(expected, each))]
        told |= {_named(request): words for _, words in differing[:1]}
        for each, _ in differing:
            for key, words in _suggested(given[0], each, rule):
                found[key].add(words)
    if told:
        action, *lines = [REPEATABLE] if found == before else remedy(found)
        more = f" and {len(told) - 1} more" if len(told) > 1 else ""
        lead = f"{whose}'s own answers to {next(iter(told))}{more} differ: {action}"
        raise LabError("\n".join([lead, *(f"{name}: {words}" for name, words in told.items()), *lines]))


def _suggested(one: Answer, other: Answer, rule: Same) -> Iterator[tuple[str, str]]:
    """Yield keys of `[answers]` with a value that makes two answers the same; array indices become `*`."""
    values = [answers.parsed(each.body) for each in (one, other)]
    if any(value is GONE for value in values):
        yield from (("mask", mask) for mask in _masks(one, other))
        return
    if rule.by == "bytes":
        return
    for pointer in answers.unlike(*(answers.counted(value, rule) for value in values)):
        arrays = [pointer[: match.start()] for match in INDEX.finditer(pointer)]
        anyhow = [array for array in arrays if _is_unordered(values, array, pointer, rule)]
        key, where = ("unordered", anyhow[0]) if anyhow else ("ignore", pointer)
        yield key, INDEX.sub("/*", where)


def _is_unordered(values: Sequence[object], array: str, pointer: str, rule: Same) -> bool:
    """Return True if nothing differs at `pointer` when the elements of `array` may come in any order."""
    sorted_ = msgspec.structs.replace(rule, unordered=(*rule.unordered, INDEX.sub("/*", array)))
    return pointer not in answers.unlike(*(answers.counted(value, sorted_) for value in values))


def _masks(one: Answer, other: Answer) -> Iterator[str]:
    """Yield regular expressions for the tokens that differ between two texts, if they have equal lengths."""
    tokens = [TOKEN.findall(each.body.decode("utf-8", "replace")) for each in (one, other)]
    if len(tokens[0]) == len(tokens[1]):
        for a, b in zip(*tokens, strict=True):
            if a != b and len(a) == len(b) >= SHORTEST:
                yield f"[A-Za-z0-9]{{{len(a)}}}"


def exchange_of(request: Request, answer: Answer = NONE, rule: Same = ASK, host: str = HOST) -> Exchange:
    """Return a request with its right answer, and the Host header `host` unless the request sets it."""
    return Exchange(
        name=request.name,
        method=request.method,
        path=request.path,
        headers=request.headers if "host" in map(str.lower, request.headers) else {"Host": host} | request.headers,
        body=request.body,
        status=answer.status,
        expect=answer.body,
        weight=request.weight,
        same=rule,
        expect_headers={name: answer.headers[name] for name in (*rule.headers, SHOWN) if name in answer.headers},
    )


def _named(request: Request) -> str:
    return f"{request.method} {request.path} ({request.name})"
