"""The one function that Python calls: the whole transform, compiled once for the bytes of a document."""

from numba import int64, njit, types, uint8, uint64

from numba_core.memory import clear, copy, kernel, put
from numba_core.scan import batch
from numba_core.tables import NOTHING, PADDING, STATE_BYTES, State, Text, lay_out
from numba_core.write import answer

DOCUMENT = types.Array(uint8, 1, "C", readonly=True)
MEMORY = types.Array(uint8, 1, "C")

ANSWER = STATE_BYTES
"""Where in `memory` the answer begins."""


@kernel
def write(size, state):
    """Read the text, and write the answer if there is nothing for the reference core to judge; its length, or 0."""
    end = state.text + size
    clear(end, PADDING)
    put(end + 1, '"')  # where a string without an end ends
    state.wall = end + 8
    state.label_count = state.name_count = 1
    Text(state.labels, 0).length = Text(state.names, 0).length = NOTHING
    if batch(state.text, state) != end:
        return 0
    return answer(state) - state.answer


@njit(int64(DOCUMENT, MEMORY, uint64), cache=True, nogil=True, error_model="numpy")
def statement(document, memory, seed):
    """Write the statement of a document into `memory`, from `ANSWER` on; its length in bytes.

    0 if the reference core has to judge the document; minus the bytes needed if `memory` has not as many. `memory` must
    have at least STATE_BYTES, `seed` is what the hash tables are keyed with.
    """
    start = memory.ctypes.data
    clear(start, STATE_BYTES)
    state = State(start, 0)
    past = lay_out(state, start + STATE_BYTES, document.size)
    if past - start > memory.size:
        return start - past
    clear(state.ids, state.counts - state.ids)
    state.seed = seed
    state.free = state.arena
    copy(state.text, document.ctypes.data, document.size)
    return write(document.size, state)
