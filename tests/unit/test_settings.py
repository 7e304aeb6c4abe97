"""What settings change: a study whose targets demand nothing answers with the greatest changes."""

import msgspec

from bench.model import Against, Target
from bench.report import settings
from bench.report.targets import Held
from tests.declared import CATALOG


def held(title: str, value: float | None, low: float | None = None, high: float | None = None) -> Held:
    target = Target(
        title=title, stack="cython/bare/bjoern+x", workloads=("medium",), metric="cpu", against=Against(stack="y")
    )
    return Held(target=target, workload="medium", value=value, low=low, high=high)


ROWS = (
    held("allocator", 0.66, 0.64, 0.69),
    held("router", 4.45, 4.29, 4.61),
    held("kept connections", 0.9, 0.85, 0.95),
    held("nothing", 1.0, 0.96, 1.04),
    held("who knows", 1.02, 0.9, 1.2),
    held("failed", None),
)


def test_changes_are_counted_and_the_greatest_named_first() -> None:
    assert list(settings.words(ROWS, CATALOG)) == [
        "Of 5 figures 2 fall, 1 rise, 1 stay within 5 % and 1 are undecided.",
        "Fall most: allocator, fifty orders a document 0.660× (0.640–0.690); "
        "kept connections, fifty orders a document 0.900× (0.850–0.950).",
        "Rise most: router, fifty orders a document 4.45× (4.29–4.61).",
    ]


def test_a_study_with_a_limit_is_no_study_of_settings() -> None:
    limited = msgspec.structs.replace(ROWS[0], target=msgspec.structs.replace(ROWS[0].target, at_most=1.0))
    assert settings.only_settings(ROWS)
    assert not settings.only_settings((*ROWS, limited))
    assert not settings.only_settings(())
