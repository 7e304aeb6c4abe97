"""The models of an answer: a batch, its customers' statements, and what of both their reader may see.

They ask `principal()` themselves: nothing hands a request or a principal from one to the other.

Scopes decide. With `customers:all`, the core's bytes pass unchanged. With `customer:17`, customer 17 stays; a token may
have several such scopes. Other customers are left out. `orders` and `totals` are then those of the customers that stay.
`duplicates` and `cancelled` are left out, because the answer does not tell whose orders they are.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app import challenges
from app.core import dumps
from app.principal import NoPrincipal, principal

STATEMENTS = "statements"
ALL_CUSTOMERS = "customers:all"
SUMS = ("units", "gross", "refunded", "open", "net")


@dataclass(frozen=True)
class CustomerStatement:
    """What one customer ordered, as a core answers it."""

    members: dict[str, Any]

    def is_visible(self) -> bool:
        """Tell whether the caller may see this customer."""
        return f"customer:{self.members['id']}" in principal().scopes


@dataclass(frozen=True)
class Customers:
    """The statements of a batch, in their order."""

    statements: tuple[CustomerStatement, ...]

    def visible(self) -> "Customers":
        """The customers that the caller may see."""
        return Customers(tuple(statement for statement in self.statements if statement.is_visible()))

    def sum_of(self, member: str) -> int:
        return sum([statement.members[member] for statement in self.statements])

    def totals(self) -> dict[str, int]:
        return {"customers": len(self.statements), **{member: self.sum_of(member) for member in SUMS}}


@dataclass(frozen=True)
class Batch:
    """An answer of a core."""

    name: str
    currency: str
    customers: Customers

    @classmethod
    def of(cls, answer: bytes) -> "Batch":
        """The batch that a core has answered."""
        members = json.loads(answer)
        statements = tuple(CustomerStatement(each) for each in members["customers"])
        return cls(members["batch"], members["currency"], Customers(statements))

    def as_seen(self) -> dict[str, Any]:
        """The members that the caller may see."""
        customers = self.customers.visible()
        return {
            "batch": self.name,
            "currency": self.currency,
            "orders": customers.sum_of("orders"),
            "customers": [statement.members for statement in customers.statements],
            "totals": customers.totals(),
        }


def as_seen(transform: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A core's transform whose answer has only what the caller's scopes allow.

    It raises Problem 401 without a principal and 403 without the scope, whatever the path of the request.
    """

    def seen(document: bytes) -> bytes:
        try:
            scopes = principal().scopes
        except NoPrincipal as error:
            raise challenges.unknown(STATEMENTS) from error
        if STATEMENTS not in scopes:
            raise challenges.lacking(STATEMENTS)
        answer = transform(document)
        return answer if ALL_CUSTOMERS in scopes else dumps(Batch.of(answer).as_seen())

    return seen
