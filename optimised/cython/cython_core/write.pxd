"""The answer, written once, from the tables into a buffer that is surely large enough."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from cython_core.order cimport (
    Pairs, Ranking, Tally, count, open_pairs, open_tally, rank, sort, sort_texts, take_lowest,
)
from cython_core.tables cimport NONE, Arena, Batch, Customer, Order
from cython_core.text cimport Text
from cython_core.words cimport lowest, put, put_32, put_big_word, put_word

cdef struct Plan:
    # What stands between the tables and the answer.
    uint32_t *customers  # their indexes, in the answer's order
    Pairs lines          # room for the lines of one customer
    Tally tags
    Tally channels
    Ranking tag_ranks
    Ranking channel_ranks


cdef inline bint prepare(Batch *batch, Plan *plan) noexcept nogil:
    """Sort what is sorted once; False if there is no memory."""
    cdef Arena *arena = &batch.arena
    cdef Pairs customers, cancelled
    cdef Customer *customer
    cdef uint32_t i
    if not (
        rank(&batch.tags.texts, &plan.tag_ranks, arena)
        and rank(&batch.channels.texts, &plan.channel_ranks, arena)
        and open_tally(&plan.tags, arena, batch.tags.texts.count)
        and open_tally(&plan.channels, arena, batch.channels.texts.count)
        and open_pairs(&plan.lines, arena, batch.line_count)
        and open_pairs(&customers, arena, batch.customer_count)
        and open_pairs(&cancelled, arena, batch.cancelled_count)
    ):
        return False
    for i in range(batch.cancelled_count):
        cancelled.keys[i] = batch.cancelled[i]
    sort(&cancelled, batch.cancelled_count)
    batch.cancelled = cancelled.keys
    for i in range(batch.customer_count):
        customers.keys[i] = batch.customers[i].id
        customers.items[i] = i
    sort(&customers, batch.customer_count)
    for i in range(batch.customer_count):
        customer = &batch.customers[customers.items[i]]
        customers.keys[i] = ~(customer.gross - customer.refunded)
    sort(&customers, batch.customer_count)
    plan.customers = customers.items
    return True


cdef inline uint64_t room_for(const Batch *batch) noexcept nogil:
    """Bytes that the answer takes at most, and what a wide store may reach beyond.

    Each string of the answer stands in the document at least as long, for itself alone; the rest has a size.
    """
    return (
        batch.length + 640 + 64 * <uint64_t>batch.line_count + 32 * <uint64_t>batch.order_count
        + 320 * <uint64_t>batch.customer_count + 18 * <uint64_t>batch.cancelled_count + 64
    )


cdef inline uint64_t eight_digits(uint64_t n) noexcept nogil:
    """The digits of n < 100,000,000, one a byte, the first one lowest."""
    cdef uint64_t fours, hundreds, tens
    hundreds = n // 10000
    fours = hundreds | (n - hundreds * 10000) << 32
    hundreds = (fours * 10486 >> 20) & <uint64_t>0x0000007F0000007F
    hundreds += (fours - hundreds * 100) << 16
    tens = (hundreds * 103 >> 10) & <uint64_t>0x000F000F000F000F
    return tens + ((hundreds - tens * 10) << 8)


cdef inline uint8_t *put_number(uint8_t *o, uint64_t n) noexcept nogil:
    """Write n < 10^16 in decimal."""
    cdef uint64_t digits
    cdef uint32_t leading
    if n >= <uint64_t>100000000:
        o = put_number(o, n // <uint64_t>100000000)
        put_word(o, eight_digits(n % <uint64_t>100000000) | <uint64_t>0x3030303030303030)
        return o + 8
    digits = eight_digits(n)
    leading = lowest(digits | <uint64_t>1 << 56) & 0x38
    put_word(o, (digits | <uint64_t>0x3030303030303030) >> leading)
    return o + 8 - (leading >> 3)


cdef inline uint8_t *put_text(uint8_t *o, const uint8_t *start, uint64_t length) noexcept nogil:
    """Copy a text, in whole stretches of 32 bytes."""
    cdef uint64_t at = 32
    put_32(o, start)
    while at < length:
        put_32(o + at, start + at)
        at += 32
    return o + length


cdef inline bint is_same(const Text *a, const Text *b) noexcept nogil:
    """Whether two skus whose first eight bytes are equal are the same."""
    return a.length == b.length and (a.length <= 8 or memcmp(a.start, b.start, a.length) == 0)


cdef inline uint8_t *put_skus(const Batch *batch, const Pairs *lines, uint32_t n, bint sorted, uint8_t *o) noexcept nogil:
    """Write the skus of n lines that are sorted by their first eight bytes, or wholly if `sorted`.

    NULL: they are not, and two skus differ only behind those bytes.
    """
    cdef uint32_t i = 0, line
    cdef uint64_t key, deal, units, amount
    cdef const Text *sku
    while i < n:
        key = lines.keys[i]
        line = lines.items[i]
        sku = &batch.skus[line]
        deal = batch.deals[line]
        units = <uint32_t>deal
        amount = units * (deal >> 32)
        i += 1
        while i < n and lines.keys[i] == key:
            line = lines.items[i]
            if not is_same(sku, &batch.skus[line]):
                if sorted:
                    break
                return NULL
            deal = batch.deals[line]
            units += <uint32_t>deal
            amount += <uint64_t><uint32_t>deal * (deal >> 32)
            i += 1
        o = put(o, b'{"sku":"')
        if sku.length <= 8:
            put_big_word(o, key)
            o += sku.length
        else:
            o = put_text(o, sku.start, sku.length)
        o = put_number(put(o, b'","units":'), units)
        o = put_number(put(o, b',"amount":'), amount)
        o = put(o, b'},')
    return o - 1


cdef inline uint32_t gather(const Batch *batch, const Customer *customer, Plan *plan) noexcept nogil:
    """Bring together the lines, tags and channels of a customer's orders; return how many lines there are."""
    cdef Pairs *lines = &plan.lines
    cdef const Order *order
    cdef uint32_t index = customer.latest, n = 0, i, j, first
    cdef uint64_t mask = 0
    while index != NONE:
        order = &batch.orders[index]
        for i in range(0, order.lines, 8):
            first = order.first_line + i
            memcpy(lines.keys + n + i, batch.keys + first, 64)
            for j in range(8):
                lines.items[n + i + j] = first + j
        n += order.lines
        mask |= order.tags
        for i in range(order.extras):
            count(&plan.tags, batch.tags.texts.entries[batch.extras[order.first_extra + i]].rank)
        if order.channel:
            count(&plan.channels, batch.channels.texts.entries[order.channel - 1].rank)
        index = order.next
    while mask:
        count(&plan.tags, batch.tags.texts.entries[lowest(mask)].rank)
        mask &= mask - 1
    return n


