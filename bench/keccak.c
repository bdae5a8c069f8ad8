/* Keccak-256 beside the SHA3-256 of OpenSSL and libgcrypt: the same permutation and rate, another padding. */
#include <string.h>

#include "bench.h"
#ifdef BENCH_OPENSSL
#include <openssl/evp.h>
#endif
#ifdef BENCH_GCRYPT
#include <gcrypt.h>
#endif

#define SIZES 3
static const char *const names[SIZES] = { "keccak_32", "keccak_136", "keccak_1m" };

static struct {
    const uint8_t *data;
    size_t len;
} in[SIZES];

#define WORK(side)                                                                                                    \
    static int side##_32(size_t i) { (void)i; return side(&in[0].data, in[0].len); }                                  \
    static int side##_136(size_t i) { (void)i; return side(&in[1].data, in[1].len); }                                 \
    static int side##_1m(size_t i) { (void)i; return side(&in[2].data, in[2].len); }
#define ADD(side, name)                                                                                               \
    bench_add(L, "keccak 32: " name, side##_32);                                                                      \
    bench_add(L, "keccak 136: " name, side##_136);                                                                    \
    bench_add(L, "keccak 1m: " name, side##_1m)

static int own(const uint8_t **data, size_t len) {
    rise_keccak256(bench_out.bytes, *data, len);
    bench_out.len = 32;
    return 1;
}
WORK(own)

#ifdef BENCH_OPENSSL
/* The algorithm fetched once and the context kept: anything else takes longer than the hash. */
static EVP_MD *sha3;
static EVP_MD_CTX *context;

static int openssl(const uint8_t **data, size_t len) {
    unsigned got = 0;

    return EVP_DigestInit_ex(context, sha3, NULL) && EVP_DigestUpdate(context, *data, len)
        && EVP_DigestFinal_ex(context, bench_out.bytes, &got);
}
WORK(openssl)
#endif

#ifdef BENCH_GCRYPT
static int gcrypt(const uint8_t **data, size_t len) {
    gcry_md_hash_buffer(GCRY_MD_SHA3_256, bench_out.bytes, *data, len);
    return 1;
}
WORK(gcrypt)
#endif

void bench_open_keccak(lua_State *L) {
    int i;

    for (i = 0; i < SIZES; i++) {
        in[i].data = bench_input(L, names[i], &in[i].len);
    }
    ADD(own, "rise");
#ifdef BENCH_OPENSSL
    sha3 = EVP_MD_fetch(NULL, "SHA3-256", NULL);
    context = EVP_MD_CTX_new();
    bench_require(sha3 != NULL && context != NULL, "OpenSSL's SHA3-256");
    ADD(openssl, "OpenSSL");
#endif
#ifdef BENCH_GCRYPT
    bench_require(gcry_check_version(NULL) != NULL, "libgcrypt");
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    ADD(gcrypt, "libgcrypt");
#endif
}
