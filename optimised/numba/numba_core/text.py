"""Strings: where they end, whether they are well-formed, how long they are, and the same text spelled anew."""

import numpy as np

from numba_core.memory import byte, inlined, kernel, lowest_byte, put, set_byte, set_word, word
from numba_core.values import HIGH, ONES, QUOTE, U, each

BACKSLASH = ord("\\")
SPACE = ord(" ")
ESCAPED = np.full(256, -1)
"""What a letter after a backslash stands for."""
ESCAPING = np.zeros(256, np.int64)
"""The letter written after a backslash for a character; 0 for one that is written as it is, `u` for `\\u00xx`."""
ESCAPING[:32] = ord("u")
for letter, character in zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True):
    ESCAPED[ord(letter)] = ord(character)
    if character != "/":
        ESCAPING[ord(character)] = ord(letter)
HEX = np.full(256, -1)
"""The value of a hexadecimal digit."""
HEX_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8).astype(np.int64)
for value, digit in enumerate(HEX_DIGITS):
    HEX[digit] = HEX[ord(chr(digit).upper())] = value


@inlined
def marks(text, character):
    """Marks (0x80) on the bytes equal to a character; exact for the lowest mark only."""
    differences = text ^ each(character)
    return (differences - ONES) & ~differences & HIGH


@inlined
def closing(at):
    """The address of the quote that ends the string whose first character is at an address."""
    while True:
        quotes = marks(word(at), QUOTE)
        while quotes == U(0):
            at += 8
            quotes = marks(word(at), QUOTE)
        at += lowest_byte(quotes)
        if byte(at - 1) != BACKSLASH or not is_escaped(at):
            return at
        at += 1


@kernel
def is_escaped(at):
    """Whether an odd number of backslashes stands before an address."""
    before = at - 1
    while byte(before) == BACKSLASH:
        before -= 1
    return (at - before) % 2 == 0


@kernel
def characters(at, end):
    """How many characters a string has between its quotes, and whether any is escaped; (-1, …) if it is malformed."""
    count = 0
    escaped = False
    while at < end:
        text = word(at)
        specials = (text - each(0x20) | text | marks(text, BACKSLASH)) & HIGH
        plain = min(lowest_byte(specials) if specials else 8, end - at)
        count += plain
        at += plain
        if plain == 8 or at == end:
            continue
        if byte(at) == BACKSLASH:
            code, length = escape(at)
            escaped = True
            if code < 0:
                return -1, escaped
            at += length
            count += 1
            continue
        while True:
            length = sequence(at)
            if length == 0:
                return -1, escaped
            at += length
            count += 1
            if byte(at) < 0x80:
                break
    return count, escaped


@kernel
def sequence(at):
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
def hex_number(at):
    """The number that four hexadecimal digits spell; negative if they are none."""
    return HEX[byte(at)] << 12 | HEX[byte(at + 1)] << 8 | HEX[byte(at + 2)] << 4 | HEX[byte(at + 3)]


@kernel
def escape(at):
    """The character that an escape sequence stands for, or -1, and the length of the sequence (of both of a pair)."""
    letter = byte(at + 1)
    if letter != ord("u"):
        return ESCAPED[letter], 2
    code = hex_number(at + 2)
    if code & 0xF800 != 0xD800:
        return code, 6
    low = hex_number(at + 8)
    if code >= 0xDC00 or byte(at + 6) != BACKSLASH or byte(at + 7) != ord("u") or low & 0xFC00 != 0xDC00:
        return -1, 6
    return 0x10000 + ((code & 0x3FF) << 10 | low & 0x3FF), 12


@kernel
def encode(code, to):
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
def unescape(at, end, to):
    """Write a well-formed string without its escapes, and return the address behind it."""
    while at < end:
        text = word(at)
        set_word(to, text)
        escapes = marks(text, BACKSLASH)
        plain = min(lowest_byte(escapes) if escapes else 8, end - at)
        at += plain
        to += plain
        if plain < 8 and at < end:
            code, length = escape(at)
            to = encode(code, to)
            at += length
    return to


@kernel
def normalise(at, end, to):
    """Write a name with each run of ASCII white space as one space and none at its ends; return the address behind."""
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
def spell(at, end, to):
    """Write a text as it stands in the answer, with escapes where JSON wants them; return the address behind."""
    while at < end:
        character = byte(at)
        at += 1
        letter = ESCAPING[character]
        if letter:
            set_byte(to, BACKSLASH)
            set_byte(to + 1, letter)
            to += 2
            if letter == ord("u"):
                to = put(to, "00")
                set_byte(to, HEX_DIGITS[character >> 4])
                set_byte(to + 1, HEX_DIGITS[character & 15])
                to += 2
        else:
            set_byte(to, character)
            to += 1
    return to
