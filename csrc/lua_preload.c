/* For hosts that carry rise inside: package.preload with the C modules and with the Lua modules as embedded at build
 * time, and what a host brings of its own. */
#include <string.h>

#include "lua_embedded.h"
#include "lua_rise.h"
#include "rise_lua.h"

void rise_lua_preload(lua_State *L) {
    static const luaL_Reg modules[] = {
        { "rise.core", luaopen_rise_core },
        { "rise.net", luaopen_rise_net },
        { "rise.terminal", luaopen_rise_terminal },
#ifndef RISE_WITHOUT_HOST
        { "rise.host", luaopen_rise_host },
#endif
#ifndef RISE_WITHOUT_SQLITE
        { "rise.sqlite", luaopen_rise_sqlite },
#endif
#ifndef RISE_WITHOUT_QR
        { "rise.qr", luaopen_rise_qr },
#endif
    };
    size_t i;

    rise_lua_push_preload(L);
    for (i = 0; i < sizeof modules / sizeof *modules; i++) {
        if (rise_lua_is_free(L, modules[i].name)) {
            lua_pushcfunction(L, modules[i].func);
            lua_setfield(L, -2, modules[i].name);
        }
    }
    lua_pop(L, 1);
    rise_lua_preload_list(L, rise_embedded_modules);
}

/* Keeps a copy in the registry, where rise.core looks; nil for NULL. */
static void set_copy(lua_State *L, const char *name, const void *data, size_t len) {
    if (data != NULL) {
        memcpy(lua_newuserdata(L, len), data, len);
    } else {
        lua_pushnil(L);
    }
    lua_setfield(L, LUA_REGISTRYINDEX, name);
}

void rise_lua_set_entropy(lua_State *L, const rise_entropy *entropy) {
    set_copy(L, RL_ENTROPY, entropy, sizeof *entropy);
}

void rise_lua_set_clock(lua_State *L, const rise_lua_clock *clock) {
    set_copy(L, RL_CLOCK, clock, sizeof *clock);
}

/* rise.net.transport: the host's, which is upvalue 1. */
static int hosted_transport(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    return 1;
}

/* rise.net around it. */
static int open_hosted_net(lua_State *L) {
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, hosted_transport, 1);
    lua_setfield(L, -2, "transport");
    return 1;
}

void rise_lua_set_transport(lua_State *L, int index) {
    int type = lua_type(L, index);

    if (type != LUA_TTABLE && type != LUA_TUSERDATA)
        luaL_error(L, "rise_lua_set_transport: a table or userdata expected, got %s", lua_typename(L, type));
    lua_pushvalue(L, index);
    lua_pushcclosure(L, open_hosted_net, 1);
    rise_lua_push_preload(L);
    lua_insert(L, -2);
    lua_setfield(L, -2, "rise.net");
    lua_pop(L, 1);
}
