/*** HTTP requests, many at a time, over libcurl. Nothing happens outside of `step`, and nothing calls back.
 *
 *     local transport = assert(net.transport())
 *     local id = assert(transport:submit{ url = url, body = text })
 *     while transport:step(1) > 0 do end
 *     local done, reply, err = transport:next()
 *
 * @module rise.net
 */
#include <dlfcn.h>
#include <math.h>
#include <string.h>

#include "lua_rise.h"
#include "rise_lua.h"

/* Seconds as Lua has them to whole milliseconds, rounded up so that a short wait is a wait. */
static int milliseconds(lua_State *L, double seconds, const char *what) {
    if (!(seconds >= 0)) { /* NaN too */
        luaL_error(L, "%s must be a number of seconds, not negative", what);
    }
    return seconds >= INT32_MAX / 1000 ? INT32_MAX : (int)ceil(seconds * 1000);
}

static rise_transport *check_transport(lua_State *L) {
    return (rise_transport *)rl_checkbox(L, 1, RL_TRANSPORT);
}

/*** A transport of its own: connections and requests under way.
 * @function transport
 * @treturn[1] transport
 * @treturn[2] nil
 * @treturn[2] table error: `network` when libcurl cannot be started
 */
static int l_transport(lua_State *L) {
    rise_transport **box = (rise_transport **)rl_newbox(L, RL_TRANSPORT);
    rise_status status = rise_transport_new(box);

    return status == RISE_OK ? 1 : rl_fail(L, status, NULL);
}

/* The field as text without NULs, NULL when it is nil; the value stays on the stack, which keeps it alive. */
static const char *text_field(lua_State *L, const char *name) {
    size_t len;
    const char *text;

    lua_getfield(L, 2, name);
    if (lua_isnil(L, -1)) {
        return NULL;
    }
    if (lua_type(L, -1) != LUA_TSTRING) {
        luaL_error(L, "submit: %s must be a string", name);
    }
    text = lua_tolstring(L, -1, &len);
    if (strlen(text) != len) {
        luaL_error(L, "submit: %s has a zero byte in it", name);
    }
    return text;
}

static double number_field(lua_State *L, const char *name, double otherwise) {
    double value = otherwise;

    lua_getfield(L, 2, name);
    if (lua_type(L, -1) == LUA_TNUMBER) {
        value = lua_tonumber(L, -1);
    } else if (!lua_isnil(L, -1)) {
        luaL_error(L, "submit: %s must be a number", name);
    }
    lua_pop(L, 1);
    return value;
}

static void check_fields(lua_State *L) {
    static const char *const known[] = {
        "url", "method", "body", "content_type", "timeout", "max_reply", "repeatable", NULL,
    };

    lua_pushnil(L);
    while (lua_next(L, 2) != 0) {
        int i;
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) {
            luaL_error(L, "submit: options have names");
        }
        for (i = 0; known[i] != NULL && strcmp(known[i], lua_tostring(L, -1)) != 0; i++) {
        }
        if (known[i] == NULL) {
            luaL_error(L, "submit: unknown option '%s'", lua_tostring(L, -1));
        }
    }
}

/***
 * @type transport
 */
/*** Takes a request. It starts to move with the next `step`.
 * @function submit
 * @tparam table options
 * @tparam string options.url http or https
 * @tparam[opt] string options.method `POST` when there is a body, else `GET`
 * @tparam[opt] string options.body
 * @tparam[opt="application/json"] string options.content_type of the body
 * @tparam[opt=30] number options.timeout seconds for the whole exchange, time in the queue included
 * @tparam[opt=16 MiB] number options.max_reply bytes; a longer reply is given up with `limit`
 * @tparam[opt=false] boolean options.repeatable whether it may go out a second time when a kept connection turns
 *   out closed before an answer came; `GET` and `HEAD` always may
 * @treturn[1] number id
 * @treturn[2] nil
 * @treturn[2] table error: `invalid_value` for what is no http(s) URL, method or content type
 */
static int l_submit(lua_State *L) {
    rise_transport *transport = check_transport(L);
    rise_request request;
    rise_error error;
    rise_status status;
    uint64_t id;
    double seconds, max_reply;

    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    check_fields(L);
    memset(&request, 0, sizeof request);
    seconds = number_field(L, "timeout", 0);
    request.timeout_ms = (uint32_t)milliseconds(L, seconds, "submit: timeout");
    max_reply = number_field(L, "max_reply", 0);
    if (!(max_reply >= 0 && max_reply <= 9007199254740992.0)) {
        luaL_error(L, "submit: max_reply must be a number of bytes");
    }
    request.max_reply = max_reply >= (double)SIZE_MAX ? SIZE_MAX : (size_t)max_reply;
    lua_getfield(L, 2, "repeatable");
    request.repeatable = lua_toboolean(L, -1);
    request.url = text_field(L, "url");
    if (request.url == NULL) {
        luaL_error(L, "submit: url is missing");
    }
    request.method = text_field(L, "method");
    request.content_type = text_field(L, "content_type");
    lua_getfield(L, 2, "body");
    if (lua_type(L, -1) == LUA_TSTRING) {
        request.body = lua_tolstring(L, -1, &request.body_len);
    } else if (!lua_isnil(L, -1)) {
        luaL_error(L, "submit: body must be a string");
    }
    memset(&error, 0, sizeof error);
    status = rise_transport_submit(transport, &id, &request, &error);
    if (status != RISE_OK) {
        return rl_fail(L, status, &error);
    }
    rl_pushinteger(L, id);
    return 1;
}

