"""attrs and cattrs, over orjson: classes with attrs' validators, and a converter that refuses unknown members.

By default cattrs converts "1" and `true` to 1; two hooks make numbers and strings strict. It reads any iterable as a
list, and fails with AttributeError where the top level is no object.

Not expressed: the limit of amounts.
A validator of one's own could check it.
"""

from functools import partial
from typing import Any, Literal

import orjson
from attrs import field, frozen
from attrs.validators import deep_iterable, ge, le, matches_re, max_len, min_len, optional
from cattrs import BaseValidationError
from cattrs.preconf.orjson import make_converter
from validators.reporting import reporting
from validators.schema import MOMENT, NAME

IS_ID = [ge(1), le(2**53 - 1)]


@frozen
class Line:
    """A line of an order."""

    sku: str = field(validator=matches_re(r"[A-Za-z0-9._-]{1,40}"))
    quantity: int = field(validator=[ge(1), le(1_000_000)])
    price: int = field(validator=[ge(0), le(1_000_000_000)])
    tags: list[str] = field(factory=list, validator=deep_iterable([min_len(1), max_len(30)], max_len(20)))


@frozen
class Customer:
    """Who ordered."""

    id: int = field(validator=IS_ID)
    name: str = field(validator=matches_re(NAME))


@frozen
class Order:
    """An order."""

    id: int = field(validator=IS_ID)
    placed: str = field(validator=matches_re(MOMENT))
    status: Literal["open", "paid", "shipped", "refunded", "cancelled"]
    customer: Customer
    lines: list[Line] = field(validator=[min_len(1), max_len(1_000)])
    channel: str | None = field(default=None, validator=optional([min_len(1), max_len(30)]))
    note: str | None = field(default=None, validator=optional(max_len(2_000)))


@frozen
class Batch:
    """A document."""

    batch: str = field(validator=[min_len(1), max_len(64)])
    currency: str = field(validator=matches_re(r"[A-Z]{3}"))
    orders: list[Order] = field(validator=max_len(100_000))


def exact(value: Any, kind: type) -> Any:
    """Return a value of exactly that type. Raises TypeError for another."""
    if type(value) is not kind:
        raise TypeError(f"not of type {kind.__name__}")
    return value


converter = make_converter(forbid_extra_keys=True)
converter.register_structure_hook(int, exact)
converter.register_structure_hook(str, exact)

REFUSALS = (BaseValidationError, orjson.JSONDecodeError, AttributeError)  # the last one if the top level is no object
transform = partial(converter.loads, cl=Batch)
provenance = reporting("attrs", "cattrs", "orjson", module=__file__)
