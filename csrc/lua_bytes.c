/* rise.core: bytes, randomness, clocks, files and JSON spans. */
#include <string.h>

#include "lua_rise.h"
#include "rise_lua.h"

/* Text up to this long is made on the C stack, longer text in memory of Lua's. */
#define SMALL 512

/*** Bytes as `0x` and lower-case digits.
@function hex
@tparam string bytes
@treturn string */
static int l_hex(lua_State *L) {
    char small[2 + 2 * SMALL];
    size_t len;
    const uint8_t *bytes = rl_checkstring(L, 1, &len);
    char *text = small;

    if (len > SMALL) {
        luaL_argcheck(L, len < ((size_t)1 << 30), 1, "string too long");
        text = lua_newuserdata(L, 2 + 2 * len);
    }
    text[0] = '0';
    text[1] = 'x';
    rise_hex_encode(text + 2, bytes, len);
    lua_pushlstring(L, text, 2 + 2 * len);
    return 1;
}

/*** Bytes from `0x` text of any case; `0x` alone gives the empty string.
@function unhex
@tparam string text
@treturn[1] string bytes
@treturn[2] nil
@treturn[2] table error, `invalid_value` */
static int l_unhex(lua_State *L) {
    uint8_t small[SMALL];
    rise_error error = { RISE_EVALUE, "not 0x and an even number of hex digits" };
    size_t len, count;
    const char *text = (const char *)rl_checkstring(L, 1, &len);
    uint8_t *bytes = small;

    if (len < 2 || text[0] != '0' || text[1] != 'x') {
        return rl_fail(L, RISE_EVALUE, &error);
    }
    if (len / 2 > SMALL) {
        bytes = lua_newuserdata(L, len / 2);
    }
    if (rise_hex_decode(bytes, len / 2, &count, text, len) != RISE_OK) {
        return rl_fail(L, RISE_EVALUE, &error);
    }
    lua_pushlstring(L, (const char *)bytes, count);
    return 1;
}

/*** Whether two strings are the same, in time that does not tell where they differ.
@function equal
@tparam string a
@tparam string b
@treturn boolean */
static int l_equal(lua_State *L) {
    size_t a_len, b_len;
    const uint8_t *a = rl_checkstring(L, 1, &a_len);
    const uint8_t *b = rl_checkstring(L, 2, &b_len);

    lua_pushboolean(L, a_len == b_len && rise_equal(a, b, a_len));
    return 1;
}

/*** Secure random bytes.
@function random
@tparam integer n how many, up to 1 MiB
@treturn[1] string bytes
@treturn[2] nil
@treturn[2] table error, `no_entropy` */
static int l_random(lua_State *L) {
    uint8_t small[SMALL];
    size_t len = (size_t)rl_checkinteger(L, 1, 0, 1 << 20);
    uint8_t *bytes = len > SMALL ? lua_newuserdata(L, len) : small;
    rise_status status = rise_random(bytes, len, rl_entropy(L));

    if (status != RISE_OK) {
        return rl_fail(L, status, NULL);
    }
    lua_pushlstring(L, (const char *)bytes, len);
    rise_wipe(bytes, len);
    return 1;
}

/*** Seconds since 1970 (UTC), with a fraction.
@function now
@treturn number */
static int l_now(lua_State *L) {
    const rise_lua_clock *clock = lua_touserdata(L, lua_upvalueindex(1));
    int64_t now = clock != NULL && clock->wall != NULL ? clock->wall(clock->context) : rise_clock_wall();

    lua_pushnumber(L, (lua_Number)now / 1000);
    return 1;
}

/*** Seconds of a clock that never goes back, with a fraction.
@function monotonic
@treturn number */
static int l_monotonic(lua_State *L) {
    const rise_lua_clock *clock = lua_touserdata(L, lua_upvalueindex(1));
    int64_t now = clock != NULL && clock->steady != NULL ? clock->steady(clock->context) : rise_clock_steady();

    lua_pushnumber(L, (lua_Number)now / 1000);
    return 1;
}

/* A path without a NUL inside, which C would take for its end. */
static const char *check_path(lua_State *L, int arg) {
    size_t len;
    const char *path = (const char *)rl_checkstring(L, arg, &len);

    luaL_argcheck(L, strlen(path) == len, arg, "path contains a NUL");
    return path;
}

