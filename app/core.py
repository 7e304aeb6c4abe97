"""The statement transform: a batch of orders in, one statement per customer out; `spec/statement.md` as plain Python.

`transform` reads a document once, checking and adding up as it goes, with tests that are cheap and say only *that*
something is wrong. Where something is, `judge` reads the document anew, strictly and in the order of the spec's table,
and says *what*. Nothing is kept between calls.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 200
MAX_DIGITS = 4300


class MalformedDocument(ValueError):
    """The bytes are not one JSON text as the spec wants it."""


class InvalidDocument(ValueError):
    """The JSON breaks a rule; `pointer` is the JSON Pointer (RFC 6901) of the first breach."""

    def __init__(self, pointer: str) -> None:
        super().__init__(pointer)
        self.pointer = pointer


def loads(document: bytes) -> Any:
    """Parse UTF-8 JSON; what it should refuse and does not, `is_plain` finds."""
    return json.loads(document.decode())


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def dumps(statement: Any) -> bytes:
    """Write a statement as compact UTF-8 JSON."""
    return _encode(statement).encode()


def transform(
    document: bytes, loads: Callable[[bytes], Any] = loads, dumps: Callable[[Any], bytes] = dumps
) -> bytes:
    """Answer a batch with its statement, or raise MalformedDocument or InvalidDocument.

    `loads` and `dumps` may be another codec's: what `loads` refuses (with a ValueError) is judged by this module.
    """
    try:
        batch = loads(document) if is_plain(document) else strict_loads(document)
        statement = summarise(batch)
    except (KeyError, TypeError, ValueError, RecursionError):
        judge(document)
        raise  # only if the two readings of the rules disagree: a bug of this module, shown as it is
    totals = statement["totals"]
    if totals["gross"] + totals["open"] > MAX_INTEGER:
        raise InvalidDocument("/orders")
    return dumps(statement)


# --- the hot path -----------------------------------------------------------------------------------------------------

_SKU = re.compile(r"[A-Za-z0-9._-]{1,40}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_PLACED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z")
_STATUSES = frozenset(("open", "paid", "shipped", "refunded", "cancelled"))


class Customer:
    """What the orders of one customer add up to."""

    __slots__ = ("channels", "first", "gross", "last", "name", "open", "orders", "refunded", "skus", "tags", "units")

    def __init__(self) -> None:
        self.name = ""
        self.orders = 0
        self.first = "~"  # after every date
        self.last = ""
        self.units = 0
        self.gross = 0
        self.refunded = 0
        self.open = 0
        self.skus: dict[str, dict[str, Any]] = {}
        self.tags: set[str] = set()
        self.channels: dict[str, int] = {}


def normalised(name: str) -> str:
    """The name with every run of ASCII white space as one space, and none at its ends."""
    return b" ".join(name.encode().split()).decode()  # of bytes, split() knows ASCII white space only


def is_moment(placed: str) -> bool:
    """Whether this is a real date and time, `YYYY-MM-DDThh:mm:ssZ`."""
    if not _PLACED.fullmatch(placed):
        return False
    try:
        date.fromisoformat(placed[:10])
    except ValueError:
        return False
    return True


def summarise(batch: Any) -> dict[str, Any]:
    """Check a parsed batch and add it up; any breach raises a KeyError, TypeError or ValueError without further news."""
    title = batch["batch"]
    currency = batch["currency"]
    orders = batch["orders"]
    if (
        len(batch) != 3
        or type(title) is not str
        or not 1 <= len(title) <= 64
        or not _CURRENCY.fullmatch(currency)
        or type(orders) is not list
        or len(orders) > 100_000
    ):
        raise ValueError
    seen: set[int] = set()
    cancelled: list[int] = []
    customers: dict[int, Customer] = {}
    names: dict[str, str] = {}
    known_skus: set[str] = set()
    known_tags: set[str] = set()
    for order in orders:
        order_id = order["id"]
        placed = order["placed"]
        status = order["status"]
        buyer = order["customer"]
        lines = order["lines"]
        channel = order.get("channel")
        note = order.get("note")
        customer_id = buyer["id"]
        raw_name = buyer["name"]
        if (
            len(order) != 5 + ("channel" in order) + ("note" in order)
            or len(buyer) != 2
            or type(order_id) is not int
            or not 1 <= order_id <= MAX_INTEGER
            or not is_moment(placed)
            or status not in _STATUSES
            or type(customer_id) is not int
            or not 1 <= customer_id <= MAX_INTEGER
            or type(raw_name) is not str
            or type(lines) is not list
            or not 1 <= len(lines) <= 1000
            or (channel is not None and (type(channel) is not str or not 1 <= len(channel) <= 30))
            or (note is not None and (type(note) is not str or len(note) > 2000))
        ):
            raise ValueError
        name = names.get(raw_name)
        if name is None:
            name = names[raw_name] = normalised(raw_name)
            if not 1 <= len(name) <= 200:
                raise ValueError

        if order_id in seen or status == "cancelled":
            customer = Customer()  # checked like any other, and then left out
            if order_id not in seen:
                cancelled.append(order_id)
        else:
            known = customers.get(customer_id)
            customer = customers[customer_id] = Customer() if known is None else known
        seen.add(order_id)

        units = amount = 0
        skus = customer.skus
        for line in lines:
            sku = line["sku"]
            quantity = line["quantity"]
            price = line["price"]
            if (
                type(quantity) is not int
                or not 1 <= quantity <= 1_000_000
                or type(price) is not int
                or not 0 <= price <= 1_000_000_000
            ):
                raise ValueError
            if len(line) != 3:
                tags = line["tags"]
                if len(line) != 4 or type(tags) is not list or len(tags) > 20:
                    raise ValueError
                if not known_tags.issuperset(tags):
                    for tag in tags:
                        if type(tag) is not str or not 1 <= len(tag) <= 30:
                            raise ValueError
                    known_tags.update(tags)
                customer.tags.update(tags)
            units += quantity
            line_amount = quantity * price
            amount += line_amount
            entry = skus.get(sku)
            if entry is not None:
                entry["units"] += quantity
                entry["amount"] += line_amount
            else:
                if sku not in known_skus:
                    if not _SKU.fullmatch(sku):
                        raise ValueError
                    known_skus.add(sku)
                skus[sku] = {"sku": sku, "units": quantity, "amount": line_amount}

        customer.name = name
        customer.orders += 1
        customer.units += units
        if placed < customer.first:
            customer.first = placed
        if placed > customer.last:
            customer.last = placed
        if status == "open":
            customer.open += amount
        else:
            customer.gross += amount
            if status == "refunded":
                customer.refunded += amount
        if channel is not None:
            customer.channels[channel] = customer.channels.get(channel, 0) + 1

    statements = [statement_of(customer_id, customer) for customer_id, customer in customers.items()]
    statements.sort(key=lambda statement: (-statement["net"], statement["id"]))
    cancelled.sort()
    totals = {"customers": len(statements)}
    for member in ("units", "gross", "refunded", "open", "net"):
        totals[member] = sum([statement[member] for statement in statements])
    return {
        "batch": title,
        "currency": currency,
        "orders": len(seen),
        "duplicates": len(orders) - len(seen),
        "cancelled": cancelled,
        "customers": statements,
        "totals": totals,
    }


def statement_of(customer_id: int, customer: Customer) -> dict[str, Any]:
    """One customer's statement."""
    skus = customer.skus
    channels = customer.channels
    return {
        "id": customer_id,
        "name": customer.name,
        "orders": customer.orders,
        "first": customer.first,
        "last": customer.last,
        "units": customer.units,
        "gross": customer.gross,
        "refunded": customer.refunded,
        "open": customer.open,
        "net": customer.gross - customer.refunded,
        "skus": [skus[sku] for sku in sorted(skus)],
        "tags": sorted(customer.tags),
        "channels": [{"channel": channel, "orders": channels[channel]} for channel in sorted(channels)],
    }


