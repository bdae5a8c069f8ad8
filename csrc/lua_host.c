/*** What the command line and the devnet need of the machine: an HTTP server, child processes, signals.
 * @module rise.host
 */
#include <math.h>
#include <signal.h>
#include <string.h>

#include "lua_rise.h"
#include "net/host.h"
#include "rise_lua.h"

#define RL_SIGNALS "rise.signals"

/* ---- options ------------------------------------------------------------------------------------------- */

/* Raises for a name that is not in `known`; positions are let through where `list` says so. */
static void check_fields(lua_State *L, int index, const char *const *known, const char *what, int list) {
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        int i;
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TNUMBER && list) {
            continue;
        }
        if (lua_type(L, -1) != LUA_TSTRING) {
            luaL_error(L, "%s: options have names", what);
        }
        for (i = 0; known[i] != NULL && strcmp(known[i], lua_tostring(L, -1)) != 0; i++) {
        }
        if (known[i] == NULL) {
            luaL_error(L, "%s: unknown option '%s'", what, lua_tostring(L, -1));
        }
    }
}

/* The string on the top of the stack, which must stay alive elsewhere; C sees it up to its first NUL only, so
 * there may be none. */
static const char *plain_text(lua_State *L, const char *what) {
    size_t len;
    const char *text;

    if (lua_type(L, -1) != LUA_TSTRING) {
        luaL_error(L, "%s must be a string", what);
    }
    text = lua_tolstring(L, -1, &len);
    if (strlen(text) != len) {
        luaL_error(L, "%s has a zero byte in it", what);
    }
    return text;
}

static int milliseconds(lua_State *L, int arg) {
    double seconds = luaL_checknumber(L, arg);

    luaL_argcheck(L, seconds >= 0, arg, "a number of seconds, not negative");
    return seconds >= INT32_MAX / 1000 ? INT32_MAX : (int)ceil(seconds * 1000);
}

static double number_field(lua_State *L, int index, const char *name, double high, double otherwise) {
    double value = otherwise;

    lua_getfield(L, index, name);
    if (lua_type(L, -1) == LUA_TNUMBER) {
        value = lua_tonumber(L, -1);
        if (!(value >= 0 && value <= high && value == floor(value))) {
            luaL_error(L, "%s is out of range", name);
        }
    } else if (!lua_isnil(L, -1)) {
        luaL_error(L, "%s must be a number", name);
    }
    lua_pop(L, 1);
    return value;
}

/* ---- HTTP server ----------------------------------------------------------------------------------------- */

static rise_httpd *check_httpd(lua_State *L) {
    return (rise_httpd *)rl_checkbox(L, 1, RL_HTTPD);
}

/*** Serves HTTP on a loopback address. Requests are queued until `next` takes them, and wait until `reply`.
 * @function httpd
 * @tparam[opt] table options
 * @tparam[opt="127.0.0.1"] string options.host a loopback address or "localhost"
 * @tparam[opt=0] number options.port 0 for any free one
 * @tparam[opt=10 MiB] number options.max_body bytes; more is answered with 413
 * @treturn[1] httpd
 * @treturn[2] nil
 * @treturn[2] table error: `io` when the address cannot be had, `invalid_value` when it is not a loopback one
 */
static int l_httpd(lua_State *L) {
    static const char *const known[] = { "host", "port", "max_body", NULL };
    const char *host = "127.0.0.1";
    unsigned port;
    double max_body;
    rise_httpd **box;
    rise_error error;
    rise_status status;

    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_createtable(L, 0, 0);
        lua_replace(L, 1);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    check_fields(L, 1, known, "httpd", 0);
    port = (unsigned)number_field(L, 1, "port", 65535, 0);
    max_body = number_field(L, 1, "max_body", RISE_BUF_LIMIT, 10 * 1024 * 1024);
    lua_getfield(L, 1, "host");
    if (!lua_isnil(L, -1)) {
        host = plain_text(L, "host");
    }
    box = (rise_httpd **)rl_newbox(L, RL_HTTPD);
    memset(&error, 0, sizeof error);
    status = rise_httpd_new(box, host, port, (size_t)max_body, &error);
    return status == RISE_OK ? 1 : rl_fail(L, status, &error);
}

