"""Tags and channels as small numbers: their ranks in sorted order, and a set of ranks that is read in that order."""

from numba_core.memory import Row, clear, kernel, lowest_bit
from numba_core.order import beginning, row_of, set_count, sort_by_text
from numba_core.tables import NOTHING, NUMBER_BYTES, TEXT_BYTES, WORD_BYTES, Mark, Number, Text, Word
from numba_core.values import U, equal, sortable


@kernel
def rank_labels(state: Row) -> None:
    """Sort all tags and channels, give equal ones the same rank, and list one row per rank in `ranked`."""
    count = state.label_count - 1
    set_count(count, state)
    longest = 0
    for position in range(count):
        text = Text(state.labels, position + 1)
        longest = max(longest, text.value_bytes)
        Number(state.rows, position).value = position + 1
        Word(state.words, position).bits = beginning(sortable(text.value, text.value_bytes), position, state)
    words = sort_by_text(count, longest, state.labels, TEXT_BYTES, state)
    ranks = 0
    for index in range(count):
        row = row_of(Word(words, index).bits, state)
        text = Text(state.labels, row)
        if ranks == 0 or not same_text(text, Text(state.labels, Number(state.ranked, ranks - 1).value)):
            Number(state.ranked, ranks).value = row
            ranks += 1
        text.rank = ranks - 1
    state.rank_count = ranks
    clear(state.counts, ranks * NUMBER_BYTES)
    clear(state.present, (ranks // 64 + 1) * WORD_BYTES)
    clear(state.summary, (ranks // 4096 + 1) * WORD_BYTES)


@kernel
def same_text(text: Row, other: Row) -> bool:
    """Tell whether two rows hold the same text."""
    return text.value_bytes == other.value_bytes and equal(text.value, other.value, text.value_bytes)


@kernel
def mark(rank: int, state: Row) -> None:
    """Add a rank to the set: a bit in its word, and a bit for that word in the summary."""
    Word(state.present, rank >> 6).bits |= U(1) << U(rank & 63)
    Word(state.summary, rank >> 12).bits |= U(1) << U(rank >> 6 & 63)


@kernel
def drain(state: Row) -> int:
    """List the ranks of the set in `listed`, ascending, and empty it; return their number."""
    count = 0
    for group in range((state.rank_count >> 12) + 1):
        summary = Word(state.summary, group)
        while summary.bits:
            index = 64 * group + lowest_bit(summary.bits)
            present = Word(state.present, index)
            while present.bits:
                Number(state.listed, count).value = 64 * index + lowest_bit(present.bits)
                count += 1
                present.bits &= present.bits - U(1)
            summary.bits &= summary.bits - U(1)
    return count


@kernel
def list_ranks(newest: int, table: int, state: Row) -> int:
    """List the ranks of a chain of tags or channels in `listed`, count each in `counts`; return their number."""
    row = newest
    while row != NOTHING:
        one = Mark(table, row)
        rank = Text(state.labels, one.label).rank
        Number(state.counts, rank).value += 1
        mark(rank, state)
        row = one.next
    return drain(state)
