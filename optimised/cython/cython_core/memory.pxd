"""All memory of a call: one arena, released at once."""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc

from cython_core.words cimport unlikely

cdef enum:
    PAD = 128  # bytes that a wide load or store may touch beyond its data

cdef struct Chunk:
    Chunk *earlier
    uint64_t unused  # aligns the memory behind this header on 16 bytes

cdef struct Arena:
    uint8_t *next
    uint8_t *end
    Chunk *chunks
    uint64_t step        # bytes of the next chunk
    uint8_t first[16384]  # on the stack, enough for a small document


cdef inline void *take(Arena *arena, uint64_t size) noexcept nogil:
    """Uninitialised memory for `size` bytes and PAD more; NULL if memory is out."""
    cdef uint64_t room
    cdef Chunk *chunk
    cdef uint8_t *start
    size = (size + PAD + 15) & ~<uint64_t>15
    if unlikely(size > <uint64_t>(arena.end - arena.next)):
        room = sizeof(Chunk) + max(size, arena.step)
        arena.step = 32768
        chunk = <Chunk *>malloc(room)
        if chunk == NULL:
            return NULL
        chunk.earlier = arena.chunks
        arena.chunks = chunk
        arena.next = <uint8_t *>(chunk + 1)
        arena.end = <uint8_t *>chunk + room
    start = arena.next
    arena.next = start + size
    return start


cdef inline void open_arena(Arena *arena, uint64_t length) noexcept nogil:
    """Open an arena for a document of `length` bytes.

    One chunk usually holds everything and hardly more. The allocator then keeps it from call to call. When it returned
    larger chunks to the system, faulting their pages in again took a third of the time.
    """
    arena.next = arena.first
    arena.end = arena.first + sizeof(arena.first)
    arena.chunks = NULL
    arena.step = 24576 + 2 * length + length // 4


cdef inline void close_arena(Arena *arena) noexcept nogil:
    cdef Chunk *chunk = arena.chunks
    cdef Chunk *earlier
    while chunk != NULL:
        earlier = chunk.earlier
        free(chunk)
        chunk = earlier
