/* The lab's light load generator. It sends each request when it is due, over as few connections as possible, and
 * compares each answer to the right one. The job file contains the requests and their times; the outcome file receives
 * one record per request.
 *
 *     pacer ADDRESS PORT JOB OUTCOME
 *
 * One thread, one epoll. It sleeps until shortly before the next request is due, or until something arrives.
 */
#define _GNU_SOURCE /* epoll_pwait2 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "job.h"
#include "kept.h"

enum { EVENTS = 64, RECEIVE = 1 << 16, SPARE_FILES = 32, ARRIVED = EPOLLIN | EPOLLHUP | EPOLLERR };
static const nanoseconds SECOND = 1000000000;
static const nanoseconds WAKING = 50000; /* of a sleeping virtual CPU; it polls for so long before a request is due */

struct connection {
    int socket;
    int reused;              /* it has already received an answer */
    int resent;              /* its request was sent before, over a connection that was closed */
    size_t record;           /* index of the current request's record */
    size_t written;
    struct connection *next; /* in the list of idle or closed connections */
    struct answer answer;
};

static struct job job;
static struct sockaddr_in server;
static int events;
static nanoseconds origin;
static struct record *records;
static size_t recorded, room;
static struct connection *connections, *idle, *closed;
static size_t under_way;
static struct outcome_header outcome;

static nanoseconds clock_of(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static nanoseconds now(void) { return clock_of(CLOCK_MONOTONIC) - origin; }

/* --- the job and the outcome ------------------------------------------------------------------------------------- */

static void read_job(const char *path) {
    int file = open(path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status)) err(1, "%s", path);
    const char *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (at == MAP_FAILED) err(1, "%s", path);
    close(file);
    memcpy(&job.header, at, sizeof job.header);
    at += sizeof job.header;
    job.exchanges = calloc(job.header.exchanges, sizeof *job.exchanges);
    if (!job.exchanges) err(1, "no memory for the job");
    for (uint32_t number = 0; number < job.header.exchanges; number++) {
        struct exchange_header header;
        memcpy(&header, at, sizeof header);
        at += sizeof header;
        job.exchanges[number] = (struct exchange){
            .request = at, .request_bytes = header.request_bytes,
            .body = at + header.request_bytes, .body_bytes = header.body_bytes,
            .status = header.status, .is_head = header.is_head, .judging = header.judging,
        };
        at += (header.request_bytes + header.body_bytes + 7) & ~(size_t)7;
    }
    job.turns = (const struct turn *)at;
    job.inserted = job.turns + job.header.turns;
}

static void write_outcome(const char *path) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(&outcome, sizeof outcome, 1, file) != 1) err(1, "%s", path);
    if (fwrite(records, sizeof *records, recorded, file) != recorded) err(1, "%s", path);
    kept_write(file, path);
    if (fclose(file)) err(1, "%s", path);
}

static size_t record_of(uint32_t exchange, nanoseconds due, nanoseconds noticed) {
    if (recorded == room) {
        room = room ? 2 * room : 1 << 16;
        records = realloc(records, room * sizeof *records);
        if (!records) err(1, "no memory for %zu records", room);
    }
    records[recorded] = (struct record){.due = due, .noticed = noticed, .exchange = exchange};
    return recorded++;
}

/* --- one request over one connection ----------------------------------------------------------------------------- */

static void hang_up(struct connection *connection) {
    close(connection->socket);
    connection->socket = -1;
    connection->reused = 0;
    connection->next = closed;
    closed = connection;
}

/* Ends the request of a connection. The connection stays open for further requests if `stays`. */
static void end(struct connection *connection, enum verdict verdict, int stays) {
    struct record *record = &records[connection->record];
    record->done = now();
    record->verdict = (uint16_t)verdict;
    record->status = (uint16_t)connection->answer.status;
    int failed = verdict != RIGHT && verdict != KEPT;
    if (failed && job.header.users) job.header.window = 0; /* any failure invalidates a closed load */
    under_way--;
    connection->resent = 0;
    if (!stays) {
        hang_up(connection);
        return;
    }
    connection->reused = 1;
    connection->next = idle;
    idle = connection;
}

static const struct exchange *exchange_of(const struct connection *connection) {
    return &job.exchanges[records[connection->record].exchange];
}

static void write_request(struct connection *connection);

