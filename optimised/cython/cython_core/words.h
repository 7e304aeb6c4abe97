/* What Cython cannot express: unaligned words, wide windows of bytes, and a few instructions.
 *
 * A window compares the next STRIDE bytes at once. Its masks have STEP bits per byte, of which the highest counts. This
 * file is compiled once per path: windows of 64 bytes with AVX-512 or AVX2, or of 8 bytes in a plain word elsewhere.
 */
#ifndef CYTHON_CORE_WORDS_H
#define CYTHON_CORE_WORDS_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the first byte of a word must be its lowest"
#endif

#define INLINE static inline __attribute__((always_inline))
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte)) /* the byte, eight times */

INLINE uint64_t word(const void *p) { uint64_t w; memcpy(&w, p, 8); return w; }
INLINE uint32_t half(const void *p) { uint32_t w; memcpy(&w, p, 4); return w; }
INLINE uint64_t swapped(uint64_t w) { return __builtin_bswap64(w); }
INLINE void store_word(void *o, uint64_t w) { memcpy(o, &w, 8); }
INLINE void store_half(void *o, uint32_t w) { memcpy(o, &w, 4); }
INLINE void copy_32(void *o, const void *p) { memcpy(o, p, 32); }
INLINE uint32_t lowest(uint64_t mask) { return (uint32_t)__builtin_ctzll(mask); } /* mask != 0 */
INLINE uint32_t ones(uint64_t mask) { return (uint32_t)__builtin_popcountll(mask); }
INLINE uint32_t highest(uint64_t mask) { return 63 - (uint32_t)__builtin_clzll(mask); }
INLINE uint32_t width(uint64_t n) { return 64 - (uint32_t)__builtin_clzll(n); }   /* n != 0 */

/* Literal text: these compile to a few loads, compares and stores of constants. Each returns the address behind the
 * text. `match` returns NULL if another text stands at p; `past` does not compare. */
INLINE const uint8_t *past(const uint8_t *p, const char *text) { return p + __builtin_strlen(text); }
INLINE const uint8_t *match(const uint8_t *p, const char *text) {
    return memcmp(p, text, __builtin_strlen(text)) == 0 ? past(p, text) : NULL;
}
INLINE uint8_t *write_literal(uint8_t *o, const char *text) {
    size_t n = __builtin_strlen(text);
    memcpy(o, text, n);
    return o + n;
}

/* The value of eight digits, the first one lowest. A shorter number may be padded in front with 0 or '0'. */
INLINE uint64_t number(uint64_t digits) {
    uint64_t v = (digits & EACH(15)) * 10 + ((digits & EACH(15)) >> 8);
    return ((v & UINT64_C(0xFF000000FF)) * (100 + (UINT64_C(1000000) << 32)) +
            ((v >> 16) & UINT64_C(0xFF000000FF)) * (1 + (UINT64_C(10000) << 32))) >> 32;
}

/* Eight times the number of digits with which a word begins. */
INLINE uint32_t digit_bits(uint64_t w) {
    uint64_t v = w ^ EACH('0');
    uint64_t others = ((v + EACH(0x76)) | v) & EACH(0x80); /* exact up to the first other byte */
    return others ? lowest(others) & 0x78 : 64;
}

/* The four digits of each number below 10,000, the first one lowest; filled when the module is imported. */
static uint32_t fours[10000];

/* The statuses, indexed by the last five bits of their first letter: at most eight first letters, the last four bytes
 * with the closing quote, the length with it, and the number in tables.pxd. */
typedef struct { char head[8], tail[4]; uint32_t length, status; } StatusText;
static const StatusText statuses[32] = {
    ['o' & 31] = {"open", "pen\"", 5, 0},     ['p' & 31] = {"paid", "aid\"", 5, 1},
    ['s' & 31] = {"shipped", "ped\"", 8, 2},  ['r' & 31] = {"refunded", "ded\"", 9, 3},
    ['c' & 31] = {"cancelle", "led\"", 10, 4},
};

