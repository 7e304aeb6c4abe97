"""A campaign: what it measures, keeps and skips, and how it goes on. Nothing is measured here."""

import re
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from bench import keep, pipeline, store
from bench.campaign import measuring, standing
from bench.errors import LabError, RefusedError
from bench.host import exclusive, machine, quiet
from bench.model import MicroPlan, Plan, Session, Study
from bench.plan import estimate
from bench.plan.planned import plan
from bench.progress import Progress
from tests.conftest import Main
from tests.declared import CATALOG
from tests.unit import fakes

COMMIT = "0123456789ab"
ONCE = replace(fakes.STUDY, name="once", open=None)
THRICE = replace(ONCE, name="thrice", sessions=3)


class Campaign(fakes.Bench):
    """The fake bench, with a commit, a calendar, and folders of the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        super().__init__(monkeypatch)
        self.commit = COMMIT
        self.day, self._seconds = "2026-11-24", iter(range(3600))
        self.results, self.kept = folder / "results", folder / "kept"
        monkeypatch.setattr(store, "create", partial(store.create, results=self.results))
        for name in ("sessions", "alike", "of_one_page", "latest"):
            monkeypatch.setattr(store, name, self.within(getattr(store, name)))
        monkeypatch.setattr(store, "now", self.now)
        monkeypatch.setattr(machine, "commit", lambda: self.commit)
        monkeypatch.setattr(machine, "describe", lambda: fakes.HERE | {"commit": self.commit})
        monkeypatch.setattr(keep, "keep", partial(keep.keep, results=self.results, kept=self.kept))
        monkeypatch.setattr(
            keep, "require_keepable", partial(keep.require_keepable, results=self.results, kept=self.kept)
        )

    def within(self, function):
        """The function of `store` on the test's results, whatever it is called with."""
        return lambda asked, *_, **__: function(asked, self.results)

    def now(self) -> str:
        minutes, seconds = divmod(next(self._seconds), 60)
        return f"{self.day}T12:{minutes:02}:{seconds:02}+00:00"

    def measure(self, *studies: Study) -> int:
        return measuring.measure(plans(*studies), Progress(Console(file=self.said, width=200)), self.commit)

    def files(self) -> list[str]:
        return sorted(path.name.removesuffix(keep.SUFFIX) for path in self.kept.glob("*"))

    def told(self, *studies: Study) -> list[str]:
        return standing.lines(standing.standings(plans(*studies), self.commit))

    def finished(self, study: Study) -> list[Session]:
        return [session for _, session in store.sessions(study.name) if session.finished]


def plans(*studies: Study) -> list[Plan]:
    return [plan(study, CATALOG) for study in studies]


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    monkeypatch.delenv("CI", raising=False)
    return Campaign(monkeypatch, tmp_path)


def test_each_study_is_measured_as_often_as_its_page_needs_and_every_session_is_kept(campaign: Campaign) -> None:
    assert campaign.measure(ONCE, THRICE) == 0
    assert campaign.files() == ["once", "thrice", "thrice-2", "thrice-3"]
    assert campaign.told(ONCE, THRICE) == ["once    1 of 1 session", "thrice  3 of 3 sessions", "nothing to go"]
    assert re.findall("thrice: . of 3 kept", campaign.said.getvalue()) == [f"thrice: {n} of 3 kept" for n in (1, 2, 3)]


def test_complete_ones_are_skipped_and_an_interrupted_one_goes_on(campaign: Campaign) -> None:
    campaign.measure(ONCE)
    each = len(campaign.measured)
    campaign.stop_after = 2 * each + 4  # within the second session of the second study
    with pytest.raises(KeyboardInterrupt):
        campaign.measure(ONCE, THRICE)
    assert campaign.files() == ["once", "thrice"], "the first is kept, although the second was interrupted"
    assert campaign.told(THRICE)[0].startswith("thrice  1 of 3 sessions, about ")
    campaign.stop_after = None
    assert campaign.measure(ONCE, THRICE) == 0
    assert campaign.files() == ["once", "thrice", "thrice-2", "thrice-3"]
    assert 4 * each <= len(campaign.measured) <= 4 * each + 1, "no session is measured twice"
    assert campaign.measure(ONCE, THRICE) == 0
    assert len(store.sessions("thrice")) == 3


def test_changed_inputs_are_measured_anew(campaign: Campaign) -> None:
    campaign.measure(THRICE)
    longer = replace(THRICE, micro=MicroPlan(processes=3, values=6))
    campaign.measure(longer)
    assert len(store.sessions("thrice")) == 6
    assert {keep.read(path).study.micro for path in campaign.kept.iterdir()} == {longer.micro}


