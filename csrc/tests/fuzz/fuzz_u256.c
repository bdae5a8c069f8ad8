/* 256-bit numbers and units. The input is taken as text, with decimals in its first byte, and as two numbers. */
#include "fuzz.h"

static int all_digits(const char *text, size_t len) {
    size_t i;

    for (i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
    }
    return len != 0;
}

static int all_hex(const char *text, size_t len) {
    size_t i;

    for (i = 0; i < len; i++) {
        if (strchr("0123456789abcdefABCDEF", text[i]) == NULL || text[i] == '\0') {
            return 0;
        }
    }
    return len != 0;
}

/* Steps over leading zeros, leaving one digit. */
static void strip(const char **text, size_t *len) {
    while (*len > 1 && **text == '0') {
        ++*text;
        --*len;
    }
}

static int same_letters(const char *a, const char *b, size_t len) {
    size_t i;

    for (i = 0; i < len; i++) {
        if ((a[i] | 0x20) != (b[i] | 0x20)) {
            return 0;
        }
    }
    return 1;
}

static const char MAX[] = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

static void text_to_number(const char *text, size_t len) {
    int hex = len >= 2 && text[0] == '0' && text[1] == 'x';
    char dec_text[79], hex_text[67];
    size_t dec_len, hex_len;
    rise_u256 number, again;
    rise_status status = rise_u256_from_text(&number, text, len);

    if (hex) {
        text += 2;
        len -= 2;
    }
    if (!(hex ? all_hex(text, len) : all_digits(text, len))) {
        HOLDS(status == RISE_EVALUE);
        return;
    }
    strip(&text, &len);
    if (hex ? len > 64 : len > 78 || (len == 78 && memcmp(text, MAX, 78) > 0)) {
        HOLDS(status == RISE_EOVERFLOW);
        return;
    }
    HOLDS(status == RISE_OK);
    dec_len = rise_u256_to_dec(dec_text, &number);
    hex_len = rise_u256_to_hex(hex_text, &number);
    HOLDS(dec_len == strlen(dec_text) && hex_len == strlen(hex_text));
    HOLDS(hex ? hex_len == len + 2 && same_letters(hex_text + 2, text, len) : same_bytes(dec_text, dec_len, text, len));
    HOLDS(rise_u256_from_text(&again, dec_text, dec_len) == RISE_OK && rise_u256_compare(&again, &number) == 0);
    HOLDS(rise_u256_from_text(&again, hex_text, hex_len) == RISE_OK && rise_u256_compare(&again, &number) == 0);
}

/* The digits beyond the precision count as one more or none. */
static void check_rounding(const rise_u256 *number, const char *text, size_t kept, int up, unsigned decimals) {
    rise_u256 cut, one;
    int negative;

    /* ".5" without decimals leaves no digit at all. */
    if (kept == 1) {
        rise_u256_from_u64(&cut, 0);
    } else {
        HOLDS(rise_units_parse(&cut, &negative, text, kept, decimals) == RISE_OK);
    }
    rise_u256_from_u64(&one, (uint64_t)up);
    HOLDS(rise_u256_add(&cut, &cut, &one) == RISE_OK && rise_u256_compare(&cut, number) == 0);
}

/* What is written in units is the number again; and where nothing had to be rounded, it is the text that was read, but
 * for zeros that say nothing. */
static void units(const char *text, size_t len, unsigned decimals) {
    char out[160], zero[160];
    rise_u256 number = { { 0, 0, 0, 0 } }, again;
    int negative, sign;
    size_t out_len, point;
    rise_status status = rise_units_parse(&number, &negative, text, len, decimals);

    if (decimals > 77) {
        HOLDS(status == RISE_EVALUE && rise_units_format(out, &number, 0, decimals) == 0 && out[0] == '\0');
        return;
    }
    if (status != RISE_OK) {
        HOLDS(status == RISE_EVALUE || status == RISE_EOVERFLOW);
        return;
    }
    HOLDS(!negative || (text[0] == '-' && !rise_u256_is_zero(&number)));
    out_len = rise_units_format(out, &number, negative, decimals);
    HOLDS(out_len == strlen(out) && out_len < sizeof out);
    HOLDS(rise_units_parse(&again, &sign, out, out_len, decimals) == RISE_OK);
    HOLDS(sign == negative && rise_u256_compare(&again, &number) == 0);

    if (text[0] == '-') {
        text++;
        len--;
    }
    for (point = 0; point < len && text[point] != '.'; point++) {
    }
    if (point < len) {
        if (len - point - 1 > decimals) {
            check_rounding(&number, text, point + 1 + decimals, text[point + 1 + decimals] >= '5', decimals);
            return;
        }
        while (len > point && (text[len - 1] == '0' || len - 1 == point)) {
            len--;
        }
    }
    while (point > 0 && text[0] == '0') {
        text++;
        len--;
        point--;
    }
    sprintf(zero, "%s%s%.*s", negative ? "-" : "", point == 0 ? "0" : "", (int)len, text);
    HOLDS(strcmp(zero, out) == 0);
}

