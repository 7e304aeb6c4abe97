"""The answers that the pacer kept → its records, each of them right or wrong by the rule of its exchange."""

from __future__ import annotations

from collections.abc import Sequence
from email.parser import BytesHeaderParser

import msgspec
import numpy as np

from bench.documents.answers import Answer, difference
from bench.measure.instruments.pacer_files import KEPT, OTHER_BYTES, RIGHT, KeptAnswer, Told
from bench.model import Exchange


def judged(told: Told, exchanges: Sequence[Exchange]) -> tuple[Told, str | None]:
    """The outcome with a verdict for each kept answer; and how the first wrong one differs, after its request."""
    if not told.kept:
        return told, None
    found = [difference(exchanges[each.exchange], _answer(each, exchanges[each.exchange])) for each in told.kept]
    records = told.records.copy()
    kept = records["verdict"] == KEPT
    is_right = np.array([each is None for each in found])
    records["verdict"][kept] = np.where(is_right[records["answer"][kept]], RIGHT, OTHER_BYTES)
    wrong = [(exchanges[each.exchange], words) for each, words in zip(told.kept, found, strict=True) if words]
    first = next((f"{exchange.method} {exchange.path}: {words}" for exchange, words in wrong), None)
    return msgspec.structs.replace(told, records=records, kept=()), first


def _answer(kept: KeptAnswer, exchange: Exchange) -> Answer:
    """What came; without its head the pacer has compared the status."""
    if not kept.head:
        return Answer(exchange.status, {}, kept.body)
    line, _, lines = kept.head.partition(b"\r\n")
    headers = BytesHeaderParser().parsebytes(lines)
    return Answer(int(line.split()[1]), {name.lower(): value for name, value in headers.items()}, kept.body)
