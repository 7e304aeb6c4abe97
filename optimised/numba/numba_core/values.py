"""Plain values of a document: integers, moments, skus."""

import numpy as np

from numba_core.memory import among_16, byte, inlined, kernel, lowest_bit, swapped, word

U = np.uint64
HIGH = U(0x8080808080808080)
ALL = U(0xFFFFFFFFFFFFFFFF)
POWERS = np.array([10**exponent for exponent in range(8)])

COMMA, QUOTE, ZERO, NINE = map(ord, ',"09')
DOT, HYPHEN, UNDERSCORE = map(ord, ".-_")
UPPER_A, UPPER_Z, LOWER_A, LOWER_Z = map(ord, "AZaz")
MAX_INTEGER = 2**53 - 1

YEAR = U(0xFFFFFFFF)
DATE = U(int.from_bytes(b"0000-00-", "little"))
TIME = U(int.from_bytes(b"00T00:00", "little"))
SECONDS = U(int.from_bytes(b"0:00:00Z", "little"))
DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@kernel
def each(character: int) -> np.uint64:
    """A word of eight times the same byte."""
    return U(0x0101010101010101) * U(character)


@kernel
def first(address: int, count: int) -> np.uint64:
    """The first `count` bytes at an address, one to eight, as a word; the rest of it is zero."""
    return word(address) & (ALL >> U(64 - 8 * count))


@kernel
def equal(address: int, other: int, count: int) -> bool:
    """Tell whether `count` bytes at two addresses are equal."""
    while count > 8:
        if word(address) != word(other):
            return False
        address += 8
        other += 8
        count -= 8
    return count <= 0 or first(address, count) == first(other, count)


@kernel
def sortable(address: int, count: int) -> np.uint64:
    """The first `count` bytes at an address, at most eight, as a number that sorts as they do; 0 if there are none."""
    return swapped(first(address, min(count, 8))) if count > 0 else U(0)


@inlined
def digits(text: np.uint64) -> int:
    """The number that eight ASCII digits spell, the first one lowest in the word; zero bytes count as zeros."""
    ones = text & each(0x0F)
    pairs = ((ones * U(2561)) >> U(8)) & U(0x00FF00FF00FF00FF)
    fours = ((pairs * U(6553601)) >> U(16)) & U(0x0000FFFF0000FFFF)
    return np.int64((fours * U(42949672960001)) >> U(32))


@inlined
def digits_end(text: np.uint64) -> int:
    """Eight times the number of digits with which a word begins."""
    others = (((text ^ each(ZERO)) + each(0x76)) | text) & HIGH
    return lowest_bit(others) - 7 if others else 64


@inlined
def parse_integer(at: int) -> tuple[int, int]:
    """Parse a number of up to 16 digits without a sign: its value, or -1, and the address where it ends.

    The caller checks what follows: more digits or a fraction are a breach.
    """
    digit = byte(at) - ZERO
    if not 0 <= byte(at + 1) - ZERO <= 9:
        return (digit if 0 <= digit <= 9 else -1), at + 1
    text = word(at)
    bits = digits_end(text)
    if bits == 0 or digit == 0:
        return -1, at
    value = digits(text << U(64 - bits))
    at += bits >> 3
    if bits == 64:
        return parse_longer_integer(value, at)
    return value, at


@kernel
def parse_longer_integer(value: int, at: int) -> tuple[int, int]:
    """Parse what follows the first eight digits of a number."""
    text = word(at)
    bits = digits_end(text)
    if bits == 0:
        return value, at
    if bits == 64:
        return value * 100_000_000 + digits(text), at + 8
    return value * POWERS[bits >> 3] + digits(text << U(64 - bits)), at + (bits >> 3)


@kernel
def part(text: np.uint64, index: int) -> int:
    """The byte at `index` of a word, as an integer."""
    return np.int64((text >> U(8 * index)) & U(0xFF))


@kernel
def parse_moment(at: int) -> int:
    """Parse `YYYY-MM-DDThh:mm:ssZ` and a quote into an integer that sorts alike; -1 if it is no real date and time."""
    date = word(at) ^ DATE  # digits become their values, separators 0
    time = word(at + 8) ^ TIME
    seconds = word(at + 12) ^ SECONDS
    wrong = (date + U(0x7F76767F76767676)) | date
    wrong |= (time + U(0x76767F76767F7676)) | time
    wrong |= (seconds + U(0x7F76767F76767F76)) | seconds
    if wrong & HIGH or byte(at + 20) != QUOTE:
        return -1
    month = 10 * part(date, 5) + part(date, 6)
    day = 10 * part(time, 0) + part(time, 1)
    hour = 10 * part(time, 3) + part(time, 4)
    if not 1 <= month <= 12 or hour > 23 or part(time, 6) > 5 or part(seconds, 5) > 5 or date & YEAR == U(0):
        return -1
    days = digits(date)  # YYYY0MM0
    if day == 0 or (day > 28 and day > days_of(month, days // 1_0000)):
        return -1
    return (days * 100_000_000 + digits(time)) * 100 + 10 * part(seconds, 5) + part(seconds, 6)


@kernel
def days_of(month: int, year: int) -> int:
    """The number of days of a month."""
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return DAYS[month] + leap


@inlined
def sku_length(at: int) -> int:
    """The length of the sku at an address; 0 if no valid sku with a closing quote stands there."""
    length = 0
    while length <= 40:
        start = at + length
        good = among_16(start, ZERO, NINE) | among_16(start, UPPER_A, UPPER_Z) | among_16(start, LOWER_A, LOWER_Z)
        good |= among_16(start, HYPHEN, DOT) | among_16(start, UNDERSCORE, UNDERSCORE)
        if good != U(0xFFFF):
            length += lowest_bit(~good)
            return length if length <= 40 and byte(at + length) == QUOTE else 0
        length += 16
    return 0