/*** Replaces a file in one step, for the owner alone (mode 0600). A reader sees the old or the new contents.
@function write_file
@tparam string path
@tparam string bytes
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] table error, `io` */
static int l_write_file(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    size_t len;
    const char *path = check_path(L, 1);
    const uint8_t *bytes = rl_checkstring(L, 2, &len);
    rise_status status = rise_file_write(path, bytes, len, &error);

    if (status != RISE_OK) {
        return rl_fail(L, status, &error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/*** The same for a file that is not there yet: of several that write it at a time one succeeds.
@function create_file
@tparam string path
@tparam string bytes
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] table error, `io`; `exists` when there is one */
static int l_create_file(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    size_t len;
    const char *path = check_path(L, 1);
    const uint8_t *bytes = rl_checkstring(L, 2, &len);
    int exists = 0, results;
    rise_status status = rise_file_create(path, bytes, len, &exists, &error);

    if (status != RISE_OK) {
        results = rl_fail(L, status, &error);
        lua_pushboolean(L, exists);
        lua_setfield(L, -2, "exists");
        return results;
    }
    lua_pushboolean(L, 1);
    return 1;
}

/*** Makes a folder (mode 0700) and those above it that are missing; one that is there already is fine.
@function make_dir
@tparam string path
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] table error, `io` */
static int l_make_dir(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    rise_status status = rise_file_mkdir(check_path(L, 1), &error);

    if (status != RISE_OK) {
        return rl_fail(L, status, &error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/*** The permission bits of a file or folder.
@function file_mode
@tparam string path
@treturn[1] number 384 for mode 600
@treturn[2] nil
@treturn[2] table error, `io` */
static int l_file_mode(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    unsigned mode = 0;
    rise_status status = rise_file_mode(check_path(L, 1), &mode, &error);

    if (status != RISE_OK) {
        return rl_fail(L, status, &error);
    }
    lua_pushinteger(L, (lua_Integer)mode);
    return 1;
}

/*** Where a member's value lies in a JSON text, without decoding it: `text:sub(first, last)` are its bytes. Names are
compared as they are written; the first of two equal members wins. Only what is walked is checked.
@function json_span
@tparam string text
@tparam string ... names of members, from the outside in; none for the whole value
@treturn[1] integer first
@treturn[1] integer last
@treturn[2] nil
@treturn[2] table error, `invalid_value` when there is no such member, `invalid_data` when the text is malformed */
static int l_json_span(lua_State *L) {
    const char *path[RISE_JSON_MAX_DEPTH];
    rise_error error;
    size_t len, start, span_len;
    const char *text = (const char *)rl_checkstring(L, 1, &len);
    int depth = lua_gettop(L) - 1;
    rise_status status;
    int i;

    luaL_argcheck(L, depth <= (int)RISE_JSON_MAX_DEPTH, (int)RISE_JSON_MAX_DEPTH + 2, "too many names");
    for (i = 0; i < depth; i++) {
        size_t name_len;
        path[i] = (const char *)rl_checkstring(L, i + 2, &name_len);
        luaL_argcheck(L, strlen(path[i]) == name_len, i + 2, "name contains a NUL");
    }
    status = rise_json_span(&start, &span_len, text, len, path, (size_t)depth);
    if (status != RISE_OK) {
        const char *message = status == RISE_EDATA
            ? lua_pushfstring(L, "malformed JSON at byte %d", (int)(start + 1))
            : lua_pushfstring(L, "the JSON text has no such member '%s'", path[depth - 1]);
        memset(&error, 0, sizeof error);
        strncpy(error.message, message, sizeof error.message - 1);
        return rl_fail(L, status, &error);
    }
    lua_pushinteger(L, (lua_Integer)start + 1);
    lua_pushinteger(L, (lua_Integer)start + (lua_Integer)span_len);
    return 2;
}

void rl_open_bytes(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "hex", l_hex },
        { "unhex", l_unhex },
        { "equal", l_equal },
        { "random", l_random },
        { "write_file", l_write_file },
        { "create_file", l_create_file },
        { "make_dir", l_make_dir },
        { "file_mode", l_file_mode },
        { "json_span", l_json_span },
        { NULL, NULL },
    };

    rl_setfuncs(L, functions);
    lua_getfield(L, LUA_REGISTRYINDEX, RL_CLOCK);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, l_now, 1);
    lua_setfield(L, -3, "now");
    lua_pushcclosure(L, l_monotonic, 1);
    lua_setfield(L, -2, "monotonic");
}
