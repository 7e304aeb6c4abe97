"""One pass over the bytes of a document into the tables.

An object is first compared with its compact form: members in the spec's order, no white space, as most programs write
it. An object in any other form is parsed again, member by member. Parsers return the address behind what they parsed,
or NULL: fall back to app.core. A string's parser begins behind the opening quote.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from cython_core.lines cimport parse_lines
from cython_core.members cimport (
    BATCH, CHANNEL, CURRENCY, CUSTOMER, CUSTOMER_ID, ID, LINES, MEMBERS, NAME, NOTE, ORDERS, PLACED, STATUS,
    Habit, Walk, enter_object, parse_member_end, parse_member_name, skip_space,
)
from cython_core.memory cimport take
from cython_core.strings cimport NONE, intern, intern_name, unescape_and_quote
from cython_core.tables cimport Batch, Draft, store_order
from cython_core.text cimport Found, Text, characters, decode, escapes_are_good, find_string_end, is_utf8
from cython_core.values cimport is_id, parse_integer, parse_moment, parse_status
from cython_core.words cimport match

cdef enum:
    MOST_ORDERS = 100000


cdef inline const uint8_t *parse_channel(Batch *batch, const uint8_t *p, Draft *draft) noexcept nogil:
    """Parse a channel."""
    cdef uint64_t length
    cdef uint32_t index = intern(&batch.channels, &batch.arena, p, &length)
    if index == NONE:
        return NULL
    draft.channel = index + 1
    return p + length + 1


cdef inline const uint8_t *parse_name(Batch *batch, const uint8_t *p, Draft *draft) noexcept nogil:
    """Parse a customer's name."""
    cdef uint64_t length
    draft.name = intern_name(&batch.names, &batch.arena, p, &length)
    if draft.name == NONE:
        return NULL
    return p + length + 1


cdef inline const uint8_t *parse_note(Batch *batch, const uint8_t *p) noexcept nogil:
    """Parse a note. It is checked and not kept."""
    cdef Found found
    cdef uint8_t *text
    cdef int64_t length
    if not find_string_end(p, &found):
        return NULL
    if found.high and not is_utf8(p, found.length):
        return NULL
    if found.backslashes and not escapes_are_good(p, found.length):
        return NULL
    if found.length > 2000:  # a character takes a byte at least: shorter notes need no count
        if found.length > 24000:
            return NULL
        text = <uint8_t *>take(&batch.arena, found.length)
        if text == NULL:
            return NULL
        length = decode(p, found.length, text)
        if length < 0 or characters(text, length) > 2000:
            return NULL
    return p + found.length + 1


cdef inline const uint8_t *parse_compact_order(
    Batch *batch, const uint8_t *p, Draft *draft, Habit *habit
) noexcept nogil:
    """Parse a compact order from its brace on. NULL: the order has another form or breaks a rule."""
    cdef const uint8_t *end
    p = match(p, b'{"id":')
    if p == NULL:
        return NULL
    p = parse_integer(p, &draft.id)
    if p == NULL or not is_id(draft.id):
        return NULL
    p = match(p, b',"placed":"')
    if p == NULL:
        return NULL
    draft.placed_at = p
    p = parse_moment(p, &draft.placed)
    if p == NULL:
        return NULL
    p = match(p, b',"status":"')
    if p == NULL:
        return NULL
    p = parse_status(p, &draft.status)
    if p == NULL:
        return NULL
    p = match(p, b',"customer":{"id":')
    if p == NULL:
        return NULL
    p = parse_integer(p, &draft.customer)
    if p == NULL or not is_id(draft.customer):
        return NULL
    p = match(p, b',"name":"')
    if p == NULL:
        return NULL
    p = parse_name(batch, p, draft)
    if p == NULL:
        return NULL
    p = match(p, b'},"lines":[')
    if p == NULL:
        return NULL
    p = parse_lines(batch, p, draft, habit)
    if p == NULL:
        return NULL
    draft.channel = 0
    end = match(p, b',"channel":')
    if end != NULL:
        p = parse_channel(batch, end + 1, draft) if end[0] == c'"' else match(end, b"null")
        if p == NULL:
            return NULL
    end = match(p, b',"note":')
    if end != NULL:
        p = parse_note(batch, end + 1) if end[0] == c'"' else match(end, b"null")
        if p == NULL:
            return NULL
    return p + 1 if p[0] == c'}' else NULL


cdef inline const uint8_t *parse_any_customer(
    Batch *batch, const uint8_t *p, Draft *draft, Habit *habit
) noexcept nogil:
    """Parse a customer in any form."""
    cdef Walk walk
    cdef bint more = True
    p = enter_object(p, &walk, CUSTOMER_ID, NAME)
    while p != NULL and more:
        p = parse_member_name(p, &walk, habit)
        if p == NULL:
            return NULL
        if walk.member == CUSTOMER_ID:
            p = parse_integer(p, &draft.customer)
            if p == NULL or not is_id(draft.customer):
                return NULL
        else:
            p = parse_name(batch, p + 1, draft) if p[0] == c'"' else NULL
        if p == NULL:
            return NULL
        p = parse_member_end(p, &more)
    return p if p != NULL and walk.seen == 1 << CUSTOMER_ID | 1 << NAME else NULL


