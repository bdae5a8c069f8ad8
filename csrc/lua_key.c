/* rise.core: keys, signatures and addresses. */
#include <string.h>

#include "lua_rise.h"

#define RL_SECRET "rise.secret"

/*** A private key. The secret stays inside; `export` is the one way out. `close` wipes it.
@type key */

static const char *type_name(rise_key_type type) {
    return type == RISE_KEY_P256 ? "p256" : type == RISE_KEY_SECP256K1 ? "secp256k1" : "webauthnp256";
}

/* The type of a key that has a private half here. */
static rise_key_type check_private_type(lua_State *L, int arg) {
    const char *name = (const char *)rl_checkstring(L, arg, NULL);

    if (strcmp(name, "p256") == 0) {
        return RISE_KEY_P256;
    }
    luaL_argcheck(L, strcmp(name, "secp256k1") == 0, arg, "'p256' or 'secp256k1' expected");
    return RISE_KEY_SECP256K1;
}

static const rise_key *check_key(lua_State *L) {
    return rl_checkbox(L, 1, RL_KEY);
}

/*** Makes a key from the system's randomness, or the host's.
@function key_generate
@tparam string type "p256" or "secp256k1"
@treturn[1] key
@treturn[2] nil
@treturn[2] table error, `no_entropy` */
static int l_key_generate(lua_State *L) {
    rise_key_type type = check_private_type(L, 1);
    void **box = rl_newbox(L, RL_KEY);
    rise_key *key;
    rise_status status = rise_key_generate(&key, type, rl_entropy(L));

    *box = key;
    return status == RISE_OK ? 1 : rl_fail(L, status, NULL);
}

/*** A key from its 32 secret bytes.
@function key_import
@tparam string type "p256" or "secp256k1"
@tparam string secret 32 bytes
@treturn[1] key
@treturn[2] nil
@treturn[2] table error, `invalid_key` */
static int l_key_import(lua_State *L) {
    rise_key_type type = check_private_type(L, 1);
    const uint8_t *secret = rl_checkbytes(L, 2, 32);
    void **box = rl_newbox(L, RL_KEY);
    rise_key *key;
    rise_status status = rise_key_import(&key, type, secret);

    *box = key;
    return status == RISE_OK ? 1 : rl_fail(L, status, NULL);
}

/*** "p256" or "secp256k1".
@function key:type
@treturn string */
static int l_type(lua_State *L) {
    lua_pushstring(L, type_name(rise_key_get_type(check_key(L))));
    return 1;
}

/*** The public key as the account contract stores it: x || y (64 bytes), or the address padded to 32 bytes.
@function key:public
@treturn string */
static int l_public(lua_State *L) {
    uint8_t bytes[64];
    size_t len = rise_key_public(check_key(L), bytes);

    lua_pushlstring(L, (const char *)bytes, len);
    return 1;
}

/*** The public key of a secp256k1 key as a point, 04 || x || y; raises for another type.
@function key:point
@treturn string 65 bytes */
static int l_point(lua_State *L) {
    uint8_t point[65];

    luaL_argcheck(L, rise_key_address(check_key(L), point, NULL) == RISE_OK, 1, "secp256k1 key expected");
    lua_pushlstring(L, (const char *)point, 65);
    return 1;
}

/*** The address of a secp256k1 key; raises for another type.
@function key:address
@treturn string 20 bytes */
static int l_key_address(lua_State *L) {
    uint8_t address[20];

    luaL_argcheck(L, rise_key_address(check_key(L), NULL, address) == RISE_OK, 1, "secp256k1 key expected");
    lua_pushlstring(L, (const char *)address, 20);
    return 1;
}

/*** How an account names this key.
@function key:hash
@treturn string 32 bytes */
static int l_hash(lua_State *L) {
    uint8_t bytes[64], hash[32];
    const rise_key *key = check_key(L);
    size_t len = rise_key_public(key, bytes);

    rise_key_hash(hash, rise_key_get_type(key), bytes, len);
    lua_pushlstring(L, (const char *)hash, 32);
    return 1;
}

/*** Signs a digest as it is: r || s (64 bytes) with P-256, r || s || v (65 bytes, v 27 or 28) with secp256k1; s in the
lower half, the nonce that of RFC 6979.
@function key:sign
@tparam string digest 32 bytes
@treturn string */
static int l_sign(lua_State *L) {
    uint8_t sig[65];
    const rise_key *key = check_key(L);
    const uint8_t *digest = rl_checkbytes(L, 2, 32);
    size_t len = rise_key_sign(key, sig, digest);

    lua_pushlstring(L, (const char *)sig, len);
    return 1;
}

