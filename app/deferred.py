"""What the layer `events` answers on every interface: statements that are made later, their results, and events."""

import json
import logging
from enum import Enum

from app import challenges
from app.http import DEFAULT_MAX_BYTES, JSON, Header, Problem, as_routed, not_allowed, queried, without_quoted
from app.nats import Dialogue, NoBroker, TooLarge
from app.principal import NoPrincipal, principal
from app.replies import UNCACHED, Reply, refused, replied
from app.sparing import Sparing
from app.statements import STATEMENTS as SCOPE
from app.statements import as_seen
from app.work import MADE_STATUS, Outcome, Work, by_of, is_id, new_id

STATEMENTS = "/statements"
RETRY = ("Retry-After", "1")  # seconds
PENDING = b'{"state":"pending"}'
AWAY = Problem("503 Service Unavailable", "the broker is not available", RETRY)

LOG = logging.getLogger(__name__)
LOG.addFilter(Sparing())


class Asked(Enum):
    """What a request asks the layer for."""

    RESULT = "what has become of a document"
    LATER = "a statement that is made later"
    NOW = "a statement that is made at once, and its event"


def uncached(status: str, body: bytes, *headers: Header) -> Reply:
    return replied(status, JSON, body, UNCACHED, *headers)


def uncached_problem(problem: Problem) -> Reply:
    return refused(problem, UNCACHED)


def unavailable(error: NoBroker | TooLarge) -> Reply:
    """The answer while the broker is away. Its own words are for the log."""
    LOG.warning("the broker: %s", error)
    return uncached_problem(AWAY)


def prefers_async(prefer: str) -> bool:
    """Whether the preferences of a header, or of several joined by commas, have `respond-async` (RFC 7240)."""
    preferences = without_quoted("", prefer).split(",")
    return "respond-async" in {each.partition(";")[0].strip().lower() for each in preferences}


def is_result(path: str) -> bool:
    """Whether a path is that of a result."""
    collection, _, name = path.rpartition("/")
    return collection == STATEMENTS and is_id(name)


def is_made(reply: Reply) -> bool:
    """Whether an answer to a document is a statement."""
    return reply.status[:3] == MADE_STATUS[:3]


class Events:
    """What the layer does with a request, whatever its interface: its dialogues return what is answered.

    With the layer identity, the service `is_guarded`: nobody unknown has a statement made.
    """

    def __init__(
        self, work: Work, broker: str, *, is_guarded: bool = False, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> None:
        self.work = work
        self.broker = broker  # its URL
        self.is_guarded = is_guarded
        self.max_bytes = max_bytes

    def asked(self, method: str, path: str, query: str, prefer: str) -> Asked | None:
        """What a request asks for; None if it is for the application alone."""
        if is_result(path):
            return Asked.RESULT
        if method != "POST" or as_routed(path) != STATEMENTS:
            return None
        is_exact = path == STATEMENTS and not query  # else the application refuses it
        return Asked.LATER if is_exact and prefers_async(prefer) else Asked.NOW

    def accept(self, document: bytes) -> Dialogue[Reply]:
        """Put a document on the queue."""
        try:
            by = self._by(is_needed=self.is_guarded)
            id = yield from self.work.submit(document, by)  # noqa: A001 - what it is
        except Problem as problem:
            return uncached_problem(problem)
        except TooLarge as error:
            return uncached_problem(Problem("413 Content Too Large", f"{error}; send it without Prefer"))
        except NoBroker as error:
            return unavailable(error)
        location = ("Location", f"{STATEMENTS}/{id}")
        return uncached("202 Accepted", PENDING, location, RETRY, ("Preference-Applied", "respond-async"))

    def result(self, method: str, path: str, query: str) -> Dialogue[Reply]:
        """The outcome of a document, for who sent it."""
        if method not in {"GET", "HEAD"}:
            return uncached_problem(not_allowed("a statement", "GET", "HEAD"))
        try:
            queried(query)
            return (yield from self._result(path))
        except Problem as problem:
            return uncached_problem(problem)
        except (NoBroker, TooLarge) as error:
            return unavailable(error)

    def announced(self, reply: Reply) -> Dialogue[Reply]:
        """The application's answer, once its event is published if it is a statement."""
        if is_made(reply):
            try:
                yield from self.work.announce(new_id(), self._by())
            except (NoBroker, TooLarge) as error:
                return unavailable(error)
        return reply

    def _result(self, path: str) -> Dialogue[Reply]:
        id, by = path.rpartition("/")[2], self._by()  # noqa: A001 - what it is
        unknown = Problem("404 Not Found", path)
        if by is None and self.is_guarded:
            raise unknown  # what was made without identity is nobody's, and not everybody's
        outcome = yield from self.work.outcome(id)
        if outcome is None:
            waiting = yield from self.work.pending(id)
            if waiting is not None and by_of(waiting) == by:
                return uncached("202 Accepted", PENDING, RETRY)
            outcome = yield from self.work.outcome(id)  # it may have been stored since the first look
        if outcome is None or outcome.by != by:
            raise unknown
        if outcome.status != MADE_STATUS:
            raise _problem(outcome)
        body = as_seen(lambda _: outcome.body)(b"") if self.is_guarded else outcome.body
        return uncached(outcome.status, body)

    def _by(self, is_needed: bool = False) -> str | None:
        try:
            return principal().subject
        except NoPrincipal:
            if is_needed:
                raise challenges.unknown(SCOPE) from None
            return None


def _problem(outcome: Outcome) -> Problem:
    """The problem of an outcome. It gets the id of the request that asks for it."""
    members = json.loads(outcome.body)
    further = {name: value for name, value in members.items() if name not in {"title", "status", "detail"}}
    return Problem(outcome.status, members["detail"], **further)