/***
 * @type httpd
 */
/*** The port it listens on.
 * @function port
 * @treturn number
 */
static int l_httpd_port(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)rise_httpd_port(check_httpd(L)));
    return 1;
}

/*** A descriptor that is readable when there is work for `step`.
 * @function fd
 * @treturn[1] number
 * @treturn[2] nil where the system has none: go by `timeout` then
 */
static int l_httpd_fd(lua_State *L) {
    int fd = rise_httpd_fd(check_httpd(L));

    if (fd >= 0) {
        lua_pushinteger(L, fd);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

/*** Seconds until `step` wants to be called even if the descriptor is not readable.
 * @function timeout
 * @treturn[1] number
 * @treturn[2] nil when it need not be
 */
static int l_httpd_timeout(lua_State *L) {
    int left = rise_httpd_timeout(check_httpd(L));

    if (left >= 0) {
        lua_pushnumber(L, left / 1000.0);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

/*** Moves bytes; never waits.
 * @function step
 */
static int l_httpd_step(lua_State *L) {
    rise_httpd_step(check_httpd(L));
    return 0;
}

/* Pushes the table of headers; the values of a name that occurs again are joined, as RFC 9110 5.3 has it. */
static void push_headers(lua_State *L, const rise_httpd_request *request) {
    size_t i;

    lua_createtable(L, 0, (int)request->header_count);
    for (i = 0; i < request->header_count; i++) {
        lua_getfield(L, -1, request->headers[i].name);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushstring(L, request->headers[i].value);
        } else {
            lua_pushfstring(L, ", %s", request->headers[i].value);
            lua_concat(L, 2);
        }
        lua_setfield(L, -2, request->headers[i].name);
    }
}

/*** Takes the next request.
 * `{ id =, method =, path =, query =, headers =, body = }`: path and query as they were sent, nothing decoded, the
 * query "" when there is none; header names in lower case; the body "" when there is none.
 * @function next
 * @treturn[1] table
 * @treturn[2] nil when none has come
 */
static int l_httpd_next(lua_State *L) {
    rise_httpd *server = check_httpd(L);
    rise_httpd_request request;

    if (!rise_httpd_next(server, &request)) {
        lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, 0, 6);
    rl_pushinteger(L, request.id);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, request.method);
    lua_setfield(L, -2, "method");
    lua_pushstring(L, request.path);
    lua_setfield(L, -2, "path");
    lua_pushstring(L, request.query);
    lua_setfield(L, -2, "query");
    push_headers(L, &request);
    lua_setfield(L, -2, "headers");
    lua_pushlstring(L, request.body, request.body_len);
    lua_setfield(L, -2, "body");
    return 1;
}

/* The headers at `arg`, in a userdata on the stack; both texts of each live on in the table. */
static rise_http_header *push_reply_headers(lua_State *L, int arg, size_t *count) {
    rise_http_header *headers;

    *count = 0;
    if (lua_isnoneornil(L, arg)) {
        return NULL;
    }
    luaL_checktype(L, arg, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, arg) != 0) {
        lua_pop(L, 1);
        (*count)++;
    }
    headers = (rise_http_header *)lua_newuserdata(L, (*count + 1) * sizeof *headers);
    *count = 0;
    lua_pushnil(L);
    while (lua_next(L, arg) != 0) {
        headers[*count].value = plain_text(L, "a header's value");
        lua_pop(L, 1);
        headers[*count].name = plain_text(L, "a header's name");
        (*count)++;
    }
    return headers;
}

static uint64_t check_id(lua_State *L) {
    return (uint64_t)rl_checkinteger(L, 2, 0, (int64_t)1 << 53);
}

/*** Answers a request. Content-Length and Connection are taken care of.
 * @function reply
 * @tparam number id of the request
 * @tparam number status 200 to 599
 * @tparam[opt] table headers name = value
 * @tparam[opt=""] string body
 * @treturn boolean whether the request was still open; that a peer hung up may be noticed a second later
 */
static int l_httpd_reply(lua_State *L) {
    rise_httpd *server = check_httpd(L);
    uint64_t id = check_id(L);
    int status = (int)rl_checkinteger(L, 3, 200, 599);
    rise_http_header *headers;
    size_t count, len = 0;
    const uint8_t *body = NULL;
    rise_error error;
    rise_status result;
    int queued;

    lua_settop(L, 5);
    if (!lua_isnil(L, 5)) {
        body = rl_checkstring(L, 5, &len);
    }
    headers = push_reply_headers(L, 4, &count);
    memset(&error, 0, sizeof error);
    result = rise_httpd_reply(server, &queued, id, status, headers, count, body, len, &error);
    if (result != RISE_OK) {
        return luaL_error(L, "%s", error.message);
    }
    lua_pushboolean(L, queued);
    return 1;
}

/*** Begins an answer that comes in pieces, as server-sent events do: its headers leave with the next `step`, its body
 * is what `write` adds until `finish`.
 * @function stream
 * @tparam number id of the request
 * @tparam number status 200 to 599
 * @tparam[opt] table headers name = value
 * @treturn boolean whether the request was still open
 */
static int l_httpd_stream(lua_State *L) {
    rise_httpd *server = check_httpd(L);
    uint64_t id = check_id(L);
    int status = (int)rl_checkinteger(L, 3, 200, 599);
    rise_http_header *headers;
    size_t count;
    rise_error error;
    rise_status result;
    int queued;

    lua_settop(L, 4);
    headers = push_reply_headers(L, 4, &count);
    memset(&error, 0, sizeof error);
    result = rise_httpd_stream(server, &queued, id, status, headers, count, &error);
    if (result != RISE_OK) {
        return luaL_error(L, "%s", error.message);
    }
    lua_pushboolean(L, queued);
    return 1;
}

/*** Adds to an answer that `stream` began. A peer that leaves 256 KiB unread is cut off.
 * @function write
 * @tparam number id of the request
 * @tparam string bytes "" just asks whether the stream is open
 * @treturn boolean whether it is; that a peer hung up may be noticed a second later
 */
static int l_httpd_write(lua_State *L) {
    rise_httpd *server = check_httpd(L);
    uint64_t id = check_id(L);
    size_t len;
    const uint8_t *bytes = rl_checkstring(L, 3, &len);

    lua_pushboolean(L, rise_httpd_write(server, id, bytes, len));
    return 1;
}

/*** Ends an answer that `stream` began, once all of it has been read.
 * @function finish
 * @tparam number id of the request
 * @treturn boolean whether it was open
 */
static int l_httpd_finish(lua_State *L) {
    rise_httpd *server = check_httpd(L);

    lua_pushboolean(L, rise_httpd_finish(server, check_id(L)));
    return 1;
}

/*** Closes the connection of a request without a byte of an answer, as a server does that dies over it.
 * @function drop
 * @tparam number id of the request
 * @treturn boolean whether the request was still open
 */
static int l_httpd_drop(lua_State *L) {
    rise_httpd *server = check_httpd(L);
    uint64_t id = check_id(L);

    lua_pushboolean(L, rise_httpd_drop(server, id));
    return 1;
}

/*** Stops serving; what is unanswered is cut off. May be called again.
 * @function close
 */
static int l_httpd_close(lua_State *L) {
    rise_httpd **box = (rise_httpd **)rl_testbox(L, 1, RL_HTTPD);
    rise_httpd *server = *box;

    *box = NULL;
    rise_httpd_free(server);
    return 0;
}

static int l_httpd_tostring(lua_State *L) {
    rise_httpd **box = (rise_httpd **)rl_testbox(L, 1, RL_HTTPD);

    if (*box == NULL) {
        lua_pushliteral(L, "rise.httpd (closed)");
    } else {
        lua_pushfstring(L, "rise.httpd: port %d", (int)rise_httpd_port(*box));
    }
    return 1;
}

/* ---- signals ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int number;
} signals[] = {
    { "INT", SIGINT },   { "TERM", SIGTERM }, { "HUP", SIGHUP }, { "QUIT", SIGQUIT },
    { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "KILL", SIGKILL },
};
#define SIGNAL_COUNT (sizeof signals / sizeof signals[0])

static int check_signal(lua_State *L, int arg) {
    const char *name = luaL_checkstring(L, arg);
    size_t i;

    for (i = 0; i < SIGNAL_COUNT; i++) {
        if (strcmp(signals[i].name, name) == 0) {
            return signals[i].number;
        }
    }
    return luaL_argerror(L, arg, "not one of INT, TERM, HUP, QUIT, USR1, USR2, KILL");
}

static int l_signals_release(lua_State *L) {
    (void)L;
    rise_signal_release();
    return 0;
}

/* Handlers may not outlive the state that asked for them: nobody would ask what they caught, and the process could
 * not be interrupted any more. */
static void release_at_close(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, RL_SIGNALS "*");
    if (lua_isnil(L, -1)) {
        void **box = rl_newbox(L, RL_SIGNALS);
        *box = NULL;
        lua_setfield(L, LUA_REGISTRYINDEX, RL_SIGNALS "*");
    }
    lua_pop(L, 1);
}

