"""Racing: which candidates are eliminated, on what evidence, and when; with a fake subject and a fake clock."""

import msgspec
import pytest

from bench.durations import duration, written
from bench.errors import LabError
from bench.model import Case, MacroPlan, Measurement, MicroPlan, Phase, Run
from bench.plan import estimate
from bench.plan.planned import plan
from bench.race import racing
from tests.declared import CATALOG
from tests.unit.races import SERVERS, STUDY, Fake, Stored, cost, equal, raced

PLAN = plan(STUDY, CATALOG)


def names(phase: Phase) -> set[tuple[str, str]]:
    return {(f"{case.stack.framework}/{case.stack.server}", case.workload) for case in phase.cases}


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("1h30m", 5400), ("2m5s", 125)]
)
def test_a_duration_is_written_as_people_do(text: str, seconds: float) -> None:
    assert duration(text, "--budget") == seconds


@pytest.mark.parametrize("text", ["", "0m", "30", "half an hour", "30m1h", "-5m", "1.5h"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(LabError, match=r"invalid --budget .*: use a duration such as 90s, 30m or 1h30m"):
        duration(text, "--budget")


def test_a_duration_is_never_told_shorter_than_it_is() -> None:
    assert [written(seconds) for seconds in (45.2, 60, 61, 5400, 7200)] == ["46s", "1m", "2m", "1h30m", "2h"]


def test_each_round_holds_everybody_still_in_play_in_whole_blocks_under_the_brief_load() -> None:
    fake = Fake()
    race, final = raced(fake)
    first, *later = fake.rounds
    assert len(first.cases) == 16
    assert {case.load for case in first.cases} == {"glance"}
    assert [phase.first for phase in fake.rounds] == [racing.ROUND * number for number in range(len(fake.rounds))]
    playing = names(first)
    for phase, ended in zip(later, race.rounds, strict=False):
        playing -= {(f"{each.stack.framework}/{each.stack.server}", each.workload) for each in ended.eliminated}
        assert names(phase) == playing
    assert {case.load for case in final.cases} == {"closed"}
    assert race.finalists == len(final.cases)


def test_the_best_of_each_workload_and_the_baseline_are_measured_to_the_end() -> None:
    _, final = raced(Fake())
    best = {("bare/bjoern", "hello"), ("bare/uwsgi-processes", "medium")}
    baseline = {("falcon/gunicorn-sync", "hello"), ("falcon/gunicorn-sync", "medium")}
    assert best | baseline <= names(final)


def test_eliminated_candidates_are_significantly_worse_than_the_best_of_their_workload() -> None:
    race, final = raced(Fake())
    eliminated = {each: number for number, ended in enumerate(race.rounds, 1) for each in ended.eliminated}
    assert eliminated
    for each, number in eliminated.items():
        assert each.worse
        assert each.low is not None
        assert each.low > 1
        servers = 2 * number
        assert f" the server CPU per request of {each.best}, {servers} fresh servers" in each.reason
        assert each.reason.endswith(f", after round {number}")
    gone = {(f"{each.stack.framework}/{each.stack.server}", each.workload) for each in race.eliminated}
    assert gone.isdisjoint(names(final))
    assert len(gone) + len(final.cases) == 16, "everybody is in the final or has a reason"


def test_the_baseline_is_never_eliminated_and_is_beside_each_variant_in_play() -> None:
    study = msgspec.structs.replace(STUDY, baseline="cpython", variants=("cpython", "cython"))

    def slow(case: Case) -> float:
        return cost(case) * (10 if case.variant == "cpython" else 1)

    race, final = raced(Fake(slow), study, budget=720)
    baselines = {(case.stack.server, case.workload) for case in final.cases if case.variant == "cpython"}
    others = {(case.stack.server, case.workload) for case in final.cases if case.variant == "cython"}
    assert others <= baselines
    assert {("gunicorn-sync", "hello"), ("gunicorn-sync", "medium")} <= baselines
    assert race.eliminated


@pytest.mark.parametrize(("slow", "is_eliminated"), [("cpython", True), ("pypy", False)])
def test_a_candidate_that_may_be_cold_in_a_brief_load_is_not_eliminated(slow: str, is_eliminated: bool) -> None:
    study = msgspec.structs.replace(STUDY, variants=("cython", slow), frameworks=("falcon",), servers=SERVERS[:3])

    def ten_times(case: Case) -> float:
        return cost(case) * (10 if case.variant == slow else 1)

    budget = estimate.plan_seconds(plan(study, CATALOG)) - 5  # PyPy is driven until it is warm, which takes its time
    race, _ = raced(Fake(ten_times), study, budget)
    assert any(each.worse for each in race.eliminated if each.stack.variant == slow) is is_eliminated


def test_stacks_that_wait_with_few_requests_at_a_time_are_out_and_cpu_decides_among_the_others() -> None:
    """The best of each server goes on whatever its cost."""
    assert CATALOG.workloads["wait"].ranked_by == "rate"
    study = msgspec.structs.replace(STUDY, workloads=("wait",))

    class Waiting(Fake):
        def run(self, case: Case, block: int) -> Run:
            known = super().run(case, block)
            rate = Measurement(metric="rate", unit="", values=(50.0 if case.stack.server == "bjoern" else 3000.0,))
            return msgspec.structs.replace(known, measurements=(known.measurements[0], rate))

    race, final = raced(Waiting(), study, budget=220)
    worse = [each for ended in race.rounds for each in ended.eliminated]
    assert {(str(each.stack), each.by) for each in worse} >= {("cython/falcon/bjoern", "rate")}
    assert all(
        each.reason.startswith("60.0× (60.0–60.0) the time between answers of cython/bare/uwsgi-processes")
        for each in worse
        if each.by == "rate"
    )
    assert {str(each.best) for each in worse} == {"cython/bare/uwsgi-processes"}, "bjoern spends less CPU"
    assert {server for name, _ in names(final) for server in [name.split("/")[1]]} == set(SERVERS)


def test_a_run_that_fails_ends_the_race_for_its_stack_on_every_workload() -> None:
    fake = Fake()
    fake.broken = {("cython/bare/bjoern", "hello")}
    race, final = raced(fake)
    failed = [each for each in race.rounds[0].eliminated if str(each.stack) == "cython/bare/bjoern"]
    assert [(each.reason, each.worse) for each in failed] == [("failed on hello: it fell over", False)] * 2
    assert "bare/bjoern" not in {name for name, _ in names(final)}


def test_candidates_without_room_in_the_budget_are_left_out_by_rank_with_that_reason() -> None:
    race, final = raced(Fake(equal, spread=0.05), budget=400)
    assert race.left_out
    assert not any(each.worse for each in race.left_out)
    assert all(each.reason.endswith("fresh servers, no room in the budget") for each in race.left_out)
    spent = sum(ended.seconds for ended in race.rounds)
    assert spent + estimate.seconds(final, CATALOG) <= 400
    assert spent + estimate.seconds(final, CATALOG) > 400 - 3 * estimate.case_seconds(final.cases[0], CATALOG), (
        "the time is used"
    )


def test_where_time_is_short_the_last_have_fewer_servers_but_two_at_least() -> None:
    phases = PLAN.phases
    final = phases[-1]
    first = 2 * sum(estimate.case_seconds(case, CATALOG) for case in racing.track(PLAN, 400).first.cases)
    ten = 10 * estimate.case_seconds(
        final.cases[0], CATALOG
    )  # each server's best on each workload, and the baseline's first
    for runs, room in ((3, 3.2), (2, 2.2), (2, 2.9)):
        race, left = raced(Fake(spread=0.002), budget=estimate.seconds(phases[0], CATALOG) + first + room * ten)
        assert (race.runs or 3, left.blocks) == (runs, runs)
        assert sum(ended.seconds for ended in race.rounds) + estimate.seconds(left, CATALOG) <= race.budget_seconds


def test_on_a_slow_machine_the_same_budget_holds_fewer() -> None:
    budget = 500
    (_, quick), (race, slow) = (raced(Fake(spread=0.08, pace=pace), budget=budget) for pace in (1.0, 1.4))
    assert len(slow.cases) <= len(quick.cases)
    assert sum(ended.seconds for ended in race.rounds) + 1.4 * estimate.seconds(slow, CATALOG) <= budget


def test_the_seed_fixes_the_race() -> None:
    assert raced(Fake(seed=3)) == raced(Fake(seed=3))


def test_no_candidate_is_eliminated_as_worse_where_all_are_equal() -> None:
    """Twenty-four races of equals with a spread of 3 % between servers, so that luck decides which one is best."""
    for seed in range(24):
        race, _ = raced(Fake(equal, spread=0.03, seed=seed), budget=300)
        assert not [each for ended in race.rounds for each in ended.eliminated]


def test_a_study_that_fits_its_budget_is_not_raced() -> None:
    assert racing.track(PLAN, estimate.plan_seconds(PLAN)) is None


def test_too_small_a_budget_is_refused_with_the_least_that_does() -> None:
    with pytest.raises(LabError, match="--budget 1m is too short for trial: use at least ") as refused:
        racing.track(PLAN, 60)
    least = duration(str(refused.value).split("at least ")[1].split(",")[0], "the least")
    assert racing.track(PLAN, least)
    with pytest.raises(LabError, match="too short"):
        racing.track(PLAN, least - 60)


def test_a_study_without_stacks_under_load_is_not_raced() -> None:
    cores = msgspec.structs.replace(STUDY, macro=None, micro=MicroPlan(processes=2, values=1))
    with pytest.raises(LabError, match="--budget requires stacks under load: study 'trial' has none"):
        racing.track(plan(cores, CATALOG), 60)


def test_a_study_whose_own_load_is_the_brief_one_counts_the_servers_of_the_rounds_too() -> None:
    study = msgspec.structs.replace(STUDY, macro=MacroPlan(loads=("glance",), runs=9))
    track = racing.track(plan(study, CATALOG), 150)
    assert (track.final.blocks, {case.load for case in track.final.cases}) == (1, {"glance"})
    fake = Fake()
    race, final = raced(fake, study, budget=150)
    assert {case.load for phase in (*fake.rounds, final) for case in phase.cases} == {"glance"}
    assert final.first == racing.ROUND * len(race.rounds), "after the rounds, whose blocks it goes on from"


def test_a_race_that_goes_on_judges_each_round_by_the_runs_of_its_day() -> None:
    stored = Stored(cost, spread=0.03)
    race, final = raced(stored)
    stored(final)
    assert raced(stored)[0] == race, "that of the final is later"
