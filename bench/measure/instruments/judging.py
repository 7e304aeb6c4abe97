"""Judge the answers that the pacer kept: each record becomes right or wrong by the rule of its exchange."""

from __future__ import annotations

from collections.abc import Sequence
from email.parser import HeaderParser

import msgspec
import numpy as np

from bench.documents.answers import Answer, difference, named
from bench.measure.instruments.pacer_files import KEPT, RIGHT, WRONG_BODY, KeptAnswer, PacerOutcome
from bench.model import Exchange


def judged(outcome: PacerOutcome, exchanges: Sequence[Exchange]) -> tuple[PacerOutcome, str | None]:
    """Return the outcome with a verdict for each kept answer, and the difference of the first wrong one."""
    if not outcome.kept:
        return outcome, None
    found = [difference(exchanges[each.exchange], _answer(each, exchanges[each.exchange])) for each in outcome.kept]
    records = outcome.records.copy()
    kept = records["verdict"] == KEPT
    is_right = np.array([each is None for each in found])
    records["verdict"][kept] = np.where(is_right[records["answer"][kept]], RIGHT, WRONG_BODY)
    wrong = [(exchanges[each.exchange], words) for each, words in zip(outcome.kept, found, strict=True) if words]
    first = next((f"{exchange.method} {exchange.path}: {words}" for exchange, words in wrong), None)
    return msgspec.structs.replace(outcome, records=records, kept=()), first


def _answer(kept: KeptAnswer, exchange: Exchange) -> Answer:
    """Return the answer. Without its head, the pacer has compared the status already."""
    if not kept.head:
        return Answer(exchange.status, {}, kept.body)
    line, _, lines = kept.head.partition(b"\n")
    headers = HeaderParser().parsestr(lines.decode("latin-1"))  # as http.client, which recorded the right answer
    return Answer(int(line.split()[1]), named(headers.items()), kept.body)
