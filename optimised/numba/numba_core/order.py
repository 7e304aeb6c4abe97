"""Sorting without branches to mispredict: words, rows by numbers, rows by texts.

A sorted word holds a part of a key in its upper bits and a position in `state.rows` in its lower bits, so no two words
are equal. The key takes six bytes and the position 16 bits, or four bytes and 32 bits if there are more positions.
"""

import numpy as np

from numba_core.memory import Row, copy, inlined, kernel
from numba_core.tables import WORD_BYTES, Number, Span, Word
from numba_core.values import ALL, U, equal, sortable

RUN = 12  # words sorted at once, before runs are merged; a multiple of four


@kernel
def set_count(count: int, state: Row) -> None:
    """Set how many of a word's 64 bits hold the position, for `count` positions to sort."""
    state.bits = 16 if count <= 1 << 16 else 32


@inlined
def position_of(word: np.uint64, state: Row) -> int:
    """The position that a word holds."""
    return np.int64(word & ~(ALL << U(state.bits)))


@inlined
def row_of(word: np.uint64, state: Row) -> int:
    """The row at the position that a word holds."""
    return Number(state.rows, position_of(word, state)).value


@inlined
def beginning(key: np.uint64, position: int, state: Row) -> np.uint64:
    """A word that holds the first bytes of a key, and a position."""
    return key >> U(state.bits) << U(state.bits) | U(position)


@kernel
def sort_by_number(count: int, state: Row) -> None:
    """Sort `rows`, stably, by the numbers in `keys`."""
    set_count(count, state)
    bits = U(state.bits)
    largest = U(0)
    for position in range(count):
        largest |= Word(state.keys, position).bits
    while largest:  # once, unless numbers need more bits than a word has room for: then the low bits first
        for position in range(count):
            number = Word(state.keys, position)
            Word(state.words, position).bits = number.bits << bits | U(position)
            number.bits >>= U(64) - bits
        largest >>= U(64) - bits
        words = sort_words(state.words, count, state.spare)
        permute(state.rows, words, count, state)
        if largest:
            permute(state.keys, words, count, state)


@kernel
def permute(table: int, words: int, count: int, state: Row) -> None:
    """Reorder the words of a table by the positions in sorted words."""
    free = state.words + state.spare - words
    for place in range(count):
        position = position_of(Word(words, place).bits, state)
        Word(free, place).bits = Word(table, position).bits
    copy(table, free, count * WORD_BYTES)


@kernel
def sort_by_text(count: int, longest: int, table: int, row_bytes: int, state: Row) -> int:
    """Sort `words`, which hold the beginnings of texts; return the address where the sorted words lie.

    The rows of the table are Spans of these texts. `longest` is their greatest length. None has a zero byte.
    """
    if count == 1:
        return state.words
    state.sorted_table = table
    state.sorted_bytes = row_bytes
    words = sort_words(state.words, count, state.spare)
    width = 8 - state.bits // 8
    offset = width
    while offset < longest and sort_alike(words, count, offset, state):
        offset += width
    return words


@kernel
def sort_alike(words: int, count: int, offset: int, state: Row) -> bool:
    """Sort words whose texts share their first `offset` bytes by what follows; tell whether any text was longer."""
    found = False
    start = 0
    while start < count:
        end = start + 1
        while end < count and are_alike(Word(words, start).bits, Word(words, end).bits, offset, state):
            end += 1
        if end - start > 1:
            found |= sort_group(words, start, end, offset, state)
        start = end
    return found


@kernel
def are_alike(word: np.uint64, other: np.uint64, offset: int, state: Row) -> bool:
    """Tell whether the texts of two words have at least `offset` bytes and share these."""
    one = Span(state.sorted_table + row_of(word, state) * state.sorted_bytes, 0)
    two = Span(state.sorted_table + row_of(other, state) * state.sorted_bytes, 0)
    return min(one.length, two.length) >= offset and equal(one.text, two.text, offset)


@kernel
def sort_group(words: int, start: int, end: int, offset: int, state: Row) -> bool:
    """Sort the words start … end by their texts from `offset` on; return False if none is longer."""
    longest = 0
    for index in range(start, end):
        word = Word(words, index).bits
        span = Span(state.sorted_table + row_of(word, state) * state.sorted_bytes, 0)
        longest = max(longest, span.length)
        key = sortable(span.text + offset, span.length - offset)
        Word(state.keys, index - start).bits = beginning(key, position_of(word, state), state)
    if longest <= offset:
        return False
    free = state.words + state.spare - words
    copy(words + start * WORD_BYTES, sort_words(state.keys, end - start, free), (end - start) * WORD_BYTES)
    return True


@kernel
def sort_words(words: int, count: int, spare: int) -> int:
    """Sort words, no two of them equal; return where they lie: at `words` or at `spare`."""
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
def sort_run(words: int, count: int, target: int) -> None:
    """Put each word at the number of smaller words: more comparisons, but no branch to mispredict.

    Four words at a time. Up to three behind the last one, greater than all, are written behind the others.
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
def merge(source: int, left: int, middle: int, end: int, target: int) -> None:
    """Merge the sorted words left … middle and middle … end into the same positions at `target`."""
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
