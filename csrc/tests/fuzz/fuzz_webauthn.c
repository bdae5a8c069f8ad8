/* WebAuthn assertions: what is taken is what the account contract's rule takes, written down once more here on numbers
 * of 256 bits, as the contract computes with them. Where all but the signature is right, that is made good first. */
#include "fuzz.h"

static const uint8_t secret[32] = { 7 };
static const uint8_t digest[32] = { 0 };
static const char challenge[] = "\"challenge\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
static const char type[] = "\"type\":\"webauthn.get\"";

/* a + b, and whether it is at most `most`. */
static int sum(size_t *out, const uint8_t *word, size_t b, size_t most) {
    rise_u256 x, y, limit;
    uint8_t bytes[32];
    size_t i;

    rise_u256_from_bytes(&x, word);
    rise_u256_from_u64(&y, b);
    rise_u256_from_u64(&limit, most);
    if (rise_u256_add(&x, &x, &y) != RISE_OK || rise_u256_compare(&x, &limit) > 0) {
        return 0;
    }
    rise_u256_to_bytes(bytes, &x);
    for (*out = 0, i = 24; i < 32; i++) {
        *out = *out << 8 | bytes[i];
    }
    return 1;
}

/* A length and its bytes, both before the end. */
static int part(const uint8_t *data, size_t len, size_t base, size_t slot, size_t *at, size_t *size) {
    return sum(at, data + slot, base + 32, len) && sum(size, data + *at - 32, *at, len) && (*size -= *at, 1);
}

static int finds(const uint8_t *data, size_t size, const uint8_t *index, const char *text, size_t text_len) {
    size_t end;

    return sum(&end, index, text_len, size) && memcmp(data + end - text_len, text, text_len) == 0;
}

/* Whether nothing but r and s can be wrong, and what they must sign. */
static int expected(uint8_t hash[32], size_t *fields, const uint8_t *data, size_t len, int verified) {
    size_t base, end, auth, auth_len, client, client_len;
    uint8_t *message;

    if (len < 192 || !sum(&end, data, 192, len)) {
        return 0;
    }
    *fields = base = end - 192;
    if (!part(data, len, base, base, &auth, &auth_len) || !part(data, len, base, base + 32, &client, &client_len)
        || !finds(data + client, client_len, data + base + 64, challenge, sizeof challenge - 1)
        || !finds(data + client, client_len, data + base + 96, type, sizeof type - 1) || auth_len < 33
        || (data[auth + 32] & 1) == 0 || (verified && (data[auth + 32] & 4) == 0)) {
        return 0;
    }
    message = malloc(auth_len + 32);
    HOLDS(message != NULL);
    memcpy(message, data + auth, auth_len);
    rise_sha256(message + auth_len, data + client, client_len);
    rise_sha256(hash, message, auth_len + 32);
    free(message);
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    uint8_t public_key[64], hash[32], *data;
    int verified, right;
    size_t fields = 0;
    rise_status status;
    rise_error error;

    if (len == 0) {
        return 0;
    }
    verified = (input[0] & 1) != 0;
    len--;
    data = malloc(len == 0 ? 1 : len);
    HOLDS(data != NULL && rise_p256_public(public_key, secret) == RISE_OK);
    memcpy(data, input + 1, len);
    if (expected(hash, &fields, data, len, verified) && (input[0] & 2) == 0) {
        HOLDS(rise_p256_sign(data + fields + 128, secret, hash) == RISE_OK);
    }
    /* Parts may overlap r and s, so that signing changes what is signed. */
    right = expected(hash, &fields, data, len, verified)
            && rise_p256_verify(public_key, hash, data + fields + 128) == RISE_OK;
    status = rise_webauthn_verify(public_key, digest, data, len, verified ? RISE_WEBAUTHN_VERIFIED : 0, &error);
    HOLDS((status == RISE_OK) == right);
    if (status != RISE_OK) {
        HOLDS(status == RISE_EDATA || status == RISE_ESIGNATURE);
        holds_error(status, &error);
    }
    free(data);
    return 0;
}
