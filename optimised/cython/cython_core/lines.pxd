"""The lines of an order and their tags: most of a document's bytes.

With windows of 64 bytes, compact lines are parsed ahead of their orders, many at once: first where each line begins,
then each line, each list of tags, each tag. No branch of these loops depends on how many lines an order has or how many
tags a line has, because no processor can predict those. All other lines are parsed one by one.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from cython_core.memory cimport take
from cython_core.members cimport (
    PRICE, QUANTITY, SKU, TAGS, Habit, Walk, enter_object, parse_member_end, parse_member_name, skip_space,
)
from cython_core.strings cimport NONE, find_short, intern_new
from cython_core.tables cimport LINES_AHEAD, TAGS_NOTED, Ahead, Basket, Batch, Draft, Extra
from cython_core.values cimport parse_integer
from cython_core.words cimport (
    STEP, STRIDE, Bytes, alternate, bytes_at, digit_bits, equal, equal_both, likely, low_word, lowest, lowest_if, match,
    ones, past, quote_run, sku_run, swapped, two_numbers, unlikely, word,
)

cdef enum:
    MOST_QUANTITY = 1000000
    MOST_PRICE = 1000000000
    MOST_LINES = 1000
    MOST_TAGS = 20


cdef inline bint add_tag(Batch *batch, Basket *basket, uint32_t index) noexcept nogil:
    """Add a tag to a basket; return False if the index is NONE or memory is out."""
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


cdef inline const uint8_t *parse_tag(Batch *batch, const uint8_t *p, Basket *basket) noexcept nogil:
    """Parse a tag from behind its opening quote."""
    cdef uint64_t length = quote_run(p)
    cdef uint32_t index = NONE
    if likely(length <= 16):
        index = find_short(&batch.tags, p, <uint32_t>length)
    if unlikely(index == NONE):
        index = intern_new(&batch.tags, &batch.arena, p, &length)
    return p + length + 1 if likely(add_tag(batch, basket, index)) else NULL


cdef inline const uint8_t *parse_tags(Batch *batch, const uint8_t *p, Basket *basket) noexcept nogil:
    """Parse the tags of a line, from behind the opening bracket."""
    cdef uint32_t count = 0
    if unlikely(p[0] <= 32):
        p = skip_space(p)
    if p[0] == c']':
        return p + 1
    while likely(p[0] == c'"' and count < MOST_TAGS):
        p = parse_tag(batch, p + 1, basket)
        if unlikely(p == NULL):
            return NULL
        count += 1
        if unlikely(p[0] <= 32):
            p = skip_space(p)
        if p[0] != c',':
            return p + 1 if likely(p[0] == c']') else NULL
        p += 1
        if unlikely(p[0] <= 32):
            p = skip_space(p)
    return NULL


cdef inline void store_line(
    Batch *batch, uint32_t i, const uint8_t *sku, uint32_t length, uint64_t deal
) noexcept nogil:
    """Store line i in the table; `deal` is the quantity, with the price in the upper half."""
    batch.keys[i] = swapped(low_word(sku, length if length < 8 else 8))
    batch.deals[i] = deal
    batch.skus[i] = <uint64_t>(sku - batch.document) << 6 | length


# ---- compact lines, parsed ahead of their orders ----


cdef inline uint32_t find_lines(const Batch *batch, Ahead *ahead) noexcept nogil:
    """Note where the next lines begin, each with `{"s`, and where the line after them begins; return their number."""
    cdef uint64_t at = ahead.at, mask, rest
    cdef uint32_t n = 0
    while n <= LINES_AHEAD and at < batch.length:
        mask = equal_both(batch.document + at, c'{', batch.document + at + 2, c's')
        rest = mask & (mask - 1)
        ahead.starts[n] = <uint32_t>at + lowest_if(mask) // STEP
        ahead.starts[n + 1] = <uint32_t>at + lowest_if(rest) // STEP  # a third is invalid: a line takes 34 bytes
        n += (mask != 0) + (rest != 0)
        at += STRIDE
    if n > LINES_AHEAD:
        ahead.at = ahead.starts[LINES_AHEAD]
        return LINES_AHEAD
    while n and ahead.starts[n - 1] >= batch.length:
        n -= 1
    ahead.starts[n] = ahead.at = <uint32_t>batch.length
    return n


cdef inline const uint8_t *parse_compact_line(Batch *batch, const uint8_t *p, uint32_t i) noexcept nogil:
    """Parse a line into row i, up to the end of its price. NULL: the line has another form or breaks a rule."""
    cdef const uint8_t *sku = past(p, b'{"sku":"')  # the search for the sku's end does not wait for the comparison
    cdef uint32_t length = sku_run(sku), bits
    cdef uint64_t quantity, price
    if unlikely(match(p, b'{"sku":"') == NULL or length - 1 > 30):
        return NULL
    p = match(sku + length, b'","quantity":')
    if unlikely(p == NULL):
        return NULL
    quantity = word(p)
    bits = digit_bits(quantity)
    if unlikely(bits - 8 > 40 or p[0] == c'0'):
        return NULL
    quantity <<= 64 - bits
    p = match(p + (bits >> 3), b',"price":')
    if unlikely(p == NULL):
        return NULL
    price = word(p)
    bits = digit_bits(price)
    if unlikely((bits - 8 > 56) | ((p[0] == c'0') & (bits > 8))):
        return NULL
    store_line(batch, i, sku, length, two_numbers(quantity, price << (64 - bits)))
    return p + (bits >> 3)


cdef inline const uint8_t *find_compact_tags(const uint8_t *p, uint64_t *found) noexcept nogil:
    """Find the tags that follow a price, without a branch; return the address of the line's closing brace.

    Bit n of `found` is set where a tag's first character stands n bytes behind `first_tag(p)`. NULL: other form.
    """
    cdef const uint8_t *list = past(p, b',"tags":[')
    cdef Bytes v = bytes_at(list)
    cdef uint64_t brackets = equal(v, c']')
    cdef uint64_t bracket = brackets & -brackets, inside = bracket - 1
    cdef uint64_t quotes = equal(v, c'"') & inside
    cdef uint64_t opening = alternate(quotes), closing = quotes ^ opening
    # A comma and an opening quote must follow each closing quote, and the bracket the last one.
    cdef uint64_t wrong = (
        (opening ^ (closing << 2 | 1) & inside) | closing << 1 & inside & ~equal(v, c',') | equal(v, c'\\') & inside
        | bracket & ~(closing << 1 | 1)
    )
    found[0] = opening
    if unlikely(wrong or not bracket or ones(opening) > TAGS_NOTED or match(p, b',"tags":[') == NULL):
        return NULL
    return list + lowest(bracket) + 1


cdef inline const uint8_t *first_tag(const uint8_t *p) noexcept nogil:
    """Where the first tag's first character stands, if compact tags follow the price that ends at p."""
    return past(p, b',"tags":["')


