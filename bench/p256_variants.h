/* What p256_variants.c has: "least" is for x86-64 without MULX, ADX, AVX2 and SHA; "plain" is C for any machine. */
#ifndef RISE_BENCH_P256_VARIANTS_H
#define RISE_BENCH_P256_VARIANTS_H

#include "rise.h"

rise_status least_public(uint8_t public_key[64], const uint8_t secret[32]);
rise_status least_sign(uint8_t sig[64], const uint8_t secret[32], const uint8_t digest[32]);
rise_status least_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t sig[64]);

rise_status plain_public(uint8_t public_key[64], const uint8_t secret[32]);
rise_status plain_sign(uint8_t sig[64], const uint8_t secret[32], const uint8_t digest[32]);
rise_status plain_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t sig[64]);

#endif
