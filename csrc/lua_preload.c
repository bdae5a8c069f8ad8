/* package.preload for hosts that carry rise inside: the C modules, and the Lua modules as embedded at build time. */
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
        { NULL, NULL },
    };
    rise_lua_push_preload(L);
    rl_setfuncs(L, modules);
    lua_pop(L, 1);
    rise_lua_preload_list(L, rise_embedded_modules);
}
