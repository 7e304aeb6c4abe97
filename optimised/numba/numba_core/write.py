"""The answer, written once from the tables. Writers return the address behind what they wrote."""

import numpy as np

from numba_core.listing import list_cancelled, list_customers, list_lines, same_sku
from numba_core.memory import Row, copy_32, inlined, kernel, lowest_byte, put, set_byte, set_word
from numba_core.order import row_of
from numba_core.ranks import list_ranks, rank_labels
from numba_core.tables import Customer, Line, Number, Text, Word
from numba_core.values import ZERO, U, each


@kernel
def eight_digits(number: np.uint64) -> np.uint64:
    """The eight digits of a number below 10^8, as values 0 to 9, the first one lowest in the word."""
    fours = number // U(10_000) | number % U(10_000) << U(32)
    hundreds = (fours * U(10_486) >> U(20)) & U(0x0000007F0000007F)
    pairs = hundreds | (fours - hundreds * U(100)) << U(16)
    tens = (pairs * U(103) >> U(10)) & U(0x000F000F000F000F)
    return tens | (pairs - tens * U(10)) << U(8)


@kernel
def integer(value: int, to: int) -> int:
    """Write an integer of up to 16 digits without sign."""
    if value < 10:
        set_byte(to, ZERO + value)
        return to + 1
    number = U(value)
    if value >= 100_000_000:
        to = integer_below(number // U(100_000_000), to)
        set_word(to, eight_digits(number % U(100_000_000)) | each(0x30))
        return to + 8
    return integer_below(number, to)


@kernel
def integer_below(number: np.uint64, to: int) -> int:
    """Write a number below 10^8."""
    digits = eight_digits(number)
    zeros = lowest_byte(digits | U(1) << U(56))
    set_word(to, (digits | each(0x30)) >> U(8 * zeros))
    return to + 8 - zeros


@inlined
def text(at: int, length: int, to: int) -> int:
    """Write `length` bytes that stand elsewhere; up to 31 bytes more are overwritten."""
    copy_32(to, at)
    end = to + length
    while length > 32:
        at += 32
        to += 32
        length -= 32
        copy_32(to, at)
    return end


@kernel
def answer(state: Row) -> int:
    """Write the whole answer."""
    title = Text(state.title, 0)
    to = text(title.written, title.written_bytes, put(state.answer, '{"batch":"'))
    to = text(state.currency, 3, put(to, '","currency":"'))
    to = integer(state.grouped + state.cancelled_count, put(to, '","orders":'))
    to = integer(state.duplicates, put(to, ',"duplicates":'))
    to = cancelled(state, put(to, ',"cancelled":['))
    to = customers(state, put(to, '],"customers":['))
    return totals(state, to)


@kernel
def cancelled(state: Row, to: int) -> int:
    """Write the ids of the cancelled orders, ascending."""
    list_cancelled(state)
    for index in range(state.cancelled_count):
        to = put(integer(Number(state.rows, index).value, to), ",")
    return to - (state.cancelled_count > 0)


@kernel
def customers(state: Row, to: int) -> int:
    """Write the customers' statements."""
    rank_labels(state)
    list_customers(state)
    count = state.customer_count
    for index in range(count):
        row = Number(state.listed_customers, index).value
        to = put(customer(Customer(state.customers, row), state, to), ",")
    return to - (count > 0)


@kernel
def customer(one: Row, state: Row, to: int) -> int:
    """Write one customer's statement."""
    to = integer(one.id, put(to, '{"id":'))
    name = Text(state.names, one.name)
    to = text(name.written, name.written_bytes, put(to, ',"name":"'))
    to = integer(one.orders, put(to, '","orders":'))
    to = text(one.first_at, 20, put(to, ',"first":"'))
    to = text(one.last_at, 20, put(to, '","last":"'))
    to = integer(one.units, put(to, '","units":'))
    to = integer(one.gross, put(to, ',"gross":'))
    to = integer(one.refunded, put(to, ',"refunded":'))
    to = integer(one.open, put(to, ',"open":'))
    to = integer(one.gross - one.refunded, put(to, ',"net":'))
    to = skus(one, state, put(to, ',"skus":['))
    to = tags(one, state, put(to, '],"tags":['))
    to = channels(one, state, put(to, '],"channels":['))
    return put(to, "]}")


@kernel
def skus(one: Row, state: Row, to: int) -> int:
    """Write the lines of a customer, merged by sku; there is at least one."""
    words = list_lines(one, state)
    line = Line(state.lines, row_of(Word(words, 0).bits, state))
    units = amount = 0
    for index in range(one.lines):
        other = Line(state.lines, row_of(Word(words, index).bits, state))
        if not same_sku(line, other):
            to = put(sku(line, units, amount, to), ",")
            line = other
            units = amount = 0
        units += other.units
        amount += other.amount
    return sku(line, units, amount, to)


@inlined
def sku(line: Row, units: int, amount: int, to: int) -> int:
    """Write what the lines of one sku add up to."""
    to = text(line.sku, line.length, put(to, '{"sku":"'))
    to = integer(units, put(to, '","units":'))
    return put(integer(amount, put(to, ',"amount":')), "}")


@kernel
def tags(one: Row, state: Row, to: int) -> int:
    """Write a customer's tags."""
    count = list_ranks(one.newest_tag, state.tags, state)
    for index in range(count):
        rank = Number(state.listed, index).value
        Number(state.counts, rank).value = 0
        tag = Text(state.labels, Number(state.ranked, rank).value)
        to = put(text(tag.written, tag.written_bytes, put(to, '"')), '",')
    return to - (count > 0)


@kernel
def channels(one: Row, state: Row, to: int) -> int:
    """Write a customer's channels and the orders that came by each."""
    count = list_ranks(one.newest_channel, state.channels, state)
    for index in range(count):
        rank = Number(state.listed, index).value
        orders = Number(state.counts, rank)
        channel = Text(state.labels, Number(state.ranked, rank).value)
        to = text(channel.written, channel.written_bytes, put(to, '{"channel":"'))
        to = put(integer(orders.value, put(to, '","orders":')), "},")
        orders.value = 0
    return to - (count > 0)


@kernel
def totals(state: Row, to: int) -> int:
    """Write the sums over all customers, and the end of the answer."""
    units = gross = refunded = open_ = 0
    for row in range(state.customer_count):
        one = Customer(state.customers, row)
        units += one.units
        gross += one.gross
        refunded += one.refunded
        open_ += one.open
    to = integer(state.customer_count, put(to, '],"totals":{"customers":'))
    to = integer(units, put(to, ',"units":'))
    to = integer(gross, put(to, ',"gross":'))
    to = integer(refunded, put(to, ',"refunded":'))
    to = integer(open_, put(to, ',"open":'))
    to = integer(gross - refunded, put(to, ',"net":'))
    return put(to, "}}")
