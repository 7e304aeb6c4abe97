"""Hash tables whose keys are the bytes themselves: order ids, customers, and the texts met before.

Each hash is keyed with a secret of the process: nobody outside can make keys collide.
"""

import numpy as np

from numba_core.memory import inlined, kernel, word
from numba_core.tables import NOTHING, Customer, Number, Text
from numba_core.text import characters, closing, normalise, spell, unescape
from numba_core.values import U, equal, first

PROBES = 8
MIX = U(0x9E3779B97F4A7C15)


@kernel
def scattered(key, seed, mask):
    """A slot for a word."""
    key = (key + seed) * MIX
    return np.int64((key ^ key >> U(32)) * (seed | U(1)) >> U(33)) & mask


@kernel
def is_new(order_id, state):
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
def customer_of(customer_id, state):
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
def new_customer(customer_id, state):
    """The next row, for a customer without orders yet."""
    row = state.customer_count
    state.customer_count += 1
    customer = Customer(state.customers, row)
    customer.id = customer_id
    customer.orders = customer.units = customer.gross = customer.refunded = customer.open = 0
    customer.newest = NOTHING
    return row


@inlined
def digest(at, end, state):
    """A slot for a text that a quote ends, which is hashed too."""
    mixed = state.seed
    while end - at >= 8:
        mixed = (mixed ^ word(at)) * MIX
        mixed ^= mixed >> U(32)
        at += 8
    return scattered(mixed ^ first(at, end + 1 - at), state.seed, state.text_mask)


@inlined
def is_text(row, rows, at, length):
    """Whether a row holds a text in this spelling. Row 0 holds none."""
    text = Text(rows, row)
    return text.length == length and equal(text.source, at, length + 1)


@kernel
def recall(at, length, slot, slots, rows, state):
    """The row of a text in one of the slots behind its first one, or NOTHING; and that slot, or one to enter it at.

    It is a memory that may forget: after some probes a text takes another's slot. Equal texts in two rows are told
    apart by nobody, since they sort and write the same.
    """
    for probe in range(slot, slot + PROBES):
        slot = probe & state.text_mask
        row = Number(slots, slot).value
        if row == 0:
            break
        if is_text(row, rows, at, length):
            return row, slot
    return NOTHING, slot


@inlined
def label(at, state):
    """Read a tag or channel behind its opening quote: its row, and the address behind its closing one, or the wall."""
    end = closing(at)
    slot = digest(at, end, state)
    row = Number(state.label_slots, slot).value
    if is_text(row, state.labels, at, end - at):
        return row, end + 1
    return new_label(at, end, slot, state)


@kernel
def new_label(at, end, slot, state):
    """The same for a label that is not in its first slot."""
    row, slot = recall(at, end - at, slot, state.label_slots, state.labels, state)
    if row == NOTHING:
        row = state.label_count
        if row == state.label_room or not keep(Text(state.labels, row), at, end, 30, state):
            return NOTHING, state.wall
        state.label_count = row + 1
        Number(state.label_slots, slot).value = row
    return row, end + 1


@kernel
def name(at, state):
    """Read a name behind its opening quote: its row, and the address behind its closing one, or the wall."""
    end = closing(at)
    slot = digest(at, end, state)
    row, slot = recall(at, end - at, slot, state.name_slots, state.names, state)
    if row == NOTHING:
        row = state.name_count
        if not keep_name(Text(state.names, row), at, end, state):
            return NOTHING, state.wall
        state.name_count = row + 1
        Number(state.name_slots, slot).value = row
    return row, end + 1


@kernel
def keep(text, at, end, most, state):
    """Fill a row with a string of 1 to `most` characters; whether it is one."""
    count, escaped = characters(at, end)
    text.source = text.value = text.written = at
    text.length = text.value_bytes = text.written_bytes = end - at
    if escaped and count > 0:
        text.value = state.free
        text.written = unescape(at, end, text.value)
        state.free = spell(text.value, text.written, text.written)
        text.value_bytes = text.written - text.value
        text.written_bytes = state.free - text.written
    return 1 <= count <= most


@kernel
def keep_name(text, at, end, state):
    """Fill a row with a name of 1 to 200 characters, which count as normalised; whether it is one."""
    count, escaped = characters(at, end)
    text.source = at
    text.length = end - at
    if count < 0:
        return False
    if escaped:
        at, end = state.free, unescape(at, end, state.free)
        state.free = end
    text.written = state.free
    state.free = normalise(at, end, text.written)
    count -= (end - at) - (state.free - text.written)
    if escaped:
        at, end = text.written, state.free
        text.written = end
        state.free = spell(at, end, text.written)
    text.written_bytes = state.free - text.written
    return 1 <= count <= 200
