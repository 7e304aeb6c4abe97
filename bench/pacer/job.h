/* What is asked, when, and what became of it: the files that `bench/measure/instruments/pacer_files.py` writes and reads.
 *
 * Both are in the byte order of the machine. A job is a header, the exchanges, the turns and the inserted turns; an
 * outcome is a header, a record a request, in the order in which requests were due or sent, and the kept answers.
 */
#ifndef PACER_JOB_H
#define PACER_JOB_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t nanoseconds; /* since the load began */

struct job_header {
    uint32_t exchanges;
    uint32_t users;          /* of a closed load; 0: the load is open, and each turn has a due time */
    uint32_t connections;    /* at most so many at a time */
    uint32_t reserved;
    uint64_t turns;          /* of a closed load they are taken round and round */
    uint64_t inserted;       /* turns of a closed load with due times of their own, each taken once */
    nanoseconds window;      /* after which a closed load sends no more */
    nanoseconds patience;    /* for an answer */
};

/* A request and its only right answer; the bytes of both follow this header, padded to 8. */
struct exchange_header {
    uint32_t request_bytes;
    uint32_t body_bytes;
    uint16_t status;
    uint16_t is_head;        /* its answer has a length and no body */
    uint32_t judging;        /* enum judging */
};

/* Who says whether an answer is right: this program, byte for byte; or whoever reads the outcome, of bodies that are
 * other bytes, or of all answers, as their headers count. */
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
    nanoseconds due;         /* when it was to be sent; of a closed load when its user was free */
    nanoseconds noticed;     /* when this program saw that it was due: what it is late by itself */
    nanoseconds sent;        /* when its first byte was; later than noticed where no connection was free */
    nanoseconds done;        /* when its last byte came, or it was given up */
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
    uint64_t kept;           /* answers, after the records */
    uint64_t connected;      /* connections that were opened */
    uint64_t resent;         /* requests sent again, over a new connection for one that had been closed */
    uint64_t most;           /* requests under way at a time */
    nanoseconds began_epoch; /* when the load began, since 1970 */
    nanoseconds took;        /* until the last answer */
    nanoseconds cpu;         /* that this program used meanwhile */
};

#endif
