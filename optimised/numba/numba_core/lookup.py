"""Hash tables: order ids, customers, and texts by their bytes.

A secret of the process keys each hash, so that no client can prepare keys that collide.
"""

import numpy as np

from numba_core.memory import Row, inlined, kernel
from numba_core.tables import NOTHING, Customer, Number, Text
from numba_core.text import ZERO, characters, find_closing, is_normal, write_escaped, write_normalised, write_unescaped
from numba_core.values import U, equal, first

LATEST = 2**63 - 1
PROBES = 8
MIX = U(0x9E3779B97F4A7C15)


@kernel
def scattered(key: np.uint64, seed: np.uint64, mask: int) -> int:
    """The first slot to try for a key."""
    key = (key + seed) * MIX
    return np.int64((key ^ key >> U(32)) * (seed | U(1)) >> U(33)) & mask


@kernel
def is_new(order_id: int, state: Row) -> bool:
    """Tell whether an order id is new, and remember it."""
    slot = scattered(U(order_id), state.seed, state.id_mask)
    while True:
        known = Number(state.ids, slot)
        if known.value == 0:
            known.value = order_id
            return True
        if known.value == order_id:
            return False
        slot = (slot + 1) & state.id_mask


@kernel
def customer_of(customer_id: int, state: Row) -> int:
    """The row of a customer; a new one is added."""
    slot = scattered(U(customer_id), state.seed, state.id_mask)
    while True:
        place = Number(state.buyers, slot)
        if place.value == 0:
            place.value = new_customer(customer_id, state) + 1
            return place.value - 1
        if Customer(state.customers, place.value - 1).id == customer_id:
            return place.value - 1
        slot = (slot + 1) & state.id_mask


@kernel
def new_customer(customer_id: int, state: Row) -> int:
    """Add a customer without orders; return its row."""
    row = state.customer_count
    state.customer_count += 1
    customer = Customer(state.customers, row)
    customer.id = customer_id
    customer.orders = customer.lines = customer.units = customer.gross = customer.refunded = customer.open = 0
    customer.newest_line = customer.newest_tag = customer.newest_channel = NOTHING
    customer.first, customer.last = LATEST, NOTHING
    return row


@inlined
def ends(at: int, length: int) -> tuple[np.uint64, np.uint64]:
    """The first and the last eight bytes of a text; a shorter text twice. Up to 16 bytes this is the whole text."""
    count = min(length, 8)
    return first(at, count), first(at + length - count, count)


@inlined
def is_spelled(text: Row, at: int, length: int, head: np.uint64, tail: np.uint64) -> bool:
    """Tell whether a row holds a text in this spelling."""
    same = text.length == length and text.head == head and text.tail == tail
    return same and (length <= 16 or equal(text.source + 8, at + 8, length - 16))


@inlined
def find_text(at: int, length: int, slots: int, rows: int, state: Row) -> tuple[int, int]:
    """The row of a text met in the same spelling, or NOTHING; and its slot, or the slot for a new row.

    The table may forget: after PROBES probes a text takes another text's slot, and a forgotten text gets a second row.
    That changes no answer, because equal texts are ranked and written alike.
    """
    head, tail = ends(at, length)
    slot = np.int64((head ^ state.seed) * MIX + (tail + U(length)) * (state.seed | U(1)) >> U(40)) & state.text_mask
    for probe in range(slot, slot + PROBES):
        slot = probe & state.text_mask
        row = Number(slots, slot).value
        if is_spelled(Text(rows, row), at, length, head, tail):
            return row, slot
        if row == 0:
            break
    return NOTHING, slot


@inlined
def parse_label(at: int, state: Row) -> tuple[int, int]:
    """Parse a tag or channel from behind its opening quote: its row, and the address behind it, or the wall."""
    end = find_closing(at)
    if end == at:
        return NOTHING, state.wall
    row, slot = find_text(at, end - at, state.label_slots, state.labels, state)
    if row == NOTHING:
        row = add_label(at, end, slot, state)
    return row, (end + 1 if row != NOTHING else state.wall)


@kernel
def add_label(at: int, end: int, slot: int, state: Row) -> int:
    """Add a label and enter it in a slot; return its row, or NOTHING for a breach or a full table."""
    row = state.label_count
    if row == state.label_room or not store_text(Text(state.labels, row), at, end, 30, state):
        return NOTHING
    state.label_count = row + 1
    Number(state.label_slots, slot).value = row
    return row


@kernel
def parse_name(at: int, state: Row) -> tuple[int, int]:
    """Parse a name from behind its opening quote: its row, and the address behind it, or the wall."""
    end = find_closing(at)
    if end == at:
        return NOTHING, state.wall
    row, slot = find_text(at, end - at, state.name_slots, state.names, state)
    if row == NOTHING:
        row = state.name_count
        if not store_name(Text(state.names, row), at, end, state):
            return NOTHING, state.wall
        state.name_count = row + 1
        Number(state.name_slots, slot).value = row
    return row, end + 1


@kernel
def set_source(text: Row, at: int, end: int) -> None:
    """Store the spelling of a text."""
    text.source = at
    text.length = end - at
    text.head, text.tail = ends(at, end - at)


@kernel
def store_text(text: Row, at: int, end: int, most: int, state: Row) -> bool:
    """Fill a row with a string; return False if it does not have 1 to `most` characters or is malformed.

    A text with U+0000 falls back to the reference core: here it would sort like a shorter text.
    """
    count, escaped = characters(at, end)
    if not 1 <= count <= most or escaped == ZERO:
        return False
    set_source(text, at, end)
    text.value = text.written = at
    text.value_bytes = text.written_bytes = end - at
    if escaped:
        text.value = state.free
        text.written = write_unescaped(at, end, text.value)
        state.free = write_escaped(text.value, text.written, text.written)
        text.value_bytes = text.written - text.value
        text.written_bytes = state.free - text.written
    return True


@kernel
def store_name(text: Row, at: int, end: int, state: Row) -> bool:
    """Fill a row with a normalised name; return False if it does not have 1 to 200 characters or is malformed."""
    count, escaped = characters(at, end)
    if count < 0:
        return False
    set_source(text, at, end)
    if escaped:
        at, end = state.free, write_unescaped(at, end, state.free)
        state.free = end
    if escaped or not is_normal(at, end):
        start, past = at, end
        at, end = state.free, write_normalised(start, past, state.free)
        state.free = end
        count -= (past - start) - (end - at)
    if escaped:
        at, end = state.free, write_escaped(at, end, state.free)
        state.free = end
    text.written = at
    text.written_bytes = end - at
    return 1 <= count <= 200
