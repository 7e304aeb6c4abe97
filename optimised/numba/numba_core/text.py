"""Strings: find their end, check and count their characters, and write them unescaped, normalised or escaped."""

import numpy as np

from numba_core.memory import (
    among_64,
    bits_set,
    byte,
    copy_32,
    inlined,
    kernel,
    lowest_bit,
    set_byte,
    word,
    write_literal,
)
from numba_core.values import ALL, QUOTE, U

BACKSLASH, SPACE, LETTER_U = map(ord, "\\ u")
WINDOW = 60  # bytes checked at once, of 64 loaded: the last character's other bytes must be among them

PLAIN, ESCAPED, ZERO = range(3)

MEANING = np.full(256, -1)
"""The character that a letter after a backslash stands for."""
SPELLING = np.zeros(256, np.int64)
"""The letter written after a backslash for a character; `u` for `\\u00xx`, 0 for a character written as it is."""
SPELLING[:32] = LETTER_U
for letter, character in zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True):
    MEANING[ord(letter)] = ord(character)
    if character != "/":
        SPELLING[ord(character)] = ord(letter)
HEX = np.full(256, -1)
"""The value of a hexadecimal digit."""
HEX_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8).astype(np.int64)
for value, digit in enumerate(HEX_DIGITS):
    HEX[digit] = HEX[ord(chr(digit).upper())] = value


@inlined
def find_closing(at: int) -> int:
    """The address of the quote that ends the string whose first character is at an address."""
    while True:
        quotes = among_64(at, QUOTE, QUOTE)
        while quotes == U(0):
            at += 64
            quotes = among_64(at, QUOTE, QUOTE)
        at += lowest_bit(quotes)
        if byte(at - 1) != BACKSLASH or not is_escaped(at):
            return at
        at += 1


@kernel
def is_escaped(at: int) -> bool:
    """Tell whether an odd number of backslashes stands before an address."""
    before = at - 1
    while byte(before) == BACKSLASH:
        before -= 1
    return (at - before) % 2 == 0


@kernel
def characters(at: int, end: int) -> tuple[int, int]:
    """The number of characters of a string, or -1 if it is malformed; and PLAIN, ESCAPED or ZERO.

    ESCAPED means that some are escaped, ZERO that U+0000 is among them.
    """
    count = 0
    while at < end:
        length = min(end - at, WINDOW)
        inside = ALL >> U(64 - length)
        if (among_64(at, 0x00, 0x1F) | among_64(at, BACKSLASH, BACKSLASH)) & inside:
            return characters_by_one(at, end, count)
        if among_64(at, 0x80, 0xFF) & inside:
            if length < end - at:
                return characters_by_one(at, end, count)
            continuing = continuations(at, inside)
            return (count + length - continuing if continuing else -1), PLAIN
        at += length
        count += length
    return count, PLAIN


@kernel
def continuations(at: int, inside: np.uint64) -> int:
    """The number of continuation bytes in the text that `inside` marks; 0 if it is not well-formed UTF-8.

    All bytes are checked at once, one bit each: lead bytes say where continuation bytes must stand.
    """
    two = among_64(at, 0xC2, 0xDF) & inside
    three = among_64(at, 0xE0, 0xEF) & inside
    four = among_64(at, 0xF0, 0xF4) & inside
    following = among_64(at, 0x80, 0xBF) & inside
    second = (two | three | four) << U(1)
    wrong = following ^ (second | (three | four) << U(2) | four << U(3))
    wrong |= (among_64(at, 0xC0, 0xC1) | among_64(at, 0xF5, 0xFF)) & inside
    # No overlong form, no surrogate, nothing above U+10FFFF.
    wrong |= among_64(at, 0xE0, 0xE0) << U(1) & second & among_64(at, 0x80, 0x9F)
    wrong |= among_64(at, 0xED, 0xED) << U(1) & second & among_64(at, 0xA0, 0xBF)
    wrong |= among_64(at, 0xF0, 0xF0) << U(1) & second & among_64(at, 0x80, 0x8F)
    wrong |= among_64(at, 0xF4, 0xF4) << U(1) & second & among_64(at, 0x90, 0xBF)
    return 0 if wrong else bits_set(following)


@kernel
def characters_by_one(at: int, end: int, count: int) -> tuple[int, int]:
    """`characters` for a string with escapes or a long one; `count` characters before `at` are counted already."""
    escaped = PLAIN
    while at < end:
        character = byte(at)
        length = 1
        if character >= 0x80:
            length = sequence_length(at)
        elif character == BACKSLASH:
            code, length = parse_escape(at)
            if code < 0:
                return -1, escaped
            escaped = max(escaped, ESCAPED if code else ZERO)
        elif character < SPACE:
            return -1, escaped
        if length == 0:
            return -1, escaped
        at += length
        count += 1
    return count, escaped


