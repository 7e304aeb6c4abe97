#include "kept.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

enum { FIRST_SLOTS = 1 << 12 };
static const size_t MOST_BYTES = (size_t)1 << 30;

struct kept {
    struct kept_header header;
    uint64_t hash;
    char *bytes;
};

static struct kept *all;
static size_t count, room, bytes;
static uint32_t *slots; /* open addressing; the number of an answer, from 1 */
static size_t slot_count;

/* FNV-1a, eight bytes at a time. */
static uint64_t hashed(uint64_t hash, const char *at, size_t length) {
    const uint64_t prime = 0x100000001b3;
    for (; length >= sizeof(uint64_t); at += sizeof(uint64_t), length -= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        hash = (hash ^ word) * prime;
        hash ^= hash >> 32;
    }
    for (; length > 0; at++, length--) hash = (hash ^ (unsigned char)*at) * prime;
    return hash;
}

static int is(const struct kept *kept, const struct kept_header *header, const struct answer *answer) {
    return !memcmp(&kept->header, header, sizeof *header) &&
           !memcmp(kept->bytes, answer->bytes, header->head_bytes) &&
           !memcmp(kept->bytes + header->head_bytes, answer->bytes + answer->body, header->body_bytes);
}

/* Where an answer of that hash stands, or would. */
static uint32_t *slot_of(uint64_t hash, const struct kept_header *header, const struct answer *answer) {
    for (size_t at = hash % slot_count;; at = (at + 1) % slot_count) {
        uint32_t number = slots[at];
        if (!number) return &slots[at];
        const struct kept *kept = &all[number - 1];
        if (header && kept->hash == hash && is(kept, header, answer)) return &slots[at];
    }
}

static void make_room(void) {
    if (count == room) {
        room = room ? 2 * room : FIRST_SLOTS / 2;
        all = realloc(all, room * sizeof *all);
        if (!all) err(1, "no memory for %zu answers", room);
    }
    if (2 * (count + 1) <= slot_count) return;
    free(slots);
    slot_count = slot_count ? 2 * slot_count : FIRST_SLOTS;
    slots = calloc(slot_count, sizeof *slots);
    if (!slots) err(1, "no memory for %zu answers", slot_count);
    for (uint32_t number = 1; number <= count; number++) *slot_of(all[number - 1].hash, NULL, NULL) = number;
}

uint32_t kept_number(uint32_t exchange, const struct answer *answer, size_t head_bytes) {
    struct kept_header header = {
        .exchange = exchange, .head_bytes = (uint32_t)head_bytes, .body_bytes = (uint32_t)answer->body_bytes};
    uint64_t hash = hashed(0xcbf29ce484222325u ^ exchange, answer->bytes, head_bytes);
    hash = hashed(hash, answer->bytes + answer->body, answer->body_bytes);
    make_room();
    uint32_t *slot = slot_of(hash, &header, answer);
    if (!*slot) {
        struct kept *kept = &all[count];
        *kept = (struct kept){.header = header, .hash = hash, .bytes = malloc(head_bytes + answer->body_bytes + 1)};
        bytes += head_bytes + answer->body_bytes;
        if (!kept->bytes || bytes > MOST_BYTES) errx(1, "%zu different answers: more than %zu bytes", count, bytes);
        memcpy(kept->bytes, answer->bytes, head_bytes);
        memcpy(kept->bytes + head_bytes, answer->bytes + answer->body, answer->body_bytes);
        *slot = (uint32_t)++count;
    }
    return *slot - 1;
}

size_t kept_count(void) { return count; }

void kept_write(FILE *file, const char *path) {
    for (size_t number = 0; number < count; number++) {
        const struct kept *kept = &all[number];
        size_t length = kept->header.head_bytes + kept->header.body_bytes;
        if (fwrite(&kept->header, sizeof kept->header, 1, file) != 1 || fwrite(kept->bytes, 1, length, file) != length)
            err(1, "%s", path);
    }
}