cdef inline const uint8_t *parse_line_tags(
    Batch *batch, const uint8_t *p, Basket *basket, uint64_t *found
) noexcept nogil:
    """Find compact tags that follow a price, or parse tags in another form; return the line's closing brace."""
    cdef const uint8_t *end = find_compact_tags(p, found)
    if likely(end != NULL):
        return end
    found[0] = 0
    p = match(p, b',"tags":[')
    return parse_tags(batch, p, basket) if p != NULL else NULL


cdef inline void open_basket(Basket *basket, uint32_t start, uint32_t line) noexcept nogil:
    """Empty a basket for the lines from `start` on; `line` is the row of the first."""
    basket.start = basket.end = start  # without lines it ends where it begins: the document is cut off there
    basket.first_line = line
    basket.lines = 0
    basket.tags = basket.units = basket.amount = 0
    basket.extra = 0


cdef inline uint32_t parse_lines_ahead(Batch *batch, Ahead *ahead, uint32_t count) noexcept nogil:
    """Parse lines into the table, up to their tags; note each line's basket and which lines have tags.

    Return how many have tags.
    """
    cdef const uint8_t *document = batch.document
    cdef const uint8_t *p
    cdef uint32_t i, basket = document[ahead.starts[0] - 1] == c'[', tagged = 0
    for i in range(count):
        p = parse_compact_line(batch, document + ahead.starts[i], batch.line_count + i)
        if unlikely(p == NULL):
            p = document  # no line's closing brace stands there, so `fill_baskets` rejects the line
        ahead.ends[i] = <uint32_t>(p - document)
        ahead.tagged[tagged] = i
        tagged += p[0] == c','
        ahead.basket[i] = basket
        open_basket(&ahead.baskets[basket + 1], ahead.starts[i + 1], batch.line_count + i + 1)
        basket += document[ahead.starts[i + 1] - 1] == c'['
    ahead.basket[count] = basket + (ahead.starts[count] == batch.length)
    return tagged


