/* rise.core: hashes. */
#include "lua_rise.h"

/*** Keccak-256 as Ethereum uses it.
@function keccak256
@tparam string bytes
@treturn string 32 bytes */
static int l_keccak256(lua_State *L) {
    uint8_t hash[32];
    size_t len;
    const uint8_t *bytes = rl_checkstring(L, 1, &len);

    rise_keccak256(hash, bytes, len);
    lua_pushlstring(L, (const char *)hash, 32);
    return 1;
}

/*** SHA-256.
@function sha256
@tparam string bytes
@treturn string 32 bytes */
static int l_sha256(lua_State *L) {
    uint8_t hash[32];
    size_t len;
    const uint8_t *bytes = rl_checkstring(L, 1, &len);

    rise_sha256(hash, bytes, len);
    lua_pushlstring(L, (const char *)hash, 32);
    return 1;
}

typedef struct hasher {
    rise_keccak keccak;
    int finished;
} hasher;

/*** A Keccak-256 that takes its input in pieces.
@function keccak
@treturn rise.keccak with `update(bytes)` and `final()` */
static int l_keccak(lua_State *L) {
    hasher *h = lua_newuserdata(L, sizeof *h);

    rise_keccak_init(&h->keccak);
    h->finished = 0;
    luaL_getmetatable(L, RL_KECCAK);
    lua_setmetatable(L, -2);
    return 1;
}

static hasher *check_hasher(lua_State *L) {
    hasher *h = luaL_checkudata(L, 1, RL_KECCAK);

    luaL_argcheck(L, !h->finished, 1, "the hash is finished");
    return h;
}

/*** Adds bytes to what is hashed.
@function keccak:update
@tparam string bytes
@treturn rise.keccak itself */
static int l_update(lua_State *L) {
    hasher *h = check_hasher(L);
    size_t len;
    const uint8_t *bytes = rl_checkstring(L, 2, &len);

    rise_keccak_update(&h->keccak, bytes, len);
    lua_settop(L, 1);
    return 1;
}

/*** The hash of all that was added; the object takes no more after this.
@function keccak:final
@treturn string 32 bytes */
static int l_final(lua_State *L) {
    uint8_t hash[32];
    hasher *h = check_hasher(L);

    rise_keccak_final(&h->keccak, hash);
    h->finished = 1;
    lua_pushlstring(L, (const char *)hash, 32);
    return 1;
}

void rl_open_hash(lua_State *L) {
    static const luaL_Reg methods[] = {
        { "update", l_update },
        { "final", l_final },
        { NULL, NULL },
    };
    static const luaL_Reg functions[] = {
        { "keccak256", l_keccak256 },
        { "keccak", l_keccak },
        { "sha256", l_sha256 },
        { NULL, NULL },
    };

    rl_newclass(L, RL_KECCAK, methods, NULL);
    rl_setfuncs(L, functions);
}
