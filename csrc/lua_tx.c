/* rise.core: RLP, contract addresses, and what is signed in transactions. */
#include <string.h>

#include "lua_rise.h"

#define RL_BUF "rise.buf"

/* How deep lists may nest. */
#define MAX_DEPTH 64

/* A buffer that Lua frees, also when something raises while it is filled. */
static rise_buf *push_buf(lua_State *L) {
    static const rise_buf empty = RISE_BUF_INIT;
    rise_buf *buf = lua_newuserdata(L, sizeof *buf);

    *buf = empty;
    luaL_getmetatable(L, RL_BUF);
    lua_setmetatable(L, -2);
    return buf;
}

static int l_free_buf(lua_State *L) {
    rise_buf_free(luaL_checkudata(L, 1, RL_BUF));
    return 0;
}

/* Appends the value at the top of the stack and pops it. */
static rise_status encode(lua_State *L, rise_buf *buf, int depth) {
    rise_status status = RISE_OK;
    rise_u256 number;
    const char *bytes;
    size_t len, start, i;

    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        bytes = lua_tolstring(L, -1, &len);
        status = rise_rlp_bytes(buf, (const uint8_t *)bytes, len);
        break;
    case LUA_TTABLE:
        luaL_argcheck(L, depth < MAX_DEPTH, 1, "lists nested too deep");
        luaL_checkstack(L, 4, "lists nested too deep");
        start = buf->len;
        len = rl_rawlen(L, -1);
        for (i = 1; i <= len && status == RISE_OK; i++) {
            lua_rawgeti(L, -1, (int)i);
            status = encode(L, buf, depth + 1);
        }
        if (status == RISE_OK) {
            status = rise_rlp_list(buf, start);
        }
        break;
    default:
        if (!rl_tou256(L, -1, &number, &status) || status != RISE_OK) {
            luaL_argerror(L, 1, "strings, non-negative integers, u256 and arrays of them expected");
        }
        status = rise_rlp_number(buf, &number);
    }
    lua_pop(L, 1);
    return status;
}

/*** RLP of a value.
@function rlp_encode
@param value a string of bytes, a number (non-negative integer or u256, written as its minimal bytes), or an array of
values
@treturn string */
static int l_rlp_encode(lua_State *L) {
    rise_buf *buf;
    rise_status status;

    luaL_checkany(L, 1);
    lua_settop(L, 1);
    buf = push_buf(L);
    lua_pushvalue(L, 1);
    status = encode(L, buf, 0);
    if (status != RISE_OK) {
        return luaL_error(L, "%s", rise_status_text(status));
    }
    lua_pushlstring(L, (const char *)buf->data, buf->len);
    rise_buf_free(buf);
    return 1;
}

/* Pushes the item at the front. */
static rise_status decode(lua_State *L, const uint8_t **data, size_t *len, int depth) {
    rise_rlp_item item;
    rise_status status = rise_rlp_next(&item, data, len);
    int i;

    if (status != RISE_OK) {
        return status;
    }
    if (!item.is_list) {
        lua_pushlstring(L, (const char *)item.data, item.len);
        return RISE_OK;
    }
    if (depth == MAX_DEPTH) {
        return RISE_ELIMIT;
    }
    luaL_checkstack(L, 4, "lists nested too deep");
    lua_newtable(L);
    for (i = 1; item.len != 0; i++) {
        status = decode(L, &item.data, &item.len, depth + 1);
        if (status != RISE_OK) {
            *data = item.data; /* the item that could not be read */
            return status;
        }
        lua_rawseti(L, -2, i);
    }
    return RISE_OK;
}

/*** The value that RLP stands for: strings and arrays. Only the canonical encoding of the whole text is taken.
@function rlp_decode
@tparam string bytes
@treturn[1] string|table value
@treturn[2] nil
@treturn[2] table error, `invalid_data` */
static int l_rlp_decode(lua_State *L) {
    size_t len;
    const uint8_t *bytes = rl_checkstring(L, 1, &len);
    const uint8_t *p = bytes;
    rise_status status = decode(L, &p, &len, 0);

    if (status == RISE_OK && len != 0) {
        status = RISE_EDATA;
    }
    if (status != RISE_OK) {
        rise_error error = { RISE_EDATA, "" };
        const char *message = lua_pushfstring(L, "malformed RLP at byte %d", (int)(p - bytes) + 1);
        strncpy(error.message, message, sizeof error.message - 1);
        return rl_fail(L, RISE_EDATA, &error);
    }
    return 1;
}

static uint64_t check_u64(lua_State *L, int arg) {
    rise_u256 number;
    uint64_t value = 0;

    rl_checku256(L, arg, &number);
    luaL_argcheck(L, rise_u256_to_u64(&value, &number), arg, "number does not fit 64 bits");
    return value;
}

/*** The digest an account signs to delegate its code (EIP-7702).
@function authorization_digest
@param chain_id a u256, integer or text; 0 is valid on every chain
@tparam string address 20 bytes
@param nonce an integer, u256 or text
@treturn string 32 bytes */
static int l_authorization_digest(lua_State *L) {
    uint8_t digest[32];
    rise_u256 chain_id;
    const uint8_t *address;

    rl_checku256(L, 1, &chain_id);
    address = rl_checkbytes(L, 2, 20);
    rise_authorization_digest(digest, &chain_id, address, check_u64(L, 3));
    lua_pushlstring(L, (const char *)digest, 32);
    return 1;
}

/*** Where CREATE puts a contract.
@function create_address
@tparam string sender 20 bytes
@param nonce an integer, u256 or text
@treturn string 20 bytes */
static int l_create_address(lua_State *L) {
    uint8_t address[20];
    const uint8_t *sender = rl_checkbytes(L, 1, 20);

    rise_address_create(address, sender, check_u64(L, 2));
    lua_pushlstring(L, (const char *)address, 20);
    return 1;
}

/*** Where CREATE2 puts a contract.
@function create2_address
@tparam string sender 20 bytes
@tparam string salt 32 bytes
@tparam string init_code_hash 32 bytes
@treturn string 20 bytes */
static int l_create2_address(lua_State *L) {
    uint8_t address[20];
    const uint8_t *sender = rl_checkbytes(L, 1, 20);
    const uint8_t *salt = rl_checkbytes(L, 2, 32);

    rise_address_create2(address, sender, salt, rl_checkbytes(L, 3, 32));
    lua_pushlstring(L, (const char *)address, 20);
    return 1;
}

void rl_open_tx(lua_State *L) {
    static const luaL_Reg buf_methods[] = { { NULL, NULL } };
    static const luaL_Reg buf_meta[] = {
        { "__gc", l_free_buf },
        { NULL, NULL },
    };
    static const luaL_Reg functions[] = {
        { "rlp_encode", l_rlp_encode },
        { "rlp_decode", l_rlp_decode },
        { "authorization_digest", l_authorization_digest },
        { "create_address", l_create_address },
        { "create2_address", l_create2_address },
        { NULL, NULL },
    };

    rl_newclass(L, RL_BUF, buf_methods, buf_meta);
    rl_setfuncs(L, functions);
}
