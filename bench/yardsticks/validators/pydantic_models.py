"""pydantic: models that are checked while they are decoded, with `strict=True` and `extra="forbid"`.

Not expressed: the limit of amounts.
An `AfterValidator` could check it, in Python and for each value.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from validators.reporting import reporting
from validators.schema import MOMENT_PATTERN, NAME_PATTERN

Id = Annotated[int, Field(ge=1, le=2**53 - 1)]
Moment = Annotated[str, StringConstraints(pattern=MOMENT_PATTERN)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=30)]


class Model(BaseModel):
    """A part of a document: an unknown, missing or mistyped member is an error."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Line(Model):
    """A line of an order."""

    sku: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]
    price: Annotated[int, Field(ge=0, le=1_000_000_000)]
    tags: Annotated[list[Tag], Field(max_length=20)] = []


class Customer(Model):
    """Who ordered."""

    id: Id
    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN)]


class Order(Model):
    """An order."""

    id: Id
    placed: Moment
    status: Literal["open", "paid", "shipped", "refunded", "cancelled"]
    customer: Customer
    lines: Annotated[list[Line], Field(min_length=1, max_length=1_000)]
    channel: Tag | None = None
    note: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class Batch(Model):
    """A document."""

    batch: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    orders: Annotated[list[Order], Field(max_length=100_000)]


REFUSALS = (ValidationError,)
transform = Batch.model_validate_json
provenance = reporting("pydantic", "pydantic-core", module=__file__)