/* One step of the hashes: the halves of a product, mixed. */
INLINE uint64_t fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The first n bytes at p, n <= 16, as two words padded with zeros. */
static const uint8_t kept[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
INLINE uint64_t low_word(const uint8_t *p, uint32_t n) { return word(p) & word(kept + 16 - n); }
INLINE uint64_t high_word(const uint8_t *p, uint32_t n) { return word(p + 8) & word(kept + 24 - n); }

/* All that outlives a call: a count, and a seed drawn per process, so that no client can prepare keys that collide. */
static uint64_t seed[2];
static uint64_t fallbacks;
INLINE void plant(uint32_t i, uint64_t value) {
    uint64_t none = 0;
    __atomic_compare_exchange_n(&seed[i], &none, value | 1, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
INLINE void count_one(uint64_t *count) { __atomic_fetch_add(count, 1, __ATOMIC_RELAXED); }
INLINE uint64_t counted(const uint64_t *count) { return __atomic_load_n(count, __ATOMIC_RELAXED); }

/* AddressSanitizer reports loads beyond the document, though none can fault: under it, documents are padded copies. */
#ifdef __SANITIZE_ADDRESS__
#define ALWAYS_COPY 1
#else
#define ALWAYS_COPY 0
#endif

/* The widest path that this processor runs. */
INLINE const char *widest_path(void) {
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"))
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") ? "avx512" : "avx2";
#endif
    return "scalar";
}

/* ---- windows ---- */

#if defined(__AVX2__)
#include <immintrin.h>
#define STRIDE 64
#define STEP 1
#define RANKED 320 /* keys: up to this number, comparing each with all others is the fastest sort */

/* count_below: how many of n keys are less than `key`. The keys are compared in blocks of sixteen, padded with the
 * highest key. Up to sixteen keys take one block: a loop that ends is a mispredicted branch. */

#if defined(__AVX512BW__)
#define PATH "avx512"
typedef __m512i Bytes;
INLINE Bytes bytes_at(const uint8_t *p) { return _mm512_loadu_si512(p); }
INLINE uint64_t equal(Bytes v, char c) { return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(c)); }
INLINE uint64_t below(Bytes v, uint8_t c) { return _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8((char)c)); }
INLINE uint64_t tops(Bytes v) { return _mm512_movepi8_mask(v); }
INLINE uint64_t equal_both(const uint8_t *p, char c, const uint8_t *q, char d) {
    return equal(bytes_at(p), c) & equal(bytes_at(q), d);
}

INLINE uint32_t count_below(const uint64_t *keys, uint32_t n, uint64_t key) {
    const __m512i pivot = _mm512_set1_epi64((long long)key), one = _mm512_set1_epi64(1);
    __m512i sum = _mm512_setzero_si512();
    uint32_t i = 0;
    do { /* summed as a vector: gcc 12 spills a mask of eight bits as one byte and reloads four */
        __mmask8 first = _mm512_cmplt_epu64_mask(_mm512_loadu_si512(keys + i), pivot);
        __mmask8 second = _mm512_cmplt_epu64_mask(_mm512_loadu_si512(keys + i + 8), pivot);
        sum = _mm512_mask_add_epi64(sum, first, sum, one);
        sum = _mm512_mask_add_epi64(sum, second, sum, one);
    } while ((i += 16) < n);
    return (uint32_t)_mm512_reduce_add_epi64(sum);
}
#else
#define PATH "avx2"
typedef struct { __m256i low, high; } Bytes;
INLINE uint64_t mask_of(__m256i low, __m256i high) {
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}
INLINE Bytes bytes_at(const uint8_t *p) {
    return (Bytes){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32))};
}
INLINE uint64_t equal(Bytes v, char c) {
    __m256i each = _mm256_set1_epi8(c);
    return mask_of(_mm256_cmpeq_epi8(v.low, each), _mm256_cmpeq_epi8(v.high, each));
}
INLINE uint64_t below(Bytes v, uint8_t c) {
    __m256i most = _mm256_set1_epi8((char)(c - 1));
    return mask_of(_mm256_cmpeq_epi8(_mm256_max_epu8(v.low, most), most),
                   _mm256_cmpeq_epi8(_mm256_max_epu8(v.high, most), most));
}
INLINE uint64_t tops(Bytes v) { return mask_of(v.low, v.high); }
INLINE uint64_t equal_both(const uint8_t *p, char c, const uint8_t *q, char d) {
    __m256i each = _mm256_set1_epi8(c), other = _mm256_set1_epi8(d);
    Bytes v = bytes_at(p), w = bytes_at(q);
    return mask_of(_mm256_and_si256(_mm256_cmpeq_epi8(v.low, each), _mm256_cmpeq_epi8(w.low, other)),
                   _mm256_and_si256(_mm256_cmpeq_epi8(v.high, each), _mm256_cmpeq_epi8(w.high, other)));
}

INLINE uint32_t count_below(const uint64_t *keys, uint32_t n, uint64_t key) {
    const __m256i flip = _mm256_set1_epi64x(INT64_MIN); /* AVX2 compares signed */
    __m256i pivot = _mm256_xor_si256(_mm256_set1_epi64x((long long)key), flip), sum = _mm256_setzero_si256();
    uint32_t i = 0;
    do {
        for (uint32_t j = 0; j < 16; j += 4) {
            __m256i v = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(keys + i + j)), flip);
            sum = _mm256_sub_epi64(sum, _mm256_cmpgt_epi64(pivot, v));
        }
    } while ((i += 16) < n);
    __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    return (uint32_t)(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
}
#endif

INLINE uint32_t lowest_if(uint64_t mask) { return (uint32_t)_tzcnt_u64(mask); } /* 64 if there is none */
INLINE uint64_t alternate(uint64_t mask) { return _pdep_u64(EACH(0x55), mask); } /* its first, third, … bit */

