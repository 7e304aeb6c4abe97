"""Several sessions together: the ratio over them, and the overlap of their intervals."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from bench import store
from bench.analysis import stats
from bench.analysis.comparison import compared
from bench.analysis.stats import Ratio
from bench.model import Against, RankedBy, Run, Session, Study, Target
from bench.report import between, study_page
from bench.report.estimates import Figure
from bench.report.finding import find
from bench.report.ranking import Figures
from bench.report.rows import Core, Finding
from bench.report.targets import TargetResult, over_sessions
from bench.report.together import together
from tests.unit import sessions

STUDY = sessions.quick()
DAYS = ("2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27")


def runs(faster: float, variant: str = "cython-untouched", metric: str = "time") -> list[Run]:
    """The made-up session with its `variant` `faster` times as fast, alone or by server CPU."""
    return [_scaled(run, faster, metric) if run.case.variant == variant else run for run in sessions.runs(STUDY)]


def _scaled(run: Run, faster: float, metric: str) -> Run:
    scaled = [
        msgspec.structs.replace(each, values=tuple(value / faster for value in each.values))
        if each.metric == metric
        else each
        for each in run.measurements
    ]
    return msgspec.structs.replace(run, measurements=tuple(scaled))


def session(day: int, study: Study = STUDY) -> Session:
    return msgspec.structs.replace(sessions.session(study, []), started=f"{DAYS[day]}T13:00:00+00:00")


def findings(*faster: float) -> list[Finding]:
    """The finding of a session for each factor by which the variant is faster there."""
    return [find(session(day), runs(each)) for day, each in enumerate(faster)]


def of(found: list[between.RatioOverSessions], subject: str) -> between.RatioOverSessions:
    return next(each for each in found if each.subject == subject)


def test_sessions_that_disagree_have_an_interval_far_wider_than_their_own() -> None:
    found = list(between.ratios_over(findings(1.0, 1.08, 1.15)))
    moved, still = of(found, "cython-untouched"), of(found, "cython")
    assert (moved.metric, len(moved.sessions)) == ("core alone, medium, times as fast as the baseline", 3)
    assert (moved.overlapping, moved.pairs) == (0, 3)
    assert moved.ratio.low < min(each.low for each in moved.sessions)
    assert moved.ratio.high > max(each.high for each in moved.sessions)
    assert (still.overlapping, still.pairs) == (3, 3)
    assert "cpython" not in {each.subject for each in found}, "the others are relative to the baseline"


def test_what_a_stack_costs_comes_from_its_cpu_over_all_sessions() -> None:
    each = [find(session(day), runs(faster, metric="cpu")) for day, faster in enumerate((1.0, 1.5, 2.0))]
    for row in together(each).rows:
        if row.cpu.value:
            assert row.cost.cpu_hours.value == pytest.approx(row.cpu.value * 1e6 / 3600)


def test_two_sessions_are_shown_side_by_side_without_an_interval_between_them() -> None:
    lines = list(between.lines(list(between.ratios_over(findings(1.0, 1.08)))))
    assert lines[0] == "core alone, medium, times as fast as the baseline: 4 of 5 pairs of intervals overlap"
    (told,) = [line for line in lines if line.startswith("  cython-untouched:")]
    assert "over 2 sessions (no interval: fewer than 3 sessions). By session: 1.2" in told
    assert any(line.startswith("server CPU per request, medium, closed, times as fast") for line in lines)


def test_ranked_stacks_are_held_against_the_best_of_the_last_session() -> None:
    alone = msgspec.structs.replace(STUDY, variants=("cpython",))
    sessions_of = [find(session(day, alone), runs(1.0)) for day in range(3)]
    rows = [each for each in between.ratios_over(sessions_of) if each.metric.startswith("cost, medium, relative to ")]
    assert {each.pairs for each in rows} == {0}, "a session has no interval for the best stack of another session"
    assert all(each.ratio.low > 1 for each in rows)
    assert next(between.lines(rows)).startswith("cost, medium, relative to cython/falcon/uwsgi-processes")


def test_what_one_of_the_sessions_lacks_is_left_out() -> None:
    whole = findings(1.0)[0]
    lacking = find(session(1), [run for run in runs(1.0) if run.case.variant != "numba"])
    subjects = {each.subject for each in between.ratios_over([whole, lacking])}
    assert "cython" in subjects
    assert not {subject for subject in subjects if subject.startswith("numba")}


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    made = []
    for day in range(3):
        made.append(store.create(session(day), tmp_path))
        for run in runs(1.0 + day / 100):
            block = made[-1] / f"{run.case.instrument}-{run.block:03}"
            block.mkdir(exist_ok=True)
            store.save(block, run)
    return made


def test_stored_sessions_are_shown_and_read_by_machines(folders: list[Path]) -> None:
    found = between.stored(folders)
    assert "cython-untouched: 1.2" in "\n".join(between.lines(found))
    read = msgspec.json.decode(msgspec.json.encode(found), type=list[between.RatioOverSessions])
    assert of(read, "cython").pairs == 3


# ---------------------------------------------------------------- one page of several sessions


def test_a_page_of_three_sessions_shows_ratios_over_them() -> None:
    each = findings(1.0, 1.08, 1.15)
    found = together(each)
    moved, before = (core(finding, "cython-untouched") for finding in (found, each[-1]))
    ratios = [core(finding, "cython-untouched").speedup.ratio for finding in each]
    assert moved.speedup.ratio == stats.between(ratios)
    assert moved.speedup.ratio.high > before.speedup.ratio.high
    assert moved.time.value == pytest.approx(sum(core(finding, "cython-untouched").time.value for finding in each) / 3)
    assert core(found, "cython").speedup.significant
    assert next(row for row in found.rows if row.core.variant == "cython-untouched").core == moved
    assert "over 3 sessions (2026-11-24 to 2026-11-26), with the interval between" in findings_page(found)


def test_a_page_of_fewer_says_that_its_ratios_come_from_one_session() -> None:
    each = findings(1.0, 1.08)
    assert together(each) == msgspec.structs.replace(each[-1], sessions=2)
    assert "Ratios come from one session. Another session may differ" in findings_page(together(each))


def test_a_page_that_asks_for_more_sessions_than_it_has_says_so() -> None:
    each = findings(1.0, 1.08, 1.15)
    for count, asked, told in ((1, 3, True), (2, 3, True), (3, 3, False), (3, 4, True), (1, 1, False)):
        page = findings_page(together([asking(asked, finding) for finding in each[:count]]))
        assert (f"**{count} of {asked} sessions are measured.**" in page) is told
        assert ("To measure more: `python -m bench measure quick`" in page) is (told and count < 3)


def asking(sessions: int, finding: Finding) -> Finding:
    """The finding, of a study whose page asks for so many sessions."""
    study = msgspec.structs.replace(finding.study, sessions=sessions)
    planned = msgspec.structs.replace(finding.session.plan, study=study)
    session = msgspec.structs.replace(finding.session, plan=planned)
    return msgspec.structs.replace(finding, session=session)


def test_cores_change_their_order_and_lose_a_lead_that_a_session_does_not_confirm() -> None:
    found = together([find(session(day), runs(faster, "numba")) for day, faster in enumerate((1.1, 2.0, 2.6))])
    assert [core.variant for core in found.cores[:2]] == ["numba", "cython"]
    assert found.lead.ratio.low < 1 < found.lead.ratio.high
    assert not found.lead.significant


def test_a_ranking_is_over_sessions_too_each_stack_held_against_one_best() -> None:
    each = [find(session(day), runs(faster, "numba", "cpu")) for day, faster in enumerate((1.0, 1.3, 0.8))]
    found = together(each)
    best, *others = found.ranking
    assert str(best.stack) == "cython/falcon/uwsgi-processes"
    assert best.behind.ratio is None
    moved = next(ranked for ranked in others if str(ranked.stack) == "numba/falcon/uwsgi-processes")
    still = next(ranked for ranked in others if str(ranked.stack) == "pypy/falcon/gunicorn-sync")
    assert moved.behind.ratio.low < 1 < moved.behind.ratio.high
    assert not moved.behind.significant
    assert still.behind.significant
    assert still.servers == 3 * each[0].ranking[0].servers


def test_a_stack_on_the_border_has_one_cost_in_all_sessions_answers_against_answers() -> None:
    """Sessions may differ in whether a stack is slow. Its seconds between answers are never set against CPU seconds."""

    def bordering(found: Finding, by: RankedBy) -> Finding:
        first, slow, *rest = found.ranking
        best = Figures(Figure(value=31.7e-6), Figure(value=2420.0))
        late = Figures(Figure(value=112e-6), Figure(value=2200.0))
        own = (replace(first, by="cpu", figures=best), replace(slow, by=by, figures=late))
        return replace(found, ranking=(*own, *rest))

    ways: tuple[RankedBy, ...] = ("rate", "cpu", "rate")
    each = [bordering(find(session(day), runs(1.0)), by) for day, by in enumerate(ways)]
    (late,) = [ranked for ranked in together(each).ranking if ranked.by == "rate"]
    assert late.stack == each[0].ranking[1].stack
    assert late.behind.ratio.estimate == pytest.approx(1.1)
    assert late.behind.significant


def test_a_stack_that_a_session_lacks_stays_in_the_ranking_without_an_interval() -> None:
    lacking = find(session(0), [run for run in runs(1.0) if run.case.variant != "numba"])
    found = together([lacking, *(find(session(day), runs(1.0)) for day in (1, 2))])
    assert len(found.ranking) == len(find(session(1), runs(1.0)).ranking)
    behind = {ranked.stack.variant: ranked.behind for ranked in found.ranking}
    assert behind["numba"].undecided
    assert behind["numba"].ratio.low is None
    assert behind["pypy"].significant


def test_a_target_is_met_where_the_interval_between_sessions_is() -> None:
    target = Target(
        title="Fast", variant="cython", workloads=("medium",), against=Against(variant="cpython"), at_most=1.3
    )
    result = over(target, 1.1, 1.2, 1.25)
    assert result.value == pytest.approx((1.1 * 1.2 * 1.25) ** (1 / 3))
    assert result.outcome == "undecided"
    assert over(target, 1.2, 1.2, 1.2).outcome == "met"
    assert over(msgspec.structs.replace(target, metric="build", against=None), 1.2, 1.4, 1.1).value == 1.4


def test_an_effect_over_sessions_lies_beyond_the_noise_floor_of_each() -> None:
    setting = Target(title="Set", variant="cython", workloads=("medium",), against=Against(variant="cpython"))
    assert over(setting, 1.10, 1.11, 1.12).text == "1.11× (1.09–1.14)"
    assert over(setting, 1.10, 1.11, 1.12, floor=0.2).text == "undecided"


def over(target: Target, *values: float, floor: float = 0.0) -> TargetResult:
    """The result of a target over sessions with these values."""
    rows = [
        TargetResult(
            target=target,
            workload="medium",
            value=value,
            comparison=compared(Ratio(estimate=value), floor) if target.against else None,
        )
        for value in values
    ]
    (found,) = over_sessions([[row] for row in rows])
    return found


def core(finding: Finding, variant: str) -> Core:
    return next(core for core in finding.cores if core.variant == variant)


def findings_page(finding: Finding) -> str:
    return " ".join(study_page.page(finding).split())


def test_a_time_that_one_session_lacks_is_no_mean_of_the_others():
    lacking = find(session(1), [run for run in runs(1.0) if run.case.variant != "numba"])
    others = [find(session(day), runs(1.0)) for day in (0, 2)]
    found = together([others[0], lacking, others[1]])
    assert core(found, "numba").time == core(lacking, "numba").time
    assert core(found, "numba").time.value is None
    assert core(found, "cython").time.value is not None


def test_memory_and_starts_are_means_over_sessions_and_latencies_medians_over_all_servers():
    each = findings(1.0, 1.0, 1.0)
    held = [msgspec.structs.replace(row, memory=Figure(value=1e6)) for row in each[0].rows]
    found = together([msgspec.structs.replace(each[0], rows=tuple(held)), *each[1:]])
    row, last = next((own, other) for own in found.rows for other in each[2].rows if own.stack == other.stack)
    assert row.memory.value == pytest.approx((1e6 + 2 * last.memory.value) / 3)
    starts = [next(other for other in one.rows if other.stack == row.stack).start.value for one in each]
    assert row.start.value is None or row.start.value == pytest.approx(sum(starts) / 3)
    assert "Latencies are medians over the fresh servers of all" in findings_page(found)


def test_a_row_that_a_session_lacks_breaks_nothing():
    each = findings(1.0, 1.0, 1.0)
    fewer = msgspec.structs.replace(each[0], rows=each[0].rows[:-1], cores=each[0].cores[:-1])
    found = together([fewer, *each[1:]])
    assert len(found.rows) == len(each[2].rows)
    assert len(found.cores) == len(each[2].cores)
