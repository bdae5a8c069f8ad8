/* What p256.c uses on x86-64 in place of plain C: field arithmetic for every such processor and for those
 * with MULX, ADCX and ADOX, a scan of the table with AVX2, SHA-256 with the SHA instructions, and the
 * question what of these there is.
 *
 * Included by p256.c alone. The field code is inline assembly because compilers of today neither keep two
 * carry chains apart nor one chain in the flags: GCC 12 takes twice the time. Each piece takes few enough
 * registers that it also compiles with a frame pointer. */
#include <cpuid.h>
#include <immintrin.h>

/* ---- the processor ------------------------------------------------------------------------------- */

static unsigned cpu_detect(void) {
    unsigned a, b, c, d, found = 0;
    unsigned leaf1_c, state = 0;

    if (!__get_cpuid(1, &a, &b, &leaf1_c, &d) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return 0;
    }
    if ((b & bit_BMI2) != 0 && (b & bit_ADX) != 0) {
        found |= CPU_ADX;
    }
    if ((b & bit_SHA) != 0 && (leaf1_c & bit_SSSE3) != 0 && (leaf1_c & bit_SSE4_1) != 0) {
        found |= CPU_SHA;
    }
    /* AVX registers are there only when the system saves them: XCR0 bits 1 and 2. */
    if ((leaf1_c & bit_OSXSAVE) != 0) {
        __asm__ __volatile__("xgetbv" : "=a"(state), "=d"(d) : "c"(0));
    }
    if ((state & 6) == 6 && (leaf1_c & bit_AVX) != 0 && (b & bit_AVX2) != 0) {
        found |= CPU_AVX2;
    }
    return found;
}

/* ---- field --------------------------------------------------------------------------------------- */

/* In the pieces below t0 .. t4 are five limbs that change roles: after a row its lowest limb is zero and
 * dropped, and its register takes the new highest one. x and y are at hand for anything; rdx is MULX's
 * implied factor. */

/* T4 .. T0 += a * limb i of b. MULX leaves the flags alone; ADCX carries the low halves in CF, ADOX the high
 * ones in OF. The bounds are those of fe_reduce_limb with a fifth limb: nothing is carried out of T4, as 2 p
 * + (2^64 - 1) p < 2^320. */
#define ADX_ROW(i, T0, T1, T2, T3, T4)                                                                              \
    "movq " #i "(%[b]), %%rdx\n\t"                                                                                  \
    "xorl %k[x], %k[x]\n\t" /* clears CF and OF */                                                                  \
    "mulxq (%[a]), %[x], %[y]\n\t"                                                                                  \
    "adcxq %[x], %[" #T0 "]\n\t"                                                                                    \
    "adoxq %[y], %[" #T1 "]\n\t"                                                                                    \
    "mulxq 8(%[a]), %[x], %[y]\n\t"                                                                                 \
    "adcxq %[x], %[" #T1 "]\n\t"                                                                                    \
    "adoxq %[y], %[" #T2 "]\n\t"                                                                                    \
    "mulxq 16(%[a]), %[x], %[y]\n\t"                                                                                \
    "adcxq %[x], %[" #T2 "]\n\t"                                                                                    \
    "adoxq %[y], %[" #T3 "]\n\t"                                                                                    \
    "mulxq 24(%[a]), %[x], %[y]\n\t"                                                                                \
    "adcxq %[x], %[" #T3 "]\n\t"                                                                                    \
    "adoxq %[y], %[" #T4 "]\n\t"                                                                                    \
    "adcq $0, %[" #T4 "]\n\t"

/* Adds T0 p and drops the lowest limb, as fe_reduce_limb does; the carry becomes the new highest limb, in
 * T0. */
