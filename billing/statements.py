"""The service `statements`, as billing calls it: through the client that is generated from its OpenAPI document.

The generated parser reads a body by its status alone. It takes texts for amounts, and fails where a body is not what
the document says. So an answer is checked twice: before the parser sees it, and by the types of what bills are made of.
"""

from typing import Annotated, Any

import httpcore
import httpx
import msgspec
from msgspec import Meta, Struct, field
from statements_client import AuthenticatedClient
from statements_client.api.core import post_statement
from statements_client.models import Batch
from statements_client.types import UNSET

from app.http import JSON, PROBLEM, REQUEST_ID, Problem
from app.request_id import HEADER
from billing.caller import Caller
from billing.circuit import Failed
from billing.settings import Settings
from billing.transport import OutOfBounds, Transport

UNREAD = (KeyError, TypeError, ValueError, RecursionError)  # what the generated parser raises where a body is wrong
REFUSALS = {  # those that are the caller's, and passed on; any other 4xx is billing's own fault
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    413: "413 Content Too Large",
    422: "422 Unprocessable Content",
}

Id = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Amount = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[^\ud800-\udfff]*$")]  # halves cannot be sent on


class Customer(Struct, frozen=True):
    """A customer of a statement; `due` is the sum of the orders that are open."""

    id: Id
    name: Name
    due: Amount = field(name="open_")


class Totals(Struct, frozen=True):
    """The sums over the customers of a statement."""

    customers: int
    due: int = field(name="open_")


class Statement(Struct, frozen=True):
    """What billing reads of the generated model of a statement, with the types that the model only announces."""

    batch: str
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    customers: list[Customer]
    totals: Totals


class _Refusal(Struct):
    """The problem details of `statements`."""

    status: int
    detail: str
    pointer: str | None = None


class Statements:
    """The service, for all threads: each attempt has a client of its own, and all share the connections."""

    def __init__(self, settings: Settings) -> None:
        self._origin = settings.statements
        self._transport = Transport(settings.calls, settings.max_answer_bytes)
        self._timeout = httpx.Timeout(
            connect=settings.connect_seconds,
            write=settings.write_seconds,
            read=settings.read_seconds,
            pool=settings.connect_seconds,
        )

    def of(self, batch: Batch, caller: Caller) -> Statement:
        """The statement of a batch. Raises Failed, or the Problem that the caller has to mend."""
        try:
            model = self._answered(batch, caller)
            statement = msgspec.convert(model, Statement, from_attributes=True)
        except (*UNREAD, msgspec.ValidationError) as error:
            raise _wrong("the answer is no statement") from error
        if (statement.batch, statement.currency) != (batch.batch, batch.currency):
            raise _wrong("the statement is that of another batch")
        if statement.totals != Totals(len(statement.customers), sum(customer.due for customer in statement.customers)):
            raise _wrong("the statement's totals are not those of its customers")
        return statement

    def _answered(self, batch: Batch, caller: Caller) -> Any:
        """The generated model of the answer. Raises Failed, Problem, or one of UNREAD."""
        client = self._client(caller)
        try:
            return post_statement.sync_detailed(
                client=client, body=batch, x_request_id=REQUEST_ID.get() or UNSET
            ).parsed
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:  # nothing was sent
            detail = "statements cannot be reached"
            raise Failed("503 Service Unavailable", detail, ("Retry-After", "1"), again=0.0) from error
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise Failed("504 Gateway Timeout", "statements did not answer in time") from error
        except OutOfBounds as error:
            raise _wrong(f"the answer is too large: {error}") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.RequestError) as error:
            raise _wrong("the answer broke off, or is no HTTP") from error

    def _client(self, caller: Caller) -> AuthenticatedClient:
        """A client for one attempt, so that no header and no cookie of one caller goes with another one's request."""
        http = httpx.Client(
            base_url=self._origin,
            transport=self._transport,
            timeout=self._timeout,
            headers={"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "billing", **caller.headers()},
            event_hooks={"response": [_accept]},
            trust_env=False,  # neither proxies nor ~/.netrc: the caller's identity is passed on, and no other
        )
        unused = ""  # the caller's token, if there is one, is among the headers
        client: AuthenticatedClient = AuthenticatedClient(self._origin, unused).set_httpx_client(http)
        return client


def _accept(response: httpx.Response) -> None:
    """Let nothing but JSON with status 200 go on to the generated parser.

    Raises Failed or Problem for other answers, whose headers are lost once that parser fails at their bodies.
    """
    response.read()
    sent = response.request.headers
    if response.headers.get(HEADER, sent.get(HEADER)) != sent.get(HEADER):
        raise _wrong("the answer is that to another request")
    if response.status_code in REFUSALS:
        raise _refusal(response)
    if response.status_code == 503:
        raise _busy(response)
    if response.status_code != 200:
        raise _wrong(f"the answer has status {response.status_code}")
    if not _is(response, JSON):
        raise _wrong("the answer is no JSON")


def _refusal(response: httpx.Response) -> Problem:
    """The problem that `statements` answered. It is about the caller's own batch, pointer and token."""
    try:
        refusal = msgspec.json.decode(response.content, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        refusal = None
    if refusal is None or not _is(response, PROBLEM) or refusal.status != response.status_code:
        return _wrong(f"the answer has status {response.status_code}, and is no problem")
    challenge = response.headers.get("WWW-Authenticate", "")
    headers = [("WWW-Authenticate", challenge)] if challenge.isascii() and challenge else []
    members = {} if refusal.pointer is None else {"pointer": refusal.pointer}
    return Problem(REFUSALS[refusal.status], refusal.detail, *headers, **members)


def _busy(response: httpx.Response) -> Failed:
    """A 503; with `Retry-After` in seconds it asks to be called again."""
    text = response.headers.get("Retry-After", "")
    seconds = int(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else None
    later = ("Retry-After", str(max(1, seconds or 0)))
    return Failed("503 Service Unavailable", "statements is unavailable", later, again=seconds)


def _is(response: httpx.Response, media_type: str) -> bool:
    found: str = response.headers.get("Content-Type", "")
    return found.partition(";")[0].strip().lower() == media_type


def _wrong(detail: str) -> Failed:
    return Failed("502 Bad Gateway", f"statements answered wrongly: {detail}")
