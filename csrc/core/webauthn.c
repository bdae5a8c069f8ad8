/* What passkeys sign: the check of WebAuthn assertions that the account contract makes (Solady's WebAuthn.sol).
 *
 * It follows the contract to the byte, in what it takes as much as in what it refuses: the parts may lie anywhere
 * inside the encoding, nothing of the client data is parsed but what stands at the two indices.
 */
#include <string.h>

#include <bearssl.h>

#include "core.h"

#define STRUCT_SIZE ((size_t)192) /* six words: two offsets, two indices, r, s */

static const char TYPE[] = "\"type\":\"webauthn.get\"";
static const char CHALLENGE[] = "\"challenge\":\"";

#define TYPE_LEN (sizeof TYPE - 1)
#define CHALLENGE_LEN (sizeof CHALLENGE - 1)
#define BASE64_LEN ((size_t)43) /* of 32 bytes, without padding */

/* The word at `at` as a size; SIZE_MAX, which no length comes near, where it is larger. */
static size_t load_size(const uint8_t *at) {
    uint64_t low = rise_load_be64(at + 24);

    if ((rise_load_be64(at) | rise_load_be64(at + 8) | rise_load_be64(at + 16)) != 0 || low > SIZE_MAX) {
        return SIZE_MAX;
    }
    return (size_t)low;
}

/* The byte string whose offset from the struct stands at `slot`; 0 where it does not lie inside. The struct has `len`
 * bytes from its begin to the end of all. */
static int locate(const uint8_t **data, size_t *size, const uint8_t *base, size_t len, const uint8_t *slot) {
    size_t offset = load_size(slot);

    if (offset > len || len - offset < 32) {
        return 0;
    }
    *size = load_size(base + offset);
    *data = base + offset + 32;
    return *size <= len - offset - 32;
}

/* Whether `text` stands at `index`, with at least so many bytes behind it. */
static int stands_at(const uint8_t *data, size_t len, size_t index, const char *text, size_t text_len, size_t behind) {
    return index < len && len - index >= text_len + behind && memcmp(data + index, text, text_len) == 0;
}

static void base64url(char text[BASE64_LEN], const uint8_t bytes[32]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned have = 0;
    size_t i, used = 0;

    for (i = 0; i < 32; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 6; have -= 6) {
            text[used++] = digits[bits >> (have - 6) & 63u];
        }
    }
    text[used] = digits[bits << (6 - have) & 63u];
}

static rise_status wrong(rise_error *error, const char *why) {
    return rise_fail(error, RISE_ESIGNATURE, "a passkey's signature: ", why, "");
}

static rise_status check_client_data(const uint8_t *data, size_t len, const uint8_t *fields, const uint8_t digest[32],
                                     rise_error *error) {
    char challenge[BASE64_LEN + 1];
    size_t at = load_size(fields + 64);

    if (!stands_at(data, len, load_size(fields + 96), TYPE, TYPE_LEN, 0)) {
        return wrong(error, "\"type\":\"webauthn.get\" does not stand at its typeIndex");
    }
    if (!stands_at(data, len, at, CHALLENGE, CHALLENGE_LEN, BASE64_LEN + 1)) {
        return wrong(error, "\"challenge\" does not stand at its challengeIndex");
    }
    base64url(challenge, digest);
    challenge[BASE64_LEN] = '"';
    if (memcmp(data + at + CHALLENGE_LEN, challenge, sizeof challenge) != 0) {
        return wrong(error, "its challenge is not the digest");
    }
    return RISE_OK;
}

/* sha256(authenticatorData || sha256(clientDataJSON)) */
static void signed_digest(uint8_t out[32], const uint8_t *authenticator, size_t authenticator_len,
                          const uint8_t *client, size_t client_len) {
    br_sha256_context context;

    rise_sha256(out, client, client_len);
    br_sha256_init(&context);
    br_sha256_update(&context, authenticator, authenticator_len);
    br_sha256_update(&context, out, 32);
    br_sha256_out(&context, out);
}

rise_status rise_webauthn_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t *assertion,
                                 size_t len, unsigned flags, rise_error *error) {
    const uint8_t *fields, *authenticator, *client;
    size_t offset, authenticator_len, client_len;
    uint8_t message[32];
    rise_status status;

    flags |= RISE_WEBAUTHN_PRESENT;
    offset = len < STRUCT_SIZE ? SIZE_MAX : load_size(assertion);
    if (offset > len || len - offset < STRUCT_SIZE) {
        return rise_fail(error, RISE_EDATA, "a passkey's signature: ", "too short for its six members", "");
    }
    fields = assertion + offset;
    len -= offset;
    if (!locate(&authenticator, &authenticator_len, fields, len, fields)) {
        return rise_fail(error, RISE_EDATA, "a passkey's signature: ", "authenticatorData", " reaches beyond the end");
    }
    if (!locate(&client, &client_len, fields, len, fields + 32)) {
        return rise_fail(error, RISE_EDATA, "a passkey's signature: ", "clientDataJSON", " reaches beyond the end");
    }
    status = check_client_data(client, client_len, fields, digest, error);
    if (status != RISE_OK) {
        return status;
    }
    if (authenticator_len <= 32) {
        return wrong(error, "its authenticatorData has no flags");
    }
    if ((authenticator[32] & flags) != flags) {
        return wrong(error, (authenticator[32] & RISE_WEBAUTHN_PRESENT) == 0 ? "nobody was present"
                                                                            : "the user was not verified");
    }
    signed_digest(message, authenticator, authenticator_len, client, client_len);
    status = rise_p256_verify(public_key, message, fields + 128);
    if (status == RISE_ESIGNATURE) {
        return wrong(error, "r and s do not verify");
    }
    return status == RISE_OK ? status : rise_fail(error, status, "a passkey: ", rise_status_text(status), "");
}
