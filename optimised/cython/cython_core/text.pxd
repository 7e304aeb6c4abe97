"""Strings: find their end, check them against the spec, unescape them and quote them again.

Only `find_string_end` is on the usual path: tags, channels and names are checked once, then found by their bytes.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from cython_core.words cimport STEP, STRIDE, Bytes, below, bytes_at, copy_32, equal, half, highest, lowest, tops

cdef struct Text:
    const uint8_t *start
    uint64_t length

cdef struct Found:
    uint64_t length       # up to the closing quote, in bytes of the document
    uint64_t backslashes  # not 0 if it has any
    uint64_t high         # not 0 if it has bytes beyond ASCII


cdef inline bint find_string_end(const uint8_t *p, Found *found) noexcept nogil:
    """Find the end of a string from behind its opening quote; return False if it holds a control character.

    An open string ends in one: `bytes` end in a NUL.
    """
    cdef Bytes v
    cdef uint64_t quotes, backslashes, escaped, stop, inside
    cdef uint64_t at = 0
    found.backslashes = 0
    found.high = 0
    while True:
        v = bytes_at(p + at)
        quotes = equal(v, c'"')
        backslashes = equal(v, c'\\')
        stop = quotes | below(v, 32)
        escaped = (backslashes << STEP) & (backslashes | quotes)
        if escaped and (not stop or (escaped & -escaped) <= (stop & -stop)):
            # An escaped quote or backslash: go behind the first one and look again.
            inside = (escaped & -escaped) - 1
            at += lowest(escaped) // STEP + 1
            stop = 0
        elif stop:
            inside = (stop & -stop) - 1
        else:
            inside = ~<uint64_t>0
            at += STRIDE - (backslashes >> 63)  # a window never begins inside an escape
        found.backslashes |= backslashes & inside
        found.high |= tops(v) & inside
        if stop:
            found.length = at + lowest(stop) // STEP
            return (stop & -stop & quotes) != 0


cdef inline uint32_t utf8_size(const uint8_t *p) noexcept nogil:
    """The number of bytes of the character at p, or 0 if it is not UTF-8 (RFC 3629, section 4)."""
    cdef uint32_t lead = p[0]
    if lead < 0x80:
        return 1
    if lead < 0xC2:
        return 0
    if (p[1] & 0xC0) != 0x80:
        return 0
    if lead < 0xE0:
        return 2
    if (p[2] & 0xC0) != 0x80:
        return 0
    if lead < 0xF0:
        if (lead == 0xE0 and p[1] < 0xA0) or (lead == 0xED and p[1] > 0x9F):
            return 0
        return 3
    if (p[3] & 0xC0) != 0x80 or lead > 0xF4:
        return 0
    if (lead == 0xF0 and p[1] < 0x90) or (lead == 0xF4 and p[1] > 0x8F):
        return 0
    return 4


cdef inline uint64_t first_bytes(uint64_t n) noexcept nogil:
    """A mask of the first n bytes of a window."""
    return ~<uint64_t>0 if n >= STRIDE else (<uint64_t>1 << n * STEP) - 1


cdef inline bint is_utf8(const uint8_t *p, uint64_t length) noexcept nogil:
    """Tell whether a string's bytes are UTF-8."""
    cdef uint64_t at = 0
    cdef uint32_t size
    if STRIDE == 64:
        return is_wide_utf8(p, length)
    while at < length:
        size = utf8_size(p + at)
        if not size:
            return False
        at += size
    return at == length


cdef inline bint is_wide_utf8(const uint8_t *p, uint64_t length) noexcept nogil:
    """`is_utf8` with a mask per class of bytes: continuation bytes must stand exactly where the leads want them."""
    cdef Bytes v
    cdef uint64_t inside, follow, two, three, four, wrong, low, whole
    cdef uint64_t at = 0
    while at < length:
        v = bytes_at(p + at)
        inside = first_bytes(min(length - at, <uint64_t>61))  # up to three bytes continue the last character
        follow = tops(v) & below(v, 0xC0)
        if length - at > 61:
            whole = highest(inside & ~follow | 1)  # the last character begins here: leave it to the next window
            if not whole:
                return False
            inside = first_bytes(whole)
            at += whole
        else:
            at = length
        low = below(v, 0xA0)
        two = inside & ~below(v, 0xC2)
        three = two & ~below(v, 0xE0)
        four = three & ~below(v, 0xF0)
        wrong = (
            (inside & tops(v) & ~follow & ~two) | (inside & ~below(v, 0xF5))
            | (inside & equal(v, <char>0xE0)) << 1 & low | (inside & equal(v, <char>0xED)) << 1 & ~low
            | (inside & equal(v, <char>0xF0)) << 1 & below(v, 0x90)
            | (inside & equal(v, <char>0xF4)) << 1 & ~below(v, 0x90)
        )
        if wrong or follow & inside != two << 1 | three << 2 | four << 3:
            return False
    return True


