/* rise_lua.h: the Lua modules, for hosts that link librise into their own program.
 *
 *     lua_State *L = luaL_newstate();
 *     luaL_openlibs(L);
 *     rise_lua_preload(L);            // now require "rise" works in L without any file
 */
#ifndef RISE_LUA_H
#define RISE_LUA_H

#include <lua.h>

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

/* Registers the C modules and every Lua module of `rise` in package.preload. */
void rise_lua_preload(lua_State *L);

#ifdef __cplusplus
}
#endif
#endif
