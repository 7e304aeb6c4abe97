"""The members of a document and of its statement as structs, in the order of the spec's tables."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Id = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Tag = Annotated[str, Meta(min_length=1, max_length=30)]


class Shape(Struct, forbid_unknown_fields=True, gc=False):
    """A part of a document: an unknown, missing or mistyped member is an error. gc=False: none is part of a cycle."""


class Line(Shape):
    sku: str  # each distinct sku is checked once
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    price: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    tags: Annotated[list[Tag], Meta(max_length=20)] | UnsetType = UNSET


class Buyer(Shape):
    id: Id
    name: str  # each distinct name is checked once


class Order(Shape):
    id: Id
    placed: str  # no pattern tells whether a date is real
    status: Literal["open", "paid", "shipped", "refunded", "cancelled"]
    customer: Buyer
    lines: Annotated[list[Line], Meta(min_length=1, max_length=1_000)]
    channel: Tag | UnsetType | None = UNSET
    note: Annotated[str, Meta(max_length=2_000)] | UnsetType | None = UNSET


class Batch(Shape):
    batch: Annotated[str, Meta(min_length=1, max_length=64)]
    currency: Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
    orders: Annotated[list[Order], Meta(max_length=100_000)]


class Sku(Struct):
    sku: str
    units: int
    amount: int


class Channel(Struct):
    channel: str
    orders: int


class Customer(Struct):
    id: int
    name: str
    orders: int
    first: str
    last: str
    units: int
    gross: int
    refunded: int
    open: int
    net: int
    skus: list[Sku]
    tags: list[str]
    channels: list[Channel]


class Totals(Struct):
    customers: int
    units: int
    gross: int
    refunded: int
    open: int
    net: int


class Statement(Struct):
    batch: str
    currency: str
    orders: int
    duplicates: int
    cancelled: list[int]
    customers: list[Customer]
    totals: Totals
