"""Scalar values: integers, moments, statuses. Parsers return the address behind the value, or NULL: fall back."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from cython_core.words cimport (
    StatusText, digit_bits, half, low_word, number, past, statuses, unlikely, word,
)


cdef inline const uint8_t *parse_integer(const uint8_t *p, uint64_t *value) noexcept nogil:
    """Parse at most 16 digits without a sign; the caller checks what follows them."""
    cdef uint64_t digits = word(p)
    cdef uint32_t bits = digit_bits(digits), more
    if bits == 0 or (p[0] == c'0' and bits > 8):
        return NULL
    if bits < 64:
        value[0] = number(digits << (64 - bits))
        return p + (bits >> 3)
    more = digit_bits(word(p + 8))
    value[0] = number(word(p + (more >> 3)))
    if more:
        value[0] += number(digits << (64 - more)) * <uint64_t>100000000
    return p + 8 + (more >> 3)


cdef inline bint is_id(uint64_t value) noexcept nogil:
    return value - 1 < <uint64_t>9007199254740991


cdef inline const uint8_t *parse_moment(const uint8_t *p, uint64_t *moment) noexcept nogil:
    """Parse YYYY-MM-DDThh:mm:ssZ and the closing quote into a number that sorts like the text."""
    cdef uint64_t a = word(p) ^ word(b"0000-00-")
    cdef uint64_t b = word(p + 8) ^ word(b"00T00:00")
    cdef uint64_t c = word(p + 13) ^ word(b":00:00Z\"")
    # Now a digit's byte is below 10 and any other byte is 0. Where that fails, adding sets the byte's top bit.
    cdef uint64_t wrong = (
        a | (a + <uint64_t>0x7F76767F76767676) | b | (b + <uint64_t>0x76767F76767F7676)
        | c | (c + <uint64_t>0x7F7F76767F76767F)
    )
    cdef uint32_t century, year, month, day, hour, minute, second, days
    if wrong & <uint64_t>0x8080808080808080:
        return NULL
    # Each byte becomes ten times itself plus its right neighbour.
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
        return NULL
    days = 30 + (<uint32_t>0x15AA >> month & 1)  # one bit per month of 31 days
    if month == 2:
        days = 29 if ((year if year else century) & 3) == 0 else 28
    if day - 1 >= days:
        return NULL
    moment[0] = (
        <uint64_t>century << 48 | <uint64_t>year << 40 | <uint64_t>month << 32
        | day << 24 | hour << 16 | minute << 8 | second
    )
    return past(p, b'0000-00-00T00:00:00Z"')


cdef inline const uint8_t *parse_status(const uint8_t *p, uint32_t *status) noexcept nogil:
    """Parse one of the five statuses and the closing quote."""
    cdef const StatusText *text = &statuses[p[0] & 31]
    if unlikely(
        not text.length or half(p + text.length - 4) != half(text.tail)
        or low_word(p, text.length - 1 if text.length < 9 else 8) != word(text.head)
    ):
        return NULL
    status[0] = text.status
    return p + text.length
