"""The lab's own overhead in a session, and the disturbances of the machine, in sentences."""

from __future__ import annotations

from bench.analysis.text import listed, number, share
from bench.model import Session

LIMIT = 0.1  # largest share of a study's wall time


def overhead(session: Session) -> str | None:
    """The CPU time of the lab's own process as a share of the wall time without waiting; None where not stored."""
    wall, lab, starts, checks, cool = (
        sum(getattr(account, f"{name}_seconds") for account in session.accounts)
        for name in ("wall", "lab", "starts", "checks", "cool_downs")
    )
    if not wall:
        return None
    wall -= cool
    beside = {"starts of servers": starts, "checks of answers": checks, "waiting for quiet": cool}
    told = listed([f"{what} {number(seconds)} s" for what, seconds in beside.items() if seconds])
    limit = f"limit {share(LIMIT)}" if lab <= LIMIT * wall else f"ABOVE the limit of {share(LIMIT)}"
    return (
        f"Overhead of the lab: {number(lab)} s of CPU in {number(wall)} s, {share(lab / wall)} ({limit})."
        f"{f' Time beside measuring: {told}.' if told else ''}"
    )


def unrest(session: Session) -> str | None:
    """The number of disturbances of the machine, and what they were; None without any."""
    noted = [noise for account in session.accounts for noise in account.noise]
    if not noted:
        return None
    often = "once" if len(noted) == 1 else f"{len(noted)} times"
    return f"The machine was not quiet {often}, before or during a block: {'; '.join(dict.fromkeys(noted))}."
