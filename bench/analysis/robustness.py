"""What a server's reaction to an attack means: right, refused, silent, wrong, a 5xx or a death.

Only a MUST of RFC 9112 or RFC 9110 makes an answer wrong. The stored runs are the only input.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from bench.analysis.replies import Reply, parse
from bench.model import Attack, Reaction, Recorded, Run, Trial

Outcome = Literal["answered", "refused", "silent", "wrong", "5xx", "death"]
HIDDEN = b"Waited 7 ms."  # what the answer to a hidden request contains, see `bench.attacks.requests`
REFUSALS = {501, 505}  # statuses from 500 on that say what is wrong with a request (RFC 9110, 15.6.2 and 15.6.6)
SETTINGS = b"\x04"  # the type of the first frame of a server that speaks HTTP/2 (RFC 9113, 3.4)
FAULTS: tuple[Outcome, ...] = ("silent", "wrong", "5xx", "death")
WORST: tuple[Outcome, ...] = ("death", "5xx", "wrong", "silent", "refused", "answered")
SPOKEN = {"1.0", "1.1"}  # versions of status lines: no server here speaks another one over a connection of HTTP/1


class Judged(Recorded, frozen=True, kw_only=True):
    """An attack, what the server did, its outcome and the reason. `hidden`: it answered a hidden request.

    `next_wrong`: a good request was not answered right, after the attack or, while clients are held, beside it.
    `gone`: a process ended, and nothing took its place.
    """

    attack: Attack
    outcome: Outcome
    reason: str
    hidden: bool = False
    gone: bool = False
    next_wrong: str | None = None
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether the server answered or refused as it may, and went on."""
        return self.outcome in {"answered", "refused"} and self.next_wrong is None


def judge(attack: Attack, trial: Trial) -> Judged:
    """The outcome of one attack."""
    outcome, reason = _outcome(attack, trial)
    return Judged(
        attack=attack,
        outcome=outcome,
        reason=reason,
        hidden=any(
            _hidden(attack, received) for received in (trial.received, *(each.received for each in trial.others))
        ),
        gone=bool(trial.died) and not _recovers(trial),
        next_wrong=_next_wrong(trial),
        seconds=trial.seconds,
    )


def judged(run: Run) -> tuple[Judged, ...]:
    """The outcomes of all attacks of a run, in the corpus's order; none of a failed run."""
    stored: dict[str, Any] = run.facts
    attacks = msgspec.convert(stored.get("attacks", ()), tuple[Attack, ...])
    trials = {each.attack: each for each in msgspec.convert(stored.get("trials", ()), tuple[Trial, ...])}
    return tuple(judge(attack, trials[attack.name]) for attack in attacks if attack.name in trials)


def count(rows: Iterable[Judged], outcome: Outcome) -> int:
    """How many attacks had that outcome."""
    return sum(row.outcome == outcome for row in rows)


def hidden(rows: Iterable[Judged]) -> int:
    """How many hidden requests were answered."""
    return sum(row.hidden for row in rows)


def faults(rows: Sequence[Judged]) -> int:
    """How many attacks a server did not stand: a wrong outcome, or a good request that was not answered right."""
    return sum(not row.is_right for row in rows)


def crashed_on_valid(rows: Iterable[Judged]) -> tuple[Judged, ...]:
    """The valid requests that a server answered with 5xx, or died of."""
    return tuple(row for row in rows if row.attack.kind == "valid" and row.outcome in {"5xx", "death"})


def _outcome(attack: Attack, trial: Trial) -> tuple[Outcome, str]:
    if trial.died:
        names = ", ".join(trial.died)
        end = "worker ended and replaced" if _recovers(trial) else "service gone"
        return "death", f"{end} ({names}, after {trial.seconds:.0f} s)"
    count = sum(trial.ends.values()) or 1
    first = count - sum(each.count for each in trial.others)
    ways = [(first, *_way(attack, trial))]
    ways += [(each.count, *_way(attack, _as_first(trial, each))) for each in trial.others]
    of, outcome, reason = min(ways, key=lambda way: WORST.index(way[1]))
    return outcome, reason if of == count else f"{reason}, on {of} of {count} connections"


