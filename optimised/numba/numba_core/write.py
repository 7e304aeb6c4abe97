"""Write the answer, in one pass over the tables. Writers return the address behind what they wrote."""

import numpy as np

from numba_core.listing import list_cancelled, list_customers, list_lines, same_sku
from numba_core.memory import Row, copy_32, inlined, kernel, lowest_byte, set_byte, set_word, write_literal
from numba_core.order import row_of
from numba_core.ranks import list_ranks, rank_labels
from numba_core.tables import Customer, Line, Number, Text, Word
from numba_core.values import ZERO, U, each


@kernel
def eight_digits(number: np.uint64) -> np.uint64:
    """The eight digits of a number below 10^8 as values 0 to 9, the first one lowest in the word."""
    fours = number // U(10_000) | number % U(10_000) << U(32)
    hundreds = (fours * U(10_486) >> U(20)) & U(0x0000007F0000007F)
    pairs = hundreds | (fours - hundreds * U(100)) << U(16)
    tens = (pairs * U(103) >> U(10)) & U(0x000F000F000F000F)
    return tens | (pairs - tens * U(10)) << U(8)


@kernel
def write_integer(value: int, to: int) -> int:
    """Write an integer of up to 16 digits without a sign."""
    if value < 10:
        set_byte(to, ZERO + value)
        return to + 1
    number = U(value)
    if value >= 100_000_000:
        to = write_small_integer(number // U(100_000_000), to)
        set_word(to, eight_digits(number % U(100_000_000)) | each(0x30))
        return to + 8
    return write_small_integer(number, to)


@kernel
def write_small_integer(number: np.uint64, to: int) -> int:
    """Write a number below 10^8."""
    digits = eight_digits(number)
    zeros = lowest_byte(digits | U(1) << U(56))
    set_word(to, (digits | each(0x30)) >> U(8 * zeros))
    return to + 8 - zeros


@inlined
def write_text(at: int, length: int, to: int) -> int:
    """Copy `length` bytes; up to 31 bytes more are overwritten."""
    copy_32(to, at)
    end = to + length
    while length > 32:
        at += 32
        to += 32
        length -= 32
        copy_32(to, at)
    return end


@kernel
def write_answer(state: Row) -> int:
    """Write the whole answer."""
    title = Text(state.title, 0)
    to = write_text(title.written, title.written_bytes, write_literal(state.answer, '{"batch":"'))
    to = write_text(state.currency, 3, write_literal(to, '","currency":"'))
    to = write_integer(state.grouped + state.cancelled_count, write_literal(to, '","orders":'))
    to = write_integer(state.duplicates, write_literal(to, ',"duplicates":'))
    to = write_cancelled(state, write_literal(to, ',"cancelled":['))
    to = write_customers(state, write_literal(to, '],"customers":['))
    return write_totals(state, to)


@kernel
def write_cancelled(state: Row, to: int) -> int:
    """Write the ids of the cancelled orders, ascending."""
    list_cancelled(state)
    for index in range(state.cancelled_count):
        to = write_literal(write_integer(Number(state.rows, index).value, to), ",")
    return to - (state.cancelled_count > 0)


@kernel
def write_customers(state: Row, to: int) -> int:
    """Write the customers' statements."""
    rank_labels(state)
    list_customers(state)
    count = state.customer_count
    for index in range(count):
        row = Number(state.listed_customers, index).value
        to = write_literal(write_customer(Customer(state.customers, row), state, to), ",")
    return to - (count > 0)


@kernel
def write_customer(one: Row, state: Row, to: int) -> int:
    """Write one customer's statement."""
    to = write_integer(one.id, write_literal(to, '{"id":'))
    name = Text(state.names, one.name)
    to = write_text(name.written, name.written_bytes, write_literal(to, ',"name":"'))
    to = write_integer(one.orders, write_literal(to, '","orders":'))
    to = write_text(one.first_at, 20, write_literal(to, ',"first":"'))
    to = write_text(one.last_at, 20, write_literal(to, '","last":"'))
    to = write_integer(one.units, write_literal(to, '","units":'))
    to = write_integer(one.gross, write_literal(to, ',"gross":'))
    to = write_integer(one.refunded, write_literal(to, ',"refunded":'))
    to = write_integer(one.open, write_literal(to, ',"open":'))
    to = write_integer(one.gross - one.refunded, write_literal(to, ',"net":'))
    to = write_skus(one, state, write_literal(to, ',"skus":['))
    to = write_tags(one, state, write_literal(to, '],"tags":['))
    to = write_channels(one, state, write_literal(to, '],"channels":['))
    return write_literal(to, "]}")


@kernel
def write_skus(one: Row, state: Row, to: int) -> int:
    """Write the lines of a customer, merged by sku; it has at least one line."""
    words = list_lines(one, state)
    line = Line(state.lines, row_of(Word(words, 0).bits, state))
    units = amount = 0
    for index in range(one.lines):
        other = Line(state.lines, row_of(Word(words, index).bits, state))
        if not same_sku(line, other):
            to = write_literal(write_sku(line, units, amount, to), ",")
            line = other
            units = amount = 0
        units += other.units
        amount += other.amount
    return write_sku(line, units, amount, to)


@inlined
def write_sku(line: Row, units: int, amount: int, to: int) -> int:
    """Write the sums of the lines of one sku."""
    to = write_text(line.sku, line.length, write_literal(to, '{"sku":"'))
    to = write_integer(units, write_literal(to, '","units":'))
    return write_literal(write_integer(amount, write_literal(to, ',"amount":')), "}")


@kernel
def write_tags(one: Row, state: Row, to: int) -> int:
    """Write a customer's tags."""
    count = list_ranks(one.newest_tag, state.tags, state)
    for index in range(count):
        rank = Number(state.listed, index).value
        Number(state.counts, rank).value = 0
        tag = Text(state.labels, Number(state.ranked, rank).value)
        to = write_literal(write_text(tag.written, tag.written_bytes, write_literal(to, '"')), '",')
    return to - (count > 0)


@kernel
def write_channels(one: Row, state: Row, to: int) -> int:
    """Write a customer's channels with their numbers of orders."""
    count = list_ranks(one.newest_channel, state.channels, state)
    for index in range(count):
        rank = Number(state.listed, index).value
        orders = Number(state.counts, rank)
        channel = Text(state.labels, Number(state.ranked, rank).value)
        to = write_text(channel.written, channel.written_bytes, write_literal(to, '{"channel":"'))
        to = write_literal(write_integer(orders.value, write_literal(to, '","orders":')), "},")
        orders.value = 0
    return to - (count > 0)


@kernel
def write_totals(state: Row, to: int) -> int:
    """Write the sums over all customers, and the end of the answer."""
    units = gross = refunded = open_ = 0
    for row in range(state.customer_count):
        one = Customer(state.customers, row)
        units += one.units
        gross += one.gross
        refunded += one.refunded
        open_ += one.open
    to = write_integer(state.customer_count, write_literal(to, '],"totals":{"customers":'))
    to = write_integer(units, write_literal(to, ',"units":'))
    to = write_integer(gross, write_literal(to, ',"gross":'))
    to = write_integer(refunded, write_literal(to, ',"refunded":'))
    to = write_integer(open_, write_literal(to, ',"open":'))
    to = write_integer(gross - refunded, write_literal(to, ',"net":'))
    return write_literal(to, "}}")