/* Connects without blocking. The request is written as soon as the connection is established. */
static void open_and_write(struct connection *connection) {
    int on = 1;
    connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->socket < 0) err(1, "socket");
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
    if (epoll_ctl(events, EPOLL_CTL_ADD, connection->socket, &event)) err(1, "epoll_ctl");
    outcome.connected++;
    if (connect(connection->socket, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
        end(connection, REFUSED, 0);
        return;
    }
    write_request(connection);
}

/* Sends a request again over a new connection, after a kept connection was closed before any byte of the answer. Most
 * likely the server closed it while idle and has not received the request (RFC 9112, 9.3.1). */
static void send_again(struct connection *connection) {
    close(connection->socket);
    connection->reused = 0;
    connection->resent = 1;
    connection->written = 0;
    outcome.resent++;
    open_and_write(connection);
}

static void handle_broken(struct connection *connection) {
    int may_resend = connection->reused && !connection->resent && connection->answer.received == 0;
    if (may_resend) send_again(connection);
    else end(connection, connection->reused || connection->written ? BROKEN : REFUSED, 0);
}

static void write_request(struct connection *connection) {
    const struct exchange *exchange = exchange_of(connection);
    while (connection->written < exchange->request_bytes) {
        ssize_t wrote = send(connection->socket, exchange->request + connection->written,
                             exchange->request_bytes - connection->written, MSG_NOSIGNAL);
        if (wrote < 0) {
            if (errno != EAGAIN && errno != ENOTCONN) handle_broken(connection);
            return; /* continues when the socket is writable */
        }
        if (!connection->written && !records[connection->record].sent) records[connection->record].sent = now();
        connection->written += (size_t)wrote;
    }
}

static enum verdict verdict_of(const struct connection *connection) {
    const struct exchange *exchange = exchange_of(connection);
    const struct answer *answer = &connection->answer;
    struct record *record = &records[connection->record];
    if (exchange->judging == ALL_KEPT) {
        record->answer = kept_number(record->exchange, answer, answer->body);
        return KEPT;
    }
    if (answer->status != exchange->status) return WRONG_STATUS;
    if (answer->body_bytes == exchange->body_bytes &&
        !memcmp(answer->bytes + answer->body, exchange->body, exchange->body_bytes))
        return RIGHT;
    if (exchange->judging == BY_BYTES) return WRONG_BODY;
    record->answer = kept_number(record->exchange, answer, 0);
    return KEPT;
}

static void read_answer(struct connection *connection) {
    struct answer *answer = &connection->answer;
    int all_written;
    for (;;) {
        answer_reserve(answer, RECEIVE);
        errno = 0;
        ssize_t came = recv(connection->socket, answer->bytes + answer->received, answer->room - answer->received, 0);
        if (came < 0 && errno == EAGAIN) return;
        if (came < 0 || (came == 0 && answer->received == 0)) {
            handle_broken(connection);
            return;
        }
        answer->received += (size_t)came;
        switch (answer_advance(answer, exchange_of(connection)->is_head, came == 0)) {
        case INCOMPLETE: break;
        case MALFORMED: end(connection, came == 0 ? BROKEN : NOT_HTTP, 0); return;
        case COMPLETE:
            all_written = connection->written == exchange_of(connection)->request_bytes;
            end(connection, verdict_of(connection), answer->keeps_alive && all_written);
            return;
        }
    }
}

/* Returns whether a connection has a request under way. */
static int is_busy(const struct connection *connection) {
    return connection->socket >= 0 && records[connection->record].verdict == UNANSWERED;
}

static void start(struct connection *connection, size_t record) {
    connection->record = record;
    connection->written = 0;
    answer_reset(&connection->answer);
    if (++under_way > outcome.most_under_way) outcome.most_under_way = under_way;
    if (connection->socket < 0) open_and_write(connection);
    else write_request(connection);
}

static struct connection *take_first(struct connection **list) {
    struct connection *first = *list;
    if (first) *list = first->next;
    return first;
}

/* Returns the idle connection that was used last, or else a closed one, or NULL if all are busy. */
static struct connection *free_connection(void) {
    struct connection *connection = take_first(&idle);
    return connection ? connection : take_first(&closed);
}

/* Closes an idle connection. Anything that arrives on one means that the server has closed it. */
static void drop_idle(struct connection *connection) {
    struct connection **link = &idle;
    while (*link != connection) link = &(*link)->next;
    *link = connection->next;
    hang_up(connection);
}

