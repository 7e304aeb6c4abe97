"""The lines of an order, and their tags: where most of a document's bytes are.

With wide windows, lines as most programs write them are read ahead of their orders, many at once: where each begins,
then each line, each list of tags, each tag. No branch of these plain loops depends on how many lines an order has or
how many tags a line, which no processor can predict. All others are read one by one.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from cython_core.memory cimport take
from cython_core.members cimport PRICE, QUANTITY, SKU, TAGS, Habit, Walk, end_member, enter, next_member, skip
from cython_core.strings cimport NONE, find_short, intern_anew
from cython_core.tables cimport LINES_AHEAD, TAGS_NOTED, Ahead, Basket, Batch, Draft, Extra
from cython_core.values cimport integer
from cython_core.words cimport (
    STEP, STRIDE, Bytes, alternate, bytes_at, digit_bits, equal, equal_both, likely, low_word, lowest, lowest_if, match,
    ones, quote_run, sku_run, swapped, two_numbers, unlikely, word,
)

cdef enum:
    MOST_QUANTITY = 1000000
    MOST_PRICE = 1000000000
    MOST_LINES = 1000
    MOST_TAGS = 20


cdef inline bint add_tag(Batch *batch, Basket *basket, uint32_t index) noexcept nogil:
    """Take in a tag of a basket; False if there is none, or no memory."""
    cdef Extra *extra
    if likely(index < 64):
        basket.tags |= <uint64_t>1 << index
        return True
    if index == NONE:
        return False
    if batch.extras == NULL:
        batch.extras = <Extra *>take(&batch.arena, (batch.length // 4 + 1) * sizeof(Extra))  # a tag takes four bytes
        if batch.extras == NULL:
            return False
    extra = &batch.extras[batch.extra_count]
    extra.tag = index
    extra.earlier = basket.extra
    batch.extra_count += 1
    basket.extra = batch.extra_count
    return True


cdef inline const uint8_t *tag(Batch *batch, const uint8_t *p, Basket *basket) noexcept nogil:
    """Read a tag whose first byte, after the quote, is at p, and the quote behind it; NULL: not to be judged here."""
    cdef uint64_t length = quote_run(p)
    cdef uint32_t index = NONE
    if likely(length <= 16):
        index = find_short(&batch.tags, p, <uint32_t>length)
    if unlikely(index == NONE):
        index = intern_anew(&batch.tags, &batch.arena, p, &length)
    return p + length + 1 if likely(add_tag(batch, basket, index)) else NULL


cdef inline const uint8_t *tags(Batch *batch, const uint8_t *p, Basket *basket) noexcept nogil:
    """Read the tags of a line, from behind the bracket."""
    cdef uint32_t count = 0
    if unlikely(p[0] <= 32):
        p = skip(p)
    if p[0] == c']':
        return p + 1
    while likely(p[0] == c'"' and count < MOST_TAGS):
        p = tag(batch, p + 1, basket)
        if unlikely(p == NULL):
            return NULL
        count += 1
        if unlikely(p[0] <= 32):
            p = skip(p)
        if p[0] != c',':
            return p + 1 if likely(p[0] == c']') else NULL
        p += 1
        if unlikely(p[0] <= 32):
            p = skip(p)
    return NULL


cdef inline void file_line(Batch *batch, uint32_t i, const uint8_t *sku, uint32_t length, uint64_t deal) noexcept nogil:
    """Put a line into the table; `deal` is the quantity, and the price in the upper half."""
    batch.keys[i] = swapped(low_word(sku, length if length < 8 else 8))
    batch.deals[i] = deal
    batch.skus[i] = <uint64_t>(sku - batch.document) << 6 | length


# ---- lines that are written as usual, ahead of their orders ----


cdef inline uint32_t find_lines(const Batch *batch, Ahead *ahead) noexcept nogil:
    """Note where the next lines begin, each with `{"s`, and where the one after them; return how many there are."""
    cdef uint64_t at = ahead.at, mask, rest
    cdef uint32_t n = 0
    while n <= LINES_AHEAD and at < batch.length:
        mask = equal_both(batch.document + at, c'{', batch.document + at + 2, c's')
        rest = mask & (mask - 1)
        ahead.starts[n] = <uint32_t>at + lowest_if(mask) // STEP
        ahead.starts[n + 1] = <uint32_t>at + lowest_if(rest) // STEP  # no more can be good: a line takes 34 bytes
        n += (mask != 0) + (rest != 0)
        at += STRIDE
    if n > LINES_AHEAD:
        ahead.at = ahead.starts[LINES_AHEAD]
        return LINES_AHEAD
    while n and ahead.starts[n - 1] >= batch.length:
        n -= 1
    ahead.starts[n] = ahead.at = <uint32_t>batch.length
    return n


cdef inline const uint8_t *usual_line(Batch *batch, const uint8_t *p, uint32_t i) noexcept nogil:
    """Read a line into the table, up to what follows its price. NULL: it is not as usual, or it breaks a rule."""
    cdef const uint8_t *sku = p + 8
    cdef uint32_t length = sku_run(sku), bits
    cdef uint64_t quantity, price
    p = sku + length
    if unlikely(not match(sku - 8, b'{"sku":"') or length - 1 > 30 or not match(p, b'","quantity":')):
        return NULL
    quantity = word(p + 13)
    bits = digit_bits(quantity)
    if unlikely(bits - 8 > 40 or p[13] == c'0'):
        return NULL
    quantity <<= 64 - bits
    p += 13 + (bits >> 3)
    if unlikely(not match(p, b',"price":')):
        return NULL
    price = word(p + 9)
    bits = digit_bits(price)
    if unlikely((bits - 8 > 56) | ((p[9] == c'0') & (bits > 8))):
        return NULL
    file_line(batch, i, sku, length, two_numbers(quantity, price << (64 - bits)))
    return p + 9 + (bits >> 3)


cdef inline const uint8_t *usual_tags(const uint8_t *p, uint64_t *found) noexcept nogil:
    """Find the tags behind a price without a branch, and return the line's closing brace.

    Each bit of `found` is a tag that begins so many bytes behind p + 10. NULL: they are not as usual.
    """
    cdef Bytes v = bytes_at(p + 9)
    cdef uint64_t brackets = equal(v, c']')
    cdef uint64_t bracket = brackets & -brackets, inside = bracket - 1
    cdef uint64_t quotes = equal(v, c'"') & inside
    cdef uint64_t opening = alternate(quotes), closing = quotes ^ opening
    # Behind each closing quote stands a comma, and then an opening one; behind the last the bracket.
    cdef uint64_t wrong = (
        (opening ^ (closing << 2 | 1) & inside) | closing << 1 & inside & ~equal(v, c',') | equal(v, c'\\') & inside
        | bracket & ~(closing << 1 | 1)
    )
    found[0] = opening
    if unlikely(wrong or not bracket or ones(opening) > TAGS_NOTED or not match(p, b',"tags":[')):
        return NULL
    return p + 10 + lowest(bracket)


cdef inline const uint8_t *line_tags(Batch *batch, const uint8_t *p, Basket *basket, uint64_t *found) noexcept nogil:
    """Find the tags behind a price, or take them in if they are not as usual; return the line's closing brace."""
    cdef const uint8_t *end = usual_tags(p, found)
    if likely(end != NULL):
        return end
    found[0] = 0
    return tags(batch, p + 9, basket) if match(p, b',"tags":[') else NULL


