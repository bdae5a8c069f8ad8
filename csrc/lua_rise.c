/* What the files of the binding share: errors, argument checks, boxes. Every module carries its own copy, so it may
 * keep its state in the Lua registry alone. */
#include <math.h>
#include <string.h>

#include "lua_rise.h"

#define ERROR_METATABLE "rise.error"

/* Doubles hold every integer up to here. */
#define MAX_EXACT 9007199254740992.0

void rl_setfuncs(lua_State *L, const luaL_Reg *list) {
    for (; list->name != NULL; list++) {
        lua_pushcfunction(L, list->func);
        lua_setfield(L, -2, list->name);
    }
}

void rl_newclass(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta) {
    lua_getfield(L, LUA_REGISTRYINDEX, name);
    if (lua_isnil(L, -1)) {
        lua_newtable(L);
        lua_newtable(L);
        rl_setfuncs(L, methods);
        lua_setfield(L, -2, "__index");
        lua_pushstring(L, name);
        lua_setfield(L, -2, "__name");
        lua_pushstring(L, name);
        lua_setfield(L, -2, "__metatable");
        if (meta != NULL) {
            rl_setfuncs(L, meta);
        }
        lua_setfield(L, LUA_REGISTRYINDEX, name);
    }
    lua_pop(L, 1);
}

const rise_entropy *rl_entropy(lua_State *L) {
    const rise_entropy *entropy;

    lua_getfield(L, LUA_REGISTRYINDEX, RL_ENTROPY);
    entropy = lua_touserdata(L, -1); /* the registry keeps it alive */
    lua_pop(L, 1);
    return entropy;
}

/* err -> "code: message" */
static int error_tostring(lua_State *L) {
    const char *code, *message;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_getfield(L, 1, "code");
    lua_getfield(L, 1, "message");
    code = lua_tostring(L, 2);
    message = lua_tostring(L, 3);
    lua_pushfstring(L, "%s: %s", code != NULL ? code : "error", message != NULL ? message : "");
    return 1;
}

void rl_pusherrormeta(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, ERROR_METATABLE);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushcfunction(L, error_tostring);
        lua_setfield(L, -2, "__tostring");
        lua_pushliteral(L, ERROR_METATABLE);
        lua_setfield(L, -2, "__name");
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, ERROR_METATABLE);
    }
}

int rl_fail(lua_State *L, rise_status status, const rise_error *error) {
    lua_pushnil(L);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, rise_status_name(status));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, error != NULL && error->message[0] != '\0' ? error->message : rise_status_text(status));
    lua_setfield(L, -2, "message");
    rl_pusherrormeta(L);
    lua_setmetatable(L, -2);
    return 2;
}

const uint8_t *rl_checkstring(lua_State *L, int arg, size_t *len) {
    if (lua_type(L, arg) != LUA_TSTRING) {
        luaL_argerror(L, arg, lua_pushfstring(L, "string expected, got %s", luaL_typename(L, arg)));
    }
    return (const uint8_t *)lua_tolstring(L, arg, len);
}

const uint8_t *rl_checkbytes(lua_State *L, int arg, size_t len) {
    size_t got;
    const uint8_t *bytes = rl_checkstring(L, arg, &got);

    if (got != len) {
        luaL_argerror(L, arg, lua_pushfstring(L, "%d bytes expected, got %d", (int)len, (int)got));
    }
    return bytes;
}

/* 1 and *out when the number at `index` has an integer value that it holds exactly. */
static int to_integer(lua_State *L, int index, int64_t *out) {
    lua_Number number;

    if (rl_isinteger(L, index)) {
        *out = lua_tointeger(L, index);
        return 1;
    }
    number = lua_tonumber(L, index);
    if (!(number >= -MAX_EXACT && number <= MAX_EXACT) || floor(number) != number) {
        return 0;
    }
    *out = (int64_t)number;
    return 1;
}

int64_t rl_checkinteger(lua_State *L, int arg, int64_t low, int64_t high) {
    int64_t value = 0;

    if (lua_type(L, arg) != LUA_TNUMBER) {
        luaL_argerror(L, arg, lua_pushfstring(L, "integer expected, got %s", luaL_typename(L, arg)));
    }
    if (!to_integer(L, arg, &value)) {
        luaL_argerror(L, arg, "number has no exact integer value");
    }
    if (value < low || value > high) {
        luaL_argerror(L, arg, lua_pushfstring(L, "integer from %f to %f expected", (lua_Number)low, (lua_Number)high));
    }
    return value;
}

static const rise_u256 *test_u256(lua_State *L, int index) {
    const void *value = lua_touserdata(L, index);
    int same;

    if (value == NULL || !lua_getmetatable(L, index)) {
        return NULL;
    }
    luaL_getmetatable(L, RL_U256);
    same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same ? value : NULL;
}

int rl_tou256(lua_State *L, int index, rise_u256 *out, rise_status *status) {
    const rise_u256 *number;
    const char *text;
    size_t len;
    int64_t value;

    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        *status = to_integer(L, index, &value) && value >= 0 ? RISE_OK : RISE_EVALUE;
        if (*status == RISE_OK) {
            rise_u256_from_u64(out, (uint64_t)value);
        }
        return 1;
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &len);
        *status = rise_u256_from_text(out, text, len);
        return 1;
    case LUA_TUSERDATA:
        number = test_u256(L, index);
        if (number == NULL) {
            return 0;
        }
        *out = *number;
        *status = RISE_OK;
        return 1;
    default:
        return 0;
    }
}

void rl_checku256(lua_State *L, int arg, rise_u256 *out) {
    rise_status status = RISE_EVALUE;

    if (!rl_tou256(L, arg, out, &status)) {
        luaL_argerror(L, arg, lua_pushfstring(L, "u256, non-negative integer or text of one expected, got %s",
                                              luaL_typename(L, arg)));
    }
    if (status != RISE_OK) {
        luaL_argerror(L, arg, status == RISE_EOVERFLOW ? "number does not fit 256 bits"
                                                       : "u256, non-negative integer or text of one expected");
    }
}

void rl_pushu256(lua_State *L, const rise_u256 *value) {
    rise_u256 *box = lua_newuserdata(L, sizeof *box);

    *box = *value;
    luaL_getmetatable(L, RL_U256);
    lua_setmetatable(L, -2);
}

void **rl_newbox(lua_State *L, const char *name) {
    void **box = lua_newuserdata(L, sizeof *box);

    *box = NULL;
    luaL_getmetatable(L, name);
    lua_setmetatable(L, -2);
    return box;
}

void *rl_checkbox(lua_State *L, int arg, const char *name) {
    void **box = luaL_checkudata(L, arg, name);

    if (*box == NULL) {
        luaL_argerror(L, arg, lua_pushfstring(L, "%s is closed", name));
    }
    return *box;
}

void **rl_testbox(lua_State *L, int arg, const char *name) {
    return luaL_checkudata(L, arg, name);
}