# --- strict reading ---------------------------------------------------------------------------------------------------

_DIGIT_RUN = re.compile(rb"[0-9]{10}")
_UNPAIRED = re.compile(
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])"  # a high surrogate without a low one after it
    rb"|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]"  # a low one without a high one before it
)


def has_unpaired_surrogate(document: bytes) -> bool:
    """Whether a JSON document holds an escape of half a surrogate pair."""
    if b"\\ud" not in document and b"\\uD" not in document:
        return False
    return _UNPAIRED.search(document.replace(b"\\\\", b"  ")) is not None


def is_plain(document: bytes) -> bool:
    """Whether a lenient parser is safe here: no constants, no unpaired surrogate escapes, no endless integers.

    It may doubt a good document, and never trusts a bad one.
    """
    return not (
        b"NaN" in document
        or b"Infinity" in document
        or has_unpaired_surrogate(document)
        or _DIGIT_RUN.search(document[::400])  # 4,301 digits hold ten or more of every 400th byte
    )


def _refuse(constant: str) -> Any:
    raise MalformedDocument(f"{constant} is not JSON")


def _integer(literal: str) -> int:
    if len(literal.lstrip("-")) > MAX_DIGITS:
        raise MalformedDocument(f"an integer of more than {MAX_DIGITS} digits")
    return int(literal)