/* --- the schedule ------------------------------------------------------------------------------------------------ */

static size_t turn, inserted, sent;

/* Creates records for the requests that are due, and sends them over free connections, the oldest request first. */
static void open_turns(void) {
    struct connection *connection;
    while (sent < recorded && (connection = free_connection())) start(connection, sent++);
    for (nanoseconds at; turn < job.header.turns && job.turns[turn].due <= (at = now()); turn++) {
        record_of(job.turns[turn].exchange, job.turns[turn].due, at);
        if (sent + 1 == recorded && (connection = free_connection())) start(connection, sent++);
    }
}

/* Lets each free user send the next turn, or an inserted turn that is due. */
static void closed_turns(void) {
    nanoseconds at = now();
    struct connection *connection;
    while (at < job.header.window && under_way < job.header.users && (connection = free_connection())) {
        int extra = inserted < job.header.inserted && job.inserted[inserted].due <= at;
        uint32_t exchange = extra ? job.inserted[inserted++].exchange : job.turns[turn++ % job.header.turns].exchange;
        start(connection, record_of(exchange, at, at));
        at = now();
    }
}

/* Ends the requests that have timed out. Returns the time of the next check. */
static nanoseconds end_late(nanoseconds at) {
    for (uint32_t number = 0; number < job.header.connections; number++) {
        struct connection *connection = &connections[number];
        if (is_busy(connection) && at - records[connection->record].due > job.header.patience) end(connection, LATE, 0);
    }
    return at + SECOND;
}

static void await_event(nanoseconds until) {
    struct epoll_event found[EVENTS];
    nanoseconds left = until - now();
    if (left < 0) left = 0;
    struct timespec most = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    int count = epoll_pwait2(events, found, EVENTS, &most, NULL);
    if (count < 0 && errno != EINTR) err(1, "epoll_pwait2 (requires Linux 5.11)");
    for (int number = 0; number < count; number++) {
        struct connection *connection = found[number].data.ptr;
        if (connection->socket < 0) continue; /* closed since the event */
        if (!is_busy(connection)) {
            if (found[number].events & ARRIVED) drop_idle(connection);
            continue;
        }
        if (found[number].events & (EPOLLOUT | EPOLLERR)) write_request(connection);
        if (is_busy(connection) && found[number].events & ARRIVED) read_answer(connection);
    }
}

static void drive(void) {
    int is_closed = job.header.users > 0;
    nanoseconds look = SECOND;
    for (;;) {
        if (is_closed) closed_turns();
        else open_turns();
        nanoseconds at = now();
        if (at >= look) look = end_late(at);
        int over = is_closed ? at >= job.header.window : turn == job.header.turns && sent == recorded;
        if (over && under_way == 0) return;
        nanoseconds until = look;
        if (!is_closed && turn < job.header.turns && job.turns[turn].due - WAKING < until)
            until = job.turns[turn].due - WAKING;
        if (!is_closed && under_way == 1) until = at; /* poll, as waking up would delay a lone answer */
        await_event(until);
    }
}

static void prepare(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (job.header.connections + SPARE_FILES > files.rlim_cur)
        errx(1, "%u connections exceed the limit of %lu open files: raise it with `ulimit -n`", job.header.connections,
             (unsigned long)files.rlim_cur);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* otherwise each sleep may last 50 us longer */
    events = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(job.header.connections, sizeof *connections);
    if (events < 0 || !connections) err(1, "no memory for the connections");
    for (uint32_t number = job.header.connections; number-- > 0;) {
        connections[number].socket = -1;
        connections[number].next = closed;
        closed = &connections[number];
    }
}

int main(int count, char **words) {
    if (count != 5) errx(2, "usage: pacer ADDRESS PORT JOB OUTCOME");
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[2]))};
    if (inet_pton(AF_INET, words[1], &server.sin_addr) != 1) errx(2, "%s: not an IPv4 address", words[1]);
    read_job(words[3]);
    prepare();
    nanoseconds cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    outcome.began_epoch = clock_of(CLOCK_REALTIME);
    origin = clock_of(CLOCK_MONOTONIC);
    drive();
    outcome.took = now();
    outcome.cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    outcome.records = recorded;
    outcome.kept = kept_count();
    write_outcome(words[4]);
    return 0;
}
