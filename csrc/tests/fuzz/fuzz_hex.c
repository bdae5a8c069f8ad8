/* Hex and addresses. The first byte of the input is the room there is for the bytes, the rest the text. */
#include "fuzz.h"

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10
         : -1;
}

/* What rise_hex_decode should answer, said the plain way. */
static rise_status expected(const char *text, size_t len, size_t size) {
    size_t i;

    if (len >= 2 && memcmp(text, "0x", 2) == 0) {
        text += 2;
        len -= 2;
    }
    if (len % 2 != 0) {
        return RISE_EVALUE;
    }
    if (len / 2 > size) {
        return RISE_ELIMIT;
    }
    for (i = 0; i < len; i++) {
        if (digit(text[i]) < 0) {
            return RISE_EVALUE;
        }
    }
    return RISE_OK;
}

static void decode(const char *text, size_t len, size_t size) {
    uint8_t *bytes = malloc(size + (size == 0));
    size_t count = SIZE_MAX, skip = len >= 2 && memcmp(text, "0x", 2) == 0 ? 2 : 0, i;
    rise_status status;
    char *back;

    HOLDS(bytes != NULL);
    status = rise_hex_decode(bytes, size, &count, text, len);
    HOLDS(status == expected(text, len, size));
    if (status == RISE_OK) {
        HOLDS(2 * count == len - skip);
        back = malloc(2 * count + 1);
        HOLDS(back != NULL);
        rise_hex_encode(back, bytes, count);
        for (i = 0; i < 2 * count; i++) {
            HOLDS(digit(back[i]) == digit(text[skip + i]) && !(back[i] >= 'A' && back[i] <= 'F'));
        }
        free(back);
    }
    free(bytes);
}

static void encode(const uint8_t *data, size_t len) {
    char *text = malloc(2 * len + 1);
    uint8_t *back = malloc(len + 1);
    size_t count;

    HOLDS(text != NULL && back != NULL);
    rise_hex_encode(text, data, len);
    HOLDS(rise_hex_decode(back, len, &count, text, 2 * len) == RISE_OK);
    HOLDS(same_bytes(back, count, data, len));
    if (len != 0) {
        HOLDS(rise_hex_decode(back, len - 1, &count, text, 2 * len) == RISE_ELIMIT);
    }
    free(text);
    free(back);
}

/* An address is taken in one case or with its checksum, and every one of these spellings names it again. */
static void address(const char *text, size_t len) {
    uint8_t bytes[20], again[20];
    char checked[43], other[43];
    int lower = 0, upper = 0;
    size_t i;

    if (rise_address_parse(bytes, text, len) != RISE_OK) {
        return;
    }
    HOLDS(len == 42 && text[0] == '0' && text[1] == 'x');
    rise_address_format(checked, bytes);
    HOLDS(strlen(checked) == 42);
    for (i = 2; i < 42; i++) {
        HOLDS(digit(text[i]) == digit(checked[i]));
        lower |= text[i] >= 'a';
        upper |= text[i] >= 'A' && text[i] <= 'F';
    }
    HOLDS(!(lower && upper) || memcmp(text, checked, 42) == 0);
    HOLDS(rise_address_parse(again, checked, 42) == RISE_OK && memcmp(again, bytes, 20) == 0);
    memcpy(other, "0x", 3);
    rise_hex_encode(other + 2, bytes, 20);
    HOLDS(rise_address_parse(again, other, 42) == RISE_OK && memcmp(again, bytes, 20) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len == 0) {
        return 0;
    }
    decode((const char *)data + 1, len - 1, data[0]);
    encode(data, len);
    address((const char *)data + 1, len - 1);
    return 0;
}