/* Memory whose finalizer wipes it: pushing a string may raise, and would leave a secret on the C stack behind. */
static int l_wipe_secret(lua_State *L) {
    rise_wipe(lua_touserdata(L, 1), rl_rawlen(L, 1));
    return 0;
}

static uint8_t *push_secret(lua_State *L, size_t len) {
    uint8_t *secret = lua_newuserdata(L, len);

    luaL_getmetatable(L, RL_SECRET);
    lua_setmetatable(L, -2);
    return secret;
}

/*** The secret. A Lua string cannot be wiped: keep keys as keys where that is possible.
@function key:export
@treturn string 32 bytes */
static int l_export(lua_State *L) {
    const rise_key *key = check_key(L);
    uint8_t *secret = push_secret(L, 32);

    rise_key_export(key, secret);
    lua_pushlstring(L, (const char *)secret, 32);
    rise_wipe(secret, 32);
    return 1;
}

/*** Wipes the secret; the key is of no use after this. Closing twice is fine.
@function key:close */
static int l_close(lua_State *L) {
    void **box = rl_testbox(L, 1, RL_KEY);

    rise_key_free(*box);
    *box = NULL;
    return 0;
}

/*** Whether the key has not been closed.
@function key:is_open
@treturn boolean */
static int l_is_open(lua_State *L) {
    lua_pushboolean(L, *rl_testbox(L, 1, RL_KEY) != NULL);
    return 1;
}

static int l_tostring(lua_State *L) {
    uint8_t bytes[64];
    char text[128];
    const rise_key *key = *rl_testbox(L, 1, RL_KEY);
    size_t len;

    if (key == NULL) {
        lua_pushliteral(L, "rise.key (closed)");
        return 1;
    }
    len = rise_key_public(key, bytes);
    rise_hex_encode(text, bytes, len);
    lua_pushfstring(L, "rise.key (%s 0x", type_name(rise_key_get_type(key)));
    lua_pushlstring(L, text, 2 * len);
    lua_pushliteral(L, ")");
    lua_concat(L, 3);
    return 1;
}

/*** How an account names a key: keccak256(abi.encode(uint8 type, keccak256(public_key))).
@function key_hash
@tparam string type "p256", "webauthnp256" (or "webauthn-p256") or "secp256k1"
@tparam string public_key 64 bytes; of secp256k1 the address padded to 32 bytes
@treturn string 32 bytes */
static int l_key_hash(lua_State *L) {
    uint8_t hash[32];
    const char *name = (const char *)rl_checkstring(L, 1, NULL);
    rise_key_type type = RISE_KEY_P256;
    size_t len = 64;

    if (strcmp(name, "webauthnp256") == 0 || strcmp(name, "webauthn-p256") == 0) {
        type = RISE_KEY_WEBAUTHN_P256;
    } else if (strcmp(name, "secp256k1") == 0) {
        type = RISE_KEY_SECP256K1;
        len = 32;
    } else {
        luaL_argcheck(L, strcmp(name, "p256") == 0, 1, "'p256', 'webauthnp256' or 'secp256k1' expected");
    }
    /* The contract stores a key of any length and then never finds a signature of it valid. */
    rise_key_hash(hash, type, rl_checkbytes(L, 2, len), len);
    lua_pushlstring(L, (const char *)hash, 32);
    return 1;
}

