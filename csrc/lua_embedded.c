/* Lua modules that a program carries inside, registered where `require` looks first. */
#include "lua_embedded.h"
#include "lua_rise.h"

/* The loader of one embedded module; upvalue 1 points at it. `require` passes the name (Lua 5.2 and later: and
 * where it was found); the chunk gets the same arguments, as it would from a file. */
static int load_embedded(lua_State *L) {
    const rise_embedded *module = *(const rise_embedded **)lua_touserdata(L, lua_upvalueindex(1));
    int args = lua_gettop(L);
    if (luaL_loadbuffer(L, (const char *)module->bytes, module->len, module->chunk) != 0)
        return lua_error(L);
    lua_insert(L, 1);
    lua_call(L, args, 1);
    return 1;
}

void rise_lua_push_preload(lua_State *L) {
    lua_getglobal(L, "package");
    if (!lua_istable(L, -1))
        luaL_error(L, "rise_lua_preload: the package library is not open in this state");
    lua_getfield(L, -1, "preload");
    lua_remove(L, -2);
}

int rise_lua_is_free(lua_State *L, const char *name) {
    int type;

    lua_getfield(L, -1, name);
    type = lua_type(L, -1);
    lua_pop(L, 1);
    return type == LUA_TNIL;
}

void rise_lua_preload_list(lua_State *L, const rise_embedded *const *list) {
    rise_lua_push_preload(L);
    for (; *list != NULL; list++) {
        if (rise_lua_is_free(L, (*list)->module)) {
            /* No light userdata: LuaJIT takes pointers of 47 bits only, and some systems have longer ones. */
            *(const rise_embedded **)lua_newuserdata(L, sizeof *list) = *list;
            lua_pushcclosure(L, load_embedded, 1);
            lua_setfield(L, -2, (*list)->module);
        }
    }
    lua_pop(L, 1);
}
