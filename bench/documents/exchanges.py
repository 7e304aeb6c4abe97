"""A workload's documents → the requests that carry them, each with its only right answer."""

from __future__ import annotations

from pathlib import Path

from bench.documents.given import ANSWER
from bench.errors import LabError
from bench.model import Exchange, Workload


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


def _exchange(workload: Workload, body: bytes | None, expect: bytes) -> Exchange:
    return Exchange(method=workload.method, path=workload.path, headers=workload.headers, body=body, expect=expect)
