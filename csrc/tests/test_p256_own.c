/* The inside of p256.c: its arithmetic against slow arithmetic of another make, its points against BearSSL,
 * every way that detection would choose from, and the cases that hardly ever come up: those of doubling and
 * of infinity, x coordinates beyond the group order, nonces that are thrown away. */
#ifndef RISE_P256_PLAIN
#define RISE_P256_PLAIN_TOO
#endif
#include "../core/p256.c"
#include "check.h"

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#if !defined(__has_feature)
#define TEST_STACK 1
#elif !__has_feature(address_sanitizer) && !__has_feature(memory_sanitizer)
#define TEST_STACK 1
#endif
#endif
#ifdef TEST_STACK
#include <ucontext.h>
#endif

/* ---- helpers ------------------------------------------------------------------------------------- */

/* The sets of processor features to go through: what this one has, in every combination. */
static unsigned ways[16];
static unsigned way_count;

static void find_ways(void) {
    unsigned i;

    for (i = 0; i < 16; i++) {
        unsigned cpu = CPU_ASKED | (i & 1 ? CPU_AVX2 : 0) | (i & 2 ? CPU_SHA : 0) | (i & 4 ? CPU_ADX : 0);

        if ((i & 8) != 0) {
            if ((i & 4) != 0 || !X86) {
                continue;
            }
            cpu |= CPU_PLAIN;
        }
        if ((cpu & ~(cpu_features() | CPU_PLAIN)) == 0) {
            ways[way_count++] = cpu;
        }
    }
    CHECK(way_count > 0);
}

/* xorshift64*, which is good enough to find carries with, and the same on every run. */
static uint64_t random64(void) {
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1d;
}

static void random_bytes(uint8_t *bytes, size_t len) {
    while (len-- != 0) {
        bytes[len] = (uint8_t)(random64() >> 56);
    }
}

static int below(const uint64_t a[4], const uint64_t m[4]) {
    uint64_t rest[4];

    return sub4(rest, a, m) != 0;
}

/* Below m, and now and then with limbs of nothing but zeros or ones. */
static void random_below(uint64_t r[4], const uint64_t m[4]) {
    do {
        unsigned i;

        for (i = 0; i < 4; i++) {
            const uint64_t choice = random64() >> 60;

            r[i] = choice == 0 ? 0 : choice == 1 ? ~(uint64_t)0 : choice == 2 ? m[i] : random64();
        }
    } while (!below(r, m));
}

static void random_scalar(scalar *r, const uint64_t m[4]) {
    do {
        random_below(r->v, m);
    } while (mask_if_in_range(r->v) == 0);
}

/* a + b mod m and a b mod m, digit by digit and bit by bit. */
typedef struct slow {
    uint32_t d[8];
} slow;

static slow to_slow(const uint64_t a[4]) {
    slow r;
    unsigned i;

    for (i = 0; i < 8; i++) {
        r.d[i] = (uint32_t)(a[i / 2] >> 32 * (i % 2));
    }
    return r;
}

