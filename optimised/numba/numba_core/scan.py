"""One pass over a document: its objects, with members in any order, into the tables.

An object is parsed in rounds, at most one per member. A round tries the members in the spec's order, so an object in
that order takes one round, whose branches the processor predicts. White space between tokens, an escape in a member's
name and a repeated member are breaches here.
"""

import numpy as np

from numba_core.lines import parse_lines
from numba_core.lookup import customer_of, is_new, parse_label, parse_name, store_text
from numba_core.memory import Row, byte, kernel, match, past, starts, word
from numba_core.tables import NOTHING, Customer, Line, Mark, Number, Order, Text
from numba_core.text import characters, find_closing
from numba_core.values import COMMA, MAX_INTEGER, QUOTE, UPPER_A, UPPER_Z, U, parse_integer, parse_moment

STATUSES = ("open", "paid", "shipped", "refunded", "cancelled")
OPEN, PAID, SHIPPED, REFUNDED, CANCELLED = range(5)
# Compared without a branch: the first letter selects what to compare with.
STATUS_OF = np.zeros(256, np.int64)
STATUS_OF[[ord(word[0]) for word in STATUSES]] = range(5)
STATUS_LENGTH = np.array([len(word) + 1 for word in STATUSES])
STATUS_START = np.array([int.from_bytes(word[:2].encode(), "little") for word in STATUSES], np.uint64)
STATUS_END = np.array([int.from_bytes(f'"status":"{word}"'[-8:].encode(), "little") for word in STATUSES], np.uint64)

# The members met in an object, added up: each counts in an octal digit of its own.
BATCH, CURRENCY, ORDERS = 1, 8, 64
ID, NAME = 1, 8
PLACED, STATUS, CUSTOMER, LINES, CHANNEL, NOTE = 8, 64, 8**3, 8**4, 8**5, 8**6


@kernel
def parse_batch(at: int, state: Row) -> int:
    """Parse the document into the tables; return the address behind it, or the wall."""
    if not starts(at, "{"):
        return state.wall
    met = 0
    for _ in range(3):
        value = match(at + 1, '"batch":"')
        if value:
            met += BATCH
            end = find_closing(value)
            at = end + 1 if store_text(Text(state.title, 0), value, end, 64, state) else state.wall
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"currency":"')
        if value:
            met += CURRENCY
            state.currency = value
            at = past(value, 'EUR"') if is_currency(value) else state.wall
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"orders":[')
        if value:
            met += ORDERS
            at = parse_orders(value - 1, state)
            if byte(at) != COMMA:
                break
    return at + 1 if starts(at, "}") and met == BATCH + CURRENCY + ORDERS else state.wall


@kernel
def is_currency(at: int) -> bool:
    """Tell whether three letters A-Z and a quote stand at an address."""
    for index in range(3):
        if not UPPER_A <= byte(at + index) <= UPPER_Z:
            return False
    return byte(at + 3) == QUOTE


@kernel
def parse_orders(at: int, state: Row) -> int:
    """Parse the array of orders from its opening bracket on."""
    end = match(at, "[]")
    if end:
        return end
    count = 0
    while True:
        at = parse_order(at + 1, state)
        count += 1
        if byte(at) != COMMA:
            return at + 1 if starts(at, "]") and count <= 100_000 else state.wall


@kernel
def parse_order(at: int, state: Row) -> int:  # noqa: PLR0912, PLR0915 - a branch for each member
    """Parse one order from its opening brace on, and add it to its customer."""
    if not starts(at, "{"):
        return state.wall
    new = Order(state.order, 0)
    new.channel = NOTHING
    new.units = new.amount = 0
    new.first_line = state.line_count
    new.first_tag = state.tag_count
    met = order_id = 0
    for _ in range(7):
        value = match(at + 1, '"id":')
        if value:
            met += ID
            order_id, at = parse_integer(value)
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"placed":"')
        if value:
            met += PLACED
            new.placed_at = value
            new.placed = parse_moment(value)
            at = past(value, '0000-00-00T00:00:00Z"') if new.placed != NOTHING else state.wall
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"status":"')
        if value:
            met += STATUS
            new.status, at = parse_status(value, state)
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"customer":{')
        if value:
            met += CUSTOMER
            at = parse_customer(value - 1, new, state)
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"lines":[')
        if value:
            met += LINES
            at = parse_lines(value - 1, new, state)
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"channel":')
        if value:
            met += CHANNEL
            if starts(value, '"'):
                new.channel, at = parse_label(value + 1, state)
            else:
                at = parse_null(value, state)
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"note":')
        if value:
            met += NOTE
            at = parse_note(value + 1, state) if starts(value, '"') else parse_null(value, state)
            if byte(at) != COMMA:
                break
    required = ID + PLACED + STATUS + CUSTOMER + LINES
    if not starts(at, "}") or met & ~(CHANNEL | NOTE) != required or not 1 <= order_id <= MAX_INTEGER:
        return state.wall
    return at + 1 if add_order(order_id, new, state) else state.wall


@kernel
def parse_status(at: int, state: Row) -> tuple[int, int]:
    """Parse one of the five statuses and the closing quote."""
    code = STATUS_OF[byte(at)]
    end = at + STATUS_LENGTH[code]
    if word(at) & U(0xFFFF) != STATUS_START[code] or word(end - 8) != STATUS_END[code]:
        return NOTHING, state.wall
    return code, end


@kernel
def parse_null(at: int, state: Row) -> int:
    """Parse a null."""
    return match(at, "null") or state.wall


@kernel
def parse_note(at: int, state: Row) -> int:
    """Parse a note from behind its opening quote."""
    end = find_closing(at)
    count, _ = characters(at, end)
    return end + 1 if 0 <= count <= 2000 else state.wall


@kernel
def parse_customer(at: int, new: Row, state: Row) -> int:
    """Parse an order's customer from its opening brace on."""
    met = 0
    for _ in range(2):
        value = match(at + 1, '"id":')
        if value:
            met += ID
            new.customer, at = parse_integer(value)
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"name":"')
        if value:
            met += NAME
            new.name, at = parse_name(value, state)
            if byte(at) != COMMA:
                break
    whole = starts(at, "}") and met == ID + NAME and 1 <= new.customer <= MAX_INTEGER
    return at + 1 if whole else state.wall


@kernel
def add_order(order_id: int, new: Row, state: Row) -> bool:
    """Add a parsed order to its customer, or drop it; tell whether the batch's amounts still fit."""
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
    """Take back the lines and tags of an order."""
    state.line_count = new.first_line
    state.tag_count = new.first_tag
    return True


@kernel
def chain(new: Row, buyer: Row, state: Row) -> None:
    """Put an order's lines, tags and channel in front of the customer's chains."""
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
