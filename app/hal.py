"""The layer `hal`: statements as resources, in HAL (draft-kelly-json-hal-11), for clients that accept it.

    STATEMENTS_LAYERS=hal

A client that knows only `GET /` reaches everything by links. The answer to `POST /statements` embeds its customers.
With the layer `events`, `GET /statements/<id>` is the statement that was made later, and links to its customers. Both
are HAL where `Accept` prefers it. The layer keeps nothing: it shows what the application within answers.
"""

from __future__ import annotations  # those of inner functions would be evaluated at each request

import re
from collections.abc import Callable, Iterable, Mapping
from os import environ
from types import SimpleNamespace
from typing import Any, NamedTuple

from app import relations
from app.asgi.bodies import given
from app.context import AsyncApplication, Environ, WsgiApplication
from app.core import dumps
from app.http import JSON, Problem, as_routed, not_allowed, queried
from app.negotiation import HAL, prefers_hal
from app.replies import UNCACHED, Reply, of_asgi, of_rsgi, of_wsgi, refused, replied
from app.resources import RELATIONS, Resources

VARY = ("Vary", "Accept")
HTML = "text/html; charset=utf-8"
READING = ("GET", "HEAD")

Represent = Callable[[bytes], bytes]


class Asked(NamedTuple):
    """A request to the application within: its path and query, and what becomes of the answer."""

    path: str
    query: str
    shown: Callable[[Reply], Reply]


