/* What the files of the core share among themselves; no part of the public interface. */
#ifndef RISE_CORE_H
#define RISE_CORE_H

#include "rise.h"

/* Fills `error` (NULL is fine) with the code and the three texts one after the other, cut to what fits. Returns `code`,
 * so that a failure is one line where it happens. */
rise_status rise_fail(rise_error *error, rise_status code, const char *what, const char *which, const char *why);

/* Overwrites 8 KiB of the stack below the caller's frame: more than the libraries take of it whose functions are given
 * secrets (about 3 KiB). They clear what they know to be secret, but neither BearSSL's numbers nor the copies that
 * compilers keep there (of z + r d while signing, from which the key can be computed) are cleared by them. */
void rise_wipe_stack(void);

/* Big-endian words, compiled to single loads and stores where the machine has them. */
static inline uint64_t rise_load_be64(const uint8_t *p) {
    return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 | (uint64_t)p[3] << 32
         | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 | (uint64_t)p[6] << 8 | (uint64_t)p[7];
}

static inline void rise_store_be64(uint8_t *p, uint64_t x) {
    p[0] = (uint8_t)(x >> 56);
    p[1] = (uint8_t)(x >> 48);
    p[2] = (uint8_t)(x >> 40);
    p[3] = (uint8_t)(x >> 32);
    p[4] = (uint8_t)(x >> 24);
    p[5] = (uint8_t)(x >> 16);
    p[6] = (uint8_t)(x >> 8);
    p[7] = (uint8_t)x;
}

/* Signing state of libsecp256k1, blinded with random bytes. It belongs to a key, so that nothing is shared between
 * threads and nothing is global. RISE_ENOMEM; missing entropy only means no blinding, which is a second line of
 * defence behind code that is constant-time already. */
typedef struct rise_secp256k1 rise_secp256k1;
rise_status rise_secp256k1_new(rise_secp256k1 **out, const rise_entropy *entropy);
void rise_secp256k1_free(rise_secp256k1 *context);
/* RISE_EKEY: secret is 0 or not below the group order. */
rise_status rise_secp256k1_public(const rise_secp256k1 *context, uint8_t public_key[65], const uint8_t secret[32]);
/* r || s || v, v 27 or 28, s in the lower half, nonce of RFC 6979. RISE_EKEY as above. */
rise_status rise_secp256k1_sign(const rise_secp256k1 *context, uint8_t sig[65], const uint8_t secret[32],
                                const uint8_t digest[32]);
/* The last 20 bytes of the hash of x || y. */
void rise_secp256k1_address(uint8_t address[20], const uint8_t public_key[65]);

/* RLP lists of a few short items, for hashes that must not fail for want of memory. Each writes one item at `out` and
 * returns how many bytes that took: at most 1 + len; at most 9. `len` is below 56. */
size_t rise_rlp_put_bytes(uint8_t *out, const uint8_t *data, size_t len);
size_t rise_rlp_put_u64(uint8_t *out, uint64_t number);

#endif
