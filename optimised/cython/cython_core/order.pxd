"""Sorting by prepared keys: eight bytes of a string, or a number, as one 64-bit integer each."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp, memset

from cython_core.memory cimport PAD, Arena, take
from cython_core.strings cimport NONE, Entry, Memo
from cython_core.text cimport Text
from cython_core.words cimport RANKED, count_below, low_word, lowest, swapped


cdef struct Pairs:
    # Keys with their items, and as much room again to move them to.
    uint64_t *keys
    uint32_t *items
    uint64_t *other_keys
    uint32_t *other_items


cdef inline bint open_pairs(Pairs *pairs, Arena *arena, uint64_t most) noexcept nogil:
    """Make room for `most` pairs, and PAD bytes behind each array; return False if memory is out."""
    cdef uint64_t room = most + PAD // sizeof(uint64_t)
    pairs.keys = <uint64_t *>take(arena, 3 * room * sizeof(uint64_t))
    pairs.other_keys = pairs.keys + room
    pairs.items = <uint32_t *>(pairs.other_keys + room)
    pairs.other_items = pairs.items + room
    return pairs.keys != NULL


cdef inline void swap(Pairs *pairs) noexcept nogil:
    pairs.keys, pairs.other_keys = pairs.other_keys, pairs.keys
    pairs.items, pairs.other_items = pairs.other_items, pairs.items


cdef inline void sort_by_rank(Pairs *pairs, uint32_t n) noexcept nogil:
    """Put every pair at the number of keys below its own: no branch depends on how keys compare."""
    cdef uint32_t i, j, place
    for i in range(16):
        pairs.keys[n + i] = ~<uint64_t>0  # never below a key
    for i in range(0, n, 8):
        for j in range(8):
            pairs.other_items[i + j] = NONE
    for i in range(n):
        place = count_below(pairs.keys, n, pairs.keys[i])
        while pairs.other_items[place] != NONE:
            place += 1  # behind equal keys
        pairs.other_keys[place] = pairs.keys[i]
        pairs.other_items[place] = pairs.items[i]
    swap(pairs)


cdef inline void sort_by_byte(Pairs *pairs, uint32_t n) noexcept nogil:
    """Radix sort from the last byte on; skip the bytes that all keys share."""
    cdef uint32_t counts[256]
    cdef uint64_t varying = 0
    cdef uint32_t i, shift, sum, count, place
    for i in range(n):
        varying |= pairs.keys[i] ^ pairs.keys[0]
    for shift in range(0, 64, 8):
        if not (varying >> shift & 0xFF):
            continue
        memset(counts, 0, sizeof(counts))
        for i in range(n):
            counts[pairs.keys[i] >> shift & 0xFF] += 1
        sum = 0
        for i in range(256):
            count = counts[i]
            counts[i] = sum
            sum += count
        for i in range(n):
            place = counts[pairs.keys[i] >> shift & 0xFF]
            counts[pairs.keys[i] >> shift & 0xFF] = place + 1
            pairs.other_keys[place] = pairs.keys[i]
            pairs.other_items[place] = pairs.items[i]
        swap(pairs)


cdef inline void sort(Pairs *pairs, uint32_t n) noexcept nogil:
    """Sort by key, stably; the two rooms may swap."""
    if n <= RANKED:
        sort_by_rank(pairs, n)
    else:
        sort_by_byte(pairs, n)


# ---- strings, by code point: the order of their bytes ----


cdef inline uint64_t key_of(const Text *text, uint64_t at) noexcept nogil:
    """Eight bytes of a text from `at` on, as a number that sorts as they do; missing bytes are 0."""
    if at >= text.length:
        return 0
    return swapped(low_word(text.start + at, <uint32_t>min(text.length - at, <uint64_t>8)))


cdef inline bint is_after(const Text *a, const Text *b) noexcept nogil:
    cdef int difference = memcmp(a.start, b.start, a.length if a.length < b.length else b.length)
    return difference > 0 if difference else a.length > b.length


cdef inline bint sort_texts(Pairs *pairs, uint32_t n, const Text *texts, uint64_t at, Arena *arena) noexcept nogil:
    """Sort items by texts that are equal up to `at`; the keys hold what follows. Return False if memory is out."""
    cdef uint32_t start = 0, end
    sort(pairs, n)
    while start < n:
        end = start + 1
        while end < n and pairs.keys[end] == pairs.keys[start]:
            end += 1
        if end - start > 1 and not sort_equals(pairs, start, end, texts, at + 8, arena):
            return False
        start = end
    return True


cdef inline bint sort_equals(
    Pairs *pairs, uint32_t start, uint32_t end, const Text *texts, uint64_t at, Arena *arena
) noexcept nogil:
    """Sort a run of items whose texts are equal up to `at` by what follows, or by length if nothing follows."""
    cdef Pairs run
    cdef uint32_t i, j, item
    cdef uint64_t longest = 0, shortest = ~<uint64_t>0
    if end - start <= 16:
        for i in range(start + 1, end):
            item = pairs.items[i]
            j = i
            while j > start and is_after(&texts[pairs.items[j - 1]], &texts[item]):
                pairs.items[j] = pairs.items[j - 1]
                j -= 1
            pairs.items[j] = item
        return True
    for i in range(start, end):
        longest = max(longest, texts[pairs.items[i]].length)
        shortest = min(shortest, texts[pairs.items[i]].length)
    if longest <= at and longest == shortest:
        return True
    if not open_pairs(&run, arena, end - start):
        return False
    for i in range(end - start):
        item = pairs.items[start + i]
        run.items[i] = item
        run.keys[i] = key_of(&texts[item], at) if longest > at else texts[item].length
    if longest <= at:
        sort(&run, end - start)
    elif not sort_texts(&run, end - start, texts, at, arena):
        return False
    for i in range(end - start):
        pairs.items[start + i] = run.items[i]
    return True


cdef struct Ranking:
    Text *written  # as the answer writes them, in sorted order


cdef inline bint rank(Memo *memo, Ranking *ranking, Arena *arena) noexcept nogil:
    """Sort a memo's entries by their texts and note each entry's rank; return False if memory is out."""
    cdef Pairs pairs
    cdef Entry *entry
    cdef uint32_t i
    cdef Text *texts = <Text *>take(arena, 2 * memo.count * sizeof(Text))
    if texts == NULL or not open_pairs(&pairs, arena, memo.count):
        return False
    for i in range(memo.count):
        texts[i] = memo.entries[i].text
        pairs.keys[i] = key_of(&texts[i], 0)
        pairs.items[i] = i
    if not sort_texts(&pairs, memo.count, texts, 0, arena):
        return False
    ranking.written = texts + memo.count
    for i in range(memo.count):
        entry = &memo.entries[pairs.items[i]]
        entry.rank = i
        ranking.written[i] = entry.written
    return True


# ---- a sorted multiset of ranks ----

cdef struct Tally:
    uint64_t *ranks    # one bit per rank it holds
    uint64_t *words    # one bit per word of `ranks` that is not 0
    uint32_t *counts
    uint32_t size      # of `words`


cdef inline bint open_tally(Tally *tally, Arena *arena, uint32_t most) noexcept nogil:
    """Open an empty tally of ranks below `most`; return False if memory is out."""
    cdef uint64_t size = (most + 4095) // 4096, ranks = (most + 63) // 64
    cdef uint64_t bytes = (size + ranks) * sizeof(uint64_t) + most * sizeof(uint32_t)
    tally.words = <uint64_t *>take(arena, bytes)
    if tally.words == NULL:
        return False
    memset(tally.words, 0, bytes)
    tally.ranks = tally.words + size
    tally.counts = <uint32_t *>(tally.ranks + ranks)
    tally.size = <uint32_t>size
    return True


cdef inline void count(Tally *tally, uint32_t rank) noexcept nogil:
    tally.counts[rank] += 1
    tally.ranks[rank >> 6] |= <uint64_t>1 << (rank & 63)
    tally.words[rank >> 12] |= <uint64_t>1 << (rank >> 6 & 63)


cdef inline uint32_t take_lowest(Tally *tally, uint32_t *counted) noexcept nogil:
    """Remove the lowest rank and return it with its count; NONE if the tally is empty."""
    cdef uint32_t group, place, rank
    for group in range(tally.size):
        if tally.words[group]:
            place = group << 6 | lowest(tally.words[group])
            rank = place << 6 | lowest(tally.ranks[place])
            tally.ranks[place] &= tally.ranks[place] - 1
            if not tally.ranks[place]:
                tally.words[group] &= tally.words[group] - 1
            counted[0] = tally.counts[rank]
            tally.counts[rank] = 0
            return rank
    return NONE