def test_another_commit_begins_the_page_anew_and_takes_no_interrupted_session_of_the_first(campaign: Campaign) -> None:
    campaign.measure(ONCE)
    campaign.stop_after = len(campaign.measured) + 4
    with pytest.raises(KeyboardInterrupt):
        campaign.measure(THRICE)
    campaign.stop_after, campaign.commit = None, "ba9876543210"
    assert campaign.told(ONCE)[0].startswith("once  0 of 1 session")
    campaign.measure(ONCE, THRICE)
    assert {session.machine["commit"] for session in campaign.finished(THRICE)} == {"ba9876543210"}
    assert {keep.read(path).session.machine["commit"] for path in campaign.kept.iterdir()} == {"ba9876543210"}
    assert len(store.sessions("thrice")) == 4, "the interrupted one stays, and is not continued"


def test_another_day_begins_the_page_anew_and_a_complete_page_stays(campaign: Campaign) -> None:
    campaign.measure(ONCE)
    each = len(campaign.measured)
    campaign.stop_after = 2 * each + 4
    with pytest.raises(KeyboardInterrupt):
        campaign.measure(THRICE)
    campaign.stop_after, campaign.day = None, "2026-11-26"
    assert campaign.told(THRICE)[0].startswith("thrice  0 of 3 sessions")
    campaign.measure(ONCE, THRICE)
    assert len(store.sessions("once")) == 1
    days = [keep.read(path).session.started[:10] for path in keep.files("thrice", campaign.kept)]
    assert days == ["2026-11-26"] * 3
    assert len(campaign.finished(THRICE)) == 4, "the first day's stays in results"


def test_a_study_that_fails_does_not_stop_the_others_and_is_named(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, wrong = (replace(ONCE, name=name) for name in ("broken", "wrong"))
    run = pipeline.run

    def sometimes(plan: Plan, *words, **more):
        if plan.study.name == "broken":
            raise LabError("a disk is full")
        if plan.study.name == "wrong":
            raise ZeroDivisionError("of the lab itself")
        return run(plan, *words, **more)

    monkeypatch.setattr(pipeline, "run", sometimes)
    assert campaign.measure(broken, wrong, ONCE) == 2
    assert campaign.files() == ["once"]
    said = campaign.said.getvalue()
    assert "broken: a disk is full\n" in said
    assert "ZeroDivisionError: of the lab itself" in said
    assert said.endswith("not finished: broken, wrong; run the same command to go on with them\n")


def test_a_failed_case_is_kept_and_tells_in_the_exit_status(campaign: Campaign) -> None:
    campaign.wrong.add("nuitka")
    assert campaign.measure(ONCE) == 1
    assert campaign.files() == ["once"]


def test_on_a_machine_that_is_not_quiet_nothing_is_measured(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiet, "WAIT_SECONDS", 0.0)
    campaign.load = 1.5
    with pytest.raises(RefusedError, match=r"^once: --strict requires a quiet machine: other processes use"):
        campaign.measure(ONCE, THRICE)
    assert campaign.measured == []
    assert store.sessions("thrice") == []
    campaign.load = 0.0
    assert campaign.measure(ONCE) == 0


def test_a_checkout_that_moves_on_ends_the_campaign(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep.keep

    def keep_and_commit(study: Study) -> list[Path]:
        campaign.commit = "ba9876543210"
        return kept(study)

    monkeypatch.setattr(keep, "keep", keep_and_commit)
    with pytest.raises(LabError, match=f"the checkout left commit {COMMIT}: start again"):
        campaign.measure(THRICE, ONCE)
    assert campaign.files() == ["thrice"]


def test_the_time_to_go_is_that_of_the_missing_sessions(campaign: Campaign) -> None:
    (found,) = standing.standings(plans(THRICE), COMMIT)
    assert (found.done, found.missing) == (0, 3)
    assert found.seconds == 3 * estimate.plan_seconds(found.plan)


# ---------------------------------------------------------------- the command


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")  # `main` is meant to
def test_the_plan_lists_the_studies_in_a_readers_order_and_measures_nothing(campaign: Campaign, main: Main) -> None:
    status, output, _ = main("measure", "--plan")
    names = [line.split()[0] for line in output.splitlines()[:-1]]
    assert status == 0
    assert names[:6] == ["selftest", "variants", "servers", "stacks", "nodejs", "spring"]
    assert set(names) == set(CATALOG.studies)
    assert output.splitlines()[1].startswith("variants         0 of 3 sessions, about ")
    assert campaign.measured == []
    status, output, _ = main("measure", "--plan", "servers", "variants", "servers")
    assert [line.split()[0] for line in output.splitlines()] == ["variants", "servers", "about"]


@pytest.mark.parametrize(("commit", "told"), [(f"{COMMIT}-dirty", "a clean checkout"), (None, "git and a clone")])
def test_code_of_no_commit_is_not_measured(campaign: Campaign, main: Main, commit: str, told: str) -> None:
    campaign.commit = commit
    status, _, errors = main("measure", "variants")
    assert status == 2
    assert errors.startswith(f"bench: measure requires {told}")


def test_beside_another_measurement_it_ends_with_a_line(
    campaign: Campaign, main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken() -> None:
        raise LabError("process 7 measures on this machine")

    monkeypatch.setattr(exclusive, "require_free", taken)
    assert main("measure", "variants")[::2] == (2, "bench: process 7 measures on this machine\n")
    assert campaign.measured == []
