/* SHA-256, BearSSL's. */
#include <bearssl.h>

#include "core.h"

void rise_sha256(uint8_t hash[32], const void *data, size_t len) {
    br_sha256_context context;

    br_sha256_init(&context);
    br_sha256_update(&context, data, len);
    br_sha256_out(&context, hash);
    rise_wipe(&context, sizeof context);
}
