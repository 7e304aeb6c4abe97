"""The effects of settings: a study whose targets have no limit answers with the largest changes."""

import msgspec

from bench.model import Against, Target
from bench.report import settings
from bench.report.targets import TargetResult
from tests.declared import CATALOG


def result(title: str, value: float | None, low: float | None = None, high: float | None = None) -> TargetResult:
    target = Target(
        title=title, stack="cython/bare/bjoern+x", workloads=("medium",), metric="cpu", against=Against(stack="y")
    )
    return TargetResult(target=target, workload="medium", value=value, low=low, high=high)


ROWS = (
    result("allocator", 0.66, 0.64, 0.69),
    result("router", 4.45, 4.29, 4.61),
    result("kept connections", 0.9, 0.85, 0.95),
    result("nothing", 1.0, 0.96, 1.04),
    result("too few servers", 1.02, 0.9, 1.2),
    result("one server", 1.5),
    result("failed", None),
)


def test_changes_are_counted_and_the_largest_named_first() -> None:
    assert list(settings.sentences(ROWS, CATALOG)) == [
        "Of 6 figures, settings lower 2 and raise 1. Equal within 5 %: 1. Undecided: 2.",
        "Lower: 0.660× (0.640–0.690), allocator, fifty orders a document.",
        "Lower: 0.900× (0.850–0.950), kept connections, fifty orders a document.",
        "Higher: 4.45× (4.29–4.61), router, fifty orders a document.",
    ]


def test_a_figure_that_is_not_significant_has_no_estimate() -> None:
    assert [row.text for row in ROWS[3:]] == [
        "equal (0.960–1.04)",
        "undecided (0.900–1.20)",
        "undecided (no interval)",
        "—",
    ]


def test_a_study_with_a_limit_is_no_study_of_settings() -> None:
    limited = msgspec.structs.replace(ROWS[0], target=msgspec.structs.replace(ROWS[0].target, at_most=1.0))
    assert settings.only_settings(ROWS)
    assert not settings.only_settings((*ROWS, limited))
    assert not settings.only_settings(())
