"""The reference core, spec/statement.md as plain Python: a batch of orders in, one statement per customer out.

`transform` parses a document, then checks it and adds it up in one pass, with cheap tests that say only *that* a rule
is broken. After a breach, `judge` parses the document again, checks it in the order of the spec's table, and says
*what* is wrong. Nothing is kept between calls.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, Final, NamedTuple


class MalformedDocument(ValueError):  # noqa: N818 - not an error of the program
    """The bytes are not a JSON text that the spec allows."""


class InvalidDocument(ValueError):  # noqa: N818 - not an error of the program
    """The JSON breaks a rule; `pointer` is the JSON Pointer (RFC 6901) of the first breach."""

    def __init__(self, pointer: str) -> None:
        super().__init__(pointer)
        self.pointer = pointer


def loads(document: bytes) -> Any:
    """Parse a document that `is_plain` accepts."""
    return json.loads(document.decode())


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def dumps(answer: Any) -> bytes:
    """Write an answer as compact JSON in raw UTF-8."""
    return _encode(answer).encode()


def transform(document: bytes, loads: Callable[[bytes], Any] = loads, dumps: Callable[[Any], bytes] = dumps) -> bytes:
    """Answer a batch with one statement per customer.

    `loads` and `dumps` may be another codec's. Where `loads` raises ValueError, `judge` decides.

    Raises MalformedDocument, or InvalidDocument with the pointer of the first breach.
    """
    try:
        answer = summarise(loads(document) if is_plain(document) else strict_loads(document))
    except (KeyError, TypeError, ValueError, RecursionError):
        judge(document)
        raise  # `judge` found no breach: a bug of this module
    totals = answer["totals"]
    if totals["gross"] + totals["open"] > MAX_INTEGER:
        raise InvalidDocument("/orders")
    return dumps(answer)


# --- Values -----------------------------------------------------------------------------------------------------------

Test = Callable[[Any], bool]


def integer(low: int, high: int) -> Test:
    return lambda value: type(value) is int and low <= value <= high


def text(low: int, high: int) -> Test:
    return lambda value: type(value) is str and low <= len(value) <= high


def matching(pattern: str) -> Test:
    match = re.compile(pattern).fullmatch
    return lambda value: type(value) is str and match(value) is not None


def null_or(test: Test) -> Test:
    return lambda value: value is None or test(value)


def normalised(name: str) -> str:
    """The name with each run of ASCII white space as one space, and none at its ends."""
    return b" ".join(name.encode().split()).decode()  # bytes, because str.split() also splits at Unicode white space


MAX_INTEGER: Final = 2**53 - 1
MAX_QUANTITY: Final = 1_000_000
MAX_PRICE: Final = 1_000_000_000
MAX_ORDERS: Final = 100_000
MAX_LINES: Final = 1_000
MAX_TAGS: Final = 20
STATUSES: Final = frozenset(("open", "paid", "shipped", "refunded", "cancelled"))

is_batch_name = text(1, 64)
is_currency = matching(r"[A-Z]{3}")
is_id = integer(1, MAX_INTEGER)
is_channel = null_or(text(1, 30))
is_note = null_or(text(0, 2_000))
is_sku = matching(r"[A-Za-z0-9._-]{1,40}")
is_tag = text(1, 30)
has_form_of_moment = matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z")


def is_moment(value: Any) -> bool:
    try:
        return has_form_of_moment(value) and date.fromisoformat(value[:10]) is not None
    except ValueError:
        return False


def is_status(value: Any) -> bool:
    return type(value) is str and value in STATUSES


def is_name(value: Any) -> bool:
    return type(value) is str and 1 <= len(normalised(value)) <= 200


# --- Rules: one fast pass that checks and adds up ---------------------------------------------------------------------


class Account:
    """The sums of one customer's orders."""

    __slots__ = ("channels", "first", "gross", "last", "name", "open", "orders", "refunded", "skus", "tags", "units")

    def __init__(self, placed: str) -> None:
        self.name = ""
        self.orders = 0
        self.first = placed
        self.last = placed
        self.units = 0
        self.gross = 0
        self.refunded = 0
        self.open = 0
        self.skus: dict[str, dict[str, Any]] = {}
        self.tags: set[str] = set()
        self.channels: dict[str, int] = {}

    def add(self, order: Any, good_skus: set[str]) -> None:
        """Add an order that `check_order` accepts."""
        amount = self.add_lines(order["lines"], good_skus)
        status = order["status"]
        if status == "open":
            self.open += amount
        else:
            self.gross += amount
            if status == "refunded":
                self.refunded += amount
        self.name = order["customer"]["name"]
        self.orders += 1
        placed = order["placed"]
        if placed < self.first:
            self.first = placed
        elif placed > self.last:
            self.last = placed
        channel = order.get("channel")
        if channel is not None:
            self.channels[channel] = self.channels.get(channel, 0) + 1

    def add_lines(self, lines: Any, good_skus: set[str]) -> int:
        """Check lines, add them to units, skus and tags, and return their amount; add their skus to `good_skus`."""
        if type(lines) is not list or not 1 <= len(lines) <= MAX_LINES:
            raise ValueError
        skus = self.skus
        known_tags = self.tags
        units = total = 0
        for line in lines:
            sku = line["sku"]
            quantity = line["quantity"]
            price = line["price"]
            if type(quantity) is not int or not 1 <= quantity <= MAX_QUANTITY:
                raise ValueError
            if type(price) is not int or not 0 <= price <= MAX_PRICE:
                raise ValueError
            if len(line) > 3:
                tags = line["tags"]
                if len(line) > 4 or type(tags) is not list or len(tags) > MAX_TAGS:
                    raise ValueError
                if not known_tags.issuperset(tags):
                    if not all(map(is_tag, tags)):
                        raise ValueError
                    known_tags.update(tags)
            amount = quantity * price
            total += amount
            units += quantity
            entry = skus.get(sku)
            if entry is not None:
                entry["units"] += quantity
                entry["amount"] += amount
            else:
                if sku not in good_skus:
                    if not is_sku(sku):
                        raise ValueError
                    good_skus.add(sku)
                skus[sku] = {"sku": sku, "units": quantity, "amount": amount}
        self.units += units
        return total

    def statement(self, customer_id: int) -> dict[str, Any]:
        """The customer's statement, with its members in the order of the spec."""
        return {
            "id": customer_id,
            "name": normalised(self.name),
            "orders": self.orders,
            "first": self.first,
            "last": self.last,
            "units": self.units,
            "gross": self.gross,
            "refunded": self.refunded,
            "open": self.open,
            "net": self.gross - self.refunded,
            "skus": [self.skus[sku] for sku in sorted(self.skus)],
            "tags": sorted(self.tags),
            "channels": [{"channel": channel, "orders": self.channels[channel]} for channel in sorted(self.channels)],
        }


