"""The one function that Python calls: the whole transform, compiled once for the bytes of a document."""

import numpy as np
from numba import int64, njit, types, uint8, uint64

from numba_core.memory import Row, clear, copy, kernel, write_literal
from numba_core.scan import parse_batch
from numba_core.squeeze import squeeze
from numba_core.tables import NOTHING, PADDING, STATE_BYTES, State, Text, lay_out
from numba_core.write import write_answer

DOCUMENT = types.Array(uint8, 1, "C", readonly=True)
MEMORY = types.Array(uint8, 1, "C")

ANSWER = STATE_BYTES
"""Where in `memory` the answer begins."""


@kernel
def begin(size: int, state: Row) -> int:
    """Empty the tables and put the wall behind the text; return the address where the text ends."""
    clear(state.ids, state.counts - state.ids)
    state.free = state.arena
    state.label_count = state.name_count = 1
    Text(state.labels, 0).length = Text(state.names, 0).length = NOTHING
    state.grouped = state.line_count = state.tag_count = state.channel_count = 0
    state.customer_count = state.cancelled_count = 0
    state.duplicates = state.total = 0
    end = state.text + size
    clear(end, PADDING)
    write_literal(end + 1, '"')  # closes a string that is open
    state.wall = end + 8
    return end


@njit(int64(DOCUMENT, MEMORY, uint64), cache=True, nogil=True, error_model="numpy")
def statement(document: np.ndarray, memory: np.ndarray, seed: np.uint64) -> int:
    """Write the statement of a document into `memory`, from `ANSWER` on; return its length in bytes.

    Return 0 to fall back to the reference core, or minus the bytes needed if `memory` has fewer. `memory` must have at
    least STATE_BYTES. `seed` keys the hash tables.
    """
    start = np.int64(memory.ctypes.data)
    state = State(start, 0)
    past = lay_out(state, start + STATE_BYTES, document.size)
    if past - start > memory.size:
        return start - past
    state.seed = seed
    copy(state.text, np.int64(document.ctypes.data), document.size)
    end = begin(document.size, state)
    if parse_batch(state.text, state) != end:
        size = squeeze(state.text, end, state.answer)  # the answer's room is still free
        copy(state.text, state.answer, size)
        end = begin(size, state)
        if parse_batch(state.text, state) != end:
            return 0
    return write_answer(state) - state.answer
