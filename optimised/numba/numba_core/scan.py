"""One pass over a document: its objects, each member in any order, into the tables.

An object is read in rounds, at most as many as it may have members. A round tries them in their usual order: the usual
object takes one, and a guess that the processor gets right. What is met in another spelling than compact JSON's
(white space, an escape in a name) is a breach here, and so is a member named twice.
"""

import numpy as np

from numba_core.lines import lines
from numba_core.lookup import customer_of, is_new, keep, label, name
from numba_core.memory import Row, byte, kernel, starts, word
from numba_core.tables import NOTHING, Customer, Line, Mark, Number, Order, Text
from numba_core.text import characters, closing
from numba_core.values import COMMA, MAX_INTEGER, QUOTE, UPPER_A, UPPER_Z, U, integer, moment

STATUSES = ("open", "paid", "shipped", "refunded", "cancelled")
OPEN, PAID, SHIPPED, REFUNDED, CANCELLED = range(5)
# Compared without a branch: the first letter says which it has to be.
STATUS_OF = np.zeros(256, np.int64)
STATUS_OF[[ord(word[0]) for word in STATUSES]] = range(5)
STATUS_LENGTH = np.array([len(word) + 1 for word in STATUSES])
STATUS_START = np.array([int.from_bytes(word[:2].encode(), "little") for word in STATUSES], np.uint64)
STATUS_END = np.array([int.from_bytes(f'"status":"{word}"'[-8:].encode(), "little") for word in STATUSES], np.uint64)

# What the members of an object add up to: each counts in an octal digit of its own.
BATCH, CURRENCY, ORDERS = 1, 8, 64
ID, NAME = 1, 8
PLACED, STATUS, CUSTOMER, LINES, CHANNEL, NOTE = 8, 64, 8**3, 8**4, 8**5, 8**6


