"""The standing of each study's page: its finished sessions at this commit, and the expected time of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench import store
from bench.durations import written
from bench.host import machine
from bench.model import Plan, Session, Study
from bench.plan import estimate


class Standing(NamedTuple):
    """A study's plan, and how many of the sessions that its page needs are finished."""

    plan: Plan
    done: int

    @property
    def missing(self) -> int:
        """How many sessions its page lacks."""
        return max(0, self.plan.study.sessions - self.done)

    @property
    def seconds(self) -> float:
        """The expected seconds of the missing sessions, after set-up and builds."""
        return self.missing * estimate.plan_seconds(self.plan)


def standings(plans: Sequence[Plan], commit: str | None) -> list[Standing]:
    """The standing of each plan on this machine at `commit`.

    Nothing is built, so a change of interpreters or packages since a session goes unnoticed here.
    """
    return [Standing(plan, _done(plan.study, commit)) for plan in plans]


def lines(found: Sequence[Standing]) -> list[str]:
    """A line for each study, and a last one with the time of all."""
    width = max(len(each.plan.study.name) for each in found)
    told = [f"{each.plan.study.name:<{width}}  {_told(each)}" for each in found]
    left = sum(each.seconds for each in found)
    return [*told, f"about {written(left)} to go, after set-up and builds" if left else "nothing to go"]


def goes_on(study: Study, commit: str) -> bool:
    """Whether the study's last session here may be continued, or be found finished, at `commit`.

    An interrupted one may be continued within a day. Without a session nothing stands against one.
    """
    sessions = _here(study)
    if not sessions:
        return True
    last = sessions[-1]
    return last.commits == {commit} and (last.finished is not None or store.is_within_a_day(last.started, store.now()))


def _done(study: Study, commit: str | None) -> int:
    """The finished sessions of the page; 0 if another session would begin it anew."""
    finished = [session for session in _here(study) if session.finished and session.commits == {commit}]
    page = [session for _, session in store.of_one_page(finished[-1])] if finished else []
    is_whole = len(page) >= study.sessions
    return len(page) if is_whole or (page and store.is_within_a_day(page[0].started, store.now())) else 0


def _here(study: Study) -> list[Session]:
    """The study's sessions on this kind of machine, oldest first."""
    own = machine.describe()["fingerprint"]
    return [session for _, session in store.sessions(study.name) if session.machine.get("fingerprint") == own]


def _told(each: Standing) -> str:
    needed = each.plan.study.sessions
    done = f"{each.done} of {needed} session{'s' * (needed > 1)}"
    return f"{done}, about {written(each.seconds)} to go" if each.missing else done