cdef inline void begin(Basket *basket, uint32_t start, uint32_t line) noexcept nogil:
    """An empty basket, for the lines from `start` on."""
    basket.start = basket.end = start  # without lines it ends where it begins: at the end of a document that is cut off
    basket.first_line = line
    basket.lines = 0
    basket.tags = basket.units = basket.amount = 0
    basket.extra = 0


cdef inline uint32_t read_lines(Batch *batch, Ahead *ahead, uint32_t count) noexcept nogil:
    """Read lines into the table, up to their tags; note which have tags, and whose they are. Return how many have."""
    cdef const uint8_t *document = batch.document
    cdef const uint8_t *p
    cdef uint32_t i, basket = document[ahead.starts[0] - 1] == c'[', tagged = 0
    for i in range(count):
        p = usual_line(batch, document + ahead.starts[i], batch.line_count + i)
        if unlikely(p == NULL):
            p = document  # no brace closes a line there
        ahead.ends[i] = <uint32_t>(p - document)
        ahead.tagged[tagged] = i
        tagged += p[0] == c','
        ahead.basket[i] = basket
        begin(&ahead.baskets[basket + 1], ahead.starts[i + 1], batch.line_count + i + 1)
        basket += document[ahead.starts[i + 1] - 1] == c'['
    ahead.basket[count] = basket + (ahead.starts[count] == batch.length)
    return tagged


cdef inline uint32_t read_tags(Batch *batch, Ahead *ahead, uint32_t tagged) noexcept nogil:
    """Note where the lines' tags begin, and where the lines end. Return how many tags there are."""
    cdef const uint8_t *p
    cdef uint64_t found, base
    cdef uint32_t i, j, line, notes = 0
    for i in range(tagged):
        line = ahead.tagged[i]
        base = <uint64_t>ahead.basket[line] << 32 | (ahead.ends[line] + 10)
        p = line_tags(batch, batch.document + ahead.ends[line], &ahead.baskets[ahead.basket[line]], &found)
        ahead.ends[line] = <uint32_t>(p - batch.document) if likely(p != NULL) else 0
        for j in range(TAGS_NOTED):
            ahead.notes[notes] = base + lowest_if(found)
            notes += found != 0
            found &= found - 1
    return notes