def check_order(order: Any, good_names: set[str]) -> None:
    """Raise if a member of an order, except its lines, breaks a rule; add its name to `good_names`."""
    customer = order["customer"]
    name = customer["name"]
    if not (
        is_id(order["id"])
        and is_moment(order["placed"])
        and order["status"] in STATUSES
        and is_id(customer["id"])
        and (name in good_names or is_name(name))
        and len(customer) == 2
        and is_channel(order.get("channel"))
        and is_note(order.get("note"))
        and len(order) == 5 + ("channel" in order) + ("note" in order)
    ):
        raise ValueError
    good_names.add(name)


def summarise(batch: Any) -> dict[str, Any]:
    """The answer to a parsed batch. Any breach raises KeyError, TypeError or ValueError, without its place."""
    orders = batch["orders"]
    if not (is_batch_name(batch["batch"]) and is_currency(batch["currency"]) and len(batch) == 3):
        raise ValueError
    if type(orders) is not list or len(orders) > MAX_ORDERS:
        raise ValueError
    seen: set[int] = set()
    cancelled: list[int] = []
    accounts: dict[int, Account] = {}
    good_names: set[str] = set()  # checked once, then looked up
    good_skus: set[str] = set()
    for order in orders:
        check_order(order, good_names)
        order_id = order["id"]
        customer_id = order["customer"]["id"]
        if order_id in seen or order["status"] == "cancelled":
            account = Account(order["placed"])  # discarded, after its lines are checked
            if order_id not in seen:
                cancelled.append(order_id)
        elif customer_id in accounts:
            account = accounts[customer_id]
        else:
            account = accounts[customer_id] = Account(order["placed"])
        seen.add(order_id)
        account.add(order, good_skus)

    statements = [account.statement(customer_id) for customer_id, account in accounts.items()]
    statements.sort(key=lambda statement: (-statement["net"], statement["id"]))
    totals = {"customers": len(statements)}
    for member in ("units", "gross", "refunded", "open", "net"):
        totals[member] = sum([statement[member] for statement in statements])
    return {
        "batch": batch["batch"],
        "currency": batch["currency"],
        "orders": len(seen),
        "duplicates": len(orders) - len(seen),
        "cancelled": sorted(cancelled),
        "customers": statements,
        "totals": totals,
    }


