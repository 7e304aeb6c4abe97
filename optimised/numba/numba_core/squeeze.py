"""Remove the white space between tokens of a document that has some, so that it can be scanned."""

import numpy as np

from numba_core.memory import among_64, byte, copy_32, inlined, kernel, lowest_bit
from numba_core.text import SPACE, find_closing
from numba_core.values import COMMA, QUOTE, U

TAB, LINE_FEED, RETURN, COLON = map(ord, "\t\n\r:")
APART = np.zeros(256, np.bool_)
"""Characters beside which white space can go without joining two tokens."""
APART[[ord(character) for character in '{}[]:," \t\n\r']] = True


@kernel
def squeeze(at: int, end: int, start: int) -> int:
    """Copy a text to `start` without the white space between its tokens; return its size there.

    Return 0 if that would join two tokens: such a text is not JSON.
    """
    to = start
    while at < end:
        past = min(token_end(at), end)
        while at < past:
            copy_32(to, at)
            moved = min(32, past - at)
            at += moved
            to += moved
        spaces = white(at)
        if spaces & U(1):
            at += lowest_bit(~spaces) if ~spaces else 64
            if start < to and at < end and not (APART[byte(to - 1)] or APART[byte(at)]):
                return 0
    return to - start


@inlined
def token_end(at: int) -> int:
    """The end of a string with a colon or comma behind it, or else the next quote or white space."""
    if byte(at) == QUOTE:
        past = find_closing(at + 1) + 1
        return past + (byte(past) == COLON or byte(past) == COMMA)
    stops = white(at) | among_64(at, QUOTE, QUOTE)
    return at + (lowest_bit(stops) if stops else 64)


@inlined
def white(at: int) -> np.uint64:
    """A bit for each of the next 64 bytes that is white space."""
    return among_64(at, SPACE, SPACE) | among_64(at, TAB, LINE_FEED) | among_64(at, RETURN, RETURN)
