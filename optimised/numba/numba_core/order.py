"""Stable sorting of rows by keys of eight bytes, and by texts of any length.

A key and a row stand at each position of `state.keys` and `state.rows`. Sorted is one word for both: those bits of the
key in which any two differ, and below them the position, so that no two words are equal.
"""

import numpy as np

from numba_core.memory import copy, kernel, lowest_bit
from numba_core.tables import WORD_BYTES, Number, Span, Word
from numba_core.values import ALL, U, sortable

RUN = 12  # words sorted at once, before runs are merged; a multiple of four


@kernel
def sort(start, count, state):
    """Sort `count` positions from `start` on."""
    keys = state.keys + start * WORD_BYTES
    rows = state.rows + start * WORD_BYTES
    differences = U(0)
    for position in range(1, count):
        differences |= Word(keys, position).bits ^ Word(keys, 0).bits
    below = U(16 if count <= 1 << 16 else 32)
    while differences:  # once, unless they are further apart than a word has room for: then from the low bits up
        shift = U(lowest_bit(differences))
        differences &= ~((ALL >> below) << shift)
        for position in range(count):
            Word(state.words, position).bits = Word(keys, position).bits >> shift << below | U(position)
        words = sort_words(state.words, count, state.spare)
        free = state.words + state.spare - words
        permute(keys, words, ~(ALL << below), count, free)
        permute(rows, words, ~(ALL << below), count, free)


@kernel
def sort_texts(count, table, row_bytes, state):
    """Sort positions by the texts with which their rows begin, and of which their keys hold the first eight bytes."""
    sort(0, count, state)
    start = 0
    for end in range(1, count + 1):
        if end == count or Word(state.keys, end).bits != Word(state.keys, start).bits:
            if end - start > 1:
                sort_deeper(start, end, table, row_bytes, state)
            start = end


@kernel
def sort_deeper(start, end, table, row_bytes, state):
    """Sort the positions start … end, whose texts begin alike, by the rest of them: lengths first, first bytes last."""
    longest = 0
    for position in range(start, end):
        span = Span(table + Number(state.rows, position).value * row_bytes, 0)
        Word(state.keys, position).bits = U(span.length)
        longest = max(longest, span.length)
    sort(start, end - start, state)
    for offset in range((longest - 1) // 8 * 8, 0, -8):
        for position in range(start, end):
            span = Span(table + Number(state.rows, position).value * row_bytes, 0)
            Word(state.keys, position).bits = sortable(span.text + offset, span.length - offset)
        sort(start, end - start, state)


@kernel
def permute(table, words, positions, count, free):
    """Bring the words of a table into the order of the positions that sorted words hold below."""
    for place in range(count):
        position = np.int64(Word(words, place).bits & positions)
        Word(free, place).bits = Word(table, position).bits
    copy(table, free, count * WORD_BYTES)


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
