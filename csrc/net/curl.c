/* The HTTP transport of rise.h over libcurl's multi interface. The only file that sees curl.h.
 *
 * A request waits in a queue of ours until one of MAX_ACTIVE places is free, is then given to libcurl on a reused
 * easy handle, and ends in the list of finished ones. libcurl visits each of its handles on every round, so without
 * the bound the work of n requests in flight would grow as n squared, and a socket would be open for each.
 *
 * Repeating. When a kept connection turns out closed before any answer came, libcurl sends the request again on a
 * fresh one, a POST too, though the peer may have acted on the first copy before it closed. A bundle of calls or
 * an unlocked node's transaction must not go out twice behind the caller's back, so the second attempt is refused
 * here unless the request is `repeatable` (GET and HEAD are). This costs little: a connection that the peer closed
 * while it lay idle is found closed before it is picked, which leaves only a close that crosses the request on the
 * wire, and that is reported as RISE_ENETWORK with `sent` 1.
 *
 * SIGPIPE: signals are left alone (CURLOPT_NOSIGNAL). libcurl writes with MSG_NOSIGNAL, since 7.87 for TLS too;
 * with an older one on a host that does not ignore SIGPIPE, ignore it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "rise.h"

#define MAX_ACTIVE 128
#define MAX_SPARE 32               /* easy handles kept for reuse; each is a few kilobytes */
#define BUCKETS 1024               /* a power of two; ids are consecutive, so they spread evenly */
#define MAX_URL 8192
#define MAX_HEADERS (256u * 1024u) /* of one reply, in bytes */
#define DEFAULT_TIMEOUT 30000
#define DEFAULT_MAX_REPLY ((size_t)16 << 20)
#define ORIGIN_SIZE 96

/* What a URL says about the peer. */
typedef struct target {
    char origin[ORIGIN_SIZE]; /* "host:port", for messages: path, query and user name may hold secrets */
    int loopback;
    int secure;
} target;

/* One request on its way from submit to next. The texts lie in the same block of memory. */
typedef struct exchange {
    struct exchange *prev; /* neighbours in the list it is in */
    struct exchange *next;
    struct exchange *chain; /* next in the bucket of its id */
    struct list *list;
    uint64_t id;
    int64_t deadline; /* of rise_clock_steady */
    uint32_t timeout_ms;
    target peer;
    const char *url;
    const char *method;
    const char *type; /* a whole header line, NULL for the usual one */
    const char *body; /* NULL: none */
    size_t body_len;
    size_t max_reply;
    int repeatable;
    CURL *easy;                 /* while libcurl has it */
    struct curl_slist *headers; /* its own; the usual ones are shared */
    rise_buf reply;
    size_t header_bytes;
    rise_status status;
    int http_status;
    int sent;
    char message[256];
    char curl_error[CURL_ERROR_SIZE];
} exchange;

typedef struct list {
    exchange *first;
    exchange *last;
    size_t count;
} list;

struct rise_transport {
    CURLM *multi;
    struct curl_slist *json_headers;
    struct curl_slist *bare_headers;
    CURL *spare[MAX_SPARE];
    size_t spares;
    list waiting;
    list active;
    list done;
    exchange *handed; /* what `next` gave out last; its body lives until the next call */
    uint64_t last_id;
    int64_t waiting_deadline; /* the earliest of the waiting ones, or earlier */
    char *known_url;          /* the last URL, which is usually the next one too, and what it says */
    target known;
    exchange *bucket[BUCKETS];
};

/* ---- lists and ids ---------------------------------------------------------------------------------- */

static void list_append(list *to, exchange *x) {
    x->list = to;
    x->next = NULL;
    x->prev = to->last;
    if (to->last != NULL) {
        to->last->next = x;
    } else {
        to->first = x;
    }
    to->last = x;
    to->count++;
}

static void list_remove(exchange *x) {
    list *from = x->list;

    if (x->prev != NULL) {
        x->prev->next = x->next;
    } else {
        from->first = x->next;
    }
    if (x->next != NULL) {
        x->next->prev = x->prev;
    } else {
        from->last = x->prev;
    }
    from->count--;
    x->list = NULL;
}