cdef inline uint32_t parse_tags_ahead(Batch *batch, Ahead *ahead, uint32_t tagged) noexcept nogil:
    """Note where the lines' tags begin and where the lines end; return the number of tags."""
    cdef const uint8_t *p
    cdef uint64_t found, base
    cdef uint32_t i, j, line, notes = 0
    for i in range(tagged):
        line = ahead.tagged[i]
        p = batch.document + ahead.ends[line]
        base = <uint64_t>ahead.basket[line] << 32 | <uint32_t>(first_tag(p) - batch.document)
        p = parse_line_tags(batch, p, &ahead.baskets[ahead.basket[line]], &found)
        ahead.ends[line] = <uint32_t>(p - batch.document) if likely(p != NULL) else 0
        for j in range(TAGS_NOTED):
            ahead.notes[notes] = base + lowest_if(found)
            notes += found != 0
            found &= found - 1
    return notes


cdef inline void fill_baskets(Batch *batch, Ahead *ahead, uint32_t count) noexcept nogil:
    """Add up the lines of each basket; a basket whose lines do not follow one another is marked invalid."""
    cdef Basket *basket
    cdef const uint8_t *p
    cdef uint64_t deal, wrong
    cdef uint32_t i
    for i in range(count):
        p = batch.document + ahead.ends[i]
        basket = &ahead.baskets[ahead.basket[i]]
        # A comma and the next line follow the brace, or a bracket where the next line has another basket. Both cases
        # are computed, which avoids a branch between them.
        wrong = <uint64_t>(p[1] ^ c',' | ahead.starts[i + 1] ^ (ahead.ends[i] + 2))
        wrong = wrong * <uint64_t>(p[1] ^ c']' | (ahead.basket[i] == ahead.basket[i + 1])) | p[0] ^ c'}'
        if unlikely(wrong):
            basket.start = 0  # no order's lines begin there
        deal = batch.deals[batch.line_count + i]
        basket.units += <uint32_t>deal
        basket.amount += (deal >> 32) * <uint32_t>deal
        basket.lines += 1
        basket.end = ahead.ends[i] + 2


cdef inline void parse_ahead(Batch *batch) noexcept nogil:
    """Parse the next lines into baskets, one basket per order."""
    cdef Ahead *ahead = &batch.ahead
    cdef Basket *basket
    cdef uint32_t i, notes, count = find_lines(batch, ahead)
    if count > batch.most_lines - batch.line_count:
        count = 0
        ahead.at = <uint32_t>batch.length
    # The last basket may take more lines, unless other lines were stored since.
    ahead.baskets[0] = ahead.open[0]
    if not ahead.open.lines or batch.line_count != ahead.open.first_line + ahead.open.lines:
        open_basket(ahead.baskets, 0, 0)
    open_basket(&ahead.baskets[1], ahead.starts[0], batch.line_count)
    notes = parse_tags_ahead(batch, ahead, parse_lines_ahead(batch, ahead, count))
    fill_baskets(batch, ahead, count)
    for i in range(notes):
        basket = &ahead.baskets[ahead.notes[i] >> 32]
        if unlikely(parse_tag(batch, batch.document + <uint32_t>ahead.notes[i], basket) == NULL):
            basket.start = 0
    batch.line_count += count
    ahead.next = ahead.baskets
    ahead.open = &ahead.baskets[ahead.basket[count]]


