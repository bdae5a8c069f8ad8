/* 256-bit numbers and amounts. Known answers are from arbitrary-precision arithmetic; the four long divisions need the
 * rare correction of Knuth's algorithm D (step D6). test_u256_portable.c runs this again without 128-bit integers. */
#include "check.h"

static const char MAX_HEX[] = "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
static const char MAX_DEC[] = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

static rise_u256 number(const char *text) {
    rise_u256 x;

    CHECK(rise_u256_from_text(&x, text, strlen(text)) == RISE_OK);
    return x;
}

static void check_dec(const rise_u256 *x, const char *want) {
    char text[79];

    CHECK(rise_u256_to_dec(text, x) == strlen(want));
    CHECK(strcmp(text, want) == 0);
}

static void check_hex_text(const rise_u256 *x, const char *want) {
    char text[67];

    CHECK(rise_u256_to_hex(text, x) == strlen(want));
    CHECK(strcmp(text, want) == 0);
}

static void text_and_bytes(void) {
    static const char *const same[][2] = {
        { "0", "0x0" },
        { "1", "0x1" },
        { "10", "0xa" },
        { "999999999", "0x3b9ac9ff" },
        { "1000000000", "0x3b9aca00" },
        { "18446744073709551615", "0xffffffffffffffff" },
        { "18446744073709551616", "0x10000000000000000" },
        { "10000000000000000000", "0x8ac7230489e80000" },
        { "1000000000000000000000000000000000000", "0xc097ce7bc90715b34b9f1000000000" },
        { MAX_DEC, MAX_HEX },
    };
    uint8_t bytes[32];
    rise_u256 x;
    size_t i;

    for (i = 0; i < sizeof same / sizeof *same; i++) {
        x = number(same[i][0]);
        check_hex_text(&x, same[i][1]);
        x = number(same[i][1]);
        check_dec(&x, same[i][0]);
        rise_u256_to_bytes(bytes, &x);
        rise_u256_from_bytes(&x, bytes);
        check_dec(&x, same[i][0]);
    }
    rise_u256_from_u64(&x, 0x0102);
    rise_u256_to_bytes(bytes, &x);
    CHECK_HEX(bytes, 32, "0000000000000000000000000000000000000000000000000000000000000102");
    x = number("0x000000000000000000000000000000000000000000000000000000000000000000000aBcD");
    check_hex_text(&x, "0xabcd");
    x = number("00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000007");
    check_dec(&x, "7");
}

static void refused_texts(void) {
    static const char *const bad[] = {
        "", "0x", "x1", "0X1", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0xg", "0x0x1", "1,000", "abc", "0x 1", "--",
        "0x0x00000000000000000000000000000000000000000000000000000000000001",
        "0x100000000000000000000000000000000000000000000000000000000000000000g",
        "1157920892373161954235709850086879078532699846656405640394575840079131296399360z",
    };
    static const char *const large[] = {
        "115792089237316195423570985008687907853269984665640564039457584007913129639936",
        "999999999999999999999999999999999999999999999999999999999999999999999999999999",
        "10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        "0x10000000000000000000000000000000000000000000000000000000000000000",
    };
    rise_u256 x;
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(rise_u256_from_text(&x, bad[i], strlen(bad[i])) == RISE_EVALUE);
    }
    for (i = 0; i < sizeof large / sizeof *large; i++) {
        CHECK(rise_u256_from_text(&x, large[i], strlen(large[i])) == RISE_EOVERFLOW);
    }
    CHECK(rise_u256_from_text(&x, "1\0", 2) == RISE_EVALUE);
}