#define X86_REDUCE(T0, T1, T2, T3, T4)                                                                              \
    "movq %[" #T0 "], %[x]\n\t"                                                                                     \
    "movq %[" #T0 "], %[y]\n\t"                                                                                     \
    "movq %[" #T0 "], %%rdx\n\t"                                                                                    \
    "shlq $32, %[x]\n\t"                                                                                            \
    "shrq $32, %[y]\n\t"                                                                                            \
    "subq %[x], %%rdx\n\t"                                                                                          \
    "sbbq %[y], %[" #T0 "]\n\t"                                                                                     \
    "addq %[x], %[" #T1 "]\n\t"                                                                                     \
    "adcq %[y], %[" #T2 "]\n\t"                                                                                     \
    "adcq %%rdx, %[" #T3 "]\n\t"                                                                                    \
    "adcq %[" #T0 "], %[" #T4 "]\n\t"                                                                               \
    "movl $0, %k[" #T0 "]\n\t" /* not xor: the flags are still wanted */                                            \
    "adcq $0, %[" #T0 "]\n\t"

/* The same on four limbs that stand for a number below 2^256; nothing is carried out then. */
#define X86_REDUCE4(T0, T1, T2, T3)                                                                                 \
    "movq %[" #T0 "], %[x]\n\t"                                                                                     \
    "movq %[" #T0 "], %[y]\n\t"                                                                                     \
    "movq %[" #T0 "], %%rdx\n\t"                                                                                    \
    "shlq $32, %[x]\n\t"                                                                                            \
    "shrq $32, %[y]\n\t"                                                                                            \
    "subq %[x], %%rdx\n\t"                                                                                          \
    "sbbq %[y], %[" #T0 "]\n\t"                                                                                     \
    "addq %[x], %[" #T1 "]\n\t"                                                                                     \
    "adcq %[y], %[" #T2 "]\n\t"                                                                                     \
    "adcq %%rdx, %[" #T3 "]\n\t"                                                                                    \
    "adcq $0, %[" #T0 "]\n\t"

/* T4 .. T0, below 2 p, minus p unless that is negative; C0 .. C3 receive the copies to go back to. */
#define X86_SUBTRACT_P(T0, T1, T2, T3, T4, C0, C1, C2, C3)                                                          \
    "movq %[" #T0 "], %[" #C0 "]\n\t"                                                                               \
    "movq %[" #T1 "], %[" #C1 "]\n\t"                                                                               \
    "movq %[" #T2 "], %[" #C2 "]\n\t"                                                                               \
    "movq %[" #T3 "], %[" #C3 "]\n\t"                                                                               \
    "movl $0xffffffff, %%edx\n\t"                                                                                   \
    "subq $-1, %[" #T0 "]\n\t"                                                                                      \
    "sbbq %%rdx, %[" #T1 "]\n\t"                                                                                    \
    "movabsq $0xffffffff00000001, %%rdx\n\t"                                                                        \
    "sbbq $0, %[" #T2 "]\n\t"                                                                                       \
    "sbbq %%rdx, %[" #T3 "]\n\t"                                                                                    \
    "sbbq $0, %[" #T4 "]\n\t"                                                                                       \
    "cmovcq %[" #C0 "], %[" #T0 "]\n\t"                                                                             \
    "cmovcq %[" #C1 "], %[" #T1 "]\n\t"                                                                             \
    "cmovcq %[" #C2 "], %[" #T2 "]\n\t"                                                                             \
    "cmovcq %[" #C3 "], %[" #T3 "]\n\t"

