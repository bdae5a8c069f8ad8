/* The HTTP server over libmicrohttpd, driven from outside: no threads, one epoll descriptor to wait on.
 *
 * The life of a request: on_uri makes it, on_request collects its body, queues it and suspends the connection;
 * `reply` queues the response and resumes it, `drop` resumes it without one; on_completed frees it. A `stream` goes back
 * to rest whenever all that was written to it has been sent. libmicrohttpd does not watch a suspended connection, so a look every second finds those whose peer has hung up: else requests that are never answered
 * would use up all connections.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "host.h"

#ifndef POLLRDHUP
#define POLLRDHUP POLLHUP /* Linux tells a peer's close from its reset */
#endif

#define BUCKETS 256            /* a power of two; ids are consecutive */
#define BACKLOG 128
#define IDLE_SECONDS 120u      /* a connection on which nothing moves; suspended ones do not count */
#define MAX_ROUNDS 64          /* of libmicrohttpd in one step, so that one busy peer cannot hold the caller */
#define BLIND_WAIT_MS 10       /* where there is no descriptor to wait on */
#define SWEEP_MS 1000          /* between looks for peers that have hung up */
#define CONNECTION_MEMORY (64u * 1024u) /* bounds the request line and headers */

typedef enum stage {
    READING,  /* its headers or body are coming in */
    QUEUED,   /* whole, not handed out yet */
    OPEN,     /* handed out, not answered */
    STREAM,   /* its answer comes in pieces */
    ANSWERED  /* what is left is libmicrohttpd's */
} stage;

typedef struct incoming {
    struct incoming *next;  /* in the queue */
    struct incoming *chain; /* in the bucket of its id, while queued or open */
    uint64_t id;
    int64_t since; /* when it was whole */
    stage stage;
    int started;  /* its headers are there */
    int too_long;
    struct MHD_Connection *connection;
    char *path; /* owns the text of path and query */
    const char *query;
    const char *method; /* lives as long as the connection waits */
    rise_http_header *headers;
    size_t header_count;
    rise_buf names; /* the lower-case header names */
    rise_buf body;
    rise_buf pieces; /* of a stream: what its peer has not read yet begins at `read` */
    size_t read;
    int resting;  /* a stream with nothing to send: its connection is suspended */
    int finished; /* nothing more will be added to it */
} incoming;

struct rise_httpd {
    struct MHD_Daemon *daemon;
    unsigned port;
    int fd;
    size_t max_body;
    uint64_t last_id;
    int closing;
    int resumed; /* a connection was, which the descriptor does not always tell */
    int64_t last_sweep;
    size_t unanswered;
    incoming *first;
    incoming *last;
    incoming *bucket[BUCKETS];
};