static void bounds_of_arithmetic(void) {
    rise_u256 max = number(MAX_DEC), zero = number("0"), one = number("1"), two = number("2"), x;
    uint64_t word;

    CHECK(rise_u256_add(&x, &max, &one) == RISE_EOVERFLOW);
    CHECK(rise_u256_add(&x, &max, &max) == RISE_EOVERFLOW);
    CHECK(rise_u256_add(&x, &max, &zero) == RISE_OK && rise_u256_compare(&x, &max) == 0);
    CHECK(rise_u256_sub(&x, &zero, &one) == RISE_EOVERFLOW);
    CHECK(rise_u256_sub(&x, &one, &max) == RISE_EOVERFLOW);
    CHECK(rise_u256_sub(&x, &max, &max) == RISE_OK && rise_u256_is_zero(&x));
    CHECK(rise_u256_mul(&x, &max, &two) == RISE_EOVERFLOW);
    CHECK(rise_u256_mul(&x, &max, &max) == RISE_EOVERFLOW);
    CHECK(rise_u256_mul(&x, &max, &one) == RISE_OK && rise_u256_compare(&x, &max) == 0);
    CHECK(rise_u256_divmod(&x, NULL, &one, &zero) == RISE_EVALUE);
    CHECK(rise_u256_divmod(NULL, NULL, &one, &two) == RISE_OK);

    x = number("0x100000000000000000000000000000000");
    CHECK(rise_u256_mul(&x, &x, &x) == RISE_EOVERFLOW); /* 2^128 squared is 2^256 */
    x = number("0xffffffffffffffffffffffffffffffff");
    CHECK(rise_u256_mul(&x, &x, &x) == RISE_OK);
    check_hex_text(&x, "0xfffffffffffffffffffffffffffffffe00000000000000000000000000000001");
    x = number("340282366920938463463374607431768211456");
    CHECK(rise_u256_add(&x, &x, &x) == RISE_OK);
    check_dec(&x, "680564733841876926926749214863536422912");

    CHECK(rise_u256_compare(&one, &two) == -1 && rise_u256_compare(&two, &one) == 1);
    CHECK(rise_u256_compare(&max, &one) == 1 && rise_u256_compare(&one, &max) == -1);
    CHECK(rise_u256_bits(&zero) == 0 && rise_u256_bits(&one) == 1 && rise_u256_bits(&max) == 256);
    x = number("18446744073709551615");
    CHECK(rise_u256_to_u64(&word, &x) && word == UINT64_MAX && rise_u256_bits(&x) == 64);
    CHECK(rise_u256_add(&x, &x, &one) == RISE_OK && !rise_u256_to_u64(&word, &x) && rise_u256_bits(&x) == 65);
}

static void shifts(void) {
    rise_u256 max = number(MAX_HEX), one = number("1"), x, y;
    unsigned n;

    for (n = 0; n < 256; n++) {
        rise_u256_shl(&x, &one, n);
        CHECK(rise_u256_bits(&x) == n + 1);
        rise_u256_shr(&y, &x, n);
        CHECK(rise_u256_compare(&y, &one) == 0);
        rise_u256_shl(&x, &max, n);
        rise_u256_shr(&x, &x, n);
        CHECK(rise_u256_bits(&x) == 256 - n);
    }
    for (n = 256; n < 260; n++) {
        rise_u256_shl(&x, &max, n);
        CHECK(rise_u256_is_zero(&x));
        rise_u256_shr(&x, &max, n);
        CHECK(rise_u256_is_zero(&x));
    }
    rise_u256_shl(&x, &max, ~0u);
    CHECK(rise_u256_is_zero(&x));
    x = number("0x123456789abcdef0fedcba9876543210");
    rise_u256_shl(&x, &x, 100);
    check_hex_text(&x, "0x123456789abcdef0fedcba98765432100000000000000000000000000");
    rise_u256_shr(&x, &x, 68);
    check_hex_text(&x, "0x123456789abcdef0fedcba987654321000000000");
}