cdef inline uint8_t *put_customer(Batch *batch, const Customer *customer, Plan *plan, uint8_t *o) noexcept nogil:
    """Write a customer's statement; NULL if there is no memory."""
    cdef uint32_t n = gather(batch, customer, plan), i, times, place
    cdef const Text *written = &batch.names.entries[customer.name].written
    cdef uint8_t *start
    o = put_number(put(o, b'{"id":'), customer.id)
    o = put_text(put(o, b',"name":'), written.start, written.length)
    o = put_number(put(o, b',"orders":'), customer.orders)
    o = put(o, b',"first":"')
    memcpy(o, customer.first_at, 20)
    o = put(o + 20, b'","last":"')
    memcpy(o, customer.last_at, 20)
    o = put_number(put(o + 20, b'","units":'), customer.units)
    o = put_number(put(o, b',"gross":'), customer.gross)
    o = put_number(put(o, b',"refunded":'), customer.refunded)
    o = put_number(put(o, b',"open":'), customer.open)
    o = put_number(put(o, b',"net":'), customer.gross - customer.refunded)
    o = put(o, b',"skus":[')
    sort(&plan.lines, n)
    start = o
    o = put_skus(batch, &plan.lines, n, False, start)
    if o == NULL:
        for i in range(n):
            plan.lines.keys[i] = batch.keys[plan.lines.items[i]]
        if not sort_texts(&plan.lines, n, batch.skus, 0, &batch.arena):
            return NULL
        o = put_skus(batch, &plan.lines, n, True, start)
    o = put(o, b'],"tags":[')
    start = o
    place = take_lowest(&plan.tags, &times)
    while place != NONE:
        written = &plan.tag_ranks.written[place]
        o = put(put_text(o, written.start, written.length), b',')
        place = take_lowest(&plan.tags, &times)
    o = put(o if o == start else o - 1, b'],"channels":[')
    start = o
    place = take_lowest(&plan.channels, &times)
    while place != NONE:
        written = &plan.channel_ranks.written[place]
        o = put_text(put(o, b'{"channel":'), written.start, written.length)
        o = put(put_number(put(o, b',"orders":'), times), b'},')
        place = take_lowest(&plan.channels, &times)
    return put(o if o == start else o - 1, b']},')


cdef inline uint8_t *write(Batch *batch, Plan *plan, uint8_t *o) noexcept nogil:
    """Write the whole answer at o and return its end; NULL if there is no memory."""
    cdef uint32_t i
    cdef uint64_t units = 0, gross = 0, refunded = 0, open = 0
    cdef const Customer *customer
    o = put_text(put(o, b'{"batch":'), batch.title.start, batch.title.length)
    o = put(o, b',"currency":"')
    memcpy(o, batch.currency, 3)
    o = put_number(put(o + 3, b'","orders":'), batch.distinct)
    o = put_number(put(o, b',"duplicates":'), batch.duplicates)
    o = put(o, b',"cancelled":[')
    for i in range(batch.cancelled_count):
        o = put(put_number(o, batch.cancelled[i]), b',')
    o = put(o - 1 if batch.cancelled_count else o, b'],"customers":[')
    for i in range(batch.customer_count):
        customer = &batch.customers[plan.customers[i]]
        units += customer.units
        gross += customer.gross
        refunded += customer.refunded
        open += customer.open
        o = put_customer(batch, customer, plan, o)
        if o == NULL:
            return NULL
    o = put(o - 1 if batch.customer_count else o, b'],"totals":{"customers":')
    o = put_number(o, batch.customer_count)
    o = put_number(put(o, b',"units":'), units)
    o = put_number(put(o, b',"gross":'), gross)
    o = put_number(put(o, b',"refunded":'), refunded)
    o = put_number(put(o, b',"open":'), open)
    o = put_number(put(o, b',"net":'), gross - refunded)
    return put(o, b'}}')
