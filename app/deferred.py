"""What the layer `events` answers on every interface: statements that are made later, their results, and events."""

import json
import logging

from app import replies
from app.deadline import within
from app.http import DEFAULT_MAX_BYTES, JSON, Problem, without_quoted
from app.nats import LIMIT_SECONDS, NoBroker, TooLarge
from app.principal import NoPrincipal, principal
from app.replies import UNCACHED, Header, Reply
from app.sparing import Sparing
from app.statements import as_seen
from app.work import MADE_STATUS, Outcome, Work, by_of, is_id, new_id

STATEMENTS = "/statements"
RETRY = ("Retry-After", "1")  # seconds
PENDING = b'{"state":"pending"}'
AWAY = Problem("503 Service Unavailable", "the broker is not available")

LOG = logging.getLogger(__name__)
LOG.addFilter(Sparing())


def replied(status: str, body: bytes, *headers: Header) -> Reply:
    return replies.replied(status, JSON, body, UNCACHED, *headers)


def refused(problem: Problem, *headers: Header) -> Reply:
    return replies.refused(problem, UNCACHED, *headers)


def unavailable(error: NoBroker) -> Reply:
    """The answer while the broker is away. Its own words are for the log."""
    LOG.warning("the broker: %s", error)
    return refused(AWAY, RETRY)


def prefers_async(prefer: str) -> bool:
    """Whether the preferences of a header, or of several joined by commas, have `respond-async` (RFC 7240)."""
    preferences = without_quoted("", prefer).split(",")
    return "respond-async" in {each.partition(";")[0].strip().lower() for each in preferences}


def id_in(path: str) -> str | None:
    """The id in the path of a result; None for any other path."""
    collection, _, name = path.rpartition("/")
    return name if collection == STATEMENTS and is_id(name) else None


class Events:
    """What the layer does with a request, whatever its interface.

    The methods block while the broker is asked, however often, for at most `LIMIT_SECONDS`. With the layer identity,
    the service `is_guarded`: nobody unknown has a statement made.
    """

    def __init__(self, work: Work, *, is_guarded: bool = False, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.work = work
        self.is_guarded = is_guarded
        self.max_bytes = max_bytes

    def accept(self, document: bytes) -> Reply:
        """Put a document on the queue."""
        try:
            by, deadline = self._by(is_needed=self.is_guarded), within(LIMIT_SECONDS)
            id = self.work.submit(document, by, deadline)  # noqa: A001 - what it is
        except Problem as problem:
            return refused(problem)
        except TooLarge as error:
            return refused(Problem("413 Content Too Large", f"{error}; send it without Prefer"))
        except NoBroker as error:
            return unavailable(error)
        location = ("Location", f"{STATEMENTS}/{id}")
        return replied("202 Accepted", PENDING, location, RETRY, ("Preference-Applied", "respond-async"))

    def result(self, method: str, id: str) -> Reply:  # noqa: A002
        """The outcome of a document, for who sent it."""
        if method not in {"GET", "HEAD"}:
            return refused(Problem("405 Method Not Allowed", "a statement takes GET and HEAD"), ("Allow", "GET, HEAD"))
        try:
            return self._result(id)
        except Problem as problem:
            return refused(problem)
        except NoBroker as error:
            return unavailable(error)

    def announce(self) -> Reply | None:
        """Publish the event of a statement that was made; None if the broker has it."""
        try:
            self.work.announce(new_id(), self._by(), within(LIMIT_SECONDS))
        except NoBroker as error:
            return unavailable(error)
        return None

    def _result(self, id: str) -> Reply:  # noqa: A002
        by, deadline = self._by(), within(LIMIT_SECONDS)
        outcome = self.work.outcome(id, deadline)
        if outcome is None:
            waiting = self.work.pending(id, deadline)
            if waiting is not None and by_of(waiting) == by:
                return replied("202 Accepted", PENDING, RETRY)
            outcome = self.work.outcome(id, deadline)  # it may have been stored since the first look
        if outcome is None or outcome.by != by:
            raise Problem("404 Not Found", f"{STATEMENTS}/{id}")
        if outcome.status != MADE_STATUS:
            raise _problem(outcome)
        body = as_seen(lambda _: outcome.body)(b"") if self.is_guarded else outcome.body
        return replied(outcome.status, body)

    def _by(self, is_needed: bool = False) -> str | None:
        try:
            return principal().subject
        except NoPrincipal:
            if is_needed:
                raise Problem("401 Unauthorized", "a bearer token is needed") from None
            return None


def _problem(outcome: Outcome) -> Problem:
    """The problem of an outcome. It gets the id of the request that asks for it."""
    members = json.loads(outcome.body)
    further = {name: value for name, value in members.items() if name not in {"title", "status", "detail"}}
    return Problem(outcome.status, members["detail"], **further)
