/* host.h: what the runner and the devnet need of the machine: an HTTP server, child processes, signals.
 * Not part of librise; a game links none of it. The rules of rise.h hold, but for the one about global state:
 * signals have some (see there).
 */
#ifndef RISE_HOST_H
#define RISE_HOST_H

#include "rise.h"

/* ---- HTTP server (libmicrohttpd) ---------------------------------------------------------------------- */

/* Serves on a loopback address, one request of a connection at a time, connections kept. There are no threads:
 * bytes move in `step` alone. Requests are queued whole, and each waits until it is answered by its id, or its peer
 * has hung up. */
typedef struct rise_httpd rise_httpd;

typedef struct rise_http_header {
    const char *name; /* of a request: in lower case */
    const char *value;
} rise_http_header;

typedef struct rise_httpd_request {
    uint64_t id; /* 1 and up, never reused */
    const char *method;
    const char *path;  /* as it was sent, nothing decoded; without the query */
    const char *query; /* behind the `?`, nothing decoded; "" without one */
    const rise_http_header *headers; /* in the order of the request; names may occur more than once */
    size_t header_count;
    const char *body;
    size_t body_len;
} rise_httpd_request;

/* `host`: a numeric loopback address or "localhost" (which is 127.0.0.1 here). `port` 0: any free one. A body
 * of more than `max_body` bytes is answered with 413 and not handed out.
 * RISE_EVALUE: another host. RISE_EIO: the address cannot be had, with the reason in `error`. */
rise_status rise_httpd_new(rise_httpd **out, const char *host, unsigned port, size_t max_body, rise_error *error);
/* Connections are closed, unanswered requests with them. */
void rise_httpd_free(rise_httpd *server);

unsigned rise_httpd_port(const rise_httpd *server);
/* Readable when there is work for `step`; -1 where the system has no epoll: step at the pace of the timeout. */
int rise_httpd_fd(const rise_httpd *server);
/* Milliseconds until `step` wants to be called whether or not the descriptor is readable; -1: no need. */
int rise_httpd_timeout(const rise_httpd *server);
/* Moves bytes; never waits. */
void rise_httpd_step(rise_httpd *server);
/* 1 and *request when a whole one has come, 0 when none has. What it points at lives until the next call. */
int rise_httpd_next(rise_httpd *server, rise_httpd_request *request);
/* Answers a request; header values and body are copied. An unknown id is ignored, and so is one that was answered
 * before or whose peer is gone. *queued (may be NULL) tells whether the id was open.
 * RISE_EUSAGE: a status outside 200..599, or a header that cannot go into a reply (line breaks, Content-Length). */
rise_status rise_httpd_reply(rise_httpd *server, int *queued, uint64_t id, int status,
                             const rise_http_header *headers, size_t header_count, const void *body,
                             size_t body_len, rise_error *error);
/* Begins an answer that comes in pieces, as server-sent events do: the headers leave at once, the body grows with
 * `write` until `finish`. Otherwise as `reply`. */
rise_status rise_httpd_stream(rise_httpd *server, int *queued, uint64_t id, int status,
                              const rise_http_header *headers, size_t header_count, rise_error *error);
/* Adds to such an answer. 1 when it was taken, 0 when the stream is not open (any more) or its peer has left
 * RISE_STREAM_LIMIT bytes unread, which ends it. That a peer hung up is noticed a second later; len 0 asks. */
#define RISE_STREAM_LIMIT (256u * 1024u)
int rise_httpd_write(rise_httpd *server, uint64_t id, const void *bytes, size_t len);
/* Ends it when all of it has been read. 1 when it was open. */
int rise_httpd_finish(rise_httpd *server, uint64_t id);
/* Closes the connection of a request without a byte of an answer, as a server does that dies over it. 1 when the id
 * was open; else nothing happens and it is 0. */
int rise_httpd_drop(rise_httpd *server, uint64_t id);

/* ---- child processes ---------------------------------------------------------------------------------- */

typedef struct rise_process rise_process;

/* Where a child's standard output and error go. */
typedef enum rise_output {
    RISE_OUTPUT_INHERIT,
    RISE_OUTPUT_NULL,
    RISE_OUTPUT_PIPE /* to be read here, both through the same pipe; a child whose pipe is full waits */
} rise_output;

/* Starts argv[0], looked up in PATH when it has no slash, as the leader of its own process group, standard input
 * from /dev/null, and nothing else inherited but the two outputs, the folder and the environment; `env` (NULL:
 * nothing) lists changes to that: "NAME=value" sets, "NAME" removes. Signals are as at a program's start.
 * On Linux the child is killed when the thread that started it ends, however it ends; its own children are not.
 * A `detached` one is not: it leads a session of its own and goes on whatever becomes of this program.
 * RISE_EIO: it could not be started, with the program and the reason in `error`. */
rise_status rise_process_new(rise_process **out, const char *const *argv, const char *const *env, rise_output output,
                             rise_output errors, int detached, rise_error *error);
/* Asks the group to end, waits a moment, ends what is left of it by force, and collects the child. A detached one is
 * only collected, if it has ended. */
void rise_process_free(rise_process *process);

long rise_process_pid(const rise_process *process);
/* The pipe, for waiting until it is readable; -1: none, or at its end. */
int rise_process_fd(const rise_process *process);
/* Reads what is there: the number of bytes, 0 for nothing now, -1 when there is no pipe or it is at its end. */
long rise_process_read(rise_process *process, void *out, size_t size);
/* To the whole group. Nothing happens when it is gone. */
rise_status rise_process_kill(rise_process *process, int signal_number);
/* Waits until the child has ended, at most `timeout_ms`; a caught signal ends the wait early. 1 and *exit_code
 * (128 + the signal for a child that one ended), or 0 when it still runs. The code may be asked for again.
 * -1: it cannot be known, since the process ignores SIGCHLD or something else in it collected the child. */
int rise_process_wait(rise_process *process, int timeout_ms, int *exit_code);

/* ---- signals ------------------------------------------------------------------------------------------ */

/* Signal handlers belong to the process and a handler gets no context, so this is the one place with writable
 * globals: a pipe, opened once and kept, and the actions that were in force before. */

/* From now on the signal is noted instead of acted on. RISE_EIO when the system refuses. */
rise_status rise_signal_trap(int signal_number);
/* The next one caught, 0 when none is left. */
int rise_signal_next(void);
/* Readable while there are some; -1 before the first trap. */
int rise_signal_fd(void);
/* Puts the former actions back. */
void rise_signal_release(void);

#endif
