/* P-256 as processors run it that have less than this one: what detection at run time would choose from. The file with
 * the code is included, under other names, since the choice is not part of any interface. */
#define rise_p256_public bench_p256_public
#define rise_p256_sign bench_p256_sign
#define rise_p256_verify bench_p256_verify
#define rise_p256_low_s bench_p256_low_s
#define RISE_P256_PLAIN_TOO
#include "../csrc/core/p256.c"

#include "p256_variants.h"

#define VARIANT(name, cpu)                                                                                            \
    rise_status name##_public(uint8_t public_key[64], const uint8_t secret[32]) {                                     \
        return public_with(public_key, secret, cpu);                                                                  \
    }                                                                                                                 \
    rise_status name##_sign(uint8_t sig[64], const uint8_t secret[32], const uint8_t digest[32]) {                    \
        return sign_with(sig, secret, digest, cpu);                                                                   \
    }                                                                                                                 \
    rise_status name##_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t sig[64]) {        \
        return verify_with(public_key, digest, sig, cpu);                                                             \
    }

#if X86
VARIANT(least, CPU_ASKED)
#endif
VARIANT(plain, CPU_ASKED | CPU_PLAIN)