static int same(slow a, slow b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Returns the borrow. */
static uint32_t slow_subtract(slow *r, slow a, slow b) {
    uint32_t borrow = 0;
    unsigned i;

    for (i = 0; i < 8; i++) {
        const uint64_t minus = (uint64_t)b.d[i] + borrow;

        borrow = a.d[i] < minus;
        r->d[i] = (uint32_t)(a.d[i] - minus);
    }
    return borrow;
}

static slow slow_add(slow a, slow b, slow m) {
    slow sum, less;
    uint64_t t = 0;
    unsigned i;

    for (i = 0; i < 8; i++) {
        t += (uint64_t)a.d[i] + b.d[i];
        sum.d[i] = (uint32_t)t;
        t >>= 32;
    }
    return slow_subtract(&less, sum, m) > t ? sum : less;
}

static slow slow_mul(slow a, slow b, slow m) {
    slow r = { { 0 } };
    int i;

    for (i = 255; i >= 0; i--) {
        r = slow_add(r, r, m);
        if ((b.d[i / 32] >> i % 32 & 1) != 0) {
            r = slow_add(r, a, m);
        }
    }
    return r;
}

/* 2^256 mod m, for m above 2^255 */
static slow slow_r(slow m) {
    slow zero = { { 0 } }, r;

    slow_subtract(&r, zero, m);
    return r;
}

static void negate_mod(uint64_t r[4], const uint64_t a[4], const uint64_t m[4]) {
    sub4(r, m, a);
}

/* k P by doubling and adding, for public points and nobody's clock. */
static void multiply(affine *r, const scalar *k, const affine *p) {
    jacobian sum;
    fe ratio, inverse, square;
    int i;

    memset(&sum, 0, sizeof sum);
    for (i = 255; i >= 0; i--) {
        jacobian_double(&sum, CPU_PLAIN);
        if ((k->v[i / 64] >> i % 64 & 1) != 0) {
            jacobian_add(&sum, p, 0, &ratio, CPU_PLAIN);
        }
    }
    CHECK(!fe_is_zero(&sum.z));
    fe_invert(&inverse, &sum.z);
    fe_sqr_plain(&square, &inverse);
    fe_mul_plain(&r->x, &sum.x, &square);
    fe_mul_plain(&square, &square, &inverse);
    fe_mul_plain(&r->y, &sum.y, &square);
}

static void point_to_bytes(uint8_t bytes[64], const affine *p) {
    uint64_t number[4];

    fe_to_number(number, &p->x);
    store4(bytes, number);
    fe_to_number(number, &p->y);
    store4(bytes + 32, number);
}

/* Products and inverses of scalars, all out of Montgomery form. */
static void scalar_product(scalar *r, const scalar *a, const scalar *b) {
    scalar_mul(r, a, b);
    scalar_mul(r, r, &scalar_square);
}

static void scalar_inverse(scalar *r, const scalar *a) {
    static const scalar one = { { 1, 0, 0, 0 } };
    fe unused;

    invert_both(&unused, &fe_one, r, a);
    scalar_mul(r, r, &one);
}

/* ---- field --------------------------------------------------------------------------------------- */

/* Residues at the edges: around 0, p, p / 2, 2^256 mod p and every power of two that p is made of. */
static unsigned edges(uint64_t list[96][4], const uint64_t m[4]) {
    static const uint64_t small[][4] = {
        { 0 }, { 1 }, { 2 }, { 3 }, { 0, 1 }, { 0, 0, 1 }, { 0, 0, 0, 1 }, { 0, 0x100000000 }, { 0, 0, 0, 0x100000000 },
        { 0xffffffffffffffff, 0xffffffff }, { 0xffffffffffffffff, 0xffffffffffffffff },
        { 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff }, { 0, 0, 0xffffffffffffffff },
        { 0xffffffffffffffff, 0, 0xffffffffffffffff }, { 0, 0xffffffffffffffff, 0, 0x7fffffffffffffff },
        { 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff },
        { 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff, 0xfffffffeffffffff },
        { 0, 0, 0, 0x8000000000000000 },
        { 0x5555555555555555, 0x5555555555555555, 0x5555555555555555, 0x5555555555555555 },
    };
    unsigned count = 0, i;

    for (i = 0; i < sizeof small / sizeof *small; i++) {
        memcpy(list[count++], small[i], sizeof small[i]);
        if (i != 0) {
            negate_mod(list[count++], small[i], m);
        }
    }
    /* 2^256 mod m, its neighbours, and halves of m */
    for (i = 0; i < 3; i++) {
        const uint64_t near[4] = { i }, one[4] = { 1 };
        uint64_t half[4] = { 0 }, zero[4] = { 0 };

        sub4(list[count], zero, m);
        add4(list[count], list[count], near);
        sub4(list[count], list[count], one);
        count++;
        half[0] = m[0] >> 1 | m[1] << 63;
        half[1] = m[1] >> 1 | m[2] << 63;
        half[2] = m[2] >> 1 | m[3] << 63;
        half[3] = m[3] >> 1;
        add4(half, half, near);
        memcpy(list[count++], half, sizeof half);
    }
    CHECK(count <= 96);
    return count;
}

/* All kinds of arithmetic on a and b agree with the slow one: a b is divided by 2^256, so multiply that back. */
static void check_field(const fe *a, const fe *b) {
    const slow m = to_slow(prime.v), x = to_slow(a->v), y = to_slow(b->v);
    const slow product = slow_mul(x, y, m), square = slow_mul(x, x, m), sum = slow_add(x, y, m), r = slow_r(m);
    int field;

    for (field = FIELD_PLAIN; field <= (X86 ? FIELD_ADX : FIELD_PLAIN); field++) {
        fe t;

        if (field == FIELD_ADX && (cpu_features() & CPU_ADX) == 0) {
            continue;
        }
        fe_mul(&t, a, b, field);
        CHECK(below(t.v, prime.v));
        CHECK(same(product, slow_mul(to_slow(t.v), r, m)));
        fe_sqr(&t, a, field);
        CHECK(same(square, slow_mul(to_slow(t.v), r, m)));
        fe_add(&t, a, b, field);
        CHECK(same(sum, to_slow(t.v)));
        fe_sub(&t, &t, b, field);
        CHECK(same(x, to_slow(t.v)));
        fe_sub(&t, a, b, field);
        CHECK(same(x, slow_add(to_slow(t.v), y, m)));
        /* Results may go where operands are. */
        t = *a;
        fe_mul(&t, &t, b, field);
        fe_mul(&t, &t, &fe_square, field);
        CHECK(same(product, to_slow(t.v)));
        t = *b;
        fe_mul(&t, a, &t, field);
        fe_mul(&t, &t, &fe_square, field);
        CHECK(same(product, to_slow(t.v)));
        t = *a;
        fe_sqr(&t, &t, field);
        fe_mul(&t, &t, &fe_square, field);
        CHECK(same(square, to_slow(t.v)));
    }
}

static void the_field_agrees_with_slow_arithmetic(void) {
    uint64_t list[96][4];
    const unsigned count = edges(list, prime.v);
    unsigned i, j;

    for (i = 0; i < count; i++) {
        for (j = 0; j < count; j++) {
            fe a, b;

            memcpy(&a, list[i], sizeof a);
            memcpy(&b, list[j], sizeof b);
            check_field(&a, &b);
        }
    }
    for (i = 0; i < 3000; i++) {
        fe a, b;

        random_below(a.v, prime.v);
        random_below(b.v, prime.v);
        check_field(&a, &b);
    }
}

/* Every residue whose limbs are patterns, with one of them and its square: the kinds of arithmetic among themselves. */
static void the_kinds_of_field_arithmetic_agree(void) {
#if X86
    static const uint64_t patterns[] = {
        0, 1, 2, 0xffffffff, 0x100000000, 0x8000000000000000, 0xffffffff00000000, 0xffffffff00000001,
        0xfffffffffffffffe, 0xffffffffffffffff
    };
    enum { PATTERNS = sizeof patterns / sizeof *patterns };
    unsigned i, total = PATTERNS * PATTERNS * PATTERNS * PATTERNS;
    fe last = fe_one;

    for (i = 0; i < total; i++) {
        const fe a = { { patterns[i % PATTERNS], patterns[i / PATTERNS % PATTERNS],
                         patterns[i / (PATTERNS * PATTERNS) % PATTERNS],
                         patterns[i / (PATTERNS * PATTERNS * PATTERNS)] } };
        fe x, y;
        int field;

        if (!below(a.v, prime.v)) {
            continue;
        }
        for (field = FIELD_X86; field <= ((cpu_features() & CPU_ADX) != 0 ? FIELD_ADX : FIELD_X86); field++) {
            fe_mul_plain(&x, &a, &last);
            fe_mul(&y, &a, &last, field);
            CHECK(memcmp(&x, &y, sizeof x) == 0);
            fe_sqr_plain(&x, &a);
            fe_sqr(&y, &a, field);
            CHECK(memcmp(&x, &y, sizeof x) == 0);
            fe_add_plain(&x, &a, &last);
            fe_add(&y, &a, &last, field);
            CHECK(memcmp(&x, &y, sizeof x) == 0);
            fe_sub_plain(&x, &last, &a);
            fe_sub(&y, &last, &a, field);
            CHECK(memcmp(&x, &y, sizeof x) == 0);
        }
        if ((random64() & 7) == 0) {
            last = a;
        }
    }
#endif
}

static void halving_undoes_doubling(void) {
    uint64_t list[96][4];
    const unsigned count = edges(list, prime.v);
    unsigned i;

    for (i = 0; i < count + 1000; i++) {
        fe a, b;

        if (i < count) {
            memcpy(&a, list[i], sizeof a);
        } else {
            random_below(a.v, prime.v);
        }
        fe_half(&b, &a);
        CHECK(below(b.v, prime.v));
        fe_add_plain(&b, &b, &b);
        CHECK(memcmp(&a, &b, sizeof a) == 0);
    }
}

static void field_constants_are_what_they_say(void) {
    const slow m = to_slow(prime.v), r = slow_r(m);
    uint8_t bytes[32];
    uint64_t number[4];
    fe b;

    CHECK(same(r, to_slow(fe_one.v)));
    CHECK(same(slow_mul(r, r, m), to_slow(fe_square.v)));
    read_hex(bytes, 32, "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
    CHECK(fe_from_bytes(&b, bytes));
    CHECK(memcmp(&b, &curve_b, sizeof b) == 0);
    fe_to_number(number, &b);
    store4(bytes, number);
    CHECK_HEX(bytes, 32, "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
    store4(bytes, prime.v);
    CHECK_HEX(bytes, 32, "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    CHECK(!fe_from_bytes(&b, bytes));
    bytes[31]--;
    CHECK(fe_from_bytes(&b, bytes));
}

/* ---- scalars ------------------------------------------------------------------------------------- */

static void scalars_agree_with_slow_arithmetic(void) {
    uint64_t list[96][4];
    const unsigned count = edges(list, order);
    const slow m = to_slow(order), r = slow_r(m);
    unsigned i, j;
    uint8_t bytes[32];

    store4(bytes, order);
    CHECK_HEX(bytes, 32, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    CHECK(order[0] * ORDER_INVERSE == ~(uint64_t)0);
    CHECK(same(slow_mul(r, r, m), to_slow(scalar_square.v)));
    for (i = 0; i < count; i++) {
        for (j = 0; j < count; j++) {
            scalar a, b, t;

            memcpy(&a, list[i], sizeof a);
            memcpy(&b, list[j], sizeof b);
            scalar_mul(&t, &a, &b);
            CHECK(mask_if_zero4(t.v) != 0 || mask_if_in_range(t.v) != 0);
            CHECK(same(slow_mul(to_slow(a.v), to_slow(b.v), m), slow_mul(to_slow(t.v), r, m)));
            scalar_add(&t, &a, &b);
            CHECK(same(slow_add(to_slow(a.v), to_slow(b.v), m), to_slow(t.v)));
        }
    }
}

static void ranges(void) {
    scalar a = { { 0 } }, t;

    CHECK(mask_if_in_range(a.v) == 0 && mask_if_high(a.v) == 0);
    a.v[0] = 1;
    CHECK(mask_if_in_range(a.v) == ~(uint64_t)0 && mask_if_high(a.v) == 0);
    memcpy(&a, half_order, sizeof a);
    CHECK(mask_if_high(a.v) == 0);
    scalar_add(&t, &a, &a);
    a.v[0]++;
    CHECK(mask_if_high(a.v) == ~(uint64_t)0);
    /* 2 (n - 1) / 2 = n - 1, which is in range, and n is not. */
    CHECK(mask_if_in_range(t.v) == ~(uint64_t)0);
    t.v[0]++;
    CHECK(memcmp(t.v, order, sizeof order) == 0 && mask_if_in_range(t.v) == 0);
    memset(&a, 0xff, sizeof a);
    CHECK(mask_if_in_range(a.v) == 0);
    scalar_reduce(&t, a.v);
    CHECK(mask_if_in_range(t.v) != 0);
}

/* ---- inversion ----------------------------------------------------------------------------------- */

static void check_inverse(const fe *a, const scalar *k) {
    const uint64_t one[4] = { 1 };
    fe x, y;
    scalar z;

    fe_invert(&x, a);
    invert_both(&y, a, &z, k);
    CHECK(memcmp(&x, &y, sizeof x) == 0);
    fe_mul_plain(&y, a, &x);
    if (mask_if_zero4(a->v) != 0) {
        CHECK(mask_if_zero4(x.v) != 0);
    } else {
        CHECK(memcmp(&y, &fe_one, sizeof y) == 0);
    }
    CHECK(mask_if_zero4(k->v) != 0 || mask_if_in_range(z.v) != 0);
    scalar_mul(&z, &z, k);
    CHECK(memcmp(z.v, mask_if_zero4(k->v) != 0 ? k->v : one, sizeof one) == 0);
}

static void inverses(void) {
    uint64_t list_p[96][4], list_n[96][4];
    const unsigned count = edges(list_p, prime.v);
    unsigned i, j;
    fe a;
    scalar k;

    CHECK(edges(list_n, order) == count);
    for (i = 0; i < count; i++) {
        memcpy(&a, list_p[i], sizeof a);
        memcpy(&k, list_n[i], sizeof k);
        check_inverse(&a, &k);
    }
    /* powers of two and their neighbours */
    for (i = 0; i < 256; i++) {
        for (j = 0; j < 3; j++) {
            const uint64_t near[4] = { j }, unit[4] = { 1 };

            memset(&k, 0, sizeof k);
            k.v[i / 64] = (uint64_t)1 << i % 64;
            sub4(k.v, k.v, unit);
            add4(k.v, k.v, near);
            memcpy(&a, &k, sizeof a);
            check_inverse(&a, &k);
        }
    }
    for (i = 0; i < 20000; i++) {
        random_below(a.v, prime.v);
        random_below(k.v, order);
        check_inverse(&a, &k);
    }
}

/* ---- points -------------------------------------------------------------------------------------- */

static const affine *generator(void) {
    return &comb_table[0];
}

/* Each entry from its neighbour, and each row from the one before: (d + 2) B = d B + 2 B, B' = 64 B. */
static void the_table_holds_what_it_should(void) {
    affine base, two, expected;
    scalar factor = { { 2 } };
    uint8_t bytes[64];
    unsigned row, i;

    point_to_bytes(bytes, generator());
    CHECK_HEX(bytes, 64, "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                         "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
    base = *generator();
    for (row = 0; row < COMB_ROWS; row++) {
        const affine *const entry = comb_table + row * COMB_FULL_ROW;
        const unsigned count = row == COMB_ROWS - 1 ? COMB_LAST_ROW : COMB_FULL_ROW;

        factor.v[0] = 2;
        multiply(&two, &factor, &base);
        expected = base;
        for (i = 0; i < count; i++) {
            jacobian sum;
            fe ratio;

            CHECK(is_on_curve(&entry[i]));
            CHECK(memcmp(&entry[i], &expected, sizeof expected) == 0);
            sum.x = expected.x;
            sum.y = expected.y;
            sum.z = fe_one;
            jacobian_add(&sum, &two, 0, &ratio, CPU_PLAIN);
            fe_invert(&ratio, &sum.z);
            fe_sqr_plain(&sum.z, &ratio);
            fe_mul_plain(&expected.x, &sum.x, &sum.z);
            fe_mul_plain(&sum.z, &sum.z, &ratio);
            fe_mul_plain(&expected.y, &sum.y, &sum.z);
        }
        factor.v[0] = (uint64_t)1 << COMB_WINDOW;
        multiply(&base, &factor, &base);
    }
    CHECK(sizeof comb_table / sizeof *comb_table == (COMB_ROWS - 1) * COMB_FULL_ROW + COMB_LAST_ROW);
}

static void oracle_public(uint8_t public_key[64], const uint8_t secret[32]) {
    uint8_t point[65];

    CHECK(br_ec_p256_m31.mulgen(point, secret, 32, BR_EC_secp256r1) == 65);
    memcpy(public_key, point + 1, 64);
}

static void check_public(const scalar *k) {
    uint8_t secret[32], expected[64], got[64];
    unsigned i;

    store4(secret, k->v);
    oracle_public(expected, secret);
    for (i = 0; i < way_count; i++) {
        CHECK(public_with(got, secret, ways[i]) == RISE_OK);
        CHECK(memcmp(got, expected, 64) == 0);
    }
}

static void multiples_of_the_generator(void) {
    uint64_t list[96][4];
    const unsigned count = edges(list, order);
    unsigned i, j;
    scalar k;

    for (i = 0; i < count; i++) {
        memcpy(&k, list[i], sizeof k);
        if (mask_if_in_range(k.v) != 0) {
            check_public(&k);
        }
    }
    /* 1 .. 140 and n - 140 .. n - 1, the one on which the comb ends with a doubling among them */
    for (i = 1; i <= 140; i++) {
        const uint64_t small[4] = { i };

        memcpy(&k, small, sizeof k);
        check_public(&k);
        negate_mod(k.v, small, order);
        check_public(&k);
    }
    /* Windows of all zeros and all ones, alone and between their opposites. */
    for (i = 0; i < 256; i += COMB_WINDOW) {
        for (j = 0; j < 4; j++) {
            static const uint64_t window[4] = { (1 << COMB_WINDOW) - 1, 0, 0, 0 };
            unsigned n;

            memcpy(&k, window, sizeof k);
            for (n = 0; n < i; n++) {
                add4(k.v, k.v, k.v);
            }
            if ((j & 1) != 0) {
                k.v[0] ^= 1;
            }
            if ((j & 2) != 0) {
                for (n = 0; n < 4; n++) {
                    k.v[n] = ~k.v[n];
                }
            }
            if (mask_if_in_range(k.v) != 0) {
                check_public(&k);
            }
        }
    }
    for (i = 0; i < 300; i++) {
        random_scalar(&k, order);
        check_public(&k);
    }
}

/* sum + entry where they are equal or opposite, for a sum with a ZZ of its own. */
static void check_addition(unsigned cpu, int opposite, int last) {
    comb w;
    fe scale, square, t;
    xyzz twice;

    memset(&w, 0, sizeof w);
    w.entry = comb_table[5];
    random_below(scale.v, prime.v);
    fe_sqr_plain(&square, &scale);
    w.sum.zz = square;
    fe_mul_plain(&w.sum.zzz, &square, &scale);
    fe_mul_plain(&w.sum.x, &w.entry.x, &w.sum.zz);
    fe_mul_plain(&w.sum.y, &w.entry.y, &w.sum.zzz);
    if (opposite) {
        fe_sub_plain(&w.sum.y, &prime, &w.sum.y);
    }
    comb_add(&w, last, cpu);
    if (opposite || !last) {
        CHECK(fe_is_zero(&w.sum.zz) && fe_is_zero(&w.sum.zzz));
        return;
    }
    /* 11 G twice is 22 G. */
    {
        const scalar factor = { { 22 } };
        affine expected;

        multiply(&expected, &factor, generator());
        twice = w.sum;
        fe_mul_plain(&t, &expected.x, &twice.zz);
        CHECK(memcmp(&t, &twice.x, sizeof t) == 0);
        fe_mul_plain(&t, &expected.y, &twice.zzz);
        CHECK(memcmp(&t, &twice.y, sizeof t) == 0);
        CHECK(!fe_is_zero(&twice.zz));
    }
}

static void the_comb_adds_equal_and_opposite_points(void) {
    unsigned i, n;

    for (i = 0; i < way_count; i++) {
        for (n = 0; n < 8; n++) {
            check_addition(ways[i], 0, 1);
            check_addition(ways[i], 1, 1);
            check_addition(ways[i], 1, 0);
            check_addition(ways[i], 0, 0);
        }
    }
}

/* 34 G really ends in a doubling: without `last`, the sum is lost. Its neighbours need no such care. */
static void thirty_four_is_special(void) {
    unsigned k;

    for (k = 1; k < 100; k++) {
        const scalar number = { { k } };
        comb w;
        unsigned i = COMB_ROWS - 1;

        comb_mul(&w, &number, CPU_ASKED);
        CHECK(!fe_is_zero(&w.sum.zz));
        /* The same digits once more, always without. */
        lookup(&w.entry, comb_table + i * COMB_FULL_ROW, COMB_LAST_ROW, w.digits[3] >> 60 & (COMB_LAST_ROW - 1));
        w.sum.x = w.entry.x;
        w.sum.y = w.entry.y;
        w.sum.zz = w.sum.zzz = fe_one;
        while (i-- != 0) {
            comb_lookup(&w, i, CPU_ASKED);
            comb_add(&w, 0, CPU_ASKED);
        }
        CHECK(fe_is_zero(&w.sum.zz) == (k == 34));
    }
}

static void lookups_find_every_entry(void) {
    unsigned i, way;

    for (way = 0; way < way_count; way++) {
        for (i = 0; i < COMB_FULL_ROW; i++) {
            affine entry;

            memset(&entry, 0xff, sizeof entry);
#if X86
            if ((ways[way] & CPU_AVX2) != 0) {
                x86_lookup(&entry, comb_table + 7 * COMB_FULL_ROW, COMB_FULL_ROW, i);
            } else
#endif
            {
                lookup(&entry, comb_table + 7 * COMB_FULL_ROW, COMB_FULL_ROW, i);
            }
            CHECK(memcmp(&entry, &comb_table[7 * COMB_FULL_ROW + i], sizeof entry) == 0);
        }
    }
}

/* ---- nonces -------------------------------------------------------------------------------------- */

/* BearSSL's HMAC_DRBG is RFC 6979's, so it also knows the candidates after the first. */
static void nonces_follow_each_other_as_in_an_hmac_drbg(void) {
    unsigned n, way, i;

    for (n = 0; n < 50; n++) {
        uint8_t seed[64], expected[32], got[32];
        br_hmac_drbg_context drbg;

        random_bytes(seed, sizeof seed);
        for (way = 0; way < way_count; way++) {
            nonce w;
            scalar k;

            br_hmac_drbg_init(&drbg, &br_sha256_vtable, seed, sizeof seed);
            nonce_start(&w, seed, seed + 32, ways[way]);
            for (i = 0; i < 4; i++) {
                nonce_next(&w, &k, ways[way]);
                store4(got, k.v);
                br_hmac_drbg_generate(&drbg, expected, sizeof expected);
                CHECK(memcmp(got, expected, 32) == 0);
                nonce_update(&w, 0, NULL, NULL, ways[way]);
            }
        }
    }
}

static void the_hash_agrees_with_bearssl(void) {
    unsigned n;

    for (n = 0; n < 200; n++) {
        uint8_t blocks[128], bytes[32], expected[32];
        uint32_t state[8];
        br_sha256_context context;
        unsigned way, i;

        random_bytes(blocks, sizeof blocks);
        random_bytes(bytes, sizeof bytes);
        br_sha256_init(&context);
        br_sha256_set_state(&context, bytes, 0);
        br_sha256_update(&context, blocks, 64 * (1 + n % 2));
        br_sha256_state(&context, expected);
        for (way = 0; way < way_count; way++) {
            uint8_t got[32];

            for (i = 0; i < 8; i++) {
                state[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16
                         | (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
            }
            sha256_blocks(state, blocks, 1 + n % 2, ways[way]);
            store_state(got, state);
            CHECK(memcmp(got, expected, 32) == 0);
        }
    }
}

/* ---- signatures ---------------------------------------------------------------------------------- */

static void oracle_sign(uint8_t sig[64], const uint8_t secret[32], const uint8_t digest[32]) {
    br_ec_private_key key;
    uint8_t copy[32];

    memcpy(copy, secret, 32);
    key.curve = BR_EC_secp256r1;
    key.x = copy;
    key.xlen = 32;
    CHECK(br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, digest, &key, sig) == 64);
    rise_p256_low_s(sig);
}

static void check_signature(const uint8_t secret[32], const uint8_t digest[32]) {
    uint8_t expected[64], got[64], public_key[64];
    unsigned i;

    oracle_sign(expected, secret, digest);
    oracle_public(public_key, secret);
    for (i = 0; i < way_count; i++) {
        const unsigned flip = (unsigned)(random64() % 512);

        CHECK(sign_with(got, secret, digest, ways[i]) == RISE_OK);
        CHECK(memcmp(got, expected, 64) == 0);
        CHECK(verify_with(public_key, digest, got, ways[i]) == RISE_OK);
        got[flip / 8] ^= (uint8_t)(1 << flip % 8);
        CHECK(verify_with(public_key, digest, got, ways[i]) == RISE_ESIGNATURE);
    }
}

static void signatures_are_bearssls(void) {
    uint64_t list[96][4];
    const unsigned count = edges(list, order);
    uint8_t secret[32], digest[32];
    unsigned i;

    for (i = 0; i < count; i++) {
        if (mask_if_in_range(list[i]) != 0) {
            store4(secret, list[i]);
            store4(digest, list[(i * 7 + 3) % count]);
            check_signature(secret, digest);
            memset(digest, i % 2 != 0 ? 0xff : 0, 32);
            check_signature(secret, digest);
            /* n, n + 1 and n - 1 as digests */
            store4(digest, order);
            digest[31] = (uint8_t)(digest[31] + i % 3 - 1);
            check_signature(secret, digest);
        }
    }
    for (i = 0; i < 200; i++) {
        scalar d;

        random_scalar(&d, order);
        store4(secret, d.v);
        random_bytes(digest, 32);
        check_signature(secret, digest);
    }
}

/* ---- verification -------------------------------------------------------------------------------- */

static rise_status verify_all(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t sig[64]) {
    const rise_status status = verify_with(public_key, digest, sig, ways[0]);
    unsigned i;

    for (i = 1; i < way_count; i++) {
        CHECK(verify_with(public_key, digest, sig, ways[i]) == status);
    }
    return status;
}

/* a^((p + 1) / 4) with (p + 1) / 4 = 2^254 - 2^222 + 2^190 + 2^94; 0 where that is no root. */
static int square_root(fe *r, const fe *a) {
    uint64_t exponent[4];
    fe x = fe_one, y;
    int i;

    exponent[0] = 0;
    exponent[1] = (uint64_t)1 << 30;
    exponent[2] = (uint64_t)1 << 62;
    exponent[3] = ((uint64_t)1 << 62) - ((uint64_t)1 << 30);
    for (i = 255; i >= 0; i--) {
        fe_sqr_plain(&x, &x);
        if ((exponent[i / 64] >> i % 64 & 1) != 0) {
            fe_mul_plain(&x, &x, a);
        }
    }
    fe_sqr_plain(&y, &x);
    *r = x;
    return memcmp(&y, a, sizeof y) == 0;
}

/* The point with this x, where there is one. */
static int lift(affine *point, const uint64_t x[4]) {
    fe three, t;

    memcpy(&t, x, sizeof t);
    fe_mul_plain(&point->x, &t, &fe_square);
    fe_add_plain(&three, &fe_one, &fe_one);
    fe_add_plain(&three, &three, &fe_one);
    fe_sqr_plain(&t, &point->x);
    fe_sub_plain(&t, &t, &three);
    fe_mul_plain(&t, &t, &point->x);
    fe_add_plain(&t, &t, &curve_b);
    return square_root(&point->y, &t);
}

static void affine_add(affine *r, const affine *a, const affine *b) {
    jacobian sum;
    fe ratio;

    sum.x = a->x;
    sum.y = a->y;
    sum.z = fe_one;
    jacobian_add(&sum, b, 0, &ratio, CPU_PLAIN);
    CHECK(!fe_is_zero(&sum.z));
    fe_invert(&ratio, &sum.z);
    fe_sqr_plain(&sum.z, &ratio);
    fe_mul_plain(&r->x, &sum.x, &sum.z);
    fe_mul_plain(&sum.z, &sum.z, &ratio);
    fe_mul_plain(&r->y, &sum.y, &sum.z);
}

/* The key to which R, r, s and z belong: Q = (s R - z G) / r. */
static void key_for(uint8_t public_key[64], const affine *big, const scalar *r, const scalar *s, const scalar *z) {
    affine sum, other, key;
    scalar t;

    negate_mod(t.v, z->v, order);
    multiply(&sum, s, big);
    multiply(&other, &t, generator());
    affine_add(&sum, &sum, &other);
    scalar_inverse(&t, r);
    multiply(&key, &t, &sum);
    point_to_bytes(public_key, &key);
}

/* Where R has an x of n or more, r is x - n. */
static void x_coordinates_beyond_the_order(void) {
    unsigned t, found = 0;

    for (t = 1; found < 4; t++) {
        const uint64_t small[4] = { t };
        const scalar r = { { t } };
        uint64_t x[4];
        scalar s, z;
        affine big;
        uint8_t public_key[64], digest[32], sig[64];

        add4(x, order, small);
        CHECK(below(x, prime.v));
        if (!lift(&big, x)) {
            continue;
        }
        found++;
        random_scalar(&s, half_order);
        random_scalar(&z, order);
        key_for(public_key, &big, &r, &s, &z);
        store4(digest, z.v);
        store4(sig, r.v);
        store4(sig + 32, s.v);
        CHECK(verify_all(public_key, digest, sig) == RISE_OK);
        /* r = x itself is out of range, and t + 1 is another point's. */
        store4(sig, x);
        CHECK(verify_all(public_key, digest, sig) == RISE_ESIGNATURE);
        store4(sig, small);
        sig[31]++;
        CHECK(verify_all(public_key, digest, sig) == RISE_ESIGNATURE);
    }
    /* The other way round: r + n = x + p is x in the field, but r is not x mod n. */
    for (t = 1, found = 0; found < 4; t++) {
        const uint64_t small[4] = { t };
        scalar r, s, z;
        affine big;
        uint8_t public_key[64], digest[32], sig[64];

        if (!lift(&big, small)) {
            continue;
        }
        found++;
        sub4(r.v, prime.v, order);
        add4(r.v, r.v, small);
        random_scalar(&s, half_order);
        random_scalar(&z, order);
        key_for(public_key, &big, &r, &s, &z);
        store4(digest, z.v);
        store4(sig, r.v);
        store4(sig + 32, s.v);
        CHECK(verify_all(public_key, digest, sig) == RISE_ESIGNATURE);
        /* With r = x, the same R makes a good signature. */
        memcpy(&r, small, sizeof r);
        key_for(public_key, &big, &r, &s, &z);
        store4(sig, small);
        CHECK(verify_all(public_key, digest, sig) == RISE_OK);
    }
}

static void scalars_of_signatures_are_checked(void) {
    uint8_t secret[32] = { 3 }, public_key[64], digest[32] = { 5 }, sig[64], bad[64];
    uint64_t s[4];

    CHECK(rise_p256_public(public_key, secret) == RISE_OK && rise_p256_sign(sig, secret, digest) == RISE_OK);
    CHECK(verify_all(public_key, digest, sig) == RISE_OK);
    /* n - s, 0, n and all ones for s; 0, n and all ones for r */
    memcpy(bad, sig, 64);
    load4(s, sig + 32);
    negate_mod(s, s, order);
    store4(bad + 32, s);
    CHECK(verify_all(public_key, digest, bad) == RISE_ESIGNATURE);
    memset(bad + 32, 0, 32);
    CHECK(verify_all(public_key, digest, bad) == RISE_ESIGNATURE);
    store4(bad + 32, order);
    CHECK(verify_all(public_key, digest, bad) == RISE_ESIGNATURE);
    memset(bad + 32, 0xff, 32);
    CHECK(verify_all(public_key, digest, bad) == RISE_ESIGNATURE);
    memcpy(bad, sig, 64);
    memset(bad, 0, 32);
    CHECK(verify_all(public_key, digest, bad) == RISE_ESIGNATURE);
    store4(bad, order);
    CHECK(verify_all(public_key, digest, bad) == RISE_ESIGNATURE);
    memset(bad, 0xff, 32);
    CHECK(verify_all(public_key, digest, bad) == RISE_ESIGNATURE);
}

/* r + q, r - q for r = q, -q and infinity, with a Z of its own: what random points never come to. */
static void public_points_meet_too(void) {
    const affine *const q = &comb_table[9];
    const scalar factor = { { 38 } };
    affine twice;
    unsigned i;

    multiply(&twice, &factor, generator());
    for (i = 0; i < 4 * way_count; i++) {
        const unsigned cpu = ways[i / 4];
        const int opposite = i % 4 / 2, minus = i % 2;
        jacobian r;
        fe z, t, ratio;

        random_below(z.v, prime.v);
        fe_sqr_plain(&t, &z);
        fe_mul_plain(&r.x, &q->x, &t);
        fe_mul_plain(&t, &t, &z);
        fe_mul_plain(&r.y, &q->y, &t);
        r.z = z;
        if (opposite) {
            fe_sub_plain(&r.y, &prime, &r.y);
        }
        jacobian_add(&r, q, minus, &ratio, cpu);
        if (opposite != minus) {
            /* q - q: infinity, which takes any point as it is, and stays what it is when doubled. */
            CHECK(fe_is_zero(&r.z));
            jacobian_double(&r, cpu);
            CHECK(fe_is_zero(&r.z));
            jacobian_add(&r, q, minus, &ratio, cpu);
            CHECK(memcmp(&r.x, &q->x, sizeof r.x) == 0 && memcmp(&r.z, &fe_one, sizeof r.z) == 0);
            fe_sub_plain(&t, &prime, &q->y);
            CHECK(memcmp(&r.y, minus ? &t : &q->y, sizeof t) == 0);
        } else {
            CHECK(!fe_is_zero(&r.z));
            fe_sqr_plain(&t, &r.z);
            fe_mul_plain(&z, &twice.x, &t);
            CHECK(memcmp(&z, &r.x, sizeof z) == 0);
            fe_mul_plain(&t, &t, &r.z);
            fe_mul_plain(&z, &twice.y, &t);
            if (opposite) {
                fe_sub_plain(&z, &prime, &z);
            }
            CHECK(memcmp(&z, &r.y, sizeof z) == 0);
        }
    }
}

/* u1 G = u2 Q, u1 G = -u2 Q, u1 = 0, and keys near the generator, on which the sums run into each other. */
static void sums_that_meet(void) {
    unsigned n;

    for (n = 0; n < 60; n++) {
        scalar d, k, r, s, z, t;
        comb w;
        fe x;
        uint64_t number[4];
        uint8_t public_key[64], secret[32], digest[32], sig[64];

        random_scalar(&d, order);
        random_scalar(&k, order);
        if (n < 40) {
            const scalar small = { { 1 + n / 2 } };

            d = small;
            if (n % 2 != 0) {
                negate_mod(d.v, small.v, order);
            }
        }
        store4(secret, d.v);
        oracle_public(public_key, secret);
        comb_mul(&w, &k, CPU_ASKED);
        fe_invert(&x, &w.sum.zz);
        fe_mul_plain(&x, &x, &w.sum.x);
        fe_to_number(number, &x);
        scalar_reduce(&r, number);
        scalar_product(&t, &r, &d);

        /* z = r d: both halves are the same point, and s = 2 r d / k. */
        scalar_add(&s, &t, &t);
        scalar_inverse(&z, &k);
        scalar_product(&s, &s, &z);
        store4(digest, t.v);
        store4(sig, r.v);
        store4(sig + 32, s.v);
        rise_p256_low_s(sig);
        CHECK(verify_all(public_key, digest, sig) == RISE_OK);

        /* z = -r d: they cancel, whatever s is. */
        negate_mod(z.v, t.v, order);
        store4(digest, z.v);
        CHECK(verify_all(public_key, digest, sig) == RISE_ESIGNATURE);

        /* z = 0: nothing but u2 Q, and s = r d / k. */
        scalar_inverse(&z, &k);
        scalar_product(&s, &t, &z);
        memset(digest, 0, 32);
        store4(sig + 32, s.v);
        rise_p256_low_s(sig);
        CHECK(verify_all(public_key, digest, sig) == RISE_OK);
        store4(digest, order);
        CHECK(verify_all(public_key, digest, sig) == RISE_OK);
        digest[31]++;
        CHECK(verify_all(public_key, digest, sig) == RISE_ESIGNATURE);
    }
}

static void points_are_checked_in_full(void) {
    uint8_t public_key[64], digest[32] = { 1 }, sig[64] = { 0 }, bad[64];
    const uint8_t secret[32] = { 9 };
    uint64_t x[4] = { 0 };
    affine point;
    unsigned t, wrapped = 0;

    CHECK(rise_p256_public(public_key, secret) == RISE_OK && rise_p256_sign(sig, secret, digest) == RISE_OK);
    CHECK(verify_all(public_key, digest, sig) == RISE_OK);
    /* x = 0 is on the curve; the signature is just not by that key. */
    CHECK(lift(&point, x));
    point_to_bytes(bad, &point);
    CHECK(verify_all(bad, digest, sig) == RISE_ESIGNATURE);
    /* The same points with p added to a coordinate, where that fits 256 bits. */
    for (t = 0; t < 40; t++) {
        x[0] = t;
        if (lift(&point, x)) {
            uint64_t more[4];

            point_to_bytes(bad, &point);
            CHECK(verify_all(bad, digest, sig) == RISE_ESIGNATURE);
            CHECK(add4(more, x, prime.v) == 0);
            store4(bad, more);
            CHECK(verify_all(bad, digest, sig) == RISE_EKEY);
            wrapped++;
        }
    }
    CHECK(wrapped > 5);
    memcpy(bad, public_key, 64);
    store4(bad + 32, prime.v);
    CHECK(verify_all(bad, digest, sig) == RISE_EKEY);
    memset(bad, 0xff, 32);
    CHECK(verify_all(bad, digest, sig) == RISE_EKEY);
    /* Off the curve; and the key's mirror image, which is on it. */
    for (t = 0; t < 512; t += 37) {
        memcpy(bad, public_key, 64);
        bad[t / 8] ^= (uint8_t)(1 << t % 8);
        CHECK(verify_all(bad, digest, sig) == RISE_EKEY);
    }
    load4(x, public_key + 32);
    negate_mod(x, x, prime.v);
    memcpy(bad, public_key, 64);
    store4(bad + 32, x);
    CHECK(verify_all(bad, digest, sig) == RISE_ESIGNATURE);
}

static void the_sum_of_digits_is_the_scalar(void) {
    uint64_t list[96][4];
    const unsigned count = edges(list, order);
    unsigned i, width;

    for (i = 0; i < count + 500; i++) {
        scalar k;

        if (i < count) {
            memcpy(&k, list[i], sizeof k);
        } else {
            random_below(k.v, order);
        }
        for (width = NAF_WINDOW; width <= COMB_NAF_WINDOW; width += COMB_NAF_WINDOW - NAF_WINDOW) {
            int8_t digits[NAF_DIGITS];
            scalar sum = { { 0 } };
            int at, quiet = 0;

            naf(digits, &k, width);
            for (at = NAF_DIGITS - 1; at >= 0; at--) {
                scalar_add(&sum, &sum, &sum);
                if (digits[at] != 0) {
                    const int size = digits[at] < 0 ? -digits[at] : digits[at];
                    const uint64_t small[4] = { (uint64_t)size };
                    scalar term;

                    CHECK(size % 2 == 1 && size < 1 << (width - 1));
                    CHECK(at == NAF_DIGITS - 1 || quiet == 0 || at + (int)width <= quiet);
                    CHECK(at / COMB_WINDOW < COMB_ROWS - 1 || size / 2 < COMB_LAST_ROW || width == NAF_WINDOW);
                    quiet = at;
                    memcpy(&term, small, sizeof term);
                    if (digits[at] < 0) {
                        negate_mod(term.v, small, order);
                    }
                    scalar_add(&sum, &sum, &term);
                }
            }
            CHECK(memcmp(&sum, &k, sizeof k) == 0);
        }
    }
}

/* ---- the stack ----------------------------------------------------------------------------------- */

#ifdef TEST_STACK
static uint8_t own_stack[1 << 18];
static ucontext_t here, there;
static uint8_t stack_secret[32], stack_digest[32], stack_sig[64], stack_public[64];

static void signs(void) {
    CHECK(rise_p256_sign(stack_sig, stack_secret, stack_digest) == RISE_OK);
}

static void derives(void) {
    CHECK(rise_p256_public(stack_public, stack_secret) == RISE_OK);
}

/* Leaves a copy of the secret behind, to show that it would be seen. */
static void leaves(void) {
    uint8_t copy[64];

    memcpy(copy, stack_secret, 32);
    memcpy(copy + 32, stack_secret, 32);
    __asm__ __volatile__("" : : "r"(copy) : "memory");
}

static void run_on_own_stack(void (*run)(void)) {
    memset(own_stack, 0x5a, sizeof own_stack);
    CHECK(getcontext(&there) == 0);
    there.uc_stack.ss_sp = own_stack;
    there.uc_stack.ss_size = sizeof own_stack;
    there.uc_link = &here;
    makecontext(&there, run, 0);
    CHECK(swapcontext(&here, &there) == 0);
}

static unsigned occurrences(const void *bytes) {
    unsigned count = 0;
    size_t i;

    for (i = 0; i + 8 <= sizeof own_stack; i++) {
        count += memcmp(own_stack + i, bytes, 8) == 0;
    }
    return count;
}

/* How often any 8 bytes of what a signature works with are there: the key and the nonce in all their forms. */
static unsigned leftovers(int signature) {
    const unsigned cpu = cpu_features();
    unsigned count = 0, i;
    uint8_t digest[32];
    scalar d, z, k, inverse;
    fe unused;
    nonce w;
    comb c;

    load4(d.v, stack_secret);
    for (i = 0; i < 4; i++) {
        count += occurrences(stack_secret + 8 * i) + occurrences(&d.v[i]);
    }
    if (!signature) {
        k = d;
    } else {
        load4(z.v, stack_digest);
        scalar_reduce(&z, z.v);
        store4(digest, z.v);
        nonce_start(&w, stack_secret, digest, cpu);
        nonce_next(&w, &k, cpu);
        for (i = 0; i < 32; i += 8) {
            count += occurrences(w.key + i) + occurrences(w.v + i);
        }
        for (i = 0; i < 8; i += 2) {
            count += occurrences(w.inner + i) + occurrences(w.outer + i);
        }
        invert_both(&unused, &fe_one, &inverse, &k);
        for (i = 0; i < 4; i++) {
            count += occurrences(&inverse.v[i]);
        }
    }
    comb_mul(&c, &k, cpu);
    scalar_negate_if(&inverse, &k, ~(uint64_t)0);
    for (i = 0; i < 4; i++) {
        count += occurrences(&k.v[i]) + occurrences(&inverse.v[i]) + occurrences(&c.digits[i]);
        count += occurrences(&c.entry.x.v[i]) + occurrences(&c.entry.y.v[i]);
        count += occurrences(&c.sum.x.v[i]) + occurrences(&c.sum.zz.v[i]);
        count += occurrences(&c.sum.y.v[i]) + occurrences(&c.sum.zzz.v[i]);
    }
    return count;
}
#endif

static void nothing_secret_stays_on_the_stack(void) {
#ifdef TEST_STACK
    unsigned i;

    for (i = 0; i < 20; i++) {
        random_bytes(stack_secret, 32);
        stack_secret[0] &= 0x7f;
        random_bytes(stack_digest, 32);
        run_on_own_stack(leaves);
        CHECK(leftovers(0) != 0);
        run_on_own_stack(signs);
        CHECK(leftovers(1) == 0);
        run_on_own_stack(derives);
        CHECK(leftovers(0) == 0);
    }
#endif
}

int main(void) {
    find_ways();
    the_field_agrees_with_slow_arithmetic();
    the_kinds_of_field_arithmetic_agree();
    halving_undoes_doubling();
    field_constants_are_what_they_say();
    scalars_agree_with_slow_arithmetic();
    ranges();
    inverses();
    the_table_holds_what_it_should();
    lookups_find_every_entry();
    the_comb_adds_equal_and_opposite_points();
    thirty_four_is_special();
    multiples_of_the_generator();
    the_hash_agrees_with_bearssl();
    nonces_follow_each_other_as_in_an_hmac_drbg();
    signatures_are_bearssls();
    x_coordinates_beyond_the_order();
    public_points_meet_too();
    sums_that_meet();
    points_are_checked_in_full();
    scalars_of_signatures_are_checked();
    the_sum_of_digits_is_the_scalar();
    nothing_secret_stays_on_the_stack();
    return 0;
}
