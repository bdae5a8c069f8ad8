/* Keccak-256: the sponge over keccak-f[1600] with 136 bytes a block and the padding 0x01 .. 0x80 that Ethereum kept. */
#include <string.h>

#include "core.h"

#define RATE 136

static const uint64_t round_constant[24] = {
    UINT64_C(0x0000000000000001), UINT64_C(0x0000000000008082), UINT64_C(0x800000000000808a),
    UINT64_C(0x8000000080008000), UINT64_C(0x000000000000808b), UINT64_C(0x0000000080000001),
    UINT64_C(0x8000000080008081), UINT64_C(0x8000000000008009), UINT64_C(0x000000000000008a),
    UINT64_C(0x0000000000000088), UINT64_C(0x0000000080008009), UINT64_C(0x000000008000000a),
    UINT64_C(0x000000008000808b), UINT64_C(0x800000000000008b), UINT64_C(0x8000000000008089),
    UINT64_C(0x8000000000008003), UINT64_C(0x8000000000008002), UINT64_C(0x8000000000000080),
    UINT64_C(0x000000000000800a), UINT64_C(0x800000008000000a), UINT64_C(0x8000000080008081),
    UINT64_C(0x8000000000008080), UINT64_C(0x0000000080000001), UINT64_C(0x8000000080008008),
};

/* Lane (x, y) is number x + 5 * y. One round reads the lanes a0..a24 and writes e0..e24 or the other way round, so
 * that two rounds need no copying. LANE is theta, rho and pi for one lane; ROW is chi for one row. */
#define ROL(x, n) ((x) << (n) | (x) >> (64 - (n)))
#define LANE(lane, d, n) (t = (lane) ^ (d), ROL(t, n))
#define ROW(e0, e1, e2, e3, e4)  \
    e0 = b0 ^ (~b1 & b2);        \
    e1 = b1 ^ (~b2 & b3);        \
    e2 = b2 ^ (~b3 & b4);        \
    e3 = b3 ^ (~b4 & b0);        \
    e4 = b4 ^ (~b0 & b1)
