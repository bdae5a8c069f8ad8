/* 256-bit unsigned numbers: text, bytes, arithmetic; and amounts with a decimal point. */
#include <string.h>

#include "core.h"

/* RISE_NO_INT128 makes every compiler take the portable way, to test it. */
#if defined(__SIZEOF_INT128__) && !defined(RISE_NO_INT128)
__extension__ typedef unsigned __int128 uint128;

/* a * b + c + d never exceeds 128 bits: returns the lower half, *high gets the upper. */
static uint64_t mul_add(uint64_t *high, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    uint128 x = (uint128)a * b + c + d;

    *high = (uint64_t)(x >> 64);
    return (uint64_t)x;
}
#else
static uint64_t mul_add(uint64_t *high, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    uint64_t a0 = a & 0xffffffffu, a1 = a >> 32;
    uint64_t b0 = b & 0xffffffffu, b1 = b >> 32;
    uint64_t low = a0 * b0;
    uint64_t mid1 = a1 * b0 + (low >> 32);
    uint64_t mid2 = a0 * b1 + (mid1 & 0xffffffffu);
    uint64_t top = a1 * b1 + (mid1 >> 32) + (mid2 >> 32);

    low = mid2 << 32 | (low & 0xffffffffu);
    low += c;
    top += low < c;
    low += d;
    top += low < d;
    *high = top;
    return low;
}
#endif

void rise_u256_from_u64(rise_u256 *out, uint64_t value) {
    out->limb[0] = value;
    out->limb[1] = 0;
    out->limb[2] = 0;
    out->limb[3] = 0;
}

void rise_u256_from_bytes(rise_u256 *out, const uint8_t bytes[32]) {
    int i;

    for (i = 0; i < 4; i++) {
        out->limb[i] = rise_load_be64(bytes + 24 - 8 * i);
    }
}

void rise_u256_to_bytes(uint8_t bytes[32], const rise_u256 *a) {
    int i;

    for (i = 0; i < 4; i++) {
        rise_store_be64(bytes + 24 - 8 * i, a->limb[i]);
    }
}

int rise_u256_to_u64(uint64_t *value, const rise_u256 *a) {
    if ((a->limb[1] | a->limb[2] | a->limb[3]) != 0) {
        return 0;
    }
    *value = a->limb[0];
    return 1;
}

int rise_u256_is_zero(const rise_u256 *a) {
    return (a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3]) == 0;
}

int rise_u256_compare(const rise_u256 *a, const rise_u256 *b) {
    int i;

    for (i = 3; i >= 0; i--) {
        if (a->limb[i] != b->limb[i]) {
            return a->limb[i] < b->limb[i] ? -1 : 1;
        }
    }
    return 0;
}

unsigned rise_u256_bits(const rise_u256 *a) {
    int i;

    for (i = 3; i >= 0; i--) {
        if (a->limb[i] != 0) {
            uint64_t x = a->limb[i];
            unsigned bits = 64u * (unsigned)i;
            while (x != 0) {
                x >>= 1;
                bits++;
            }
            return bits;
        }
    }
    return 0;
}

rise_status rise_u256_add(rise_u256 *out, const rise_u256 *a, const rise_u256 *b) {
    uint64_t carry = 0;
    int i;

    for (i = 0; i < 4; i++) {
        uint64_t sum = a->limb[i] + carry;
        carry = sum < carry;
        sum += b->limb[i];
        carry += sum < b->limb[i];
        out->limb[i] = sum;
    }
    return carry ? RISE_EOVERFLOW : RISE_OK;
}

rise_status rise_u256_sub(rise_u256 *out, const rise_u256 *a, const rise_u256 *b) {
    uint64_t borrow = 0;
    int i;

    for (i = 0; i < 4; i++) {
        uint64_t x = a->limb[i];
        uint64_t y = b->limb[i];
        out->limb[i] = x - y - borrow;
        borrow = x < y || (x == y && borrow);
    }
    return borrow ? RISE_EOVERFLOW : RISE_OK;
}