/***
 * @section signals
 */
/*** From now on these signals are noted instead of acted on, until the state is closed. They belong to the process:
 * let one state have them.
 * @function trap
 * @tparam string ... INT, TERM, HUP, QUIT, USR1 or USR2
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] table error: `io`
 */
static int l_trap(lua_State *L) {
    int count = lua_gettop(L), i;

    for (i = 1; i <= count; i++) {
        luaL_argcheck(L, check_signal(L, i) != SIGKILL, i, "KILL cannot be caught");
    }
    release_at_close(L);
    for (i = 1; i <= count; i++) {
        rise_status status = rise_signal_trap(check_signal(L, i));
        if (status != RISE_OK) {
            return rl_fail(L, status, NULL);
        }
    }
    lua_pushboolean(L, 1);
    return 1;
}

/*** The next signal caught since.
 * @function signal
 * @treturn[1] string INT, TERM, …
 * @treturn[2] nil when there is none
 */
static int l_signal(lua_State *L) {
    int number = rise_signal_next();
    size_t i;

    for (i = 0; i < SIGNAL_COUNT; i++) {
        if (signals[i].number == number) {
            lua_pushstring(L, signals[i].name);
            return 1;
        }
    }
    lua_pushnil(L);
    return 1;
}

/*** A descriptor that is readable while caught signals wait, so that a loop can wait for them too.
 * @function signal_fd
 * @treturn[1] number
 * @treturn[2] nil before the first `trap`
 */
