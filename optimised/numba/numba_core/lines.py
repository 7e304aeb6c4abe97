"""The lines of an order: most of the bytes of a document, and so the part of the scan that has to be quick."""

from numba_core.lookup import label
from numba_core.memory import Row, byte, kernel, starts
from numba_core.tables import KEY_BYTES, Line, Mark
from numba_core.values import COMMA, integer, sku_length, sortable

SKU, QUANTITY, PRICE, TAGS = 1, 8, 64, 512  # members met: see scan.py


@kernel
def lines(at: int, order: Row, state: Row) -> int:
    """Read the array of an order's lines from its opening bracket on; it has at least one."""
    count = 0
    while True:
        at = line(at + 1, order, state)
        count += 1
        if byte(at) != COMMA:
            return at + 1 if starts(at, "]") and count <= 1000 else state.wall


@kernel
def line(at: int, order: Row, state: Row) -> int:
    """Read one line from its opening brace on."""
    if not starts(at, "{"):
        return state.wall
    new = Line(state.lines, state.line_count)
    met = quantity = price = 0
    for _ in range(4):
        if starts(at + 1, '"sku":"'):
            met += SKU
            new.sku = at + 8
            new.length = sku_length(at + 8)
            at = at + 9 + new.length if new.length else state.wall
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"quantity":'):
            met += QUANTITY
            quantity, at = integer(at + 12)
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"price":'):
            met += PRICE
            price, at = integer(at + 9)
            if byte(at) != COMMA:
                break
        if starts(at + 1, '"tags":['):
            met += TAGS
            at = tags(at + 8, state)
            if byte(at) != COMMA:
                break
    if not starts(at, "}") or met & ~TAGS != SKU + QUANTITY + PRICE:
        return state.wall
    if not 1 <= quantity <= 1_000_000 or not 0 <= price <= 1_000_000_000:
        return state.wall
    state.line_count += 1
    new.next = state.line_count  # of the order's last line, `chain` says what comes next
    new.key = sortable(new.sku, min(new.length, KEY_BYTES))
    new.units = quantity
    new.amount = quantity * price
    order.units += quantity
    order.amount += new.amount
    return at + 1


@kernel
def tags(at: int, state: Row) -> int:
    """Read an array of tags from its opening bracket on."""
    if starts(at, "[]"):
        return at + 2
    count = 0
    while starts(at + 1, '"'):
        tag = Mark(state.tags, state.tag_count)
        tag.label, at = label(at + 2, state)
        state.tag_count += 1
        tag.next = state.tag_count
        count += 1
        if byte(at) != COMMA:
            return at + 1 if starts(at, "]") and count <= 20 else state.wall
    return state.wall