/* r = a b / 2^256 mod p; r may be a or b. */
static inline __attribute__((always_inline)) void adx_mul(uint64_t r[4], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t t0, t1, t2, t3, t4, x, y;

    __asm__("movq (%[b]), %%rdx\n\t"
            "mulxq (%[a]), %[t0], %[t1]\n\t"
            "mulxq 8(%[a]), %[x], %[t2]\n\t"
            "addq %[x], %[t1]\n\t"
            "mulxq 16(%[a]), %[x], %[t3]\n\t"
            "adcq %[x], %[t2]\n\t"
            "mulxq 24(%[a]), %[x], %[t4]\n\t"
            "adcq %[x], %[t3]\n\t"
            "adcq $0, %[t4]\n\t"
            X86_REDUCE(t0, t1, t2, t3, t4)
            ADX_ROW(8, t1, t2, t3, t4, t0)
            X86_REDUCE(t1, t2, t3, t4, t0)
            ADX_ROW(16, t2, t3, t4, t0, t1)
            X86_REDUCE(t2, t3, t4, t0, t1)
            ADX_ROW(24, t3, t4, t0, t1, t2)
            X86_REDUCE(t3, t4, t0, t1, t2)
            X86_SUBTRACT_P(t4, t0, t1, t2, t3, x, y, a, b)
            : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [x] "=&r"(x),
              [y] "=&r"(y), [a] "+&r"(a), [b] "+&r"(b)
            :
            : "rdx", "cc", "memory");
    r[0] = t4;
    r[1] = t0;
    r[2] = t1;
    r[3] = t2;
}

/* r = a^2 / 2^256 mod p; r may be a. */
static inline __attribute__((always_inline)) void adx_sqr(uint64_t r[4], const uint64_t a[4]) {
    uint64_t t0, t1, t2, t3, t4, t5, t6, t7, x, y;

    __asm__(/* the products of different limbs, once: t6 .. t1 */
            "movq (%[a]), %%rdx\n\t"
            "xorl %k[t5], %k[t5]\n\t"
            "mulxq 8(%[a]), %[t1], %[t2]\n\t"
            "mulxq 16(%[a]), %[x], %[t3]\n\t"
            "adcxq %[x], %[t2]\n\t"
            "mulxq 24(%[a]), %[x], %[t4]\n\t"
            "adcxq %[x], %[t3]\n\t"
            "movq 8(%[a]), %%rdx\n\t"
            "adcxq %[t5], %[t4]\n\t"
            "mulxq 16(%[a]), %[x], %[y]\n\t"
            "adcxq %[x], %[t3]\n\t"
            "adoxq %[y], %[t4]\n\t"
            "mulxq 24(%[a]), %[x], %[y]\n\t"
            "adcxq %[x], %[t4]\n\t"
            "adoxq %[y], %[t5]\n\t"
            "movq 16(%[a]), %%rdx\n\t"
            "mulxq 24(%[a]), %[x], %[t6]\n\t"
            "adcxq %[x], %[t5]\n\t"
            "adcq $0, %[t6]\n\t"
            /* doubled in the CF chain, and the squares added in the OF chain */
            "xorl %k[t7], %k[t7]\n\t"
            "movq (%[a]), %%rdx\n\t"
            "mulxq %%rdx, %[t0], %[x]\n\t"
            "adcxq %[t1], %[t1]\n\t"
            "adoxq %[x], %[t1]\n\t"
            "movq 8(%[a]), %%rdx\n\t"
            "mulxq %%rdx, %[x], %[y]\n\t"
            "adcxq %[t2], %[t2]\n\t"
            "adoxq %[x], %[t2]\n\t"
            "adcxq %[t3], %[t3]\n\t"
            "adoxq %[y], %[t3]\n\t"
            "movq 16(%[a]), %%rdx\n\t"
            "mulxq %%rdx, %[x], %[y]\n\t"
            "adcxq %[t4], %[t4]\n\t"
            "adoxq %[x], %[t4]\n\t"
            "adcxq %[t5], %[t5]\n\t"
            "adoxq %[y], %[t5]\n\t"
            "movq 24(%[a]), %%rdx\n\t"
            "mulxq %%rdx, %[x], %[y]\n\t"
            "adcxq %[t6], %[t6]\n\t"
            "adoxq %[x], %[t6]\n\t"
            "adcxq %[t7], %[t7]\n\t"
            "adoxq %[y], %[t7]\n\t"
            /* the lower half reduced to at most p, the upper half added to it */
            X86_REDUCE4(t0, t1, t2, t3)
            X86_REDUCE4(t1, t2, t3, t0)
            X86_REDUCE4(t2, t3, t0, t1)
            X86_REDUCE4(t3, t0, t1, t2)
            "xorl %k[x], %k[x]\n\t"
            "addq %[t4], %[t0]\n\t"
            "adcq %[t5], %[t1]\n\t"
            "adcq %[t6], %[t2]\n\t"
            "adcq %[t7], %[t3]\n\t"
            "adcq $0, %[x]\n\t"
            X86_SUBTRACT_P(t0, t1, t2, t3, x, t4, t5, t6, t7)
            : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),
              [t6] "=&r"(t6), [t7] "=&r"(t7), [x] "=&r"(x), [y] "=&r"(y)
            : [a] "r"(a)
            : "rdx", "cc", "memory");
    r[0] = t0;
    r[1] = t1;
    r[2] = t2;
    r[3] = t3;
}

