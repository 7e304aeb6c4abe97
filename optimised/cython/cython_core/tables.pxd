"""The compact tables that a document is read into: memory, strings known by their bytes, customers, orders, lines.

All memory of a call comes from one arena. What can be counted from a document's length is never grown: no line takes
fewer than LINE_BYTES of it, and no order fewer than ORDER_BYTES.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from cython_core.text cimport (
    Found, Text, characters, decode, is_tidy, is_utf8, normalise, put_quoted, string_end,
)
from cython_core.words cimport fold, high_word, likely, low_word, plain_end, seed, unlikely, width, word

cdef enum:
    PAD = 128  # bytes that a wide load may reach beyond what it is after
    LINE_BYTES = 34
    ORDER_BYTES = 132
    SPARSE = 8  # slots for each string: a second look is a mispredicted branch
    NONE = 0xFFFFFFFF


# ---- memory ----

cdef struct Chunk:
    Chunk *earlier
    uint64_t unused  # keeps what follows on 16 bytes

cdef struct Arena:
    uint8_t *next
    uint8_t *end
    Chunk *chunks
    uint64_t step        # bytes of the next chunk
    uint8_t first[8192]  # enough for a small document, on the stack


cdef inline void *take(Arena *arena, uint64_t size) noexcept nogil:
    """Memory for `size` bytes and PAD more, uninitialised; NULL if there is none."""
    cdef uint64_t room
    cdef Chunk *chunk
    cdef uint8_t *start
    size = (size + PAD + 15) & ~<uint64_t>15
    if unlikely(size > <uint64_t>(arena.end - arena.next)):
        room = sizeof(Chunk) + max(size, arena.step)
        arena.step = 32768
        chunk = <Chunk *>malloc(room)
        if chunk == NULL:
            return NULL
        chunk.earlier = arena.chunks
        arena.chunks = chunk
        arena.next = <uint8_t *>(chunk + 1)
        arena.end = <uint8_t *>chunk + room
    start = arena.next
    arena.next = start + size
    return start


cdef inline void open_arena(Arena *arena, uint64_t length) noexcept nogil:
    """An arena for a document of so many bytes.

    One chunk mostly holds all, and hardly more: then the allocator keeps it from call to call instead of giving it back
    to the system, whose fresh pages took a third of the time.
    """
    arena.next = arena.first
    arena.end = arena.first + sizeof(arena.first)
    arena.chunks = NULL
    arena.step = 24576 + 2 * length + length // 4


cdef inline void close_arena(Arena *arena) noexcept nogil:
    cdef Chunk *chunk = arena.chunks
    cdef Chunk *earlier
    while chunk != NULL:
        earlier = chunk.earlier
        free(chunk)
        chunk = earlier


# ---- strings known by their bytes ----

cdef struct Entry:
    uint64_t low            # the source in two words, or a digest of it if it is longer than 16 bytes
    uint64_t high
    uint64_t length
    const uint8_t *source
    Text text               # what it says
    Text written            # how the answer writes that, quotes included
    uint32_t meaning        # of a spelling: the entry that says the same without escapes
    uint32_t rank           # its place among all, once they are sorted

cdef struct Key:
    uint64_t low
    uint64_t high
    const uint8_t *source
    uint64_t length
    uint32_t slot           # where it would stand

cdef struct Memo:
    Entry *entries
    uint32_t *slots         # an entry's index + 1; 0 is empty
    uint32_t mask
    uint32_t count
    uint32_t most           # entries there is room for


cdef inline bint open_memo(Memo *memo, Arena *arena, uint32_t most) noexcept nogil:
    """An empty memo with room for `most` entries, a power of two; False if there is no memory."""
    memo.entries = <Entry *>take(arena, most * sizeof(Entry))
    memo.slots = <uint32_t *>take(arena, SPARSE * most * sizeof(uint32_t))
    if memo.entries == NULL or memo.slots == NULL:
        return False
    memset(memo.slots, 0, SPARSE * most * sizeof(uint32_t))
    memo.mask = SPARSE * most - 1
    memo.most = most
    memo.count = 0
    return True


cdef inline uint32_t slot_of(uint64_t low, uint64_t high, uint32_t mask) noexcept nogil:
    return <uint32_t>fold(low ^ seed[0], high ^ seed[1]) & mask


cdef inline void digest(const uint8_t *p, uint64_t length, uint64_t *low, uint64_t *high) noexcept nogil:
    """What stands for a source of more than 16 bytes."""
    cdef uint64_t at = 0, sum = length
    while at < length - 16:
        sum = fold(word(p + at) ^ sum ^ seed[0], word(p + at + 8) ^ seed[1])
        at += 16
    low[0] = sum
    high[0] = fold(word(p + length - 16) ^ sum ^ seed[0], word(p + length - 8) ^ seed[1])


cdef inline uint32_t find_short(const Memo *memo, const uint8_t *p, uint32_t length) noexcept nogil:
    """`find` for at most 16 bytes, without what it takes to add them."""
    cdef uint64_t low = low_word(p, length), high = high_word(p, length)
    cdef uint32_t slot = slot_of(low, high, memo.mask)
    cdef const Entry *entry
    while likely(memo.slots[slot]):
        entry = &memo.entries[memo.slots[slot] - 1]
        if likely((entry.low ^ low) | (entry.high ^ high) | (entry.length ^ length) == 0):
            return memo.slots[slot] - 1
        slot = (slot + 1) & memo.mask
    return NONE


cdef inline uint32_t find(const Memo *memo, const uint8_t *p, uint64_t length, Key *key) noexcept nogil:
    """The entry of these bytes, or NONE; `key` then serves to add it."""
    cdef uint64_t low, high
    cdef uint32_t slot
    cdef const Entry *entry
    if likely(length <= 16):
        low = low_word(p, <uint32_t>length)
        high = high_word(p, <uint32_t>length)
    else:
        digest(p, length, &low, &high)
    slot = slot_of(low, high, memo.mask)
    while likely(memo.slots[slot]):
        entry = &memo.entries[memo.slots[slot] - 1]
        if likely((entry.low ^ low) | (entry.high ^ high) | (entry.length ^ length) == 0):
            if length <= 16 or memcmp(p, entry.source, length) == 0:
                return memo.slots[slot] - 1
        slot = (slot + 1) & memo.mask
    key.low = low
    key.high = high
    key.source = p
    key.length = length
    key.slot = slot
    return NONE


cdef inline bint grow(Memo *memo, Arena *arena) noexcept nogil:
    """Twice the room."""
    cdef Memo larger
    cdef uint32_t i, slot
    if not open_memo(&larger, arena, 2 * memo.most):
        return False
    memcpy(larger.entries, memo.entries, memo.count * sizeof(Entry))
    for i in range(memo.count):
        slot = slot_of(larger.entries[i].low, larger.entries[i].high, larger.mask)
        while larger.slots[slot]:
            slot = (slot + 1) & larger.mask
        larger.slots[slot] = i + 1
    larger.count = memo.count
    memo[0] = larger
    return True


cdef inline Entry *add(Memo *memo, Arena *arena, const Key *key) noexcept nogil:
    """A new entry for a key that was not found, its text and writing still to be filled; NULL if there is no memory."""
    cdef Entry *entry
    cdef uint32_t slot = key.slot
    if memo.count == memo.most:
        if not grow(memo, arena):
            return NULL
        slot = slot_of(key.low, key.high, memo.mask)
        while memo.slots[slot]:
            slot = (slot + 1) & memo.mask
    entry = &memo.entries[memo.count]
    memo.count += 1
    memo.slots[slot] = memo.count
    entry.low = key.low
    entry.high = key.high
    entry.source = key.source
    entry.length = key.length
    return entry


cdef inline bint express(
    Arena *arena, const uint8_t *p, uint64_t length, bint is_name, uint64_t most, Text *text, Text *written
) noexcept nogil:
    """What a string says, normalised if it is a name, and how the answer writes that.

    False: it is malformed, or has not 1 to `most` characters, or there is no memory.
    """
    cdef uint8_t *said = <uint8_t *>take(arena, length)
    cdef uint8_t *quoted = <uint8_t *>take(arena, length + 2)
    cdef int64_t size
    if said == NULL or quoted == NULL:
        return False
    size = decode(p, length, said)
    if is_name and size > 0 and not is_tidy(said, size):
        size = normalise(said, size)
    if size <= 0 or (<uint64_t>size > most and characters(said, size) > most):
        return False
    text.start = said
    text.length = size
    written.start = quoted
    written.length = put_quoted(quoted, said, size) - quoted
    return True


# ---- tags and channels: strings, however they are spelled ----

cdef struct Strings:
    Memo texts      # by what they say
    Memo spellings  # by how an escape spells them


cdef inline bint open_strings(Strings *strings, Arena *arena, uint32_t most) noexcept nogil:
    return open_memo(&strings.texts, arena, most) and open_memo(&strings.spellings, arena, most)


cdef inline uint32_t admit(Strings *strings, Arena *arena, const Key *key, const Found *found) noexcept nogil:
    """The index of a string without escapes, met for the first time; NONE if it is malformed or too long."""
    cdef Entry *entry
    if not key.length or (found.high and not is_utf8(key.source, key.length)):
        return NONE
    if key.length > 30 and characters(key.source, key.length) > 30:
        return NONE
    entry = add(&strings.texts, arena, key)
    if entry == NULL:
        return NONE
    entry.text.start = key.source
    entry.text.length = key.length
    entry.written.start = key.source - 1
    entry.written.length = key.length + 2
    return strings.texts.count - 1


cdef inline uint32_t admit_spelled(Strings *strings, Arena *arena, const Key *key) noexcept nogil:
    """The index of a string that is spelled so for the first time; NONE if it is malformed or too long."""
    cdef Entry *entry
    cdef Key plain
    cdef Text text, written
    cdef uint32_t index
    if key.length > 360 or not express(arena, key.source, key.length, False, 30, &text, &written):
        return NONE  # a character takes twelve bytes at most
    index = find(&strings.texts, text.start, text.length, &plain)
    if index == NONE:
        entry = add(&strings.texts, arena, &plain)
        if entry == NULL:
            return NONE
        entry.text = text
        entry.written = written
        index = strings.texts.count - 1
    entry = add(&strings.spellings, arena, key)
    if entry == NULL:
        return NONE
    entry.meaning = index
    return index


cdef inline uint32_t intern_anew(Strings *strings, Arena *arena, const uint8_t *p, uint64_t *length) noexcept nogil:
    """`intern` for a string that has escapes, or is long, or was not met before, or is malformed."""
    cdef Found found
    cdef Key key
    cdef uint32_t index
    if not string_end(p, &found):
        return NONE
    length[0] = found.length
    if not found.backslashes:
        index = find(&strings.texts, p, found.length, &key)
        return index if index != NONE else admit(strings, arena, &key, &found)
    index = find(&strings.spellings, p, found.length, &key)
    if index != NONE:
        return strings.spellings.entries[index].meaning
    return admit_spelled(strings, arena, &key)


cdef inline uint32_t intern(Strings *strings, Arena *arena, const uint8_t *p, uint64_t *length) noexcept nogil:
    """The index of the string that begins at p, and its length; NONE if it is malformed or has not 1 to 30 characters."""
    cdef uint32_t index = NONE
    length[0] = plain_end(p)
    if likely(length[0] <= 16 and p[length[0]] == c'"'):
        index = find_short(&strings.texts, p, <uint32_t>length[0])
    return index if likely(index != NONE) else intern_anew(strings, arena, p, length)


cdef inline uint32_t admit_name(Memo *names, Arena *arena, const Key *key) noexcept nogil:
    """The index of a name met for the first time; NONE if it is malformed or has not 1 to 200 characters, normalised."""
    cdef Entry *entry
    cdef Text text, written
    if key.length - 1 < 200 and is_tidy(key.source, key.length):
        written.start = key.source - 1
        written.length = key.length + 2
    elif not express(arena, key.source, key.length, True, 200, &text, &written):
        return NONE
    entry = add(names, arena, key)
    if entry == NULL:
        return NONE
    entry.written = written
    return names.count - 1


cdef inline uint32_t intern_name(Memo *names, Arena *arena, const uint8_t *p, uint64_t *length) noexcept nogil:
    """The index of the name that begins at p, and its length; NONE if it is malformed or has not 1 to 200 characters."""
    cdef Found found
    cdef Key key
    cdef uint32_t index
    length[0] = plain_end(p)
    if unlikely(p[length[0]] != c'"'):
        if not string_end(p, &found):
            return NONE
        length[0] = found.length
    index = find(names, p, length[0], &key)
    return index if likely(index != NONE) else admit_name(names, arena, &key)


# ---- ids that stood earlier ----

cdef struct Ids:
    uint64_t *ascending  # each larger than all before it
    uint64_t *others     # slots of all the others; 0 is empty
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


cdef inline bint stood_among_ascending(const Ids *ids, uint64_t id) noexcept nogil:
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


cdef inline int stood_before(Ids *ids, Arena *arena, uint64_t id) noexcept nogil:
    """1 if this id stood earlier, 0 if not and it is remembered now, −1 if there is no memory.

    Ids mostly ascend, and one higher than all before costs a comparison; the others have a hash table.
    """
    cdef uint64_t *slots
    cdef uint64_t *slot
    cdef uint32_t size, i
    if id > ids.highest:
        ids.highest = id
        ids.ascending[ids.ascending_count] = id
        ids.ascending_count += 1
        return 0
    if stood_among_ascending(ids, id):
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

cdef struct Draft:
    # An order as it is read.
    uint64_t id
    uint64_t placed           # sorts as the text does
    const uint8_t *placed_at
    uint64_t customer
    uint64_t units
    uint64_t amount
    uint64_t tags             # a bit for each of the first 64
    uint32_t name
    uint32_t channel          # its index + 1; 0 is none
    uint32_t status
    uint32_t first_line
    uint32_t first_extra

cdef struct Order:
    # What is kept of an order that counts.
    uint64_t tags
    uint32_t first_line
    uint32_t lines
    uint32_t first_extra
    uint32_t extras
    uint32_t channel
    uint32_t next             # an earlier order of the same customer, or NONE

cdef struct Customer:
    uint64_t id
    uint64_t first            # placed, and where that stands
    uint64_t last
    const uint8_t *first_at
    const uint8_t *last_at
    uint64_t units
    uint64_t amounts[4]       # by status
    uint32_t orders
    uint32_t lines
    uint32_t name
    uint32_t latest           # its latest order in the document

cdef struct Batch:
    Arena arena
    const uint8_t *document
    uint64_t length
    Text title                # as it is written
    const uint8_t *currency
    # Lines, side by side
    uint64_t *keys            # the first eight bytes of the sku, to sort by
    uint64_t *deals           # quantity, and price in the upper half
    uint64_t *skus            # where its bytes begin in the document << 6 | how many they are
    uint32_t line_count
    uint32_t *extras          # indexes of tags beyond the first 64
    uint32_t extra_count
    Order *orders
    uint32_t order_count
    Customer *customers
    uint32_t customer_count
    uint32_t *customer_slots  # a customer's index + 1; 0 is empty
    uint32_t customer_mask
    uint64_t *cancelled
    uint32_t cancelled_count
    uint32_t distinct
    uint32_t duplicates
    uint64_t amount           # gross and open of all
    Ids ids
    Strings tags
    Strings channels
    Memo names


cdef inline bint open_batch(Batch *batch, const uint8_t *document, uint64_t length) noexcept nogil:
    """Lay out empty tables for a document of so many bytes, in an open arena; False if there is no memory."""
    cdef uint64_t lines = length // LINE_BYTES + 1
    cdef uint64_t orders = length // ORDER_BYTES + 1
    cdef Arena *arena = &batch.arena
    cdef uint32_t few = 4 if length < 1024 else 32  # strings at first: a memo grows
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
        or not open_strings(&batch.tags, arena, few) or not open_strings(&batch.channels, arena, few)
    ):
        return False
    memset(batch.customer_slots, 0, slots * sizeof(uint32_t))
    batch.customer_mask = <uint32_t>(slots - 1)
    batch.line_count = 0
    batch.extra_count = 0
    batch.order_count = 0
    batch.customer_count = 0
    batch.cancelled_count = 0
    batch.distinct = 0
    batch.duplicates = 0
    batch.amount = 0
    return True


cdef enum:  # statuses, as words.h numbers them
    OPEN, PAID, SHIPPED, REFUNDED, CANCELLED


cdef inline Customer *customer_of(Batch *batch, const Draft *draft) noexcept nogil:
    """The customer of an order, made if it is new."""
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
    memset(customer, 0, sizeof(Customer))
    customer.id = draft.customer
    customer.first = customer.last = draft.placed
    customer.first_at = customer.last_at = draft.placed_at
    customer.latest = NONE
    return customer


cdef inline bint file_order(Batch *batch, const Draft *draft) noexcept nogil:
    """Take an order in, or drop its lines again if it is a duplicate or cancelled; False if this is not to be judged here."""
    cdef Customer *customer
    cdef Order *order
    cdef int stood = stood_before(&batch.ids, &batch.arena, draft.id)
    if stood:
        batch.line_count = draft.first_line
        batch.extra_count = draft.first_extra
        batch.duplicates += 1
        return stood > 0
    batch.distinct += 1
    if draft.status == CANCELLED:
        batch.line_count = draft.first_line
        batch.extra_count = draft.first_extra
        batch.cancelled[batch.cancelled_count] = draft.id
        batch.cancelled_count += 1
        return True
    batch.amount += draft.amount
    if batch.amount > <uint64_t>9007199254740991:
        return False
    customer = customer_of(batch, draft)
    order = &batch.orders[batch.order_count]
    order.tags = draft.tags
    order.first_line = draft.first_line
    order.lines = batch.line_count - draft.first_line
    order.first_extra = draft.first_extra
    order.extras = batch.extra_count - draft.first_extra
    order.channel = draft.channel
    order.next = customer.latest
    customer.latest = batch.order_count
    batch.order_count += 1
    customer.orders += 1
    customer.lines += order.lines
    customer.name = draft.name
    customer.units += draft.units
    if draft.placed < customer.first:
        customer.first = draft.placed
        customer.first_at = draft.placed_at
    if draft.placed > customer.last:
        customer.last = draft.placed
        customer.last_at = draft.placed_at
    customer.amounts[draft.status] += draft.amount
    return True


cdef inline uint64_t gross(const Customer *customer) noexcept nogil:
    return customer.amounts[PAID] + customer.amounts[SHIPPED] + customer.amounts[REFUNDED]
