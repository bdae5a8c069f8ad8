/* The transport against a server that can misbehave: a forked child on a loopback port that does what the path of
 * the request says. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "check.h"

/* ---- the server ------------------------------------------------------------------------------------------ */

#define PEERS 400
#define MEGABYTE (1024u * 1024u)

typedef struct peer {
    int fd;
    size_t have;
    unsigned served;
    char in[8192];
    const char *out; /* what is still to be written, */
    size_t out_len;
    size_t filler; /* and how many bytes of filler behind it: of 'x', or lines that look like headers */
    size_t filled;
    int lines;
    int close_after;
    char answer[8192];
} peer;

static unsigned connections, requests, drops;

static void hang_up(peer *p) {
    close(p->fd);
    p->fd = -1;
}

static void answer(peer *p, size_t len) {
    p->out = p->answer;
    p->out_len = len;
}

static void answer_as(peer *p, const char *text) {
    memcpy(p->answer, text, strlen(text));
    answer(p, strlen(text));
}

static void answer_text(peer *p, const char *extra, const char *body) {
    answer(p, (size_t)snprintf(p->answer, sizeof p->answer, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n%s", extra,
                               strlen(body), body));
}

static int path_is(const char *request, const char *path) {
    const char *at = strchr(request, ' ');
    return at != NULL && strncmp(at + 1, path, strlen(path)) == 0;
}

