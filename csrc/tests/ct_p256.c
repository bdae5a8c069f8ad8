/* Constant time, as memcheck sees it: keys and digests are marked as undefined, and from then on memcheck
 * reports every branch and every address that depends on them, in what the compiler has made of p256.c.
 * Where that declares something public (DECLASSIFY), it is defined again.
 *
 *     valgrind -q ct_p256
 *
 * Ends with 0 when nothing was reported but the two leaks that are put in at the end, on purpose, to see that
 * they are. Without valgrind there is nothing to see: 77, which CTest can be told to take for "skipped". */
#include <valgrind/memcheck.h>

static void declassify(void *memory, unsigned long len);
#define DECLASSIFY(memory, len) declassify((memory), (len))
#ifndef RISE_P256_PLAIN
#define RISE_P256_PLAIN_TOO
#endif
#include "../core/p256.c"

#include <stdio.h>
#include <stdlib.h>

static unsigned failures;
static unsigned declassified;

/* Counts what really was undefined: proof that the marks came all the way through. */
static void declassify(void *memory, unsigned long len) {
    unsigned char bits[64] = { 0 };
    unsigned long i;
    unsigned any = 0;

    (void)VALGRIND_GET_VBITS(memory, bits, len);
    (void)VALGRIND_MAKE_MEM_DEFINED(bits, sizeof bits);
    for (i = 0; i < len; i++) {
        any |= bits[i];
    }
    declassified += any != 0;
    (void)VALGRIND_MAKE_MEM_DEFINED(memory, len);
}

/* What memcheck has reported since the last call. */
static unsigned reports(void) {
    static unsigned before;
    unsigned now = VALGRIND_COUNT_ERRORS, news = now - before;

    before = now;
    return news;
}

static void expect(int leak, const char *what, unsigned cpu) {
    const unsigned found = reports();

    printf("%-28s features %2u: %u report%s%s\n", what, cpu, found, found == 1 ? "" : "s", leak ? ", meant to be" : "");
    failures += (found != 0) != leak;
}

static const uint8_t secrets[][32] = {
    { 0 },
    { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 },
    { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30 },
    { 0xf0, 0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87, 0x78, 0x69, 0x5a, 0x4b, 0x3c, 0x2d, 0x1e, 0x0f, 1 },
};

static void run(unsigned cpu) {
    unsigned i;

    for (i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        uint8_t secret[32], digest[32], out[64] = { 0 };
        rise_status status;

        memcpy(secret, secrets[i], 32);
        memset(digest, (int)(17 * i), 32);
        (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
        (void)VALGRIND_MAKE_MEM_UNDEFINED(digest, sizeof digest);
        declassified = 0;
        status = public_with(out, secret, cpu);
        wipe_stack();
        /* whether the key is in range, and the point */
        failures += (status == RISE_OK) != (i > 1) || declassified != (i > 1 ? 2 : 1);
        expect(0, "public key", cpu);
        declassified = 0;
        status = sign_with(out, secret, digest, cpu);
        wipe_stack();
        /* whether key and nonce are in range, whether r and s are zero, and the signature */
        failures += (status == RISE_OK) != (i > 1) || declassified != (i > 1 ? 4 : 1);
        expect(0, "signature", cpu);
    }
}

/* An entry of the table taken at its index, as a comb that trusts its cache would. */
static NOINLINE uint64_t leak_address(const uint8_t *secret) {
    return comb_table[secret[5] & 31].x.v[0];
}

/* A branch on one bit of the key. */
static NOINLINE int leak_branch(const uint8_t *secret) {
    if ((secret[7] & 4) != 0) {
        __asm__ __volatile__("" : : : "memory");
        return 1;
    }
    return 0;
}

int main(void) {
    const unsigned kinds[] = { CPU_ASKED | CPU_PLAIN, CPU_ASKED, CPU_ASKED | CPU_ADX };
    uint8_t secret[32], sig[64];
    volatile uint64_t sink;
    unsigned i;
    int vectors;

    if (!RUNNING_ON_VALGRIND) {
        printf("not under valgrind: nothing to see\n");
        return 77;
    }
    /* Valgrind's processor says nothing of ADX, but does it, as it does all that comes with AVX2. SHA it does not. */
    vectors = X86 && (cpu_features() & CPU_AVX2) != 0;
    (void)reports();
    for (i = 0; i < (vectors ? 3 : X86 ? 2 : 1); i++) {
        run(kinds[i]);
        if (vectors) {
            run(kinds[i] | CPU_AVX2);
        }
    }
    memset(sig, 0xc3, sizeof sig);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(sig, sizeof sig);
    rise_p256_low_s(sig);
    expect(0, "low s", 0);

    memcpy(secret, secrets[2], 32);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    sink = leak_address(secret);
    expect(1, "table at a secret index", 0);
    sink = (uint64_t)leak_branch(secret);
    expect(1, "branch on a secret bit", 0);
    (void)sink;
    printf("%s\n", failures == 0 ? "constant time" : "FAILED");
    return failures != 0;
}