# ---- the lines of one order ----


cdef inline const uint8_t *parse_any_line(Batch *batch, const uint8_t *p, Basket *basket, Habit *habit) noexcept nogil:
    """Parse a line in any form."""
    cdef Walk walk
    cdef bint more = True
    cdef const uint8_t *sku = p
    cdef uint32_t length = 0
    cdef uint64_t quantity = 0, price = 0
    p = enter_object(p, &walk, SKU, TAGS)
    while p != NULL and more:
        p = parse_member_name(p, &walk, habit)
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
            p = parse_integer(p, &quantity)
            if p == NULL or quantity - 1 >= MOST_QUANTITY:
                return NULL
        elif walk.member == PRICE:
            p = parse_integer(p, &price)
            if p == NULL or price > MOST_PRICE:
                return NULL
        else:
            p = parse_tags(batch, p + 1, basket) if p[0] == c'[' else NULL
            if p == NULL:
                return NULL
        p = parse_member_end(p, &more)
    if p == NULL or walk.seen | 1 << TAGS != 1 << SKU | 1 << QUANTITY | 1 << PRICE | 1 << TAGS:
        return NULL
    store_line(batch, batch.line_count, sku, length, quantity | price << 32)
    basket.amount += quantity * price
    basket.units += quantity
    basket.lines += 1
    batch.line_count += 1
    return p


cdef inline const uint8_t *parse_single_line(Batch *batch, const uint8_t *p, Basket *basket) noexcept nogil:
    """Parse one compact line with its tags. NULL: the line has another form or breaks a rule."""
    cdef const uint8_t *list
    cdef uint64_t deal
    p = parse_compact_line(batch, p, batch.line_count)
    if likely(p != NULL) and p[0] == c',':
        list = match(p, b',"tags":[')
        p = parse_tags(batch, list, basket) if likely(list != NULL) else NULL
    if unlikely(p == NULL or p[0] != c'}'):
        return NULL
    deal = batch.deals[batch.line_count]
    basket.units += <uint32_t>deal
    basket.amount += (deal >> 32) * <uint32_t>deal
    basket.lines += 1
    batch.line_count += 1
    return p + 1


cdef inline const uint8_t *parse_lines_singly(
    Batch *batch, const uint8_t *p, Basket *basket, Habit *habit
) noexcept nogil:
    """Parse the lines of an order one by one, from behind the opening bracket."""
    cdef const uint8_t *end
    open_basket(basket, 0, batch.line_count)
    if unlikely(p[0] <= 32):
        p = skip_space(p)
    while likely(batch.line_count < batch.most_lines):  # lines parsed ahead, and now again, may fill the table
        end = parse_single_line(batch, p, basket)
        if unlikely(end == NULL):
            end = parse_any_line(batch, p, basket, habit)
            if end == NULL:
                return NULL
        if unlikely(end[0] <= 32):
            end = skip_space(end)
        if end[0] != c',':
            return end + 1 if likely(end[0] == c']') else NULL
        p = end + 1
        if unlikely(p[0] <= 32):
            p = skip_space(p)
    return NULL


cdef inline const uint8_t *parse_lines(Batch *batch, const uint8_t *p, Draft *draft, Habit *habit) noexcept nogil:
    """Take the lines of an order, from behind the opening bracket: most have been parsed ahead."""
    cdef Ahead *ahead = &batch.ahead
    cdef uint32_t start = <uint32_t>(p - batch.document)
    while ahead.next.start < start and ahead.next != ahead.open or ahead.next == ahead.open and ahead.at < batch.length:
        if ahead.next == ahead.open:
            parse_ahead(batch)
        else:
            ahead.next += 1
    if likely(ahead.next != ahead.open and ahead.next.start == start):
        draft.basket = ahead.next
        p = batch.document + ahead.next.end
    else:
        draft.basket = &draft.own
        p = parse_lines_singly(batch, p, &draft.own, habit)
    return p if p != NULL and draft.basket.lines <= MOST_LINES else NULL