/* One whole request lies in p->in. */
static void serve(peer *p, const char *body) {
    char text[256];

    requests++;
    p->served++;
    if (path_is(p->in, "/stats")) {
        snprintf(text, sizeof text, "%u %u %u", connections, requests, drops);
        answer_text(p, "", text);
    } else if (path_is(p->in, "/head")) {
        answer_text(p, "", p->in); /* what was sent, line by line */
    } else if (path_is(p->in, "/drop")) {
        drops++;
        if (p->served > 1) {
            hang_up(p);
        } else {
            answer_text(p, "", "fresh");
        }
    } else if (path_is(p->in, "/close")) {
        answer_text(p, "", "closing");
        p->close_after = 1;
    } else if (path_is(p->in, "/slow")) {
        /* nothing, ever */
    } else if (path_is(p->in, "/garbage")) {
        answer_as(p, "the quick brown fox\r\n\r\n");
        p->close_after = 1;
    } else if (path_is(p->in, "/truncated")) {
        answer_as(p, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.");
        p->close_after = 1;
    } else if (path_is(p->in, "/big")) {
        answer_as(p, "HTTP/1.1 200 OK\r\nContent-Length: 20971520\r\n\r\n");
        p->filler = 20 * MEGABYTE;
    } else if (path_is(p->in, "/endless")) {
        answer_as(p, "HTTP/1.1 200 OK\r\n\r\n");
        p->filler = 20 * MEGABYTE; /* no length: ends when the connection does */
        p->close_after = 1;
    } else if (path_is(p->in, "/long-header")) {
        answer_as(p, "HTTP/1.1 200 OK\r\nX: ");
        p->filler = 20 * MEGABYTE;
    } else if (path_is(p->in, "/many-headers")) {
        answer_as(p, "HTTP/1.1 200 OK\r\n");
        p->filler = 20 * MEGABYTE;
        p->lines = 1;
    } else if (path_is(p->in, "/chunked")) {
        answer_as(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    } else if (path_is(p->in, "/redirect")) {
        answer_as(p, "HTTP/1.1 302 Found\r\nLocation: /stats\r\nContent-Length: 0\r\n\r\n");
    } else if (path_is(p->in, "/error")) {
        answer_as(p, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    } else {
        snprintf(text, sizeof text, "%.200s", body);
        answer_text(p, "", text);
    }
}

static void readable(peer *p) {
    ssize_t got = read(p->fd, p->in + p->have, sizeof p->in - 1 - p->have);
    char *end, *length;
    size_t body_len;

    if (got <= 0) {
        hang_up(p);
        return;
    }
    p->have += (size_t)got;
    p->in[p->have] = '\0';
    end = strstr(p->in, "\r\n\r\n");
    if (end == NULL) {
        return;
    }
    length = strstr(p->in, "Content-Length: ");
    body_len = length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
    if (p->have < (size_t)(end + 4 - p->in) + body_len) {
        return;
    }
    serve(p, end + 4);
    p->have = 0;
}

static void writable(peer *p) {
    static char filler[2][65536]; /* repeats every 64 bytes, and is sent in pieces of any length */
    ssize_t put;
    size_t i;

    for (i = 0; filler[0][sizeof filler[0] - 1] == '\0' && i < sizeof filler[0]; i++) {
        filler[0][i] = 'x';
        filler[1][i] = "X:\r\n"[i % 64 < 2 ? i % 64 : i % 64 < 62 ? 0 : i % 64 - 60];
    }
    if (p->out_len != 0) {
        put = send(p->fd, p->out, p->out_len, MSG_NOSIGNAL);
    } else {
        size_t len = sizeof filler[0] - 64;
        put = send(p->fd, filler[p->lines] + p->filled % 64, p->filler < len ? p->filler : len, MSG_NOSIGNAL);
    }
    if (put <= 0) {
        hang_up(p);
        return;
    }
    if (p->out_len != 0) {
        p->out += put;
        p->out_len -= (size_t)put;
    } else {
        p->filler -= (size_t)put;
        p->filled += (size_t)put;
    }
    if (p->out_len == 0 && p->filler == 0 && p->close_after) {
        hang_up(p);
    }
}

static void run_server(int listener) {
    static peer peers[PEERS];
    static struct pollfd fds[PEERS + 1];
    int i;

    for (i = 0; i < PEERS; i++) {
        peers[i].fd = -1;
    }
    for (;;) {
        fds[PEERS].fd = listener;
        fds[PEERS].events = POLLIN;
        for (i = 0; i < PEERS; i++) {
            fds[i].fd = peers[i].fd;
            fds[i].events = (short)(peers[i].out_len != 0 || peers[i].filler != 0 ? POLLOUT : POLLIN);
            fds[i].revents = 0;
        }
        if (poll(fds, PEERS + 1, -1) < 0) {
            exit(1);
        }
        for (i = 0; i < PEERS; i++) {
            if (peers[i].fd >= 0 && fds[i].revents != 0) {
                if (fds[i].events == POLLOUT) {
                    writable(&peers[i]);
                } else {
                    readable(&peers[i]);
                }
            }
        }
        for (i = 0; i < PEERS && (fds[PEERS].revents & POLLIN) != 0; i++) {
            if (peers[i].fd < 0) {
                memset(&peers[i], 0, sizeof peers[i]);
                peers[i].fd = accept(listener, NULL, NULL);
                connections++;
                break;
            }
        }
    }
}

static int listen_any(unsigned *port, int backlog) {
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, backlog) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static unsigned server_port;
static pid_t server_pid;

static void start_server(void) {
    int fd = listen_any(&server_port, 512);
    pid_t parent = getpid();

    server_pid = fork();
    CHECK(server_pid >= 0);
    if (server_pid == 0) {
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
        if (getppid() == parent) {
            run_server(fd);
        }
        _exit(0);
    }
    close(fd);
}

/* ---- helpers ---------------------------------------------------------------------------------------------- */

static rise_transport *transport;

/* Valid until the next one. */
static const char *url_of(const char *path) {
    static char url[256];

    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server_port, path);
    return url;
}

static uint64_t submit(const char *path, const char *body, uint32_t timeout_ms) {
    rise_request request;
    rise_error error;
    uint64_t id = 0;

    memset(&request, 0, sizeof request);
    request.url = url_of(path);
    request.body = body;
    request.body_len = body != NULL ? strlen(body) : 0;
    request.timeout_ms = timeout_ms;
    CHECK(rise_transport_submit(transport, &id, &request, &error) == RISE_OK);
    return id;
}

static void await(rise_reply *reply) {
    size_t active = 1;

    while (!rise_transport_next(transport, reply)) {
        CHECK(active != 0);
        CHECK(rise_transport_step(transport, 10000, NULL, 0, &active) == RISE_OK);
    }
}

static int body_is(const rise_reply *reply, const char *text) {
    return reply->body_len == strlen(text) && memcmp(reply->body, text, reply->body_len) == 0;
}

static void get(rise_reply *reply, const char *path) {
    uint64_t id = submit(path, NULL, 0);

    await(reply);
    CHECK(reply->id == id);
}

typedef struct counts {
    unsigned connections, requests, drops;
} counts;

static counts stats(void) {
    rise_reply reply;
    char text[64] = "";
    counts c;

    get(&reply, "/stats");
    CHECK(reply.status == RISE_OK && reply.body_len < sizeof text);
    memcpy(text, reply.body, reply.body_len);
    CHECK(sscanf(text, "%u %u %u", &c.connections, &c.requests, &c.drops) == 3);
    return c;
}

static void fresh(void) {
    rise_transport_free(transport);
    CHECK(rise_transport_new(&transport) == RISE_OK);
}

/* ---- tests -------------------------------------------------------------------------------------------------- */

static void answers_come_as_they_are(void) {
    rise_reply reply;
    uint64_t id = submit("/echo", "{\"a\":1}", 0);

    CHECK(id == 1);
    await(&reply);
    CHECK(reply.id == id && reply.status == RISE_OK && reply.http_status == 200 && reply.sent);
    CHECK(body_is(&reply, "{\"a\":1}"));
    get(&reply, "/chunked");
    CHECK(reply.status == RISE_OK && body_is(&reply, "abcdefg"));
    get(&reply, "/error");
    CHECK(reply.status == RISE_OK && reply.http_status == 503 && body_is(&reply, "busy"));
    get(&reply, "/redirect"); /* not followed */
    CHECK(reply.status == RISE_OK && reply.http_status == 302 && body_is(&reply, ""));
    CHECK(!rise_transport_next(transport, &reply));
}

static void the_request_is_what_was_asked_for(void) {
    rise_request request;
    rise_reply reply;
    char text[1024] = "";
    uint64_t id;

    submit("/head", "{}", 0);
    await(&reply);
    CHECK(reply.body_len < sizeof text);
    memcpy(text, reply.body, reply.body_len);
    CHECK(strncmp(text, "POST /head HTTP/1.1\r\n", 21) == 0);
    CHECK(strstr(text, "\r\nContent-Type: application/json\r\n") != NULL);
    CHECK(strstr(text, "\r\nUser-Agent: rise/" RISE_VERSION "\r\n") != NULL);
    CHECK(strstr(text, "\r\nExpect") == NULL);
    CHECK(strstr(text, "\r\n\r\n{}") != NULL);

    memset(&request, 0, sizeof request);
    request.url = url_of("/head");
    request.method = "PUT";
    request.content_type = "text/plain";
    request.body = "";
    CHECK(rise_transport_submit(transport, &id, &request, NULL) == RISE_OK);
    await(&reply);
    memset(text, 0, sizeof text);
    memcpy(text, reply.body, reply.body_len);
    CHECK(strncmp(text, "PUT /head HTTP/1.1\r\n", 20) == 0);
    CHECK(strstr(text, "\r\nContent-Type: text/plain\r\n") != NULL);
    CHECK(strstr(text, "\r\nContent-Length: 0\r\n") != NULL);

    request.method = "HEAD";
    request.body = NULL;
    request.content_type = NULL;
    CHECK(rise_transport_submit(transport, &id, &request, NULL) == RISE_OK);
    rise_transport_cancel(transport, id);
    get(&reply, "/head");
    memset(text, 0, sizeof text);
    memcpy(text, reply.body, reply.body_len);
    CHECK(strncmp(text, "GET /head HTTP/1.1\r\n", 20) == 0);
    CHECK(strstr(text, "\r\nContent-Type") == NULL);
}

static void mistakes_are_refused(void) {
    static const char *const urls[] = {
        "", "ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1:80", "http://", "http://a b/", "http://a/\r\nX: y",
        "http://127.0.0.1:99999/", "javascript:1",
    };
    rise_request request;
    rise_error error;
    uint64_t id;
    size_t i;

    memset(&request, 0, sizeof request);
    CHECK(rise_transport_submit(transport, &id, &request, &error) == RISE_EVALUE);
    for (i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        request.url = urls[i];
        CHECK(rise_transport_submit(transport, &id, &request, &error) == RISE_EVALUE && error.message[0] != '\0');
    }
    request.url = url_of("/echo");
    request.method = "GET / HTTP/1.1\r\nX:";
    CHECK(rise_transport_submit(transport, &id, &request, &error) == RISE_EVALUE);
    request.method = NULL;
    request.content_type = "text/plain\r\nX: y";
    CHECK(rise_transport_submit(transport, &id, &request, &error) == RISE_EVALUE);
    request.content_type = NULL;
    request.method = "HEAD";
    request.body = "x";
    request.body_len = 1;
    CHECK(rise_transport_submit(transport, &id, &request, &error) == RISE_EVALUE);
}

static void connections_are_kept(void) {
    rise_reply reply;
    counts before, after;
    int i;

    fresh();
    before = stats();
    for (i = 0; i < 20; i++) {
        submit("/echo", "again", 0);
        await(&reply);
        CHECK(reply.status == RISE_OK);
    }
    after = stats();
    CHECK(after.connections == before.connections && after.requests == before.requests + 21);
}

static void many_are_in_flight(unsigned count, unsigned most_connections) {
    rise_reply reply;
    counts before, after;
    char text[32];
    uint64_t first = 0;
    char *seen = calloc(count, 1);
    unsigned i;

    CHECK(seen != NULL);
    fresh();
    before = stats();
    for (i = 0; i < count; i++) {
        uint64_t id;
        snprintf(text, sizeof text, "number %u", i);
        id = submit("/echo", text, 0);
        first = i == 0 ? id : first;
    }
    for (i = 0; i < count; i++) {
        unsigned number;
        await(&reply);
        number = (unsigned)(reply.id - first);
        snprintf(text, sizeof text, "number %u", number);
        CHECK(reply.status == RISE_OK && body_is(&reply, text) && number < count && !seen[number]);
        seen[number] = 1;
    }
    after = stats();
    CHECK(after.connections - before.connections <= most_connections);
    free(seen);
}

static void nobody_listens(void) {
    rise_request request;
    rise_reply reply;
    char url[128], where[64];
    unsigned port;
    uint64_t id;

    close(listen_any(&port, 1));
    snprintf(url, sizeof url, "http://user:pass@127.0.0.1:%u/secret?key=topsecret", port);
    snprintf(where, sizeof where, "127.0.0.1:%u: ", port);
    memset(&request, 0, sizeof request);
    request.url = url;
    request.body = "{}";
    request.body_len = 2;
    CHECK(rise_transport_submit(transport, &id, &request, NULL) == RISE_OK);
    await(&reply);
    CHECK(reply.status == RISE_ENETWORK && !reply.sent && reply.http_status == 0 && reply.body_len == 0);
    CHECK(strncmp(reply.message, where, strlen(where)) == 0);
    CHECK(strstr(reply.message, "secret") == NULL && strstr(reply.message, "pass") == NULL);
}

static void nobody_answers(void) {
    rise_reply reply;
    uint64_t id;
    unsigned i;

    submit("/slow?key=topsecret", "{}", 50);
    await(&reply);
    CHECK(reply.status == RISE_ETIMEOUT && reply.sent && strstr(reply.message, "secret") == NULL);

    /* More than fit at once: the last is never handed to libcurl. */
    fresh();
    for (i = 0; i < 300; i++) {
        (void)submit("/slow", "{}", 60000);
    }
    id = submit("/slow", "{}", 50);
    await(&reply);
    CHECK(reply.id == id && reply.status == RISE_ETIMEOUT && !reply.sent);
    fresh();
}

/* A listener whose queue is full does not even take the connection. */
static void nobody_accepts(void) {
    rise_request request;
    rise_reply reply;
    struct sockaddr_in at;
    char url[64];
    unsigned port;
    uint64_t id;
    int listener = listen_any(&port, 0), fillers[8], i;

    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((uint16_t)port);
    for (i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(fillers[i] >= 0 && fcntl(fillers[i], F_SETFL, O_NONBLOCK) == 0);
        (void)connect(fillers[i], (struct sockaddr *)&at, sizeof at);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    memset(&request, 0, sizeof request);
    request.url = url;
    request.timeout_ms = 200;
    CHECK(rise_transport_submit(transport, &id, &request, NULL) == RISE_OK);
    await(&reply);
    CHECK(reply.status == RISE_ETIMEOUT && !reply.sent);
    for (i = 0; i < 8; i++) {
        close(fillers[i]);
    }
    close(listener);
}

static void answers_that_are_none(void) {
    rise_reply reply;

    get(&reply, "/garbage");
    CHECK(reply.status == RISE_ENETWORK && reply.sent && reply.body_len == 0);
    CHECK(strstr(reply.message, "fox") == NULL);
    get(&reply, "/truncated");
    CHECK(reply.status == RISE_ENETWORK && reply.sent && reply.body_len == 0);
}

static void answers_that_are_too_long(void) {
    static const char *const paths[] = { "/big", "/endless" };
    rise_request request;
    rise_reply reply;
    uint64_t id;
    size_t i;

    for (i = 0; i < 2; i++) {
        memset(&request, 0, sizeof request);
        request.url = url_of(paths[i]);
        request.max_reply = MEGABYTE;
        CHECK(rise_transport_submit(transport, &id, &request, NULL) == RISE_OK);
        await(&reply);
        CHECK(reply.status == RISE_ELIMIT && reply.sent && reply.body_len == 0);
        CHECK(strstr(reply.message, "1048576") != NULL);

        request.max_reply = 20 * MEGABYTE; /* to the byte */
        CHECK(rise_transport_submit(transport, &id, &request, NULL) == RISE_OK);
        await(&reply);
        CHECK(reply.status == RISE_OK && reply.body_len == 20 * MEGABYTE && reply.body[20 * MEGABYTE - 1] == 'x');
    }
    get(&reply, "/many-headers");
    CHECK(reply.status == RISE_ELIMIT && strstr(reply.message, "headers") != NULL);
    get(&reply, "/long-header");
    CHECK(reply.status == RISE_ENETWORK && reply.sent); /* libcurl bounds one line by itself */
}

static void cancelled_requests_stay_silent(void) {
    rise_reply reply;
    uint64_t waiting, active, done;
    size_t count;

    fresh();
    active = submit("/slow", "{}", 0);
    CHECK(rise_transport_step(transport, 0, NULL, 0, &count) == RISE_OK && count == 1);
    CHECK(rise_transport_step(transport, 50, NULL, 0, &count) == RISE_OK && count == 1);
    waiting = submit("/echo", "{}", 0);
    rise_transport_cancel(transport, waiting);
    rise_transport_cancel(transport, active);
    rise_transport_cancel(transport, active);
    rise_transport_cancel(transport, 0);
    rise_transport_cancel(transport, UINT64_MAX);
    CHECK(rise_transport_step(transport, 0, NULL, 0, &count) == RISE_OK && count == 0);
    done = submit("/echo", "{}", 0);
    do {
        CHECK(rise_transport_step(transport, 1000, NULL, 0, &count) == RISE_OK);
    } while (count != 0);
    rise_transport_cancel(transport, done);
    CHECK(!rise_transport_next(transport, &reply));
    get(&reply, "/echo");
    CHECK(reply.status == RISE_OK);
}

/* The peer took a request on a kept connection and hung up without a word. */
static void nothing_goes_out_twice_unasked(void) {
    rise_request request;
    rise_reply reply;
    counts before, after;
    uint64_t id;

    memset(&request, 0, sizeof request);
    request.body = "{}";
    request.body_len = 2;
    for (request.repeatable = 0; request.repeatable < 2; request.repeatable++) {
        fresh();
        before = stats();
        request.url = url_of("/drop");
        CHECK(rise_transport_submit(transport, &id, &request, NULL) == RISE_OK);
        await(&reply);
        if (request.repeatable) {
            CHECK(reply.status == RISE_OK && body_is(&reply, "fresh"));
        } else {
            CHECK(reply.status == RISE_ENETWORK && reply.sent && strstr(reply.message, "kept connection") != NULL);
        }
        after = stats();
        CHECK(after.drops == before.drops + (request.repeatable ? 2 : 1));
    }
    fresh();
    before = stats();
    get(&reply, "/drop");
    CHECK(reply.status == RISE_OK && body_is(&reply, "fresh"));
    after = stats();
    CHECK(after.drops == before.drops + 2);
}

/* The peer closed the connection while it lay idle: found out before the request is written to it. */
static void idle_connections_may_be_closed(void) {
    rise_reply reply;
    counts before, after;
    size_t active;

    fresh();
    before = stats();
    submit("/close", "{}", 0);
    await(&reply);
    CHECK(reply.status == RISE_OK);
    CHECK(rise_transport_step(transport, 50, NULL, 0, &active) == RISE_OK);
    submit("/echo", "{}", 0);
    await(&reply);
    CHECK(reply.status == RISE_OK);
    after = stats();
    CHECK(after.connections == before.connections + 1);
}

static void on_alarm(int number) {
    (void)number;
}

static void waits_end_in_time(void) {
    struct itimerval soon;
    struct sigaction action;
    int64_t start;
    size_t active;
    int fd[2], idle[2], both[2];

    fresh();
    (void)submit("/slow", "{}", 60000);
    start = rise_clock_steady();
    CHECK(rise_transport_step(transport, 0, NULL, 0, &active) == RISE_OK && active == 1);
    CHECK(rise_transport_step(transport, 50, NULL, 0, &active) == RISE_OK && active == 1);

    CHECK(pipe(fd) == 0 && write(fd[1], "x", 1) == 1);
    CHECK(rise_transport_step(transport, 20000, fd, 1, &active) == RISE_OK && active == 1);
    CHECK(pipe(idle) == 0);
    both[0] = idle[0];
    both[1] = fd[0];
    CHECK(rise_transport_step(transport, 20000, both, 2, &active) == RISE_OK && active == 1);
    CHECK(rise_transport_step(transport, 0, both, RISE_EXTRA_FDS + 1, &active) == RISE_EUSAGE);
    close(fd[0]);
    close(fd[1]);
    close(idle[0]);
    close(idle[1]);

    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    memset(&soon, 0, sizeof soon);
    soon.it_value.tv_usec = 50000;
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    CHECK(rise_transport_step(transport, 20000, NULL, 0, &active) == RISE_OK && active == 1);
    CHECK(rise_clock_steady() - start < 15000);
}

static void the_machine_itself_needs_no_proxy(void) {
    rise_reply reply;

    CHECK(setenv("http_proxy", "http://127.0.0.1:1", 1) == 0);
    fresh();
    get(&reply, "/echo");
    CHECK(reply.status == RISE_OK);
    CHECK(unsetenv("http_proxy") == 0);
}

int main(void) {
    int status;

    start_server();
    CHECK(rise_transport_new(&transport) == RISE_OK);
    answers_come_as_they_are();
    the_request_is_what_was_asked_for();
    mistakes_are_refused();
    connections_are_kept();
    many_are_in_flight(32, 32);
    many_are_in_flight(3000, 200);
    nobody_listens();
    nobody_answers();
    nobody_accepts();
    answers_that_are_none();
    answers_that_are_too_long();
    cancelled_requests_stay_silent();
    nothing_goes_out_twice_unasked();
    idle_connections_may_be_closed();
    waits_end_in_time();
    the_machine_itself_needs_no_proxy();
    (void)submit("/slow", "{}", 0);
    rise_transport_free(transport);
    rise_transport_free(NULL);
    CHECK(kill(server_pid, SIGKILL) == 0 && waitpid(server_pid, &status, 0) == server_pid);
    return 0;
}