static int l_signal_fd(lua_State *L) {
    int fd = rise_signal_fd();

    if (fd >= 0) {
        lua_pushinteger(L, fd);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

/* ---- child processes --------------------------------------------------------------------------------------- */

static rise_process *check_process(lua_State *L) {
    return (rise_process *)rl_checkbox(L, 1, RL_PROCESS);
}

static rise_output output_field(lua_State *L, const char *name) {
    static const struct {
        const char *word;
        rise_output output;
    } words[] = {
        { "inherit", RISE_OUTPUT_INHERIT },
        { "pipe", RISE_OUTPUT_PIPE },
        { "null", RISE_OUTPUT_NULL },
    };
    const char *word;
    int i;

    lua_getfield(L, 1, name);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return RISE_OUTPUT_INHERIT;
    }
    word = plain_text(L, name);
    for (i = 0; i < 3; i++) {
        if (strcmp(word, words[i].word) == 0) {
            lua_pop(L, 1);
            return words[i].output;
        }
    }
    luaL_error(L, "spawn: %s must be \"pipe\", \"null\" or \"inherit\"", name);
    return RISE_OUTPUT_INHERIT;
}

/* The words of the command as an array that ends in NULL; the strings live in the table at 1. */
static const char **push_argv(lua_State *L) {
    size_t count = rl_rawlen(L, 1), i;
    const char **argv;

    argv = (const char **)lua_newuserdata(L, (count + 1) * sizeof *argv);
    for (i = 0; i < count; i++) {
        lua_rawgeti(L, 1, (int)i + 1);
        argv[i] = plain_text(L, "spawn: a word of the command");
        lua_pop(L, 1);
    }
    argv[count] = NULL;
    if (count == 0 || *argv[0] == '\0') {
        luaL_error(L, "spawn: no program");
    }
    return argv;
}

/* The changes to the environment: pushes the array and, below it, the table that keeps its strings alive. */
static const char **push_env(lua_State *L) {
    const char **env;
    int count = 0, source;

    lua_getfield(L, 1, "env");
    if (lua_isnil(L, -1)) {
        return NULL;
    }
    source = lua_gettop(L);
    luaL_argcheck(L, lua_istable(L, source), 1, "env must be a table");
    lua_createtable(L, 0, 0);
    lua_pushnil(L);
    while (lua_next(L, source) != 0) { /* source, strings, name, value */
        const char *value = NULL;
        const char *name;
        if (lua_type(L, -1) != LUA_TBOOLEAN || lua_toboolean(L, -1)) {
            value = plain_text(L, "spawn: a value of env");
        }
        lua_pushvalue(L, -2);
        name = plain_text(L, "spawn: a name in env");
        if (*name == '\0' || strchr(name, '=') != NULL) {
            luaL_error(L, "spawn: '%s' cannot be a name in env", name);
        }
        if (value != NULL) {
            lua_pushfstring(L, "%s=%s", name, value);
        } else {
            lua_pushvalue(L, -1);
        }
        lua_rawseti(L, source + 1, ++count);
        lua_pop(L, 2);
    }
    env = (const char **)lua_newuserdata(L, ((size_t)count + 1) * sizeof *env);
    env[count] = NULL;
    while (count > 0) {
        lua_rawgeti(L, source + 1, count);
        env[--count] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    return env;
}

/***
 * @section processes
 */
/*** Starts a program in a process group of its own: `spawn{ "anvil", "--port", "0", stdout = "pipe" }`.
 * It is looked up in PATH, reads from /dev/null, and on Linux is killed when the program that started it ends,
 * however that ends. A pipe must be read, or the child waits when it is full.
 * @function spawn
 * @tparam table command the program and its arguments, and options:
 * @tparam[opt="inherit"] string command.stdout "pipe", "null" or "inherit"
 * @tparam[opt="inherit"] string command.stderr the same; where both are pipes it is one and the same
 * @tparam[opt] boolean command.detached it goes on when this program ends, and `close` only lets go of it
 * @tparam[opt] table command.env what to change in the environment: name = value, or name = false to remove it
 * @treturn[1] process
 * @treturn[2] nil
 * @treturn[2] table error: `io` with the program's name and why it could not be started
 */
static int l_spawn(lua_State *L) {
    static const char *const known[] = { "stdout", "stderr", "env", "detached", NULL };
    const char *const *argv;
    const char *const *env;
    rise_output output, errors;
    int detached;
    rise_process **box;
    rise_error error;
    rise_status status;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    check_fields(L, 1, known, "spawn", 1);
    output = output_field(L, "stdout");
    errors = output_field(L, "stderr");
    lua_getfield(L, 1, "detached");
    detached = lua_toboolean(L, -1);
    lua_pop(L, 1);
    argv = push_argv(L);
    env = push_env(L);
    box = (rise_process **)rl_newbox(L, RL_PROCESS);
    memset(&error, 0, sizeof error);
    status = rise_process_new(box, argv, env, output, errors, detached, &error);
    return status == RISE_OK ? 1 : rl_fail(L, status, &error);
}

/***
 * @type process
 */
/*** The number of the child, and of its group.
 * @function pid
 * @treturn number
 */
static int l_process_pid(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)rise_process_pid(check_process(L)));
    return 1;
}

