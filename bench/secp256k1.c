/* secp256k1 beside the library that it is linked from, called directly for the same bytes. */
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <string.h>

#include "bench.h"

#define KEYS 16

static struct {
    rise_key *key[KEYS];
    const uint8_t *secret[KEYS], *digest[KEYS], *sig[KEYS];
    secp256k1_context *context;
} in;

static int sign_rise(size_t i) {
    bench_out.len = rise_key_sign(in.key[i % KEYS], bench_out.bytes, in.digest[i % KEYS]);
    return bench_out.len == 65;
}

static int recover_rise(size_t i) {
    bench_out.len = 65;
    return rise_secp256k1_recover(bench_out.bytes, NULL, in.digest[i % KEYS], in.sig[i % KEYS]) == RISE_OK;
}

static int sign_direct(size_t i) {
    secp256k1_ecdsa_recoverable_signature sig;
    int parity;

    if (!secp256k1_ecdsa_sign_recoverable(in.context, &sig, in.digest[i % KEYS], in.secret[i % KEYS], NULL, NULL)) {
        return 0;
    }
    secp256k1_ecdsa_recoverable_signature_serialize_compact(in.context, bench_out.bytes, &parity, &sig);
    bench_out.bytes[64] = (uint8_t)(27 + parity);
    bench_out.len = 65;
    return 1;
}

static int recover_direct(size_t i) {
    secp256k1_ecdsa_recoverable_signature sig;
    secp256k1_pubkey point;

    bench_out.len = 65;
    return secp256k1_ecdsa_recoverable_signature_parse_compact(in.context, &sig, in.sig[i % KEYS],
                                                               in.sig[i % KEYS][64] - 27)
        && secp256k1_ecdsa_recover(in.context, &point, &sig, in.digest[i % KEYS])
        && secp256k1_ec_pubkey_serialize(in.context, bench_out.bytes, &bench_out.len, &point,
                                         SECP256K1_EC_UNCOMPRESSED);
}

void bench_open_secp256k1(lua_State *L) {
    uint8_t seed[32];
    int i;

    in.context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    bench_require(rise_random(seed, 32, NULL) == RISE_OK && secp256k1_context_randomize(in.context, seed), "a context");
    for (i = 0; i < KEYS; i++) {
        in.secret[i] = bench_input_at(L, "k1_secret", i + 1, 32);
        in.digest[i] = bench_input_at(L, "k1_digest", i + 1, 32);
        in.sig[i] = bench_input_at(L, "k1_sig", i + 1, 65);
        bench_require(rise_key_import(&in.key[i], RISE_KEY_SECP256K1, in.secret[i]) == RISE_OK, "a key");
    }
    bench_add(L, "secp256k1 sign: rise", sign_rise);
    bench_add(L, "secp256k1 recover: rise", recover_rise);
    bench_add(L, "secp256k1 sign: libsecp256k1", sign_direct);
    bench_add(L, "secp256k1 recover: libsecp256k1", recover_direct);
}
