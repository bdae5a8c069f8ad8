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

/* ---- transactions: tables with the members a node's JSON has ---- */

/* Where reading has got to: in which member of which list, for messages. What is read out of the table into memory of
 * its own is userdata in the table at `anchor`, so that Lua frees it whatever happens. */
typedef struct reader {
    lua_State *L;
    int anchor;
    int held;
    const char *list; /* NULL: at the outermost table */
    int index;
    rise_error error;
} reader;

static void start_reading(reader *r, lua_State *L) {
    memset(r, 0, sizeof *r);
    r->L = L;
    lua_newtable(L);
    r->anchor = lua_gettop(L);
}

static void *hold(reader *r, size_t size) {
    void *memory = lua_newuserdata(r->L, size != 0 ? size : 1);

    lua_rawseti(r->L, r->anchor, ++r->held);
    return memory;
}

static const char *push_name(const reader *r, const char *name) {
    return r->list == NULL ? lua_pushfstring(r->L, "%s", name)
         : name[0] == '\0' ? lua_pushfstring(r->L, "%s[%d]", r->list, r->index)
         : lua_pushfstring(r->L, "%s[%d].%s", r->list, r->index, name);
}

/* A text that does not say what it should. */
static rise_status refuse(reader *r, const char *name, const char *why) {
    const char *message = lua_pushfstring(r->L, "%s: %s", push_name(r, name), why);

    r->error.code = RISE_EVALUE;
    strncpy(r->error.message, message, sizeof r->error.message - 1);
    lua_pop(r->L, 2);
    return RISE_EVALUE;
}

/* A value of another type than it should have, the caller's mistake. `index` is where it stands. */
static void mistake(reader *r, const char *name, const char *expected, int index) {
    lua_State *L = r->L;

    luaL_argerror(L, 1, lua_pushfstring(L, "%s: %s expected, got %s", push_name(r, name), expected,
                                        luaL_typename(L, index)));
}

/* The table at the top of the stack has no members but these. */
static void check_members(reader *r, const char *const *known) {
    lua_State *L = r->L;

    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        int i = 0;
        lua_pop(L, 1);
        while (known[i] != NULL && (lua_type(L, -1) != LUA_TSTRING || strcmp(lua_tostring(L, -1), known[i]) != 0)) {
            i++;
        }
        if (known[i] == NULL) {
            const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "[...]";
            luaL_argerror(L, 1, lua_pushfstring(L, "no such member: %s", push_name(r, name)));
        }
    }
}

enum { OPTIONAL = 0, REQUIRED = 1 };

/* Pushes a member of the table at the top of the stack: 1 when it is there, else 0 and nothing is pushed. */
static int get(reader *r, const char *name, int required) {
    lua_getfield(r->L, -1, name);
    if (lua_isnil(r->L, -1)) {
        if (required) {
            mistake(r, name, "a value", -1);
        }
        lua_pop(r->L, 1);
        return 0;
    }
    return 1;
}

static rise_status read_number(reader *r, const char *name, int required, rise_u256 *out) {
    rise_status status = RISE_EVALUE;

    rise_u256_from_u64(out, 0);
    if (!get(r, name, required)) {
        return RISE_OK;
    }
    if (!rl_tou256(r->L, -1, out, &status)) {
        mistake(r, name, "u256, non-negative integer or text of one", -1);
    }
    lua_pop(r->L, 1);
    return status == RISE_OK ? RISE_OK : refuse(r, name, status == RISE_EOVERFLOW ? "does not fit 256 bits"
                                                                                 : "not a non-negative integer");
}

static rise_status read_u64(reader *r, const char *name, uint64_t *out) {
    rise_u256 wide;
    rise_status status = read_number(r, name, REQUIRED, &wide);

    if (status == RISE_OK && !rise_u256_to_u64(out, &wide)) {
        status = refuse(r, name, "does not fit 64 bits");
    }
    return status;
}

/* The string at the top of the stack, which stays there. */
static const char *check_text(reader *r, const char *name, size_t *len) {
    if (lua_type(r->L, -1) != LUA_TSTRING) {
        mistake(r, name, "0x text", -1);
    }
    return lua_tolstring(r->L, -1, len);
}

