/* An HTTP/1.1 answer as it arrives (RFC 9112): where it ends, its status and its body. */
#ifndef PACER_ANSWER_H
#define PACER_ANSWER_H

#include <stddef.h>

enum framing { HEAD_UNREAD, BY_LENGTH, BY_CHUNKS, BY_CLOSE };
enum progress { INCOMPLETE, COMPLETE, MALFORMED };

struct answer {
    char *bytes;             /* as received; a chunked body is joined in place */
    size_t room, received;
    enum framing framing;
    unsigned status;
    int keeps_alive;
    size_t body, body_bytes; /* where the body begins; how much of it is known or joined so far */
    size_t unread;           /* of a chunked body: where the next chunk's line begins */
};

/* Forget the last answer and keep the memory. */
void answer_reset(struct answer *answer);

/* Make room for at least so many more bytes. */
void answer_reserve(struct answer *answer, size_t bytes);

/* Look at what has been received; `is_head` says that no body follows, `ended` that the server sends no more. */
enum progress answer_advance(struct answer *answer, int is_head, int ended);

#endif
