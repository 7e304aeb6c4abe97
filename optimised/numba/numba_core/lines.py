"""The lines of an order: most of a document's bytes, so the fastest part of the scan."""

from numba_core.lookup import parse_label
from numba_core.memory import Row, byte, kernel, match, starts
from numba_core.tables import KEY_BYTES, Line, Mark
from numba_core.values import COMMA, parse_integer, sku_length, sortable

SKU, QUANTITY, PRICE, TAGS = 1, 8, 64, 512  # members met: see scan.py


@kernel
def parse_lines(at: int, order: Row, state: Row) -> int:
    """Parse the array of an order's lines from its opening bracket on; it has at least one line."""
    count = 0
    while True:
        at = parse_line(at + 1, order, state)
        count += 1
        if byte(at) != COMMA:
            return at + 1 if starts(at, "]") and count <= 1000 else state.wall


@kernel
def parse_line(at: int, order: Row, state: Row) -> int:
    """Parse one line from its opening brace on."""
    if not starts(at, "{"):
        return state.wall
    new = Line(state.lines, state.line_count)
    met = quantity = price = 0
    for _ in range(4):
        value = match(at + 1, '"sku":"')
        if value:
            met += SKU
            new.sku = value
            new.length = sku_length(value)
            at = value + new.length + 1 if new.length else state.wall
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"quantity":')
        if value:
            met += QUANTITY
            quantity, at = parse_integer(value)
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"price":')
        if value:
            met += PRICE
            price, at = parse_integer(value)
            if byte(at) != COMMA:
                break
        value = match(at + 1, '"tags":[')
        if value:
            met += TAGS
            at = parse_tags(value - 1, state)
            if byte(at) != COMMA:
                break
    if not starts(at, "}") or met & ~TAGS != SKU + QUANTITY + PRICE:
        return state.wall
    if not 1 <= quantity <= 1_000_000 or not 0 <= price <= 1_000_000_000:
        return state.wall
    state.line_count += 1
    new.next = state.line_count  # `chain` corrects that of the order's last line
    new.key = sortable(new.sku, min(new.length, KEY_BYTES))
    new.units = quantity
    new.amount = quantity * price
    order.units += quantity
    order.amount += new.amount
    return at + 1


@kernel
def parse_tags(at: int, state: Row) -> int:
    """Parse an array of tags from its opening bracket on."""
    end = match(at, "[]")
    if end:
        return end
    count = 0
    while starts(at + 1, '"'):
        tag = Mark(state.tags, state.tag_count)
        tag.label, at = parse_label(at + 2, state)
        state.tag_count += 1
        tag.next = state.tag_count
        count += 1
        if byte(at) != COMMA:
            return at + 1 if starts(at, "]") and count <= 20 else state.wall
    return state.wall
