"""The requests of a workload, each with its right answer."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from bench.documents import sets
from bench.documents.given import ANSWER
from bench.errors import LabError
from bench.model import Exchange, Workload

_BATCH = re.compile(rb'"batch"\s*:\s*"')  # cannot match within a string, where quotes are escaped


def exchanges(workload: Workload, folder: Path | None) -> list[Exchange]:
    """Return one request per document of `folder`, in order, or the single request of a workload without documents."""
    if workload.exchanges:
        return list(workload.exchanges)
    if folder is not None:
        return [
            _exchange(
                workload, answer.with_name(answer.name.replace(ANSWER, ".json")).read_bytes(), answer.read_bytes()
            )
            for answer in sorted(folder.glob(f"*{ANSWER}"))
        ]
    if workload.expect is not None:
        return [_exchange(workload, None, workload.expect.encode())]
    raise LabError(f"workload {workload.name!r} requires documents or `expect`")


def fresh(workload: Workload) -> list[Exchange]:
    """Return unpredictable requests: documents from a secret seed with unique batch names.

    There are none for a purchase history and for given documents.
    """
    if workload.documents is None or workload.documents.generator != "orders":
        return []
    name = b"\\g<0>%s-" % secrets.token_hex(4).encode()
    pairs = sets.secret_documents(workload.documents)
    return [_exchange(workload, _BATCH.sub(name, document), _BATCH.sub(name, answer)) for document, answer in pairs]


def headers_of(exchange: Exchange, authority: str) -> dict[str, str]:
    """All headers that go with a request: its own, and what they lack of host, length and type of a body.

    A body is JSON unless a header of its own says otherwise.
    """
    usual = {"Host": authority}
    if exchange.body is not None:
        usual |= {"Content-Type": "application/json", "Content-Length": str(len(exchange.body))}
    given = {name.lower() for name in exchange.headers}
    return {name: value for name, value in usual.items() if name.lower() not in given} | exchange.headers


def _exchange(workload: Workload, body: bytes | None, expect: bytes) -> Exchange:
    return Exchange(method=workload.method, path=workload.path, headers=workload.headers, body=body, expect=expect)
