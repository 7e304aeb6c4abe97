"""Write the answer, in one pass over the tables, into a buffer that is always large enough.

Writers return the address behind what they wrote.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from cython_core.memory cimport Arena, take
from cython_core.order cimport (
    Pairs, Ranking, Tally, count, open_pairs, open_tally, rank, sort, sort_texts, take_lowest,
)
from cython_core.strings cimport NONE
from cython_core.tables cimport OPEN, REFUNDED, Batch, Customer, Order, gross
from cython_core.text cimport Text, write_text
from cython_core.words cimport fours, likely, lowest, store_half, store_word, swapped, unlikely, write_literal

cdef struct Plan:
    # What is sorted before writing, and room for one customer at a time.
    uint32_t *customers  # indexes, in the answer's order
    Pairs lines          # of one customer
    Tally tags
    Tally channels
    Ranking tag_ranks
    Ranking channel_ranks


cdef inline bint prepare(Batch *batch, Plan *plan) noexcept nogil:
    """Sort customers, cancelled ids, tags and channels; return False if memory is out."""
    cdef Arena *arena = &batch.arena
    cdef Pairs customers, cancelled
    cdef Customer *customer
    cdef uint32_t i
    if not (
        rank(&batch.tags, &plan.tag_ranks, arena)
        and rank(&batch.channels, &plan.channel_ranks, arena)
        and open_tally(&plan.tags, arena, batch.tags.count)
        and open_tally(&plan.channels, arena, batch.channels.count)
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
        customers.keys[i] = ~(gross(customer) - customer.amounts[REFUNDED])
    sort(&customers, batch.customer_count)
    plan.customers = customers.items
    return True


cdef inline uint64_t room_for(const Batch *batch) noexcept nogil:
    """The most bytes that the answer can take, and 64 for wide stores beyond its end.

    Each string of the answer has its own spelling in the document, at least as long. All else has a maximal size.
    """
    return (
        batch.length + 640 + 64 * <uint64_t>batch.line_count + 32 * <uint64_t>batch.order_count
        + 320 * <uint64_t>batch.customer_count + 18 * <uint64_t>batch.cancelled_count + 64
    )


cdef inline void fill_fours() noexcept nogil:
    cdef uint32_t n
    for n in range(10000):
        fours[n] = <uint32_t>0x30303030 + n // 1000 + (n // 100 % 10 << 8) + (n // 10 % 10 << 16) + (n % 10 << 24)


cdef inline uint8_t *write_eight_digits(uint8_t *o, uint32_t n) noexcept nogil:
    """Write n < 10^8; no branch depends on its length."""
    cdef uint64_t digits = fours[n // 10000] | <uint64_t>fours[n % 10000] << 32
    cdef uint32_t leading = lowest(digits ^ <uint64_t>0x3030303030303030 | <uint64_t>1 << 56) & 0x38
    store_word(o, digits >> leading)
    return o + 8 - (leading >> 3)


cdef inline uint8_t *write_sum(uint8_t *o, uint64_t n) noexcept nogil:
    """Write n < 10^16; fastest below 10^8."""
    if likely(n < 100000000):
        return write_eight_digits(o, <uint32_t>n)
    o = write_eight_digits(o, <uint32_t>(n // 100000000))
    n %= 100000000
    store_half(o, fours[n // 10000])
    store_half(o + 4, fours[n % 10000])
    return o + 8


cdef inline uint8_t *write_count(uint8_t *o, uint64_t n) noexcept nogil:
    """Write n < 10^16; fastest below 10^4."""
    cdef uint32_t leading
    if unlikely(n >= 10000):
        return write_sum(o, n)
    leading = lowest(fours[n] ^ <uint32_t>0x30303030 | <uint32_t>1 << 24) & 0x18
    store_half(o, fours[n] >> leading)
    return o + 4 - (leading >> 3)


cdef inline bint is_same(const Batch *batch, uint64_t a, uint64_t b) noexcept nogil:
    """Tell whether two skus with the same first eight bytes are equal."""
    cdef uint64_t length = a & 63
    if length != b & 63:
        return False
    return length <= 8 or memcmp(batch.document + (a >> 6), batch.document + (b >> 6), length) == 0


cdef inline uint8_t *write_skus(
    const Batch *batch, const Pairs *lines, uint32_t n, bint sorted, uint8_t *o
) noexcept nogil:
    """Write the skus of n lines, sorted by their first eight bytes, or entirely if `sorted`.

    NULL: not `sorted`, and two skus differ only behind those bytes.
    """
    cdef uint32_t i = 0, line
    cdef uint64_t key, deal, units, amount, sku
    while i < n:
        key = lines.keys[i]
        line = lines.items[i]
        sku = batch.skus[line]
        deal = batch.deals[line]
        units = <uint32_t>deal
        amount = units * (deal >> 32)
        i += 1
        while i < n and lines.keys[i] == key:
            line = lines.items[i]
            if not is_same(batch, sku, batch.skus[line]):
                if sorted:
                    break
                return NULL
            deal = batch.deals[line]
            units += <uint32_t>deal
            amount += <uint64_t><uint32_t>deal * (deal >> 32)
            i += 1
        o = write_literal(o, b'{"sku":"')
        store_word(o, swapped(key))
        if sku & 63 > 8:
            write_text(o, batch.document + (sku >> 6), sku & 63)
        o = write_count(write_literal(o + (sku & 63), b'","units":'), units)
        o = write_sum(write_literal(o, b',"amount":'), amount)
        o = write_literal(o, b'},')
    return o - 1


cdef inline bint sort_wholly(Batch *batch, Pairs *lines, uint32_t n) noexcept nogil:
    """Sort lines by their whole skus; return False if memory is out."""
    cdef Text *texts = <Text *>take(&batch.arena, n * sizeof(Text))
    cdef uint32_t *whose = <uint32_t *>take(&batch.arena, n * sizeof(uint32_t))
    cdef uint32_t i
    cdef uint64_t sku
    if texts == NULL or whose == NULL:
        return False
    for i in range(n):
        whose[i] = lines.items[i]
        lines.items[i] = i
        sku = batch.skus[whose[i]]
        texts[i].start = batch.document + (sku >> 6)
        texts[i].length = sku & 63
    if not sort_texts(lines, n, texts, 0, &batch.arena):
        return False
    for i in range(n):
        lines.items[i] = whose[lines.items[i]]
    return True


cdef inline uint32_t gather(const Batch *batch, const Customer *customer, Plan *plan) noexcept nogil:
    """Collect the lines, tags and channels of a customer's orders; return the number of lines."""
    cdef Pairs *lines = &plan.lines
    cdef const Order *order
    cdef uint32_t index = customer.latest, n = 0, i, j, first, extra
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
        extra = order.extra
        while extra:
            count(&plan.tags, batch.tags.entries[batch.extras[extra - 1].tag].rank)
            extra = batch.extras[extra - 1].earlier
        if order.channel:
            count(&plan.channels, batch.channels.entries[order.channel - 1].rank)
        index = order.next
    while mask:
        count(&plan.tags, batch.tags.entries[lowest(mask)].rank)
        mask &= mask - 1
    return n