cdef inline bint is_tidy(const uint8_t *p, uint64_t length) noexcept nogil:
    """Tell whether a name is normalised as it stands: no escape, and only single spaces between other characters."""
    cdef Bytes v
    cdef uint64_t inside, gaps, at = 0, wrong = 0, high = 0
    cdef uint64_t before = <uint64_t>1 << (STEP - 1)
    while at < length:
        v = bytes_at(p + at)
        inside = first_bytes(length - at)
        gaps = equal(v, c' ')
        wrong |= inside & (below(v, 32) | equal(v, c'\\') | (gaps & (gaps << STEP | before)))
        high |= inside & tops(v)
        before = gaps >> 63 << (STEP - 1)
        at += STRIDE
    return not wrong and p[length - 1] != c' ' and (not high or is_utf8(p, length))


cdef inline uint32_t hex_four(const uint8_t *p) noexcept nogil:
    """The value of four hexadecimal digits, all at once; 0x10000 if another character is among them."""
    cdef uint32_t w = half(p)
    cdef uint32_t low = w & 0x7F7F7F7F
    cdef uint32_t letter = low | 0x20202020
    # Top bits: from '0' to '9', or from 'a' to 'f'.
    cdef uint32_t good = (low + 0x50505050) & ~(low + 0x46464646) | (letter + 0x1F1F1F1F) & ~(letter + 0x19191919)
    if good & ~w & <uint32_t>0x80808080 != <uint32_t>0x80808080:
        return 0x10000
    w = (w & 0x0F0F0F0F) + 9 * (w >> 6 & 0x01010101)
    w = w << 4 | w >> 8
    return (w & 0xFF) << 8 | w >> 16 & 0xFF


cdef inline const uint8_t *parse_escape(const uint8_t *p, uint32_t *character) noexcept nogil:
    """Parse the escape at p; return the address behind it, or NULL for no escape or half a surrogate pair."""
    cdef uint32_t value, rest
    cdef uint8_t c = p[1]
    if c == c'u':
        value = hex_four(p + 2)
        p += 6
        if 0xD800 <= value < 0xDC00:
            if p[0] != c'\\' or p[1] != c'u':
                return NULL
            rest = hex_four(p + 2)
            if rest < 0xDC00 or rest > 0xDFFF:
                return NULL
            value = 0x10000 + ((value - 0xD800) << 10) + (rest - 0xDC00)
            p += 6
        elif value > 0xFFFF or 0xDC00 <= value < 0xE000:
            return NULL
        character[0] = value
        return p
    if c == c'"' or c == c'\\' or c == c'/':
        character[0] = c
    elif c == c'b':
        character[0] = 8
    elif c == c'f':
        character[0] = 12
    elif c == c'n':
        character[0] = 10
    elif c == c'r':
        character[0] = 13
    elif c == c't':
        character[0] = 9
    else:
        return NULL
    return p + 2


cdef inline bint escapes_are_good(const uint8_t *p, uint64_t length) noexcept nogil:
    """Tell whether every escape of a string is valid and no surrogate stands alone."""
    cdef const uint8_t *end = p + length
    cdef uint64_t backslashes
    cdef uint32_t character
    while p < end:
        backslashes = equal(bytes_at(p), c'\\')
        if not backslashes:
            p += STRIDE
            continue
        p += lowest(backslashes) // STEP
        while p < end and p[0] == c'\\':
            p = parse_escape(p, &character)
            if p == NULL:
                return False
    return True