static exchange **find(rise_transport *t, uint64_t id) {
    exchange **link = &t->bucket[id & (BUCKETS - 1)];

    while (*link != NULL && (*link)->id != id) {
        link = &(*link)->chain;
    }
    return link;
}

static void exchange_free(exchange *x) {
    curl_slist_free_all(x->headers);
    rise_buf_free(&x->reply);
    free(x);
}

/* ---- the one process-wide act ------------------------------------------------------------------------ */

/* libcurl's own state is set up once for the process and never taken down: another user of libcurl in the same
 * process may still be at it, and resolver threads may outlive a transport. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode once_result;

static void start_libcurl(void) {
    once_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- URLs and header values --------------------------------------------------------------------------- */

static rise_status fail(rise_error *error, rise_status code, const char *text) {
    if (error != NULL) {
        error->code = code;
        snprintf(error->message, sizeof error->message, "%s", text);
    }
    return code;
}

static int is_loopback(const char *host) {
    static const char suffix[] = ".localhost";
    size_t len = strlen(host);

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) {
        return 1;
    }
    if (len > sizeof suffix - 1 && strcasecmp(host + len - (sizeof suffix - 1), suffix) == 0) {
        return 1;
    }
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len;
}

static rise_status read_url(target *out, const char *url, rise_error *error) {
    rise_status status = RISE_EVALUE;
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLU *u = curl_url();
    CURLUcode code;

    if (u == NULL) {
        return fail(error, RISE_ENOMEM, "out of memory");
    }
    code = curl_url_set(u, CURLUPART_URL, url, 0);
    if (code == CURLUE_OK) {
        code = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
    }
    if (code == CURLUE_OK && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        code = CURLUE_UNSUPPORTED_SCHEME;
    }
    if (code == CURLUE_OK) {
        code = curl_url_get(u, CURLUPART_HOST, &host, 0);
    }
    if (code == CURLUE_OK) {
        code = curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    }
    if (code == CURLUE_OK) {
        snprintf(out->origin, sizeof out->origin, "%.86s:%.8s", host, port);
        out->loopback = is_loopback(host);
        out->secure = strcmp(scheme, "https") == 0;
        status = RISE_OK;
    } else if (code == CURLUE_OUT_OF_MEMORY) {
        status = fail(error, RISE_ENOMEM, "out of memory");
    } else if (code == CURLUE_UNSUPPORTED_SCHEME) {
        fail(error, status, "the URL is neither http nor https");
    } else {
        fail(error, status, "not a URL");
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return status;
}

/* The same, remembering the last URL. */
static rise_status look_at_url(rise_transport *t, const char *url, rise_error *error) {
    rise_status status;
    size_t len;
    char *copy;

    if (t->known_url != NULL && strcmp(t->known_url, url) == 0) {
        return RISE_OK;
    }
    free(t->known_url);
    t->known_url = NULL;
    len = strlen(url);
    if (len > MAX_URL) {
        return fail(error, RISE_EVALUE, "the URL is too long");
    }
    status = read_url(&t->known, url, error);
    if (status != RISE_OK) {
        return status;
    }
    copy = malloc(len + 1);
    if (copy == NULL) {
        return fail(error, RISE_ENOMEM, "out of memory");
    }
    memcpy(copy, url, len + 1);
    t->known_url = copy;
    return RISE_OK;
}

/* Both go onto the wire as they are: a line break in one would let it write headers of its own. */
static int is_method(const char *text) {
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    return len != 0 && len <= 32 && text[len] == '\0';
}

static int is_header_value(const char *text) {
    size_t len = 0;

    for (; text[len] != '\0'; len++) {
        if ((unsigned char)text[len] < 0x20 || text[len] == 0x7f) {
            return 0;
        }
    }
    return len != 0 && len <= 256;
}

/* ---- what libcurl calls: these touch memory of ours and nothing else ------------------------------------ */

static void too_long(exchange *x) {
    x->status = RISE_ELIMIT;
    snprintf(x->message, sizeof x->message, "%s: the reply is longer than %zu bytes", x->peer.origin, x->max_reply);
}

static size_t on_body(char *data, size_t size, size_t count, void *context) {
    exchange *x = context;
    size_t len = size * count;

    if (len > x->max_reply - x->reply.len) {
        too_long(x);
        return 0; /* ends the transfer; so does any number but `len` */
    }
    if (rise_buf_append(&x->reply, data, len) != RISE_OK) {
        x->status = RISE_ENOMEM;
        snprintf(x->message, sizeof x->message, "%s: no memory for the reply", x->peer.origin);
        return 0;
    }
    return len;
}

static size_t on_header(char *data, size_t size, size_t count, void *context) {
    exchange *x = context;
    size_t len = size * count;

    (void)data;
    if (len > MAX_HEADERS - x->header_bytes) {
        x->status = RISE_ELIMIT;
        snprintf(x->message, sizeof x->message, "%s: the reply has more than %u bytes of headers", x->peer.origin,
                 MAX_HEADERS);
        return 0;
    }
    x->header_bytes += len;
    return len;
}

#if LIBCURL_VERSION_NUM >= 0x075000
/* Called when a connection stands and before the first byte of the request goes out, on every attempt. */
static int on_ready(void *context, char *peer_ip, char *own_ip, int peer_port, int own_port) {
    exchange *x = context;

    (void)peer_ip;
    (void)own_ip;
    (void)peer_port;
    (void)own_port;
    if (x->sent && !x->repeatable) {
        return CURL_PREREQFUNC_ABORT;
    }
    x->sent = 1;
    return CURL_PREREQFUNC_OK;
}
#endif

/* libcurl's sockets would be inherited by every program that the host starts. */
static int on_socket(void *context, curl_socket_t fd, curlsocktype purpose) {
    (void)context;
    (void)purpose;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return CURL_SOCKOPT_OK;
}

/* ---- between us and libcurl ------------------------------------------------------------------------------ */

/* A handle is reset before it is kept, so that it holds no URL, header or pointer of the last request. */
static void put_handle(rise_transport *t, CURL *easy) {
    if (easy == NULL) {
        return;
    }
    if (t->spares == MAX_SPARE) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    t->spare[t->spares++] = easy;
}

static CURL *take_handle(rise_transport *t) {
    return t->spares != 0 ? t->spare[--t->spares] : curl_easy_init();
}

/* Takes it out of libcurl, if it is there. */
static void detach(rise_transport *t, exchange *x) {
    if (x->easy != NULL) {
        (void)curl_multi_remove_handle(t->multi, x->easy);
        put_handle(t, x->easy);
        x->easy = NULL;
    }
}

static void finish(rise_transport *t, exchange *x) {
    detach(t, x);
    list_remove(x);
    list_append(&t->done, x);
}

static struct curl_slist *own_headers(const char *type) {
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:"); /* switches 100-continue off */
    struct curl_slist *more = headers != NULL ? curl_slist_append(headers, type) : NULL;

    if (more == NULL) {
        curl_slist_free_all(headers);
    }
    return more;
}

/* 0 when an option was refused, which for these means that memory ran out. */
static int set_options(rise_transport *t, exchange *x, CURL *easy, int64_t left) {
    int head = strcmp(x->method, "HEAD") == 0;
    int ok = 1;
#define SET(option, value) ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK

    SET(CURLOPT_URL, x->url);
    SET(CURLOPT_PRIVATE, x);
    SET(CURLOPT_ERRORBUFFER, x->curl_error);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, x);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
#if LIBCURL_VERSION_NUM >= 0x075000
    SET(CURLOPT_PREREQFUNCTION, on_ready);
    SET(CURLOPT_PREREQDATA, x);
#else
    x->sent = 1; /* for all we know */
#endif
    SET(CURLOPT_TIMEOUT_MS, (long)left);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)x->max_reply);
    SET(CURLOPT_USERAGENT, "rise/" RISE_VERSION);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TCP_NODELAY, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Without it, giving up on a name that is still being looked up waits for the resolver's thread. */
    SET(CURLOPT_QUICK_EXIT, 1L);
