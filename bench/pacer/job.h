/* The job and outcome files, which `bench/measure/instruments/pacer_files.py` writes and reads.
 *
 * Both use the byte order of the machine. A job is a header, the exchanges, the turns and the inserted turns. An
 * outcome is a header and one record per request, in the order in which requests were due or sent.
 */
#ifndef PACER_JOB_H
#define PACER_JOB_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t nanoseconds; /* since the load began */

struct job_header {
    uint32_t exchanges;
    uint32_t users;          /* of a closed load; 0 for an open load, whose turns have due times */
    uint32_t connections;    /* most concurrent connections */
    uint32_t reserved;
    uint64_t turns;          /* a closed load repeats them until its window ends */
    uint64_t inserted;       /* turns of a closed load that have due times, each sent once */
    nanoseconds window;      /* end of a closed load, after which it sends no more requests */
    nanoseconds patience;    /* timeout of a request */
};

/* A request and its right answer. The bytes of both follow this header, padded to 8. */
struct exchange_header {
    uint32_t request_bytes;
    uint32_t body_bytes;
    uint16_t status;
    uint16_t is_head;        /* its answer has a Content-Length but no body */
    uint32_t judging;        /* enum judging */
};

/* How an answer is judged: by this program, byte for byte; or by the reader of the outcome, if its body differs
 * (OTHERS_KEPT), or in any case, because headers count (ALL_KEPT). */
enum judging { BY_BYTES, OTHERS_KEPT, ALL_KEPT };

struct exchange {
    const char *request;
    const char *body;
    size_t request_bytes;
    size_t body_bytes;
    unsigned status;
    int is_head;
    enum judging judging;
};

struct turn {
    nanoseconds due;         /* unused by the rotation of a closed load */
    uint32_t exchange;
    uint32_t reserved;
};

struct job {
    struct job_header header;
    struct exchange *exchanges;
    const struct turn *turns;
    const struct turn *inserted;
};

enum verdict { UNANSWERED, RIGHT, WRONG_STATUS, WRONG_BODY, BROKEN, REFUSED, LATE, NOT_HTTP, KEPT };

struct record {
    nanoseconds due;         /* intended start; of a closed load the time when its user was free */
    nanoseconds noticed;     /* when this program noticed that it was due; the difference is its own lateness */
    nanoseconds sent;        /* when its first byte was sent; later than `noticed` if no connection was free */
    nanoseconds done;        /* when its last byte arrived, or when it failed */
    uint32_t exchange;
    uint16_t verdict;
    uint16_t status;
    uint32_t answer;         /* of a kept one: its number */
    uint32_t reserved;
};

/* A kept answer, followed by the bytes of its head and body: each distinct one of an exchange once. */
struct kept_header {
    uint32_t exchange;
    uint32_t head_bytes;
    uint32_t body_bytes;
    uint32_t reserved;
};

struct outcome_header {
    uint64_t records;
    uint64_t kept;           /* answers after the records */
    uint64_t connected;      /* opened connections */
    uint64_t resent;         /* requests sent again because the kept connection had been closed */
    uint64_t most_under_way; /* most concurrent requests */
    nanoseconds began_epoch; /* beginning of the load, since 1970 */
    nanoseconds took;        /* from the beginning to the last answer */
    nanoseconds cpu;         /* CPU time of this program in that span */
};

#endif
