"""The tables that a document is parsed into: ids, lines, orders, customers.

They are sized from the document's length and never grown: a line takes at least LINE_BYTES of it, an order ORDER_BYTES.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from cython_core.memory cimport Arena, take
from cython_core.strings cimport NONE, Memo, open_memo
from cython_core.text cimport Text
from cython_core.words cimport STRIDE, fold, seed, width

cdef enum:
    LINE_BYTES = 34
    ORDER_BYTES = 132
    LINES_AHEAD = 128   # lines parsed at once
    READ_AHEAD = 1024   # bytes of a document: from this size on it is parsed ahead, if windows have 64 bytes
    TAGS_NOTED = 3      # tags of a line that are noted without a branch

cdef enum:  # statuses, as words.h numbers them
    OPEN, PAID, SHIPPED, REFUNDED, CANCELLED


cdef struct Ids:
    uint64_t *ascending  # ids larger than all ids before them
    uint64_t *others     # hash table of all other ids; 0 is an empty slot
    uint64_t highest
    uint32_t ascending_count
    uint32_t other_count
    uint32_t mask


cdef inline bint open_ids(Ids *ids, Arena *arena, uint64_t most) noexcept nogil:
    ids.ascending = <uint64_t *>take(arena, most * sizeof(uint64_t))
    ids.others = NULL
    ids.highest = 0
    ids.ascending_count = 0
    ids.other_count = 0
    ids.mask = 0
    return ids.ascending != NULL


cdef inline bint is_among_ascending(const Ids *ids, uint64_t id) noexcept nogil:
    cdef uint32_t low = 0, high = ids.ascending_count, middle
    while low < high:
        middle = (low + high) // 2
        if ids.ascending[middle] < id:
            low = middle + 1
        else:
            high = middle
    return low < ids.ascending_count and ids.ascending[low] == id


cdef inline uint64_t *id_slot(uint64_t *slots, uint32_t mask, uint64_t id) noexcept nogil:
    cdef uint32_t slot = <uint32_t>fold(id ^ seed[0], seed[1]) & mask
    while slots[slot] and slots[slot] != id:
        slot = (slot + 1) & mask
    return &slots[slot]


cdef inline int is_seen(Ids *ids, Arena *arena, uint64_t id) noexcept nogil:
    """1 if this id was seen before, 0 if it is new and now remembered, −1 if memory is out.

    Ids mostly ascend: an id higher than all before costs one comparison. The others are in a hash table.
    """
    cdef uint64_t *slots
    cdef uint64_t *slot
    cdef uint32_t size, i
    if id > ids.highest:
        ids.highest = id
        ids.ascending[ids.ascending_count] = id
        ids.ascending_count += 1
        return 0
    if is_among_ascending(ids, id):
        return 1
    if 2 * ids.other_count >= ids.mask:
        size = 4 * (ids.mask + 1) if ids.mask else 64
        slots = <uint64_t *>take(arena, size * sizeof(uint64_t))
        if slots == NULL:
            return -1
        memset(slots, 0, size * sizeof(uint64_t))
        for i in range(ids.mask + 1 if ids.mask else 0):
            if ids.others[i]:
                id_slot(slots, size - 1, ids.others[i])[0] = ids.others[i]
        ids.others = slots
        ids.mask = size - 1
    slot = id_slot(ids.others, ids.mask, id)
    if slot[0]:
        return 1
    slot[0] = id
    ids.other_count += 1
    return 0


# ---- orders and customers ----

cdef struct Basket:
    # The lines of an order.
    uint64_t tags             # one bit for each of the document's first 64 tags
    uint64_t units
    uint64_t amount
    uint32_t start            # offset in the document of the first line
    uint32_t end              # offset of the byte behind the closing bracket
    uint32_t first_line
    uint32_t lines
    uint32_t extra            # index + 1 of its latest tag beyond those 64; 0 is none

cdef struct Extra:
    uint32_t tag
    uint32_t earlier          # another extra of the same order

cdef struct Ahead:
    # Lines parsed before their orders. Positions are offsets in the document.
    uint32_t at                           # lines were found up to here
    uint32_t starts[LINES_AHEAD + 3]      # where each line begins
    uint32_t ends[LINES_AHEAD]            # where its price ends, later its closing brace
    uint32_t basket[LINES_AHEAD + 1]      # its basket
    uint32_t tagged[LINES_AHEAD + 1]      # the lines that have tags
    uint64_t notes[LINES_AHEAD * TAGS_NOTED + 1]  # where each tag begins, and its basket in the upper half
    Basket baskets[LINES_AHEAD + 3]
    Basket *next                          # the first that no order has taken
    Basket *open                          # the first that may be incomplete

cdef struct Draft:
    # The order that is being parsed.
    uint64_t id
    uint64_t placed           # sorts as the text does
    const uint8_t *placed_at
    uint64_t customer
    const Basket *basket
    Basket own                # for lines that were not parsed ahead
    uint32_t name
    uint32_t channel          # index + 1; 0 is none
    uint32_t status

cdef struct Order:
    # An order that counts.
    uint64_t tags
    uint32_t first_line
    uint32_t lines
    uint32_t extra
    uint32_t channel
    uint32_t next             # an earlier order of the same customer, or NONE

cdef struct Customer:
    uint64_t id
    uint64_t first            # the earliest `placed`, and its address
    uint64_t last
    const uint8_t *first_at
    const uint8_t *last_at
    uint64_t units
    uint64_t amounts[4]       # by status
    uint32_t orders
    uint32_t lines
    uint32_t name
    uint32_t latest           # its last order in the document

cdef struct Batch:
    Arena arena
    const uint8_t *document
    uint64_t length
    Text title                # as the answer writes it
    const uint8_t *currency
    # Lines, in columns
    uint64_t *keys            # the first eight bytes of the sku, to sort by
    uint64_t *deals           # quantity, and price in the upper half
    uint64_t *skus            # the sku's offset in the document << 6 | its length
    uint32_t line_count
    uint32_t most_lines
    Extra *extras
    uint32_t extra_count
    Ahead ahead
    Order *orders
    uint32_t order_count
    Customer *customers
    uint32_t customer_count
    uint32_t *customer_slots  # the index of a customer + 1; 0 is empty
    uint32_t customer_mask
    uint64_t *cancelled
    uint32_t cancelled_count
    uint32_t distinct
    uint32_t duplicates
    uint64_t amount           # gross plus open of all customers
    Ids ids
    Memo tags
    Memo channels
    Memo names


cdef inline bint open_batch(Batch *batch, const uint8_t *document, uint64_t length) noexcept nogil:
    """Lay out empty tables for a document of `length` bytes in an open arena; return False if memory is out."""
    cdef uint64_t lines = length // LINE_BYTES + 4
    cdef uint64_t orders = length // ORDER_BYTES + 1
    cdef Arena *arena = &batch.arena
    cdef uint32_t few = 4 if length < 1024 else 32  # strings that fit at first: a memo grows
    cdef uint64_t slots = <uint64_t>1 << width(2 * orders)
    batch.document = document
    batch.length = length
    batch.keys = <uint64_t *>take(arena, lines * sizeof(uint64_t))
    batch.deals = <uint64_t *>take(arena, lines * sizeof(uint64_t))
    batch.skus = <uint64_t *>take(arena, lines * sizeof(uint64_t))
    batch.extras = NULL
    batch.orders = <Order *>take(arena, orders * sizeof(Order))
    batch.customers = <Customer *>take(arena, orders * sizeof(Customer))
    batch.customer_slots = <uint32_t *>take(arena, slots * sizeof(uint32_t))
    batch.cancelled = <uint64_t *>take(arena, orders * sizeof(uint64_t))
    if (
        not open_ids(&batch.ids, arena, orders) or batch.keys == NULL or batch.deals == NULL or batch.skus == NULL
        or batch.orders == NULL or batch.customers == NULL
        or batch.customer_slots == NULL or batch.cancelled == NULL or not open_memo(&batch.names, arena, few)
        or not open_memo(&batch.tags, arena, few) or not open_memo(&batch.channels, arena, few)
    ):
        return False
    memset(batch.customer_slots, 0, slots * sizeof(uint32_t))
    batch.customer_mask = <uint32_t>(slots - 1)
    batch.ahead.next = batch.ahead.baskets
    batch.ahead.open = batch.ahead.baskets
    batch.ahead.open.lines = 0
    batch.ahead.at = 0 if STRIDE == 64 and length >= READ_AHEAD else <uint32_t>length
    batch.most_lines = <uint32_t>lines
    batch.line_count = 0
    batch.extra_count = 0
    batch.order_count = 0
    batch.customer_count = 0
    batch.cancelled_count = 0
    batch.distinct = 0
    batch.duplicates = 0
    batch.amount = 0
    return True


cdef inline Customer *customer_of(Batch *batch, const Draft *draft) noexcept nogil:
    """The customer of an order; a new one is added."""
    cdef uint32_t slot = <uint32_t>fold(draft.customer ^ seed[0], seed[1]) & batch.customer_mask
    cdef Customer *customer
    while batch.customer_slots[slot]:
        customer = &batch.customers[batch.customer_slots[slot] - 1]
        if customer.id == draft.customer:
            return customer
        slot = (slot + 1) & batch.customer_mask
    customer = &batch.customers[batch.customer_count]
    batch.customer_count += 1
    batch.customer_slots[slot] = batch.customer_count
    customer.id = draft.customer
    customer.units = 0
    customer.amounts[0] = customer.amounts[1] = customer.amounts[2] = customer.amounts[3] = 0
    customer.orders = customer.lines = 0
    customer.first = customer.last = draft.placed
    customer.first_at = customer.last_at = draft.placed_at
    customer.latest = NONE
    return customer


cdef inline bint store_order(Batch *batch, const Draft *draft) noexcept nogil:
    """Store an order, or drop its lines if it is a duplicate or cancelled; return False to fall back to app.core."""
    cdef Customer *customer
    cdef Order *order
    cdef int stood = is_seen(&batch.ids, &batch.arena, draft.id)
    if stood:
        batch.duplicates += 1
        return stood > 0
    batch.distinct += 1
    if draft.status == CANCELLED:
        batch.cancelled[batch.cancelled_count] = draft.id
        batch.cancelled_count += 1
        return True
    batch.amount += draft.basket.amount
    if batch.amount > <uint64_t>9007199254740991:
        return False
    customer = customer_of(batch, draft)
    order = &batch.orders[batch.order_count]
    order.tags = draft.basket.tags
    order.first_line = draft.basket.first_line
    order.lines = draft.basket.lines
    order.extra = draft.basket.extra
    order.channel = draft.channel
    order.next = customer.latest
    customer.latest = batch.order_count
    batch.order_count += 1
    customer.orders += 1
    customer.lines += order.lines
    customer.name = draft.name
    customer.units += draft.basket.units
    if draft.placed < customer.first:
        customer.first = draft.placed
        customer.first_at = draft.placed_at
    if draft.placed > customer.last:
        customer.last = draft.placed
        customer.last_at = draft.placed_at
    customer.amounts[draft.status] += draft.basket.amount
    return True


cdef inline uint64_t gross(const Customer *customer) noexcept nogil:
    return customer.amounts[PAID] + customer.amounts[SHIPPED] + customer.amounts[REFUNDED]