/* The least x86-64: *t += a * b + carry for one limb each, with b in y and the carry in x; MUL gives
 * rdx:rax. */
#define X86_MAC(i, T)                                                                                               \
    "movq " #i "(%[a]), %%rax\n\t"                                                                                  \
    "mulq %[y]\n\t"                                                                                                 \
    "addq %[x], %[" #T "]\n\t"                                                                                      \
    "adcq $0, %%rdx\n\t"                                                                                            \
    "addq %%rax, %[" #T "]\n\t"                                                                                     \
    "adcq $0, %%rdx\n\t"                                                                                            \
    "movq %%rdx, %[x]\n\t"

#define X86_ROW(i, T0, T1, T2, T3, T4)                                                                              \
    "movq " #i "(%[b]), %[y]\n\t"                                                                                   \
    "xorl %k[x], %k[x]\n\t"                                                                                         \
    X86_MAC(0, T0)                                                                                                  \
    X86_MAC(8, T1)                                                                                                  \
    X86_MAC(16, T2)                                                                                                 \
    X86_MAC(24, T3)                                                                                                 \
    "addq %[x], %[" #T4 "]\n\t"

/* r = a b / 2^256 mod p without MULX and ADX */
static inline __attribute__((always_inline)) void x86_mul(uint64_t r[4], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0, x, y;

    __asm__(X86_ROW(0, t0, t1, t2, t3, t4)
            X86_REDUCE(t0, t1, t2, t3, t4)
            X86_ROW(8, t1, t2, t3, t4, t0)
            X86_REDUCE(t1, t2, t3, t4, t0)
            X86_ROW(16, t2, t3, t4, t0, t1)
            X86_REDUCE(t2, t3, t4, t0, t1)
            X86_ROW(24, t3, t4, t0, t1, t2)
            X86_REDUCE(t3, t4, t0, t1, t2)
            X86_SUBTRACT_P(t4, t0, t1, t2, t3, x, y, a, b)
            : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [t4] "+&r"(t4), [x] "=&r"(x),
              [y] "=&r"(y), [a] "+&r"(a), [b] "+&r"(b)
            :
            : "rax", "rdx", "cc", "memory");
    r[0] = t4;
    r[1] = t0;
    r[2] = t1;
    r[3] = t2;
}

/* r = a + b mod p */
static inline __attribute__((always_inline)) void x86_add(uint64_t r[4], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t t0, t1, t2, t3, t4, x, y;

    __asm__("movq (%[a]), %[t0]\n\t"
            "movq 8(%[a]), %[t1]\n\t"
            "movq 16(%[a]), %[t2]\n\t"
            "movq 24(%[a]), %[t3]\n\t"
            "xorl %k[t4], %k[t4]\n\t"
            "addq (%[b]), %[t0]\n\t"
            "adcq 8(%[b]), %[t1]\n\t"
            "adcq 16(%[b]), %[t2]\n\t"
            "adcq 24(%[b]), %[t3]\n\t"
            "adcq $0, %[t4]\n\t"
            X86_SUBTRACT_P(t0, t1, t2, t3, t4, x, y, a, b)
            : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [x] "=&r"(x),
              [y] "=&r"(y), [a] "+&r"(a), [b] "+&r"(b)
            :
            : "rdx", "cc", "memory");
    r[0] = t0;
    r[1] = t1;
    r[2] = t2;
    r[3] = t3;
}