/*** Verifies a P-256 signature as the account contract does: a high s is refused.
@function p256_verify
@tparam string public_key x || y, 64 bytes
@tparam string digest 32 bytes
@tparam string signature r || s, 64 bytes
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] table error, `invalid_signature`, or `invalid_key` when the key is no point of the curve */
static int l_p256_verify(lua_State *L) {
    const uint8_t *public_key = rl_checkbytes(L, 1, 64);
    const uint8_t *digest = rl_checkbytes(L, 2, 32);
    rise_status status = rise_p256_verify(public_key, digest, rl_checkbytes(L, 3, 64));

    if (status != RISE_OK) {
        return rl_fail(L, status, NULL);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/*** Verifies what a passkey signed for a digest, as the account contract does.
@function webauthn_verify
@tparam string public_key x || y, 64 bytes
@tparam string digest 32 bytes, which the challenge must be
@tparam string assertion ABI encoding of one tuple (bytes authenticatorData, string clientDataJSON, uint256
challengeIndex, uint256 typeIndex, bytes32 r, bytes32 s)
@tparam[opt=false] boolean verified whether the authenticator must have verified its user; the contract does not ask
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] table error: `invalid_data`, `invalid_signature` with what is wrong, or `invalid_key` */
static int l_webauthn_verify(lua_State *L) {
    const uint8_t *public_key = rl_checkbytes(L, 1, 64);
    const uint8_t *digest = rl_checkbytes(L, 2, 32);
    unsigned flags = lua_toboolean(L, 4) ? RISE_WEBAUTHN_VERIFIED : 0;
    size_t len;
    const uint8_t *assertion = rl_checkstring(L, 3, &len);
    rise_error error = { RISE_OK, "" };
    rise_status status = rise_webauthn_verify(public_key, digest, assertion, len, flags, &error);

    if (status != RISE_OK) {
        return rl_fail(L, status, &error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/*** The same P-256 signature with s in the lower half.
@function p256_low_s
@tparam string signature r || s, 64 bytes
@treturn string */
static int l_p256_low_s(lua_State *L) {
    uint8_t sig[64];

    memcpy(sig, rl_checkbytes(L, 1, 64), 64);
    rise_p256_low_s(sig);
    lua_pushlstring(L, (const char *)sig, 64);
    return 1;
}

/*** Whose secp256k1 signature this is.
@function secp256k1_recover
@tparam string digest 32 bytes
@tparam string signature r || s || v, 65 bytes, v being 0, 1, 27 or 28
@treturn[1] string address, 20 bytes
@treturn[1] string point, 65 bytes
@treturn[2] nil
@treturn[2] table error, `invalid_signature` */
static int l_secp256k1_recover(lua_State *L) {
    uint8_t point[65], address[20];
    const uint8_t *digest = rl_checkbytes(L, 1, 32);
    rise_status status = rise_secp256k1_recover(point, address, digest, rl_checkbytes(L, 2, 65));

    if (status != RISE_OK) {
        return rl_fail(L, status, NULL);
    }
    lua_pushlstring(L, (const char *)address, 20);
    lua_pushlstring(L, (const char *)point, 65);
    return 2;
}

/*** The bytes of an address; mixed case must be the EIP-55 checksum.
@function address
@tparam string text
@treturn[1] string 20 bytes
@treturn[2] nil
@treturn[2] table error, `invalid_value` */
static int l_address(lua_State *L) {
    static const rise_error error = { RISE_EVALUE, "not 0x and 40 hex digits, or not the checksum that mixed case is" };
    uint8_t address[20];
    size_t len;
    const char *text = (const char *)rl_checkstring(L, 1, &len);
    rise_status status = rise_address_parse(address, text, len);

    if (status != RISE_OK) {
        return rl_fail(L, status, &error);
    }
    lua_pushlstring(L, (const char *)address, 20);
    return 1;
}

/*** An address as text with the EIP-55 checksum.
@function checksum
@tparam string address 20 bytes
@treturn string */
static int l_checksum(lua_State *L) {
    char text[43];

    rise_address_format(text, rl_checkbytes(L, 1, 20));
    lua_pushlstring(L, text, 42);
    return 1;
}

void rl_open_key(lua_State *L) {
    static const luaL_Reg methods[] = {
        { "type", l_type },
        { "public", l_public },
        { "point", l_point },
        { "address", l_key_address },
        { "hash", l_hash },
        { "sign", l_sign },
        { "export", l_export },
        { "close", l_close }, { "is_open", l_is_open },
        { NULL, NULL },
    };
    static const luaL_Reg meta[] = {
        { "__gc", l_close },
        { "__close", l_close },
        { "__tostring", l_tostring },
        { NULL, NULL },
    };
    static const luaL_Reg secret_methods[] = { { NULL, NULL } };
    static const luaL_Reg secret_meta[] = { { "__gc", l_wipe_secret }, { NULL, NULL } };
    static const luaL_Reg functions[] = {
        { "key_generate", l_key_generate },
        { "key_import", l_key_import },
        { "key_hash", l_key_hash },
        { "p256_verify", l_p256_verify },
        { "p256_low_s", l_p256_low_s },
        { "webauthn_verify", l_webauthn_verify },
        { "secp256k1_recover", l_secp256k1_recover },
        { "address", l_address },
        { "checksum", l_checksum },
        { NULL, NULL },
    };

    rl_newclass(L, RL_KEY, methods, meta);
    rl_newclass(L, RL_SECRET, secret_methods, secret_meta);
    rl_setfuncs(L, functions);
}