@kernel
def sequence_length(at: int) -> int:
    """The length of the well-formed UTF-8 sequence of two to four bytes at an address, or 0."""
    text = np.int64(word(at) & U(0xFFFFFFFF))
    if text & 0xC0E0 == 0x80C0:
        return 2 if text & 0x1E else 0
    if text & 0xC0C0F0 == 0x8080E0:
        code = (text & 0x0F) << 12 | (text >> 8 & 0x3F) << 6
        return 3 if code >= 0x800 and code & 0xF800 != 0xD800 else 0
    if text & 0xC0C0C0F8 == 0x808080F0:
        code = (text & 0x07) << 18 | (text >> 8 & 0x3F) << 12
        return 4 if 0x10000 <= code <= 0x10FFFF else 0
    return 0


@kernel
def hex_number(at: int) -> int:
    """The number that four hexadecimal digits spell; negative if another character is among them."""
    return HEX[byte(at)] << 12 | HEX[byte(at + 1)] << 8 | HEX[byte(at + 2)] << 4 | HEX[byte(at + 3)]


@kernel
def parse_escape(at: int) -> tuple[int, int]:
    """Parse an escape sequence: its character, or -1, and its length, for a surrogate pair that of both halves."""
    letter = byte(at + 1)
    if letter != LETTER_U:
        return MEANING[letter], 2
    code = hex_number(at + 2)
    if code & 0xF800 != 0xD800:
        return code, 6
    low = hex_number(at + 8)
    if code >= 0xDC00 or byte(at + 6) != BACKSLASH or byte(at + 7) != LETTER_U or low & 0xFC00 != 0xDC00:
        return -1, 6
    return 0x10000 + ((code & 0x3FF) << 10 | low & 0x3FF), 12


@kernel
def write_character(code: int, to: int) -> int:
    """Write a character as UTF-8 and return the address behind it."""
    if code < 0x80:
        set_byte(to, code)
        return to + 1
    if code < 0x800:
        set_byte(to, 0xC0 | code >> 6)
        set_byte(to + 1, 0x80 | code & 0x3F)
        return to + 2
    if code < 0x10000:
        set_byte(to, 0xE0 | code >> 12)
        set_byte(to + 1, 0x80 | code >> 6 & 0x3F)
        set_byte(to + 2, 0x80 | code & 0x3F)
        return to + 3
    set_byte(to, 0xF0 | code >> 18)
    set_byte(to + 1, 0x80 | code >> 12 & 0x3F)
    set_byte(to + 2, 0x80 | code >> 6 & 0x3F)
    set_byte(to + 3, 0x80 | code & 0x3F)
    return to + 4


@kernel
def write_unescaped(at: int, end: int, to: int) -> int:
    """Write a well-formed string unescaped, and return the address behind it."""
    while at < end:
        copy_32(to, at)
        escapes = among_64(at, BACKSLASH, BACKSLASH) & U(0xFFFFFFFF)
        plain = min(lowest_bit(escapes) if escapes else 32, end - at)
        at += plain
        to += plain
        if at < end and byte(at) == BACKSLASH:
            code, length = parse_escape(at)
            to = write_character(code, to)
            at += length
    return to


@kernel
def is_normal(at: int, end: int) -> bool:
    """Tell whether a name without escapes is known to be normalised: no space at an end or beside another."""
    if end - at > WINDOW:
        return False
    inside = ALL >> U(64 - (end - at))
    spaces = among_64(at, SPACE, SPACE) & inside
    ends = U(1) | (inside ^ inside >> U(1))
    return spaces & (spaces << U(1) | ends) == U(0)


@kernel
def write_normalised(at: int, end: int, to: int) -> int:
    """Write a name with each run of ASCII white space as one space, and none at its ends; return the end."""
    start = to
    space = False
    while at < end:
        character = byte(at)
        at += 1
        if character == SPACE or 9 <= character <= 13:
            space = to > start
            continue
        if space:
            set_byte(to, SPACE)
            to += 1
            space = False
        set_byte(to, character)
        to += 1
    return to


@kernel
def write_escaped(at: int, end: int, to: int) -> int:
    """Write a text with the escapes of the answer; return the address behind it."""
    while at < end:
        character = byte(at)
        at += 1
        letter = SPELLING[character]
        if letter == 0:
            set_byte(to, character)
            to += 1
            continue
        set_byte(to, BACKSLASH)
        set_byte(to + 1, letter)
        to += 2
        if letter == LETTER_U:
            to = write_literal(to, "00")
            set_byte(to, HEX_DIGITS[character >> 4])
            set_byte(to + 1, HEX_DIGITS[character & 15])
            to += 2
    return to
