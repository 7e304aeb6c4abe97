"""The orders in which the answer lists things: customers by net, a customer's lines by sku, cancelled ids."""

from numba_core.memory import copy, kernel
from numba_core.order import sort, sort_texts
from numba_core.tables import LINE_BYTES, NOTHING, WORD_BYTES, Customer, Line, Number, Order, Word
from numba_core.values import ALL, U, equal


@kernel
def list_customers(state):
    """List the rows of the customers in `listed_customers`: by net, the greatest first, then by id."""
    count = state.customer_count
    for row in range(count):
        Number(state.rows, row).value = row
        Word(state.keys, row).bits = U(Customer(state.customers, row).id)
    sort(0, count, state)
    for index in range(count):
        customer = Customer(state.customers, Number(state.rows, index).value)
        Word(state.keys, index).bits = ALL - U(customer.gross - customer.refunded)
    sort(0, count, state)
    copy(state.listed_customers, state.rows, count * WORD_BYTES)


@kernel
def list_lines(customer, state):
    """List the rows of a customer's lines in `rows`, by sku; how many they are."""
    count = 0
    row = customer.newest
    while row != NOTHING:
        order = Order(state.orders, row)
        for number in range(order.lines, order.past_lines):
            line = Line(state.lines, number)
            Number(state.rows, count).value = number
            Word(state.keys, count).bits = line.key
            count += 1
        row = order.older
    sort_texts(count, state.lines, LINE_BYTES, state)
    return count


@kernel
def same_sku(line, other):
    """Whether two lines are of the same sku."""
    return (
        line.key == other.key
        and line.length == other.length
        and (line.length <= 8 or equal(line.sku, other.sku, line.length))
    )


@kernel
def list_cancelled(state):
    """Sort the ids of the cancelled orders."""
    count = state.cancelled_count
    for position in range(count):
        Word(state.keys, position).bits = Word(state.cancelled, position).bits
    sort(0, count, state)
    copy(state.cancelled, state.keys, count * WORD_BYTES)
