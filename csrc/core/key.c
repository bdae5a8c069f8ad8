/* Private keys: P-256 for sessions, secp256k1 for accounts and gas. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* A secret below the order is found at the first draw but for 1 in 2^32; a source that misses as often is broken. */
#define DRAWS 16

struct rise_key {
    rise_key_type type;
    uint8_t secret[32];
    uint8_t point[65];   /* 04 || x || y */
    uint8_t address[20]; /* secp256k1 only, as is the context */
    rise_secp256k1 *context;
};

static rise_status set_secret(rise_key *key, const uint8_t secret[32]) {
    rise_status status;

    key->point[0] = 0x04;
    if (key->type == RISE_KEY_P256) {
        status = rise_p256_public(key->point + 1, secret);
    } else {
        status = rise_secp256k1_public(key->context, key->point, secret);
        if (status == RISE_OK) {
            rise_secp256k1_address(key->address, key->point);
        }
    }
    if (status == RISE_OK) {
        memcpy(key->secret, secret, 32);
    }
    return status;
}

static rise_status key_new(rise_key **out, rise_key_type type, const rise_entropy *entropy) {
    rise_key *key;

    *out = NULL;
    if (type != RISE_KEY_P256 && type != RISE_KEY_SECP256K1) {
        return RISE_EUSAGE;
    }
    key = calloc(1, sizeof *key);
    if (key == NULL) {
        return RISE_ENOMEM;
    }
    key->type = type;
    if (type == RISE_KEY_SECP256K1 && rise_secp256k1_new(&key->context, entropy) != RISE_OK) {
        free(key);
        return RISE_ENOMEM;
    }
    *out = key;
    return RISE_OK;
}

rise_status rise_key_import(rise_key **out, rise_key_type type, const uint8_t secret[32]) {
    rise_status status = key_new(out, type, NULL);

    if (status == RISE_OK) {
        status = set_secret(*out, secret);
        if (status != RISE_OK) {
            rise_key_free(*out);
            *out = NULL;
        }
    }
    return status;
}

rise_status rise_key_generate(rise_key **out, rise_key_type type, const rise_entropy *entropy) {
    uint8_t secret[32];
    rise_status status = key_new(out, type, entropy);
    int draw;

    if (status != RISE_OK) {
        return status;
    }
    for (draw = 0; draw < DRAWS; draw++) {
        status = rise_random(secret, sizeof secret, entropy);
        if (status == RISE_OK) {
            status = set_secret(*out, secret);
        }
        if (status != RISE_EKEY) {
            break;
        }
    }
    rise_wipe(secret, sizeof secret);
    if (status != RISE_OK) {
        rise_key_free(*out);
        *out = NULL;
        return RISE_EENTROPY;
    }
    return RISE_OK;
}

void rise_key_export(const rise_key *key, uint8_t secret[32]) {
    memcpy(secret, key->secret, 32);
}

void rise_key_free(rise_key *key) {
    if (key != NULL) {
        rise_secp256k1_free(key->context);
        rise_wipe(key, sizeof *key);
        free(key);
    }
}

rise_key_type rise_key_get_type(const rise_key *key) {
    return key->type;
}

size_t rise_key_public(const rise_key *key, uint8_t public_key[64]) {
    if (key->type == RISE_KEY_P256) {
        memcpy(public_key, key->point + 1, 64);
        return 64;
    }
    memset(public_key, 0, 12);
    memcpy(public_key + 12, key->address, 20);
    return 32;
}

rise_status rise_key_address(const rise_key *key, uint8_t point[65], uint8_t address[20]) {
    if (key->type != RISE_KEY_SECP256K1) {
        return RISE_EUSAGE;
    }
    if (point != NULL) {
        memcpy(point, key->point, 65);
    }
    if (address != NULL) {
        memcpy(address, key->address, 20);
    }
    return RISE_OK;
}

size_t rise_key_sign(const rise_key *key, uint8_t sig[65], const uint8_t digest[32]) {
    if (key->type == RISE_KEY_P256) {
        return rise_p256_sign(sig, key->secret, digest) == RISE_OK ? 64 : 0;
    }
    return rise_secp256k1_sign(key->context, sig, key->secret, digest) == RISE_OK ? 65 : 0;
}

void rise_key_hash(uint8_t hash[32], rise_key_type type, const uint8_t *public_key, size_t len) {
    uint8_t words[64] = { 0 };

    words[31] = (uint8_t)type;
    rise_keccak256(words + 32, public_key, len);
    rise_keccak256(hash, words, sizeof words);
}