#define ROUND(a, e, constant)                                                                                  \
    b0 = a##0 ^ a##5 ^ a##10 ^ a##15 ^ a##20;                                                                  \
    b1 = a##1 ^ a##6 ^ a##11 ^ a##16 ^ a##21;                                                                  \
    b2 = a##2 ^ a##7 ^ a##12 ^ a##17 ^ a##22;                                                                  \
    b3 = a##3 ^ a##8 ^ a##13 ^ a##18 ^ a##23;                                                                  \
    b4 = a##4 ^ a##9 ^ a##14 ^ a##19 ^ a##24;                                                                  \
    d0 = b4 ^ ROL(b1, 1);                                                                                      \
    d1 = b0 ^ ROL(b2, 1);                                                                                      \
    d2 = b1 ^ ROL(b3, 1);                                                                                      \
    d3 = b2 ^ ROL(b4, 1);                                                                                      \
    d4 = b3 ^ ROL(b0, 1);                                                                                      \
    b0 = a##0 ^ d0;                                                                                            \
    b1 = LANE(a##6, d1, 44);                                                                                   \
    b2 = LANE(a##12, d2, 43);                                                                                  \
    b3 = LANE(a##18, d3, 21);                                                                                  \
    b4 = LANE(a##24, d4, 14);                                                                                  \
    ROW(e##0, e##1, e##2, e##3, e##4);                                                                         \
    e##0 ^= (constant);                                                                                        \
    b0 = LANE(a##3, d3, 28);                                                                                   \
    b1 = LANE(a##9, d4, 20);                                                                                   \
    b2 = LANE(a##10, d0, 3);                                                                                   \
    b3 = LANE(a##16, d1, 45);                                                                                  \
    b4 = LANE(a##22, d2, 61);                                                                                  \
    ROW(e##5, e##6, e##7, e##8, e##9);                                                                         \
    b0 = LANE(a##1, d1, 1);                                                                                    \
    b1 = LANE(a##7, d2, 6);                                                                                    \
    b2 = LANE(a##13, d3, 25);                                                                                  \
    b3 = LANE(a##19, d4, 8);                                                                                   \
    b4 = LANE(a##20, d0, 18);                                                                                  \
    ROW(e##10, e##11, e##12, e##13, e##14);                                                                    \
    b0 = LANE(a##4, d4, 27);                                                                                   \
    b1 = LANE(a##5, d0, 36);                                                                                   \
    b2 = LANE(a##11, d1, 10);                                                                                  \
    b3 = LANE(a##17, d2, 15);                                                                                  \
    b4 = LANE(a##23, d3, 56);                                                                                  \
    ROW(e##15, e##16, e##17, e##18, e##19);                                                                    \
    b0 = LANE(a##2, d2, 62);                                                                                   \
    b1 = LANE(a##8, d3, 55);                                                                                   \
    b2 = LANE(a##14, d4, 39);                                                                                  \
    b3 = LANE(a##15, d0, 41);                                                                                  \
    b4 = LANE(a##21, d1, 2);                                                                                   \
    ROW(e##20, e##21, e##22, e##23, e##24)

/* Lanes are little-endian; compilers make single loads and stores of these. */
static uint64_t load(const uint8_t *p) {
    return (uint64_t)p[7] << 56 | (uint64_t)p[6] << 48 | (uint64_t)p[5] << 40 | (uint64_t)p[4] << 32
         | (uint64_t)p[3] << 24 | (uint64_t)p[2] << 16 | (uint64_t)p[1] << 8 | (uint64_t)p[0];
}

static void store(uint8_t *p, uint64_t x) {
    int i;

    for (i = 0; i < 8; i++) {
        p[i] = (uint8_t)(x >> (8 * i));
    }
}

/* ANDN and RORX save an eighth of the time, so the rounds are compiled a second time with them. Whether the processor
 * has them stands in a table that the compiler's runtime fills before the program begins; there is no state here.
 * RISE_NO_BMI leaves the plain code alone. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(_MSC_VER) && !defined(RISE_NO_BMI)
#define HAS_BMI_CLONE 1
#define COMPILED_TWICE inline __attribute__((always_inline))
#else
#define HAS_BMI_CLONE 0
#define COMPILED_TWICE inline
#endif

/* The permutation, `count` (at least 1) times, each time after a block has been added, or none where p is NULL. The
 * lanes stay in registers, as far as there are any, from block to block. */
static COMPILED_TWICE void rounds(uint64_t s[25], const uint8_t *p, size_t count) {
    uint64_t a0 = s[0], a1 = s[1], a2 = s[2], a3 = s[3], a4 = s[4], a5 = s[5], a6 = s[6], a7 = s[7], a8 = s[8];
    uint64_t a9 = s[9], a10 = s[10], a11 = s[11], a12 = s[12], a13 = s[13], a14 = s[14], a15 = s[15], a16 = s[16];
    uint64_t a17 = s[17], a18 = s[18], a19 = s[19], a20 = s[20], a21 = s[21], a22 = s[22], a23 = s[23], a24 = s[24];
    uint64_t e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15, e16, e17, e18, e19, e20, e21, e22;
    uint64_t e23, e24, b0, b1, b2, b3, b4, d0, d1, d2, d3, d4, t;
    int round;

    for (; count != 0; count--) {
        if (p != NULL) {
            a0 ^= load(p), a1 ^= load(p + 8), a2 ^= load(p + 16), a3 ^= load(p + 24), a4 ^= load(p + 32);
            a5 ^= load(p + 40), a6 ^= load(p + 48), a7 ^= load(p + 56), a8 ^= load(p + 64), a9 ^= load(p + 72);
            a10 ^= load(p + 80), a11 ^= load(p + 88), a12 ^= load(p + 96), a13 ^= load(p + 104);
            a14 ^= load(p + 112), a15 ^= load(p + 120), a16 ^= load(p + 128);
            p += RATE;
        }
        for (round = 0; round < 24; round += 2) {
            ROUND(a, e, round_constant[round]);
            ROUND(e, a, round_constant[round + 1]);
        }
    }
    s[0] = a0, s[1] = a1, s[2] = a2, s[3] = a3, s[4] = a4, s[5] = a5, s[6] = a6, s[7] = a7, s[8] = a8;
    s[9] = a9, s[10] = a10, s[11] = a11, s[12] = a12, s[13] = a13, s[14] = a14, s[15] = a15, s[16] = a16;
    s[17] = a17, s[18] = a18, s[19] = a19, s[20] = a20, s[21] = a21, s[22] = a22, s[23] = a23, s[24] = a24;
}

#if HAS_BMI_CLONE
__attribute__((target("bmi,bmi2"))) static void rounds_bmi(uint64_t s[25], const uint8_t *p, size_t count) {
    rounds(s, p, count);
}
#endif

static void permute(uint64_t s[25], const uint8_t *p, size_t count) {
#if HAS_BMI_CLONE
    if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) {
        rounds_bmi(s, p, count);
        return;
    }
#endif
    rounds(s, p, count);
}

/* Adds bytes that stay within the current block, of which `used` are taken. */
static void absorb_bytes(uint64_t s[25], unsigned used, const uint8_t *p, size_t len) {
    while (len != 0 && used % 8 != 0) {
        s[used / 8] ^= (uint64_t)*p++ << (8 * (used % 8));
        used++;
        len--;
    }
    for (; len >= 8; len -= 8, p += 8, used += 8) {
        s[used / 8] ^= load(p);
    }
    for (; len != 0; len--, used++) {
        s[used / 8] ^= (uint64_t)*p++ << (8 * (used % 8));
    }
}

static void finish(uint64_t s[25], unsigned used, uint8_t hash[32]) {
    int i;

    s[used / 8] ^= UINT64_C(1) << (8 * (used % 8));
    s[RATE / 8 - 1] ^= UINT64_C(0x80) << 56;
    permute(s, NULL, 1);
    for (i = 0; i < 4; i++) {
        store(hash + 8 * i, s[i]);
    }
}

void rise_keccak_init(rise_keccak *h) {
    memset(h, 0, sizeof *h);
}

void rise_keccak_update(rise_keccak *h, const void *data, size_t len) {
    const uint8_t *p = data;

    if (h->used != 0) {
        size_t part = RATE - h->used;
        if (part > len) {
            part = len;
        }
        absorb_bytes(h->state, h->used, p, part);
        h->used += (unsigned)part;
        if (h->used < RATE) {
            return;
        }
        permute(h->state, NULL, 1);
        h->used = 0;
        p += part;
        len -= part;
    }
    if (len >= RATE) {
        permute(h->state, p, len / RATE);
        p += len - len % RATE;
        len %= RATE;
    }
    absorb_bytes(h->state, 0, p, len);
    h->used = (unsigned)len;
}

void rise_keccak_final(rise_keccak *h, uint8_t hash[32]) {
    finish(h->state, h->used, hash);
    rise_wipe(h, sizeof *h);
}

void rise_keccak256(uint8_t hash[32], const void *data, size_t len) {
    const uint8_t *p = data;
    uint64_t s[25] = { 0 };

    if (len >= RATE) {
        permute(s, p, len / RATE);
        p += len - len % RATE;
        len %= RATE;
    }
    absorb_bytes(s, 0, p, len);
    finish(s, (unsigned)len, hash);
    rise_wipe(s, sizeof s);
}