static void arithmetic(const uint8_t a_bytes[32], const uint8_t b_bytes[32], unsigned bits) {
    rise_u256 a, b, x, y, q, r;
    uint8_t bytes[32];
    uint64_t low;

    rise_u256_from_bytes(&a, a_bytes);
    rise_u256_from_bytes(&b, b_bytes);
    rise_u256_to_bytes(bytes, &a);
    HOLDS(memcmp(bytes, a_bytes, 32) == 0);
    HOLDS((rise_u256_compare(&a, &b) > 0) == (memcmp(a_bytes, b_bytes, 32) > 0));
    HOLDS(rise_u256_compare(&a, &b) == -rise_u256_compare(&b, &a));
    HOLDS(rise_u256_to_u64(&low, &a) == (rise_u256_bits(&a) <= 64));

    if (rise_u256_add(&x, &a, &b) == RISE_OK) {
        HOLDS(rise_u256_sub(&y, &x, &b) == RISE_OK && rise_u256_compare(&y, &a) == 0);
        HOLDS(rise_u256_compare(&x, &a) >= 0);
    } else {
        /* Then the complement of b is below a. */
        memset(bytes, 0xff, 32);
        rise_u256_from_bytes(&x, bytes);
        HOLDS(rise_u256_sub(&y, &x, &b) == RISE_OK && rise_u256_compare(&a, &y) > 0);
    }
    HOLDS(rise_u256_sub(&x, &a, &b) == (rise_u256_compare(&a, &b) < 0 ? RISE_EOVERFLOW : RISE_OK));

    if (rise_u256_divmod(&q, &r, &a, &b) == RISE_OK) {
        HOLDS(rise_u256_compare(&r, &b) < 0);
        HOLDS(rise_u256_mul(&x, &q, &b) == RISE_OK && rise_u256_add(&x, &x, &r) == RISE_OK);
        HOLDS(rise_u256_compare(&x, &a) == 0);
        /* In place. */
        x = a;
        HOLDS(rise_u256_divmod(&x, NULL, &x, &b) == RISE_OK && rise_u256_compare(&x, &q) == 0);
        x = b;
        HOLDS(rise_u256_divmod(NULL, &x, &a, &x) == RISE_OK && rise_u256_compare(&x, &r) == 0);
    } else {
        HOLDS(rise_u256_is_zero(&b));
    }
    if (rise_u256_mul(&x, &a, &b) == RISE_OK) {
        HOLDS(rise_u256_mul(&y, &b, &a) == RISE_OK && rise_u256_compare(&x, &y) == 0);
        HOLDS(rise_u256_bits(&x) <= rise_u256_bits(&a) + rise_u256_bits(&b));
        if (!rise_u256_is_zero(&b)) {
            HOLDS(rise_u256_divmod(&q, &r, &x, &b) == RISE_OK);
            HOLDS(rise_u256_compare(&q, &a) == 0 && rise_u256_is_zero(&r));
        }
    } else {
        HOLDS(rise_u256_bits(&a) + rise_u256_bits(&b) > 256);
    }

    /* Up and down again leaves what was not shifted out. */
    rise_u256_shl(&x, &a, bits);
    HOLDS(rise_u256_bits(&x) <= 256 && (bits < 256 || rise_u256_is_zero(&x)));
    if (rise_u256_bits(&a) + bits <= 256) {
        rise_u256_shr(&y, &x, bits);
        HOLDS(rise_u256_compare(&y, &a) == 0);
    }
    rise_u256_shr(&x, &a, bits);
    HOLDS(rise_u256_bits(&x) == (rise_u256_bits(&a) > bits ? rise_u256_bits(&a) - bits : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    uint8_t numbers[64] = { 0 };

    if (len == 0) {
        return 0;
    }
    text_to_number((const char *)data, len);
    text_to_number((const char *)data + 1, len - 1);
    units((const char *)data + 1, len - 1, data[0]);
    memcpy(numbers, data, len < 64 ? len : 64);
    arithmetic(numbers, numbers + 32, (unsigned)data[0] + (len > 1 ? data[1] / 64u : 0));
    /* Numbers of like size, where subtraction and quotients are at their narrowest. */
    memcpy(numbers + 32, numbers, 16);
    arithmetic(numbers, numbers + 32, data[0]);
    return 0;
}
