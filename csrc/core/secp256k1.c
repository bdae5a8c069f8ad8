/* Recoverable ECDSA over libsecp256k1. Its contexts are created in memory of ours: its own allocation would abort
 * the program when there is none. No argument given here can reach its illegal-argument callback. */
#include <secp256k1.h>
#include <secp256k1_preallocated.h>
#include <secp256k1_recovery.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

struct rise_secp256k1 {
    secp256k1_context *context;
    void *memory;
    size_t size;
};

rise_status rise_secp256k1_new(rise_secp256k1 **out, const rise_entropy *entropy) {
    uint8_t seed[32];
    rise_secp256k1 *self;

    *out = NULL;
    self = malloc(sizeof *self);
    if (self == NULL) {
        return RISE_ENOMEM;
    }
    self->size = secp256k1_context_preallocated_size(SECP256K1_CONTEXT_NONE);
    self->memory = malloc(self->size);
    if (self->memory == NULL) {
        free(self);
        return RISE_ENOMEM;
    }
    self->context = secp256k1_context_preallocated_create(self->memory, SECP256K1_CONTEXT_NONE);
    if (rise_random(seed, sizeof seed, entropy) == RISE_OK) {
        int blinded = secp256k1_context_randomize(self->context, seed);
        (void)blinded; /* it cannot fail on a context of our own, and an unblinded one signs the same */
        rise_wipe_stack();
    }
    rise_wipe(seed, sizeof seed);
    *out = self;
    return RISE_OK;
}

void rise_secp256k1_free(rise_secp256k1 *self) {
    if (self != NULL) {
        secp256k1_context_preallocated_destroy(self->context);
        rise_wipe(self->memory, self->size);
        free(self->memory);
        free(self);
    }
}

static void serialize(uint8_t public_key[65], const secp256k1_context *context, const secp256k1_pubkey *point) {
    size_t len = 65;

    (void)secp256k1_ec_pubkey_serialize(context, public_key, &len, point, SECP256K1_EC_UNCOMPRESSED);
}

rise_status rise_secp256k1_public(const rise_secp256k1 *self, uint8_t public_key[65], const uint8_t secret[32]) {
    secp256k1_pubkey point;
    int made = secp256k1_ec_pubkey_create(self->context, &point, secret);

    rise_wipe_stack();
    if (made != 1) {
        return RISE_EKEY;
    }
    serialize(public_key, self->context, &point);
    return RISE_OK;
}

rise_status rise_secp256k1_sign(const rise_secp256k1 *self, uint8_t sig[65], const uint8_t secret[32],
                                const uint8_t digest[32]) {
    secp256k1_ecdsa_recoverable_signature signature;
    int parity = 0;
    int made = secp256k1_ecdsa_sign_recoverable(self->context, &signature, digest, secret, NULL, NULL);

    rise_wipe_stack();
    if (made != 1) {
        return RISE_EKEY;
    }
    (void)secp256k1_ecdsa_recoverable_signature_serialize_compact(self->context, sig, &parity, &signature);
    sig[64] = (uint8_t)(27 + parity);
    return RISE_OK;
}

void rise_secp256k1_address(uint8_t address[20], const uint8_t public_key[65]) {
    uint8_t hash[32];

    rise_keccak256(hash, public_key + 1, 64);
    memcpy(address, hash + 12, 20);
}

rise_status rise_secp256k1_recover(uint8_t public_key[65], uint8_t address[20], const uint8_t digest[32],
                                   const uint8_t sig[65]) {
    const secp256k1_context *context = secp256k1_context_static;
    secp256k1_ecdsa_recoverable_signature signature;
    secp256k1_pubkey point;
    uint8_t bytes[65];
    int parity = sig[64] >= 27 ? sig[64] - 27 : sig[64];

    if (parity > 1
        || secp256k1_ecdsa_recoverable_signature_parse_compact(context, &signature, sig, parity) != 1
        || secp256k1_ecdsa_recover(context, &point, &signature, digest) != 1) {
        return RISE_ESIGNATURE;
    }
    serialize(bytes, context, &point);
    if (public_key != NULL) {
        memcpy(public_key, bytes, 65);
    }
    if (address != NULL) {
        rise_secp256k1_address(address, bytes);
    }
    return RISE_OK;
}
