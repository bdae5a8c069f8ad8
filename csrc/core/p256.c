/* ECDSA on NIST P-256 (FIPS 186-4, SEC 1) with deterministic nonces (RFC 6979), from the limbs up:
 *
 *     words        four-limb numbers and masks
 *     field        arithmetic mod p in Montgomery form, with p's special shape
 *     scalars      arithmetic mod n in Montgomery form
 *     inversion    constant-time division steps (Bernstein and Yang 2019)
 *     comb         k G for a secret k, over a table of multiples of G
 *     nonce        SHA-256, HMAC, RFC 6979
 *     signatures   public key, sign, low s
 *     verification u1 G + u2 Q for public u1, u2 and Q
 *
 * Whatever depends on a private key or a nonce decides no branch and no address. Two things stand guard over
 * that: masks go through `barrier`, behind which the compiler cannot see that they are 0 or all ones and so
 * cannot turn them into branches; and ct_p256.c runs the code under memcheck with the secrets marked as
 * undefined. Verification sees public values only and takes the short way wherever there is one.
 *
 * Nothing is allocated, and the table is const. Secrets stand on the stack alone. Each function wipes the
 * structure it keeps them in, and the public ones wipe what lies below them as well (wipe_stack), since
 * compilers put copies of what finds no register there, and of what inner functions had at hand. */
#include <bearssl.h>
#include <string.h>

#include "core.h"

/* A compiler without 128-bit integers gets the other implementation. RISE_NO_INT128 makes any compiler one of these. */
#if !defined(__SIZEOF_INT128__) || defined(RISE_NO_INT128)
#include "p256_bearssl.c"
#else

/* One that has them is GCC, or takes its extensions. */
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

/* More than any call below a public function takes of the stack (see wipe_stack); about 4,000 bytes when optimised. */
#ifdef __OPTIMIZE__
#define STACK_DEPTH 6144
#else
#define STACK_DEPTH 40960
#endif
#define COMB_ALIGN __attribute__((aligned(64)))
__extension__ typedef unsigned __int128 uint128;

/* Marks where something computed from secrets becomes public: the outputs, and the fact that a number was
 * out of range. Nothing happens here; the constant-time check defines it to tell memcheck. */
#ifndef DECLASSIFY
#define DECLASSIFY(memory, len) ((void)0)
#endif

/* A residue a mod p stands as a * 2^256 mod p, always reduced: equal values have equal limbs, the least
 * significant first. */
typedef struct fe {
    uint64_t v[4];
} fe;

typedef struct affine {
    fe x, y;
} affine;

#include "p256_table.h"

/* What the processor has beyond the least x86-64, as far as it matters here. CPU_PLAIN is for tests: only plain C. */
enum { CPU_ASKED = 1, CPU_ADX = 2, CPU_AVX2 = 4, CPU_SHA = 8, CPU_PLAIN = 16 };

/* RISE_P256_PLAIN leaves out what is not plain C; RISE_P256_PLAIN_TOO keeps both, for programs that compare them. */
#if defined(__x86_64__) && !defined(RISE_P256_PLAIN)
#define X86 1
#include "p256_x86.h"
#else
#define X86 0
#endif
#if !X86 || defined(RISE_P256_PLAIN_TOO)
#define PLAIN 1
#else
#define PLAIN 0
#endif

/* ---- words --------------------------------------------------------------------------------------- */

/* The same value, of which the compiler knows nothing any more. */
static ALWAYS_INLINE uint64_t barrier(uint64_t x) {
    __asm__("" : "+r"(x));
    return x;
}

/* All ones for bit = 1, zero for bit = 0. */
static ALWAYS_INLINE uint64_t mask_of(uint64_t bit) {
    return barrier(0 - bit);
}

/* All ones where x = 0. */
static ALWAYS_INLINE uint64_t mask_if_zero(uint64_t x) {
    return mask_of(((x | (0 - x)) >> 63) ^ 1);
}

/* Arithmetic shift, which GCC and Clang make of >> on a signed number. */
static ALWAYS_INLINE uint64_t shift_signed(uint64_t x, unsigned by) {
    return (uint64_t)((int64_t)x >> by);
}

/* *t += a * b + carry; returns the new carry. It cannot overflow: (2^64 - 1)^2 + 2 (2^64 - 1) = 2^128 - 1. */
static ALWAYS_INLINE uint64_t mac(uint64_t *t, uint64_t a, uint64_t b, uint64_t carry) {
    uint128 x = (uint128)a * b + *t + carry;

    *t = (uint64_t)x;
    return (uint64_t)(x >> 64);
}

static ALWAYS_INLINE uint64_t add_carry(uint64_t *r, uint64_t a, uint64_t b, uint64_t carry) {
    uint128 x = (uint128)a + b + carry;

    *r = (uint64_t)x;
    return (uint64_t)(x >> 64);
}

static ALWAYS_INLINE uint64_t sub_borrow(uint64_t *r, uint64_t a, uint64_t b, uint64_t borrow) {
    uint128 x = (uint128)a - b - borrow;

    *r = (uint64_t)x;
    return (uint64_t)(x >> 64) & 1;
}

/* Four limbs, the least significant first; r may be a or b. Written out because compilers unroll at -O3 only. */
static ALWAYS_INLINE uint64_t add4(uint64_t r[4], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t carry = add_carry(&r[0], a[0], b[0], 0);

    carry = add_carry(&r[1], a[1], b[1], carry);
    carry = add_carry(&r[2], a[2], b[2], carry);
    return add_carry(&r[3], a[3], b[3], carry);
}

static ALWAYS_INLINE uint64_t sub4(uint64_t r[4], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t borrow = sub_borrow(&r[0], a[0], b[0], 0);

    borrow = sub_borrow(&r[1], a[1], b[1], borrow);
    borrow = sub_borrow(&r[2], a[2], b[2], borrow);
    return sub_borrow(&r[3], a[3], b[3], borrow);
}

/* r = a where the mask is all ones. */
static ALWAYS_INLINE void select4(uint64_t r[4], const uint64_t a[4], uint64_t mask) {
    r[0] ^= (r[0] ^ a[0]) & mask;
    r[1] ^= (r[1] ^ a[1]) & mask;
    r[2] ^= (r[2] ^ a[2]) & mask;
    r[3] ^= (r[3] ^ a[3]) & mask;
}

static ALWAYS_INLINE uint64_t mask_if_zero4(const uint64_t a[4]) {
    return mask_if_zero(a[0] | a[1] | a[2] | a[3]);
}

/* r = t mod m for t = carry * 2^256 + t[] below 2 m. r may be t. */
static ALWAYS_INLINE void reduce_once(uint64_t r[4], const uint64_t t[4], uint64_t carry, const uint64_t m[4]) {
    uint64_t less[4];
    uint64_t borrow = sub4(less, t, m);

    /* t < m exactly where the subtraction borrows more than the carry can pay. */
    uint64_t keep = mask_of(borrow & (carry ^ 1));
    r[0] = t[0];
    r[1] = t[1];
    r[2] = t[2];
    r[3] = t[3];
    select4(r, less, ~keep);
}

static void load4(uint64_t r[4], const uint8_t bytes[32]) {
    r[3] = rise_load_be64(bytes);
    r[2] = rise_load_be64(bytes + 8);
    r[1] = rise_load_be64(bytes + 16);
    r[0] = rise_load_be64(bytes + 24);
}

static void store4(uint8_t bytes[32], const uint64_t a[4]) {
    rise_store_be64(bytes, a[3]);
    rise_store_be64(bytes + 8, a[2]);
    rise_store_be64(bytes + 16, a[1]);
    rise_store_be64(bytes + 24, a[0]);
}

/* ---- field: mod p = 2^256 - 2^224 + 2^192 + 2^96 - 1 --------------------------------------------- */

static const fe prime = { { 0xffffffffffffffff, 0x00000000ffffffff, 0, 0xffffffff00000001 } };
static const fe fe_one = { { 0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe } };
/* 2^512 mod p: takes a number into Montgomery form. */
static const fe fe_square = { { 0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd } };
/* The curve is y^2 = x^3 - 3 x + b. */
static const fe curve_b = { { 0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834 } };

/* One step of Montgomery's reduction: t = (t + m p) / 2^64 with the m that makes the division exact. That m is t[0]
 * itself, as p is -1 mod 2^64, and
 *
 *     m p = m (2^256 - 2^224 + 2^192) + m 2^96 - m
 *
 * takes no multiplication: -m clears the lowest limb, m 2^96 lies across the next two, and the rest is the two-limb
 * number m 2^64 - m 2^32 + m on limbs 3 and 4. For t < 2^256 the result is below 2^192 + p < 2^256. */
