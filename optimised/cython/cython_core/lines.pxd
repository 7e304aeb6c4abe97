"""The lines of an order, and their tags: where most of a document's bytes are."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from cython_core.memory cimport take
from cython_core.members cimport PRICE, QUANTITY, SKU, TAGS, Habit, Walk, end_member, enter, next_member, skip
from cython_core.strings cimport NONE, find_short, intern_anew
from cython_core.tables cimport Batch, Draft
from cython_core.values cimport digits_at, integer
from cython_core.words cimport (
    LineWindow, digit_run, likely, line_window, low_word, match, plain_end, sku_run, swapped, two_numbers, unlikely,
)

cdef enum:
    MOST_QUANTITY = 1000000
    MOST_PRICE = 1000000000
    MOST_LINES = 1000
    MOST_TAGS = 20


cdef inline bint add_extra(Batch *batch, uint32_t index) noexcept nogil:
    """Take in a tag beyond the first 64; False if there is none, or no memory."""
    if batch.extras == NULL:
        batch.extras = <uint32_t *>take(&batch.arena, batch.length)  # a tag takes four bytes at least
    if index == NONE or batch.extras == NULL:
        return False
    batch.extras[batch.extra_count] = index
    batch.extra_count += 1
    return True


cdef inline const uint8_t *tags(Batch *batch, const uint8_t *p, Draft *draft) noexcept nogil:
    """Read the tags of a line, from behind the bracket."""
    cdef uint64_t length
    cdef uint32_t index, count = 0
    if unlikely(p[0] <= 32):
        p = skip(p)
    if p[0] == c']':
        return p + 1
    while likely(p[0] == c'"' and count < MOST_TAGS):
        p += 1
        index = NONE
        length = plain_end(p)
        if likely(length <= 16 and p[length] == c'"'):
            index = find_short(&batch.tags.texts, p, <uint32_t>length)
        if unlikely(index == NONE):
            index = intern_anew(&batch.tags, &batch.arena, p, &length)
        if likely(index < 64):
            draft.tags |= <uint64_t>1 << index
        elif not add_extra(batch, index):
            return NULL
        count += 1
        p += length + 1
        if unlikely(p[0] <= 32):
            p = skip(p)
        if p[0] != c',':
            return p + 1 if likely(p[0] == c']') else NULL
        p += 1
        if unlikely(p[0] <= 32):
            p = skip(p)
    return NULL


cdef inline void add_line(
    Batch *batch, Draft *draft, const uint8_t *sku, uint32_t length, uint64_t deal
) noexcept nogil:
    """Take in a line; `deal` is the quantity, and the price in the upper half."""
    cdef uint32_t i = batch.line_count
    cdef uint64_t quantity = <uint32_t>deal
    batch.line_count = i + 1
    batch.keys[i] = swapped(low_word(sku, length if length < 8 else 8))
    batch.deals[i] = deal
    batch.skus[i] = <uint64_t>(sku - batch.document) << 6 | length
    draft.units += quantity
    draft.amount += quantity * (deal >> 32)


cdef inline const uint8_t *usual_line(Batch *batch, const uint8_t *p, Draft *draft) noexcept nogil:
    """Read a line that is written as usual, from its sku on. NULL: it is not, or it breaks a rule."""
    cdef LineWindow window = line_window(p)
    cdef const uint8_t *sku = p
    cdef uint32_t length = sku_run(window, p), at = length + 13, n
    cdef uint64_t deal
    if unlikely(length - 1 > 23 or not match(p + length, b'","quantity":')):
        return NULL
    n = digit_run(window, p, at)
    if unlikely(n - 1 > 5 or p[at] == c'0' or not match(p + at + n, b',"price":')):
        return NULL
    deal = digits_at(p + at, n)
    at += n + 9
    n = digit_run(window, p, at)
    if unlikely((n - 1 > 7) | ((p[at] == c'0') & (n > 1))):
        return NULL
    deal = two_numbers(deal, digits_at(p + at, n))
    p += at + n
    if p[0] != c'}':
        if unlikely(not match(p, b',"tags":[')):
            return NULL
        p = tags(batch, p + 9, draft)
        if unlikely(p == NULL or p[0] != c'}'):
            return NULL
    add_line(batch, draft, sku, length, deal)
    return p + 1


cdef inline const uint8_t *other_line(Batch *batch, const uint8_t *p, Draft *draft, Habit *habit) noexcept nogil:
    """Read a line, however it is written."""
    cdef Walk walk
    cdef bint more = True
    cdef const uint8_t *sku = p
    cdef uint32_t length = 0
    cdef uint64_t quantity = 0, price = 0
    p = enter(p, &walk, SKU, TAGS)
    while p != NULL and more:
        p = next_member(p, &walk, habit)
        if p == NULL:
            return NULL
        if walk.member == SKU:
            if p[0] != c'"':
                return NULL
            sku = p + 1
            length = sku_run(line_window(sku), sku)
            if length - 1 > 39 or sku[length] != c'"':
                return NULL
            p = sku + length + 1
        elif walk.member == QUANTITY:
            p = integer(p, &quantity)
            if p == NULL or quantity - 1 >= MOST_QUANTITY:
                return NULL
        elif walk.member == PRICE:
            p = integer(p, &price)
            if p == NULL or price > MOST_PRICE:
                return NULL
        else:
            if p[0] != c'[':
                return NULL
            p = tags(batch, p + 1, draft)
            if p == NULL:
                return NULL
        p = end_member(p, &more)
    if p == NULL or walk.seen | 1 << TAGS != 1 << SKU | 1 << QUANTITY | 1 << PRICE | 1 << TAGS:
        return NULL
    add_line(batch, draft, sku, length, quantity | price << 32)
    return p


cdef inline const uint8_t *lines(Batch *batch, const uint8_t *p, Draft *draft, Habit *habit) noexcept nogil:
    """Read the lines of an order, from behind the bracket."""
    cdef const uint8_t *end
    cdef uint32_t extra_count
    draft.first_line = batch.line_count
    draft.first_extra = batch.extra_count
    draft.units = draft.amount = draft.tags = 0
    p = skip(p)
    while True:
        extra_count = batch.extra_count
        end = usual_line(batch, p + 8, draft) if likely(match(p, b'{"sku":"')) else NULL
        if unlikely(end == NULL):
            batch.extra_count = extra_count
            end = other_line(batch, p, draft, habit)
            if end == NULL:
                return NULL
        if match(end, b',{'):
            p = end + 1
            continue
        if likely(end[0] == c']'):
            p = end
            break
        p = skip(end)
        if p[0] == c',':
            p = skip(p + 1)
        elif p[0] == c']':
            break
        else:
            return NULL
    if batch.line_count - draft.first_line > MOST_LINES:
        return NULL
    return p + 1
