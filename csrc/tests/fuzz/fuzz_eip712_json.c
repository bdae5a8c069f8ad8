/* EIP-712 typed data in JSON: any text. What is accepted says the same without its white space and nothing without its
 * end. (fuzz_eip712.c writes such texts itself and knows what they should hash to.) */
#include "fuzz.h"

/* Copies JSON without white space between its tokens; returns the length. */
static size_t minify(char *out, const char *text, size_t len) {
    size_t used = 0, i;
    int inside = 0;

    for (i = 0; i < len; i++) {
        char c = text[i];
        if (!inside && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            continue;
        }
        out[used++] = c;
        if (inside && c == '\\' && i + 1 < len) {
            out[used++] = text[++i];
        } else if (c == '"') {
            inside = !inside;
        }
    }
    return used;
}

static void same_without_space(const char *text, size_t len, rise_status expected, const uint8_t hashes[3][32]) {
    char *copy = malloc(len + 1);
    uint8_t other[3][32];
    size_t used;

    HOLDS(copy != NULL);
    used = minify(copy, text, len);
    HOLDS(rise_eip712_json(other[0], other[1], other[2], copy, used, NULL) == expected);
    if (expected == RISE_OK) {
        HOLDS(memcmp(other, hashes, sizeof other) == 0);
        HOLDS(rise_eip712_json(other[0], NULL, NULL, copy, used - 1, NULL) == RISE_EDATA);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const char *const names[] = { "types", "primaryType", "domain", "message" };
    const char *text = (const char *)data;
    uint8_t hashes[3][32], digest[32];
    rise_error error;
    size_t start, span, i;
    rise_status status = rise_eip712_json(hashes[0], hashes[1], hashes[2], text, len, &error);

    HOLDS(rise_eip712_json(digest, NULL, NULL, text, len, NULL) == status);
    if (status == RISE_OK) {
        HOLDS(memcmp(digest, hashes[0], 32) == 0);
        rise_eip712_digest(digest, hashes[1], hashes[2]);
        HOLDS(memcmp(digest, hashes[0], 32) == 0);
        for (i = 0; i < 4; i++) {
            HOLDS(rise_json_span(&start, &span, text, len, &names[i], 1) == RISE_OK);
        }
    } else {
        HOLDS(status == RISE_EDATA || status == RISE_EABI || status == RISE_EVALUE || status == RISE_ELIMIT);
        holds_error(status, &error);
    }
    if (status != RISE_EDATA) {
        HOLDS(rise_json_span(&start, &span, text, len, NULL, 0) == RISE_OK);
        same_without_space(text, len, status, (const uint8_t (*)[32])hashes);
    }
    return 0;
}
