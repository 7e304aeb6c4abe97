"""The effects of settings: a study whose targets have no limit answers with the largest changes."""

import msgspec

from bench.analysis.comparison import Comparison
from bench.analysis.stats import Ratio
from bench.model import Against, Target
from bench.report import settings
from bench.report.finding import find
from bench.report.targets import TargetResult
from tests.unit import sessions

STUDY = sessions.quick()


def result(title: str, value: float | None, low: float | None = None, high: float | None = None) -> TargetResult:
    target = Target(
        title=title, stack=f"cython/bare/{title}", workloads=("medium",), metric="cpu", against=Against(stack="y")
    )
    ratio = Ratio(estimate=value, low=low, high=high) if value else None
    found = Comparison(ratio=ratio, significant=ratio.differs_by_more_than(0.0)) if ratio else None
    return TargetResult(target=target, workload="medium", value=value, comparison=found)


ROWS = (
    result("allocator", 0.66, 0.64, 0.69),
    result("router", 4.45, 4.29, 4.61),
    result("kept connections", 0.9, 0.85, 0.95),
    result("nothing", 1.0, 0.96, 1.04),
    result("too few servers", 1.02, 0.9, 1.2),
    result("one server", 1.5),
    result("failed", None),
)


FINDING = msgspec.structs.replace(find(sessions.session(STUDY, []), []), targets=ROWS)


def test_the_answer_names_the_largest_change_of_each_kind_and_counts_the_others() -> None:
    assert list(settings.answers(FINDING)) == [
        "Worth it: allocator (fifty orders): 0.660× the server CPU.",
        "Costly: router (fifty orders): 4.45× the server CPU.",
        "A figure is lower in 2 of 6 comparisons, and higher in 1.",
    ]


def added(title: str, value: float) -> TargetResult:
    row = result(title, value, value - 0.1, value + 0.1)
    return msgspec.structs.replace(row, below=100e-6)


def test_settings_that_add_cpu_in_several_places_are_told_from_the_least_to_the_most() -> None:
    rows = [added("bjoern, events", 2.5), added("uWSGI, events", 2.0), added("waitress, events", 3.0)]
    rows += [added("bjoern, fsync", 4.0), added("uWSGI, fsync", 3.5), result("waitress, fsync", None)]
    assert list(settings.answers(msgspec.structs.replace(FINDING, targets=tuple(rows)))) == [
        "Events (fifty orders, server CPU): from 100 µs on uWSGI to 200 µs on waitress.",
        "Fsync (fifty orders, server CPU): from 250 µs on uWSGI to 300 µs on bjoern.",
    ]
    for other in (added("bjoern, tls", 1.5), added("no place", 2.0), added("uWSGI, cheaper", 0.5)):
        told = list(settings.answers(msgspec.structs.replace(FINDING, targets=(*rows, other))))
        assert told[-1].startswith("A figure is lower in"), other.target.title


def test_undecided_places_of_a_setting_are_counted() -> None:
    rows = [added("bjoern, log", 1.2), added("uWSGI, log", 1.03), added("waitress, log", 1.02)]
    rows += [added("bjoern, metrics", 1.02), added("uWSGI, metrics", 1.03)]
    assert list(settings.answers(msgspec.structs.replace(FINDING, targets=tuple(rows)))) == [
        "Undecided: 1 of 2 settings, such as metrics (fifty orders, server CPU): at most 13.0 µs, on uWSGI.",
        "Log (fifty orders, server CPU): 20.0 µs on bjoern; undecided on 2 more.",
    ]


def test_without_a_change_the_answer_says_so() -> None:
    still = msgspec.structs.replace(FINDING, targets=ROWS[3:])
    assert list(settings.answers(still)) == ["A figure is lower in 0 of 3 comparisons, and higher in 0."]


def test_what_lowers_a_figure_comes_first_and_what_is_unknown_last() -> None:
    assert [row[0] for row in settings.table(FINDING)[1:]] == [
        *("allocator", "kept connections", "router"),
        *("nothing", "too few servers", "one server", "failed"),
    ]
    assert settings.undecided(FINDING) == [
        "too few servers, server CPU, Fifty orders",
        "one server, server CPU, Fifty orders",
    ]


def test_a_figure_that_is_not_significant_has_no_estimate() -> None:
    assert [row.text for row in ROWS[3:]] == [
        "equal (0.960–1.04)",
        "undecided",
        "undecided",
        "—",
    ]


def test_a_setting_has_the_server_cpu_that_it_adds_to_a_request_if_its_ratio_is_significant() -> None:
    told = [settings.added(msgspec.structs.replace(row, below=100e-6)) for row in ROWS]
    assert told == ["-34.0 (-36.0 to -31.0)", "345 (329–361)", "-10.00 (-15.0 to -5.00)", "", "", "", ""]
    assert settings.added(ROWS[0]) == ""


def test_a_study_with_a_limit_is_no_study_of_settings() -> None:
    limited = msgspec.structs.replace(ROWS[0], target=msgspec.structs.replace(ROWS[0].target, at_most=1.0))
    assert settings.only_settings(ROWS)
    assert not settings.only_settings((*ROWS, limited))
    assert not settings.only_settings(())
