"""Objects parsed member by member: in any order, with white space anywhere."""

from libc.stdint cimport uint8_t, uint32_t

from cython_core.words cimport match

cdef enum Member:
    START
    BATCH, CURRENCY, ORDERS
    ID, PLACED, STATUS, CUSTOMER, LINES, CHANNEL, NOTE
    CUSTOMER_ID, NAME
    SKU, QUANTITY, PRICE, TAGS
    MEMBERS

cdef struct Habit:
    # The member that followed each member last time: the first guess for what follows it now.
    uint8_t after_start[MEMBERS]
    uint8_t after[MEMBERS]

cdef struct Walk:
    # The position in an object.
    uint32_t first  # its members: first to last
    uint32_t last
    uint32_t member
    uint32_t seen   # one bit per member


cdef inline const uint8_t *skip_space(const uint8_t *p) noexcept nogil:
    while p[0] == 32 or p[0] == 10 or p[0] == 13 or p[0] == 9:
        p += 1
    return p


cdef inline const uint8_t *match_name(const uint8_t *p, uint32_t member) noexcept nogil:
    """The address behind a member's quoted name, or NULL if another text stands at p."""
    if member == ID or member == CUSTOMER_ID:
        return match(p, b'"id"')
    if member == PLACED:
        return match(p, b'"placed"')
    if member == STATUS:
        return match(p, b'"status"')
    if member == CUSTOMER:
        return match(p, b'"customer"')
    if member == LINES:
        return match(p, b'"lines"')
    if member == CHANNEL:
        return match(p, b'"channel"')
    if member == NOTE:
        return match(p, b'"note"')
    if member == NAME:
        return match(p, b'"name"')
    if member == SKU:
        return match(p, b'"sku"')
    if member == QUANTITY:
        return match(p, b'"quantity"')
    if member == PRICE:
        return match(p, b'"price"')
    if member == TAGS:
        return match(p, b'"tags"')
    if member == BATCH:
        return match(p, b'"batch"')
    if member == CURRENCY:
        return match(p, b'"currency"')
    if member == ORDERS:
        return match(p, b'"orders"')
    return NULL


cdef inline const uint8_t *enter_object(const uint8_t *p, Walk *walk, uint32_t first, uint32_t last) noexcept nogil:
    """Begin an object at its opening brace; return the address of its first member, or NULL if p has no brace."""
    walk.first = first
    walk.last = last
    walk.member = START
    walk.seen = 0
    return skip_space(p + 1) if p[0] == c'{' else NULL


cdef inline const uint8_t *parse_member_name(const uint8_t *p, Walk *walk, Habit *habit) noexcept nogil:
    """Parse a member's name and the colon; return the address of the value, or NULL for an unknown or repeated name."""
    cdef uint8_t *guess = &habit.after[walk.member] if walk.member else &habit.after_start[walk.first]
    cdef uint32_t member = guess[0]
    cdef const uint8_t *end = match_name(p, member) if walk.first <= member <= walk.last else NULL
    if end == NULL:
        for member in range(walk.first, walk.last + 1):
            end = match_name(p, member)
            if end != NULL:
                break
        else:
            return NULL
        guess[0] = <uint8_t>member
    if walk.seen >> member & 1:
        return NULL
    walk.member = member
    walk.seen |= <uint32_t>1 << member
    p = skip_space(end)
    return skip_space(p + 1) if p[0] == c':' else NULL


cdef inline const uint8_t *parse_member_end(const uint8_t *p, bint *more) noexcept nogil:
    """From behind a value, go to the next member's name, or behind the object if no `more` follow."""
    p = skip_space(p)
    more[0] = p[0] == c','
    if more[0]:
        return skip_space(p + 1)
    return p + 1 if p[0] == c'}' else NULL