static rise_status fail(rise_error *error, rise_status code, const char *what, const char *why) {
    if (error != NULL) {
        error->code = code;
        snprintf(error->message, sizeof error->message, "%.100s: %.150s", what, why);
    }
    return code;
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static void incoming_free(incoming *r) {
    free(r->path);
    free(r->headers);
    rise_buf_free(&r->names);
    rise_buf_free(&r->body);
    rise_buf_free(&r->pieces);
    free(r);
}

static incoming **find(rise_httpd *s, uint64_t id) {
    incoming **link = &s->bucket[id & (BUCKETS - 1)];

    while (*link != NULL && (*link)->id != id) {
        link = &(*link)->chain;
    }
    return link;
}

static void unqueue(rise_httpd *s, incoming *r) {
    incoming *before = NULL, *at = s->first;

    while (at != NULL && at != r) {
        before = at;
        at = at->next;
    }
    if (at == NULL) {
        return;
    }
    if (before != NULL) {
        before->next = r->next;
    } else {
        s->first = r->next;
    }
    if (s->last == r) {
        s->last = before;
    }
}

/* From here on no id leads to it. */
static void forget(rise_httpd *s, incoming *r) {
    if (r->stage == QUEUED) {
        unqueue(s, r);
    }
    if (r->stage == QUEUED || r->stage == OPEN || r->stage == STREAM) {
        *find(s, r->id) = r->chain;
        s->unanswered--;
    }
    r->stage = ANSWERED;
}

/* The whole URI as it came in, before anything is decoded. What it returns comes back as the request's context. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection) {
    incoming *r = calloc(1, sizeof *r);
    char *question;

    (void)context;
    if (r == NULL) {
        return NULL;
    }
    r->connection = connection;
    r->path = strdup(uri);
    if (r->path == NULL) {
        free(r);
        return NULL;
    }
    r->query = "";
    question = strchr(r->path, '?');
    if (question != NULL) {
        *question = '\0';
        r->query = question + 1;
    }
    return r;
}

typedef struct collect {
    incoming *r;
    size_t used;
    size_t size;
    int failed;
} collect;

static enum MHD_Result measure_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
    collect *c = context;

    (void)kind;
    (void)value;
    c->size += strlen(name) + 1;
    c->used++;
    return MHD_YES;
}

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
    collect *c = context;
    incoming *r = c->r;
    char *copy = (char *)r->names.data + c->used;
    size_t len = strlen(name) + 1, i;

    (void)kind;
    for (i = 0; i < len; i++) {
        copy[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    }
    c->used += len;
    r->headers[r->header_count].name = copy;
    r->headers[r->header_count].value = value != NULL ? value : "";
    r->header_count++;
    return MHD_YES;
}

/* The values stay where libmicrohttpd has them: the connection rests until the answer is there. */
static int collect_headers(incoming *r) {
    collect c;
    uint8_t *space;

    memset(&c, 0, sizeof c);
    c.r = r;
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, measure_header, &c);
    if (c.used == 0) {
        return 1;
    }
    r->headers = calloc(c.used, sizeof *r->headers);
    if (r->headers == NULL || rise_buf_extend(&r->names, &space, c.size) != RISE_OK) {
        return 0;
    }
    c.used = 0;
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, take_header, &c);
    return 1;
}

static enum MHD_Result refuse_long(struct MHD_Connection *connection) {
    static char text[] = "the body is too long\n";
    struct MHD_Response *response = MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result;

    if (response == NULL) {
        return MHD_NO;
    }
    result = MHD_queue_response(connection, 413, response);
    MHD_destroy_response(response);
    return result;
}

static const char *header_of(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* libmicrohttpd comes by when the headers are there, then with each piece of the body, then at its end.
 * MHD_NO closes the connection. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *len,
                                  void **request) {
    rise_httpd *s = context;
    incoming *r = *request;

    (void)url;
    (void)version;
    if (r == NULL || s->closing) {
        return MHD_NO;
    }
    if (!r->started) {
        const char *length = header_of(connection, "Content-Length");
        r->started = 1;
        r->body.limit = s->max_body;
        if (length != NULL && strtoull(length, NULL, 10) > s->max_body) {
            r->too_long = 1;
            /* A peer that waits for 100-continue hears it now. Another is in the middle of sending, would be cut
             * off and might never see an answer: its body is read and dropped first. */
            if (header_of(connection, "Expect") != NULL) {
                return refuse_long(connection);
            }
        }
        return MHD_YES;
    }
    if (*len != 0) {
        if (!r->too_long) {
            rise_status status = rise_buf_append(&r->body, data, *len);
            if (status == RISE_ELIMIT) {
                r->too_long = 1;
                rise_buf_free(&r->body);
            } else if (status != RISE_OK) {
                return MHD_NO;
            }
        }
        *len = 0;
        return MHD_YES;
    }
    if (r->stage != READING) {
        return MHD_NO; /* resumed without an answer: nobody waits for one, or it was dropped */
    }
    if (r->too_long) {
        return refuse_long(connection);
    }
    if (!collect_headers(r)) {
        return MHD_NO;
    }
    r->method = method;
    r->id = ++s->last_id;
    r->since = rise_clock_steady();
    r->stage = QUEUED;
    *find(s, r->id) = r;
    s->unanswered++;
    if (s->last != NULL) {
        s->last->next = r;
    } else {
        s->first = r;
    }
    s->last = r;
    MHD_suspend_connection(connection);
    return MHD_YES;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code) {
    incoming *r = *request;

    (void)connection;
    (void)code;
    if (r != NULL) {
        forget(context, r);
        incoming_free(r);
        *request = NULL;
    }
}