static ALWAYS_INLINE void fe_reduce_limb(uint64_t t[4]) {
    uint64_t m = t[0], low, high, carry;

    carry = sub_borrow(&low, m, m << 32, 0);
    sub_borrow(&high, m, m >> 32, carry);
    carry = add_carry(&t[0], t[1], m << 32, 0);
    carry = add_carry(&t[1], t[2], m >> 32, carry);
    carry = add_carry(&t[2], t[3], low, carry);
    t[3] = high + carry;
}

/* r = t / 2^256 mod p for t < p 2^256. */
static ALWAYS_INLINE void fe_reduce(fe *r, uint64_t t[8]) {
    uint64_t carry;

    /* Four steps turn the lower half, a number below 2^256, into one of at most p; the upper half is below p. */
    fe_reduce_limb(t);
    fe_reduce_limb(t);
    fe_reduce_limb(t);
    fe_reduce_limb(t);
    carry = add4(t, t, t + 4);
    reduce_once(r->v, t, carry, prime.v);
}

static void fe_mul_plain(fe *r, const fe *a, const fe *b) {
    uint64_t t[8];
    uint64_t carry;

    t[0] = t[1] = t[2] = t[3] = 0;
    carry = mac(&t[0], a->v[0], b->v[0], 0);
    carry = mac(&t[1], a->v[1], b->v[0], carry);
    carry = mac(&t[2], a->v[2], b->v[0], carry);
    t[4] = mac(&t[3], a->v[3], b->v[0], carry);
    carry = mac(&t[1], a->v[0], b->v[1], 0);
    carry = mac(&t[2], a->v[1], b->v[1], carry);
    carry = mac(&t[3], a->v[2], b->v[1], carry);
    t[5] = mac(&t[4], a->v[3], b->v[1], carry);
    carry = mac(&t[2], a->v[0], b->v[2], 0);
    carry = mac(&t[3], a->v[1], b->v[2], carry);
    carry = mac(&t[4], a->v[2], b->v[2], carry);
    t[6] = mac(&t[5], a->v[3], b->v[2], carry);
    carry = mac(&t[3], a->v[0], b->v[3], 0);
    carry = mac(&t[4], a->v[1], b->v[3], carry);
    carry = mac(&t[5], a->v[2], b->v[3], carry);
    t[7] = mac(&t[6], a->v[3], b->v[3], carry);
    fe_reduce(r, t);
}

static void fe_sqr_plain(fe *r, const fe *a) {
    uint64_t t[8];
    uint64_t carry;
    uint128 x;

    /* The products of different limbs, once ... */
    t[1] = t[2] = t[3] = t[4] = t[5] = 0;
    carry = mac(&t[1], a->v[0], a->v[1], 0);
    carry = mac(&t[2], a->v[0], a->v[2], carry);
    t[4] = mac(&t[3], a->v[0], a->v[3], carry);
    carry = mac(&t[3], a->v[1], a->v[2], 0);
    t[5] = mac(&t[4], a->v[1], a->v[3], carry);
    t[6] = mac(&t[5], a->v[2], a->v[3], 0);
    /* ... doubled ... */
    t[7] = t[6] >> 63;
    t[6] = t[6] << 1 | t[5] >> 63;
    t[5] = t[5] << 1 | t[4] >> 63;
    t[4] = t[4] << 1 | t[3] >> 63;
    t[3] = t[3] << 1 | t[2] >> 63;
    t[2] = t[2] << 1 | t[1] >> 63;
    t[1] = t[1] << 1;
    /* ... and the squares. */
    x = (uint128)a->v[0] * a->v[0];
    t[0] = (uint64_t)x;
    carry = add_carry(&t[1], t[1], (uint64_t)(x >> 64), 0);
    x = (uint128)a->v[1] * a->v[1];
    carry = add_carry(&t[2], t[2], (uint64_t)x, carry);
    carry = add_carry(&t[3], t[3], (uint64_t)(x >> 64), carry);
    x = (uint128)a->v[2] * a->v[2];
    carry = add_carry(&t[4], t[4], (uint64_t)x, carry);
    carry = add_carry(&t[5], t[5], (uint64_t)(x >> 64), carry);
    x = (uint128)a->v[3] * a->v[3];
    carry = add_carry(&t[6], t[6], (uint64_t)x, carry);
    t[7] += (uint64_t)(x >> 64) + carry;
    fe_reduce(r, t);
}

static ALWAYS_INLINE void fe_add_plain(fe *r, const fe *a, const fe *b) {
    uint64_t t[4];
    uint64_t carry = add4(t, a->v, b->v);

    reduce_once(r->v, t, carry, prime.v);
}

static ALWAYS_INLINE void fe_sub_plain(fe *r, const fe *a, const fe *b) {
    uint64_t t[4];
    uint64_t mask = mask_of(sub4(t, a->v, b->v));
    /* p where the difference is negative, else 0 */
    uint64_t back[4] = { mask, mask >> 32, 0, mask & 0xffffffff00000001 };

    add4(r->v, t, back);
}

#if X86
static NOINLINE void fe_mul_x86(fe *r, const fe *a, const fe *b) {
    x86_mul(r->v, a->v, b->v);
}
#endif

/* The field arithmetic that formulas are compiled with. Those that time is spent in come once with each
 * kind, everything else with what any processor can do. */
enum { FIELD_PLAIN, FIELD_X86, FIELD_ADX };
#define FIELD_ANY (X86 ? FIELD_X86 : FIELD_PLAIN)

static ALWAYS_INLINE void fe_mul(fe *r, const fe *a, const fe *b, int field) {
#if X86
    if (field == FIELD_ADX) {
        adx_mul(r->v, a->v, b->v);
        return;
    }
    if (field == FIELD_X86) {
        fe_mul_x86(r, a, b);
        return;
    }
#endif
    (void)field;
    fe_mul_plain(r, a, b);
}

static ALWAYS_INLINE void fe_sqr(fe *r, const fe *a, int field) {
#if X86
    if (field == FIELD_ADX) {
        adx_sqr(r->v, a->v);
        return;
    }
    if (field == FIELD_X86) {
        fe_mul_x86(r, a, a);
        return;
    }
#endif
    (void)field;
    fe_sqr_plain(r, a);
}

static ALWAYS_INLINE void fe_add(fe *r, const fe *a, const fe *b, int field) {
#if X86
    if (field != FIELD_PLAIN) {
        x86_add(r->v, a->v, b->v);
        return;
    }
#endif
    (void)field;
    fe_add_plain(r, a, b);
}

static ALWAYS_INLINE void fe_sub(fe *r, const fe *a, const fe *b, int field) {
#if X86
    if (field != FIELD_PLAIN) {
        x86_sub(r->v, a->v, b->v);
        return;
    }
#endif
    (void)field;
    fe_sub_plain(r, a, b);
}

/* r = a / 2 */
static ALWAYS_INLINE void fe_half(fe *r, const fe *a) {
    uint64_t t[4];
    uint64_t mask = mask_of(a->v[0] & 1);
    uint64_t odd[4] = { mask, mask >> 32, 0, mask & 0xffffffff00000001 };
    uint64_t carry = add4(t, a->v, odd);

    r->v[0] = t[0] >> 1 | t[1] << 63;
    r->v[1] = t[1] >> 1 | t[2] << 63;
    r->v[2] = t[2] >> 1 | t[3] << 63;
    r->v[3] = t[3] >> 1 | carry << 63;
}

/* Out of Montgomery form: a / 2^256 mod p. */
static void fe_to_number(uint64_t r[4], const fe *a) {
    uint64_t t[8] = { 0 };
    fe number;

    memcpy(t, a->v, sizeof a->v);
    fe_reduce(&number, t);
    memcpy(r, number.v, sizeof number.v);
}

/* ---- scalars: mod n, the order of the group ------------------------------------------------------ */

/* Always reduced. Which are in Montgomery form (times 2^256 mod n) and which are not is said where it matters. */
typedef struct scalar {
    uint64_t v[4];
} scalar;

static const uint64_t order[4] = { 0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000 };
/* (n - 1) / 2, the highest s that counts as low */
static const uint64_t half_order[4] = {
    0x79dce5617e3192a8, 0xde737d56d38bcf42, 0x7fffffffffffffff, 0x7fffffff80000000
};
/* -1 / n mod 2^64 */
#define ORDER_INVERSE 0xccd1c8aaee00bc4f
/* 2^512 mod n */
static const scalar scalar_square = {
    { 0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620 }
};

