"""One pass over the bytes of a document into the tables.

What stands as most programs write it (members in the spec's order, no white space) is compared with that, eight bytes at
a time; an object that is written otherwise is read anew, member by member. NULL means: not to be judged here.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from cython_core.tables cimport NONE, Batch, Draft, express, file_order, find_short, intern, intern_anew, intern_name, take
from cython_core.text cimport (
    Found, Text, characters, decode, escapes_are_good, is_utf8, string_end,
)
from cython_core.words cimport (
    LineWindow, StatusText, digit_run, half, likely, line_window, low_word,
    match, number, plain_end, sku_run, statuses, swapped, two_numbers, unlikely, word,
)

cdef enum Limit:
    MOST_QUANTITY = 1000000
    MOST_PRICE = 1000000000
    MOST_ORDERS = 100000
    MOST_LINES = 1000
    MOST_TAGS = 20


# ---- values ----


cdef inline uint64_t digits_at(const uint8_t *p, uint32_t n) noexcept nogil:
    """The n digits at p, 1 <= n <= 8, with nothing before them."""
    return word(p) << (64 - 8 * n)


cdef inline const uint8_t *integer(const uint8_t *p, uint64_t *value) noexcept nogil:
    """Read digits, at most 16; what follows them is the caller's to check."""
    cdef uint32_t n = digit_run(line_window(p), p, 0)
    if n - 1 > 15 or (p[0] == c'0' and n > 1):
        return NULL
    if n <= 8:
        value[0] = number(digits_at(p, n))
    else:
        value[0] = number(digits_at(p, n - 8)) * <uint64_t>100000000 + number(word(p + n - 8))
    return p + n


cdef inline bint is_id(uint64_t value) noexcept nogil:
    return value - 1 < <uint64_t>9007199254740991


cdef inline bint read_moment(const uint8_t *p, uint64_t *moment) noexcept nogil:
    """Read YYYY-MM-DDThh:mm:ssZ and the quote behind it; a moment sorts as its text does."""
    cdef uint64_t a = word(p) ^ word(b"0000-00-")
    cdef uint64_t b = word(p + 8) ^ word(b"00T00:00")
    cdef uint64_t c = word(p + 13) ^ word(b":00:00Z\"")
    # Digits are below 10 now and everything else 0, or a top bit shows.
    cdef uint64_t wrong = (
        a | (a + <uint64_t>0x7F76767F76767676) | b | (b + <uint64_t>0x76767F76767F7676)
        | c | (c + <uint64_t>0x7F7F76767F76767F)
    )
    cdef uint32_t century, year, month, day, hour, minute, second, days
    if wrong & <uint64_t>0x8080808080808080:
        return False
    # Each byte times ten and its right neighbour.
    a = a * 10 + (a >> 8)
    b = b * 10 + (b >> 8)
    c = c * 10 + (c >> 8)
    century = a & 0xFF
    year = a >> 16 & 0xFF
    month = a >> 40 & 0xFF
    day = b & 0xFF
    hour = b >> 24 & 0xFF
    minute = c >> 8 & 0xFF
    second = c >> 32 & 0xFF
    if month - 1 > 11 or hour > 23 or minute > 59 or second > 59 or century + year == 0:
        return False
    days = 30 + (<uint32_t>0x15AA >> month & 1)  # a bit for each month of 31
    if month == 2:
        days = 29 if ((year if year else century) & 3) == 0 else 28
    if day - 1 >= days:
        return False
    moment[0] = (
        <uint64_t>century << 48 | <uint64_t>year << 40 | <uint64_t>month << 32 | day << 24 | hour << 16 | minute << 8 | second
    )
    return True


cdef inline uint32_t status_of(const uint8_t *p, uint32_t *length) noexcept nogil:
    """The status that stands at p, and its length with the closing quote; NONE if it is none."""
    cdef const StatusText *text = &statuses[p[0] & 31]
    length[0] = text.length
    if unlikely(
        not text.length or half(p + text.length - 4) != half(text.tail)
        or low_word(p, text.length - 1 if text.length < 9 else 8) != word(text.head)
    ):
        return NONE
    return text.status


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


# ---- lines ----


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


# ---- orders ----


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


# ---- objects that are written otherwise ----

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
    cdef uint32_t line_count, extra_count
    p = skip(p)
    if p[0] == c']':
        return p + 1
    while True:
        line_count = batch.line_count
        extra_count = batch.extra_count
        end = usual_order(batch, p, &draft, habit)
        if end == NULL:
            batch.line_count = line_count
            batch.extra_count = extra_count
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