# --- Errors: what is malformed ----------------------------------------------------------------------------------------

MAX_DEPTH: Final = 200
MAX_DIGITS: Final = 4_300
_TEN_DIGITS = re.compile(rb"[0-9]{10}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_UNPAIRED = re.compile(
    rb"\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])"  # a high half with no low one after it
    rb"|(?<!\\u[dD][89abAB]..\\u[dD])[c-fC-F])"  # a low half with no high one before it
)


def is_plain(document: bytes) -> bool:
    """Tell whether every JSON parser agrees about this document.

    Some parsers accept NaN and Infinity, half a surrogate pair, or an integer of any length. A document with one of
    these is never plain; a valid document may be reported as not plain.
    """
    return not (
        b"NaN" in document
        or b"Infinity" in document
        or _TEN_DIGITS.search(document[::421])  # 4,301 digits in a row leave at least ten in every 421st byte
        or has_unpaired_surrogate(document)
    )


def has_unpaired_surrogate(document: bytes) -> bool:
    """Tell whether a JSON text has the escape of one half of a surrogate pair without the other half."""
    if _SURROGATE.search(document) is None:
        return False
    return _UNPAIRED.search(document.replace(rb"\\", b"__")) is not None  # now each \u is an escape


def strict_loads(document: bytes) -> Any:
    """Parse any document. Raises ValueError or RecursionError if it is malformed, except for its depth alone."""
    if has_unpaired_surrogate(document):
        raise ValueError("an unpaired surrogate escape")
    text = document.decode()
    _check_numbers(text)
    return json.loads(text)  # parse again: PyPy's decoder for hooks accepts escapes such as `\u+123`


def _parse_integer(literal: str) -> int:
    if len(literal.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"an integer of more than {MAX_DIGITS} digits")
    return int(literal)


def _refuse_constant(literal: str) -> Any:
    raise ValueError(f"{literal} is not JSON")


_check_numbers = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_parse_integer).decode


def is_too_deep(value: Any) -> bool:
    """Tell whether more than 200 arrays and objects are nested."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
    return any(type(value) in (dict, list) for value in level)


def _children(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is dict else value if type(value) is list else ()


# --- Errors: what is invalid ------------------------------------------------------------------------------------------


class Array(NamedTuple):
    low: int
    high: int
    element: "Shape"


class Object(NamedTuple):
    members: "dict[str, Shape]"
    optional: tuple[str, ...] = ()


Shape = Array | Object | Callable[[Any], bool]

LINE = Object(
    {
        "sku": is_sku,
        "quantity": integer(1, MAX_QUANTITY),
        "price": integer(0, MAX_PRICE),
        "tags": Array(0, MAX_TAGS, is_tag),
    },
    optional=("tags",),
)
ORDER = Object(
    {
        "id": is_id,
        "placed": is_moment,
        "status": is_status,
        "customer": Object({"id": is_id, "name": is_name}),
        "lines": Array(1, MAX_LINES, LINE),
        "channel": is_channel,
        "note": is_note,
    },
    optional=("channel", "note"),
)
BATCH = Object({"batch": is_batch_name, "currency": is_currency, "orders": Array(0, MAX_ORDERS, ORDER)})


def breaches(value: Any, shape: Shape, pointer: str = "") -> Iterator[str]:
    """The pointers of all breaches of a shape, in the order of the spec."""
    if isinstance(shape, Object):
        if type(value) is not dict:
            yield pointer
            return
        for name, member in shape.members.items():
            if name in value:
                yield from breaches(value[name], member, f"{pointer}/{name}")
            elif name not in shape.optional:
                yield f"{pointer}/{name}"
        for name in value:
            if name not in shape.members:
                yield f"{pointer}/" + name.replace("~", "~0").replace("/", "~1")
    elif isinstance(shape, Array):
        if type(value) is not list or not shape.low <= len(value) <= shape.high:
            yield pointer
            return
        for index, element in enumerate(value):
            yield from breaches(element, shape.element, f"{pointer}/{index}")
    elif not shape(value):
        yield pointer


def judge(document: bytes) -> None:
    """Raise MalformedDocument or InvalidDocument for any breach except that of the amounts."""
    try:
        batch = strict_loads(document)
    except (ValueError, RecursionError, TypeError) as error:  # PyPy raises TypeError where the stack overflows
        raise MalformedDocument(str(error)) from None
    if is_too_deep(batch):
        raise MalformedDocument(f"more than {MAX_DEPTH} nested arrays and objects")
    for pointer in breaches(batch, BATCH):
        raise InvalidDocument(pointer)
