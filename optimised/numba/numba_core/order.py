"""Sorting without branches to mispredict: of words, of rows by numbers, of rows by texts.

Sorted are words that hold a part of a key above and a position of `state.rows` below, so that no two are equal: six
bytes and 16 bits, or four bytes and 32 where there are more positions than that.
"""

import numpy as np

from numba_core.memory import copy, kernel
from numba_core.tables import WORD_BYTES, Number, Span, Word
from numba_core.values import ALL, U, equal, sortable

RUN = 12  # words sorted at once, before runs are merged; a multiple of four


@kernel
def position_bits(count):
    """How many of a word's 64 bits are for the position."""
    return 16 if count <= 1 << 16 else 32


@kernel
def row_of(sorted_, bits, state):
    """The row at the position that a word holds in its low bits."""
    return Number(state.rows, np.int64(sorted_ & ~(ALL << U(bits)))).value


@kernel
def sort_by_number(count, state):
    """Sort `rows`, stably, by the numbers in `keys`."""
    bits = position_bits(count)
    largest = U(0)
    for position in range(count):
        largest |= Word(state.keys, position).bits
    while largest:  # once, unless numbers need more bits than there is room for: then the low ones first
        for position in range(count):
            number = Word(state.keys, position)
            Word(state.words, position).bits = number.bits << U(bits) | U(position)
            number.bits >>= U(64 - bits)
        largest >>= U(64 - bits)
        words = sort_words(state.words, count, state.spare)
        permute(state.rows, words, count, state)
        if largest:
            permute(state.keys, words, count, state)


@kernel
def permute(table, words, count, state):
    """Bring the words of a table into the order of the positions in sorted words."""
    free = state.words + state.spare - words
    positions = ~(ALL << U(position_bits(count)))
    for place in range(count):
        position = np.int64(Word(words, place).bits & positions)
        Word(free, place).bits = Word(table, position).bits
    copy(table, free, count * WORD_BYTES)


@kernel
def beginning(text, length, position, bits):
    """A word to sort a text by: its first bytes, and a position."""
    return sortable(text, length) >> U(bits) << U(bits) | U(position)


@kernel
def sort_by_text(count, longest, table, row_bytes, state):
    """Sort `words`, the beginnings of the texts with which the rows of a table begin; the address where they then lie.

    `longest` is the greatest length of these texts. None of them has a zero byte.
    """
    words = sort_words(state.words, count, state.spare)
    width = 8 - position_bits(count) // 8
    offset = width
    while offset < longest and sort_alike(words, count, offset, table, row_bytes, state):
        offset += width
    return words


@kernel
def sort_alike(words, count, offset, table, row_bytes, state):
    """Sort those whose texts have the first `offset` bytes in common by what comes then; whether there are any."""
    bits = position_bits(count)
    found = False
    start = 0
    while start < count:
        one = Span(table + row_of(Word(words, start).bits, bits, state) * row_bytes, 0)
        end = start + 1
        while end < count:
            other = Span(table + row_of(Word(words, end).bits, bits, state) * row_bytes, 0)
            if min(one.length, other.length) < offset or not equal(one.text, other.text, offset):
                break
            end += 1
        if end - start > 1:
            found |= sort_group(words, start, end, offset, bits, table, row_bytes, state)
        start = end
    return found


@kernel
def sort_group(words, start, end, offset, bits, table, row_bytes, state):
    """Sort the words start … end by their texts from `offset` on; whether any of these is that long."""
    longest = 0
    for index in range(start, end):
        sorted_ = Word(words, index).bits
        span = Span(table + row_of(sorted_, bits, state) * row_bytes, 0)
        longest = max(longest, span.length)
        position = np.int64(sorted_ & ~(ALL << U(bits)))
        Word(state.keys, index - start).bits = beginning(span.text + offset, span.length - offset, position, bits)
    if longest <= offset:
        return False
    free = state.words + state.spare - words
    copy(words + start * WORD_BYTES, sort_words(state.keys, end - start, free), (end - start) * WORD_BYTES)
    return True


@kernel
def sort_words(words, count, spare):
    """Sort words, no two of them equal; where they then lie, in the one place or the other."""
    for index in range(count, count + 3):
        Word(words, index).bits = ALL
    for start in range(0, count, RUN):
        sort_run(words + start * WORD_BYTES, min(RUN, count - start), spare + start * WORD_BYTES)
    source, target = spare, words
    run = RUN
    while run < count:
        start = 0
        while start < count:
            merge(source, start, min(start + run, count), min(start + 2 * run, count), target)
            start += 2 * run
        source, target = target, source
        run *= 2
    return source


@kernel
def sort_run(words, count, target):
    """Put each word where the number of smaller ones says: more comparisons, and no branch to mispredict.

    Four at a time; up to three that follow the last one, greater than all, are written behind the others.
    """
    for index in range(0, count, 4):
        a, b = Word(words, index).bits, Word(words, index + 1).bits
        c, d = Word(words, index + 2).bits, Word(words, index + 3).bits
        before_a = before_b = before_c = before_d = 0
        for other in range(count):
            word = Word(words, other).bits
            before_a += word < a
            before_b += word < b
            before_c += word < c
            before_d += word < d
        Word(target, before_a).bits = a
        Word(target, before_b).bits = b
        Word(target, before_c).bits = c
        Word(target, before_d).bits = d


@kernel
def merge(source, left, middle, end, target):
    """Merge the sorted words left … middle and middle … end into the same positions of another place."""
    right = middle
    place = left
    while left < middle and right < end:
        a, b = Word(source, left).bits, Word(source, right).bits
        Word(target, place).bits = min(a, b)
        left += a < b
        right += b < a
        place += 1
    while left < middle:
        Word(target, place).bits = Word(source, left).bits
        left += 1
        place += 1
    while right < end:
        Word(target, place).bits = Word(source, right).bits
        right += 1
        place += 1
