"""A workload's documents → the requests that carry them, each with its only right answer."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from bench.documents.given import ANSWER
from bench.errors import LabError
from bench.model import Exchange, Workload

_BATCH = re.compile(rb'"batch"\s*:\s*"')  # no text within a string reads like that: its quotes are escaped


def exchanges(workload: Workload, folder: Path | None) -> list[Exchange]:
    """A request for each document of `folder`, in order; the one of a workload's path where it posts none."""
    if folder is not None:
        return [
            _exchange(
                workload, answer.with_name(answer.name.replace(ANSWER, ".json")).read_bytes(), answer.read_bytes()
            )
            for answer in sorted(folder.glob(f"*{ANSWER}"))
        ]
    if workload.expect is not None:
        return [_exchange(workload, None, workload.expect.encode())]
    raise LabError(f"workload {workload.name!r} has neither documents nor a text to expect")


def renamed(exchange: Exchange, prefix: str) -> Exchange:
    """The same with `prefix` before its batch's name, in the document and in the answer; as it is without a batch."""
    body, expect = (_BATCH.sub(rb"\g<0>" + prefix.encode(), text) for text in (exchange.body or b"", exchange.expect))
    return msgspec.structs.replace(exchange, body=body, expect=expect) if exchange.body else exchange


def _exchange(workload: Workload, body: bytes | None, expect: bytes) -> Exchange:
    return Exchange(method=workload.method, path=workload.path, headers=workload.headers, body=body, expect=expect)