/* t = (t + x a) / 2^64 mod n with one row and one step of Montgomery's reduction; below 2 n before and after. */
static ALWAYS_INLINE void scalar_row(uint64_t t[5], const uint64_t a[4], uint64_t x) {
    uint64_t top = 0, carry, m;

    carry = mac(&t[0], a[0], x, 0);
    carry = mac(&t[1], a[1], x, carry);
    carry = mac(&t[2], a[2], x, carry);
    carry = mac(&t[3], a[3], x, carry);
    /* t < 2 n + 2^64 n < 2^320: five limbs hold it. */
    t[4] += carry;
    m = t[0] * ORDER_INVERSE;
    carry = mac(&t[0], order[0], m, 0);
    carry = mac(&t[1], order[1], m, carry);
    carry = mac(&t[2], order[2], m, carry);
    carry = mac(&t[3], order[3], m, carry);
    top = add_carry(&t[4], t[4], carry, 0);
    t[0] = t[1];
    t[1] = t[2];
    t[2] = t[3];
    t[3] = t[4];
    t[4] = top;
}

/* r = a b / 2^256 mod n; b may be any four limbs, as long as a < n. r may be a or b. */
static void scalar_mul(scalar *r, const scalar *a, const scalar *b) {
    uint64_t t[5] = { 0 };

    scalar_row(t, a->v, b->v[0]);
    scalar_row(t, a->v, b->v[1]);
    scalar_row(t, a->v, b->v[2]);
    scalar_row(t, a->v, b->v[3]);
    reduce_once(r->v, t, t[4], order);
}

static void scalar_add(scalar *r, const scalar *a, const scalar *b) {
    uint64_t t[4];
    uint64_t carry = add4(t, a->v, b->v);

    reduce_once(r->v, t, carry, order);
}

/* r = a mod n for any four limbs: 2^256 < 2 n. */
static void scalar_reduce(scalar *r, const uint64_t a[4]) {
    reduce_once(r->v, a, 0, order);
}

/* r = n - a where the mask is all ones, else a; a is not 0. */
static void scalar_negate_if(scalar *r, const scalar *a, uint64_t mask) {
    scalar negative;

    sub4(negative.v, order, a->v);
    *r = *a;
    select4(r->v, negative.v, mask);
}

/* All ones where 0 < a < n. */
static uint64_t mask_if_in_range(const uint64_t a[4]) {
    uint64_t rest[4];

    return mask_of(sub4(rest, a, order)) & ~mask_if_zero4(a);
}

/* All ones where a > (n - 1) / 2. */
static uint64_t mask_if_high(const uint64_t a[4]) {
    uint64_t rest[4];

    return mask_of(sub4(rest, half_order, a));
}

/* ---- inversion ----------------------------------------------------------------------------------- */

/* Bernstein and Yang, "Fast constant-time gcd computation and modular inversion", 2019. With f odd, one
 * division step is
 *
 *     (delta, f, g) -> (1 - delta, g, (g - f) / 2)             where delta > 0 and g is odd
 *                      (1 + delta, f, (g + (g mod 2) f) / 2)   otherwise
 *
 * and enough of them bring g to 0 and f to the greatest common divisor, here +-1. Started at delta = 1/2 in
 * place of their 1, 590 steps are enough for 0 <= g <= f < 2^256: following the convex hull of all pairs (f,
 * g) that can be reached with each delta shows |g| < 1 after 590. (The paper's own bound for delta = 1 is
 * 741.)
 *
 * The steps look at the lowest bits of f and g alone. So 59 of them are done on single words, gathered in a
 * matrix
 *
 *     2^59 (f', g') = (u f + v g, q f + r g),     |u| + |v| <= 2^59,  |q| + |r| <= 2^59
 *
 * which is then applied to the full numbers, ten times. Along with f and g go d and e with
 *
 *     d x = f c,  e x = g c  (mod m)
 *
 * for the x to be inverted and a constant c, at first (f, g, d, e) = (m, x, 0, c). At the end d = +-c / x.
 * The division of d and e is one limb of Montgomery reduction: by 2^64 in place of 2^59, so that c loses a
 * factor of 2^5 with each matrix. The start value makes up for that and brings the result into Montgomery
 * form at the same time. */
#define BATCHES 10

typedef struct modulus {
    uint64_t m[4];
    uint64_t inverse;  /* -1 / m mod 2^64 */
    uint64_t start[4]; /* what e is at first: 2^50 times the c wanted at the end */
} modulus;

/* From a 2^256 to 2^256 / a: c = 2^512. */
static const modulus modulus_p = {
    { 0xffffffffffffffff, 0x00000000ffffffff, 0, 0xffffffff00000001 },
    1,
    { 0x000c000000140000, 0xffe8000000000000, 0xfffbffffffefffff, 0x000bffffffebffff },
};
/* From a, not in Montgomery form, to 2^256 / a: c = 2^256. */
static const modulus modulus_n = {
    { 0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000 },
    ORDER_INVERSE,
    { 0x3369d936671f2551, 0x581c8f6801f7de11, 0x00010c64154a7005, 0xfffffffefffc0001 },
};

/* Numbers of five limbs are in two's complement. */
typedef struct gcd {
    uint64_t f[5], g[5];
    uint64_t d[5], e[5];
} gcd;

typedef struct matrix {
    int64_t u, v, q, r;
} matrix;

/* The steps run on two packed words: f, u and v of one row of the matrix in F, g, q and r of the other in G.
 * All three are added, negated and halved alike, so that one instruction does the work of three. In F stands
 * the number
 *
 *     f - 2^21 u - 2^42 v
 *
 * where f has 21 bits with its sign and u, v are fractions scaled by 2^count, so that halving leaves them
 * whole. Every entry lies in (-2^count, 2^count], which the minus turns into [-2^20, 2^20), 21 bits again:
 * an entry of -2^i after i steps would need two rows that are equal, or opposite, before, but the
 * determinant is always 2^i. For the same reason no sum before it is halved leaves 64 bits. */
static ALWAYS_INLINE void divstep(uint64_t *zeta, uint64_t *f, uint64_t *g) {
    uint64_t positive = barrier(shift_signed(*zeta, 63)); /* delta > 0 */
    uint64_t odd = mask_of(*g & 1);

    /* g +- f where g is odd; then f = g, that is f + (g - f), where delta > 0 as well. */
    *g += ((*f ^ positive) - positive) & odd;
    positive &= odd;
    /* 1 - delta gives -zeta - 2, 1 + delta gives zeta - 1. */
    *zeta = (*zeta ^ positive) - 1;
    *f += *g & positive;
    *g = shift_signed(*g, 1);
}

#define LOW20 0xfffffu

/* Adding half a field's size to the field below carries its sign into the one above and leaves that exact. */
static ALWAYS_INLINE void unpack(int64_t *u, int64_t *v, uint64_t packed) {
    uint64_t both = shift_signed(packed + ((uint64_t)1 << 20), 21);
    uint64_t high = shift_signed(both + ((uint64_t)1 << 20), 21);

    *u = -(int64_t)(both - (high << 21));
    *v = -(int64_t)high;
}

/* a = b a */
static ALWAYS_INLINE void matrix_mul(matrix *a, const matrix *b) {
    matrix c = *a;

    a->u = b->u * c.u + b->v * c.q;
    a->v = b->u * c.v + b->v * c.r;
    a->q = b->q * c.u + b->r * c.q;
    a->r = b->q * c.v + b->r * c.r;
}

/* What changes while one batch of steps runs. */
typedef struct batch {
    uint64_t f, g; /* the lower ends of f and g, right in as many bits as there are steps left */
    uint64_t packed_f, packed_g;
    uint64_t zeta; /* -(delta + 1/2): a whole number, negative where delta > 0; kept from batch to batch */
    matrix total;
} batch;

static ALWAYS_INLINE void batch_pack(batch *b, unsigned count) {
    b->packed_f = (b->f & LOW20) - ((uint64_t)1 << (21 + count));
    b->packed_g = (b->g & LOW20) - ((uint64_t)1 << (42 + count));
}

/* Takes what the packed words have become into the matrix, and, with 20 steps at a time, to the lower ends. */
static ALWAYS_INLINE void batch_unpack(batch *b, int first) {
    const uint64_t f = b->f, g = b->g;
    matrix part;

    unpack(&part.u, &part.v, b->packed_f);
    unpack(&part.q, &part.r, b->packed_g);
    b->f = shift_signed((uint64_t)part.u * f + (uint64_t)part.v * g, 20);
    b->g = shift_signed((uint64_t)part.q * f + (uint64_t)part.r * g, 20);
    if (first) {
        b->total = part;
    } else {
        matrix_mul(&b->total, &part);
    }
}

