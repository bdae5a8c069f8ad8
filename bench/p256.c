/* P-256 beside OpenSSL and BearSSL: signatures, public keys, verification. */
#define OPENSSL_API_COMPAT 0x10100000L
#include <bearssl.h>
#include <string.h>

#include "bench.h"
#include "p256_variants.h"
#ifdef BENCH_OPENSSL
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#endif

#define KEYS 16

static struct {
    const uint8_t *secret[KEYS], *digest[KEYS], *public_key[KEYS], *sig[KEYS];
} in;

static void give(size_t len) {
    bench_out.len = len;
}

#define OWN(name, prefix)                                                                                             \
    static int sign_##name(size_t i) {                                                                                \
        give(64);                                                                                                     \
        return prefix##_sign(bench_out.bytes, in.secret[i % KEYS], in.digest[i % KEYS]) == RISE_OK;                   \
    }                                                                                                                 \
    static int public_##name(size_t i) {                                                                              \
        give(64);                                                                                                     \
        return prefix##_public(bench_out.bytes, in.secret[i % KEYS]) == RISE_OK;                                      \
    }                                                                                                                 \
    static int verify_##name(size_t i) {                                                                              \
        return prefix##_verify(in.public_key[i % KEYS], in.digest[i % KEYS], in.sig[i % KEYS]) == RISE_OK;            \
    }
#define ADD(name, label)                                                                                              \
    bench_add(L, "p256 sign: " label, sign_##name);                                                                   \
    bench_add(L, "p256 public: " label, public_##name);                                                               \
    bench_add(L, "p256 verify: " label, verify_##name)

OWN(rise, rise_p256)
#ifdef BENCH_VARIANTS
#ifdef __x86_64__
OWN(least, least)
#endif
OWN(plain, plain)
#endif

#ifdef BENCH_OPENSSL
/* By the shortest way, the functions under the deprecated EC_KEY interface; EVP adds to these. Nonces are random, so
 * there is no signature to compare. */
static struct {
    const EC_GROUP *group;
    EC_KEY *key[KEYS];
    ECDSA_SIG *sig[KEYS];
    BIGNUM *secret[KEYS], *x, *y;
    EC_POINT *point;
    BN_CTX *context;
} ossl;

static void start_openssl(void) {
    size_t i;

    ossl.group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    ossl.context = BN_CTX_new();
    ossl.x = BN_new();
    ossl.y = BN_new();
    ossl.point = EC_POINT_new(ossl.group);
    for (i = 0; i < KEYS; i++) {
        ossl.secret[i] = BN_bin2bn(in.secret[i], 32, NULL);
        ossl.key[i] = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
        bench_require(EC_POINT_mul(ossl.group, ossl.point, ossl.secret[i], NULL, NULL, ossl.context)
                    && EC_KEY_set_private_key(ossl.key[i], ossl.secret[i])
                    && EC_KEY_set_public_key(ossl.key[i], ossl.point), "a key of OpenSSL");
        ossl.sig[i] = ECDSA_SIG_new();
        bench_require(ECDSA_SIG_set0(ossl.sig[i], BN_bin2bn(in.sig[i], 32, NULL), BN_bin2bn(in.sig[i] + 32, 32, NULL)),
              "a signature of OpenSSL");
    }
}

static int sign_openssl(size_t i) {
    ECDSA_SIG *sig = ECDSA_do_sign(in.digest[i % KEYS], 32, ossl.key[i % KEYS]);
    int good = sig != NULL
        && BN_bn2binpad(ECDSA_SIG_get0_r(sig), bench_out.bytes, 32) == 32
        && BN_bn2binpad(ECDSA_SIG_get0_s(sig), bench_out.bytes + 32, 32) == 32;

    ECDSA_SIG_free(sig);
    return good;
}

static int public_openssl(size_t i) {
    give(64);
    return EC_POINT_mul(ossl.group, ossl.point, ossl.secret[i % KEYS], NULL, NULL, ossl.context)
        && EC_POINT_get_affine_coordinates(ossl.group, ossl.point, ossl.x, ossl.y, ossl.context)
        && BN_bn2binpad(ossl.x, bench_out.bytes, 32) == 32 && BN_bn2binpad(ossl.y, bench_out.bytes + 32, 32) == 32;
}

static int verify_openssl(size_t i) {
    return ECDSA_do_verify(in.digest[i % KEYS], 32, ossl.sig[i % KEYS], ossl.key[i % KEYS]) == 1;
}
#endif

/* Its fastest for this curve in the releases that are packaged. The s it gives may be the high one. */
static int sign_bearssl(size_t i) {
    br_ec_private_key key;

    key.curve = BR_EC_secp256r1;
    key.x = (unsigned char *)(uintptr_t)in.secret[i % KEYS];
    key.xlen = 32;
    if (br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, in.digest[i % KEYS], &key, bench_out.bytes) != 64) {
        return 0;
    }
    give(64);
    rise_p256_low_s(bench_out.bytes);
    return 1;
}

static int public_bearssl(size_t i) {
    uint8_t point[65];

    if (br_ec_p256_m31.mulgen(point, in.secret[i % KEYS], 32, BR_EC_secp256r1) != 65) {
        return 0;
    }
    memcpy(bench_out.bytes, point + 1, 64);
    give(64);
    return 1;
}

static int verify_bearssl(size_t i) {
    uint8_t point[65];
    br_ec_public_key key;

    point[0] = 4;
    memcpy(point + 1, in.public_key[i % KEYS], 64);
    key.curve = BR_EC_secp256r1;
    key.q = point;
    key.qlen = 65;
    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, in.digest[i % KEYS], 32, &key, in.sig[i % KEYS], 64) == 1;
}

void bench_open_p256(lua_State *L) {
    int i;

    for (i = 0; i < KEYS; i++) {
        in.secret[i] = bench_input_at(L, "p256_secret", i + 1, 32);
        in.digest[i] = bench_input_at(L, "p256_digest", i + 1, 32);
        in.public_key[i] = bench_input_at(L, "p256_public", i + 1, 64);
        in.sig[i] = bench_input_at(L, "p256_sig", i + 1, 64);
    }
    ADD(rise, "rise");
#ifdef BENCH_VARIANTS
#ifdef __x86_64__
    ADD(least, "least");
#endif
    ADD(plain, "plain");
#endif
#ifdef BENCH_OPENSSL
    start_openssl();
    ADD(openssl, "OpenSSL");
#endif
    ADD(bearssl, "BearSSL");
}