/*** Moves bytes, and waits for something to happen when nothing has. With 0 it never waits.
 * Returns early when a reply is there to be taken, when the descriptor becomes readable, and on a signal.
 * @function step
 * @tparam number seconds to wait at most, also when nothing is under way
 * @tparam[opt] number ... descriptors to wait for too, until one is readable; 16 at most, -1 for none
 * @treturn[1] number how many requests are under way; finished ones that wait for `next` do not count
 * @treturn[2] nil
 * @treturn[2] table error
 */
static int l_step(lua_State *L) {
    rise_transport *transport = check_transport(L);
    int timeout = milliseconds(L, luaL_checknumber(L, 2), "step: the wait");
    int fds[RISE_EXTRA_FDS], top = lua_gettop(L), i;
    size_t count = 0, active;
    rise_status status;

    luaL_argcheck(L, top <= 2 + RISE_EXTRA_FDS, top, "too many descriptors");
    for (i = 3; i <= top; i++) {
        int fd = lua_isnil(L, i) ? -1 : (int)rl_checkinteger(L, i, -1, INT32_MAX);
        if (fd >= 0) {
            fds[count++] = fd;
        }
    }
    status = rise_transport_step(transport, timeout, fds, count, &active);

    if (status != RISE_OK) {
        return rl_fail(L, status, NULL);
    }
    lua_pushinteger(L, (lua_Integer)active);
    return 1;
}

/*** Takes the next finished request.
 * A reply is `{ status = 200, body = "…" }`, whatever the status. An error has the code `network`, `timeout` or
 * `limit` and the field `sent`: false when no byte of the request can have reached the peer.
 * @function next
 * @treturn[1] nil when none is finished
 * @treturn[2] number id
 * @treturn[2] table reply
 * @treturn[3] number id
 * @treturn[3] nil
 * @treturn[3] table error
 */
static int l_next(lua_State *L) {
    rise_transport *transport = check_transport(L);
    rise_reply reply;
    rise_error error;

    if (!rise_transport_next(transport, &reply)) {
        lua_pushnil(L);
        return 1;
    }
    rl_pushinteger(L, reply.id);
    if (reply.status != RISE_OK) {
        error.code = reply.status;
        memcpy(error.message, reply.message, sizeof error.message);
        (void)rl_fail(L, reply.status, &error);
        lua_pushboolean(L, reply.sent);
        lua_setfield(L, -2, "sent");
        return 3;
    }
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, reply.http_status);
    lua_setfield(L, -2, "status");
    lua_pushlstring(L, reply.body, reply.body_len);
    lua_setfield(L, -2, "body");
    return 2;
}

/*** Forgets a request: no reply comes for it. Ids that are unknown or finished are ignored.
 * @function cancel
 * @tparam number id
 */
static int l_cancel(lua_State *L) {
    rise_transport *transport = check_transport(L);

    rise_transport_cancel(transport, (uint64_t)rl_checkinteger(L, 2, 0, (int64_t)1 << 53));
    return 0;
}

/*** Cancels what is under way and closes the connections. May be called again.
 * @function close
 */
static int l_close(lua_State *L) {
    rise_transport **box = (rise_transport **)rl_testbox(L, 1, RL_TRANSPORT);
    rise_transport *transport = *box;

    *box = NULL;
    rise_transport_free(transport);
    return 0;
}

static int l_tostring(lua_State *L) {
    rise_transport **box = (rise_transport **)rl_testbox(L, 1, RL_TRANSPORT);

    lua_pushfstring(L, *box != NULL ? "rise.transport: %p" : "rise.transport (closed)", (void *)*box);
    return 1;
}

/* libcurl looks names up in threads, and a request that is given up leaves its thread to end by itself. Its code
 * must still be there then, so a state that closes may not unload this module and libcurl with it. */
static void stay_loaded(void) {
    static const char anchor = 0;
    Dl_info info;

    if (dladdr(&anchor, &info) != 0 && info.dli_fname != NULL) {
        (void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD); /* one reference more, never given back */
    }
}

int luaopen_rise_net(lua_State *L) {
    static const luaL_Reg functions[] = { { "transport", l_transport }, { NULL, NULL } };
    static const luaL_Reg methods[] = {
        { "submit", l_submit }, { "step", l_step },   { "next", l_next },
        { "cancel", l_cancel }, { "close", l_close }, { NULL, NULL },
    };
    static const luaL_Reg meta[] = {
        { "__gc", l_close }, { "__close", l_close }, { "__tostring", l_tostring }, { NULL, NULL },
    };

    stay_loaded();
    rl_newclass(L, RL_TRANSPORT, methods, meta);
    lua_createtable(L, 0, 1);
    rl_setfuncs(L, functions);
    return 1;
}