/* `count` steps for one batch or, side by side, for two: each is one long chain of dependent operations, and
 * a processor that works on two of them takes hardly longer than for one. The copies are for the compiler,
 * to keep them in registers. */
static ALWAYS_INLINE void batch_steps(batch *a, batch *b, int both, unsigned count) {
    uint64_t zeta_a = a->zeta, f_a = a->packed_f, g_a = a->packed_g;
    uint64_t zeta_b = b->zeta, f_b = b->packed_f, g_b = b->packed_g;

    for (; count != 0; count--) {
        divstep(&zeta_a, &f_a, &g_a);
        if (both) {
            divstep(&zeta_b, &f_b, &g_b);
        }
    }
    a->zeta = zeta_a;
    a->packed_f = f_a;
    a->packed_g = g_a;
    if (both) {
        b->zeta = zeta_b;
        b->packed_f = f_b;
        b->packed_g = g_b;
    }
}

/* r = x a + y b for |x| + |y| <= 2^59. A negative factor is made positive and its number inverted, which
 * makes it -number - 1; the missing factor goes into the first carry. */
static ALWAYS_INLINE void combine(uint64_t r[5], const uint64_t a[5], int64_t x, const uint64_t b[5], int64_t y) {
    const uint64_t sx = barrier(shift_signed((uint64_t)x, 63));
    const uint64_t sy = barrier(shift_signed((uint64_t)y, 63));
    const uint64_t ax = ((uint64_t)x ^ sx) - sx;
    const uint64_t ay = ((uint64_t)y ^ sy) - sy;
    uint128 t = (uint128)(ax & sx) + (ay & sy);

    t += (uint128)(a[0] ^ sx) * ax;
    t += (uint128)(b[0] ^ sy) * ay;
    r[0] = (uint64_t)t;
    t >>= 64;
    t += (uint128)(a[1] ^ sx) * ax;
    t += (uint128)(b[1] ^ sy) * ay;
    r[1] = (uint64_t)t;
    t >>= 64;
    t += (uint128)(a[2] ^ sx) * ax;
    t += (uint128)(b[2] ^ sy) * ay;
    r[2] = (uint64_t)t;
    t >>= 64;
    t += (uint128)(a[3] ^ sx) * ax;
    t += (uint128)(b[3] ^ sy) * ay;
    r[3] = (uint64_t)t;
    r[4] = (uint64_t)(t >> 64) + (a[4] ^ sx) * ax + (b[4] ^ sy) * ay;
}

static ALWAYS_INLINE void shift59(uint64_t r[5], const uint64_t a[5]) {
    r[0] = a[0] >> 59 | a[1] << 5;
    r[1] = a[1] >> 59 | a[2] << 5;
    r[2] = a[2] >> 59 | a[3] << 5;
    r[3] = a[3] >> 59 | a[4] << 5;
    r[4] = shift_signed(a[4], 59);
}

/* r = (t + k m) / 2^64 for the k in [0, 2^64) that makes the division exact. With |d|, |e| < m (1 + 1/31)
 * before, the combined t is below 2^59 m (1 + 1/31), and so r lies between -m / 31 and m (1 + 1/31): within
 * the bound again, without any correction. */
static ALWAYS_INLINE void divide64(uint64_t r[5], const uint64_t a[5], const modulus *mod) {
    uint64_t t0 = a[0];
    uint64_t k = a[0] * mod->inverse;
    uint64_t carry;

    r[0] = a[1];
    r[1] = a[2];
    r[2] = a[3];
    carry = mac(&t0, k, mod->m[0], 0);
    carry = mac(&r[0], k, mod->m[1], carry);
    carry = mac(&r[1], k, mod->m[2], carry);
    carry = mac(&r[2], k, mod->m[3], carry);
    r[4] = shift_signed(a[4], 63);
    r[4] += add_carry(&r[3], a[4], carry, 0);
}

static ALWAYS_INLINE void gcd_start(gcd *s, const modulus *mod, const uint64_t x[4]) {
    memset(s, 0, sizeof *s);
    memcpy(s->f, mod->m, sizeof mod->m);
    memcpy(s->g, x, sizeof mod->m);
    memcpy(s->e, mod->start, sizeof mod->m);
}

static NOINLINE void gcd_apply(gcd *s, const modulus *mod, const matrix *m) {
    uint64_t f[5], g[5];

    combine(f, s->f, m->u, s->g, m->v);
    combine(g, s->f, m->q, s->g, m->r);
    shift59(s->f, f);
    shift59(s->g, g);
    combine(f, s->d, m->u, s->e, m->v);
    combine(g, s->d, m->q, s->e, m->r);
    divide64(s->d, f, mod);
    divide64(s->e, g, mod);
}

/* f is 1 or -1 now (m for x = 0, where d = 0): the result is d or -d, reduced. */
static NOINLINE void gcd_finish(uint64_t r[4], const gcd *s, const modulus *mod) {
    const uint64_t sign = barrier(s->f[4]);
    const uint64_t *m = mod->m;
    uint64_t t[5], carry, back;

    /* -d is ~d + 1; it lies between -m (1 + 1/31) and m / 31, and one m more puts both cases where d is. */
    carry = add_carry(&t[0], s->d[0] ^ sign, sign & 1, 0);
    carry = add_carry(&t[1], s->d[1] ^ sign, 0, carry);
    carry = add_carry(&t[2], s->d[2] ^ sign, 0, carry);
    carry = add_carry(&t[3], s->d[3] ^ sign, 0, carry);
    t[4] = (s->d[4] ^ sign) + carry;
    carry = add_carry(&t[0], t[0], m[0] & sign, 0);
    carry = add_carry(&t[1], t[1], m[1] & sign, carry);
    carry = add_carry(&t[2], t[2], m[2] & sign, carry);
    carry = add_carry(&t[3], t[3], m[3] & sign, carry);
    t[4] += carry;
    /* Negative, or m and more, but by less than m. */
    back = barrier(shift_signed(t[4], 63));
    carry = add_carry(&t[0], t[0], m[0] & back, 0);
    carry = add_carry(&t[1], t[1], m[1] & back, carry);
    carry = add_carry(&t[2], t[2], m[2] & back, carry);
    carry = add_carry(&t[3], t[3], m[3] & back, carry);
    reduce_once(r, t, t[4] + carry, m);
}

/* rp = 2^512 / xp mod p and, where wanted, rn = 2^256 / xn mod n. */
static ALWAYS_INLINE void invert(uint64_t rp[4], const uint64_t xp[4], uint64_t rn[4], const uint64_t xn[4],
                                 int both) {
    struct {
        gcd p, n;
        batch for_p, for_n;
    } w;
    int i, part;

    gcd_start(&w.p, &modulus_p, xp);
    if (both) {
        gcd_start(&w.n, &modulus_n, xn);
    }
    w.for_p.zeta = w.for_n.zeta = (uint64_t)0 - 1;
    w.for_n.packed_f = w.for_n.packed_g = 0;
    for (i = 0; i < BATCHES; i++) {
        w.for_p.f = w.p.f[0];
        w.for_p.g = w.p.g[0];
        if (both) {
            w.for_n.f = w.n.f[0];
            w.for_n.g = w.n.g[0];
        }
        for (part = 0; part < 3; part++) {
            const unsigned count = part < 2 ? 20 : 19; /* 59 in all */

            batch_pack(&w.for_p, count);
            if (both) {
                batch_pack(&w.for_n, count);
            }
            batch_steps(&w.for_p, &w.for_n, both, count);
            batch_unpack(&w.for_p, part == 0);
            if (both) {
                batch_unpack(&w.for_n, part == 0);
            }
        }
        gcd_apply(&w.p, &modulus_p, &w.for_p.total);
        if (both) {
            gcd_apply(&w.n, &modulus_n, &w.for_n.total);
        }
    }
    gcd_finish(rp, &w.p, &modulus_p);
    if (both) {
        gcd_finish(rn, &w.n, &modulus_n);
    }
    rise_wipe(&w, sizeof w);
}

/* r = 1 / a, and 0 for 0. r may be a. */
static NOINLINE void fe_invert(fe *r, const fe *a) {
    invert(r->v, a->v, NULL, NULL, 0);
}

/* The same, and rn = 1 / n as a scalar in Montgomery form of an n that is not. */
static NOINLINE void invert_both(fe *r, const fe *a, scalar *rn, const scalar *n) {
    invert(r->v, a->v, rn->v, n->v, 1);
}

