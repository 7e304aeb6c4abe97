"""Hash tables whose keys are the bytes themselves: order ids, customers, and the texts met before.

Each hash is keyed with a secret of the process: nobody outside can make keys collide.
"""

import numpy as np

from numba_core.memory import Row, inlined, kernel
from numba_core.tables import NOTHING, Customer, Number, Text
from numba_core.text import ZERO, characters, closing, is_normal, normalise, spell, unescape
from numba_core.values import U, equal, first

LATEST = 2**63 - 1
PROBES = 8
MIX = U(0x9E3779B97F4A7C15)


@kernel
def scattered(key: np.uint64, seed: np.uint64, mask: int) -> int:
    """A slot for a word."""
    key = (key + seed) * MIX
    return np.int64((key ^ key >> U(32)) * (seed | U(1)) >> U(33)) & mask


@kernel
def is_new(order_id: int, state: Row) -> bool:
    """Whether an order id was not met before; from now on it was."""
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
    """The row of a customer, made if there is none yet."""
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
    """The next row, for a customer without orders yet."""
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
    """The first and the last eight bytes of a text, the same word twice if there are less: all of it up to 16 bytes."""
    count = min(length, 8)
    return first(at, count), first(at + length - count, count)


@inlined
def is_spelled(text: Row, at: int, length: int, head: np.uint64, tail: np.uint64) -> bool:
    """Whether a row holds a text in this spelling."""
    same = text.length == length and text.head == head and text.tail == tail
    return same and (length <= 16 or equal(text.source + 8, at + 8, length - 16))


@inlined
def recall(at: int, length: int, slots: int, rows: int, state: Row) -> tuple[int, int]:
    """The row of a text that was met in the same spelling, and where in the hash table it stands; else NOTHING.

    It is a memory that may forget: after some probes a text takes another's slot. Equal texts in two rows are told
    apart by nobody, since they sort and write the same.
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
def label(at: int, state: Row) -> tuple[int, int]:
    """Read a tag or channel behind its opening quote: its row, and the address behind its closing one, or the wall."""
    end = closing(at)
    if end == at:
        return NOTHING, state.wall
    row, slot = recall(at, end - at, state.label_slots, state.labels, state)
    if row == NOTHING:
        row = new_label(at, end, slot, state)
    return row, (end + 1 if row != NOTHING else state.wall)


@kernel
def new_label(at: int, end: int, slot: int, state: Row) -> int:
    """The row of a label that was not met before, entered in a slot; or NOTHING."""
    row = state.label_count
    if row == state.label_room or not keep(Text(state.labels, row), at, end, 30, state):
        return NOTHING
    state.label_count = row + 1
    Number(state.label_slots, slot).value = row
    return row


@kernel
def name(at: int, state: Row) -> tuple[int, int]:
    """Read a name behind its opening quote: its row, and the address behind its closing one, or the wall."""
    end = closing(at)
    if end == at:
        return NOTHING, state.wall
    row, slot = recall(at, end - at, state.name_slots, state.names, state)
    if row == NOTHING:
        row = state.name_count
        if not keep_name(Text(state.names, row), at, end, state):
            return NOTHING, state.wall
        state.name_count = row + 1
        Number(state.name_slots, slot).value = row
    return row, end + 1


@kernel
def set_source(text: Row, at: int, end: int) -> None:
    """Remember in which spelling a text was met."""
    text.source = at
    text.length = end - at
    text.head, text.tail = ends(at, end - at)


@kernel
def keep(text: Row, at: int, end: int, most: int, state: Row) -> bool:
    """Fill a row with a string of 1 to `most` characters; whether it is one.

    A text with U+0000 goes to the reference core: here it would sort like a shorter one.
    """
    count, escaped = characters(at, end)
    if not 1 <= count <= most or escaped == ZERO:
        return False
    set_source(text, at, end)
    text.value = text.written = at
    text.value_bytes = text.written_bytes = end - at
    if escaped:
        text.value = state.free
        text.written = unescape(at, end, text.value)
        state.free = spell(text.value, text.written, text.written)
        text.value_bytes = text.written - text.value
        text.written_bytes = state.free - text.written
    return True


@kernel
def keep_name(text: Row, at: int, end: int, state: Row) -> bool:
    """Fill a row with a name of 1 to 200 characters, which count as normalised; whether it is one."""
    count, escaped = characters(at, end)
    if count < 0:
        return False
    set_source(text, at, end)
    if escaped:
        at, end = state.free, unescape(at, end, state.free)
        state.free = end
    if escaped or not is_normal(at, end):
        start, past = at, end
        at, end = state.free, normalise(start, past, state.free)
        state.free = end
        count -= (past - start) - (end - at)
    if escaped:
        at, end = state.free, spell(at, end, state.free)
        state.free = end
    text.written = at
    text.written_bytes = end - at
    return 1 <= count <= 200
