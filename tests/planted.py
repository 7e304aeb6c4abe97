"""Ten broken promises, each planted in the service alone: what a change breaks while its author looks elsewhere.

`python -m waitress --call tests.planted:application` serves the one that the environment's PLANTED names.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from app import contract
from app.context import Environ, WsgiApplication
from app.core import InvalidDocument, dumps
from app.http import JSON, PROBLEM, Problem
from app.replies import Reply, of_wsgi, refused
from app.wsgi import bare_app
from bench.paths import SPEC

Transform = Callable[[bytes], bytes]
Statement = dict[str, Any]

MEMBERS = {"batch", "currency", "orders"}  # of a batch
CHANNEL_CHARACTERS = 30


# ---------------------------------------------------------------- around the core


def answering(change: Callable[[Statement], object]) -> Callable[[Transform], Transform]:
    """Change each statement."""

    def planted(transform: Transform) -> Transform:
        def changed(document: bytes) -> bytes:
            statement = json.loads(transform(document))
            change(statement)
            return dumps(statement)

        return changed

    return planted


def rename(statement: Statement) -> None:
    statement["totals"]["balance"] = statement["totals"].pop("net")


def forget_refunds(statement: Statement) -> None:
    statement["totals"]["net"] = statement["totals"]["gross"]


def offset(statement: Statement) -> None:
    for customer in statement["customers"]:
        for name in ("first", "last"):
            customer[name] = customer[name].replace("Z", "+00:00")


def log_names(statement: Statement) -> None:
    """Fail as a log in Latin-1 does."""
    for customer in statement["customers"]:
        customer["name"].encode("latin-1")


def tolerating(transform: Transform) -> Transform:
    """Leave unknown members of a batch out, in place of refusing them."""

    def tolerant(document: bytes) -> bytes:
        try:
            return transform(document)
        except InvalidDocument:
            batch = json.loads(document)
            if not isinstance(batch, dict) or batch.keys() <= MEMBERS:
                raise
            known = {name: batch[name] for name in batch if name in MEMBERS}
            return transform(json.dumps(known).encode())

    return tolerant


def limiting(transform: Transform) -> Transform:
    """Refuse a channel as long as is allowed."""

    def limited(document: bytes) -> bytes:
        answer = transform(document)
        for number, order in enumerate(json.loads(document)["orders"]):
            if len(order.get("channel") or "") >= CHANNEL_CHARACTERS:
                raise InvalidDocument(f"/orders/{number}/channel")
        return answer

    return limited


# ---------------------------------------------------------------- around the application


def replying(change: Callable[[Environ, Reply], Reply]) -> Callable[[WsgiApplication], WsgiApplication]:
    """Change each answer."""

    def planted(application: WsgiApplication) -> WsgiApplication:
        def changed(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
            return change(environ, of_wsgi(application, environ)).start(environ, start_response)

        return changed

    return planted


def name_plain_json(_environ: Environ, reply: Reply) -> Reply:
    headers = [(name, JSON if value == PROBLEM else value) for name, value in reply.headers]
    return reply._replace(headers=headers)


def hide_methods(environ: Environ, reply: Reply) -> Reply:
    if not reply.status.startswith("405"):
        return reply
    return refused(Problem("404 Not Found", environ["PATH_INFO"]))


def name_backend(_environ: Environ, reply: Reply) -> Reply:
    return reply._replace(headers=[*reply.headers, ("X-Backend", "statements-7")])


def not_waiting(application: WsgiApplication) -> WsgiApplication:
    """Wait for no time if none is asked for, in place of refusing the request."""

    def lenient(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/wait" and not environ["QUERY_STRING"]:
            environ["QUERY_STRING"] = "ms=0"
        return application(environ, start_response)

    return lenient


# ---------------------------------------------------------------- all ten


def as_is(each: Any) -> Any:
    return each


class Defect(NamedTuple):
    """A broken promise, as what is put around the core's transform or around the application."""

    title: str
    within: Callable[[Transform], Transform] = as_is
    around: Callable[[WsgiApplication], WsgiApplication] = as_is


SOUND = "sound"
DEFECTS = {
    "renamed": Defect("`net` of the totals is renamed", within=answering(rename)),
    "sum": Defect("`net` of the totals forgets refunds", within=answering(forget_refunds)),
    "offset": Defect("moments end in `+00:00` instead of `Z`", within=answering(offset)),
    "crash": Defect("a name beyond Latin-1 gets 500", within=answering(log_names)),
    "tolerant": Defect("an unknown member of the batch is accepted", within=tolerating),
    "limit": Defect("a `channel` of 30 characters is refused", within=limiting),
    "optional": Defect("`/wait` without `ms` gets 200", around=not_waiting),
    "method": Defect("another method gets 404 instead of 405", around=replying(hide_methods)),
    "media-type": Defect("problems are sent as `application/json`", around=replying(name_plain_json)),
    "header": Defect("each answer has a header that is not promised", around=replying(name_backend)),
}


def promised() -> dict[str, Any]:
    """The OpenAPI document, with the operations tagged `core`."""
    document: dict[str, Any] = json.loads((SPEC / "openapi.json").read_text(encoding="utf-8"))
    document["paths"] = {
        path: item
        for path, item in document["paths"].items()
        if any("core" in operation["tags"] for name, operation in item.items() if name != "parameters")
    }
    return document


def made(defect: Defect) -> WsgiApplication:
    """The service with a defect."""
    core = contract.load_core("app.core")
    core = replace(core, transform=defect.within(core.transform))
    facts = {"/__version__": lambda: {"variant": "planted"}, "/openapi.json": promised}
    return defect.around(bare_app.make(core, facts, time.sleep))


def application() -> WsgiApplication:
    """The service with the defect that PLANTED names, or without one."""
    name = os.environ["PLANTED"]
    return made(Defect("nothing") if name == SOUND else DEFECTS[name])
