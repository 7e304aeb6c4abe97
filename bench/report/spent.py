"""What the lab itself cost a session, and what disturbed the machine, in words."""

from __future__ import annotations

from bench.analysis.text import listed, number, share
from bench.model import Session

LIMIT = 0.1  # of a study's wall time


def costs(session: Session) -> str | None:
    """The CPU time of the lab's own process against the wall time, waiting left out; None where none was kept."""
    wall, lab, starts, checks, cool = (
        sum(getattr(account, f"{name}_seconds") for account in session.accounts)
        for name in ("wall", "lab", "starts", "checks", "cool_downs")
    )
    if not wall:
        return None
    wall -= cool
    beside = {"starts of servers": starts, "checks of answers": checks, "waiting for quiet": cool}
    told = listed([f"{what} {number(seconds)} s" for what, seconds in beside.items() if seconds])
    judged = "within" if lab <= LIMIT * wall else "MORE THAN"
    return (
        f"The lab itself took {number(lab)} s of CPU in {number(wall)} s, {share(lab / wall)}, {judged} the "
        f"{LIMIT:.0%} that it may{f'; beside measuring: {told}' if told else ''}."
    )


def unrest(session: Session) -> str | None:
    """How often something disturbed the machine, and what did so first; None if nothing was seen."""
    noted = [noise for account in session.accounts for noise in account.noise]
    if not noted:
        return None
    often = "once" if len(noted) == 1 else f"{len(noted)} times"
    return f"The machine was not quiet, {often} before or during a block; the first time, {noted[0]}."
