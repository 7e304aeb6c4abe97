"""wrk: a light closed load, for capacities that Gatling cannot drive from one core.

Its script `wrk.lua` posts the documents in turn, compares each answer, byte for byte, with the right ones, and awaits
the answer of every request that it sent.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from bench import system
from bench.errors import LabError
from bench.instruments import watched
from bench.instruments.process_tree import used_between
from bench.model import Workload
from bench.pinning import pinned
from bench.store import scrubbed

SCRIPT = Path(__file__).with_suffix(".lua")
ANSWER_SECONDS = 60  # after which a request counts as lost, as with Gatling
GRACE_SECONDS = 30.0
LOST = f"the connection broke, or no answer came within {ANSWER_SECONDS} s"


class Told(msgspec.Struct, frozen=True):
    """The line of JSON that `wrk.lua` ends with.

    `within` counts the answers that came while requests were sent. So many `users` had a request under way at a time.
    The window `ended`, unless the server took no more connections.
    `refused` are answers of status 400 and more, `wrong` all answers of another status than 200 or with bytes that
    answer none of the documents, `late` those that took too long. `asked` and `answered` count requests and right
    answers by document.
    """

    requests: int
    within: int
    users: int
    ended: bool
    refused: int
    late: int
    wrong: int
    asked: tuple[int, ...]
    answered: tuple[int, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a load yielded: right answers, and the `rate` of those that came `within` the time that requests were sent.

    All `requests` were answered: so many reached the server. `started` and `ended` enclose the load, in seconds of the
    epoch; `generator_busy` is wrk's use of its core (0 to 1) between them. wrk's latencies are left out: it alters them
    by what it supposes a stall to have hidden.
    """

    requests: int
    within: int
    rate: float
    started: float
    ended: float
    generator_busy: float


def run(
    workload: Workload,
    url: str,
    *,
    users: int,
    seconds: int,
    output: Path,
    cpus: frozenset[int],
    documents: Path | None,
    same_answer: bool = False,
) -> Outcome:
    """Drive the server at `url` for so many seconds over `users` connections, each asking again when answered.

    It ends with the last answer.

    `same_answer` says that the first document's answer is right for all. What wrk said is kept in the file `output`.
    Raises MissingError without wrk, and LabError if it fails, if an answer is wrong, or if one is missing.
    """
    system.require(("wrk",))
    most = seconds + ANSWER_SECONDS
    argv = ["wrk", "--threads", "1", "--connections", str(users), "--duration", f"{most}s"]
    argv += [
        "--timeout",
        f"{ANSWER_SECONDS}s",
        "--script",
        str(SCRIPT),
        url,
        "--",
        *_asked(workload, seconds, documents, same_answer),
    ]
    started = time.time()
    with scrubbed(output) as console:
        samples = watched.run("wrk", pinned(argv, cpus), console, most + GRACE_SECONDS)
    ended = time.time()
    told = read(output)
    wrong = fault(told, users)
    if wrong:
        raise LabError(wrong)
    used, span = used_between(samples, started, ended)
    return Outcome(
        requests=told.requests,
        within=told.within,
        rate=told.within / seconds,
        started=started,
        ended=ended,
        generator_busy=used / span,
    )


def read(output: Path) -> Told:
    """What the script told at the end of a run. Raises LabError if that is not there."""
    last = output.read_text().splitlines()[-1:]
    try:
        return msgspec.json.decode("".join(last), type=Told)
    except msgspec.DecodeError as error:
        raise LabError(f"{output}: does not end with the script's line of JSON ({error})") from error


def fault(told: Told, users: int) -> str | None:
    """What makes a run no measurement: an answer that is wrong, lost or astray, or a user that was not served."""
    if told.wrong:
        return f"{told.wrong} of {told.requests} answers were wrong, {told.refused} of them of status 400 or more"
    asked, answered = sum(told.asked), sum(told.answered)
    if told.late or answered < asked:
        return f"{max(told.late, asked - answered)} of {asked} requests were lost: {LOST}"
    if told.users < users or not told.ended:
        served = f"only {told.users} of {users} users had" if told.ended else "at the end no user had"
        return f"{served} a request under way: the server refused connections"
    astray = next((n for n, pair in enumerate(zip(told.asked, told.answered, strict=True)) if pair[0] != pair[1]), None)
    if astray is not None:
        times = f"asked {told.asked[astray]} times and answered {told.answered[astray]} times"
        return f"document {astray} was {times}: answers do not match their requests"
    return None if told.within else "no answer arrived within the window: the load is too short"


def _asked(workload: Workload, seconds: int, documents: Path | None, same_answer: bool) -> list[str]:
    """The script's arguments."""
    if documents is not None:
        return [workload.method, workload.path, str(seconds), str(documents), *(["same"] if same_answer else [])]
    if workload.expect is not None:
        return [workload.method, workload.path, str(seconds), "=", workload.expect]
    raise LabError(f"workload {workload.name!r} has neither documents nor a text to expect")