/* ---- comb ---------------------------------------------------------------------------------------- */

/* x = X / ZZ, y = Y / ZZZ with ZZ^3 = ZZZ^2 ("xyzz" in the Explicit-Formulas Database): an addition takes
 * ten multiplications, one less than with Jacobian coordinates, and the comb never doubles. ZZ = 0 is the
 * point at infinity. */
typedef struct xyzz {
    fe x, y, zz, zzz;
} xyzz;

/* Everything of k G that depends on k. */
typedef struct comb {
    xyzz sum;
    affine entry;
    uint64_t digits[4];
    uint64_t negated; /* all ones where the sum is that of n - k */
    xyzz twice;
    fe u, s, p, r, pp, ppp, q;
} comb;

/* The product of the base point with any k in 1 .. n - 1, as a sum of one table entry from each row.
 *
 * Let K be k or n - k, whichever is odd (n is odd). An odd number below 2^256 is sum b_j 2^j for j = 0 ..
 * 255 with all b_j = +-1 (Hamburg, "Fast and compact elliptic-curve cryptography", 2012), and the signs are
 * the bits of (K + 2^256 - 1) / 2, which is K >> 1 with bit 255 set. Six signs make one odd digit between
 * -63 and 63, so that no digit is zero and every row gives a point: the table holds the positive ones. Four
 * signs are left for the last row; the highest of them is always plus.
 *
 * Adding from the highest row down, no sum meets the cases in which the addition below fails, but in one
 * place. Let S be the sum before row i and D the term to be added, as whole numbers. S is positive, below
 * 2^256, and a multiple of 2^(6 i + 6), while |D| < 2^(6 i + 6): neither S = D nor S = -D. Modulo n they
 * could only be equal with S - D = n or opposite with S + D = n; all three numbers are multiples of 2^(6 i),
 * and n is odd, so i = 0. There S + D = K < n, but S - D = n is possible: it happens for K = n - 34. So the
 * last addition is the one that must also know how to double. */

/* sum += entry. Opposite points give infinity (ZZ = 0) by the formula itself; equal ones need `last`.
 *     U = x ZZ, S = y ZZZ, P = U - X, R = S - Y, Q = X P^2
 *     X' = R^2 - P^3 - 2 Q, Y' = R (Q - X') - Y P^3, ZZ' = ZZ P^2, ZZZ' = ZZZ P^3
 * in an order in which neighbours do not wait for each other. */
static ALWAYS_INLINE void comb_add_as(comb *w, int last, int field) {
    xyzz *const sum = &w->sum;
    const affine *const entry = &w->entry;
    uint64_t same = 0;

    fe_mul(&w->u, &entry->x, &sum->zz, field);
    fe_mul(&w->s, &entry->y, &sum->zzz, field);
    fe_sub(&w->p, &w->u, &sum->x, field);
    fe_sub(&w->r, &w->s, &sum->y, field);
    if (last) {
        /* The entry doubled: U = 2 y, V = U^2, W = U V, S = x V, M = 3 (x^2 - 1); X = M^2 - 2 S, Y = M (S -
         * X) - W y, ZZ = V, ZZZ = W. y is not 0, as there is no point of order 2. */
        xyzz *const twice = &w->twice;

        same = mask_if_zero4(w->p.v) & mask_if_zero4(w->r.v);
        fe_add(&w->u, &entry->y, &entry->y, field);
        fe_sqr(&twice->zz, &w->u, field);
        fe_mul(&twice->zzz, &w->u, &twice->zz, field);
        fe_mul(&w->s, &entry->x, &twice->zz, field);
        fe_sqr(&w->u, &entry->x, field);
        fe_sub(&w->u, &w->u, &fe_one, field);
        fe_add(&w->q, &w->u, &w->u, field);
        fe_add(&w->u, &w->u, &w->q, field);
        fe_sqr(&twice->x, &w->u, field);
        fe_sub(&twice->x, &twice->x, &w->s, field);
        fe_sub(&twice->x, &twice->x, &w->s, field);
        fe_sub(&w->s, &w->s, &twice->x, field);
        fe_mul(&w->s, &w->s, &w->u, field);
        fe_mul(&w->u, &twice->zzz, &entry->y, field);
        fe_sub(&twice->y, &w->s, &w->u, field);
    }
    fe_sqr(&w->pp, &w->p, field);
    fe_sqr(&w->s, &w->r, field);
    fe_mul(&w->ppp, &w->p, &w->pp, field);
    fe_mul(&w->q, &sum->x, &w->pp, field);
    fe_sub(&sum->x, &w->s, &w->ppp, field);
    fe_sub(&sum->x, &sum->x, &w->q, field);
    fe_sub(&sum->x, &sum->x, &w->q, field);
    fe_mul(&sum->zz, &sum->zz, &w->pp, field);
    fe_sub(&w->q, &w->q, &sum->x, field);
    fe_mul(&w->u, &w->ppp, &sum->y, field);
    fe_mul(&w->q, &w->q, &w->r, field);
    fe_mul(&sum->zzz, &sum->zzz, &w->ppp, field);
    fe_sub(&sum->y, &w->q, &w->u, field);
    if (last) {
        select4(sum->x.v, w->twice.x.v, same);
        select4(sum->y.v, w->twice.y.v, same);
        select4(sum->zz.v, w->twice.zz.v, same);
        select4(sum->zzz.v, w->twice.zzz.v, same);
    }
}

#if X86
static NOINLINE void comb_add_adx(comb *w, int last) {
    comb_add_as(w, last, FIELD_ADX);
}

static NOINLINE void comb_add_x86(comb *w, int last) {
    comb_add_as(w, last, FIELD_X86);
}
#endif
#if PLAIN
static NOINLINE void comb_add_plain(comb *w, int last) {
    comb_add_as(w, last, FIELD_PLAIN);
}
#endif

static void comb_add(comb *w, int last, unsigned cpu) {
#if PLAIN
    if (!X86 || (cpu & CPU_PLAIN) != 0) {
        comb_add_plain(w, last);
        return;
    }
#endif
#if X86
    if ((cpu & CPU_ADX) != 0) {
        comb_add_adx(w, last);
    } else {
        comb_add_x86(w, last);
    }
#endif
}

/* r = entry `index` of a row of `count`. All of them are read, in the same order, and masked. Two limbs at a
 * time make one instruction of most processors, and compilers see that on their own at -O3 only. */
