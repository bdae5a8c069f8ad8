/* Differential test: random keys and digests through p256.c, OpenSSL and BearSSL.
 *
 *     diff_p256 [count [seed]]        1,000 and a seed of the clock's where none is given
 *
 * For each: the public key is the same three times; the signature is BearSSL's (RFC 6979) once its s is low;
 * OpenSSL takes our signature and we take OpenSSL's with its s made low; every verifier refuses it with a
 * bit changed. All ways that detection could choose from take turns. Keys and digests are sparse now and
 * then: long runs of zeros and ones find carries that uniform bits hardly ever make. Ends at the first
 * disagreement with what led there. */
#define OPENSSL_API_COMPAT 0x10100000L
#ifndef RISE_P256_PLAIN
#define RISE_P256_PLAIN_TOO
#endif
#include "../core/p256.c"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t state;
static unsigned long long done, seed;
static uint8_t secret[32], digest[32];

static uint64_t random64(void) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1d;
}

/* Uniform bytes, or runs of equal bits between a few random places. */
static void random_number(uint8_t bytes[32]) {
    const uint64_t how = random64() >> 61;
    int i, bit = 0;

    if (how < 5) {
        for (i = 0; i < 32; i++) {
            bytes[i] = (uint8_t)(random64() >> 56);
        }
        return;
    }
    memset(bytes, 0, 32);
    for (i = 0; i < 256; i++) {
        bit ^= (random64() >> 32) % (how == 5 ? 8 : how == 6 ? 40 : 120) == 0;
        bytes[i / 8] |= (uint8_t)(bit << i % 8);
    }
}

static void require(int good, const char *what) {
    int i;

    if (good) {
        return;
    }
    printf("number %llu with seed %llu: %s\nsecret ", done, seed, what);
    for (i = 0; i < 64; i++) {
        printf("%02x%s", i < 32 ? secret[i] : digest[i - 32], i == 31 ? "\ndigest " : "");
    }
    printf("\n");
    exit(1);
}

static int bearssl_verify(const uint8_t public_key[64], const uint8_t sig[64]) {
    uint8_t point[65];
    br_ec_public_key key;

    point[0] = 4;
    memcpy(point + 1, public_key, 64);
    key.curve = BR_EC_secp256r1;
    key.q = point;
    key.qlen = sizeof point;
    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest, 32, &key, sig, 64) == 1;
}

static int openssl_verify(EC_KEY *key, const uint8_t sig[64]) {
    ECDSA_SIG *parsed = ECDSA_SIG_new();
    int good = ECDSA_SIG_set0(parsed, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL))
            && ECDSA_do_verify(digest, 32, parsed, key) == 1;

    ECDSA_SIG_free(parsed);
    return good;
}

int main(int argc, char **argv) {
    const unsigned long long count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
    const EC_GROUP *const group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BN_CTX *const context = BN_CTX_new();
    EC_POINT *const point = EC_POINT_new(group);
    unsigned ways[16], way_count = 0, i;

    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (unsigned long long)time(NULL);
    state = seed * 0x9e3779b97f4a7c15 + 1;
    for (i = 0; i < 16; i++) {
        const unsigned cpu = CPU_ASKED | (i & 1 ? CPU_AVX2 : 0) | (i & 2 ? CPU_SHA : 0) | (i & 4 ? CPU_ADX : 0)
                           | (i & 8 ? CPU_PLAIN : 0);

        if ((cpu & ~(cpu_features() | (X86 ? CPU_PLAIN : 0))) == 0) {
            ways[way_count++] = cpu;
        }
    }
    while (done < count) {
        const unsigned cpu = ways[done % way_count], flip = (unsigned)(random64() % 512);
        uint8_t public_key[64], sig[64], other[65];
        br_ec_private_key bear;
        EC_KEY *key;
        ECDSA_SIG *made;
        const BIGNUM *r, *s;
        BIGNUM *number;
        uint64_t limbs[4];

        random_number(digest);
        do {
            random_number(secret);
            load4(limbs, secret);
        } while (mask_if_in_range(limbs) == 0);

        require(public_with(public_key, secret, cpu) == RISE_OK, "no public key");
        require(br_ec_p256_m31.mulgen(other, secret, 32, BR_EC_secp256r1) == 65
                && memcmp(other + 1, public_key, 64) == 0, "BearSSL has another public key");
        number = BN_bin2bn(secret, 32, NULL);
        key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
        require(EC_POINT_mul(group, point, number, NULL, NULL, context) && EC_KEY_set_private_key(key, number)
                && EC_KEY_set_public_key(key, point), "OpenSSL cannot make the key");
        require(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, other, 65, context) == 65
                && memcmp(other + 1, public_key, 64) == 0, "OpenSSL has another public key");

        require(sign_with(sig, secret, digest, cpu) == RISE_OK, "no signature");
        bear.curve = BR_EC_secp256r1;
        bear.x = secret;
        bear.xlen = 32;
        require(br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, digest, &bear, other) == 64, "BearSSL fails");
        rise_p256_low_s(other);
        require(memcmp(other, sig, 64) == 0, "BearSSL has another signature");
        require(verify_with(public_key, digest, sig, cpu) == RISE_OK, "our own signature is refused");
        require(openssl_verify(key, sig), "OpenSSL refuses our signature");

        made = ECDSA_do_sign(digest, 32, key);
        require(made != NULL, "OpenSSL does not sign");
        ECDSA_SIG_get0(made, &r, &s);
        require(BN_bn2binpad(r, other, 32) == 32 && BN_bn2binpad(s, other + 32, 32) == 32, "numbers of OpenSSL's");
        rise_p256_low_s(other);
        require(verify_with(public_key, digest, other, cpu) == RISE_OK, "OpenSSL's signature is refused");
        ECDSA_SIG_free(made);

        /* A changed bit in r or s; s may become high, which only we refuse. */
        sig[flip / 8] ^= (uint8_t)(1 << flip % 8);
        require(verify_with(public_key, digest, sig, cpu) == RISE_ESIGNATURE, "a changed signature is accepted");
        require(!openssl_verify(key, sig), "OpenSSL accepts a changed signature");
        if (done % 64 == 0) {
            require(!bearssl_verify(public_key, sig), "BearSSL accepts a changed signature");
            sig[flip / 8] ^= (uint8_t)(1 << flip % 8);
            /* BearSSL does not add a multiple of zero. */
            load4(limbs, digest);
            reduce_once(limbs, limbs, 0, order);
            require(mask_if_zero4(limbs) != 0 || bearssl_verify(public_key, sig), "BearSSL refuses our signature");
        }
        BN_free(number);
        EC_KEY_free(key);
        done++;
    }
    printf("%llu keys and digests with seed %llu in %u ways: no disagreement\n", done, seed, way_count);
    EC_POINT_free(point);
    BN_CTX_free(context);
    EC_GROUP_free((EC_GROUP *)(uintptr_t)group);
    return 0;
}