/* The number of bytes, at most 32, that are characters of a sku: their row (high half) and column (low half) share a
 * bit. */
INLINE uint32_t sku_run(const uint8_t *p) {
    const __m128i rows = _mm_setr_epi8(0, 0, 1, 2, 4, 8, 4, 16, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m128i columns = _mm_setr_epi8(26, 30, 30, 30, 30, 30, 30, 30, 30, 30, 28, 4, 4, 5, 5, 12);
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
    __m256i row = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(rows), high);
    __m256i column = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(columns), v);
    __m256i none = _mm256_cmpeq_epi8(_mm256_and_si256(row, column), _mm256_setzero_si256());
    return _tzcnt_u32((uint32_t)_mm256_movemask_epi8(none));
}

/* The number of bytes, at most 32, before the next quote. */
INLINE uint32_t quote_run(const uint8_t *p) {
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    return _tzcnt_u32((uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'))));
}

/* The number of bytes, at most 64, before the next quote or backslash. */
INLINE uint64_t plain_end(const uint8_t *p) {
    Bytes v = bytes_at(p);
    return _tzcnt_u64(equal(v, '"') | equal(v, '\\'));
}

/* Two numbers at once, in the halves of a vector: digits are added up to pairs, fours and eights. */
INLINE uint64_t two_numbers(uint64_t a, uint64_t b) {
    __m128i v = _mm_and_si128(_mm_set_epi64x((long long)b, (long long)a), _mm_set1_epi8(15));
    v = _mm_maddubs_epi16(v, _mm_set1_epi16(10 | 1 << 8));
    v = _mm_madd_epi16(v, _mm_set1_epi32(100 | 1 << 16));
    v = _mm_madd_epi16(_mm_packus_epi32(v, v), _mm_set1_epi32(10000 | 1 << 16));
    return (uint64_t)_mm_cvtsi128_si64(v);
}

#else
#define PATH "scalar"
#define STRIDE 8
#define STEP 8
#define RANKED 48
#define TOPS EACH(0x80)

/* Exact per byte: no borrow or carry crosses into another byte. */
INLINE uint64_t zeros(uint64_t w) { return ~(((w & ~TOPS) + ~TOPS) | w | ~TOPS); }
INLINE uint64_t at_least(uint64_t low, uint8_t c) { return low + EACH(0x80 - c); } /* in the top bits; low < 0x80 */

typedef uint64_t Bytes;
INLINE Bytes bytes_at(const uint8_t *p) { return word(p); }
INLINE uint64_t equal(Bytes v, char c) { return zeros(v ^ EACH((uint8_t)c)); }
INLINE uint64_t below(Bytes v, uint8_t c) { return ~(at_least(v & ~TOPS, c) | v) & TOPS; } /* c <= 0x80 */
INLINE uint64_t tops(Bytes v) { return v & TOPS; }
INLINE uint64_t equal_both(const uint8_t *p, char c, const uint8_t *q, char d) {
    return zeros((word(p) ^ EACH((uint8_t)c)) | (word(q) ^ EACH((uint8_t)d)));
}
INLINE uint64_t not_sku(uint64_t w) {
    uint64_t low = w & ~TOPS, letter = low | EACH(0x20);
    uint64_t good = at_least(letter, 'a') & ~at_least(letter, 'z' + 1);
    good |= at_least(low, '-') & ~at_least(low, '9' + 1) & ~zeros(low ^ EACH('/'));
    good |= zeros(low ^ EACH('_'));
    return (~good | w) & TOPS;
}
INLINE uint32_t lowest_if(uint64_t mask) { return mask ? lowest(mask) : 64; }
INLINE uint64_t alternate(uint64_t mask) { return mask; } /* unused: windows of 64 bytes alone need it */
INLINE uint32_t sku_run(const uint8_t *p) {
    uint64_t ends;
    uint32_t n = 0;
    while ((ends = not_sku(word(p + n))) == 0 && n < 24) n += 8;
    return ends ? n + (lowest(ends) / STEP) : 32;
}
INLINE uint32_t quote_run(const uint8_t *p) {
    uint64_t ends;
    uint32_t n = 0;
    while ((ends = equal(word(p + n), '"')) == 0 && n < 24) n += 8;
    return ends ? n + (lowest(ends) / STEP) : 32;
}
INLINE uint64_t plain_end(const uint8_t *p) {
    uint64_t ends, n = 0;
    while ((ends = equal(word(p + n), '"') | equal(word(p + n), '\\')) == 0 && n < 56) n += 8;
    return ends ? n + (lowest(ends) / STEP) : n + 8;
}
INLINE uint64_t two_numbers(uint64_t a, uint64_t b) { return number(a) | number(b) << 32; }
INLINE uint32_t count_below(const uint64_t *keys, uint32_t n, uint64_t key) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) count += keys[i] < key;
    return count;
}
#endif

#endif
