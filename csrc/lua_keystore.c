/* rise.core: passphrases, keystores and vaults. What is secret stays in boxes. */
#include <stdlib.h>
#include <string.h>

#include "lua_rise.h"

static const char *const kind_names[] = { "secp256k1", "p256", "vault" };

/* Text as C takes it: up to its first NUL, so there may be none. */
static const char *check_text(lua_State *L, int arg) {
    size_t len;
    const char *text = (const char *)rl_checkstring(L, arg, &len);

    luaL_argcheck(L, strlen(text) == len, arg, "text without NUL expected");
    return text;
}

/*** A passphrase in locked memory. `close` wipes it.
@type passphrase */

/* Ends a function that filled a box, the topmost value. */
static int boxed(lua_State *L, rise_status status, const rise_error *error) {
    return status == RISE_OK ? 1 : rl_fail(L, status, error);
}

/*** A passphrase out of text, which itself stays in Lua's memory.
@function passphrase
@tparam string text
@treturn[1] passphrase
@treturn[2] nil
@treturn[2] table error, `limit`, `no_memory` */
static int l_passphrase(lua_State *L) {
    size_t len;
    const uint8_t *text = rl_checkstring(L, 1, &len);
    void **box = rl_newbox(L, RL_PASSPHRASE);
    rise_passphrase *passphrase;
    rise_status status = rise_passphrase_new(&passphrase, text, len);

    *box = passphrase;
    return boxed(L, status, NULL);
}

/*** Takes the value of a variable out of the environment, where it is overwritten.
@function passphrase_env
@tparam string name
@treturn[1] passphrase
@treturn[2] nil
@treturn[2] table error, `invalid_value` when it is not set, `limit` */
static int l_passphrase_env(lua_State *L) {
    static const rise_error missing = { RISE_EVALUE, "the environment has no such variable" };
    const char *name = check_text(L, 1);
    void **box = rl_newbox(L, RL_PASSPHRASE);
    char *value = getenv(name); /* here: the library itself reads no environment */
    rise_passphrase *passphrase;
    rise_status status;

    if (value == NULL) {
        return rl_fail(L, RISE_EVALUE, &missing);
    }
    status = rise_passphrase_new(&passphrase, value, strlen(value));
    *box = passphrase;
    rise_wipe(value, strlen(value));
    (void)unsetenv(name);
    return boxed(L, status, NULL);
}

/*** The first line of a file.
@function passphrase_file
@tparam string path
@treturn[1] passphrase
@treturn[2] nil
@treturn[2] table error, `io`, `limit` */
static int l_passphrase_file(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    const char *path = check_text(L, 1);
    void **box = rl_newbox(L, RL_PASSPHRASE);
    rise_passphrase *passphrase;
    rise_status status = rise_passphrase_file(&passphrase, path, &error);

    *box = passphrase;
    return boxed(L, status, &error);
}

/*** The first line of what a descriptor has to read; it stays open.
@function passphrase_fd
@tparam integer fd
@treturn[1] passphrase
@treturn[2] nil
@treturn[2] table error, `io`, `limit` */
static int l_passphrase_fd(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    int fd = (int)rl_checkinteger(L, 1, 0, 1 << 20);
    void **box = rl_newbox(L, RL_PASSPHRASE);
    rise_passphrase *passphrase;
    rise_status status = rise_passphrase_fd(&passphrase, fd, &error);

    *box = passphrase;
    return boxed(L, status, &error);
}

/*** Asks at the terminal, which does not show what is typed.
@function passphrase_prompt
@tparam string prompt
@treturn[1] passphrase
@treturn[2] nil
@treturn[2] table error, `io` without a terminal, `canceled`, `limit` */
static int l_passphrase_prompt(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    const char *prompt = check_text(L, 1);
    void **box = rl_newbox(L, RL_PASSPHRASE);
    rise_passphrase *passphrase;
    rise_status status = rise_passphrase_prompt(&passphrase, prompt, &error);

    *box = passphrase;
    return boxed(L, status, &error);
}

/*** Whether two passphrases are the same, as when one is asked for twice.
@function passphrase:equals
@tparam passphrase other
@treturn boolean */
static int l_passphrase_equals(lua_State *L) {
    size_t len, other_len;
    const char *text = rise_passphrase_text(rl_checkbox(L, 1, RL_PASSPHRASE), &len);
    const char *other = rise_passphrase_text(rl_checkbox(L, 2, RL_PASSPHRASE), &other_len);

    lua_pushboolean(L, len == other_len && rise_equal(text, other, len));
    return 1;
}

/*** Wipes it. Closing twice is fine.
@function passphrase:close */
static int l_passphrase_close(lua_State *L) {
    void **box = rl_testbox(L, 1, RL_PASSPHRASE);

    rise_passphrase_free(*box);
    *box = NULL;
    return 0;
}

static int l_passphrase_tostring(lua_State *L) {
    lua_pushstring(L, *rl_testbox(L, 1, RL_PASSPHRASE) != NULL ? RL_PASSPHRASE : RL_PASSPHRASE " (closed)");
    return 1;
}