/*** The descriptor of the pipe, to wait on until there is something to read.
 * @function fd
 * @treturn[1] number
 * @treturn[2] nil when there is no pipe, or it is at its end
 */
static int l_process_fd(lua_State *L) {
    int fd = rise_process_fd(check_process(L));

    if (fd >= 0) {
        lua_pushinteger(L, fd);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

/*** Reads what the child has written to its pipe, up to 16 KiB a call; never waits.
 * @function read
 * @treturn[1] string "" when there is nothing now
 * @treturn[2] nil when there is no pipe, or it is at its end
 */
static int l_process_read(lua_State *L) {
    char text[16384];
    long got = rise_process_read(check_process(L), text, sizeof text);

    if (got < 0) {
        lua_pushnil(L);
    } else {
        lua_pushlstring(L, text, (size_t)got);
    }
    return 1;
}

/*** Sends a signal to the child and its group. Nothing happens when they have ended.
 * @function kill
 * @tparam[opt="TERM"] string name TERM, KILL, INT, HUP, QUIT, USR1 or USR2
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] table error: `io`
 */
static int l_process_kill(lua_State *L) {
    rise_process *process = check_process(L);
    int number = lua_isnoneornil(L, 2) ? SIGTERM : check_signal(L, 2);
    rise_status status = rise_process_kill(process, number);

    if (status != RISE_OK) {
        return rl_fail(L, status, NULL);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/*** Waits for the end of the child; a caught signal ends the wait early.
 * @function wait
 * @tparam[opt=0] number seconds at most
 * @treturn[1] number exit code; 128 + its number when a signal ended it
 * @treturn[2] nil
 * @treturn[2] string "running"
 * @treturn[3] nil
 * @treturn[3] table error: `io` when something else has collected the child, so that its exit code is lost
 */
static int l_process_wait(lua_State *L) {
    rise_process *process = check_process(L);
    int timeout = lua_isnoneornil(L, 2) ? 0 : milliseconds(L, 2);
    int code, ended = rise_process_wait(process, timeout, &code);

    if (ended == 1) {
        lua_pushinteger(L, code);
        return 1;
    }
    if (ended == 0) {
        lua_pushnil(L);
        lua_pushliteral(L, "running");
        return 2;
    }
    return rl_fail(L, RISE_EIO, NULL);
}

/*** Ends the child if it still runs: TERM, up to two seconds of patience, KILL for what is left of its group.
 * May be called again.
 * @function close
 */
static int l_process_close(lua_State *L) {
    rise_process **box = (rise_process **)rl_testbox(L, 1, RL_PROCESS);
    rise_process *process = *box;

    *box = NULL;
    rise_process_free(process);
    return 0;
}

static int l_process_tostring(lua_State *L) {
    rise_process **box = (rise_process **)rl_testbox(L, 1, RL_PROCESS);

    if (*box == NULL) {
        lua_pushliteral(L, "rise.process (closed)");
    } else {
        lua_pushfstring(L, "rise.process: %d", (int)rise_process_pid(*box));
    }
    return 1;
}

int luaopen_rise_host(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "httpd", l_httpd },   { "spawn", l_spawn },         { "trap", l_trap },
        { "signal", l_signal }, { "signal_fd", l_signal_fd }, { NULL, NULL },
    };
    static const luaL_Reg httpd_methods[] = {
        { "port", l_httpd_port },   { "fd", l_httpd_fd },       { "timeout", l_httpd_timeout },
        { "step", l_httpd_step },   { "next", l_httpd_next },   { "reply", l_httpd_reply },
        { "stream", l_httpd_stream }, { "write", l_httpd_write }, { "finish", l_httpd_finish },
        { "drop", l_httpd_drop },   { "close", l_httpd_close }, { NULL, NULL },
    };
    static const luaL_Reg httpd_meta[] = {
        { "__gc", l_httpd_close }, { "__close", l_httpd_close }, { "__tostring", l_httpd_tostring }, { NULL, NULL },
    };
    static const luaL_Reg process_methods[] = {
        { "pid", l_process_pid },   { "fd", l_process_fd },     { "read", l_process_read },
        { "kill", l_process_kill }, { "wait", l_process_wait }, { "close", l_process_close },
        { NULL, NULL },
    };
    static const luaL_Reg process_meta[] = {
        { "__gc", l_process_close },
        { "__close", l_process_close },
        { "__tostring", l_process_tostring },
        { NULL, NULL },
    };
    static const luaL_Reg signals_meta[] = { { "__gc", l_signals_release }, { NULL, NULL } };
    static const luaL_Reg none[] = { { NULL, NULL } };

    rl_newclass(L, RL_HTTPD, httpd_methods, httpd_meta);
    rl_newclass(L, RL_PROCESS, process_methods, process_meta);
    rl_newclass(L, RL_SIGNALS, none, signals_meta);
    lua_createtable(L, 0, 5);
    rl_setfuncs(L, functions);
    return 1;
}
