"""One pass over a document: its objects, each member in any order, into the tables.

An object is read in rounds, at most as many as it may have members. A round tries them in their usual order: the usual
object takes one, and a guess that the processor gets right. What is met in another spelling than compact JSON's
(white space, an escape in a name) is a breach here, and so is a member named twice.
"""

from numba_core.lines import lines
from numba_core.lookup import customer_of, is_new, keep, label, name
from numba_core.memory import byte, kernel, starts
from numba_core.tables import NOTHING, Customer, Number, Order, Text
from numba_core.text import characters, closing
from numba_core.values import COMMA, MAX_INTEGER, QUOTE, integer, moment

OPEN, PAID, SHIPPED, REFUNDED, CANCELLED = range(5)

# What the members of an object add up to: each counts in an octal digit of its own.
BATCH, CURRENCY, ORDERS = 1, 8, 64
ID, NAME = 1, 8
PLACED, STATUS, CUSTOMER, LINES, CHANNEL, NOTE = 8, 64, 8**3, 8**4, 8**5, 8**6


@kernel
def batch(at, state):
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
def is_currency(at):
    """Whether three letters A-Z and a quote stand at an address."""
    for index in range(3):
        if not ord("A") <= byte(at + index) <= ord("Z"):
            return False
    return byte(at + 3) == QUOTE


@kernel
def orders(at, state):
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
def order(at, state):
    """Read one order from its opening brace on, and settle it."""
    if not starts(at, "{"):
        return state.wall
    new = Order(state.orders, state.order_count)
    new.channel = NOTHING
    new.units = new.amount = 0
    new.lines = state.line_count
    new.tags = state.tag_count
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
def status(at, state):
    """Read one of the five words and its quote."""
    if starts(at, 'paid"'):
        return PAID, at + 5
    if starts(at, 'shipped"'):
        return SHIPPED, at + 8
    if starts(at, 'open"'):
        return OPEN, at + 5
    if starts(at, 'cancelled"'):
        return CANCELLED, at + 10
    if starts(at, 'refunded"'):
        return REFUNDED, at + 9
    return NOTHING, state.wall


@kernel
def null(at, state):
    """Read a null."""
    return at + 4 if starts(at, "null") else state.wall


@kernel
def note(at, state):
    """Read a note behind its opening quote."""
    end = closing(at)
    count, _ = characters(at, end)
    return end + 1 if 0 <= count <= 2000 else state.wall


@kernel
def customer(at, new, state):
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
def settle(order_id, new, state):
    """Group an order that is read, or drop it; whether the batch's amounts still fit."""
    grouped = False
    if not is_new(order_id, state):
        state.duplicates += 1
    elif new.status == CANCELLED:
        Number(state.cancelled, state.cancelled_count).value = order_id
        state.cancelled_count += 1
    else:
        grouped = True
    if not grouped:
        state.line_count = new.lines
        state.tag_count = new.tags
        return True
    new.past_lines = state.line_count
    new.past_tags = state.tag_count
    buyer = Customer(state.customers, customer_of(new.customer, state))
    new.older = buyer.newest
    buyer.newest = state.order_count
    state.order_count += 1
    buyer.name = new.name
    buyer.orders += 1
    buyer.units += new.units
    if new.status == OPEN:
        buyer.open += new.amount
    else:
        buyer.gross += new.amount
        if new.status == REFUNDED:
            buyer.refunded += new.amount
    if buyer.orders == 1 or new.placed < buyer.first:
        buyer.first = new.placed
        buyer.first_at = new.placed_at
    if buyer.orders == 1 or new.placed > buyer.last:
        buyer.last = new.placed
        buyer.last_at = new.placed_at
    state.total += new.amount
    return state.total <= MAX_INTEGER
