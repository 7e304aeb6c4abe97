"""study → its A/A pairs: the baseline is compared with itself, once or as often as a self-test asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from bench.model import MacroCase, MicroCase, Study

T = TypeVar("T", MicroCase, MacroCase)


def second_halves(study: Study, cases: Iterable[T]) -> list[T]:
    """The second halves of A/A pairs: the baseline's cases again."""
    return [msgspec.structs.replace(case, aa=True) for case in cases if case.variant == study.baseline]


def comparisons(study: Study) -> int:
    """How often the study makes each comparison."""
    return study.selftest.comparisons if study.selftest else 1
