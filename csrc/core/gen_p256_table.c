/* gen_p256_table.c: writes p256_table.h, the multiples of P-256's base point that p256.c adds up.
 *
 *     cc gen_p256_table.c -lbearssl -o gen && ./gen > p256_table.h
 *
 * The table is kept in the tree, so that a plain list of C files builds the library, also where the compiler
 * makes code for another machine. This program is how it was made; the C test checks every entry by another
 * way.
 *
 * Row i holds d * 2^(6 i) * G for d = 1, 3, 5, ..., 63, the last row (i = 42) for d = 1, 3, ..., 15 only: a
 * scalar has 256 bits, of which 4 are left there. A point is x and y, four limbs each, least significant first,
 * in the Montgomery form that the field code works in: x * 2^256 mod p. BearSSL does the multiplications. */
#include <bearssl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WINDOW 6
#define ROWS 43
#define FULL_ROW (1 << (WINDOW - 1))
#define LAST_ROW 8

/* p = 2^256 - 2^224 + 2^192 + 2^96 - 1 */
static const uint64_t prime[4] = { 0xffffffffffffffff, 0x00000000ffffffff, 0, 0xffffffff00000001 };

/* a = 2 a mod p, for a < p. */
static void twice(uint64_t a[4]) {
    uint64_t sum[4], less[4], carry = 0, borrow = 0;
    for (int i = 0; i < 4; i++) {
        sum[i] = a[i] << 1 | carry;
        carry = a[i] >> 63;
    }
    for (int i = 0; i < 4; i++) {
        uint64_t difference = sum[i] - prime[i];
        less[i] = difference - borrow;
        borrow = (sum[i] < prime[i]) | (difference < borrow);
    }
    memcpy(a, carry >= borrow ? less : sum, sizeof sum);
}

static void print_coordinate(const unsigned char bytes[32], const char *before, const char *after) {
    uint64_t a[4] = { 0 };
    for (int i = 0; i < 32; i++) {
        a[3 - i / 8] = a[3 - i / 8] << 8 | bytes[i];
    }
    for (int i = 0; i < 256; i++) {
        twice(a);
    }
    printf("%s0x%016llx, 0x%016llx, 0x%016llx, 0x%016llx%s", before, (unsigned long long)a[0],
           (unsigned long long)a[1], (unsigned long long)a[2], (unsigned long long)a[3], after);
}

int main(void) {
    printf("/* Written by gen_p256_table.c, which says what this is. */\n"
           "#define COMB_WINDOW %d\n#define COMB_ROWS %d\n#define COMB_FULL_ROW %d\n#define COMB_LAST_ROW %d\n\n"
           "static const affine comb_table[(COMB_ROWS - 1) * COMB_FULL_ROW + COMB_LAST_ROW] COMB_ALIGN = {\n",
           WINDOW, ROWS, FULL_ROW, LAST_ROW);
    for (int row = 0; row < ROWS; row++) {
        int count = row < ROWS - 1 ? FULL_ROW : LAST_ROW;
        for (int j = 0; j < count; j++) {
            unsigned char scalar[32] = { 0 }, point[65];
            /* d * 2^(6 i) over at most two bytes; it stays below 2^256 - 2^252 and so below the group order. */
            unsigned shift = (unsigned)(row * WINDOW), d = (unsigned)(2 * j + 1) << shift % 8;
            scalar[31 - shift / 8] = (unsigned char)d;
            if (d >> 8) {
                scalar[30 - shift / 8] = (unsigned char)(d >> 8);
            }
            if (br_ec_p256_m31.mulgen(point, scalar, sizeof scalar, BR_EC_secp256r1) != sizeof point) {
                return 1;
            }
            print_coordinate(point + 1, "    { { { ", " } },\n");
            print_coordinate(point + 33, "      { { ", " } } },\n");
        }
    }
    printf("};\n");
    return fflush(stdout) != 0 || ferror(stdout);
}