cdef inline const uint8_t *parse_any_order(Batch *batch, const uint8_t *p, Draft *draft, Habit *habit) noexcept nogil:
    """Parse an order in any form."""
    cdef Walk walk
    cdef bint more = True
    cdef uint32_t optional = 1 << CHANNEL | 1 << NOTE
    draft.channel = 0
    p = enter_object(p, &walk, ID, NOTE)
    while p != NULL and more:
        p = parse_member_name(p, &walk, habit)
        if p == NULL:
            return NULL
        if walk.member == ID:
            p = parse_integer(p, &draft.id)
            if p == NULL or not is_id(draft.id):
                return NULL
        elif walk.member == PLACED:
            draft.placed_at = p + 1
            p = parse_moment(p + 1, &draft.placed) if p[0] == c'"' else NULL
        elif walk.member == STATUS:
            p = parse_status(p + 1, &draft.status) if p[0] == c'"' else NULL
        elif walk.member == CUSTOMER:
            p = parse_any_customer(batch, p, draft, habit)
        elif walk.member == LINES:
            p = parse_lines(batch, p + 1, draft, habit) if p[0] == c'[' else NULL
        elif walk.member == CHANNEL:
            p = parse_channel(batch, p + 1, draft) if p[0] == c'"' else match(p, b"null")
        else:
            p = parse_note(batch, p + 1) if p[0] == c'"' else match(p, b"null")
        if p == NULL:
            return NULL
        p = parse_member_end(p, &more)
    if p == NULL or walk.seen | optional != 1 << ID | 1 << PLACED | 1 << STATUS | 1 << CUSTOMER | 1 << LINES | optional:
        return NULL
    return p


cdef inline const uint8_t *parse_orders(Batch *batch, const uint8_t *p, Habit *habit) noexcept nogil:
    """Parse the orders, from behind the opening bracket, and store each."""
    cdef Draft draft
    cdef const uint8_t *end
    p = skip_space(p)
    if p[0] == c']':
        return p + 1
    while True:
        end = parse_compact_order(batch, p, &draft, habit)
        if end == NULL:
            end = parse_any_order(batch, p, &draft, habit)
            if end == NULL:
                return NULL
        if not store_order(batch, &draft):
            return NULL
        p = skip_space(end)
        if p[0] == c',':
            p = skip_space(p + 1)
        elif p[0] == c']':
            break
        else:
            return NULL
    if batch.distinct + batch.duplicates > MOST_ORDERS:
        return NULL
    return p + 1


cdef inline const uint8_t *parse_title(Batch *batch, const uint8_t *p) noexcept nogil:
    """Parse the batch's own name, the member `batch`."""
    cdef Found found
    cdef Text text
    if not find_string_end(p, &found) or found.length - 1 >= 768:  # a character takes at most twelve bytes
        return NULL
    if found.length <= 64 and not found.backslashes and not found.high:
        batch.title.start = p - 1
        batch.title.length = found.length + 2
        return p + found.length + 1
    if not unescape_and_quote(&batch.arena, p, found.length, False, 64, &text, &batch.title):
        return NULL
    return p + found.length + 1


cdef inline bint is_capital(uint8_t c) noexcept nogil:
    return c'A' <= c <= c'Z'


cdef inline const uint8_t *parse_currency(Batch *batch, const uint8_t *p) noexcept nogil:
    """Parse three capital letters and the closing quote."""
    batch.currency = p
    return match(p + 3, b'"') if is_capital(p[0]) and is_capital(p[1]) and is_capital(p[2]) else NULL


cdef inline bint parse_document(Batch *batch) noexcept nogil:
    """Parse the whole document; return False to fall back to app.core."""
    cdef Walk walk
    cdef Habit habit
    cdef bint more = True
    cdef uint32_t i
    cdef const uint8_t *p = batch.document
    for i in range(MEMBERS):
        habit.after_start[i] = <uint8_t>i
        habit.after[i] = <uint8_t>(i + 1)
    p = enter_object(skip_space(p), &walk, BATCH, ORDERS)
    while p != NULL and more:
        p = parse_member_name(p, &walk, &habit)
        if p == NULL:
            return False
        if walk.member == ORDERS:
            p = parse_orders(batch, p + 1, &habit) if p[0] == c'[' else NULL
        elif p[0] != c'"':
            return False
        elif walk.member == BATCH:
            p = parse_title(batch, p + 1)
        else:
            p = parse_currency(batch, p + 1)
        if p == NULL:
            return False
        p = parse_member_end(p, &more)
    if p == NULL or walk.seen != 1 << BATCH | 1 << CURRENCY | 1 << ORDERS:
        return False
    return skip_space(p) == batch.document + batch.length
