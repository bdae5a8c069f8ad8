/* ECDSA on P-256 over BearSSL: constant-time, slow, on every machine. */
#include <bearssl.h>
#include <string.h>

#include "core.h"

/* The group order and half of it, rounded down: the highest s an account contract takes. */
static const uint8_t order[32] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};
static const uint8_t half_order[32] = {
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
};

/* out = a - b over 32 bytes; returns the borrow. No branch on the contents; `out` may be an input. */
static unsigned subtract(uint8_t out[32], const uint8_t a[32], const uint8_t b[32]) {
    unsigned borrow = 0;
    int i;

    for (i = 31; i >= 0; i--) {
        unsigned x = (unsigned)a[i] - b[i] - borrow;
        out[i] = (uint8_t)x;
        borrow = x >> 8 & 1;
    }
    return borrow;
}

/* 1 when 0 < a < order, in constant time. */
static unsigned in_range(const uint8_t a[32]) {
    uint8_t rest[32];
    unsigned below = subtract(rest, a, order);
    unsigned any = 0;
    int i;

    for (i = 0; i < 32; i++) {
        any |= a[i];
    }
    rise_wipe(rest, sizeof rest);
    return below & ((0u - any) >> 8 & 1);
}

static unsigned is_high(const uint8_t s[32]) {
    uint8_t rest[32];

    return subtract(rest, half_order, s);
}

rise_status rise_p256_public(uint8_t public_key[64], const uint8_t secret[32]) {
    uint8_t copy[32];
    uint8_t point[BR_EC_KBUF_PUB_MAX_SIZE];
    br_ec_private_key key;
    rise_status status = RISE_EKEY;

    if (!in_range(secret)) {
        return RISE_EKEY;
    }
    memcpy(copy, secret, 32);
    key.curve = BR_EC_secp256r1;
    key.x = copy;
    key.xlen = 32;
    if (br_ec_compute_pub(&br_ec_p256_m31, NULL, point, &key) == 65) {
        memcpy(public_key, point + 1, 64);
        status = RISE_OK;
    }
    rise_wipe_stack();
    rise_wipe(copy, sizeof copy);
    return status;
}

void rise_p256_low_s(uint8_t sig[64]) {
    uint8_t lower[32];
    /* What is not below the order is no s and stays as it is. */
    uint8_t mask = (uint8_t)(0u - (subtract(lower, sig + 32, order) & is_high(sig + 32)));
    int i;

    (void)subtract(lower, order, sig + 32);
    for (i = 0; i < 32; i++) {
        sig[32 + i] = (uint8_t)((lower[i] & mask) | (sig[32 + i] & ~mask));
    }
}

rise_status rise_p256_sign(uint8_t sig[64], const uint8_t secret[32], const uint8_t digest[32]) {
    uint8_t copy[32];
    br_ec_private_key key;
    rise_status status = RISE_EKEY;

    if (!in_range(secret)) {
        return RISE_EKEY;
    }
    memcpy(copy, secret, 32);
    key.curve = BR_EC_secp256r1;
    key.x = copy;
    key.xlen = 32;
    /* The nonce is that of RFC 6979 with the hash named here; the digest itself is not hashed again. */
    if (br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, digest, &key, sig) == 64) {
        rise_p256_low_s(sig);
        status = RISE_OK;
    }
    rise_wipe_stack();
    rise_wipe(copy, sizeof copy);
    return status;
}

/* A digest of 0 (mod the order) asks for 0 * G + u * Q, and BearSSL does not add a multiple of zero. The same signature
 * is valid for the digest t * r and the key Q - t * G; so move both by t = 1, or by t = -1 where Q - G is no point
 * because Q is G. */
static uint32_t verify_zero(const uint8_t point[65], const uint8_t sig[64]) {
    static const uint8_t one[1] = { 1 };
    uint8_t scalar[32], digest[32], moved[65];
    br_ec_public_key key;

    memcpy(moved, point, 65);
    memcpy(digest, sig, 32);
    memcpy(scalar, order, 32);
    scalar[31]--;
    if (!br_ec_p256_m31.muladd(moved, NULL, 65, one, 1, scalar, 32, BR_EC_secp256r1)) {
        memcpy(moved, point, 65);
        (void)subtract(digest, order, sig);
        if (!br_ec_p256_m31.muladd(moved, NULL, 65, one, 1, one, 1, BR_EC_secp256r1)) {
            return 0;
        }
    }
    key.curve = BR_EC_secp256r1;
    key.q = moved;
    key.qlen = 65;
    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest, 32, &key, sig, 64);
}

static uint32_t verify(const uint8_t point[65], const uint8_t digest[32], const uint8_t sig[64]) {
    static const uint8_t zero[32] = { 0 };
    uint8_t copy[65];
    br_ec_public_key key;

    if (memcmp(digest, zero, 32) == 0 || memcmp(digest, order, 32) == 0) {
        return verify_zero(point, sig);
    }
    memcpy(copy, point, 65);
    key.curve = BR_EC_secp256r1;
    key.q = copy;
    key.qlen = 65;
    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest, 32, &key, sig, 64);
}

rise_status rise_p256_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t sig[64]) {
    static const uint8_t one[1] = { 1 };
    uint8_t point[65];

    point[0] = 0x04;
    memcpy(point + 1, public_key, 64);
    if (in_range(sig) && in_range(sig + 32) && !is_high(sig + 32) && verify(point, digest, sig)) {
        return RISE_OK;
    }
    /* BearSSL does not say what was wrong; multiplying by 1 tells whether it is a point of the curve. */
    return br_ec_p256_m31.mul(point, 65, one, 1, BR_EC_secp256r1) ? RISE_ESIGNATURE : RISE_EKEY;
}