#endif
    if (x->peer.loopback) {
        SET(CURLOPT_PROXY, ""); /* not even one from the environment */
    }
    if (x->peer.secure) {
        SET(CURLOPT_PIPEWAIT, 1L); /* many requests to one HTTP/2 peer share a connection from the start */
    }
    if (x->type != NULL) {
        x->headers = own_headers(x->type);
        ok = ok && x->headers != NULL;
        SET(CURLOPT_HTTPHEADER, x->headers);
    } else {
        SET(CURLOPT_HTTPHEADER, x->body != NULL ? t->json_headers : t->bare_headers);
    }
    if (head) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (x->body != NULL || strcmp(x->method, "POST") == 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body_len);
        SET(CURLOPT_POSTFIELDS, x->body != NULL ? x->body : "");
    }
    if (!head && strcmp(x->method, "GET") != 0 && strcmp(x->method, "POST") != 0) {
        SET(CURLOPT_CUSTOMREQUEST, x->method);
    } else if (x->body != NULL && strcmp(x->method, "GET") == 0) {
        SET(CURLOPT_CUSTOMREQUEST, "GET");
    }
#undef SET
    return ok;
}

static void timed_out(exchange *x) {
    x->status = RISE_ETIMEOUT;
    snprintf(x->message, sizeof x->message, "%s: %s within %lu ms", x->peer.origin,
             x->sent ? "no complete answer" : "no connection", (unsigned long)x->timeout_ms);
}

