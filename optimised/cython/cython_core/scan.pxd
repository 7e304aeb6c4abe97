"""One pass over the bytes of a document into the tables.

What stands as most programs write it (members in the spec's order, no white space) is compared with that, eight bytes
at a time; an object that is written otherwise is read anew, member by member. NULL means: not to be judged here.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from cython_core.lines cimport lines
from cython_core.members cimport (
    BATCH, CHANNEL, CURRENCY, CUSTOMER, CUSTOMER_ID, ID, LINES, MEMBERS, NAME, NOTE, ORDERS, PLACED, STATUS,
    Habit, Walk, end_member, enter, next_member, skip,
)
from cython_core.memory cimport take
from cython_core.strings cimport NONE, express, intern, intern_name
from cython_core.tables cimport Batch, Draft, file_order
from cython_core.text cimport Found, Text, characters, decode, escapes_are_good, is_utf8, string_end
from cython_core.values cimport integer, is_id, read_moment, status_of
from cython_core.words cimport match

cdef enum:
    MOST_ORDERS = 100000


cdef inline const uint8_t *channel(Batch *batch, const uint8_t *p, Draft *draft) noexcept nogil:
    """Read a channel whose first byte, after the quote, is at p, and the quote behind it."""
    cdef uint64_t length
    cdef uint32_t index = intern(&batch.channels, &batch.arena, p, &length)
    if index == NONE:
        return NULL
    draft.channel = index + 1
    return p + length + 1


cdef inline const uint8_t *name(Batch *batch, const uint8_t *p, Draft *draft) noexcept nogil:
    """Read a customer's name, like a channel."""
    cdef uint64_t length
    draft.name = intern_name(&batch.names, &batch.arena, p, &length)
    if draft.name == NONE:
        return NULL
    return p + length + 1


cdef inline const uint8_t *note(Batch *batch, const uint8_t *p) noexcept nogil:
    """Read a note, like a channel; nothing of it is kept."""
    cdef Found found
    cdef uint8_t *text
    cdef int64_t length
    if not string_end(p, &found):
        return NULL
    if found.high and not is_utf8(p, found.length):
        return NULL
    if found.backslashes and not escapes_are_good(p, found.length):
        return NULL
    if found.length > 2000:  # no character takes less than a byte: only now they must be counted
        if found.length > 24000:
            return NULL
        text = <uint8_t *>take(&batch.arena, found.length)
        if text == NULL:
            return NULL
        length = decode(p, found.length, text)
        if length < 0 or characters(text, length) > 2000:
            return NULL
    return p + found.length + 1


cdef inline const uint8_t *usual_order(Batch *batch, const uint8_t *p, Draft *draft, Habit *habit) noexcept nogil:
    """Read an order that is written as usual, from its brace on. NULL: it is not, or it breaks a rule."""
    cdef uint32_t n
    if not match(p, b'{"id":'):
        return NULL
    p = integer(p + 6, &draft.id)
    if p == NULL or not is_id(draft.id) or not match(p, b',"placed":"'):
        return NULL
    draft.placed_at = p + 11
    if not read_moment(p + 11, &draft.placed) or not match(p + 32, b',"status":"'):
        return NULL
    p += 43
    draft.status = status_of(p, &n)
    if draft.status == NONE or not match(p + n, b',"customer":{"id":'):
        return NULL
    p = integer(p + n + 18, &draft.customer)
    if p == NULL or not is_id(draft.customer) or not match(p, b',"name":"'):
        return NULL
    p = name(batch, p + 9, draft)
    if p == NULL or not match(p, b'},"lines":['):
        return NULL
    p = lines(batch, p + 11, draft, habit)
    if p == NULL:
        return NULL
    draft.channel = 0
    if match(p, b',"channel":'):
        p += 11
        if p[0] == c'"':
            p = channel(batch, p + 1, draft)
            if p == NULL:
                return NULL
        elif match(p, b'null'):
            p += 4
        else:
            return NULL
    if match(p, b',"note":'):
        p += 8
        if p[0] == c'"':
            p = note(batch, p + 1)
            if p == NULL:
                return NULL
        elif match(p, b'null'):
            p += 4
        else:
            return NULL
    return p + 1 if p[0] == c'}' else NULL


cdef inline const uint8_t *other_customer(Batch *batch, const uint8_t *p, Draft *draft, Habit *habit) noexcept nogil:
    """Read a customer, however it is written."""
    cdef Walk walk
    cdef bint more = True
    p = enter(p, &walk, CUSTOMER_ID, NAME)
    while p != NULL and more:
        p = next_member(p, &walk, habit)
        if p == NULL:
            return NULL
        if walk.member == CUSTOMER_ID:
            p = integer(p, &draft.customer)
            if p == NULL or not is_id(draft.customer):
                return NULL
        else:
            p = name(batch, p + 1, draft) if p[0] == c'"' else NULL
            if p == NULL:
                return NULL
        p = end_member(p, &more)
    return p if p != NULL and walk.seen == 1 << CUSTOMER_ID | 1 << NAME else NULL


