"""Plain values as they stand in a document: integers, moments, skus. All are read eight bytes at a time."""

import numpy as np

from numba_core.memory import byte, inlined, kernel, lowest_byte, swapped, word

U = np.uint64
ONES = U(0x0101010101010101)
HIGH = U(0x8080808080808080)
ALL = U(0xFFFFFFFFFFFFFFFF)
POWERS = np.array([10**exponent for exponent in range(8)])

COMMA = ord(",")
QUOTE = ord('"')
ZERO = ord("0")
MAX_INTEGER = 2**53 - 1
DATE = U(int.from_bytes(b"0000-00-", "little"))
TIME = U(int.from_bytes(b"00T00:00", "little"))
SECONDS = U(int.from_bytes(b"0:00:00Z", "little"))
YEAR = U(0xFFFFFFFF)
DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@kernel
def each(character):
    """A word of eight times the same byte."""
    return ONES * U(character)


@inlined
def first(address, count):
    """The first `count` bytes at an address, at least one and at most eight, as a word; the rest of it is zero."""
    return word(address) & (ALL >> U(64 - 8 * min(count, 8)))


@kernel
def sortable(address, count):
    """The first `count` bytes at an address, at most eight, as a number that sorts as they do; 0 if there are none."""
    return swapped(first(address, count)) if count > 0 else U(0)


@inlined
def equal(address, other, count):
    """Whether `count` bytes at two addresses are the same; `count` is at least one."""
    while count > 8:
        if word(address) != word(other):
            return False
        address += 8
        other += 8
        count -= 8
    return first(address, count) == first(other, count)


@inlined
def digits(text):
    """The number that eight ASCII digits spell, the first one lowest in the word; zero bytes count as zeros."""
    ones = text & each(0x0F)
    pairs = ((ones * U(2561)) >> U(8)) & U(0x00FF00FF00FF00FF)
    fours = ((pairs * U(6553601)) >> U(16)) & U(0x0000FFFF0000FFFF)
    return np.int64((fours * U(42949672960001)) >> U(32))


@inlined
def leading_digits(text):
    """How many of the eight bytes are digits before the first that is none."""
    ends = (((text ^ each(ZERO)) + each(0x76)) | text) & HIGH
    return lowest_byte(ends) if ends else 8


@inlined
def integer(at):
    """Read a number of up to 16 digits and no sign: its value, or -1, and the address where it ends.

    What may not follow (more digits, a fraction) the caller sees there.
    """
    digit = byte(at) - ZERO
    if not 0 <= byte(at + 1) - ZERO <= 9:
        return (digit if 0 <= digit <= 9 else -1), at + 1
    text = word(at)
    length = leading_digits(text)
    if length == 0 or digit == 0:
        return -1, at
    value = digits(text << U(64 - 8 * length))
    at += length
    if length == 8:
        return longer_integer(value, at)
    return value, at


@kernel
def longer_integer(value, at):
    """Read what follows the first eight digits of a number."""
    text = word(at)
    length = leading_digits(text)
    if length == 0:
        return value, at
    if length == 8:
        return value * 100_000_000 + digits(text), at + 8
    return value * POWERS[length] + digits(text << U(64 - 8 * length)), at + length


@kernel
def part(text, index):
    """The byte at `index` of a word, as an integer."""
    return np.int64((text >> U(8 * index)) & U(0xFF))


@kernel
def moment(at):
    """A date and time `YYYY-MM-DDThh:mm:ssZ` and a quote, as an integer that sorts alike; -1 if it is no real one."""
    date = word(at) ^ DATE  # all that follows works on the digits themselves, separators being zero
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
def days_of(month, year):
    """How many days a month has."""
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return DAYS[month] + leap


@kernel
def within(text, low, high):
    """Marks (0x80) on those bytes of a word, all below 0x80, that lie from `low` to `high`."""
    return (text + each(0x80 - low)) & ~(text + each(0x7F - high)) & HIGH


@inlined
def sku_length(at):
    """The length of the sku at an address, or 0 if it is none that a quote ends."""
    length = 0
    while length <= 40:
        text = word(at + length)
        ascii_ = text & ~HIGH
        good = within(ascii_, ord("-"), ord("9")) & ~within(ascii_, ord("/"), ord("/"))
        good |= within(ascii_ | each(0x20), ord("a"), ord("z")) | within(ascii_, ord("_"), ord("_"))
        others = ~good & HIGH | text & HIGH
        if others:
            length += lowest_byte(others)
            return length if length <= 40 and byte(at + length) == QUOTE else 0
        length += 8
    return 0