/* ---- the server ------------------------------------------------------------------------------------------ */

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

/* Whoever can reach the server can use it, so nothing but the machine itself may. */
static socklen_t loopback_address(address *out, const char *host, unsigned port) {
    memset(out, 0, sizeof *out);
    if (strcasecmp(host, "localhost") == 0) {
        host = "127.0.0.1";
    }
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons((uint16_t)port);
        return ntohl(out->v4.sin_addr.s_addr) >> 24 == 127 ? sizeof out->v4 : 0;
    }
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        return IN6_IS_ADDR_LOOPBACK(&out->v6.sin6_addr) ? sizeof out->v6 : 0;
    }
    return 0;
}

/* -1 with errno. */
static int listen_on(address *at, socklen_t len) {
    int fd = socket(at->any.sa_family, SOCK_STREAM, 0);
    int on = 1, saved;

    if (fd < 0) {
        return -1;
    }
    /* Connections of a server that just ended linger; they must not keep the port from the next one. */
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0
        && bind(fd, &at->any, len) == 0 && listen(fd, BACKLOG) == 0 && getsockname(fd, &at->any, &len) == 0) {
        return fd;
    }
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

rise_status rise_httpd_new(rise_httpd **out, const char *host, unsigned port, size_t max_body, rise_error *error) {
    unsigned flags = MHD_ALLOW_SUSPEND_RESUME;
    const union MHD_DaemonInfo *info;
    char where[80];
    address at;
    socklen_t len;
    rise_httpd *s;
    int fd;

    *out = NULL;
    snprintf(where, sizeof where, "%.60s:%u", host, port);
    len = port <= 65535 ? loopback_address(&at, host, port) : 0;
    if (len == 0) {
        return fail(error, RISE_EVALUE, where, "not a loopback address and port");
    }
    s = calloc(1, sizeof *s);
    if (s == NULL) {
        return fail(error, RISE_ENOMEM, where, "out of memory");
    }
    fd = listen_on(&at, len);
    if (fd < 0) {
        free(s);
        return fail(error, RISE_EIO, where, strerror(errno));
    }
    s->port = ntohs(at.any.sa_family == AF_INET ? at.v4.sin_port : at.v6.sin6_port);
    s->max_body = max_body;
    s->fd = -1;
    if (MHD_is_feature_supported(MHD_FEATURE_EPOLL) == MHD_YES) {
        flags |= MHD_USE_EPOLL;
    }
    if (at.any.sa_family == AF_INET6) {
        flags |= MHD_USE_IPv6;
    }
    /* The socket is the daemon's from here on, also when it fails to start. Strict: no HTTP/1.1 without a Host, no
     * folded headers, no spaces in the path. */
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s,
                                 MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
                                 MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                 MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                                 MHD_OPTION_END);
    if (s->daemon == NULL) {
        free(s);
        return fail(error, RISE_EIO, where, "the server cannot be started");
    }
    info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if ((flags & MHD_USE_EPOLL) != 0 && info != NULL) {
        s->fd = info->epoll_fd;
    }
    *out = s;
    return RISE_OK;
}

void rise_httpd_free(rise_httpd *s) {
    incoming *r, *next;
    size_t i;

    if (s == NULL) {
        return;
    }
    /* libmicrohttpd aborts the program when it is stopped with connections suspended. */
    s->closing = 1;
    for (i = 0; i < BUCKETS; i++) {
        for (r = s->bucket[i]; r != NULL; r = next) {
            next = r->chain;
            if (r->stage != STREAM || r->resting) {
                MHD_resume_connection(r->connection);
            }
        }
    }
    MHD_stop_daemon(s->daemon);
    free(s);
}

unsigned rise_httpd_port(const rise_httpd *s) {
    return s->port;
}

int rise_httpd_fd(const rise_httpd *s) {
    return s->fd;
}