/* Hands one waiting request to libcurl. */
static void activate(rise_transport *t, exchange *x, int64_t now) {
    CURL *easy = take_handle(t);

    if (easy == NULL || !set_options(t, x, easy, x->deadline - now) || curl_multi_add_handle(t->multi, easy)) {
        put_handle(t, easy);
        x->status = RISE_ENOMEM;
        snprintf(x->message, sizeof x->message, "%s: no memory for the request", x->peer.origin);
        finish(t, x);
        return;
    }
    x->easy = easy;
    list_remove(x);
    list_append(&t->active, x);
}

/* Looks through the queue only when the earliest deadline in it has come, so at most once a millisecond. */
static void expire_waiting(rise_transport *t, int64_t now) {
    exchange *x, *next;

    if (t->waiting.count == 0 || now < t->waiting_deadline) {
        return;
    }
    t->waiting_deadline = INT64_MAX;
    for (x = t->waiting.first; x != NULL; x = next) {
        next = x->next;
        if (x->deadline <= now) {
            timed_out(x);
            finish(t, x);
        } else if (x->deadline < t->waiting_deadline) {
            t->waiting_deadline = x->deadline;
        }
    }
}

/* libcurl's words may be shown unless they could quote a URL or the proxy's, which may hold a password. */
static int may_show(const char *text) {
    const char *p;

    for (p = text; *p != '\0'; p++) {
        if (strncasecmp(p, "proxy", 5) == 0 || strncmp(p, "://", 3) == 0 || *p == '?' || *p == '@') {
            return 0;
        }
    }
    return p != text;
}

static void explain(exchange *x, CURLcode result) {
    const char *text = may_show(x->curl_error) ? x->curl_error : curl_easy_strerror(result);
    char *p;

    if (result == CURLE_ABORTED_BY_CALLBACK) {
        text = "the kept connection was closed before an answer came";
    } else if (result == CURLE_OUT_OF_MEMORY) {
        text = "a header line that is too long, or no memory"; /* libcurl calls both so */
    }
    snprintf(x->message, sizeof x->message, "%s: %.158s", x->peer.origin, text);
    for (p = x->message; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f) {
            *p = '?'; /* the peer may have a say in the words, by its certificate */
        }
    }
}

static void complete(rise_transport *t, exchange *x, CURLcode result) {
    long code = 0;

    (void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &code);
    x->http_status = (int)code;
    if (x->status != RISE_OK) {
        /* on_body or on_header gave up and said why */
    } else if (result == CURLE_OK) {
        x->sent = 1;
    } else if (result == CURLE_FILESIZE_EXCEEDED) {
        too_long(x);
    } else if (result == CURLE_OPERATION_TIMEDOUT) {
        timed_out(x);
    } else {
        x->status = RISE_ENETWORK;
        explain(x, result);
    }
    finish(t, x);
}