cdef inline void fill_baskets(Batch *batch, Ahead *ahead, uint32_t count) noexcept nogil:
    """Add the lines up, and see whether one follows the other."""
    cdef Basket *basket
    cdef const uint8_t *p
    cdef uint64_t deal, wrong
    cdef uint32_t i
    for i in range(count):
        p = batch.document + ahead.ends[i]
        basket = &ahead.baskets[ahead.basket[i]]
        # Behind it the next line begins, or the bracket stands and the next is another's; no branch between these.
        wrong = <uint64_t>(p[1] ^ c',' | ahead.starts[i + 1] ^ (ahead.ends[i] + 2))
        wrong = wrong * <uint64_t>(p[1] ^ c']' | (ahead.basket[i] == ahead.basket[i + 1])) | p[0] ^ c'}'
        if unlikely(wrong):
            basket.start = 0  # nobody's
        deal = batch.deals[batch.line_count + i]
        basket.units += <uint32_t>deal
        basket.amount += (deal >> 32) * <uint32_t>deal
        basket.lines += 1
        basket.end = ahead.ends[i] + 2


cdef inline void read_ahead(Batch *batch) noexcept nogil:
    """Read the next lines into baskets, one for each order."""
    cdef Ahead *ahead = &batch.ahead
    cdef Basket *basket
    cdef uint32_t i, notes, count = find_lines(batch, ahead)
    if count > batch.most_lines - batch.line_count:
        count = 0
        ahead.at = <uint32_t>batch.length
    # The last basket may want more lines, if no others were filed since.
    ahead.baskets[0] = ahead.open[0]
    if not ahead.open.lines or batch.line_count != ahead.open.first_line + ahead.open.lines:
        begin(ahead.baskets, 0, 0)
    begin(&ahead.baskets[1], ahead.starts[0], batch.line_count)
    notes = read_tags(batch, ahead, read_lines(batch, ahead, count))
    fill_baskets(batch, ahead, count)
    for i in range(notes):
        basket = &ahead.baskets[ahead.notes[i] >> 32]
        if unlikely(tag(batch, batch.document + <uint32_t>ahead.notes[i], basket) == NULL):
            basket.start = 0
    batch.line_count += count
    ahead.next = ahead.baskets
    ahead.open = &ahead.baskets[ahead.basket[count]]


# ---- the lines of one order ----


cdef inline const uint8_t *other_line(Batch *batch, const uint8_t *p, Basket *basket, Habit *habit) noexcept nogil:
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
            length = sku_run(sku)
            if length == 32:
                length += sku_run(sku + 32)
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
            p = tags(batch, p + 1, basket) if p[0] == c'[' else NULL
            if p == NULL:
                return NULL
        p = end_member(p, &more)
    if p == NULL or walk.seen | 1 << TAGS != 1 << SKU | 1 << QUANTITY | 1 << PRICE | 1 << TAGS:
        return NULL
    file_line(batch, batch.line_count, sku, length, quantity | price << 32)
    basket.amount += quantity * price
    basket.units += quantity
    basket.lines += 1
    batch.line_count += 1
    return p


cdef inline const uint8_t *line_by_itself(Batch *batch, const uint8_t *p, Basket *basket) noexcept nogil:
    """Read a line that is written as usual. NULL: it is not, or it breaks a rule."""
    cdef uint64_t deal
    p = usual_line(batch, p, batch.line_count)
    if likely(p != NULL) and p[0] == c',':
        p = tags(batch, p + 9, basket) if likely(match(p, b',"tags":[')) else NULL
    if unlikely(p == NULL or p[0] != c'}'):
        return NULL
    deal = batch.deals[batch.line_count]
    basket.units += <uint32_t>deal
    basket.amount += (deal >> 32) * <uint32_t>deal
    basket.lines += 1
    batch.line_count += 1
    return p + 1


cdef inline const uint8_t *one_by_one(Batch *batch, const uint8_t *p, Basket *basket, Habit *habit) noexcept nogil:
    """Read the lines of an order, from behind the bracket."""
    cdef const uint8_t *end
    begin(basket, 0, batch.line_count)
    if unlikely(p[0] <= 32):
        p = skip(p)
    while likely(batch.line_count < batch.most_lines):  # those read ahead, and now anew, may fill the table
        end = line_by_itself(batch, p, basket)
        if unlikely(end == NULL):
            end = other_line(batch, p, basket, habit)
            if end == NULL:
                return NULL
        if unlikely(end[0] <= 32):
            end = skip(end)
        if end[0] != c',':
            return end + 1 if likely(end[0] == c']') else NULL
        p = end + 1
        if unlikely(p[0] <= 32):
            p = skip(p)
    return NULL


cdef inline const uint8_t *lines(Batch *batch, const uint8_t *p, Draft *draft, Habit *habit) noexcept nogil:
    """Take in the lines of an order, from behind the bracket: mostly, they have been read already."""
    cdef Ahead *ahead = &batch.ahead
    cdef uint32_t start = <uint32_t>(p - batch.document)
    while ahead.next.start < start and ahead.next != ahead.open or ahead.next == ahead.open and ahead.at < batch.length:
        if ahead.next == ahead.open:
            read_ahead(batch)
        else:
            ahead.next += 1
    if likely(ahead.next != ahead.open and ahead.next.start == start):
        draft.basket = ahead.next
        p = batch.document + ahead.next.end
    else:
        draft.basket = &draft.own
        p = one_by_one(batch, p, &draft.own, habit)
    return p if p != NULL and draft.basket.lines <= MOST_LINES else NULL