rise_status rise_u256_mul(rise_u256 *out, const rise_u256 *a, const rise_u256 *b) {
    uint64_t product[8] = { 0 };
    int i, j;

    for (i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (j = 0; j < 4; j++) {
            product[i + j] = mul_add(&carry, a->limb[i], b->limb[j], product[i + j], carry);
        }
        product[i + 4] = carry;
    }
    memcpy(out->limb, product, sizeof out->limb);
    return (product[4] | product[5] | product[6] | product[7]) != 0 ? RISE_EOVERFLOW : RISE_OK;
}

/* a = a * factor + term; RISE_EOVERFLOW when that needs more than 256 bits. */
static rise_status mul_small(rise_u256 *a, uint64_t factor, uint64_t term) {
    int i;

    for (i = 0; i < 4; i++) {
        a->limb[i] = mul_add(&term, a->limb[i], factor, term, 0);
    }
    return term != 0 ? RISE_EOVERFLOW : RISE_OK;
}

/* Division goes by digits of 32 bits, whose two-digit numbers every C compiler can divide. */

static void to_digits(uint32_t digit[8], const rise_u256 *a) {
    int i;

    for (i = 0; i < 8; i++) {
        digit[i] = (uint32_t)(a->limb[i / 2] >> (32 * (i % 2)));
    }
}

static void from_digits(rise_u256 *out, const uint32_t digit[8]) {
    int i;

    for (i = 0; i < 4; i++) {
        out->limb[i] = (uint64_t)digit[2 * i + 1] << 32 | digit[2 * i];
    }
}

