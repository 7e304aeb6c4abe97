"""Declarations of words.h: bytes taken as words, windows of them, and a few instructions."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from "cython_core/words.h" nogil:
    const char *PATH
    const char *widest_path()
    const int STRIDE
    const int SHIFT
    const uint32_t RANKED
    const bint ALWAYS_COPY

    uint64_t word(const void *p)
    uint64_t big_word(const void *p)
    void put_word(void *o, uint64_t w)
    void put_big_word(void *o, uint64_t w)
    void put_32(void *o, const void *p)
    uint32_t lowest(uint64_t mask)
    uint32_t width(uint64_t n)

    bint match(const uint8_t *p, const char *text)
    uint8_t *put(uint8_t *o, const char *text)

    uint64_t fold(uint64_t a, uint64_t b)
    uint64_t low_word(const uint8_t *p, uint32_t n)
    uint64_t high_word(const uint8_t *p, uint32_t n)

    uint64_t seed[2]
    uint64_t handed_over
    void plant(uint32_t i, uint64_t value)
    void count_one(uint64_t *count)
    uint64_t counted(const uint64_t *count)

    ctypedef struct Marks:
        uint64_t quote
        uint64_t backslash
        uint64_t control
        uint64_t high

    ctypedef struct LineWindow:
        pass

    Marks marks(const uint8_t *p)
    LineWindow line_window(const uint8_t *p)
    uint32_t sku_run(LineWindow w, const uint8_t *p, uint32_t at)
    uint32_t digit_run(LineWindow w, const uint8_t *p, uint32_t at)
    uint32_t count_below(const uint64_t *keys, uint32_t n, uint64_t key)