static rise_status read_address(reader *r, const char *name, uint8_t out[20]) {
    size_t len;
    const char *text = check_text(r, name, &len);
    rise_status status = rise_address_parse(out, text, len);

    lua_pop(r->L, 1);
    return status == RISE_OK ? RISE_OK : refuse(r, name, "not an address");
}

static rise_status read_data(reader *r, rise_tx *tx) {
    size_t len;
    const char *text;
    uint8_t *bytes;
    rise_status status = RISE_EVALUE;

    if (!get(r, "data", OPTIONAL)) {
        return RISE_OK;
    }
    text = check_text(r, "data", &len);
    if (len >= 2 && text[0] == '0' && text[1] == 'x') {
        bytes = hold(r, len / 2 - 1);
        status = rise_hex_decode(bytes, len / 2 - 1, &tx->data_len, text, len);
        tx->data = bytes;
    }
    lua_pop(r->L, 1);
    return status == RISE_OK ? RISE_OK : refuse(r, "data", "not 0x and an even number of hex digits");
}

/* Pushes the array `name` and tells its length, 0 and nothing pushed when there is none. */
static int open_list(reader *r, const char *name, size_t *count) {
    *count = 0;
    if (!get(r, name, OPTIONAL)) {
        return 0;
    }
    if (!lua_istable(r->L, -1)) {
        mistake(r, name, "array", -1);
    }
    *count = rl_rawlen(r->L, -1);
    return 1;
}

/* Pushes entry `index` (from 0) of the array at the top of the stack, a table with these members. */
static void open_entry(reader *r, const char *list, size_t index, const char *const *known) {
    lua_rawgeti(r->L, -1, (int)index + 1);
    r->list = list;
    r->index = (int)index + 1;
    if (!lua_istable(r->L, -1)) {
        mistake(r, "", "table", -1);
    }
    check_members(r, known);
}