/* Divides in place, returns the remainder. */
static uint32_t div_small(uint32_t digit[8], uint32_t divisor) {
    uint64_t rest = 0;
    int i;

    for (i = 7; i >= 0; i--) {
        rest = rest << 32 | digit[i];
        digit[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

/* Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D, for a divisor of two digits or more whose top digit
 * has its top bit set. `u` has one digit more than the dividend and ends as the remainder. */
static void div_long(uint32_t quotient[8], uint32_t u[9], const uint32_t *v, int n) {
    int j, i;

    for (j = 8 - n; j >= 0; j--) {
        uint64_t top = (uint64_t)u[j + n] << 32 | u[j + n - 1];
        uint64_t guess = top / v[n - 1];
        uint64_t rest = top % v[n - 1];
        uint64_t carry = 0;
        uint64_t borrow = 0;

        while (guess >> 32 != 0 || guess * v[n - 2] > (rest << 32 | u[j + n - 2])) {
            guess--;
            rest += v[n - 1];
            if (rest >> 32 != 0) {
                break;
            }
        }
        for (i = 0; i < n; i++) {
            uint64_t x;
            carry += guess * v[i];
            x = (uint64_t)u[i + j] - (uint32_t)carry - borrow;
            u[i + j] = (uint32_t)x;
            borrow = x >> 63;
            carry >>= 32;
        }
        borrow += carry;
        if (u[j + n] < borrow) {
            uint64_t sum = 0;
            guess--;
            for (i = 0; i < n; i++) {
                sum += (uint64_t)u[i + j] + v[i];
                u[i + j] = (uint32_t)sum;
                sum >>= 32;
            }
        }
        u[j + n] = 0; /* what is left of it, after the subtraction, is always zero */
        quotient[j] = (uint32_t)guess;
    }
}

rise_status rise_u256_divmod(rise_u256 *quotient, rise_u256 *remainder, const rise_u256 *a, const rise_u256 *b) {
    uint32_t u[9], v[8], q[8] = { 0 };
    rise_u256 q_out, r_out, shifted;
    unsigned shift;
    int n = 8;

    if (rise_u256_is_zero(b)) {
        return RISE_EVALUE;
    }
    to_digits(v, b);
    while (v[n - 1] == 0) {
        n--;
    }
    if (n == 1) {
        to_digits(q, a);
        rise_u256_from_u64(&r_out, div_small(q, v[0]));
    } else {
        shift = 32u * (unsigned)n - rise_u256_bits(b);
        rise_u256_shl(&shifted, b, shift);
        to_digits(v, &shifted);
        rise_u256_shl(&shifted, a, shift);
        to_digits(u, &shifted);
        u[8] = shift == 0 ? 0 : (uint32_t)(a->limb[3] >> (64 - shift));
        div_long(q, u, v, n);
        from_digits(&shifted, u);
        rise_u256_shr(&r_out, &shifted, shift);
    }
    from_digits(&q_out, q);
    if (quotient != NULL) {
        *quotient = q_out;
    }
    if (remainder != NULL) {
        *remainder = r_out;
    }
    return RISE_OK;
}

void rise_u256_shl(rise_u256 *out, const rise_u256 *a, unsigned bits) {
    unsigned limbs = bits / 64, rest = bits % 64;
    int i;

    for (i = 3; i >= 0; i--) {
        uint64_t x = 0;
        int from = bits < 256 ? i - (int)limbs : -1;
        if (from >= 0) {
            x = a->limb[from] << rest;
            if (rest != 0 && from >= 1) {
                x |= a->limb[from - 1] >> (64 - rest);
            }
        }
        out->limb[i] = x;
    }
}

void rise_u256_shr(rise_u256 *out, const rise_u256 *a, unsigned bits) {
    unsigned limbs = bits / 64, rest = bits % 64;
    int i;

    for (i = 0; i < 4; i++) {
        uint64_t x = 0;
        int from = bits < 256 ? i + (int)limbs : 4;
        if (from < 4) {
            x = a->limb[from] >> rest;
            if (rest != 0 && from < 3) {
                x |= a->limb[from + 1] << (64 - rest);
            }
        }
        out->limb[i] = x;
    }
}

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* a = a * 10^len + the digits. */
static rise_status append_decimal(rise_u256 *a, const char *digits, size_t len) {
    rise_status status = RISE_OK;

    while (len != 0 && status == RISE_OK) {
        uint64_t factor = 1, chunk = 0;
        int n;
        for (n = 0; n < 19 && len != 0; n++, len--) {
            chunk = chunk * 10 + (uint64_t)(*digits++ - '0');
            factor *= 10;
        }
        status = mul_small(a, factor, chunk);
    }
    return status;
}

static rise_status from_hex(rise_u256 *out, const char *text, size_t len) {
    uint8_t bytes[32] = { 0 };
    char padded[64];
    size_t count;

    while (len > 1 && text[0] == '0') {
        text++;
        len--;
    }
    if (len > 64) {
        for (; len != 0; text++, len--) {
            char c = *text;
            if (!(is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
                return RISE_EVALUE;
            }
        }
        return RISE_EOVERFLOW;
    }
    memset(padded, '0', sizeof padded);
    memcpy(padded + 64 - len, text, len);
    /* A second 0x would pass for a prefix; here it can only stand at the front of a full 64 digits. */
    if (padded[1] == 'x' || rise_hex_decode(bytes, 32, &count, padded, 64) != RISE_OK) {
        return RISE_EVALUE;
    }
    rise_u256_from_bytes(out, bytes);
    return RISE_OK;
}

rise_status rise_u256_from_text(rise_u256 *out, const char *text, size_t len) {
    size_t i;

    if (len >= 2 && text[0] == '0' && text[1] == 'x') {
        return len == 2 ? RISE_EVALUE : from_hex(out, text + 2, len - 2);
    }
    for (i = 0; i < len; i++) {
        if (!is_digit(text[i])) {
            return RISE_EVALUE;
        }
    }
    rise_u256_from_u64(out, 0);
    return len == 0 ? RISE_EVALUE : append_decimal(out, text, len);
}

size_t rise_u256_to_dec(char text[79], const rise_u256 *a) {
    uint32_t digit[8];
    char reversed[90];
    size_t len = 0, i;
    int top = 8;

    to_digits(digit, a);
    do {
        uint32_t chunk = div_small(digit, 1000000000u);
        for (i = 0; i < 9; i++) {
            reversed[len++] = (char)('0' + chunk % 10);
            chunk /= 10;
        }
        while (top > 0 && digit[top - 1] == 0) {
            top--;
        }
    } while (top > 0);
    while (len > 1 && reversed[len - 1] == '0') {
        len--;
    }
    for (i = 0; i < len; i++) {
        text[i] = reversed[len - 1 - i];
    }
    text[len] = '\0';
    return len;
}

size_t rise_u256_to_hex(char text[67], const rise_u256 *a) {
    uint8_t bytes[32];
    char digits[64];
    size_t zeros = 0;

    rise_u256_to_bytes(bytes, a);
    rise_hex_encode(digits, bytes, 32);
    while (zeros < 63 && digits[zeros] == '0') {
        zeros++;
    }
    text[0] = '0';
    text[1] = 'x';
    memcpy(text + 2, digits + zeros, 64 - zeros);
    text[66 - zeros] = '\0';
    return 66 - zeros;
}

rise_status rise_units_parse(rise_u256 *out, int *negative, const char *text, size_t len, unsigned decimals) {
    static const char zeros[] = "00000000000000000000000000000000000000000000000000000000000000000000000000000";
    const char *whole, *fraction = NULL;
    size_t whole_len, fraction_len = 0;
    int minus, round_up = 0;
    rise_status status;

    if (decimals > 77) {
        return RISE_EVALUE;
    }
    minus = len != 0 && text[0] == '-';
    text += minus;
    len -= (size_t)minus;
    whole = text;
    for (whole_len = 0; whole_len < len && is_digit(text[whole_len]); whole_len++) {
    }
    if (whole_len < len) {
        if (text[whole_len] != '.') {
            return RISE_EVALUE;
        }
        fraction = text + whole_len + 1;
        for (fraction_len = 0; whole_len + 1 + fraction_len < len; fraction_len++) {
            if (!is_digit(fraction[fraction_len])) {
                return RISE_EVALUE;
            }
        }
    }
    if (whole_len + fraction_len == 0) {
        return RISE_EVALUE;
    }
    if (fraction_len > decimals) {
        round_up = fraction[decimals] >= '5';
        fraction_len = decimals;
    }
    rise_u256_from_u64(out, 0);
    status = append_decimal(out, whole, whole_len);
    if (status == RISE_OK && fraction_len != 0) {
        status = append_decimal(out, fraction, fraction_len);
    }
    if (status == RISE_OK) {
        status = append_decimal(out, zeros, decimals - fraction_len);
    }
    if (status == RISE_OK) {
        status = mul_small(out, 1, (uint64_t)round_up);
    }
    *negative = minus && !rise_u256_is_zero(out);
    return status;
}

size_t rise_units_format(char text[160], const rise_u256 *a, int negative, unsigned decimals) {
    char digits[79];
    size_t len = rise_u256_to_dec(digits, a);
    size_t used = 0, whole, i;

    if (decimals > 77) {
        text[0] = '\0';
        return 0;
    }
    if (negative && !rise_u256_is_zero(a)) {
        text[used++] = '-';
    }
    whole = len > decimals ? len - decimals : 0;
    if (whole == 0) {
        text[used++] = '0';
    }
    memcpy(text + used, digits, whole);
    used += whole;
    text[used++] = '.';
    for (i = len; i < decimals; i++) {
        text[used++] = '0';
    }
    memcpy(text + used, digits + whole, len - whole);
    used += len - whole;
    while (text[used - 1] == '0') {
        used--;
    }
    if (text[used - 1] == '.') {
        used--;
    }
    text[used] = '\0';
    return used;
}
