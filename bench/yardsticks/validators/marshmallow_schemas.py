"""marshmallow, over orjson: schemas, which refuse unknown members by default; `strict=True` refuses 1.0 and "1".

Not expressed: the limit of amounts.
A method under `@validates` could check it.
"""

import orjson
from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range, Regexp
from validators.reporting import reporting
from validators.schema import MOMENT, NAME


class Line(Schema):
    """A line of an order."""

    sku = fields.String(required=True, validate=Regexp(r"[A-Za-z0-9._-]{1,40}\Z"))
    quantity = fields.Integer(required=True, strict=True, validate=Range(1, 1_000_000))
    price = fields.Integer(required=True, strict=True, validate=Range(0, 1_000_000_000))
    tags = fields.List(fields.String(validate=Length(1, 30)), validate=Length(max=20))


class Customer(Schema):
    """Who ordered."""

    id = fields.Integer(required=True, strict=True, validate=Range(1, 2**53 - 1))
    name = fields.String(required=True, validate=Regexp(NAME))


class Order(Schema):
    """An order."""

    id = fields.Integer(required=True, strict=True, validate=Range(1, 2**53 - 1))
    placed = fields.String(required=True, validate=Regexp(MOMENT))
    status = fields.String(required=True, validate=OneOf(("open", "paid", "shipped", "refunded", "cancelled")))
    customer = fields.Nested(Customer, required=True)
    lines = fields.List(fields.Nested(Line), required=True, validate=Length(1, 1_000))
    channel = fields.String(allow_none=True, validate=Length(1, 30))
    note = fields.String(allow_none=True, validate=Length(max=2_000))


class Batch(Schema):
    """A document."""

    class Meta(Schema.Meta):
        """The decoder."""

        render_module = orjson

    batch = fields.String(required=True, validate=Length(1, 64))
    currency = fields.String(required=True, validate=Regexp(r"[A-Z]{3}\Z"))
    orders = fields.List(fields.Nested(Order), required=True, validate=Length(max=100_000))


REFUSALS = (ValidationError, orjson.JSONDecodeError)
transform = Batch().loads
provenance = reporting("marshmallow", "orjson", module=__file__)