int rise_httpd_timeout(const rise_httpd *s) {
    MHD_UNSIGNED_LONG_LONG left;
    int timeout = -1;

    if (s->resumed) {
        return 0;
    }
    if (MHD_get_timeout(s->daemon, &left) == MHD_YES) {
        timeout = left < INT32_MAX ? (int)left : INT32_MAX;
    }
    if (s->unanswered != 0 && (timeout < 0 || timeout > SWEEP_MS)) {
        timeout = SWEEP_MS;
    }
    if (s->fd < 0 && (timeout < 0 || timeout > BLIND_WAIT_MS)) {
        timeout = BLIND_WAIT_MS;
    }
    return timeout;
}

/* A peer that has sent all and closed its sending side looks the same as one that is gone: it has a second to get
 * its answer. */
static void sweep(rise_httpd *s, int64_t now) {
    incoming *r, *next;
    size_t i;

    for (i = 0; i < BUCKETS && s->unanswered != 0; i++) {
        for (r = s->bucket[i]; r != NULL; r = next) {
            const union MHD_ConnectionInfo *info;
            struct pollfd peer;
            next = r->chain;
            if (r->stage == STREAM && !r->resting) {
                continue; /* libmicrohttpd watches it */
            }
            info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
            if (info == NULL || now - r->since < SWEEP_MS) {
                continue;
            }
            peer.fd = info->connect_fd;
            peer.events = POLLRDHUP;
            peer.revents = 0;
            if (poll(&peer, 1, 0) == 1 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) {
                forget(s, r);
                r->resting = 0;
                MHD_resume_connection(r->connection);
            }
        }
    }
}

void rise_httpd_step(rise_httpd *s) {
    MHD_UNSIGNED_LONG_LONG left;
    int64_t now = rise_clock_steady();
    int rounds = 0;

    if (s->unanswered != 0 && now - s->last_sweep >= SWEEP_MS) {
        s->last_sweep = now;
        sweep(s, now);
    }
    s->resumed = 0;
    do {
        (void)MHD_run(s->daemon);
        rounds++;
    } while (rounds < MAX_ROUNDS && MHD_get_timeout(s->daemon, &left) == MHD_YES && left == 0);
}

int rise_httpd_next(rise_httpd *s, rise_httpd_request *out) {
    incoming *r = s->first;

    if (r == NULL) {
        return 0;
    }
    s->first = r->next;
    if (s->first == NULL) {
        s->last = NULL;
    }
    r->next = NULL;
    r->stage = OPEN;
    out->id = r->id;
    out->method = r->method;
    out->path = r->path;
    out->query = r->query;
    out->headers = r->headers;
    out->header_count = r->header_count;
    out->body = r->body.len != 0 ? (const char *)r->body.data : "";
    out->body_len = r->body.len;
    return 1;
}

/* Adds the headers to a response, which is gone when that fails. */
static rise_status add_headers(struct MHD_Response *response, const rise_http_header *headers, size_t count,
                               rise_error *error) {
    size_t i;

    for (i = 0; i < count; i++) {
        if (MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES) {
            MHD_destroy_response(response);
            return fail(error, RISE_EUSAGE, headers[i].name, "this header cannot be set so");
        }
    }
    return RISE_OK;
}

rise_status rise_httpd_reply(rise_httpd *s, int *queued, uint64_t id, int status, const rise_http_header *headers,
                             size_t header_count, const void *body, size_t body_len, rise_error *error) {
    struct MHD_Response *response;
    incoming *r;
    int done;

    if (queued != NULL) {
        *queued = 0;
    }
    if (status < 200 || status > 599) {
        return fail(error, RISE_EUSAGE, "reply", "the status is not between 200 and 599");
    }
    /* The copy spares the caller from keeping the body; libmicrohttpd does not write to it before it copies. */
    response = MHD_create_response_from_buffer(body_len, (void *)body, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return fail(error, RISE_ENOMEM, "reply", "out of memory");
    }
    if (add_headers(response, headers, header_count, error) != RISE_OK) {
        return RISE_EUSAGE;
    }
    r = *find(s, id);
    if (r == NULL || r->stage != OPEN) {
        MHD_destroy_response(response);
        return RISE_OK;
    }
    forget(s, r);
    rise_buf_free(&r->body);
    done = MHD_queue_response(r->connection, (unsigned)status, response) == MHD_YES;
    MHD_destroy_response(response);
    /* Without a response on_request is called once more, and closes the connection. */
    MHD_resume_connection(r->connection);
    s->resumed = 1;
    if (queued != NULL) {
        *queued = done;
    }
    return RISE_OK;
}