/* r = a - b mod p */
static inline __attribute__((always_inline)) void x86_sub(uint64_t r[4], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t t0, t1, t2, t3, x, y;

    __asm__("movq (%[a]), %[t0]\n\t"
            "movq 8(%[a]), %[t1]\n\t"
            "movq 16(%[a]), %[t2]\n\t"
            "movq 24(%[a]), %[t3]\n\t"
            "subq (%[b]), %[t0]\n\t"
            "sbbq 8(%[b]), %[t1]\n\t"
            "sbbq 16(%[b]), %[t2]\n\t"
            "sbbq 24(%[b]), %[t3]\n\t"
            /* rdx: all ones where the difference is negative; x: limb 1 of p then; y: limb 3, 2^64 - (2^32 -
             * 1) */
            "sbbq %%rdx, %%rdx\n\t"
            "movl %%edx, %k[x]\n\t"
            "xorl %k[y], %k[y]\n\t"
            "subq %[x], %[y]\n\t"
            "addq %%rdx, %[t0]\n\t"
            "adcq %[x], %[t1]\n\t"
            "adcq $0, %[t2]\n\t"
            "adcq %[y], %[t3]\n\t"
            : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [x] "=&r"(x), [y] "=&r"(y)
            : [a] "r"(a), [b] "r"(b)
            : "rdx", "cc", "memory");
    r[0] = t0;
    r[1] = t1;
    r[2] = t2;
    r[3] = t3;
}

/* ---- table --------------------------------------------------------------------------------------- */

/* r = entry `index` of the first `count`, an even number, of `row`; all of them are read. */
__attribute__((target("avx2"))) static void x86_lookup(affine *r, const affine *row, unsigned count, uint64_t index) {
    const __m256i want = _mm256_set1_epi64x((long long)index);
    const __m256i two = _mm256_set1_epi64x(2);
    __m256i even = _mm256_setzero_si256(), odd = _mm256_set1_epi64x(1);
    __m256i x0 = even, y0 = even, x1 = even, y1 = even;
    const __m256i *in = (const __m256i *)(const void *)row;

    for (; count != 0; count -= 2, in += 4) {
        const __m256i mask0 = _mm256_cmpeq_epi64(even, want);
        const __m256i mask1 = _mm256_cmpeq_epi64(odd, want);

        x0 = _mm256_or_si256(x0, _mm256_and_si256(mask0, _mm256_load_si256(in)));
        y0 = _mm256_or_si256(y0, _mm256_and_si256(mask0, _mm256_load_si256(in + 1)));
        x1 = _mm256_or_si256(x1, _mm256_and_si256(mask1, _mm256_load_si256(in + 2)));
        y1 = _mm256_or_si256(y1, _mm256_and_si256(mask1, _mm256_load_si256(in + 3)));
        even = _mm256_add_epi64(even, two);
        odd = _mm256_add_epi64(odd, two);
    }
    _mm256_storeu_si256((__m256i *)(void *)&r->x, _mm256_or_si256(x0, x1));
    _mm256_storeu_si256((__m256i *)(void *)&r->y, _mm256_or_si256(y0, y1));
}

/* ---- SHA-256 ------------------------------------------------------------------------------------- */

