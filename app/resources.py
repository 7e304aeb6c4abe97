"""The representations of the layer `hal`, as draft-kelly-json-hal-11 defines them: plain dictionaries, and bytes.

A statement that is made at once embeds its customers: it has no URL, and neither have they. One that is made later
links to them, page by page.
"""

import json
from typing import Any

from app.core import dumps
from app.http import Problem

PAGE_CUSTOMERS = 20
RELATIONS = "/rels"
CURIES = [{"name": "lab", "href": f"{RELATIONS}/{{rel}}", "templated": True}]

Resource = dict[str, Any]


def to(href: str) -> dict[str, str]:
    """A Link Object."""
    return {"href": href}


class Resources:
    """What each resource is and links to. With the layer `events`, statements that are made later `are_kept`."""

    home = "/"
    statements = "/statements"
    customers = "customers"  # the last part of their path

    def __init__(self, *, are_kept: bool) -> None:
        self.are_kept = are_kept
        links = {"self": to(self.statements), "curies": CURIES, "index": to(self.home)}
        self._answer = b'{"_links":%b,' % dumps(links)

    def at_home(self) -> Resource:
        """Where a client begins."""
        made = {"href": f"{self.statements}{{/id}}", "templated": True} if self.are_kept else to(self.statements)
        return {"_links": {"self": to(self.home), "curies": CURIES, "lab:statements": made}}

    def answer(self, made: bytes) -> bytes:
        """A core's answer with its customers embedded: parsing it would take longer than all else."""
        begin, end = made.index(b',"customers":['), made.rindex(b'],"totals":{') + 1
        customers = made[begin + len(b',"customers":') : end]
        return b'%b%b,"_embedded":{"lab:customer":%b}%b' % (self._answer, made[1:begin], customers, made[end:])

    def pending(self, statement: str) -> Resource:
        """A statement that is not made yet."""
        return {"_links": {"self": to(statement)}, "state": "pending"}

    def statement(self, statement: str, made: bytes) -> Resource:
        """A statement that was made later."""
        members = json.loads(made)
        del members["customers"]
        customers = to(self._page(statement, 1))
        links = {"self": to(statement), "curies": CURIES, "index": to(self.home), "lab:customers": customers}
        return {"_links": links, **members}

    def page(self, statement: str, made: bytes, number: int) -> Resource:
        """A page of a statement's customers. Raises Problem 404 if there is no such page."""
        customers = json.loads(made)["customers"]
        pages = max(1, -(-len(customers) // PAGE_CUSTOMERS))
        if number > pages:
            raise Problem("404 Not Found", f"the last page is {pages}")
        near = {"self": number, "first": 1, "prev": number - 1, "next": number + 1, "last": pages}
        links = {name: to(self._page(statement, each)) for name, each in near.items() if 1 <= each <= pages}
        shown = customers[(number - 1) * PAGE_CUSTOMERS : number * PAGE_CUSTOMERS]
        embedded = [{"_links": {"self": to(self._customer(statement, each["id"]))}, **each} for each in shown]
        return {
            "_links": {**links, "up": to(statement), "curies": CURIES},
            "page": number,
            "pages": pages,
            "customers": len(customers),
            "_embedded": {"lab:customer": embedded},
        }

    def customer(self, statement: str, made: bytes, id: int) -> Resource:  # noqa: A002 - what it is
        """One customer of a statement. Raises Problem 404 if the statement has none of this id."""
        for index, each in enumerate(json.loads(made)["customers"]):
            if each["id"] == id:
                page = to(self._page(statement, index // PAGE_CUSTOMERS + 1))
                return {"_links": {"self": to(self._customer(statement, id)), "collection": page}, **each}
        raise Problem("404 Not Found", f"the statement has no customer {id}")

    def _page(self, statement: str, number: int) -> str:
        return f"{statement}/{self.customers}?page={number}"

    def _customer(self, statement: str, id: int) -> str:  # noqa: A002
        return f"{statement}/{self.customers}/{id}"