/*** A key that wraps other keys. `close` wipes it.
@type vault */

/*** A fresh vault.
@function vault_new
@treturn[1] vault
@treturn[2] nil
@treturn[2] table error, `no_entropy`, `no_memory` */
static int l_vault_new(lua_State *L) {
    void **box = rl_newbox(L, RL_VAULT);
    rise_vault *vault;
    rise_status status = rise_vault_new(&vault, NULL);

    *box = vault;
    return boxed(L, status, NULL);
}

/*** Encrypts a key, bound to its type and public half.
@function vault:wrap
@tparam key key
@treturn[1] string 72 bytes
@treturn[2] nil
@treturn[2] table error, `no_entropy` */
static int l_vault_wrap(lua_State *L) {
    uint8_t wrapped[RISE_VAULT_WRAPPED];
    const rise_vault *vault = rl_checkbox(L, 1, RL_VAULT);
    rise_status status = rise_vault_wrap(vault, wrapped, rl_checkbox(L, 2, RL_KEY), NULL);

    if (status != RISE_OK) {
        return rl_fail(L, status, NULL);
    }
    lua_pushlstring(L, (const char *)wrapped, sizeof wrapped);
    return 1;
}

/*** A P-256 key that was wrapped.
@function vault:unwrap
@tparam string wrapped 72 bytes
@tparam string public_key x || y, 64 bytes
@treturn[1] key
@treturn[2] nil
@treturn[2] table error, `invalid_data` when it is damaged, of another vault, or another key */
static int l_vault_unwrap(lua_State *L) {
    static const rise_error error = { RISE_EDATA, "the key is damaged, or was encrypted for another store" };
    const rise_vault *vault = rl_checkbox(L, 1, RL_VAULT);
    const uint8_t *wrapped = rl_checkbytes(L, 2, RISE_VAULT_WRAPPED);
    const uint8_t *public_key = rl_checkbytes(L, 3, 64);
    void **box = rl_newbox(L, RL_KEY);
    rise_key *key;
    rise_status status = rise_vault_unwrap(vault, &key, RISE_KEY_P256, public_key, 64, wrapped);

    *box = key;
    return boxed(L, status, status == RISE_EDATA ? &error : NULL);
}

/*** Wipes it. Closing twice is fine.
@function vault:close */
static int l_vault_close(lua_State *L) {
    void **box = rl_testbox(L, 1, RL_VAULT);

    rise_vault_free(*box);
    *box = NULL;
    return 0;
}

/*** A key or a vault under a passphrase, on its way in or out.
@type keystore */

/*** Reads the text of a keystore; nothing is decrypted yet.
@function keystore_read
@tparam string text
@treturn[1] keystore
@treturn[2] nil
@treturn[2] table error: `invalid_data`, `unsupported` (another version, cipher, derivation), `limit` */
static int l_keystore_read(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    size_t len;
    const uint8_t *text = rl_checkstring(L, 1, &len);
    void **box = rl_newbox(L, RL_KEYSTORE);
    rise_keystore *keystore;
    rise_status status = rise_keystore_read(&keystore, (const char *)text, len, &error);

    *box = keystore;
    return boxed(L, status, &error);
}

/*** Begins a new one, with parameters of scrypt.
@function keystore_new
@tparam integer n
@tparam integer r
@tparam integer p
@treturn[1] keystore
@treturn[2] nil
@treturn[2] table error: `invalid_value`, `limit`, `no_entropy` */
static int l_keystore_new(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    uint32_t n = (uint32_t)rl_checkinteger(L, 1, 0, UINT32_MAX);
    uint32_t r = (uint32_t)rl_checkinteger(L, 2, 0, UINT32_MAX);
    uint32_t p = (uint32_t)rl_checkinteger(L, 3, 0, UINT32_MAX);
    void **box = rl_newbox(L, RL_KEYSTORE);
    rise_keystore *keystore;
    rise_status status = rise_keystore_new(&keystore, n, r, p, NULL, &error);

    *box = keystore;
    return boxed(L, status, &error);
}

/*** What the text tells without a passphrase.
@function keystore:info
@treturn string "secp256k1", "p256" or "vault"
@treturn string public half: 64 bytes, the 20 of an address, or none */
static int l_keystore_info(lua_State *L) {
    const rise_keystore_info *info = rise_keystore_get_info(rl_checkbox(L, 1, RL_KEYSTORE));

    lua_pushstring(L, kind_names[info->kind]);
    lua_pushlstring(L, (const char *)info->public_key, info->public_len);
    return 2;
}

/*** Starts deriving from a passphrase. Does not wait.
@function keystore:derive
@tparam passphrase passphrase
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] table error */
static int l_keystore_derive(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    rise_keystore *keystore = rl_checkbox(L, 1, RL_KEYSTORE);
    size_t len;
    const char *text = rise_passphrase_text(rl_checkbox(L, 2, RL_PASSPHRASE), &len);
    rise_status status = rise_keystore_derive(keystore, text, len, &error);

    lua_pushboolean(L, 1);
    return boxed(L, status, &error);
}