/* The constants of FIPS 180-4, 4.2.2. */
static const uint32_t sha_constant[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* Four rounds with words w0, then the next four words of the schedule in place of w0. */
#define SHA_ROUNDS(i, w0, w1, w2, w3)                                                                               \
    t = _mm_add_epi32(w0, _mm_load_si128((const __m128i *)(const void *)(sha_constant + (i))));                     \
    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, t);                                                                    \
    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(t, 0x0e));                                           \
    w0 = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4)), w3)

__attribute__((target("sha,ssse3,sse4.1"))) static void x86_sha256(uint32_t state[8], const uint8_t *block,
                                                                   size_t count) {
    const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    __m128i *const out = (__m128i *)(void *)state;
    __m128i abef, cdgh, abef0, cdgh0, w0, w1, w2, w3, t;

    /* The instructions want the state as a b e f and c d g h, the first letter in the highest lane. */
    t = _mm_shuffle_epi32(_mm_loadu_si128(out), 0xb1);         /* c d a b */
    cdgh = _mm_shuffle_epi32(_mm_loadu_si128(out + 1), 0x1b);  /* e f g h */
    abef = _mm_alignr_epi8(t, cdgh, 8);
    cdgh = _mm_blend_epi16(cdgh, t, 0xf0);
    for (; count != 0; count--, block += 64) {
        const __m128i *in = (const __m128i *)(const void *)block;
        int i;

        abef0 = abef;
        cdgh0 = cdgh;
        w0 = _mm_shuffle_epi8(_mm_loadu_si128(in), swap);
        w1 = _mm_shuffle_epi8(_mm_loadu_si128(in + 1), swap);
        w2 = _mm_shuffle_epi8(_mm_loadu_si128(in + 2), swap);
        w3 = _mm_shuffle_epi8(_mm_loadu_si128(in + 3), swap);
        for (i = 0; i < 64; i += 16) {
            SHA_ROUNDS(i, w0, w1, w2, w3);
            SHA_ROUNDS(i + 4, w1, w2, w3, w0);
            SHA_ROUNDS(i + 8, w2, w3, w0, w1);
            SHA_ROUNDS(i + 12, w3, w0, w1, w2);
        }
        abef = _mm_add_epi32(abef, abef0);
        cdgh = _mm_add_epi32(cdgh, cdgh0);
    }
    t = _mm_shuffle_epi32(abef, 0x1b);     /* f e b a */
    cdgh = _mm_shuffle_epi32(cdgh, 0xb1);  /* d c h g */
    _mm_storeu_si128(out, _mm_blend_epi16(t, cdgh, 0xf0));
    _mm_storeu_si128(out + 1, _mm_alignr_epi8(cdgh, t, 8));
}

/* ---- wiping -------------------------------------------------------------------------------------- */

/* The vector registers, of which the functions above and memcpy leave some with parts of secrets. Whoever
 * saves all registers next, a signal or the dynamic linker, would put them on the stack. */
static inline void x86_wipe_registers(void) {
    __asm__ __volatile__("pxor %%xmm0, %%xmm0\n\t"
                         "pxor %%xmm1, %%xmm1\n\t"
                         "pxor %%xmm2, %%xmm2\n\t"
                         "pxor %%xmm3, %%xmm3\n\t"
                         "pxor %%xmm4, %%xmm4\n\t"
                         "pxor %%xmm5, %%xmm5\n\t"
                         "pxor %%xmm6, %%xmm6\n\t"
                         "pxor %%xmm7, %%xmm7\n\t"
                         "pxor %%xmm8, %%xmm8\n\t"
                         "pxor %%xmm9, %%xmm9\n\t"
                         "pxor %%xmm10, %%xmm10\n\t"
                         "pxor %%xmm11, %%xmm11\n\t"
                         "pxor %%xmm12, %%xmm12\n\t"
                         "pxor %%xmm13, %%xmm13\n\t"
                         "pxor %%xmm14, %%xmm14\n\t"
                         "pxor %%xmm15, %%xmm15"
                         :
                         :
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                           "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}
