/* rise.core: bytes, hashes, numbers, keys, ABI, RLP and JSON spans, as Lua functions. They take and give raw bytes in
 * strings where the rest of `rise` shows `0x` text.
 */
#include "rise_lua.h"
#include "lua_rise.h"

int luaopen_rise_core(lua_State *L) {
    lua_newtable(L);
    lua_pushliteral(L, RISE_VERSION);
    lua_setfield(L, -2, "VERSION");
    rl_pusherrormeta(L);
    lua_setfield(L, -2, "error_metatable");
    rl_open_bytes(L);
    rl_open_hash(L);
    rl_open_u256(L);
    rl_open_key(L);
#ifndef RISE_WITHOUT_KEYSTORE
    rl_open_keystore(L);
#endif
    rl_open_abi(L);
    rl_open_tx(L);
    return 1;
}
