/* rise_lua.h: the Lua modules, for hosts that link librise into their own program.
 *
 *     lua_State *L = luaL_newstate();
 *     luaL_openlibs(L);
 *     rise_lua_preload(L);            // now require "rise" works in L without any file
 */
#ifndef RISE_LUA_H
#define RISE_LUA_H

#include <lua.h>

#include "rise.h"

/* Seen from outside where everything else is hidden: `require` looks the function up by its name. */
#if defined(_WIN32)
#define RISE_LUA_OPEN __declspec(dllexport)
#elif defined(__GNUC__)
#define RISE_LUA_OPEN __attribute__((visibility("default")))
#else
#define RISE_LUA_OPEN
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The C modules, as `require` opens them; each reads and sets no global and leaves one table.
 *   rise.core  bytes, hashes, keys, numbers, ABI, EIP-712, RLP, JSON spans, files
 *   rise.net   the HTTP transport (libcurl)
 *   rise.host  HTTP server, child processes, signals (libmicrohttpd); for the runner and the devnet
 *   rise.sqlite  the store that survives crashes and is shared by processes (SQLite)
 *   rise.terminal  the size of a terminal, and its keys; for the runner
 *   rise.qr  QR codes in the terminal (libqrencode) */
RISE_LUA_OPEN int luaopen_rise_core(lua_State *L);
RISE_LUA_OPEN int luaopen_rise_net(lua_State *L);
RISE_LUA_OPEN int luaopen_rise_host(lua_State *L);
RISE_LUA_OPEN int luaopen_rise_sqlite(lua_State *L);
RISE_LUA_OPEN int luaopen_rise_terminal(lua_State *L);
RISE_LUA_OPEN int luaopen_rise_qr(lua_State *L);

/* Registers the C modules and every Lua module of `rise` in package.preload, but for what is registered there
 * already. */
void rise_lua_preload(lua_State *L);

/* ---- what a host brings of its own: to be set before the first `require` in the state ---- */

/* Random bytes. The struct is copied, its context must outlive the state; NULL for the system's again. */
void rise_lua_set_entropy(lua_State *L, const rise_entropy *entropy);

/* Milliseconds since 1970 (UTC), and of a clock that never goes back, as all Lua code of `rise` sees them: expiries,
 * deadlines, sleeping. A NULL function stands for the system's clock. */
typedef struct rise_lua_clock {
    int64_t (*wall)(void *context);
    int64_t (*steady)(void *context);
    void *context;
} rise_lua_clock;

/* Copied like the entropy. */
void rise_lua_set_clock(lua_State *L, const rise_lua_clock *clock);

/* HTTP: the value at `index` takes the place of what module rise.net makes with libcurl. A table or userdata with
 * the methods submit, step, next and cancel, as rise.Loop:use describes them. */
void rise_lua_set_transport(lua_State *L, int index);

#ifdef __cplusplus
}
#endif
#endif