class Hal:
    """What the layer does with a request, whatever its interface."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        stored = f"({resources.statements}/[0-9a-f]{{32}})(?:/{resources.customers}(?:/(0|[1-9][0-9]{{0,15}}))?)?"
        self._is_stored = re.compile(stored).fullmatch

    def asked(self, method: str, path: str, query: str, accept: str) -> Asked | Reply | None:
        """What to ask the application, or the answer; None for a path of the application alone."""
        try:
            return self._asked(method, path, query, accept)
        except Problem as problem:
            return refused(problem, UNCACHED)

    def _asked(self, method: str, path: str, query: str, accept: str) -> Asked | Reply | None:
        if as_routed(path) == self.resources.statements:
            return Asked(path, query, self._answered if prefers_hal(accept) else varied)
        found = self._is_stored(path)
        if found and path == found[1]:
            return Asked(path, query, self._stated(path) if prefers_hal(accept) else varied)
        if path != self.resources.home and not path.startswith(f"{RELATIONS}/") and not found:
            return None
        if method not in READING:
            raise not_allowed(path, *READING)
        if found:
            return Asked(found[1], "", self._of_customers(found[1], found[2], query))
        queried(query)
        if path == self.resources.home:
            return replied("200 OK", HAL, dumps(self.resources.at_home()))
        return self._documented(path.removeprefix(f"{RELATIONS}/"))

    def _documented(self, name: str) -> Reply:
        relation = relations.RELATIONS.get(name)
        if relation is None:
            raise Problem("404 Not Found", f"there is no relation {name!r}")
        return replied("200 OK", HTML, relations.page(name, relation, self.resources.home).encode())

    def _answered(self, reply: Reply) -> Reply:
        """The answer to a document: its statement, or where that will be."""
        return varied(self._shown(reply, reply.header("location"), self.resources.answer))

    def _stated(self, statement: str) -> Callable[[Reply], Reply]:
        def shown(reply: Reply) -> Reply:
            return varied(self._shown(reply, statement, lambda made: dumps(self.resources.statement(statement, made))))

        return shown

    def _of_customers(self, statement: str, customer: str | None, query: str) -> Callable[[Reply], Reply]:
        """How a statement becomes its customer, or a page of its customers. Raises Problem 400 for a wrong query."""
        if customer is None:
            number = page_of(query)
        else:
            queried(query)

        def represent(made: bytes) -> bytes:
            if customer is None:
                return dumps(self.resources.page(statement, made, number))
            return dumps(self.resources.customer(statement, made, int(customer)))

        return lambda reply: self._shown(reply, statement, represent)

    def _shown(self, reply: Reply, statement: str, represent: Represent) -> Reply:
        """The reply in HAL if it is JSON of a statement, made or pending; any other one as it is."""
        if reply.status[0] != "2" or reply.header("content-type").partition(";")[0] != JSON:
            return reply
        try:
            is_made = reply.status.startswith("200")
            body = represent(reply.body) if is_made else dumps(self.resources.pending(statement))
        except Problem as problem:
            return refused(problem, UNCACHED)
        own = {"content-type": HAL, "content-length": str(len(body))}
        headers = [(name, own.get(name.lower(), value)) for name, value in reply.headers]
        return Reply(reply.status, headers, body)


def page_of(query: str) -> int:
    """The number of a page. Raises Problem 400 for any query but `page=N`."""
    number = queried(query, "page").get("page", "1")
    if not re.fullmatch("[1-9][0-9]{0,5}", number):
        raise Problem("400 Bad Request", "page must be an integer from 1 to 999999", parameter="page")
    return int(number)


def varied(reply: Reply) -> Reply:
    """The reply to a request whose `Accept` counts."""
    return reply._replace(headers=[*reply.headers, VARY])


def configured(env: Mapping[str, str] = environ) -> Hal:
    """What the environment describes. Raises ValueError, which names the variable."""
    names = env.get("STATEMENTS_LAYERS", "").split()
    are_kept = "events" in names
    if are_kept and names.index("events") < names.index("hal"):
        raise ValueError("STATEMENTS_LAYERS: put hal before events: it shows what events answers")
    return Hal(Resources(are_kept=are_kept))


def wsgi(application: WsgiApplication, hal: Hal | None = None) -> WsgiApplication:
    """The WSGI application with statements as resources."""
    hal = hal or configured()

    def with_hal(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path, query = environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        asked = hal.asked(method, path, query, environ.get("HTTP_ACCEPT", ""))
        if asked is None:
            return application(environ, start_response)
        if isinstance(asked, Asked):
            target = {"PATH_INFO": asked.path, "QUERY_STRING": asked.query}
            inner = {**environ, "REQUEST_METHOD": with_body(method), **target}
            asked = asked.shown(of_wsgi(application, inner))
        return asked.start(environ, start_response)

    return with_hal


def with_body(method: str) -> str:
    """The method that gets the body of which HEAD tells the headers."""
    return "GET" if method == "HEAD" else method


def asgi(application: AsyncApplication, hal: Hal | None = None) -> AsyncApplication:
    """The ASGI application with statements as resources."""
    hal = hal or configured()

    async def with_hal(scope: dict[str, Any], receive: Any, send: Any) -> None:
        asked = None
        if scope["type"] == "http":
            query = scope["query_string"].decode("latin-1")
            asked = hal.asked(scope["method"], scope["path"], query, given(scope, b"accept"))
        if asked is None:
            await application(scope, receive, send)
            return
        if isinstance(asked, Asked):
            path = {"path": asked.path, "raw_path": asked.path.encode()} if asked.path != scope["path"] else {}
            inner = {
                **scope,
                "method": with_body(scope["method"]),
                "query_string": asked.query.encode("latin-1"),
                **path,
            }
            asked = asked.shown(await of_asgi(application, inner, receive))
        await asked.send(scope, send)

    return with_hal


def rsgi(application: AsyncApplication, hal: Hal | None = None) -> AsyncApplication:
    """The RSGI application with statements as resources."""
    hal = hal or configured()

    async def with_hal(scope: Any, protocol: Any) -> None:
        asked = None
        if scope.proto == "http":
            accept = ",".join(scope.headers.get_all("accept"))
            asked = hal.asked(scope.method, scope.path, scope.query_string, accept)
        if asked is None:
            await application(scope, protocol)
            return
        if isinstance(asked, Asked):
            method = with_body(scope.method)
            inner = SimpleNamespace(
                proto="http", method=method, path=asked.path, query_string=asked.query, headers=scope.headers
            )
            asked = asked.shown(await of_rsgi(application, inner, protocol))
        asked.respond(scope, protocol)

    return with_hal
