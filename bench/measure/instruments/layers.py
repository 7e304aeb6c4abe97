"""A request within one process, from a server's call to the body: the service behind a framework and a layer.

It is timed as the core alone is (`micro`). Requests are distinct documents and, where the layer verifies them, distinct
tokens, both taken in turn. No server and no socket are part of the time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace

from bench import documents
from bench.build import artifacts, beside
from bench.documents import hal, tokens
from bench.documents.callers import seen, shown
from bench.errors import MissingError, UnpinnedError
from bench.measure.instruments.micro import Start, padded, padding_bytes, timed
from bench.model import (
    Algorithm,
    Bearer,
    Catalog,
    Exchange,
    Layering,
    LayersCase,
    Observed,
    Study,
    Unavailable,
    Workload,
)
from bench.paths import SUBJECT, YARDSTICKS
from bench.plan.layered import SAME_REQUESTS

WAIT = "time.sleep"  # no workload of this instrument waits


def observe(catalog: Catalog, case: LayersCase, output: Path) -> Observed:
    """Time requests through the case's layering in one fresh process; see `micro.timed`.

    Raises LabError if an answer is wrong.
    """
    layering, framework = catalog.layerings[case.layering], catalog.frameworks[case.framework]
    needed = (framework.requirements, packages(catalog, layering, case.variant))
    with TemporaryDirectory(dir=output.parent) as name:
        folder = Path(name)
        env = prepared(layering, catalog.workloads[case.workload], folder)
        env |= {"STATEMENTS_FRAMEWORK": framework.module, "STATEMENTS_WAIT": WAIT}
        start = Start(
            artifacts.python(case.variant),
            padded(padding_bytes(output)) | env,
            caller=("--caller", str(SUBJECT / "asking.py"), "--request", str(folder / "request.json")),
            documents=folder / "documents",
            path=tuple(beside.folder(case.variant, own) for own in needed if own),
        )
        return timed(catalog, case, output, start)


def packages(catalog: Catalog, layering: Layering, variant: str) -> tuple[str, ...]:
    """Return the names of the packages that a layering needs on the interpreter of `variant`."""
    implementation = catalog.interpreter_of(variant).implementation
    needed = (catalog.layers[name].packages(implementation) for name in layering.layers if name in catalog.layers)
    return (*chain.from_iterable(needed), *layering.requirements)


def provision(catalog: Catalog, study: Study, variant: str) -> Iterator[Unavailable]:
    """Install the packages of the study's frameworks and layerings for `variant`. Yields those that are unavailable."""
    needed = [("framework", name, catalog.frameworks[name].requirements) for name in study.frameworks]
    named = study.layers.named if study.layers else ()
    needed += [("layering", name, packages(catalog, catalog.layerings[name], variant)) for name in named]
    for noun, name, requirements in needed:
        try:
            beside.provide(variant, requirements)
        except (MissingError, UnpinnedError) as error:
            what = f"{variant}: {noun} {name}"
            lack = Unavailable(what=what, reason=str(error), variant=variant, instrument="layers")
            yield replace(lack, **{noun: name})


def prepared(layering: Layering, workload: Workload, folder: Path) -> dict[str, str]:
    """Write the requests of a workload and their right answers into `folder`. Returns the environment of the layering.

    Each request has a token of its own if the layering has a bearer.
    """
    asked, bearers = _exchanges(workload), list[str]()
    env = layering.env | {"STATEMENTS_LAYERS": " ".join(layering.layers)}
    if layering.bearer:
        issuer = _issuer(layering.bearer.algorithm)
        keys = folder / "jwks.json"
        keys.write_bytes(issuer.jwks())
        places = {"jwks": keys.as_uri(), "algorithm": issuer.algorithm}
        places |= {"issuer": tokens.ISSUER, "audience": tokens.AUDIENCE}
        env = {name: value.format_map(places) for name, value in env.items()}
        asked, bearers = _with_callers(asked, layering.bearer)
    asked = [_with_headers(each, layering.headers) for each in asked]
    _write(asked, folder / "documents")
    first = asked[0]
    request: dict[str, Any] = {"method": first.method, "path": first.path, "headers": _headers(first)}
    request |= {"tokens": bearers, "around": str(YARDSTICKS / layering.around) if layering.around else None}
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    return env


@cache
def _issuer(algorithm: Algorithm) -> tokens.Issuer:
    return tokens.Issuer(algorithm)


@cache  # signing anew for each process would take longer than its timing
def _token(algorithm: Algorithm, subject: str, scopes: tuple[str, ...]) -> str:
    return _issuer(algorithm).token(subject, scopes)


def _with_callers(asked: Sequence[Exchange], bearer: Bearer) -> tuple[list[Exchange], list[str]]:
    """Return the requests with the answers that their callers get, and the callers' tokens."""
    shares = [seen(each, bearer.sees) if bearer.sees < 1 else () for each in asked]
    own = [(*bearer.scope.split(), *(f"customer:{customer}" for customer in customers)) for customers in shares]
    signed = [_token(bearer.algorithm, f"caller-{number}", scopes) for number, scopes in enumerate(own)]
    return [shown(each, share) if share else each for each, share in zip(asked, shares, strict=True)], signed


def _with_headers(exchange: Exchange, headers: dict[str, str]) -> Exchange:
    """Return a request with further headers, and the answer that it gets with them."""
    accepts = {value for name, value in headers.items() if name.lower() == "accept"}
    answered = hal.embedded(exchange) if hal.MEDIA_TYPE in accepts else exchange
    return replace(answered, headers=exchange.headers | headers)


def _exchanges(workload: Workload) -> list[Exchange]:
    """Return the requests of a pass; of a workload without documents, the same one many times."""
    if workload.documents is None:
        return documents.exchanges(workload, None) * SAME_REQUESTS
    return documents.exchanges(workload, documents.ensure(workload).load)


def _headers(exchange: Exchange) -> dict[str, str]:
    """Return the headers that all requests share."""
    found = documents.headers_of(exchange, "localhost")
    return {name: value for name, value in found.items() if name.lower() != "content-length"}


def _write(asked: Sequence[Exchange], folder: Path) -> None:
    folder.mkdir()
    for number, each in enumerate(asked):
        (folder / f"{number:04}.json").write_bytes(each.body or b"")
        (folder / f"{number:04}.out.json").write_bytes(each.expect)
