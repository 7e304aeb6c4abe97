"""A client of HAL that knows only `/`: halchemy, with its default credentials replaced."""

import json
import time
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, NamedTuple

import halchemy

from tests.hal import required

PATIENCE_SECONDS = 30.0
DEFAULT = "Basic cm9vdDpwYXNzd29yZA=="  # root:password, which halchemy sends unless it is told otherwise


class Reached(NamedTuple):
    """What a client has found: the answer at once, the statement that was made later, its customers, and help."""

    answer: dict[str, Any]
    statement: dict[str, Any]
    customers: list[dict[str, Any]]
    documented: dict[str, str]


def client(url: str, authorization: str | None = None) -> halchemy.Api:
    """A client that sends these credentials, or none."""
    api = halchemy.Api(url)
    api.remove_headers(["Authorization"])
    if authorization:
        api.add_headers({"Authorization": authorization})
    return api


def reach(api: halchemy.Api, document: bytes, compute: Callable[[], object] = lambda: None) -> Reached:
    """Follow links from `/` to all that a document becomes; `compute` makes what waits."""
    batch = json.loads(document)
    home = required(api.home.get())
    answer = found(api.follow(home).to("lab:statements").post(batch))
    pending = api.follow(home).to("lab:statements").with_headers({"Prefer": "respond-async"}).post(batch)
    required(pending)
    compute()
    statement = made(api, pending)
    page = required(api.follow(statement).to("lab:customers").get())
    customers = page.embedded_many("lab:customer")
    while page.has_rel("next"):
        page = required(api.follow(page).to("next").get())
        customers += page.embedded_many("lab:customer")
    own = [required(api.follow(each).to("self").get()) for each in customers[:2]]
    assert [state(each) for each in own] == [state(each) for each in customers[:2]]
    documented = {name: documentation(api, statement, name) for name in ("statements", "customers", "customer")}
    return Reached(answer, state(statement), list(map(state, customers)), documented)


def found(resource: Any) -> dict[str, Any]:
    """The body of an answer with 200, checked against the schema."""
    assert resource._halchemy.response.status_code == 200, resource._halchemy.response
    assert resource._halchemy.request.headers.get("Authorization") != DEFAULT
    body: dict[str, Any] = resource._halchemy.response.body
    return required(body)


def made(api: halchemy.Api, pending: Any) -> Any:
    """The statement, once it is made."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while pending._halchemy.response.status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        pending = required(api.follow(pending).to("self").get())
    assert pending._halchemy.response.status_code == 200, pending._halchemy.response
    return pending


def documentation(api: halchemy.Api, resource: Any, name: str) -> str:
    """The text of a relation's documentation, to which the CURIE leads."""
    (curie,) = resource["_links"]["curies"]
    page = api.using_endpoint(curie["href"]).with_template_values({"rel": name}).get()
    assert page._halchemy.response.headers["Content-Type"] == "text/html; charset=utf-8"
    reader = Text()
    reader.feed(page._halchemy.response.body)
    return reader.text


class Text(HTMLParser):
    """The text of a page of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


def state(resource: dict[str, Any]) -> dict[str, Any]:
    """The members of a resource, without its links."""
    return {name: value for name, value in resource.items() if name not in {"_links", "_embedded"}}