/* One round: fills the free places, moves bytes, collects what is finished. */
static rise_status turn(rise_transport *t) {
    int64_t now = rise_clock_steady();
    CURLMcode code;
    CURLMsg *message;
    int running, left;

    expire_waiting(t, now);
    while (t->waiting.first != NULL && t->active.count < MAX_ACTIVE) {
        activate(t, t->waiting.first, now);
    }
    code = curl_multi_perform(t->multi, &running);
    while ((message = curl_multi_info_read(t->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            CURLcode result = message->data.result; /* the message dies with the handle's leaving */
            exchange *x = NULL;
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&x);
            complete(t, x, result);
        }
    }
    if (code == CURLM_OK) {
        return RISE_OK;
    }
    return code == CURLM_OUT_OF_MEMORY ? RISE_ENOMEM : RISE_ENETWORK;
}

static void drop_handed(rise_transport *t) {
    if (t->handed != NULL) {
        exchange_free(t->handed);
        t->handed = NULL;
    }
}

/* ---- the public face --------------------------------------------------------------------------------------- */

rise_status rise_transport_new(rise_transport **out) {
    rise_transport *t;
    struct curl_slist *more;

    *out = NULL;
    if (pthread_once(&once, start_libcurl) != 0 || once_result != CURLE_OK) {
        return RISE_ENETWORK;
    }
    t = calloc(1, sizeof *t);
    if (t == NULL) {
        return RISE_ENOMEM;
    }
    t->waiting_deadline = INT64_MAX;
    t->multi = curl_multi_init();
    t->bare_headers = curl_slist_append(NULL, "Expect:");
    t->json_headers = curl_slist_append(NULL, "Expect:");
    more = t->json_headers != NULL ? curl_slist_append(t->json_headers, "Content-Type: application/json") : NULL;
    if (t->multi == NULL || t->bare_headers == NULL || more == NULL) {
        rise_transport_free(t);
        return RISE_ENOMEM;
    }
    /* Else libcurl keeps four connections for each handle under way, and drops the rest at the end of a burst. */
    (void)curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long)MAX_ACTIVE);
    *out = t;
    return RISE_OK;
}

void rise_transport_free(rise_transport *t) {
    exchange *x, *next;
    size_t i;

    if (t == NULL) {
        return;
    }
    drop_handed(t);
    for (i = 0; i < BUCKETS; i++) {
        for (x = t->bucket[i]; x != NULL; x = next) {
            next = x->chain;
            if (x->easy != NULL) {
                (void)curl_multi_remove_handle(t->multi, x->easy);
                curl_easy_cleanup(x->easy);
            }
            exchange_free(x);
        }
    }
    while (t->spares != 0) {
        curl_easy_cleanup(t->spare[--t->spares]);
    }
    if (t->multi != NULL) {
        (void)curl_multi_cleanup(t->multi);
    }
    curl_slist_free_all(t->json_headers);
    curl_slist_free_all(t->bare_headers);
    free(t->known_url);
    free(t);
}

/* Copies `len` bytes and a NUL to *at and moves it on. */
static const char *put(char **at, const void *bytes, size_t len) {
    char *start = *at;

    if (len != 0) {
        memcpy(start, bytes, len);
    }
    start[len] = '\0';
    *at += len + 1;
    return start;
}

