"""msgspec: structs that are checked while they are decoded, strict by default, and refuse unknown members.

Not expressed: the limit of amounts.
A `__post_init__` could check it, in Python and for each object.
"""

from typing import Annotated, Literal

from msgspec import UNSET, DecodeError, Meta, Struct, UnsetType
from msgspec.json import Decoder
from validators.reporting import reporting
from validators.schema import MOMENT, NAME

Id = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Moment = Annotated[str, Meta(pattern=MOMENT)]
Tag = Annotated[str, Meta(min_length=1, max_length=30)]


class Line(Struct, forbid_unknown_fields=True):
    """A line of an order."""

    sku: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._-]{1,40}\Z")]
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    price: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    tags: Annotated[list[Tag], Meta(max_length=20)] | UnsetType = UNSET


class Customer(Struct, forbid_unknown_fields=True):
    """Who ordered."""

    id: Id
    name: Annotated[str, Meta(pattern=NAME)]


class Order(Struct, forbid_unknown_fields=True):
    """An order."""

    id: Id
    placed: Moment
    status: Literal["open", "paid", "shipped", "refunded", "cancelled"]
    customer: Customer
    lines: Annotated[list[Line], Meta(min_length=1, max_length=1_000)]
    channel: Tag | UnsetType | None = UNSET
    note: Annotated[str, Meta(max_length=2_000)] | UnsetType | None = UNSET


class Batch(Struct, forbid_unknown_fields=True):
    """A document."""

    batch: Annotated[str, Meta(min_length=1, max_length=64)]
    currency: Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
    orders: Annotated[list[Order], Meta(max_length=100_000)]


REFUSALS = (DecodeError, UnicodeDecodeError)
transform = Decoder(Batch).decode
provenance = reporting("msgspec", module=__file__)
