"""Strings remembered by their spelling: each is checked once, then found again by a hash of its bytes.

Spellings of one tag or channel share an index. Each spelling of a name has its own.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from cython_core.memory cimport Arena, take
from cython_core.text cimport (
    Found, Text, characters, decode, find_string_end, is_tidy, is_utf8, normalise, write_quoted,
)
from cython_core.words cimport fold, high_word, likely, low_word, plain_end, quote_run, seed, unlikely, word

cdef enum:
    NONE = 0xFFFFFFFF
    SPARSE = 8  # slots per string: a second probe is a mispredicted branch

cdef struct Entry:
    uint64_t low            # the source in two words, or its digest if it is longer than 16 bytes
    uint64_t high
    uint64_t length
    const uint8_t *source
    Text text               # unescaped
    Text written            # as the answer writes it, with quotes
    uint32_t meaning        # the entry of the same text in the answer's spelling
    uint32_t rank           # its place once all are sorted

cdef struct Key:
    uint64_t low
    uint64_t high
    const uint8_t *source
    uint64_t length
    uint32_t slot           # the free slot where the search ended

cdef struct Memo:
    Entry *entries
    uint32_t *slots         # the index of an entry + 1; 0 is empty
    uint32_t mask
    uint32_t count
    uint32_t most           # entries that fit


cdef inline bint open_memo(Memo *memo, Arena *arena, uint32_t most) noexcept nogil:
    """Open an empty memo with room for `most` entries, a power of two; return False if memory is out."""
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
    """Two words that stand for a source of more than 16 bytes."""
    cdef uint64_t at = 0, sum = length
    while at < length - 16:
        sum = fold(word(p + at) ^ sum ^ seed[0], word(p + at + 8) ^ seed[1])
        at += 16
    low[0] = sum
    # The byte 255, which UTF-8 does not have, distinguishes a digest from a short source.
    high[0] = fold(word(p + length - 16) ^ sum ^ seed[0], word(p + length - 8) ^ seed[1]) | <uint64_t>0xFF << 56


cdef inline uint32_t find_short(const Memo *memo, const uint8_t *p, uint32_t length) noexcept nogil:
    """The index of the string spelled by `length` bytes, at most 16, up to the next quote; NONE if it is new.

    The length is compared too, because a malformed string may end in NULs. No stored spelling ends with a backslash, so
    a hit proves that the quote is not escaped.
    """
    cdef uint64_t low = low_word(p, length), high = high_word(p, length)
    cdef uint32_t slot = slot_of(low, high, memo.mask)
    cdef const Entry *entry
    while likely(memo.slots[slot]):
        entry = &memo.entries[memo.slots[slot] - 1]
        if likely((entry.low ^ low) | (entry.high ^ high) | (entry.length ^ length) == 0):
            return entry.meaning
        slot = (slot + 1) & memo.mask
    return NONE


cdef inline uint32_t find(const Memo *memo, const uint8_t *p, uint64_t length, Key *key) noexcept nogil:
    """The entry of these bytes, or NONE; then `add` takes the `key`."""
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
    """Double the room; return False if memory is out."""
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
    """Add an entry for a key that was not found, without its text; NULL if memory is out."""
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


cdef inline bint unescape_and_quote(
    Arena *arena, const uint8_t *p, uint64_t length, bint is_name, uint64_t most, Text *text, Text *written
) noexcept nogil:
    """Unescape a string, normalise it if it is a name, and quote it as the answer does.

    Return False if it is malformed, if it does not have 1 to `most` characters, or if memory is out.
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
    written.length = write_quoted(quoted, said, size) - quoted
    return True


# ---- tags and channels: one index per string, however it is spelled ----


cdef inline uint32_t add_escaped(Memo *memo, Arena *arena, const Key *key) noexcept nogil:
    """Add a new spelling that has escapes, and return the index of the answer's spelling of the same string.

    NONE: it is malformed, does not have 1 to 30 characters, or memory is out.
    """
    cdef Entry *entry
    cdef Key plain
    cdef Text text, written
    cdef uint32_t index
    if key.length > 360 or not unescape_and_quote(arena, key.source, key.length, False, 30, &text, &written):
        return NONE  # a character takes at most twelve bytes
    index = find(memo, written.start + 1, written.length - 2, &plain)
    if index == NONE:
        entry = add(memo, arena, &plain)
        if entry == NULL:
            return NONE
        index = memo.count - 1
        entry.text = text
        entry.written = written
        entry.meaning = index
    if find(memo, key.source, key.length, &plain) == NONE:
        entry = add(memo, arena, &plain)
        if entry == NULL:
            return NONE
        entry.text = text
        entry.written = written
        entry.meaning = index
    return index


cdef inline uint32_t intern_new(Memo *memo, Arena *arena, const uint8_t *p, uint64_t *length) noexcept nogil:
    """`intern` for a string that is long, new or malformed."""
    cdef Found found
    cdef Key key
    cdef Entry *entry
    cdef uint32_t index
    if not find_string_end(p, &found):
        return NONE
    length[0] = found.length
    index = find(memo, p, found.length, &key)
    if index != NONE:
        return memo.entries[index].meaning
    if found.backslashes:
        return add_escaped(memo, arena, &key)
    if not found.length or (found.high and not is_utf8(p, found.length)):
        return NONE
    if found.length > 30 and characters(p, found.length) > 30:
        return NONE
    entry = add(memo, arena, &key)
    if entry == NULL:
        return NONE
    entry.text.start = p
    entry.text.length = found.length
    entry.written.start = p - 1
    entry.written.length = found.length + 2
    entry.meaning = memo.count - 1
    return entry.meaning


cdef inline uint32_t intern(Memo *memo, Arena *arena, const uint8_t *p, uint64_t *length) noexcept nogil:
    """The index of the string at p, and its length; NONE if it is malformed or does not have 1 to 30 characters."""
    cdef uint32_t index = NONE
    length[0] = quote_run(p)
    if likely(length[0] <= 16):
        index = find_short(memo, p, <uint32_t>length[0])
    return index if likely(index != NONE) else intern_new(memo, arena, p, length)


cdef inline uint32_t add_name(Memo *names, Arena *arena, const Key *key) noexcept nogil:
    """Add a name and return its index; NONE if it is malformed or, normalised, does not have 1 to 200 characters."""
    cdef Entry *entry
    cdef Found found
    cdef Text text, written
    if key.length - 1 < 200 and is_tidy(key.source, key.length):
        written.start = key.source - 1
        written.length = key.length + 2
    elif not find_string_end(key.source, &found):  # a control character: `plain_end` does not stop at one
        return NONE
    elif not unescape_and_quote(arena, key.source, key.length, True, 200, &text, &written):
        return NONE
    entry = add(names, arena, key)
    if entry == NULL:
        return NONE
    entry.written = written
    return names.count - 1


cdef inline uint32_t intern_name(Memo *names, Arena *arena, const uint8_t *p, uint64_t *length) noexcept nogil:
    """The index of the name at p, and its length; NONE if it is malformed or does not have 1 to 200 characters."""
    cdef Found found
    cdef Key key
    cdef uint32_t index
    length[0] = plain_end(p)
    if unlikely(p[length[0]] != c'"'):
        if not find_string_end(p, &found):
            return NONE
        length[0] = found.length
    index = find(names, p, length[0], &key)
    return index if likely(index != NONE) else add_name(names, arena, &key)
