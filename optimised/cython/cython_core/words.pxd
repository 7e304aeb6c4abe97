"""Declarations of words.h: unaligned words, windows of bytes, and a few instructions."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from "cython_core/words.h" nogil:
    const char *PATH
    const char *widest_path()
    const int STRIDE
    const int STEP
    const uint32_t RANKED
    const bint ALWAYS_COPY

    uint64_t word(const void *p)
    uint32_t half(const void *p)
    uint64_t swapped(uint64_t w)
    void store_word(void *o, uint64_t w)
    void store_half(void *o, uint32_t w)
    void copy_32(void *o, const void *p)
    uint32_t lowest(uint64_t mask)
    uint32_t lowest_if(uint64_t mask)
    uint32_t ones(uint64_t mask)
    uint64_t alternate(uint64_t mask)
    uint32_t highest(uint64_t mask)
    uint32_t width(uint64_t n)

    const uint8_t *past(const uint8_t *p, const char *text)
    const uint8_t *match(const uint8_t *p, const char *text)
    uint8_t *write_literal(uint8_t *o, const char *text)

    ctypedef struct StatusText:
        char head[8]
        char tail[4]
        uint32_t length
        uint32_t status

    const StatusText statuses[32]
    uint64_t number(uint64_t digits)
    uint32_t digit_bits(uint64_t w)
    uint64_t two_numbers(uint64_t a, uint64_t b)
    uint32_t fours[10000]
    uint64_t fold(uint64_t a, uint64_t b)
    uint64_t low_word(const uint8_t *p, uint32_t n)
    uint64_t high_word(const uint8_t *p, uint32_t n)

    uint64_t seed[2]
    uint64_t fallbacks
    void plant(uint32_t i, uint64_t value)
    void count_one(uint64_t *count)
    uint64_t counted(const uint64_t *count)

    ctypedef struct Bytes:
        pass

    Bytes bytes_at(const uint8_t *p)
    uint64_t equal(Bytes v, char c)
    uint64_t below(Bytes v, uint8_t c)
    uint64_t tops(Bytes v)
    uint64_t equal_both(const uint8_t *p, char c, const uint8_t *q, char d)

    uint64_t plain_end(const uint8_t *p)
    uint32_t quote_run(const uint8_t *p)
    uint32_t sku_run(const uint8_t *p)
    uint32_t count_below(const uint64_t *keys, uint32_t n, uint64_t key)

cdef extern from *:  # of every module that Cython writes
    bint likely(bint truth) nogil
    bint unlikely(bint truth) nogil
