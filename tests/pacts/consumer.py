"""Record what `billing` expects of `statements`, after it has used pact's mock of it.

    consumer.py FOLDER

It runs in the environment of `bench/locks/pact.txt`. An expectation names only what `billing` reads, or its generated
client requires: what a pact does not name, the service may change.
"""

import json
import sys
from http.client import HTTPConnection
from typing import Any

from pact import Pact, match
from pact.pact import PactServer

from app.http import JSON, PROBLEM, Problem
from billing.bills import Billing
from billing.caller import Caller
from billing.settings import Settings

HOST = "127.0.0.1"
ORDER = {
    "id": 1,
    "placed": "2026-02-28T23:59:59Z",
    "status": "open",
    "customer": {"id": 7, "name": "Ann Lee"},
    "lines": [{"sku": "A-1", "quantity": 2, "price": 250}],
}
BATCH = {"batch": "b-1", "currency": "EUR", "orders": [ORDER]}
VALID = json.dumps(BATCH)
INVALID = json.dumps({**BATCH, "currency": "eur"})
MALFORMED = '{"batch": "b-1", '
HELLO = "Hello, world!\n"
BILLED = {"id": match.int(7), "name": match.str("Ann Lee"), "open": match.int(500)}
MOMENT = match.str("2026-02-28T23:59:59Z")
SUMS = {"units": match.int(2), "gross": match.int(0), "refunded": match.int(0), "net": match.int(0)}
REQUIRED = {"orders": match.int(1), "first": MOMENT, "last": MOMENT, **SUMS}  # by the generated client
SKU = {"sku": match.str("A-1"), "units": match.int(2), "amount": match.int(500)}
LISTS = {"skus": match.each_like(SKU, min=1), "tags": [], "channels": []}
STATEMENT = {
    "batch": "b-1",  # as it is sent: `billing` refuses the statement of another batch
    "currency": "EUR",
    "orders": match.int(1),
    "customers": match.each_like({**BILLED, **REQUIRED, **LISTS}, min=1),
    "totals": {"customers": match.int(1), "open": match.int(500), **SUMS},
}
DETAIL = match.str("why")

ID = "4c0ffee0d6a54d0fb1e5a5e0c0a1b2c3"
MADE_ID = match.regex(ID, regex="^[0-7][0-9a-f]{31}$")
EVENTS: dict[str, Any] = {  # by what the service publishes; pact has no matcher for "a string or null"
    "a statement for a known caller": match.str("anna"),
    "a statement for nobody known": None,
}


def answers() -> Pact:
    """The answers that `billing` reads."""
    pact = Pact("billing", "statements")
    greeted = pact.upon_receiving("a greeting").with_request("GET", "/hello")
    greeted.will_respond_with(200).with_body(HELLO, "text/plain")
    expect(pact, "a valid batch", VALID, 200, STATEMENT, JSON)
    expect(pact, "an invalid batch", INVALID, 422, {"status": 422, "detail": DETAIL, "pointer": "/currency"}, PROBLEM)
    return pact


def unmocked() -> Pact:
    """The answer to what pact's mock never answers: a body that it cannot parse."""
    pact = Pact("billing", "statements")
    expect(pact, "a malformed batch", MALFORMED, 400, {"status": 400, "detail": DETAIL}, PROBLEM)
    return pact


def expect(pact: Pact, description: str, document: str, status: int, body: Any, media_type: str) -> None:
    """Expect an answer to a document."""
    posted = pact.upon_receiving(description).with_request("POST", "/statements").with_body(document, JSON)
    posted.will_respond_with(status).with_body(body, media_type)


def use(mock: PactServer) -> None:
    """Ask the mock as billing does. It refuses an answer that lacks what it reads."""
    connection = HTTPConnection(HOST, mock.port, timeout=10)
    connection.request("GET", "/hello")
    assert connection.getresponse().read() == HELLO.encode()
    connection.close()
    billing, caller = Billing(Settings(statements=str(mock))), Caller("")
    bill = {"id": 7, "name": "Ann Lee", "due": 500, "currency": "EUR"}
    assert json.loads(billing.answer(VALID.encode(), caller)) == {"batch": "b-1", "bills": [bill]}
    problem = refusal(billing, INVALID.encode(), caller)
    assert (problem.members["status"], problem.members["pointer"]) == (422, "/currency")


def refusal(billing: Billing, document: bytes, caller: Caller) -> Problem:
    """The problem that billing answers with."""
    try:
        billing.answer(document, caller)
    except Problem as problem:
        return problem
    raise AssertionError("billing refuses nothing")


def events() -> Pact:
    """The events that `billing` reads."""
    pact = Pact("billing", "statements-events")
    for description, by in EVENTS.items():
        event = pact.upon_receiving(description, "Async").with_body({"id": MADE_ID, "by": by}, JSON)
        event.with_metadata({"subject": "statements.made", "Nats-Msg-Id": MADE_ID})
    return pact


def read(body: str | bytes | None, metadata: dict[str, object]) -> None:
    """Read an event as `billing` does."""
    assert body
    event = json.loads(body)
    assert (metadata["subject"], metadata["Nats-Msg-Id"], event["id"]) == ("statements.made", ID, ID)
    assert event["by"] in {"anna", None}


def main(folder: str) -> None:
    """Use the mocks, and write both pacts. Raises an error of pact for an expectation that was not used."""
    asked, received = answers(), events()
    with asked.serve(HOST) as server:
        use(server)
    received.verify(read, "Async")
    for pact in (asked, received):
        pact.write_file(folder, overwrite=True)
    unmocked().write_file(folder)  # adds to the first


if __name__ == "__main__":
    main(*sys.argv[1:])