/*** Whether deriving has come to its end. Does not wait.
@function keystore:ready
@treturn boolean */
static int l_keystore_ready(lua_State *L) {
    lua_pushboolean(L, rise_keystore_ready(rl_checkbox(L, 1, RL_KEYSTORE)));
    return 1;
}

/*** What is in it. Waits for the derivation.
@function keystore:unlock
@treturn[1] key|vault
@treturn[2] nil
@treturn[2] table error: `wrong_passphrase`, `invalid_data`, `no_memory` */
static int l_keystore_unlock(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    rise_keystore *keystore = rl_checkbox(L, 1, RL_KEYSTORE);
    int is_vault = rise_keystore_get_info(keystore)->kind == RISE_KEYSTORE_VAULT;
    void **box = rl_newbox(L, is_vault ? RL_VAULT : RL_KEY);
    rise_vault *vault;
    rise_key *key;
    rise_status status;

    if (is_vault) {
        status = rise_keystore_unlock_vault(keystore, &vault, &error);
        *box = vault;
    } else {
        status = rise_keystore_unlock(keystore, &key, &error);
        *box = key;
    }
    return boxed(L, status, &error);
}

static int has_metatable(lua_State *L, int arg, const char *name) {
    int same;

    if (lua_touserdata(L, arg) == NULL || !lua_getmetatable(L, arg)) {
        return 0;
    }
    luaL_getmetatable(L, name);
    same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

/*** The text with a key or a vault in it. Waits for the derivation.
@function keystore:seal
@tparam key|vault content
@treturn[1] string
@treturn[2] nil
@treturn[2] table error: `no_entropy`, `no_memory`, `usage` where it came with PBKDF2 */
static int l_keystore_seal(lua_State *L) {
    rise_error error = { RISE_OK, "" };
    uint8_t room[1024]; /* more than any text takes, so that nothing is allocated that a Lua error could leak */
    rise_buf out = RISE_BUF_INIT;
    rise_keystore *keystore = rl_checkbox(L, 1, RL_KEYSTORE);
    rise_status status;
    size_t len;

    if (has_metatable(L, 2, RL_VAULT)) {
        status = rise_keystore_seal_vault(keystore, &out, rl_checkbox(L, 2, RL_VAULT), NULL, &error);
    } else {
        status = rise_keystore_seal(keystore, &out, rl_checkbox(L, 2, RL_KEY), NULL, &error);
    }
    if (status == RISE_OK && out.len > sizeof room) {
        status = RISE_ELIMIT;
    }
    len = out.len;
    if (status == RISE_OK) {
        memcpy(room, out.data, len);
    }
    rise_buf_free(&out);
    if (status != RISE_OK) {
        return rl_fail(L, status, &error);
    }
    lua_pushlstring(L, (const char *)room, len);
    return 1;
}

/*** Wipes it; waits for a derivation under way. Closing twice is fine.
@function keystore:close */
static int l_keystore_close(lua_State *L) {
    void **box = rl_testbox(L, 1, RL_KEYSTORE);

    rise_keystore_free(*box);
    *box = NULL;
    return 0;
}

void rl_open_keystore(lua_State *L) {
    static const luaL_Reg passphrase_methods[] = {
        { "equals", l_passphrase_equals },
        { "close", l_passphrase_close },
        { NULL, NULL },
    };
    static const luaL_Reg passphrase_meta[] = {
        { "__gc", l_passphrase_close },
        { "__close", l_passphrase_close },
        { "__tostring", l_passphrase_tostring },
        { NULL, NULL },
    };
    static const luaL_Reg vault_methods[] = {
        { "wrap", l_vault_wrap },
        { "unwrap", l_vault_unwrap },
        { "close", l_vault_close },
        { NULL, NULL },
    };
    static const luaL_Reg vault_meta[] = {
        { "__gc", l_vault_close },
        { "__close", l_vault_close },
        { NULL, NULL },
    };
    static const luaL_Reg keystore_methods[] = {
        { "info", l_keystore_info },
        { "derive", l_keystore_derive },
        { "ready", l_keystore_ready },
        { "unlock", l_keystore_unlock },
        { "seal", l_keystore_seal },
        { "close", l_keystore_close },
        { NULL, NULL },
    };
    static const luaL_Reg keystore_meta[] = {
        { "__gc", l_keystore_close },
        { "__close", l_keystore_close },
        { NULL, NULL },
    };
    static const luaL_Reg functions[] = {
        { "passphrase", l_passphrase },
        { "passphrase_env", l_passphrase_env },
        { "passphrase_file", l_passphrase_file },
        { "passphrase_fd", l_passphrase_fd },
        { "passphrase_prompt", l_passphrase_prompt },
        { "vault_new", l_vault_new },
        { "keystore_read", l_keystore_read },
        { "keystore_new", l_keystore_new },
        { NULL, NULL },
    };

    rl_newclass(L, RL_PASSPHRASE, passphrase_methods, passphrase_meta);
    rl_newclass(L, RL_VAULT, vault_methods, vault_meta);
    rl_newclass(L, RL_KEYSTORE, keystore_methods, keystore_meta);
    rl_setfuncs(L, functions);
}