_strict_decode = json.JSONDecoder(parse_constant=_refuse, parse_int=_integer).decode


def strict_loads(document: bytes) -> Any:
    """Parse UTF-8 JSON, refusing with a ValueError (or RecursionError) all that the spec calls malformed but depth."""
    value = _strict_decode(document.decode())
    if has_unpaired_surrogate(document):
        raise MalformedDocument("an unpaired surrogate escape")
    return value


def is_too_deep(value: Any) -> bool:
    """Whether more than 200 arrays and objects stand inside one another."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
    return any(type(value) in (dict, list) for value in level)


def _children(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is dict else value if type(value) is list else ()


# --- the judge: the spec's table, in its order -------------------------------------------------------------------------

Rule = Callable[[Any, str], "str | None"]  # of a value and its pointer: the pointer of the first breach, None if none


def _test(holds: Callable[[Any], bool]) -> Rule:
    return lambda value, at: None if holds(value) else at


def _integer_in(low: int, high: int) -> Rule:
    return _test(lambda value: type(value) is int and low <= value <= high)


def _text(low: int, high: int) -> Rule:
    return _test(lambda value: type(value) is str and low <= len(value) <= high)


def _matching(matches: Callable[[str], object]) -> Rule:
    return _test(lambda value: type(value) is str and bool(matches(value)))


def _null_or(rule: Rule) -> Rule:
    return lambda value, at: None if value is None else rule(value, at)


def _array(low: int, high: int, element: Rule) -> Rule:
    def rule(value: Any, at: str) -> "str | None":
        if type(value) is not list or not low <= len(value) <= high:
            return at
        for index, item in enumerate(value):
            breach = element(item, f"{at}/{index}")
            if breach is not None:
                return breach
        return None

    return rule


def _object(required: dict[str, Rule], optional: dict[str, Rule]) -> Rule:
    members = required | optional

    def rule(value: Any, at: str) -> "str | None":
        if type(value) is not dict:
            return at
        for name, member in members.items():
            if name in value:
                breach = member(value[name], f"{at}/{name}")
                if breach is not None:
                    return breach
            elif name in required:
                return f"{at}/{name}"
        for name in value:
            if name not in members:
                return f"{at}/" + name.replace("~", "~0").replace("/", "~1")
        return None

    return rule


_LINE = _object(
    {
        "sku": _matching(_SKU.fullmatch),
        "quantity": _integer_in(1, 1_000_000),
        "price": _integer_in(0, 1_000_000_000),
    },
    {"tags": _array(0, 20, _text(1, 30))},
)
_CUSTOMER = _object(
    {
        "id": _integer_in(1, MAX_INTEGER),
        "name": _matching(lambda name: 1 <= len(normalised(name)) <= 200),
    },
    {},
)
_ORDER = _object(
    {
        "id": _integer_in(1, MAX_INTEGER),
        "placed": _matching(is_moment),
        "status": _matching(_STATUSES.__contains__),
        "customer": _CUSTOMER,
        "lines": _array(1, 1000, _LINE),
    },
    {"channel": _null_or(_text(1, 30)), "note": _null_or(_text(0, 2000))},
)
_BATCH = _object(
    {"batch": _text(1, 64), "currency": _matching(_CURRENCY.fullmatch), "orders": _array(0, 100_000, _ORDER)}, {}
)


def judge(document: bytes) -> None:
    """Raise MalformedDocument or InvalidDocument with the first breach; return if only the amount rule can be broken."""
    try:
        value = strict_loads(document)
    except (ValueError, RecursionError) as error:
        raise MalformedDocument(str(error)) from None
    if is_too_deep(value):
        raise MalformedDocument(f"more than {MAX_DEPTH} arrays and objects inside one another")
    breach = _BATCH(value, "")
    if breach is not None:
        raise InvalidDocument(breach)
