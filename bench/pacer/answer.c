#define _GNU_SOURCE /* memmem */
#include "answer.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEAD_MOST = 1 << 16, DIGITS_MOST = 15 };

void answer_reset(struct answer *answer) {
    *answer = (struct answer){.bytes = answer->bytes, .room = answer->room};
}

void answer_reserve(struct answer *answer, size_t bytes) {
    size_t needed = answer->received + bytes;
    if (needed <= answer->room) return;
    answer->room = needed > 2 * answer->room ? needed : 2 * answer->room;
    answer->bytes = realloc(answer->bytes, answer->room);
    if (!answer->bytes) err(1, "no memory for an answer");
}

/* Returns the value of a header line with this name (lower case, with colon), or NULL for another name. */
static const char *value_of(const char *line, const char *end, const char *name) {
    size_t length = strlen(name);
    if ((size_t)(end - line) < length || strncasecmp(line, name, length)) return NULL;
    for (line += length; line < end && (*line == ' ' || *line == '\t'); line++) {}
    return line;
}

static int is_word(const char *value, const char *end, const char *word) {
    size_t length = strlen(word);
    return (size_t)(end - value) >= length && !strncasecmp(value, word, length);
}

static int digit(char character, int base) {
    if (character >= '0' && character <= '9') return character - '0';
    int letter = character | 32;
    return base == 16 && letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Returns the leading number in this base, or -1 if there is no digit or the number has too many digits for a size. */
static long long number(const char *from, const char *end, int base) {
    long long read = 0;
    const char *at = from;
    for (; at < end && at - from < DIGITS_MOST && digit(*at, base) >= 0; at++) read = read * base + digit(*at, base);
    return at == from || at - from == DIGITS_MOST ? -1 : read;
}

static enum progress read_header(struct answer *answer, const char *line, const char *end) {
    const char *value;
    if ((value = value_of(line, end, "content-length:"))) {
        long long bytes = number(value, end, 10);
        if (bytes < 0) return MALFORMED;
        if (answer->framing == BY_CLOSE) answer->framing = BY_LENGTH; /* a transfer coding overrides it (section 6.3) */
        answer->body_bytes = (size_t)bytes;
    } else if ((value = value_of(line, end, "transfer-encoding:"))) {
        if (!is_word(value, end, "chunked")) return MALFORMED; /* the request accepts no other coding */
        answer->framing = BY_CHUNKS;
    } else if ((value = value_of(line, end, "connection:"))) {
        if (is_word(value, end, "close")) answer->keeps_alive = 0;
        if (is_word(value, end, "keep-alive")) answer->keeps_alive = 1;
    }
    return COMPLETE;
}

/* Parses the status line and the headers, once they are complete. */
static enum progress read_head(struct answer *answer, int is_head) {
    const char *begin = answer->bytes, *last = memmem(begin, answer->received, "\r\n\r\n", 4);
    if (!last) return answer->received > HEAD_MOST ? MALFORMED : INCOMPLETE;
    if (last - begin < 12 || memcmp(begin, "HTTP/1.", 7) || begin[8] != ' ') return MALFORMED;
    long long status = number(begin + 9, begin + 12, 10);
    if (status < 100) return MALFORMED;
    answer->status = (unsigned)status;
    answer->framing = BY_CLOSE;
    answer->keeps_alive = begin[7] != '0';
    const char *line = memmem(begin, (size_t)(last + 2 - begin), "\r\n", 2);
    for (line += 2; line < last + 2;) {
        const char *end = memmem(line, (size_t)(last + 2 - line), "\r\n", 2);
        if (read_header(answer, line, end) == MALFORMED) return MALFORMED;
        line = end + 2;
    }
    answer->body = answer->unread = (size_t)(last + 4 - begin);
    if (is_head || status == 204 || status == 304) {
        answer->framing = BY_LENGTH;
        answer->body_bytes = 0;
    }
    if (answer->framing != BY_LENGTH) answer->body_bytes = 0;
    return COMPLETE;
}

/* Joins the chunks that are complete. */
static enum progress read_chunks(struct answer *answer) {
    for (;;) {
        const char *line = answer->bytes + answer->unread, *last = answer->bytes + answer->received;
        const char *end = memmem(line, (size_t)(last - line), "\r\n", 2);
        if (!end) return last - line > HEAD_MOST ? MALFORMED : INCOMPLETE;
        long long bytes = number(line, end, 16);
        if (bytes < 0) return MALFORMED;
        if (last - end < bytes + 4) return INCOMPLETE;
        if (memcmp(end + 2 + bytes, "\r\n", 2)) return MALFORMED; /* also for trailers, which no server here sends */
        memmove(answer->bytes + answer->body + answer->body_bytes, end + 2, (size_t)bytes);
        answer->body_bytes += (size_t)bytes;
        answer->unread = (size_t)(end + 4 + bytes - answer->bytes);
        if (bytes == 0) return answer->unread == answer->received ? COMPLETE : MALFORMED;
    }
}

enum progress answer_advance(struct answer *answer, int is_head, int ended) {
    while (answer->framing == HEAD_UNREAD) {
        enum progress head = read_head(answer, is_head);
        if (head != COMPLETE) return ended ? MALFORMED : head;
        if (answer->status >= 200) break;
        answer->received -= answer->body; /* an interim answer (RFC 9110, 15.2): the final one follows */
        memmove(answer->bytes, answer->bytes + answer->body, answer->received);
        answer->framing = HEAD_UNREAD;
    }
    size_t came = answer->received - answer->body;
    switch (answer->framing) {
    case BY_CHUNKS: {
        enum progress chunks = read_chunks(answer);
        return chunks == INCOMPLETE && ended ? MALFORMED : chunks;
    }
    case BY_LENGTH:
        if (came > answer->body_bytes) return MALFORMED; /* surplus bytes */
        return came == answer->body_bytes ? COMPLETE : ended ? MALFORMED : INCOMPLETE;
    default:
        answer->body_bytes = came;
        answer->keeps_alive = 0;
        return ended ? COMPLETE : INCOMPLETE;
    }
}
