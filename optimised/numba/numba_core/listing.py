"""Sort what the answer lists: customers by net, a customer's lines by sku, cancelled ids."""

from numba_core.memory import Row, bit_length, copy, kernel
from numba_core.order import beginning, set_count, sort_by_number, sort_by_text
from numba_core.tables import KEY_BYTES, LINE_BYTES, WORD_BYTES, Customer, Line, Number, Word
from numba_core.values import ALL, U, equal


@kernel
def list_customers(state: Row) -> None:
    """List the customers' rows in `listed_customers`: by net, the greatest first, then by id."""
    count = state.customer_count
    ids = nets = 0
    for row in range(count):
        customer = Customer(state.customers, row)
        ids |= customer.id
        nets |= customer.gross - customer.refunded
        Number(state.rows, row).value = row
        Word(state.keys, row).bits = U(customer.id)
    id_bits = bit_length(U(ids))
    net_bits = bit_length(U(nets))
    if id_bits + net_bits > 64:  # one word cannot hold both
        sort_by_number(count, state)
        id_bits = 0
    for position in range(count):
        customer = Customer(state.customers, Number(state.rows, position).value)
        below = ~(ALL << U(net_bits)) - U(customer.gross - customer.refunded)
        Word(state.keys, position).bits = below << U(id_bits) | U(customer.id) & ~(ALL << U(id_bits))
    sort_by_number(count, state)
    copy(state.listed_customers, state.rows, count * WORD_BYTES)


@kernel
def list_lines(customer: Row, state: Row) -> int:
    """Sort a customer's lines by sku; return the address of the sorted words, which hold positions in `rows`."""
    set_count(customer.lines, state)
    longest = 0
    row = customer.newest_line
    for position in range(customer.lines):
        line = Line(state.lines, row)
        longest = max(longest, line.length)
        Number(state.rows, position).value = row
        Word(state.words, position).bits = beginning(line.key, position, state)
        row = line.next
    return sort_by_text(customer.lines, longest, state.lines, LINE_BYTES, state)


@kernel
def same_sku(line: Row, other: Row) -> bool:
    """Tell whether two lines have the same sku."""
    same = line.key == other.key and line.length == other.length
    return same and (line.length <= KEY_BYTES or equal(line.sku, other.sku, line.length))


@kernel
def list_cancelled(state: Row) -> None:
    """List the ids of the cancelled orders in `rows`, ascending."""
    count = state.cancelled_count
    for position in range(count):
        order_id = Number(state.cancelled, position).value
        Number(state.rows, position).value = order_id
        Word(state.keys, position).bits = U(order_id)
    sort_by_number(count, state)