@kernel
def batch(at: int, state: Row) -> int:
    """Read the document into the tables; the address behind it, or the wall."""
    if not starts(at, "{"):
        return state.wall
    met = 0
    for _ in range(3):
        if starts(at + 1, '"batch":"'):
            met += BATCH
            end = closing(at + 10)
            at = end + 1 if keep(Text(state.title, 0), at + 10, end, 64, state) else state.wall
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"currency":"'):
            met += CURRENCY
            state.currency = at + 13
            at = at + 17 if is_currency(at + 13) else state.wall
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"orders":['):
            met += ORDERS
            at = orders(at + 10, state)
            if byte(at) != COMMA:
                break
    return at + 1 if starts(at, "}") and met == BATCH + CURRENCY + ORDERS else state.wall


@kernel
def is_currency(at: int) -> bool:
    """Whether three letters A-Z and a quote stand at an address."""
    for index in range(3):
        if not UPPER_A <= byte(at + index) <= UPPER_Z:
            return False
    return byte(at + 3) == QUOTE


@kernel
def orders(at: int, state: Row) -> int:
    """Read the array of orders from its opening bracket on."""
    if starts(at, "[]"):
        return at + 2
    count = 0
    while True:
        at = order(at + 1, state)
        count += 1
        if byte(at) != COMMA:
            return at + 1 if starts(at, "]") and count <= 100_000 else state.wall


@kernel
def order(at: int, state: Row) -> int:  # noqa: PLR0912 - a branch for each member
    """Read one order from its opening brace on, and settle it."""
    if not starts(at, "{"):
        return state.wall
    new = Order(state.order, 0)
    new.channel = NOTHING
    new.units = new.amount = 0
    new.first_line = state.line_count
    new.first_tag = state.tag_count
    met = order_id = 0
    for _ in range(7):
        if starts(at + 1, '"id":'):
            met += ID
            order_id, at = integer(at + 6)
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"placed":"'):
            met += PLACED
            new.placed_at = at + 11
            new.placed = moment(at + 11)
            at = at + 32 if new.placed != NOTHING else state.wall
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"status":"'):
            met += STATUS
            new.status, at = status(at + 11, state)
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"customer":{'):
            met += CUSTOMER
            at = customer(at + 12, new, state)
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"lines":['):
            met += LINES
            at = lines(at + 9, new, state)
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"channel":'):
            met += CHANNEL
            if starts(at + 11, '"'):
                new.channel, at = label(at + 12, state)
            else:
                at = null(at + 11, state)
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"note":'):
            met += NOTE
            at = note(at + 9, state) if starts(at + 8, '"') else null(at + 8, state)
            if byte(at) != COMMA:
                break
    required = ID + PLACED + STATUS + CUSTOMER + LINES
    if not starts(at, "}") or met & ~(CHANNEL | NOTE) != required or not 1 <= order_id <= MAX_INTEGER:
        return state.wall
    return at + 1 if settle(order_id, new, state) else state.wall


@kernel
def status(at: int, state: Row) -> tuple[int, int]:
    """Read one of the five words and its quote."""
    code = STATUS_OF[byte(at)]
    past = at + STATUS_LENGTH[code]
    if word(at) & U(0xFFFF) != STATUS_START[code] or word(past - 8) != STATUS_END[code]:
        return NOTHING, state.wall
    return code, past


@kernel
def null(at: int, state: Row) -> int:
    """Read a null."""
    return at + 4 if starts(at, "null") else state.wall


@kernel
def note(at: int, state: Row) -> int:
    """Read a note behind its opening quote."""
    end = closing(at)
    count, _ = characters(at, end)
    return end + 1 if 0 <= count <= 2000 else state.wall


@kernel
def customer(at: int, new: Row, state: Row) -> int:
    """Read an order's customer from its opening brace on."""
    met = 0
    for _ in range(2):
        if starts(at + 1, '"id":'):
            met += ID
            new.customer, at = integer(at + 6)
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"name":"'):
            met += NAME
            new.name, at = name(at + 9, state)
            if byte(at) != COMMA:
                break
    whole = starts(at, "}") and met == ID + NAME and 1 <= new.customer <= MAX_INTEGER
    return at + 1 if whole else state.wall


@kernel
def settle(order_id: int, new: Row, state: Row) -> bool:
    """Group an order that is read, or drop it; whether the batch's amounts still fit."""
    if not is_new(order_id, state):
        state.duplicates += 1
        return drop(new, state)
    if new.status == CANCELLED:
        Number(state.cancelled, state.cancelled_count).value = order_id
        state.cancelled_count += 1
        return drop(new, state)
    buyer = Customer(state.customers, customer_of(new.customer, state))
    chain(new, buyer, state)
    state.grouped += 1
    buyer.name = new.name
    buyer.orders += 1
    buyer.units += new.units
    buyer.gross += new.amount * (new.status != OPEN)
    buyer.refunded += new.amount * (new.status == REFUNDED)
    buyer.open += new.amount * (new.status == OPEN)
    buyer.first_at = new.placed_at if new.placed < buyer.first else buyer.first_at
    buyer.first = min(new.placed, buyer.first)
    buyer.last_at = new.placed_at if new.placed > buyer.last else buyer.last_at
    buyer.last = max(new.placed, buyer.last)
    state.total += new.amount
    return state.total <= MAX_INTEGER


@kernel
def drop(new: Row, state: Row) -> bool:
    """Forget the lines and tags of an order."""
    state.line_count = new.first_line
    state.tag_count = new.first_tag
    return True


@kernel
def chain(new: Row, buyer: Row, state: Row) -> None:
    """Put an order's lines, tags and channel before those that the customer has already."""
    Line(state.lines, state.line_count - 1).next = buyer.newest_line
    buyer.newest_line = new.first_line
    buyer.lines += state.line_count - new.first_line
    if state.tag_count > new.first_tag:
        Mark(state.tags, state.tag_count - 1).next = buyer.newest_tag
        buyer.newest_tag = new.first_tag
    if new.channel != NOTHING:
        channel = Mark(state.channels, state.channel_count)
        channel.label = new.channel
        channel.next = buyer.newest_channel
        buyer.newest_channel = state.channel_count
        state.channel_count += 1