static rise_status read_keys(reader *r, rise_tx_access *access) {
    lua_State *L = r->L;
    rise_status status = RISE_OK;
    size_t count, got = 0, len, i;
    uint8_t *keys;

    if (!open_list(r, "storageKeys", &count)) {
        return RISE_OK;
    }
    keys = hold(r, 32 * count);
    access->keys = keys;
    access->key_count = count;
    for (i = 0; i < count && status == RISE_OK; i++) {
        const char *text;
        lua_rawgeti(L, -1, (int)i + 1);
        text = check_text(r, "storageKeys", &len);
        if (len != 66 || text[1] != 'x' || rise_hex_decode(keys + 32 * i, 32, &got, text, len) != RISE_OK) {
            status = refuse(r, "storageKeys", "a key is not 0x and 64 hex digits");
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return status;
}

static rise_status read_access_list(reader *r, rise_tx *tx) {
    static const char *const known[] = { "address", "storageKeys", NULL };
    rise_status status = RISE_OK;
    rise_tx_access *list;
    size_t count, i;

    if (!open_list(r, "accessList", &count)) {
        return RISE_OK;
    }
    list = hold(r, count * sizeof *list);
    memset(list, 0, count * sizeof *list);
    tx->access = list;
    tx->access_count = count;
    for (i = 0; i < count && status == RISE_OK; i++) {
        open_entry(r, "accessList", i, known);
        get(r, "address", REQUIRED);
        status = read_address(r, "address", list[i].address);
        if (status == RISE_OK) {
            status = read_keys(r, &list[i]);
        }
        lua_pop(r->L, 1);
    }
    lua_pop(r->L, 1);
    r->list = NULL;
    return status;
}

static const char *const authorization_members[] = { "chainId", "address", "nonce", "r", "s", "yParity", NULL };

/* Of the table at the top of the stack. */
static rise_status read_authorization(reader *r, rise_authorization *out) {
    rise_status status = read_number(r, "chainId", REQUIRED, &out->chain_id);

    if (status == RISE_OK) {
        get(r, "address", REQUIRED);
        status = read_address(r, "address", out->address);
    }
    return status == RISE_OK ? read_u64(r, "nonce", &out->nonce) : status;
}

static rise_status read_signature(reader *r, uint8_t sig[65]) {
    rise_u256 number, parity;
    rise_status status = read_number(r, "r", REQUIRED, &number);

    if (status == RISE_OK) {
        rise_u256_to_bytes(sig, &number);
        status = read_number(r, "s", REQUIRED, &number);
    }
    if (status == RISE_OK) {
        rise_u256_to_bytes(sig + 32, &number);
        status = read_number(r, "yParity", REQUIRED, &parity);
    }
    if (status == RISE_OK && rise_u256_bits(&parity) > 1) {
        status = refuse(r, "yParity", "neither 0 nor 1");
    }
    sig[64] = (uint8_t)parity.limb[0];
    return status;
}

static rise_status read_authorizations(reader *r, rise_tx *tx) {
    rise_status status = RISE_OK;
    rise_authorization *list;
    size_t count, i;

    if (!open_list(r, "authorizationList", &count)) {
        return RISE_OK;
    }
    list = hold(r, count * sizeof *list);
    tx->authorizations = list;
    tx->authorization_count = count;
    for (i = 0; i < count && status == RISE_OK; i++) {
        open_entry(r, "authorizationList", i, authorization_members);
        status = read_authorization(r, &list[i]);
        if (status == RISE_OK) {
            status = read_signature(r, list[i].sig);
        }
        lua_pop(r->L, 1);
    }
    lua_pop(r->L, 1);
    r->list = NULL;
    return status;
}

static rise_status read_type(reader *r, rise_tx_type *type) {
    static const struct {
        const char *name;
        rise_tx_type type;
    } types[] = {
        { "legacy", RISE_TX_LEGACY }, { "eip1559", RISE_TX_EIP1559 }, { "eip7702", RISE_TX_EIP7702 },
    };
    const char *text;
    size_t len, i;

    get(r, "type", REQUIRED);
    text = check_text(r, "type", &len);
    for (i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(text, types[i].name) == 0) {
            *type = types[i].type;
            lua_pop(r->L, 1);
            return RISE_OK;
        }
    }
    lua_pop(r->L, 1);
    return refuse(r, "type", "neither 'legacy' nor 'eip1559' nor 'eip7702'");
}

/* The transaction that argument 1 describes. It points into what `r` holds. */
static rise_status read_tx(reader *r, rise_tx *tx) {
    static const char *const known[] = {
        "type", "chainId", "nonce", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "to", "value", "data",
        "accessList", "authorizationList", NULL
    };
    rise_status status;
    int legacy;
    uint8_t *to;

    lua_pushvalue(r->L, 1);
    check_members(r, known);
    status = read_type(r, &tx->type);
    legacy = tx->type == RISE_TX_LEGACY;
    if (status != RISE_OK || (status = read_number(r, "chainId", REQUIRED, &tx->chain_id)) != RISE_OK
        || (status = read_u64(r, "nonce", &tx->nonce)) != RISE_OK
        || (status = read_u64(r, "gas", &tx->gas)) != RISE_OK
        || (status = read_number(r, "gasPrice", legacy, &tx->gas_price)) != RISE_OK
        || (status = read_number(r, "maxFeePerGas", !legacy, &tx->max_fee)) != RISE_OK
        || (status = read_number(r, "maxPriorityFeePerGas", OPTIONAL, &tx->max_priority_fee)) != RISE_OK
        || (status = read_number(r, "value", OPTIONAL, &tx->value)) != RISE_OK
        || (status = read_data(r, tx)) != RISE_OK || (status = read_access_list(r, tx)) != RISE_OK
        || (status = read_authorizations(r, tx)) != RISE_OK) {
        return status;
    }
    if (get(r, "to", OPTIONAL)) {
        to = hold(r, 20);
        tx->to = to;
        status = read_address(r, "to", to);
    }
    return status;
}

static void start_tx(reader *r, lua_State *L, rise_tx *tx) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    luaL_checkstack(L, 16, NULL);
    memset(tx, 0, sizeof *tx);
    start_reading(r, L);
}

