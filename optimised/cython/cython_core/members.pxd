"""Objects read member by member, in any order, with white space anywhere."""

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
    # The member that followed each one the last time: the first guess for the next.
    uint8_t after_start[MEMBERS]
    uint8_t after[MEMBERS]

cdef struct Walk:
    # Where we are in an object.
    uint32_t first  # its members: first to last
    uint32_t last
    uint32_t member
    uint32_t seen   # a bit for each


cdef inline const uint8_t *skip(const uint8_t *p) noexcept nogil:
    """Skip white space."""
    while p[0] == 32 or p[0] == 10 or p[0] == 13 or p[0] == 9:
        p += 1
    return p


cdef inline uint32_t name_length(const uint8_t *p, uint32_t member) noexcept nogil:
    """The length of a member's name, quotes included, if that is what stands at p; else 0."""
    if member == ID or member == CUSTOMER_ID:
        return 4 if match(p, b'"id"') else 0
    if member == PLACED:
        return 8 if match(p, b'"placed"') else 0
    if member == STATUS:
        return 8 if match(p, b'"status"') else 0
    if member == CUSTOMER:
        return 10 if match(p, b'"customer"') else 0
    if member == LINES:
        return 7 if match(p, b'"lines"') else 0
    if member == CHANNEL:
        return 9 if match(p, b'"channel"') else 0
    if member == NOTE:
        return 6 if match(p, b'"note"') else 0
    if member == NAME:
        return 6 if match(p, b'"name"') else 0
    if member == SKU:
        return 5 if match(p, b'"sku"') else 0
    if member == QUANTITY:
        return 10 if match(p, b'"quantity"') else 0
    if member == PRICE:
        return 7 if match(p, b'"price"') else 0
    if member == TAGS:
        return 6 if match(p, b'"tags"') else 0
    if member == BATCH:
        return 7 if match(p, b'"batch"') else 0
    if member == CURRENCY:
        return 10 if match(p, b'"currency"') else 0
    if member == ORDERS:
        return 8 if match(p, b'"orders"') else 0
    return 0


cdef inline const uint8_t *enter(const uint8_t *p, Walk *walk, uint32_t first, uint32_t last) noexcept nogil:
    """Begin an object whose brace is at p."""
    walk.first = first
    walk.last = last
    walk.member = START
    walk.seen = 0
    return skip(p + 1) if p[0] == c'{' else NULL


cdef inline const uint8_t *next_member(const uint8_t *p, Walk *walk, Habit *habit) noexcept nogil:
    """Read a member's name and the colon, up to its value; NULL if it is none of this object's, or stood before."""
    cdef uint8_t *guess = &habit.after[walk.member] if walk.member else &habit.after_start[walk.first]
    cdef uint32_t member = guess[0]
    cdef uint32_t length = name_length(p, member) if walk.first <= member <= walk.last else 0
    if not length:
        for member in range(walk.first, walk.last + 1):
            length = name_length(p, member)
            if length:
                break
        else:
            return NULL
        guess[0] = <uint8_t>member
    if walk.seen >> member & 1:
        return NULL
    walk.member = member
    walk.seen |= <uint32_t>1 << member
    p = skip(p + length)
    return skip(p + 1) if p[0] == c':' else NULL


cdef inline const uint8_t *end_member(const uint8_t *p, bint *more) noexcept nogil:
    """From behind a value to the next member's name, or behind the object's end."""
    p = skip(p)
    more[0] = p[0] == c','
    if more[0]:
        return skip(p + 1)
    return p + 1 if p[0] == c'}' else NULL