static void known_divisions(void) {
    static const char *const known[][4] = {
        { "1000000000000000000", "7", "142857142857142857", "1" },
        { MAX_DEC, "10", "11579208923731619542357098500868790785326998466564056403945758400791312963993", "5" },
        { MAX_DEC, "340282366920938463463374607431768211456", "340282366920938463463374607431768211455",
          "340282366920938463463374607431768211455" },
        { "5", "6", "0", "5" },
        { MAX_DEC, MAX_DEC, "1", "0" },
        { "0xfffffffe7fffffff0000000100000001fffffffefffffffefffffffefffffffe",
          "0xfffffffe7fffffff00000001800000010000000000000000", "0xffffffffffffffff",
          "0xfffffffe00000000000000007ffffffffffffffefffffffe" },
        { "0xfffffffe8000000000000001ffffffff0000000000000001ffffffff7fffffff",
          "0xffffffff000000007fffffff80000000", "0xffffffff7fffffff00000001c0000000",
          "0xfffffffea0000002dfffffff7fffffff" },
        { "0x7fffffff800000017fffffff00000000ffffffff800000000000000100000000",
          "0xffffffff0000000080000000", "0x800000000000000140000000400000009fffffff",
          "0xfffffffeb000000180000000" },
        { "0xffffffff80000000fffffffe0000000080000001fffffffeffffffffffffffff",
          "0xffffffff80000000fffffffe8000000180000000", "0xffffffffffffffffffffffff",
          "0x7ffffffe80000002fffffffd800000017fffffff" },
    };
    size_t i;

    for (i = 0; i < sizeof known / sizeof *known; i++) {
        rise_u256 a = number(known[i][0]), b = number(known[i][1]);
        rise_u256 q = number(known[i][2]), r = number(known[i][3]), x, y;

        CHECK(rise_u256_divmod(&x, &y, &a, &b) == RISE_OK);
        CHECK(rise_u256_compare(&x, &q) == 0 && rise_u256_compare(&y, &r) == 0);
        CHECK(rise_u256_divmod(NULL, &a, &a, &b) == RISE_OK && rise_u256_compare(&a, &r) == 0);
    }
}