/*** The encoding of a transaction: what is signed, or, with a signature, what a node takes.

A transaction is a table with members as a node's JSON has them: `type` ("legacy", "eip1559" or "eip7702"), `chainId`,
`nonce`, `gas`; `gasPrice`, or `maxFeePerGas` and `maxPriorityFeePerGas`; `to` (none creates a contract), `value`,
`data`, `accessList` of `{ address, storageKeys }`, and `authorizationList` of what @{authorization_sign} gives. Numbers
are u256, integers or text; the rest is `0x` text. Missing numbers raise, but for `value` and `maxPriorityFeePerGas`,
which are 0 then.
@function tx_encode
@tparam table tx
@tparam[opt] string signature r || s || v, 65 bytes, as keys sign
@treturn[1] string bytes
@treturn[2] nil
@treturn[2] table error: `invalid_value`, `invalid_signature`, `overflow`, `limit` */
static int l_tx_encode(lua_State *L) {
    const uint8_t *sig = lua_isnoneornil(L, 2) ? NULL : rl_checkbytes(L, 2, 65);
    rise_status status;
    rise_buf *buf;
    rise_tx tx;
    reader r;

    start_tx(&r, L, &tx);
    status = read_tx(&r, &tx);
    buf = push_buf(L);
    if (status == RISE_OK) {
        status = rise_tx_encode(buf, &tx, sig, &r.error);
    }
    if (status != RISE_OK) {
        return rl_fail(L, status, &r.error);
    }
    lua_pushlstring(L, (const char *)buf->data, buf->len);
    rise_buf_free(buf);
    return 1;
}

/*** Signs a transaction.
@function tx_sign
@tparam table tx as for @{tx_encode}
@tparam key key of type secp256k1
@treturn[1] string bytes as a node takes them
@treturn[1] string hash of the transaction, 32 bytes
@treturn[2] nil
@treturn[2] table error: `invalid_value`, `invalid_signature`, `overflow`, `limit` */
static int l_tx_sign(lua_State *L) {
    const rise_key *key = rl_checkbox(L, 2, RL_KEY);
    uint8_t hash[32];
    rise_status status;
    rise_buf *buf;
    rise_tx tx;
    reader r;

    luaL_argcheck(L, rise_key_get_type(key) == RISE_KEY_SECP256K1, 2, "secp256k1 key expected");
    start_tx(&r, L, &tx);
    status = read_tx(&r, &tx);
    buf = push_buf(L);
    if (status == RISE_OK) {
        status = rise_tx_sign(buf, hash, &tx, key, &r.error);
    }
    if (status != RISE_OK) {
        return rl_fail(L, status, &r.error);
    }
    lua_pushlstring(L, (const char *)buf->data, buf->len);
    lua_pushlstring(L, (const char *)hash, 32);
    rise_buf_free(buf);
    return 2;
}

/*** Signs the authorization that delegates an account's code (EIP-7702).
@function authorization_sign
@tparam table authorization `chainId` (0: valid on every chain), `address` of the code, `nonce` of the account
@tparam key key of type secp256k1, the account's
@treturn[1] table the same with `r`, `s` and `yParity`, as `authorizationList` takes it
@treturn[2] nil
@treturn[2] table error: `invalid_value` */
static int l_authorization_sign(lua_State *L) {
    static const char *const known[] = { "chainId", "address", "nonce", NULL };
    const rise_key *key = rl_checkbox(L, 2, RL_KEY);
    char text[66] = "0x";
    rise_authorization authorization;
    rise_status status;
    reader r;
    int i;

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, rise_key_get_type(key) == RISE_KEY_SECP256K1, 2, "secp256k1 key expected");
    start_reading(&r, L);
    lua_pushvalue(L, 1);
    check_members(&r, known);
    status = read_authorization(&r, &authorization);
    if (status == RISE_OK) {
        status = rise_authorization_sign(&authorization, key);
    }
    if (status != RISE_OK) {
        return rl_fail(L, status, &r.error);
    }
    lua_createtable(L, 0, 6);
    for (i = 0; known[i] != NULL; i++) {
        lua_getfield(L, 1, known[i]);
        lua_setfield(L, -2, known[i]);
    }
    rise_hex_encode(text + 2, authorization.sig, 32);
    lua_pushlstring(L, text, 66);
    lua_setfield(L, -2, "r");
    rise_hex_encode(text + 2, authorization.sig + 32, 32);
    lua_pushlstring(L, text, 66);
    lua_setfield(L, -2, "s");
    lua_pushinteger(L, authorization.sig[64] - 27);
    lua_setfield(L, -2, "yParity");
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
        { "authorization_sign", l_authorization_sign },
        { "tx_encode", l_tx_encode },
        { "tx_sign", l_tx_sign },
        { "create_address", l_create_address },
        { "create2_address", l_create2_address },
        { NULL, NULL },
    };

    rl_newclass(L, RL_BUF, buf_methods, buf_meta);
    rl_setfuncs(L, functions);
}
