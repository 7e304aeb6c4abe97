/* An incremental parser of HTTP/1.1 answers (RFC 9112): status, body and end. */
#ifndef PACER_ANSWER_H
#define PACER_ANSWER_H

#include <stddef.h>

enum framing { HEAD_UNREAD, BY_LENGTH, BY_CHUNKS, BY_CLOSE };
enum progress { INCOMPLETE, COMPLETE, MALFORMED };

struct answer {
    char *bytes;             /* received bytes; a chunked body is joined in place */
    size_t room, received;
    enum framing framing;
    unsigned status;
    int keeps_alive;
    size_t body, body_bytes; /* offset of the body; its length as announced or joined so far */
    size_t unread;           /* of a chunked body: offset of the next chunk's size line */
};

/* Clears the answer but keeps its memory. */
void answer_reset(struct answer *answer);

/* Ensures room for at least `bytes` more bytes. */
void answer_reserve(struct answer *answer, size_t bytes);

/* Parses the received bytes. `is_head`: the answer has no body. `ended`: the server has closed the connection. */
enum progress answer_advance(struct answer *answer, int is_head, int ended);

#endif