cdef inline const uint8_t *other_order(Batch *batch, const uint8_t *p, Draft *draft, Habit *habit) noexcept nogil:
    """Read an order, however it is written."""
    cdef Walk walk
    cdef bint more = True
    cdef uint32_t n, optional = 1 << CHANNEL | 1 << NOTE
    draft.channel = 0
    p = enter(p, &walk, ID, NOTE)
    while p != NULL and more:
        p = next_member(p, &walk, habit)
        if p == NULL:
            return NULL
        if walk.member == ID:
            p = integer(p, &draft.id)
            if p == NULL or not is_id(draft.id):
                return NULL
        elif walk.member == PLACED:
            draft.placed_at = p + 1
            if p[0] != c'"' or not read_moment(p + 1, &draft.placed):
                return NULL
            p += 22
        elif walk.member == STATUS:
            draft.status = status_of(p + 1, &n) if p[0] == c'"' else <uint32_t>NONE
            if draft.status == NONE:
                return NULL
            p += n + 1
        elif walk.member == CUSTOMER:
            p = other_customer(batch, p, draft, habit)
        elif walk.member == LINES:
            p = lines(batch, p + 1, draft, habit) if p[0] == c'[' else NULL
        elif match(p, b'null'):
            p += 4
        elif p[0] != c'"':
            return NULL
        elif walk.member == CHANNEL:
            p = channel(batch, p + 1, draft)
        else:
            p = note(batch, p + 1)
        if p == NULL:
            return NULL
        p = end_member(p, &more)
    if p == NULL or walk.seen | optional != 1 << ID | 1 << PLACED | 1 << STATUS | 1 << CUSTOMER | 1 << LINES | optional:
        return NULL
    return p


cdef inline const uint8_t *orders(Batch *batch, const uint8_t *p, Habit *habit) noexcept nogil:
    """Read the orders, from behind the bracket, and file each."""
    cdef Draft draft
    cdef const uint8_t *end
    p = skip(p)
    if p[0] == c']':
        return p + 1
    while True:
        end = usual_order(batch, p, &draft, habit)
        if end == NULL:
            end = other_order(batch, p, &draft, habit)
            if end == NULL:
                return NULL
        if not file_order(batch, &draft):
            return NULL
        p = skip(end)
        if p[0] == c',':
            p = skip(p + 1)
        elif p[0] == c']':
            break
        else:
            return NULL
    if batch.distinct + batch.duplicates > MOST_ORDERS:
        return NULL
    return p + 1


cdef inline const uint8_t *title(Batch *batch, const uint8_t *p) noexcept nogil:
    """Read the batch's own name, from behind the quote."""
    cdef Found found
    cdef Text text
    if not string_end(p, &found) or found.length - 1 >= 768:  # a character takes twelve bytes at most
        return NULL
    if found.length <= 64 and not found.backslashes and not found.high:
        batch.title.start = p - 1
        batch.title.length = found.length + 2
        return p + found.length + 1
    if not express(&batch.arena, p, found.length, False, 64, &text, &batch.title):
        return NULL
    return p + found.length + 1


cdef inline bint is_capital(uint8_t c) noexcept nogil:
    return c'A' <= c <= c'Z'


cdef inline bint scan(Batch *batch) noexcept nogil:
    """Read the whole document; False if it is not to be judged here."""
    cdef Walk walk
    cdef Habit habit
    cdef bint more = True
    cdef uint32_t i
    cdef const uint8_t *p = batch.document
    for i in range(MEMBERS):
        habit.after_start[i] = <uint8_t>i
        habit.after[i] = <uint8_t>(i + 1)
    p = enter(skip(p), &walk, BATCH, ORDERS)
    while p != NULL and more:
        p = next_member(p, &walk, &habit)
        if p == NULL:
            return False
        if walk.member == ORDERS:
            p = orders(batch, p + 1, &habit) if p[0] == c'[' else NULL
        elif p[0] != c'"':
            return False
        elif walk.member == BATCH:
            p = title(batch, p + 1)
        else:
            batch.currency = p + 1
            if not (is_capital(p[1]) and is_capital(p[2]) and is_capital(p[3]) and p[4] == c'"'):
                return False
            p += 5
        if p == NULL:
            return False
        p = end_member(p, &more)
    if p == NULL or walk.seen != 1 << BATCH | 1 << CURRENCY | 1 << ORDERS:
        return False
    return skip(p) == batch.document + batch.length