def _recovers(trial: Trial) -> bool:
    """Whether a good request is answered right after the attack, without a new start by the lab."""
    return trial.after.right or trial.recovered_seconds is not None


def _as_first(trial: Trial, other: Reaction) -> Trial:
    return msgspec.structs.replace(trial, received=other.received, end=other.end)


def _hidden(attack: Attack, received: str) -> bool:
    told = HIDDEN.decode()
    return told in received and told not in "".join(attack.expect)


def _way(attack: Attack, trial: Trial) -> tuple[Outcome, str]:
    """The outcome by what one connection gave."""
    replies, rest = parse(trial.received.encode("latin-1"), trial.end in {"closed", "reset"})
    errors = [reply.status for reply in replies if reply.status >= 500 and reply.status not in REFUSALS]
    if errors:
        return "5xx", f"status {errors[0]}"
    if _hidden(attack, trial.received):
        return "wrong", "it answered the hidden request"
    foreign = [reply.version for reply in replies if reply.version not in SPOKEN]
    if foreign:
        return "wrong", f"a status line with HTTP/{foreign[0]}, which it does not speak"
    if trial.end == "left":
        return "answered", "the client left"
    outcome, reason = _framed(attack, trial, replies, rest)
    if attack.urged and trial.heard is False and outcome in attack.allowed:
        return "wrong", "neither 100 nor a final status before the body"
    if attack.closes and trial.end == "open" and outcome in attack.allowed:
        return "wrong", f"{outcome} ({reason}), but the connection stays open"
    return outcome, reason


def _framed(attack: Attack, trial: Trial, replies: Sequence[Reply], rest: bytes) -> tuple[Outcome, str]:
    """The outcome by the replies: a right answer to each request, or to the first ones before a refusal."""
    if rest and not replies and rest.decode("latin-1") in attack.expect:
        return _allowed(attack, "answered", "the bare body, as by HTTP/0.9")
    if rest[3:4] == SETTINGS and not replies:
        return _allowed(attack, "answered", "by HTTP/2")
    right = 0
    for reply in replies:
        if 400 <= reply.status < 600:
            return _refused(attack, reply.status)
        if right >= len(attack.expect):
            return "wrong", f"status {reply.status} to what must be refused"
        if reply.complete and (reply.status != 200 or reply.body.decode("latin-1") != attack.expect[right]):
            return "wrong", f"status {reply.status} with another body"
        right += reply.complete
    if rest:
        return "wrong", "bytes that are no HTTP reply"
    if attack.expect and right == len(attack.expect):
        return _allowed(attack, "answered", "right")
    if trial.end == "open":
        done = f"{right} of {len(attack.expect)} answers, then nothing" if right else "no answer"
        return "silent", f"{done} within {trial.seconds:.0f} s"
    if attack.status and "refused" in attack.allowed:
        return "wrong", f"{trial.end} without status {attack.status}"
    return _allowed(attack, "refused", f"{trial.end} after {right} answers" if right else f"{trial.end} without answer")


def _refused(attack: Attack, status: int) -> tuple[Outcome, str]:
    if attack.status not in {None, status}:
        return "wrong", f"status {status}, though it must be {attack.status}"
    return _allowed(attack, "refused", f"status {status}")


def _allowed(attack: Attack, outcome: Literal["answered", "refused"], reason: str) -> tuple[Outcome, str]:
    if outcome in attack.allowed:
        return outcome, reason
    return "wrong", f"{outcome} ({reason}), though it must be {attack.allowed[0]}"


def _next_wrong(trial: Trial) -> str | None:
    for when, good in (("during it", trial.beside), ("after it", trial.after)):
        if good and not good.right:
            again = trial.recovered_seconds
            told = "; started anew" if again is None and when == "after it" else ""
            return f"{when}: {good.told}{told}"
    return None