cdef inline uint8_t *write_customer(Batch *batch, const Customer *customer, Plan *plan, uint8_t *o) noexcept nogil:
    """Write a customer's statement; NULL if memory is out."""
    cdef uint32_t n = gather(batch, customer, plan), i, times, place
    cdef const Text *written = &batch.names.entries[customer.name].written
    cdef uint8_t *start
    o = write_sum(write_literal(o, b'{"id":'), customer.id)
    o = write_text(write_literal(o, b',"name":'), written.start, written.length)
    o = write_count(write_literal(o, b',"orders":'), customer.orders)
    o = write_literal(o, b',"first":"')
    memcpy(o, customer.first_at, 20)
    o = write_literal(o + 20, b'","last":"')
    memcpy(o, customer.last_at, 20)
    o = write_count(write_literal(o + 20, b'","units":'), customer.units)
    o = write_sum(write_literal(o, b',"gross":'), gross(customer))
    o = write_sum(write_literal(o, b',"refunded":'), customer.amounts[REFUNDED])
    o = write_sum(write_literal(o, b',"open":'), customer.amounts[OPEN])
    o = write_sum(write_literal(o, b',"net":'), gross(customer) - customer.amounts[REFUNDED])
    o = write_literal(o, b',"skus":[')
    sort(&plan.lines, n)
    start = o
    o = write_skus(batch, &plan.lines, n, False, start)
    if o == NULL:
        if not sort_wholly(batch, &plan.lines, n):
            return NULL
        o = write_skus(batch, &plan.lines, n, True, start)
    o = write_literal(o, b'],"tags":[')
    start = o
    place = take_lowest(&plan.tags, &times)
    while place != NONE:
        written = &plan.tag_ranks.written[place]
        o = write_literal(write_text(o, written.start, written.length), b',')
        place = take_lowest(&plan.tags, &times)
    o = write_literal(o if o == start else o - 1, b'],"channels":[')
    start = o
    place = take_lowest(&plan.channels, &times)
    while place != NONE:
        written = &plan.channel_ranks.written[place]
        o = write_text(write_literal(o, b'{"channel":'), written.start, written.length)
        o = write_literal(write_count(write_literal(o, b',"orders":'), times), b'},')
        place = take_lowest(&plan.channels, &times)
    return write_literal(o if o == start else o - 1, b']},')


cdef inline uint8_t *write_answer(Batch *batch, Plan *plan, uint8_t *o) noexcept nogil:
    """Write the whole answer at o; NULL if memory is out."""
    cdef uint32_t i
    cdef uint64_t units = 0, sold = 0, refunded = 0, open = 0
    cdef const Customer *customer
    o = write_text(write_literal(o, b'{"batch":'), batch.title.start, batch.title.length)
    o = write_literal(o, b',"currency":"')
    memcpy(o, batch.currency, 3)
    o = write_count(write_literal(o + 3, b'","orders":'), batch.distinct)
    o = write_count(write_literal(o, b',"duplicates":'), batch.duplicates)
    o = write_literal(o, b',"cancelled":[')
    for i in range(batch.cancelled_count):
        o = write_literal(write_sum(o, batch.cancelled[i]), b',')
    o = write_literal(o - 1 if batch.cancelled_count else o, b'],"customers":[')
    for i in range(batch.customer_count):
        customer = &batch.customers[plan.customers[i]]
        units += customer.units
        sold += gross(customer)
        refunded += customer.amounts[REFUNDED]
        open += customer.amounts[OPEN]
        o = write_customer(batch, customer, plan, o)
        if o == NULL:
            return NULL
    o = write_literal(o - 1 if batch.customer_count else o, b'],"totals":{"customers":')
    o = write_sum(o, batch.customer_count)
    o = write_sum(write_literal(o, b',"units":'), units)
    o = write_sum(write_literal(o, b',"gross":'), sold)
    o = write_sum(write_literal(o, b',"refunded":'), refunded)
    o = write_sum(write_literal(o, b',"open":'), open)
    o = write_sum(write_literal(o, b',"net":'), sold - refunded)
    return write_literal(o, b'}}')
