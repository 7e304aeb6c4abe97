"""The tables that a document is parsed into, and their places: rows at addresses inside one block of memory.

The smallest spelling of each thing limits the number of its rows, so no table grows. Pages that are never touched cost
nothing.
"""

from numba_core.memory import Row, kernel, record

SMALLEST_TAG = len('"A",')
SMALLEST_LINE = len('{"sku":"A","quantity":1,"price":0},')
SMALLEST_ORDER = SMALLEST_LINE + len(
    '{"id":1,"placed":"2026-02-28T23:59:59Z","status":"paid","customer":{"id":1,"name":"A"},"lines":[]}'
)
KEY_BYTES = 6  # of a sku, to sort its line by
NAMES_TOO_MANY = 16  # names that a last order may repeat before its breach is seen
BYTES_A_LABEL = 12  # bytes of a document per new label: one with more labels falls back to the reference core

PADDING = 128  # bytes behind a text that wide loads and stores may touch
BATCH_TEXT = 512  # bytes of the answer's members of batch and totals, without texts
CUSTOMER_TEXT = 400  # bytes of a customer's members, without texts
CHANNEL_TEXT = len('{"channel":"","orders":},') + 6
LINE_TEXT = len('{"sku":"","units":,"amount":},') + 40 + 2 * 16

State, STATE_BYTES = record(
    # addresses: the text, what is unescaped of it, the answer, and the tables of rows
    "text wall arena free answer order lines tags channels customers cancelled names labels title currency"
    # hash tables, and the masks of their slots
    " ids buyers id_mask name_slots label_slots text_mask"
    # work space of sorting
    " keys rows words spare bits sorted_table sorted_bytes listed_customers"
    # labels by rank, and a set of ranks
    " ranked listed rank_count counts present summary"
    # numbers of rows
    " grouped line_count tag_count channel_count customer_count cancelled_count name_count label_count label_room"
    " duplicates total",
    words="seed",
)
"""The state of one call: the batch's own members, the addresses of its tables, and their numbers of rows.

`wall` is an address where no JSON stands. A parser that meets a breach returns it, and every later parser fails there.
"""

Order, ORDER_BYTES = record("placed placed_at status customer name first_line first_tag channel units amount next")
Line, LINE_BYTES = record("sku length units amount next", words="key")
Mark, MARK_BYTES = record("label next")
"""A tag of a line, or the channel of an order."""
Customer, CUSTOMER_BYTES = record(
    "id name orders lines first first_at last last_at units gross refunded open newest_line newest_tag newest_channel"
)
Text, TEXT_BYTES = record("value value_bytes source length written written_bytes rank", words="head tail")
"""A name or a label (a tag or a channel): its spelling in the document, its value to sort by, and how it is written.

Rows begin at 1. Row 0 has a length that no text has.
"""
Span, _ = record("text length")
"""The first fields of a row that is sorted by a text."""
Number, NUMBER_BYTES = record("value")
Word, WORD_BYTES = record("", words="bits")

NOTHING = -1


@kernel
def power_of_two(least: int) -> int:
    """The smallest power of two that is at least `least`."""
    power = 64
    while power < least:
        power *= 2
    return power


@kernel
def lay_out(state: Row, base: int, size: int) -> int:
    """Place the tables for a document of `size` bytes from the address `base` on; return the address behind them."""
    tags = size // SMALLEST_TAG + 1
    lines = size // SMALLEST_LINE + 1
    orders = size // SMALLEST_ORDER + 1
    labels = size // BYTES_A_LABEL + PADDING
    sorted_ = max(lines, labels) + 3
    slots = power_of_two(2 * orders)
    text_slots = power_of_two(max(256, size // 128))
    state.label_room = labels
    state.id_mask = slots - 1
    state.text_mask = text_slots - 1

    state.answer = base
    state.text = state.answer + size + BATCH_TEXT + orders * (CUSTOMER_TEXT + CHANNEL_TEXT) + lines * LINE_TEXT
    state.arena = state.text + size + PADDING
    state.order = state.arena + 3 * size + PADDING
    state.lines = state.order + ORDER_BYTES
    state.tags = state.lines + lines * LINE_BYTES
    state.channels = state.tags + tags * MARK_BYTES
    state.customers = state.channels + orders * MARK_BYTES
    state.cancelled = state.customers + orders * CUSTOMER_BYTES
    state.listed_customers = state.cancelled + orders * WORD_BYTES
    state.names = state.listed_customers + orders * NUMBER_BYTES
    state.labels = state.names + (orders + NAMES_TOO_MANY) * TEXT_BYTES
    state.ranked = state.labels + labels * TEXT_BYTES
    state.listed = state.ranked + labels * NUMBER_BYTES
    state.keys = state.listed + labels * NUMBER_BYTES
    state.rows = state.keys + sorted_ * WORD_BYTES
    state.words = state.rows + sorted_ * WORD_BYTES
    state.spare = state.words + sorted_ * WORD_BYTES
    state.title = state.spare + sorted_ * WORD_BYTES
    state.ids = state.title + TEXT_BYTES
    # From `ids` to `counts` every table must begin empty.
    state.buyers = state.ids + slots * NUMBER_BYTES
    state.label_slots = state.buyers + slots * NUMBER_BYTES
    state.name_slots = state.label_slots + text_slots * NUMBER_BYTES
    state.counts = state.name_slots + text_slots * NUMBER_BYTES
    state.present = state.counts + labels * NUMBER_BYTES
    state.summary = state.present + (labels // 64 + 1) * WORD_BYTES
    return state.summary + (labels // 4096 + 1) * WORD_BYTES