/* libmicrohttpd asks for the next piece. With none at hand the connection rests, until there is one or its end. */
static ssize_t on_piece(void *context, uint64_t position, char *out, size_t size) {
    incoming *r = context;
    size_t left = r->pieces.len - r->read;

    (void)position;
    if (left != 0) {
        if (left > size) {
            left = size;
        }
        memcpy(out, r->pieces.data + r->read, left);
        r->read += left;
        if (r->read == r->pieces.len) {
            r->pieces.len = r->read = 0;
        }
        return (ssize_t)left;
    }
    if (r->finished) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (r->stage != STREAM) {
        return MHD_CONTENT_READER_END_WITH_ERROR; /* nobody reads it any more */
    }
    r->resting = 1;
    MHD_suspend_connection(r->connection);
    return 0;
}

static void wake(rise_httpd *s, incoming *r) {
    if (r->resting) {
        r->resting = 0;
        MHD_resume_connection(r->connection);
        s->resumed = 1;
    }
}

rise_status rise_httpd_stream(rise_httpd *s, int *queued, uint64_t id, int status, const rise_http_header *headers,
                              size_t header_count, rise_error *error) {
    struct MHD_Response *response;
    incoming *r = *find(s, id);
    int done;

    if (queued != NULL) {
        *queued = 0;
    }
    if (status < 200 || status > 599) {
        return fail(error, RISE_EUSAGE, "stream", "the status is not between 200 and 599");
    }
    if (r != NULL && r->stage != OPEN) {
        r = NULL;
    }
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, on_piece, r, NULL);
    if (response == NULL) {
        return fail(error, RISE_ENOMEM, "stream", "out of memory");
    }
    if (add_headers(response, headers, header_count, error) != RISE_OK) {
        return RISE_EUSAGE;
    }
    if (r == NULL) {
        MHD_destroy_response(response);
        return RISE_OK;
    }
    rise_buf_free(&r->body);
    r->stage = STREAM;
    r->pieces.limit = RISE_STREAM_LIMIT;
    done = MHD_queue_response(r->connection, (unsigned)status, response) == MHD_YES;
    MHD_destroy_response(response);
    if (!done) {
        forget(s, r); /* on_request is called once more, and closes the connection */
    }
    MHD_resume_connection(r->connection);
    s->resumed = 1;
    if (queued != NULL) {
        *queued = done;
    }
    return RISE_OK;
}

int rise_httpd_write(rise_httpd *s, uint64_t id, const void *bytes, size_t len) {
    incoming *r = *find(s, id);

    if (r == NULL || r->stage != STREAM) {
        return 0;
    }
    if (len == 0) {
        return 1;
    }
    if (rise_buf_append(&r->pieces, bytes, len) != RISE_OK) {
        forget(s, r);
        r->read = r->pieces.len; /* what it would not read is not sent any more */
        wake(s, r);
        return 0;
    }
    wake(s, r);
    return 1;
}

int rise_httpd_finish(rise_httpd *s, uint64_t id) {
    incoming *r = *find(s, id);

    if (r == NULL || r->stage != STREAM) {
        return 0;
    }
    r->finished = 1;
    forget(s, r);
    wake(s, r);
    return 1;
}

int rise_httpd_drop(rise_httpd *s, uint64_t id) {
    incoming *r = *find(s, id);

    if (r == NULL || r->stage != OPEN) {
        return 0;
    }
    forget(s, r);
    /* Without a response on_request is called once more, and closes the connection. */
    MHD_resume_connection(r->connection);
    s->resumed = 1;
    return 1;
}