rise_status rise_transport_submit(rise_transport *t, uint64_t *id, const rise_request *request, rise_error *error) {
    static const char type_name[] = "Content-Type: ";
    int has_body = request->body != NULL;
    const char *method = request->method != NULL ? request->method : has_body ? "POST" : "GET";
    const char *type = request->content_type;
    size_t url_len, method_len, type_len;
    rise_status status;
    exchange *x;
    char *at;

    drop_handed(t);
    if (request->url == NULL) {
        return fail(error, RISE_EVALUE, "no URL");
    }
    if (!is_method(method)) {
        return fail(error, RISE_EVALUE, "not an HTTP method");
    }
    if (has_body && strcmp(method, "HEAD") == 0) {
        return fail(error, RISE_EVALUE, "a HEAD request has no body");
    }
    if (type != NULL && !is_header_value(type)) {
        return fail(error, RISE_EVALUE, "not a content type");
    }
    status = look_at_url(t, request->url, error);
    if (status != RISE_OK) {
        return status;
    }
    url_len = strlen(request->url);
    method_len = strlen(method);
    type_len = type != NULL ? sizeof type_name - 1 + strlen(type) : 0;
    if (request->body_len > SIZE_MAX / 2) {
        return fail(error, RISE_ELIMIT, "the body is too long");
    }
    x = malloc(sizeof *x + url_len + method_len + type_len + (has_body ? request->body_len : 0) + 4);
    if (x == NULL) {
        return fail(error, RISE_ENOMEM, "out of memory");
    }
    memset(x, 0, sizeof *x);
    at = (char *)(x + 1);
    x->url = put(&at, request->url, url_len);
    x->method = put(&at, method, method_len);
    if (type != NULL) {
        x->type = at;
        memcpy(at, type_name, sizeof type_name - 1);
        at += sizeof type_name - 1;
        (void)put(&at, type, strlen(type));
    }
    if (has_body) {
        x->body = put(&at, request->body, request->body_len);
        x->body_len = request->body_len;
    }
    x->peer = t->known;
    x->timeout_ms = request->timeout_ms != 0 ? request->timeout_ms : DEFAULT_TIMEOUT;
    if (x->timeout_ms > INT32_MAX) {
        x->timeout_ms = INT32_MAX; /* libcurl takes a long */
    }
    x->deadline = rise_clock_steady() + x->timeout_ms;
    x->max_reply = request->max_reply != 0 ? request->max_reply : DEFAULT_MAX_REPLY;
    if (x->max_reply > SIZE_MAX / 2) {
        x->max_reply = SIZE_MAX / 2; /* and a signed size */
    }
    x->reply.limit = x->max_reply;
    x->repeatable = request->repeatable || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    x->id = ++t->last_id;
    *find(t, x->id) = x;
    list_append(&t->waiting, x);
    if (x->deadline < t->waiting_deadline) {
        t->waiting_deadline = x->deadline;
    }
    *id = x->id;
    return RISE_OK;
}

rise_status rise_transport_step(rise_transport *t, int timeout_ms, const int *extra_fds, size_t extra_count,
                                size_t *active) {
    rise_status status;

    if (extra_count > RISE_EXTRA_FDS) {
        return RISE_EUSAGE;
    }
    drop_handed(t);
    status = turn(t);
    /* Who has replies to take need not wait; nor does a request for which a place became free. */
    if (status == RISE_OK && timeout_ms > 0 && t->done.count == 0) {
        struct curl_waitfd extra[RISE_EXTRA_FDS];
        size_t i;
        int ready;

        memset(extra, 0, sizeof extra);
        for (i = 0; i < extra_count; i++) {
            extra[i].fd = extra_fds[i];
            extra[i].events = CURL_WAIT_POLLIN;
        }
        if (t->waiting.count != 0) {
            int64_t left = t->waiting_deadline - rise_clock_steady();
            if (left < timeout_ms) {
                timeout_ms = left > 0 ? (int)left : 0;
            }
        }
        /* A signal ends the wait early, and is no failure. */
        if (curl_multi_poll(t->multi, extra, (unsigned)extra_count, timeout_ms, &ready) != CURLM_OK) {
            status = RISE_ENETWORK;
        } else {
            status = turn(t);
        }
    }
    *active = t->waiting.count + t->active.count;
    return status;
}

int rise_transport_next(rise_transport *t, rise_reply *reply) {
    exchange *x;

    drop_handed(t);
    x = t->done.first;
    if (x == NULL) {
        return 0;
    }
    list_remove(x);
    *find(t, x->id) = x->chain;
    t->handed = x;
    memset(reply, 0, sizeof *reply);
    reply->id = x->id;
    reply->status = x->status;
    reply->http_status = x->http_status;
    reply->sent = x->sent;
    reply->body = "";
    if (x->status == RISE_OK && x->reply.len != 0) {
        reply->body = (const char *)x->reply.data;
        reply->body_len = x->reply.len;
    }
    memcpy(reply->message, x->message, sizeof reply->message);
    return 1;
}

void rise_transport_cancel(rise_transport *t, uint64_t id) {
    exchange **link, *x;

    drop_handed(t);
    link = find(t, id);
    x = *link;
    if (x != NULL) {
        *link = x->chain;
        detach(t, x);
        list_remove(x);
        exchange_free(x);
    }
}