static void lookup(affine *r, const affine *row, unsigned count, uint64_t index) {
    typedef uint64_t pair __attribute__((vector_size(16), aligned(8), may_alias));
    pair x0 = { 0, 0 }, x1 = { 0, 0 }, y0 = { 0, 0 }, y1 = { 0, 0 };
    pair *const out = (pair *)(void *)r;
    unsigned i;

    for (i = 0; i < count; i++) {
        const uint64_t same = mask_if_zero(i ^ index);
        const pair mask = { same, same };
        const pair *const in = (const pair *)(const void *)(row + i);

        x0 |= in[0] & mask;
        x1 |= in[1] & mask;
        y0 |= in[2] & mask;
        y1 |= in[3] & mask;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = y0;
    out[3] = y1;
}

/* w->entry = +-entry of row i, after the six signs there. */
static void comb_lookup(comb *w, unsigned i, unsigned cpu) {
    const affine *const row = comb_table + i * COMB_FULL_ROW;
    const unsigned at = i * COMB_WINDOW, limb = at / 64, shift = at % 64;
    const uint64_t half = COMB_FULL_ROW; /* the sign of the highest of the six */
    uint64_t digit = w->digits[limb] >> shift;
    uint64_t minus;

    if (shift > 64 - COMB_WINDOW) {
        digit |= w->digits[limb + 1] << (64 - shift);
    }
    /* Six signs as a number v mean the digit 2 v - 63: entry v - 32 from v = 32 up, entry 31 - v negated below. */
    minus = mask_of((digit / half & 1) ^ 1);
    digit = (digit ^ minus) & (half - 1);
#if X86
    if ((cpu & CPU_AVX2) != 0) {
        x86_lookup(&w->entry, row, COMB_FULL_ROW, digit);
    } else
#endif
    {
        lookup(&w->entry, row, COMB_FULL_ROW, digit);
    }
    (void)cpu;
    /* -y is p - y, also here: y is not 0. */
    sub4(w->q.v, prime.v, w->entry.y.v);
    select4(w->entry.y.v, w->q.v, minus);
}

/* w->sum = k G, or (n - k) G where w->negated says so, for 0 < k < n. The caller wipes w. */
static void comb_mul(comb *w, const scalar *k, unsigned cpu) {
    scalar odd;
    unsigned i = COMB_ROWS - 1;

    w->negated = mask_of((k->v[0] & 1) ^ 1);
    scalar_negate_if(&odd, k, w->negated);
    w->digits[0] = odd.v[0] >> 1 | odd.v[1] << 63;
    w->digits[1] = odd.v[1] >> 1 | odd.v[2] << 63;
    w->digits[2] = odd.v[2] >> 1 | odd.v[3] << 63;
    w->digits[3] = odd.v[3] >> 1 | (uint64_t)1 << 63;

    lookup(&w->entry, comb_table + i * COMB_FULL_ROW, COMB_LAST_ROW,
           w->digits[3] >> (i * COMB_WINDOW % 64) & (COMB_LAST_ROW - 1));
    w->sum.x = w->entry.x;
    w->sum.y = w->entry.y;
    w->sum.zz = fe_one;
    w->sum.zzz = fe_one;
    while (i-- != 0) {
        comb_lookup(w, i, cpu);
        comb_add(w, i == 0, cpu);
    }
}

/* ---- nonce --------------------------------------------------------------------------------------- */

/* RFC 6979, 3.2, with HMAC-SHA-256 and nothing added to the entropy. HMAC begins with a block made of the
 * key, once for each of its two hashes; the states after it are kept as long as the key stays the same. */
typedef struct nonce {
    uint32_t inner[8], outer[8];
    uint32_t state[8];
    uint8_t key[32];
    uint8_t v[32];
    uint8_t block[128];
} nonce;

static const uint32_t sha256_start[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
};
/* The two states for the key of zeros that step d. begins with. */
static const uint32_t zero_inner[8] = {
    0xf454dead, 0x9725214f, 0x90daf2a0, 0xdf1228ea, 0x64e5750f, 0xa3924181, 0x824a932b, 0xf8e04e32
};
static const uint32_t zero_outer[8] = {
    0xd385480f, 0x7abb6477, 0x37c9c538, 0x5dd82467, 0x8e043a72, 0x753434b0, 0xdeb82818, 0x361d45a6
};

static void store_state(uint8_t bytes[32], const uint32_t state[8]) {
    int i;

    for (i = 0; i < 4; i++) {
        rise_store_be64(bytes + 8 * i, (uint64_t)state[2 * i] << 32 | state[2 * i + 1]);
    }
}

/* SHA-256's compression of `count` blocks. */
static void sha256_blocks(uint32_t state[8], const uint8_t *block, size_t count, unsigned cpu) {
    br_sha256_context context;
    uint8_t bytes[32];
    int i;

#if X86
    if ((cpu & CPU_SHA) != 0) {
        x86_sha256(state, block, count);
        return;
    }
#endif
    (void)cpu;
    store_state(bytes, state);
    br_sha256_init(&context);
    br_sha256_set_state(&context, bytes, 0);
    br_sha256_update(&context, block, 64 * count);
    br_sha256_state(&context, bytes);
    for (i = 0; i < 4; i++) {
        uint64_t two = rise_load_be64(bytes + 8 * i);

        state[2 * i] = (uint32_t)(two >> 32);
        state[2 * i + 1] = (uint32_t)two;
    }
    rise_wipe(&context, sizeof context);
    rise_wipe(bytes, sizeof bytes);
}

/* Hashes the first `len` bytes of the block (at most 119), which stand behind one block already hashed. */
static void sha256_end(nonce *n, const uint32_t start[8], size_t len, uint8_t hash[32], unsigned cpu) {
    const size_t count = len + 9 <= 64 ? 1 : 2;

    n->block[len] = 0x80;
    memset(n->block + len + 1, 0, 64 * count - len - 9);
    rise_store_be64(n->block + 64 * count - 8, 8 * (64 + (uint64_t)len));
    memcpy(n->state, start, sizeof n->state);
    sha256_blocks(n->state, n->block, count, cpu);
    store_state(hash, n->state);
}

/* out = HMAC of the first `len` bytes of the block. */
static void hmac(nonce *n, size_t len, uint8_t out[32], unsigned cpu) {
    sha256_end(n, n->inner, len, n->block, cpu);
    sha256_end(n, n->outer, 32, out, cpu);
}

static void hmac_key(nonce *n, unsigned cpu) {
    int i;

    memset(n->block, 0x36, 64);
    for (i = 0; i < 32; i++) {
        n->block[i] ^= n->key[i];
    }
    memcpy(n->inner, sha256_start, sizeof n->inner);
    sha256_blocks(n->inner, n->block, 1, cpu);
    for (i = 0; i < 64; i++) {
        n->block[i] ^= 0x36 ^ 0x5c;
    }
    memcpy(n->outer, sha256_start, sizeof n->outer);
    sha256_blocks(n->outer, n->block, 1, cpu);
}

/* K = HMAC_K(V || step || secret || digest) and V = HMAC_K(V), step 0 or 1: d. and e., or f. and g.
 * Where a candidate fails (h. 3.), the message is V || 0 alone. */
static void nonce_update(nonce *n, uint8_t step, const uint8_t *secret, const uint8_t *digest, unsigned cpu) {
    size_t len = 33;

    memcpy(n->block, n->v, 32);
    n->block[32] = step;
    if (secret != NULL) {
        memcpy(n->block + 33, secret, 32);
        memcpy(n->block + 65, digest, 32);
        len = 97;
    }
    hmac(n, len, n->key, cpu);
    hmac_key(n, cpu);
    memcpy(n->block, n->v, 32);
    hmac(n, 32, n->v, cpu);
}

/* `digest` is reduced mod n already ("bits2octets"). */
static void nonce_start(nonce *n, const uint8_t secret[32], const uint8_t digest[32], unsigned cpu) {
    memset(n->v, 1, sizeof n->v);
    memcpy(n->inner, zero_inner, sizeof n->inner);
    memcpy(n->outer, zero_outer, sizeof n->outer);
    nonce_update(n, 0, secret, digest, cpu);
    nonce_update(n, 1, secret, digest, cpu);
}

/* The next k in 1 .. n - 1. A candidate out of range (one in 2^32) is thrown away and tells nothing of its
 * successor. */
static void nonce_next(nonce *n, scalar *k, unsigned cpu) {
    for (;;) {
        uint64_t good;

        memcpy(n->block, n->v, 32);
        hmac(n, 32, n->v, cpu);
        load4(k->v, n->v);
        good = mask_if_in_range(k->v);
        DECLASSIFY(&good, sizeof good);
        if (good != 0) {
            return;
        }
        nonce_update(n, 0, NULL, NULL, cpu);
    }
}

/* ---- signatures ---------------------------------------------------------------------------------- */

/* What the processor can do, asked once: the question costs more than a signature on some virtual machines.
 * This is the one variable here that is ever written; whoever is first writes what everybody else would. */
static unsigned cpu_features(void) {
#if X86
    static unsigned known;
    unsigned found = __atomic_load_n(&known, __ATOMIC_RELAXED);

    if (found == 0) {
        found = CPU_ASKED | cpu_detect();
        __atomic_store_n(&known, found, __ATOMIC_RELAXED);
    }
    return found;
#else
    return CPU_ASKED;
#endif
}

/* Overwrites the vector registers, and the stack below the caller's frame as deep as the functions it called before can
 * have gone. */
static NOINLINE void wipe_stack(void) {
    uint8_t below[STACK_DEPTH];

#if X86
    x86_wipe_registers();
#endif
    rise_wipe(below, sizeof below);
}

static NOINLINE rise_status public_with(uint8_t public_key[64], const uint8_t secret[32], unsigned cpu) {
    struct {
        scalar d;
        comb comb;
        fe inverse, t;
        uint64_t number[4];
    } w;
    rise_status status = RISE_EKEY;
    uint64_t good;

    load4(w.d.v, secret);
    good = mask_if_in_range(w.d.v);
    DECLASSIFY(&good, sizeof good);
    if (good != 0) {
        xyzz *const sum = &w.comb.sum;

        comb_mul(&w.comb, &w.d, cpu);
        /* y = Y / ZZZ; and (ZZ / ZZZ)^2 = 1 / ZZ, so x = X (ZZ / ZZZ)^2 */
        fe_invert(&w.inverse, &sum->zzz);
        fe_mul(&sum->y, &sum->y, &w.inverse, FIELD_ANY);
        fe_mul(&w.t, &sum->zz, &w.inverse, FIELD_ANY);
        fe_sqr(&w.t, &w.t, FIELD_ANY);
        fe_mul(&sum->x, &sum->x, &w.t, FIELD_ANY);
        fe_sub(&w.t, &prime, &sum->y, FIELD_ANY);
        select4(sum->y.v, w.t.v, w.comb.negated);
        fe_to_number(w.number, &sum->x);
        store4(public_key, w.number);
        fe_to_number(w.number, &sum->y);
        store4(public_key + 32, w.number);
        DECLASSIFY(public_key, 64);
        status = RISE_OK;
    }
    rise_wipe(&w, sizeof w);
    return status;
}

static NOINLINE rise_status sign_with(uint8_t sig[64], const uint8_t secret[32], const uint8_t digest[32],
                                      unsigned cpu) {
    struct {
        scalar d, z, k, inverse, r, s;
        uint8_t digest[32];
        nonce nonce;
        comb comb;
        fe zz;
        uint64_t number[4];
    } w;
    rise_status status = RISE_EKEY;
    uint64_t good;

    load4(w.d.v, secret);
    good = mask_if_in_range(w.d.v);
    DECLASSIFY(&good, sizeof good);
    if (good != 0) {
        load4(w.number, digest);
        scalar_reduce(&w.z, w.number);
        store4(w.digest, w.z.v);
        nonce_start(&w.nonce, secret, w.digest, cpu);
        do {
            nonce_next(&w.nonce, &w.k, cpu);
            /* r = x(k G) mod n; k and n - k have the same x. */
            comb_mul(&w.comb, &w.k, cpu);
            invert_both(&w.zz, &w.comb.sum.zz, &w.inverse, &w.k);
            fe_mul(&w.zz, &w.comb.sum.x, &w.zz, FIELD_ANY);
            fe_to_number(w.number, &w.zz);
            scalar_reduce(&w.r, w.number);
            /* s = (z + r d) / k, then the lower of s and n - s */
            scalar_mul(&w.s, &w.r, &w.d);
            scalar_mul(&w.s, &w.s, &scalar_square);
            scalar_add(&w.s, &w.s, &w.z);
            scalar_mul(&w.s, &w.s, &w.inverse);
            good = ~mask_if_zero4(w.r.v) & ~mask_if_zero4(w.s.v);
            DECLASSIFY(&good, sizeof good);
            if (good == 0) {
                nonce_update(&w.nonce, 0, NULL, NULL, cpu);
            }
        } while (good == 0);
        scalar_negate_if(&w.s, &w.s, mask_if_high(w.s.v));
        store4(sig, w.r.v);
        store4(sig + 32, w.s.v);
        DECLASSIFY(sig, 64);
        status = RISE_OK;
    }
    rise_wipe(&w, sizeof w);
    return status;
}

rise_status rise_p256_public(uint8_t public_key[64], const uint8_t secret[32]) {
    rise_status status = public_with(public_key, secret, cpu_features());

    wipe_stack();
    return status;
}

rise_status rise_p256_sign(uint8_t sig[64], const uint8_t secret[32], const uint8_t digest[32]) {
    rise_status status = sign_with(sig, secret, digest, cpu_features());

    wipe_stack();
    return status;
}

void rise_p256_low_s(uint8_t sig[64]) {
    scalar s, low;

    load4(s.v, sig + 32);
    sub4(low.v, order, s.v);
    /* What is not below n is no s and stays as it is. */
    select4(s.v, low.v, mask_if_high(s.v) & mask_if_in_range(s.v));
    store4(sig + 32, s.v);
}

/* ---- verification -------------------------------------------------------------------------------- */

/* Jacobian coordinates, x = X / Z^2, y = Y / Z^3; Z = 0 is infinity. For public points only. */
typedef struct jacobian {
    fe x, y, z;
} jacobian;

#define NAF_WINDOW 5
#define NAF_TABLE (1 << (NAF_WINDOW - 2)) /* Q, 3 Q, ..., 15 Q */
/* The digits of the factor of G are as wide as the comb's rows are long. */
#define COMB_NAF_WINDOW (COMB_WINDOW + 1)
#define NAF_DIGITS 257

/* Digits of k, zero or odd and below 2^(width - 1) in magnitude, at least width - 1 zeros after each that is
 * not zero. */
static void naf(int8_t digits[NAF_DIGITS], const scalar *k, unsigned width) {
    uint64_t v[5], carry = 0;
    unsigned at = 0;

    memcpy(v, k->v, sizeof k->v);
    v[4] = 0;
    memset(digits, 0, NAF_DIGITS);
    while (at < NAF_DIGITS) {
        uint64_t bits = v[at / 64] >> at % 64;

        /* An even rest, or an odd one that the carry makes even. */
        if ((bits & 1) == carry) {
            at++;
            continue;
        }
        if (at % 64 != 0 && at / 64 < 4) {
            bits |= v[at / 64 + 1] << (64 - at % 64);
        }
        bits = (bits & ((1u << width) - 1)) + carry;
        carry = bits >> (width - 1);
        digits[at] = (int8_t)((int)bits - (int)(carry << width));
        at += width;
    }
}

/* r = 2 r: with L = 3/2 (X - Z^2) (X + Z^2), as a = -3, and C = X Y^2,
 * X' = L^2 - 2 C, Y' = L (C - X') - Y^4, Z' = Y Z. Infinity stays infinity. */
static ALWAYS_INLINE void jacobian_double_as(jacobian *r, int field) {
    fe a, b, c;

    fe_sqr(&c, &r->z, field);
    fe_sqr(&b, &r->y, field);
    fe_sub(&a, &r->x, &c, field);
    fe_add(&c, &r->x, &c, field);
    fe_mul(&r->z, &r->z, &r->y, field);
    fe_mul(&a, &a, &c, field);
    fe_mul(&c, &r->x, &b, field);
    fe_add(&r->x, &a, &a, field);
    fe_add(&a, &a, &r->x, field);
    fe_half(&a, &a);
    fe_sqr(&b, &b, field);
    fe_sqr(&r->x, &a, field);
    fe_sub(&r->x, &r->x, &c, field);
    fe_sub(&r->x, &r->x, &c, field);
    fe_sub(&c, &c, &r->x, field);
    fe_mul(&c, &c, &a, field);
    fe_sub(&r->y, &c, &b, field);
}

#if X86
static NOINLINE void jacobian_double_adx(jacobian *r) {
    jacobian_double_as(r, FIELD_ADX);
}

static NOINLINE void jacobian_double_x86(jacobian *r) {
    jacobian_double_as(r, FIELD_X86);
}
#endif
#if PLAIN
static NOINLINE void jacobian_double_plain(jacobian *r) {
    jacobian_double_as(r, FIELD_PLAIN);
}
#endif

static void jacobian_double(jacobian *r, unsigned cpu) {
#if PLAIN
    if (!X86 || (cpu & CPU_PLAIN) != 0) {
        jacobian_double_plain(r);
        return;
    }
#endif
#if X86
    if ((cpu & CPU_ADX) != 0) {
        jacobian_double_adx(r);
    } else {
        jacobian_double_x86(r);
    }
#endif
}

static int fe_is_zero(const fe *a) {
    return (a->v[0] | a->v[1] | a->v[2] | a->v[3]) == 0;
}

/* r += q or r -= q for r neither infinity nor q nor -q, or else 0, with r as it was but for h and t, that
 * say which. H is in `h` afterwards: the new Z over the old one. */
static ALWAYS_INLINE int jacobian_add_as(jacobian *r, const affine *q, int minus, fe *h, fe *t, int field) {
    fe zz, u, s, v;

    fe_sqr(&zz, &r->z, field);
    fe_mul(&s, &q->y, &r->z, field);
    fe_mul(&u, &q->x, &zz, field);
    fe_mul(&s, &s, &zz, field);
    if (minus) {
        fe_sub(&s, &prime, &s, field);
    }
    fe_sub(h, &u, &r->x, field);
    fe_sub(t, &s, &r->y, field);
    if (fe_is_zero(h)) {
        return 0;
    }
    /* X' = T^2 - H^3 - 2 V with V = X H^2, Y' = T (V - X') - Y H^3, Z' = Z H */
    fe_sqr(&zz, h, field);
    fe_sqr(&v, t, field);
    fe_mul(&s, h, &zz, field);
    fe_mul(&u, &r->x, &zz, field);
    fe_sub(&r->x, &v, &s, field);
    fe_sub(&r->x, &r->x, &u, field);
    fe_sub(&r->x, &r->x, &u, field);
    fe_mul(&r->z, &r->z, h, field);
    fe_sub(&u, &u, &r->x, field);
    fe_mul(&s, &s, &r->y, field);
    fe_mul(&u, &u, t, field);
    fe_sub(&r->y, &u, &s, field);
    return 1;
}

#if X86
static NOINLINE int jacobian_add_adx(jacobian *r, const affine *q, int minus, fe *h, fe *t) {
    return jacobian_add_as(r, q, minus, h, t, FIELD_ADX);
}

static NOINLINE int jacobian_add_x86(jacobian *r, const affine *q, int minus, fe *h, fe *t) {
    return jacobian_add_as(r, q, minus, h, t, FIELD_X86);
}
#endif
#if PLAIN
static NOINLINE int jacobian_add_plain(jacobian *r, const affine *q, int minus, fe *h, fe *t) {
    return jacobian_add_as(r, q, minus, h, t, FIELD_PLAIN);
}
#endif

/* r += q or r -= q, any points; *ratio becomes the new Z over the old one, except for infinity or where it doubles. */
static void jacobian_add(jacobian *r, const affine *q, int minus, fe *ratio, unsigned cpu) {
    fe t;
    int done;

    if (fe_is_zero(&r->z)) {
        r->x = q->x;
        r->y = q->y;
        r->z = fe_one;
        if (minus) {
            sub4(r->y.v, prime.v, q->y.v);
        }
        return;
    }
#if PLAIN
    if (!X86 || (cpu & CPU_PLAIN) != 0) {
        done = jacobian_add_plain(r, q, minus, ratio, &t);
    } else
#endif
    {
#if X86
        if ((cpu & CPU_ADX) != 0) {
            done = jacobian_add_adx(r, q, minus, ratio, &t);
        } else {
            done = jacobian_add_x86(r, q, minus, ratio, &t);
        }
#endif
    }
    if (done) {
        return;
    }
    if (fe_is_zero(&t)) {
        jacobian_double(r, cpu);
    } else {
        memset(r, 0, sizeof *r);
    }
}

/* What verification works on; none of it is secret. */
typedef struct verifier {
    affine q;
    scalar z, r, s, u1, u2;
    jacobian sum, odd[NAF_TABLE];
    affine table[NAF_TABLE];
    fe ratio[NAF_TABLE];
    int8_t digits_g[NAF_DIGITS], digits_q[NAF_DIGITS];
} verifier;

/* The table of odd multiples of Q, and w->u1 = z / s, w->u2 = r / s.
 *
 * 2 Q comes out with some Z. Scaling x by Z^2 and y by Z^3 goes over to another curve, on which 2 Q is
 * affine; the sums Q, 3 Q, 5 Q, ... are formed there, since the formulas of addition know nothing of a and
 * b. (They meet no special case, with multiples of Q this small.) Back on the curve, every Z has the factor
 * Z more. The Zs are made affine with one inversion: the ratios of neighbours lead from the last one to all
 * others. It runs together with that of s. */
static void verifier_prepare(verifier *w, unsigned cpu) {
    jacobian twice;
    affine two;
    scalar inverse;
    fe back, t;
    int i;

    twice.x = w->q.x;
    twice.y = w->q.y;
    twice.z = fe_one;
    jacobian_double(&twice, cpu);
    two.x = twice.x;
    two.y = twice.y;
    fe_sqr(&t, &twice.z, FIELD_ANY);
    fe_mul(&w->sum.x, &w->q.x, &t, FIELD_ANY);
    fe_mul(&t, &t, &twice.z, FIELD_ANY);
    fe_mul(&w->sum.y, &w->q.y, &t, FIELD_ANY);
    w->sum.z = fe_one;
    for (i = 1; i < NAF_TABLE; i++) {
        jacobian_add(&w->sum, &two, 0, &w->ratio[i], cpu);
        w->odd[i] = w->sum;
    }
    fe_mul(&back, &w->sum.z, &twice.z, FIELD_ANY);
    invert_both(&back, &back, &inverse, &w->s);
    w->table[0] = w->q;
    for (i = NAF_TABLE - 1; i > 0; i--) {
        fe_sqr(&t, &back, FIELD_ANY);
        fe_mul(&w->table[i].x, &w->odd[i].x, &t, FIELD_ANY);
        fe_mul(&t, &t, &back, FIELD_ANY);
        fe_mul(&w->table[i].y, &w->odd[i].y, &t, FIELD_ANY);
        fe_mul(&back, &back, &w->ratio[i], FIELD_ANY);
    }
    scalar_mul(&w->u1, &w->z, &inverse);
    scalar_mul(&w->u2, &w->r, &inverse);
}

/* w->sum = u1 G + u2 Q. The comb's table serves here as well: a digit at place 6 i + j is in row i, and goes
 * in while there are j doublings left to be done. */
static void verifier_add_up(verifier *w, unsigned cpu) {
    int at, place;
    fe ratio;

    naf(w->digits_g, &w->u1, COMB_NAF_WINDOW);
    naf(w->digits_q, &w->u2, NAF_WINDOW);
    memset(&w->sum, 0, sizeof w->sum);
    for (at = NAF_DIGITS - 1; at >= 0; at--) {
        int digit = w->digits_q[at];

        jacobian_double(&w->sum, cpu);
        if (digit != 0) {
            jacobian_add(&w->sum, &w->table[(digit < 0 ? -digit : digit) / 2], digit < 0, &ratio, cpu);
        }
        for (place = at < COMB_WINDOW ? at : NAF_DIGITS; place < NAF_DIGITS; place += COMB_WINDOW) {
            digit = w->digits_g[place];
            if (digit != 0) {
                const affine *const row = comb_table + place / COMB_WINDOW * COMB_FULL_ROW;

                jacobian_add(&w->sum, row + (digit < 0 ? -digit : digit) / 2, digit < 0, &ratio, cpu);
            }
        }
    }
}

/* y^2 = x^3 - 3 x + b, that is (x^2 - 3) x + b */
static int is_on_curve(const affine *q) {
    fe left, right, three;

    fe_add(&three, &fe_one, &fe_one, FIELD_ANY);
    fe_add(&three, &three, &fe_one, FIELD_ANY);
    fe_sqr(&right, &q->x, FIELD_ANY);
    fe_sub(&right, &right, &three, FIELD_ANY);
    fe_mul(&right, &right, &q->x, FIELD_ANY);
    fe_add(&right, &right, &curve_b, FIELD_ANY);
    fe_sqr(&left, &q->y, FIELD_ANY);
    return memcmp(&left, &right, sizeof left) == 0;
}

/* Into Montgomery form; 0 where the number is not below p. */
static int fe_from_bytes(fe *r, const uint8_t bytes[32]) {
    fe number, rest;

    load4(number.v, bytes);
    if (sub4(rest.v, number.v, prime.v) == 0) {
        return 0;
    }
    fe_mul(r, &number, &fe_square, FIELD_ANY);
    return 1;
}

static rise_status verify_with(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t sig[64],
                               unsigned cpu) {
    verifier w;
    uint64_t number[4];
    fe zz, x, t;

    if (!fe_from_bytes(&w.q.x, public_key) || !fe_from_bytes(&w.q.y, public_key + 32) || !is_on_curve(&w.q)) {
        return RISE_EKEY;
    }
    load4(w.r.v, sig);
    load4(w.s.v, sig + 32);
    if (mask_if_in_range(w.r.v) == 0 || mask_if_in_range(w.s.v) == 0 || mask_if_high(w.s.v) != 0) {
        return RISE_ESIGNATURE;
    }
    load4(number, digest);
    scalar_reduce(&w.z, number);
    verifier_prepare(&w, cpu);
    verifier_add_up(&w, cpu);
    if (fe_is_zero(&w.sum.z)) {
        return RISE_ESIGNATURE;
    }
    /* x(sum) mod n = r means x(sum) = r or, where that is below p, r + n; both without dividing by Z^2. */
    fe_sqr(&zz, &w.sum.z, FIELD_ANY);
    memcpy(&x, &w.r, sizeof x);
    fe_mul(&x, &x, &fe_square, FIELD_ANY);
    fe_mul(&t, &x, &zz, FIELD_ANY);
    if (memcmp(&t, &w.sum.x, sizeof t) == 0) {
        return RISE_OK;
    }
    if (add4(x.v, w.r.v, order) != 0 || sub4(t.v, x.v, prime.v) == 0) {
        return RISE_ESIGNATURE;
    }
    fe_mul(&x, &x, &fe_square, FIELD_ANY);
    fe_mul(&t, &x, &zz, FIELD_ANY);
    return memcmp(&t, &w.sum.x, sizeof t) == 0 ? RISE_OK : RISE_ESIGNATURE;
}

rise_status rise_p256_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t sig[64]) {
    return verify_with(public_key, digest, sig, cpu_features());
}

#endif