cdef inline uint8_t *write_character(uint8_t *o, uint32_t c) noexcept nogil:
    """Write a character in UTF-8."""
    if c < 0x80:
        o[0] = <uint8_t>c
        return o + 1
    if c < 0x800:
        o[0] = <uint8_t>(0xC0 | c >> 6)
        o[1] = <uint8_t>(0x80 | c & 0x3F)
        return o + 2
    if c < 0x10000:
        o[0] = <uint8_t>(0xE0 | c >> 12)
        o[1] = <uint8_t>(0x80 | c >> 6 & 0x3F)
        o[2] = <uint8_t>(0x80 | c & 0x3F)
        return o + 3
    o[0] = <uint8_t>(0xF0 | c >> 18)
    o[1] = <uint8_t>(0x80 | c >> 12 & 0x3F)
    o[2] = <uint8_t>(0x80 | c >> 6 & 0x3F)
    o[3] = <uint8_t>(0x80 | c & 0x3F)
    return o + 4


cdef inline uint8_t *write_text(uint8_t *o, const uint8_t *start, uint64_t length) noexcept nogil:
    """Copy a text in whole blocks of 32 bytes."""
    cdef uint64_t at = 32
    copy_32(o, start)
    while at < length:
        copy_32(o + at, start + at)
        at += 32
    return o + length


cdef inline uint64_t run_before(uint64_t mask, uint64_t length) noexcept nogil:
    """The number of bytes, at most `length`, before the first that the mask of this window marks."""
    cdef uint64_t run = lowest(mask) // STEP if mask else STRIDE
    return run if run < length else length


cdef inline int64_t decode(const uint8_t *p, uint64_t length, uint8_t *o) noexcept nogil:
    """Unescape a string; return its size in bytes, which is at most `length`, or −1 if it is malformed."""
    cdef const uint8_t *end = p + length
    cdef uint8_t *start = o
    cdef uint64_t run
    cdef uint32_t character
    if not is_utf8(p, length):
        return -1
    while p < end:
        run = run_before(equal(bytes_at(p), c'\\'), end - p)
        o = write_text(o, p, run)
        p += run
        while p < end and p[0] == c'\\':
            p = parse_escape(p, &character)
            if p == NULL:
                return -1
            o = write_character(o, character)
    return o - start


cdef inline uint64_t characters(const uint8_t *p, uint64_t length) noexcept nogil:
    """The number of characters in `length` bytes of UTF-8."""
    cdef uint64_t count = 0, i
    for i in range(length):
        count += (p[i] & 0xC0) != 0x80
    return count


cdef inline uint64_t normalise(uint8_t *text, uint64_t length) noexcept nogil:
    """Turn every run of ASCII white space into one space, drop it at both ends, in place; return the new length."""
    cdef uint8_t *o = text
    cdef bint gap = False
    cdef uint64_t i
    for i in range(length):
        if text[i] == 32 or 9 <= text[i] <= 13:
            gap = o != text
        else:
            if gap:
                o[0] = 32
                o += 1
                gap = False
            o[0] = text[i]
            o += 1
    return o - text


cdef inline uint8_t *write_quoted(uint8_t *o, const uint8_t *text, uint64_t length) noexcept nogil:
    """Write a string with quotes, as the answer spells it: no spelling in a document is shorter."""
    cdef const char *names = b"btn?fr"  # for the characters 8 to 13; 11 has none
    cdef const char *hexadecimal = b"0123456789abcdef"
    cdef const uint8_t *end = text + length
    cdef Bytes v
    cdef uint64_t run
    cdef uint8_t c
    o[0] = c'"'
    o += 1
    while text < end:
        v = bytes_at(text)
        run = run_before(equal(v, c'"') | equal(v, c'\\') | below(v, 32), end - text)
        o = write_text(o, text, run)
        text += run
        while text < end and (text[0] < 32 or text[0] == c'"' or text[0] == c'\\'):
            c = text[0]
            text += 1
            o[0] = c'\\'
            if c >= 32:
                o[1] = c
                o += 2
            elif 8 <= c <= 13 and c != 11:
                o[1] = names[c - 8]
                o += 2
            else:
                memcpy(o + 1, b"u00", 3)
                o[4] = hexadecimal[c >> 4]
                o[5] = hexadecimal[c & 15]
                o += 6
    o[0] = c'"'
    return o + 1
