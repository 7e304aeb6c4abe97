"""The service `statements`, as billing calls it: one operation, and of its answer the members that bills are made of.

It is written by hand. The client that openapi-python-client generates from `spec/openapi.json` sends only what it has
read into its types, and takes an answer whose amounts are texts. Billing sends the caller's bytes, so that a pointer in
a refusal is right, and checks the members that bills need. Only `client` and `_sent` would change for a generated one.
"""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Annotated

import httpcore
import httpx
import msgspec
from msgspec import Meta, Struct, field

from app.http import JSON, PROBLEM, Problem
from app.request_id import HEADER
from billing.caller import Caller
from billing.circuit import Failed
from billing.settings import Settings
from billing.transport import OutOfBounds, Transport

BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what decoding an answer may raise
REFUSALS = {  # those that are the caller's, and passed on; any other 4xx is billing's own fault
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    413: "413 Content Too Large",
    422: "422 Unprocessable Content",
}

Id = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Amount = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Customer(Struct, frozen=True):
    """A customer of a statement; `due` is the sum of the orders that are open."""

    id: Id
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    due: Amount = field(name="open")


class Totals(Struct, frozen=True):
    """The sums over the customers of a statement."""

    customers: int
    due: int = field(name="open")


class Statement(Struct, frozen=True):
    """What billing reads of a statement."""

    batch: str
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    customers: list[Customer]
    totals: Totals


class _Batch(Struct):
    """What billing reads of a batch: raw, as an earlier value of a member that is named twice may have any type."""

    batch: msgspec.Raw
    currency: msgspec.Raw


class _Refusal(Struct):
    """The problem details of `statements`."""

    status: int
    detail: str
    pointer: str | None = None


def client(settings: Settings) -> httpx.Client:
    """The client of HTTP for all threads. It keeps no cookies: one caller's would go with the next one's request."""
    return httpx.Client(
        base_url=settings.statements,
        transport=Transport(settings.calls, settings.max_answer_bytes),
        timeout=httpx.Timeout(
            connect=settings.connect_seconds,
            write=settings.write_seconds,
            read=settings.read_seconds,
            pool=settings.connect_seconds,
        ),
        headers={"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "billing"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,  # neither proxies nor ~/.netrc: the caller's identity is passed on, and no other
    )


def statement_of(http: httpx.Client, document: bytes, caller: Caller) -> Statement:
    """The statement of a batch of orders.

    Raises Failed, or the Problem that the caller has to mend.
    """
    headers = caller.headers()
    response = _sent(http, document, headers)
    if response.headers.get(HEADER, headers.get(HEADER)) != headers.get(HEADER):
        raise _wrong("the answer is that to another request")
    if response.status_code == 200:
        return _statement(response, document)
    if response.status_code in REFUSALS:
        raise _refusal(response)
    if response.status_code == 503:
        raise _busy(response)
    raise _wrong(f"the answer has status {response.status_code}")


def _sent(http: httpx.Client, document: bytes, headers: dict[str, str]) -> httpx.Response:
    """The whole answer, whatever its status. Raises Failed."""
    try:
        return http.post("/statements", content=document, headers={**headers, "Content-Type": JSON})
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:  # nothing was sent
        detail = "statements cannot be reached"
        raise Failed("503 Service Unavailable", detail, ("Retry-After", "1"), again=0.0) from error
    except (TimeoutError, httpcore.TimeoutException) as error:
        raise Failed("504 Gateway Timeout", "statements did not answer in time") from error
    except OutOfBounds as error:
        raise _wrong(f"the answer is too large: {error}") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.RequestError) as error:
        raise _wrong("the answer broke off, or is no HTTP") from error


def _statement(response: httpx.Response, document: bytes) -> Statement:
    """The statement that was asked for. Raises Failed if the answer is another one, or none."""
    if not _is(response, JSON):
        raise _wrong("the answer is no JSON")
    try:
        statement = msgspec.json.decode(response.content, type=Statement)
        sent = msgspec.json.decode(document, type=_Batch)
        asked = tuple(msgspec.json.decode(member, type=str) for member in (sent.batch, sent.currency))
    except BROKEN as error:
        raise _wrong("the answer is no statement") from error
    if (statement.batch, statement.currency) != asked:
        raise _wrong("the statement is that of another batch")
    if statement.totals != Totals(len(statement.customers), sum(customer.due for customer in statement.customers)):
        raise _wrong("the statement's totals are not those of its customers")
    return statement


def _refusal(response: httpx.Response) -> Problem:
    """The problem that `statements` answered. It is about the caller's own batch, pointer and token."""
    try:
        refusal = msgspec.json.decode(response.content, type=_Refusal)
    except BROKEN:
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
