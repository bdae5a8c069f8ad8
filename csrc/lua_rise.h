/* Shared by the files of the Lua binding: differences between Lua versions, errors, argument checks, boxes.
 *
 * A caller's mistake raises (luaL_argerror); the world's answer returns nil and an error table (rl_fail).
 */
#ifndef LUA_RISE_H
#define LUA_RISE_H

#include <lauxlib.h>
#include <lua.h>

#include "rise.h"

/* Metatable names, which are also what `__name` and error messages show. */
#define RL_KEY "rise.key"
#define RL_PASSPHRASE "rise.passphrase"
#define RL_VAULT "rise.vault"
#define RL_KEYSTORE "rise.keystore"
#define RL_U256 "rise.u256"
#define RL_KECCAK "rise.keccak"
#define RL_ABI "rise.abi"
#define RL_EIP712 "rise.eip712"
#define RL_TRANSPORT "rise.transport"
#define RL_HTTPD "rise.httpd"
#define RL_PROCESS "rise.process"

/* ---- Lua versions: all tests of LUA_VERSION_NUM stand here; LuaJIT is 5.1 to them ---- */

/* rl_isinteger: whether a number is of the integer subtype. rl_pushinteger: an integer of up to 53 bits, whatever the
 * size of lua_Integer. RL_QUOTIENT: the operator that the quotient of integers has. rl_dump: a compiled chunk with all
 * its names. */
#if LUA_VERSION_NUM >= 503
#define rl_isinteger(L, i) lua_isinteger((L), (i))
#define rl_pushinteger(L, n) lua_pushinteger((L), (lua_Integer)(n))
#define RL_QUOTIENT "__idiv"
#define rl_dump(L, write, data) lua_dump((L), (write), (data), 0)
#else
#define rl_isinteger(L, i) 0
#define rl_pushinteger(L, n) lua_pushnumber((L), (lua_Number)(n))
#define RL_QUOTIENT "__div"
#define rl_dump(L, write, data) lua_dump((L), (write), (data))
#endif

/* rl_rawlen: length without metamethods; rl_*uservalue: the table that belongs to a userdata. */
#if LUA_VERSION_NUM >= 502
#define rl_rawlen(L, i) lua_rawlen((L), (i))
#define rl_setuservalue(L, i) lua_setuservalue((L), (i))
#define rl_getuservalue(L, i) lua_getuservalue((L), (i))
#else
#define rl_rawlen(L, i) lua_objlen((L), (i))
#define rl_setuservalue(L, i) lua_setfenv((L), (i))
#define rl_getuservalue(L, i) lua_getfenv((L), (i))
#endif

/* Registers the functions of `list` in the table at the top of the stack. */
void rl_setfuncs(lua_State *L, const luaL_Reg *list);

/* Creates the metatable `name` once per state: methods become its `__index`, `__name` and `__metatable` are set.
 * `meta` (NULL: none) holds metamethods. Leaves nothing on the stack. It is in the registry when it is whole: running
 * out of memory on the way leaves none that lacks its finalizer. */
void rl_newclass(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta);

/* ---- what the host brought (rise_lua.h): userdata in the registry ---- */

#define RL_ENTROPY "rise.entropy"
#define RL_CLOCK "rise.clock"

/* The host's source of random bytes, or NULL: the system's. */
const rise_entropy *rl_entropy(lua_State *L);

/* ---- errors ---- */

/* Pushes the metatable of error objects, made at first use and shared by all modules of a state. */
void rl_pusherrormeta(lua_State *L);

/* Pushes nil and { code = word, message = text } with the metatable of rise error objects ("code: message" as
 * text) and returns 2. `error` may be NULL; its message is used when it has one. */
int rl_fail(lua_State *L, rise_status status, const rise_error *error);

/* ---- arguments ---- */

/* A string of exactly `len` bytes; a number is refused though Lua would convert it. */
const uint8_t *rl_checkbytes(lua_State *L, int arg, size_t len);
/* A string of any length, numbers refused. */
const uint8_t *rl_checkstring(lua_State *L, int arg, size_t *len);
/* A number with an integer value in [low, high]. */
int64_t rl_checkinteger(lua_State *L, int arg, int64_t low, int64_t high);
/* A u256, a non-negative integer, or text in base 10 or 0x hex; anything else is an argument error. */
void rl_checku256(lua_State *L, int arg, rise_u256 *out);
/* The same without raising: 1 when the value at `index` was one of these and *status tells how it went. */
int rl_tou256(lua_State *L, int index, rise_u256 *out, rise_status *status);
void rl_pushu256(lua_State *L, const rise_u256 *value);

/* ---- boxes: a userdata that holds one pointer, NULL until filled ---- */

/* Pushes a box with its metatable set, before anything is allocated, so that what it comes to hold gets freed. */
void **rl_newbox(lua_State *L, const char *name);
/* The pointer in the box; an argument error when it is another thing, or closed. */
void *rl_checkbox(lua_State *L, int arg, const char *name);
/* The box itself, open or closed; an argument error when it is another thing. */
void **rl_testbox(lua_State *L, int arg, const char *name);

/* ---- the parts of rise.core, each adds its functions to the table at the top of the stack ---- */

void rl_open_bytes(lua_State *L);
void rl_open_hash(lua_State *L);
void rl_open_u256(lua_State *L);
void rl_open_key(lua_State *L);
void rl_open_keystore(lua_State *L);
void rl_open_abi(lua_State *L);
void rl_open_tx(lua_State *L);

#endif
