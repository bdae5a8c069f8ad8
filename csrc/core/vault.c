/* Keys under one key, over libsodium; and its locked memory. */
#include <string.h>

#include "locked.h"

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

struct rise_vault {
    uint8_t secret[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
};

void *rise_locked_alloc(size_t size) {
    void *memory;

    /* Harmless when it was done before, also by another thread; without it the allocation has no page size. */
    if (sodium_init() < 0) {
        return NULL;
    }
    memory = sodium_malloc(size);
    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

void rise_vault_secret(const rise_vault *vault, uint8_t secret[32]) {
    memcpy(secret, vault->secret, 32);
}

rise_status rise_vault_from_secret(rise_vault **out, const uint8_t secret[32]) {
    *out = rise_locked_alloc(sizeof **out);
    if (*out == NULL) {
        return RISE_ENOMEM;
    }
    memcpy((*out)->secret, secret, 32);
    return RISE_OK;
}

rise_status rise_vault_new(rise_vault **out, const rise_entropy *entropy) {
    *out = rise_locked_alloc(sizeof **out);
    if (*out == NULL) {
        return RISE_ENOMEM;
    }
    if (rise_random((*out)->secret, 32, entropy) != RISE_OK) {
        rise_vault_free(*out);
        *out = NULL;
        return RISE_EENTROPY;
    }
    return RISE_OK;
}

void rise_vault_free(rise_vault *vault) {
    sodium_free(vault);
}

/* What a wrapped key is bound to: its type and its public half. Returns the length. */
static size_t bind(uint8_t about[65], rise_key_type type, const uint8_t *public_key, size_t len) {
    about[0] = (uint8_t)type;
    memcpy(about + 1, public_key, len);
    return 1 + len;
}

rise_status rise_vault_wrap(const rise_vault *vault, uint8_t wrapped[RISE_VAULT_WRAPPED], const rise_key *key,
                            const rise_entropy *entropy) {
    uint8_t secret[32], public_key[64], about[65];
    size_t len = rise_key_public(key, public_key);
    unsigned long long written;

    len = bind(about, rise_key_get_type(key), public_key, len);
    if (rise_random(wrapped, NONCE, entropy) != RISE_OK) {
        return RISE_EENTROPY;
    }
    rise_key_export(key, secret);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + NONCE, &written, secret, sizeof secret, about, len, NULL,
                                                     wrapped, vault->secret);
    rise_wipe(secret, sizeof secret);
    rise_wipe_stack();
    return RISE_OK;
}

rise_status rise_vault_unwrap(const rise_vault *vault, rise_key **out, rise_key_type type, const uint8_t *public_key,
                              size_t public_len, const uint8_t wrapped[RISE_VAULT_WRAPPED]) {
    uint8_t secret[32], about[65], found[64];
    unsigned long long written;
    rise_status status = RISE_EDATA;
    size_t len;

    *out = NULL;
    if (public_len > sizeof found) {
        return RISE_EDATA;
    }
    len = bind(about, type, public_key, public_len);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(secret, &written, NULL, wrapped + NONCE, RISE_VAULT_WRAPPED - NONCE,
                                                   about, len, wrapped, vault->secret) == 0) {
        status = rise_key_import(out, type, secret);
        if (status == RISE_OK && (rise_key_public(*out, found) != public_len
                                  || memcmp(found, public_key, public_len) != 0)) {
            rise_key_free(*out);
            *out = NULL;
            status = RISE_EDATA;
        }
    }
    rise_wipe(secret, sizeof secret);
    rise_wipe_stack();
    return status == RISE_EKEY ? RISE_EDATA : status;
}
