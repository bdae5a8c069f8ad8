/* ECDSA on P-256: RFC 6979 A.2.5 (its first s is high and normalised here), the generator of SEC 2. */
#include "check.h"

static const char ORDER[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
static const char HALF[] = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8";
static const char HALF_PLUS_1[] = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9";

static void rfc6979(void) {
    static const struct {
        const char *message;
        const char *sig;
    } known[] = {
        { "sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                    "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9" },
        { "test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
                  "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083" },
    };
    uint8_t secret[32], public_key[64], digest[32], sig[64];
    size_t i;

    read_hex(secret, 32, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    CHECK(rise_p256_public(public_key, secret) == RISE_OK);
    CHECK_HEX(public_key, 64, "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                              "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    for (i = 0; i < 2; i++) {
        rise_sha256(digest, known[i].message, strlen(known[i].message));
        CHECK(rise_p256_sign(sig, secret, digest) == RISE_OK);
        CHECK_HEX(sig, 64, known[i].sig);
        CHECK(rise_p256_verify(public_key, digest, sig) == RISE_OK);
    }
}

/* A digest of 0, or of the order, takes the generator's part out of the equation; keys 1 and order - 1 are the
 * generator and its mirror image. */
static void digests_that_are_zero(void) {
    uint8_t secret[32] = { 0 }, public_key[64], digest[32], sig[64];
    int key, which;

    for (key = 0; key < 3; key++) {
        if (key == 2) {
            read_hex(secret, 32, ORDER);
            secret[31]--;
        } else {
            secret[31] = (uint8_t)(1 + key * 6);
        }
        CHECK(rise_p256_public(public_key, secret) == RISE_OK);
        for (which = 0; which < 2; which++) {
            memset(digest, 0, 32);
            if (which == 1) {
                read_hex(digest, 32, ORDER);
            }
            CHECK(rise_p256_sign(sig, secret, digest) == RISE_OK);
            CHECK(rise_p256_verify(public_key, digest, sig) == RISE_OK);
            sig[40] ^= 1;
            CHECK(rise_p256_verify(public_key, digest, sig) == RISE_ESIGNATURE);
        }
    }
    memset(secret, 0, 32);
    secret[31] = 1;
    memset(digest, 0, 32);
    CHECK(rise_p256_sign(sig, secret, digest) == RISE_OK);
    CHECK_HEX(sig, 64, "0e6b3bb68d65aa645104de3abb94cbc6f568e2d55ea511d0e6d300e177002159"
                       "167afc0b518bd63853ccc1b5292e27024c557c8924ca3dec81d59651b9021794");
}

static void secrets_lie_between_0_and_the_order(void) {
    uint8_t secret[32] = { 0 }, public_key[64], sig[64];
    static const uint8_t digest[32] = { 1 };

    CHECK(rise_p256_public(public_key, secret) == RISE_EKEY);
    CHECK(rise_p256_sign(sig, secret, digest) == RISE_EKEY);
    secret[31] = 1;
    CHECK(rise_p256_public(public_key, secret) == RISE_OK);
    CHECK_HEX(public_key, 64, "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                              "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
    read_hex(secret, 32, ORDER);
    CHECK(rise_p256_public(public_key, secret) == RISE_EKEY);
    CHECK(rise_p256_sign(sig, secret, digest) == RISE_EKEY);
    secret[31]--; /* order - 1: the generator's mirror image */
    CHECK(rise_p256_public(public_key, secret) == RISE_OK);
    CHECK_HEX(public_key, 64, "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                              "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a");
    memset(secret, 0xff, 32);
    CHECK(rise_p256_sign(sig, secret, digest) == RISE_EKEY);
}

static void low_s(void) {
    uint8_t sig[64] = { 0 };

    read_hex(sig + 32, 32, HALF);
    rise_p256_low_s(sig);
    CHECK_HEX(sig + 32, 32, HALF);
    read_hex(sig + 32, 32, HALF_PLUS_1);
    rise_p256_low_s(sig);
    CHECK_HEX(sig + 32, 32, HALF);
    read_hex(sig + 32, 32, ORDER);
    sig[63]--;
    rise_p256_low_s(sig);
    CHECK_HEX(sig + 32, 32, "0000000000000000000000000000000000000000000000000000000000000001");
    /* What is no scalar is left alone. */
    read_hex(sig + 32, 32, ORDER);
    rise_p256_low_s(sig);
    CHECK_HEX(sig + 32, 32, ORDER);
    memset(sig + 32, 0, 32);
    rise_p256_low_s(sig);
    CHECK_HEX(sig + 32, 32, "0000000000000000000000000000000000000000000000000000000000000000");
}

/* order - x, to make the high s of a signature. */
static void mirror(uint8_t x[32]) {
    uint8_t order[32];
    rise_u256 a, b;

    read_hex(order, 32, ORDER);
    rise_u256_from_bytes(&a, order);
    rise_u256_from_bytes(&b, x);
    CHECK(rise_u256_sub(&a, &a, &b) == RISE_OK);
    rise_u256_to_bytes(x, &a);
}

static void refuses(void) {
    uint8_t secret[32] = { 0 }, public_key[64], digest[32] = { 7 }, sig[64], bad[64];
    int i;

    secret[31] = 42;
    CHECK(rise_p256_public(public_key, secret) == RISE_OK);
    CHECK(rise_p256_sign(sig, secret, digest) == RISE_OK);
    CHECK(rise_p256_verify(public_key, digest, sig) == RISE_OK);

    memcpy(bad, sig, 64);
    mirror(bad + 32);
    CHECK(rise_p256_verify(public_key, digest, bad) == RISE_ESIGNATURE);
    rise_p256_low_s(bad);
    CHECK(memcmp(bad, sig, 64) == 0);

    for (i = 0; i < 64; i += 7) {
        memcpy(bad, sig, 64);
        bad[i] ^= 1;
        CHECK(rise_p256_verify(public_key, digest, bad) == RISE_ESIGNATURE);
    }
    digest[31] ^= 1;
    CHECK(rise_p256_verify(public_key, digest, sig) == RISE_ESIGNATURE);
    digest[31] ^= 1;

    /* r or s of 0, and r beyond the order */
    memcpy(bad, sig, 64);
    memset(bad, 0, 32);
    CHECK(rise_p256_verify(public_key, digest, bad) == RISE_ESIGNATURE);
    read_hex(bad, 32, ORDER);
    CHECK(rise_p256_verify(public_key, digest, bad) == RISE_ESIGNATURE);
    memcpy(bad, sig, 64);
    memset(bad + 32, 0, 32);
    CHECK(rise_p256_verify(public_key, digest, bad) == RISE_ESIGNATURE);

    /* not on the curve; 0, 0; a coordinate of the field's size */
    memcpy(bad, public_key, 64);
    bad[63] ^= 1;
    CHECK(rise_p256_verify(bad, digest, sig) == RISE_EKEY);
    memset(bad, 0, 64);
    CHECK(rise_p256_verify(bad, digest, sig) == RISE_EKEY);
    memset(bad, 0xff, 64);
    CHECK(rise_p256_verify(bad, digest, sig) == RISE_EKEY);
}

int main(void) {
    rfc6979();
    digests_that_are_zero();
    secrets_lie_between_0_and_the_order();
    low_s();
    refuses();
    return 0;
}