/* xorshift64: numbers that are the same in every run. */
static uint64_t next_random(void) {
    static uint64_t state = UINT64_C(88172645463325252);

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Of 32-bit digits that are extreme half of the time: carries and corrections happen there. */
static rise_u256 random_number(void) {
    static const uint32_t extreme[] = { 0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff };
    rise_u256 x;
    int i;

    for (i = 0; i < 8; i++) {
        uint64_t r = next_random();
        uint32_t digit = r % 2 != 0 ? (uint32_t)(r >> 32) : extreme[(r >> 8) % 7];
        x.limb[i / 2] = i % 2 == 0 ? digit : x.limb[i / 2] | (uint64_t)digit << 32;
    }
    rise_u256_shr(&x, &x, (unsigned)(next_random() % 256));
    return x;
}

static void laws(void) {
    int round;

    for (round = 0; round < 50000; round++) {
        rise_u256 a = random_number(), b = random_number(), c, q, r;
        char text[79];

        /* a == (a / b) * b + a % b, and a % b < b */
        if (!rise_u256_is_zero(&b)) {
            CHECK(rise_u256_divmod(&q, &r, &a, &b) == RISE_OK);
            CHECK(rise_u256_compare(&r, &b) < 0);
            CHECK(rise_u256_mul(&c, &q, &b) == RISE_OK);
            CHECK(rise_u256_add(&c, &c, &r) == RISE_OK);
            CHECK(rise_u256_compare(&c, &a) == 0);
        }
        /* (a + b) - b == a; a product fits exactly when dividing it undoes it */
        if (rise_u256_add(&c, &a, &b) == RISE_OK) {
            CHECK(rise_u256_compare(&c, &a) >= 0);
            CHECK(rise_u256_sub(&c, &c, &b) == RISE_OK && rise_u256_compare(&c, &a) == 0);
        } else {
            CHECK(rise_u256_bits(&a) == 256 || rise_u256_bits(&b) == 256);
        }
        if (rise_u256_mul(&c, &a, &b) == RISE_OK) {
            if (!rise_u256_is_zero(&b)) {
                CHECK(rise_u256_divmod(&q, &r, &c, &b) == RISE_OK);
                CHECK(rise_u256_is_zero(&r) && rise_u256_compare(&q, &a) == 0);
            }
        } else {
            CHECK(rise_u256_bits(&a) + rise_u256_bits(&b) > 256);
        }
        rise_u256_to_dec(text, &a);
        c = number(text);
        CHECK(rise_u256_compare(&c, &a) == 0);
    }
}

static void check_parse(const char *text, unsigned decimals, const char *want, int want_negative) {
    rise_u256 x;
    int negative;

    CHECK(rise_units_parse(&x, &negative, text, strlen(text), decimals) == RISE_OK);
    check_dec(&x, want);
    CHECK(negative == want_negative);
}

static void check_format(const char *value, int negative, unsigned decimals, const char *want) {
    rise_u256 x = number(value);
    char text[160];

    CHECK(rise_units_format(text, &x, negative, decimals) == strlen(want));
    CHECK(strcmp(text, want) == 0);
}

static void amounts(void) {
    static const char *const bad[] = {
        "", "-", ".", "-.", "--1", "+1", "1e3", "1.2.3", "1..2", " 1", "1 ", "0x1", "1,5", "1.-5",
    };
    rise_u256 x;
    char text[160];
    int negative;
    size_t i;

    check_parse("1.5", 18, "1500000000000000000", 0);
    check_parse("-1.25", 1, "13", 1);
    check_parse("1.005", 2, "101", 0);
    check_parse("0.4999999999999999999999999999999999999", 0, "0", 0);
    check_parse("0.5", 0, "1", 0);
    check_parse("9.99", 1, "100", 0);
    check_parse(".5", 1, "5", 0);
    check_parse("1.", 2, "100", 0);
    check_parse("-0", 18, "0", 0);
    check_parse("-0.04", 1, "0", 0);
    check_parse("0001.100", 2, "110", 0);
    check_parse("115792089237316195423570985008687907853269984665640564039457.584007913129639935", 18, MAX_DEC, 0);
    check_parse("0.00000000000000000000000000000000000000000000000000000000000000000000000000001", 77, "1", 0);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(rise_units_parse(&x, &negative, bad[i], strlen(bad[i]), 18) == RISE_EVALUE);
    }
    CHECK(rise_units_parse(&x, &negative, "1", 1, 78) == RISE_EVALUE);
    CHECK(rise_units_parse(&x, &negative, "2", 1, 77) == RISE_EOVERFLOW);
    CHECK(rise_units_parse(&x, &negative, MAX_DEC, strlen(MAX_DEC), 1) == RISE_EOVERFLOW);
    /* rounding up is what does not fit */
    CHECK(rise_units_parse(&x, &negative,
                           "115792089237316195423570985008687907853269984665640564039457584007913129639935.5", 80, 0)
          == RISE_EOVERFLOW);
    CHECK(rise_units_parse(&x, &negative,
                           "115792089237316195423570985008687907853269984665640564039457584007913129639935.4", 80, 0)
          == RISE_OK);

    check_format("0", 0, 18, "0");
    check_format("0", 1, 0, "0");
    check_format("1", 0, 18, "0.000000000000000001");
    check_format("1500000000000000000", 1, 18, "-1.5");
    check_format("100", 0, 2, "1");
    check_format("100", 0, 0, "100");
    check_format(MAX_DEC, 1, 77, "-1.15792089237316195423570985008687907853269984665640564039457584007913129639935");
    check_format("1", 1, 77, "-0.00000000000000000000000000000000000000000000000000000000000000000000000000001");
    x = number("1");
    CHECK(rise_units_format(text, &x, 0, 78) == 0 && text[0] == '\0');
}

int main(void) {
    text_and_bytes();
    refused_texts();
    bounds_of_arithmetic();
    shifts();
    known_divisions();
    laws();
    amounts();
    return 0;
}
