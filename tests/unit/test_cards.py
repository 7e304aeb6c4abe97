"""The cards of a user's application, from the sessions that the docs show."""

import pytest
from msgspec.structs import replace

from bench import keep
from bench.report.cards import DEBUG, Card, cards
from bench.report.estimates import Figure
from bench.report.finding import find
from bench.report.rows import Finding
from tests.docs_output import DATA


def found(session: str) -> tuple[Finding, tuple[Card, ...]]:
    kept = keep.read(DATA / f"{session}{keep.SUFFIX}")
    finding = find(kept.session, kept.runs, selftest=kept.selftest)
    return finding, cards(finding)


def test_a_better_server_is_named_with_its_gain_and_the_others() -> None:
    _, (change, latency, memory) = found("try-httpbin")
    assert change.lead.startswith("bjoern serves 2.25× (")
    assert change.details[0].startswith("server CPU per request: 145 µs instead of ")
    assert "uwsgi-processes" in change.details[1]
    assert latency.lead.startswith("gunicorn-sync: p50 ")
    assert memory.title == "Memory under load"


@pytest.mark.parametrize("session", ["try-wagtail", "try-index"])
def test_card_and_ranking_agree_on_the_present_server(session: str) -> None:
    finding, (change, *_) = found(session)
    (own,) = (each for each in finding.ranking if each.stack.server == finding.study.servers[0])
    assert not own.behind.significant
    assert change.lead == f"Keep {finding.study.servers[0]}: no other stack is significantly cheaper."


def test_what_is_better_only_by_itself_is_undecided() -> None:
    _, (change, *_) = found("try-wagtail")
    assert change.details[-1] == "undecided: bjoern and gunicorn-gthread"


def test_two_versions_answer_their_question() -> None:
    _, (slower, *_) = found("try-shop")
    assert slower.title == "Is it slower?"
    assert slower.lead.startswith("shop is equally fast within 5 %: ")


def test_a_version_without_figures_says_why() -> None:
    finding, _ = found("try-shop")
    failed = Figure(value=None, reason="GET /cheap: differs at /0\n--- expected\n+++ got")
    rows = tuple(replace(row, cpu=failed) if row.stack.variant == "shop" else row for row in finding.rows)
    slower, *_ = cards(replace(finding, rows=rows))
    assert slower.lead == "shop has no figure: GET /cheap: differs at /0"
    assert "undecided" not in " ".join((slower.lead, *slower.details))


def test_a_debug_mode_is_told_beside_the_answer() -> None:
    finding, (quiet, *_) = found("try-shop")
    variants = {
        name: replace(each, application=replace(each.application, debug=True))
        for name, each in finding.catalog.variants.items()
        if each.application
    }
    plan = replace(finding.session.plan, catalog=replace(finding.catalog, variants=variants))
    change, *_ = cards(replace(finding, session=replace(finding.session, plan=plan)))
    assert change.details == (DEBUG, *quiet.details)


def test_a_study_without_an_application_has_no_cards() -> None:
    assert found("try-faster.transform")[1] == ()
