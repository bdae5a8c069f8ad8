/* rise inside a C program: a Lua state of its own, a script with tasks, a step a frame.
 *     cc embed.c $(pkg-config --cflags --libs rise-lua lua5.4) -o embed && rise devnet -- ./embed */
#include <stdio.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <rise_lua.h>

static const char script[] =
    "local rise = require 'rise'\n"
    "rise.spawn(function()\n"
    "  local wallet = assert(rise.connect { network = 'devnet', relay = os.getenv 'RISE_RELAY',\n"
    "    rpc = os.getenv 'RISE_RPC' })\n"
    "  local admin = assert(rise.key.generate 'secp256k1')\n"
    "  local at = rise.networks.devnet.contracts.counter\n"
    "  local counter = wallet:contract(at, { 'function increment()', 'function count() view returns (uint256)' })\n"
    "  local session = assert(wallet:new_session { account = assert(wallet:create_account { admin = admin }),\n"
    "    expires = '1h', permissions = { calls = { { to = at, signature = 'increment()' } },\n"
    "    spend = { { limit = rise.ether '1', period = 'day' } } } })\n"
    "  assert(session:grant(rise.approve.admin(admin)))\n"
    "  for _ = 1, 3 do assert(session:send { counter:increment() }) end\n"
    "  print('counter', tostring(assert(counter:count())))\n"
    "  assert(session:revoke(rise.approve.admin(admin)))\n"
    "end)\n"
    "return function() return rise.step(0) end\n";

int main(void) {
    lua_State *L = luaL_newstate();
    unsigned long frames = 0;
    int more = 1;

    if (L == NULL) {
        return 1;
    }
    luaL_openlibs(L);
    rise_lua_preload(L);
    if (luaL_dostring(L, script) != 0) { /* leaves the function to call once a frame */
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        lua_close(L);
        return 1;
    }
    while (more) {
        frames++; /* a frame's own work */
        lua_pushvalue(L, 1);
        if (lua_pcall(L, 0, 1, 0) != 0) {
            fprintf(stderr, "%s\n", lua_tostring(L, -1));
            break;
        }
        more = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    printf("frames %lu\n", frames);
    lua_close(L);
    return more ? 1 : 0;
}
