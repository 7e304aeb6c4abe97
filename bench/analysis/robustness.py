"""What a server's reaction to an attack means: right, refused, silent, wrong, a 5xx or a death.

An answer is wrong if it breaks a MUST of RFC 9112 or RFC 9110, takes a body whose end is broken for a whole one, or
refuses a valid request. The stored runs are the only input.
"""

from __future__ import annotations

import re
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
HIDING, ONLY_NEXT = "hidden request answered", "only the next request wrong"
KINDS = (HIDING, "death", "5xx", "wrong", ONLY_NEXT, "silent")  # of faults, the worst first: an attack counts as one
SHELL = "sh"  # the root of a proxy and its server, which ends both if one of them ends (`bench.serve.proxy`)
BESIDE, AFTER = "during it", "after it"
NEXT_STATUS = re.compile(r"status (5\d\d) instead of")  # as `bench.documents.answers.difference` tells it
SPOKEN = {"1.0", "1.1"}  # versions of status lines: no server here speaks another one over a connection of HTTP/1


class Judged(Recorded, frozen=True, kw_only=True):
    """An attack, what the server did, its outcome and the reason. `hidden`: it answered a hidden request.

    `next_wrong`: a good request was not answered right, after the attack or, while clients are held, beside it.
    `next_error`: the status 5xx of that answer. `ended`: which processes ended, and whether others took their place.
    `gone`: none did.
    """

    attack: Attack
    outcome: Outcome
    reason: str
    hidden: bool = False
    ended: str | None = None
    gone: bool = False
    next_wrong: str | None = None
    next_error: int | None = None
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether the server answered or refused as it may, and went on."""
        return self.fault is None

    @property
    def is_beside(self) -> bool:
        """Whether the good request that was not answered right was sent while clients were held."""
        return bool(self.next_wrong and self.next_wrong.startswith(BESIDE))

    @property
    def fault(self) -> str | None:
        """The worst thing that the server did, of `KINDS`; None if it stands the attack."""
        if self.hidden:
            return HIDING
        if self.outcome in FAULTS:
            return self.outcome
        return ONLY_NEXT if self.next_wrong else None


def judge(attack: Attack, trial: Trial, proxy: str | None = None) -> Judged:
    """The outcome of one attack on a server, which may stand behind a proxy of that process name."""
    ended = _ended(trial, proxy)
    outcome, reason = _outcome(attack, trial, ended)
    next_wrong = _next_wrong(trial)
    error = NEXT_STATUS.search(next_wrong or "")
    return Judged(
        attack=attack,
        outcome=outcome,
        reason=reason,
        hidden=any(
            _hidden(attack, received) for received in (trial.received, *(each.received for each in trial.others))
        ),
        ended=ended,
        gone=bool(trial.died) and not _recovers(trial),
        next_wrong=next_wrong,
        next_error=int(error[1]) if error else None,
        seconds=trial.seconds,
    )


def judged(run: Run) -> tuple[Judged, ...]:
    """The outcomes of all attacks of a run, in the corpus's order; none of a failed run."""
    return _judged(run, "trials")


def first(run: Run) -> tuple[tuple[Judged, Judged], ...]:
    """The outcomes of the trials that were repeated, each with that of its second trial."""
    counted = {row.attack.name: row for row in judged(run)}
    return tuple((row, counted[row.attack.name]) for row in _judged(run, "first"))


def _judged(run: Run, key: str) -> tuple[Judged, ...]:
    stored: dict[str, Any] = run.facts
    attacks = msgspec.convert(stored.get("attacks", ()), tuple[Attack, ...])
    trials = {each.attack: each for each in msgspec.convert(stored.get(key, ()), tuple[Trial, ...])}
    proxy = str(stored.get("proxy", "")).partition("/")[0] or None  # stored as `nginx/1.22.1`
    return tuple(judge(attack, trials[attack.name], proxy) for attack in attacks if attack.name in trials)


def count(rows: Iterable[Judged], kind: str) -> int:
    """How many attacks a server failed by that fault of `KINDS`."""
    return sum(row.fault == kind for row in rows)


def severity(rows: Sequence[Judged]) -> tuple[int, ...]:
    """How many attacks a server failed by each of `KINDS`. A lower tuple is a better server."""
    return tuple(count(rows, kind) for kind in KINDS)


def faults(rows: Iterable[Judged]) -> int:
    """How many attacks a server did not stand: a wrong outcome, or a good request that was not answered right."""
    return sum(not row.is_right for row in rows)


def quick_deaths(rows: Iterable[Judged]) -> tuple[Judged, ...]:
    """The deaths by attacks that need no patience."""
    return tuple(row for row in rows if row.outcome == "death" and row.attack.kind != "slow")


def spoilt(rows: Iterable[Judged]) -> tuple[Judged, ...]:
    """The attacks that made a server answer a good request of another client with 5xx."""
    return tuple(row for row in rows if row.next_error)


def crashed_on_valid(rows: Iterable[Judged]) -> tuple[Judged, ...]:
    """The valid requests that a server answered with 5xx, or died of."""
    return tuple(row for row in rows if row.attack.kind == "valid" and row.outcome in {"5xx", "death"})


def _outcome(attack: Attack, trial: Trial, ended: str | None) -> tuple[Outcome, str]:
    """The outcome of the worst connection, unless a process ended."""
    if ended:
        return "death", f"{ended} after {trial.seconds:.0f} s"
    count = sum(trial.ends.values()) or 1
    first = count - sum(each.count for each in trial.others)
    ways = [(first, *_way(attack, trial))]
    ways += [(each.count, *_way(attack, _as_first(trial, each))) for each in trial.others]
    of, outcome, reason = min(ways, key=lambda way: WORST.index(way[1]))
    return outcome, reason if of == count else f"{reason}, on {of} of {count} connections"


def _ended(trial: Trial, proxy: str | None) -> str | None:
    """Which processes ended, without the proxy and the lab's shell, which end with the server; None if none did."""
    if not trial.died:
        return None
    own = [name for name in trial.died if name not in {SHELL, proxy}] if proxy and SHELL in trial.died else trial.died
    end = "worker ended and replaced" if _recovers(trial) else "service gone"
    return f"{end} ({', '.join(own or trial.died)})"


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
        return "wrong", f"{trial.end} without status {_statuses(attack)}"
    return _allowed(attack, "refused", f"{trial.end} after {right} answers" if right else f"{trial.end} without answer")


def _refused(attack: Attack, status: int) -> tuple[Outcome, str]:
    if attack.status and status not in {attack.status, attack.or_status}:
        return "wrong", f"status {status}, though it must be {_statuses(attack)}"
    return _allowed(attack, "refused", f"status {status}")


def _statuses(attack: Attack) -> str:
    """The statuses that refuse the attack rightly, in words."""
    return " or ".join(str(status) for status in (attack.status, attack.or_status) if status)


def _allowed(attack: Attack, outcome: Literal["answered", "refused"], reason: str) -> tuple[Outcome, str]:
    if outcome in attack.allowed:
        return outcome, reason
    return "wrong", f"{outcome} ({reason}), though it must be {attack.allowed[0]}"


def _next_wrong(trial: Trial) -> str | None:
    for when, good in ((BESIDE, trial.beside), (AFTER, trial.after)):
        if good and not good.right:
            again = trial.recovered_seconds
            told = "; started anew" if again is None and when == AFTER else ""
            return f"{when}: {good.told}{told}"
    return None
