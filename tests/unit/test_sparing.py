"""A log that is not flooded: one record in a period."""

import logging
import time

import pytest

from app.sparing import PERIOD_SECONDS, Sparing


def test_one_record_passes_in_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    sparing, record = Sparing(), logging.makeLogRecord({})
    passes = []
    for now in (0.0, 1.0, PERIOD_SECONDS, PERIOD_SECONDS + 1, 3 * PERIOD_SECONDS):
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        passes.append(sparing.filter(record))
    assert passes == [True, False, True, False, True]
