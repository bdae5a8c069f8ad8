/* Constant time of what handles keys around the arithmetic: import, generation, export, closing, comparing, hex,
 * buffers. As in ct_p256.c, secrets are marked as undefined, and memcheck reports every branch and every address that
 * depends on them.
 *
 *     valgrind -q ct_key
 *
 * Whether a secret is in range and the public key made from it are public; so are the outcome of a comparison, and
 * whether all of a text was hex. The arithmetic of libsecp256k1 is checked by its own project; here it is taken at its
 * results.
 * Ends with 0 when nothing was reported but the leaks put in at the end to see that they are, and with 77 without
 * valgrind. */
#include <valgrind/memcheck.h>

#define PUBLIC(memory, len) ((void)VALGRIND_MAKE_MEM_DEFINED((memory), (len)))
#define SECRET(memory, len) ((void)VALGRIND_MAKE_MEM_UNDEFINED((memory), (len)))
#define DECLASSIFY(memory, len) PUBLIC((memory), (len))
#include "../core/p256.c"

#include <secp256k1.h>

static int public_pubkey_create(const secp256k1_context *context, secp256k1_pubkey *point,
                                const unsigned char *secret) {
    uint8_t copy[32];
    int made;

    memcpy(copy, secret, 32);
    PUBLIC(copy, 32);
    made = secp256k1_ec_pubkey_create(context, point, copy);
    rise_wipe(copy, sizeof copy);
    return made;
}
#define secp256k1_ec_pubkey_create public_pubkey_create
#include "../core/secp256k1.c"
#include "../core/key.c"
#include "../core/bytes.c"

#include <stdio.h>

static unsigned failures;

/* What memcheck has reported since the last call. */
static unsigned reports(void) {
    static unsigned before;
    unsigned now = VALGRIND_COUNT_ERRORS, news = now - before;

    before = now;
    return news;
}

static void expect(int leak, const char *what) {
    unsigned found = reports();

    printf("%-34s %u report%s%s\n", what, found, found == 1 ? "" : "s", leak ? ", meant to be" : "");
    failures += (found != 0) != leak;
}

static void require(int good, const char *what) {
    if (!good) {
        printf("%s: wrong result\n", what);
        failures++;
    }
}

/* Whether memcheck takes any of these bytes for secret. */
static int is_secret(const void *memory, size_t len) {
    uint8_t bits[128] = { 0 };
    size_t i, any = 0;

    (void)VALGRIND_GET_VBITS(memory, bits, len);
    PUBLIC(bits, sizeof bits);
    for (i = 0; i < len; i++) {
        any |= bits[i];
    }
    return any != 0;
}

static int give_secret(void *context, uint8_t *out, size_t len) {
    (void)context;
    memset(out, 0x17, len);
    SECRET(out, len);
    return 0;
}

static void keys(rise_key_type type, const char *name) {
    static const rise_entropy entropy = { give_secret, NULL };
    uint8_t secret[32], out[32], public_key[64];
    rise_key *key;

    memset(secret, 0x5a, 32);
    SECRET(secret, 32);
    require(rise_key_import(&key, type, secret) == RISE_OK, name);
    (void)rise_key_public(key, public_key);
    require(!is_secret(public_key, type == RISE_KEY_P256 ? 64 : 32), name);
    rise_key_export(key, out);
    require(is_secret(out, 32), name);
    rise_key_free(key);
    expect(0, name);
    memset(secret, 0, 32);
    SECRET(secret, 32);
    require(rise_key_import(&key, type, secret) == RISE_EKEY, name);
    expect(0, "  out of range");
    if (type == RISE_KEY_P256) {
        /* Here the blinding of libsecp256k1 would be seeded with what is secret. */
        require(rise_key_generate(&key, type, &entropy) == RISE_OK, name);
        rise_key_free(key);
        expect(0, "  generated");
    }
}

static void comparing(void) {
    uint8_t a[32], b[32];
    int equal;

    memset(a, 1, 32);
    memset(b, 1, 32);
    SECRET(a, 32);
    equal = rise_equal(a, b, 32);
    require(is_secret(&equal, sizeof equal), "rise_equal");
    PUBLIC(&equal, sizeof equal);
    require(equal == 1, "rise_equal");
    SECRET(b, 32);
    b[7] ^= 4;
    equal = rise_equal(a, b, 32);
    PUBLIC(&equal, sizeof equal);
    require(equal == 0, "rise_equal");
    expect(0, "rise_equal");
}

/* The prefix is public, and where there is none, that the second character is not its x. */
static void hex(void) {
    uint8_t bytes[32], back[32];
    char text[67];
    rise_status status;
    size_t len;

    memset(bytes, 0xc7, 32);
    SECRET(bytes, 32);
    memcpy(text, "0x", 2);
    rise_hex_encode(text + 2, bytes, 32);
    require(is_secret(text + 2, 64), "hex");
    expect(0, "hex, encoding");
    status = rise_hex_decode(back, 32, &len, text, 66);
    PUBLIC(&status, sizeof status);
    require(status == RISE_OK && len == 32 && is_secret(back, 32), "hex");
    PUBLIC(text + 3, 1);
    status = rise_hex_decode(back, 32, &len, text + 2, 64);
    PUBLIC(&status, sizeof status);
    require(status == RISE_OK && len == 32 && is_secret(back, 32), "hex");
    PUBLIC(back, 32);
    PUBLIC(bytes, 32);
    require(memcmp(back, bytes, 32) == 0, "hex");
    expect(0, "hex, decoding");
}

static void buffers(void) {
    rise_buf buf = RISE_BUF_INIT;
    uint8_t bytes[32] = { 3 };
    int i;

    SECRET(bytes, 32);
    for (i = 0; i < 5; i++) {
        require(rise_buf_append(&buf, bytes, 32) == RISE_OK, "buffers");
    }
    rise_wipe(bytes, 32);
    require(!is_secret(bytes, 32), "buffers");
    rise_buf_free(&buf);
    expect(0, "buffers and wiping");
}

/* ---- leaks, put in on purpose ---- */

static NOINLINE int leak_early_end(const uint8_t *a, const uint8_t *b) {
    int i;

    for (i = 0; i < 32; i++) {
        if (a[i] != b[i]) {
            __asm__ __volatile__("" : : : "memory");
            return 0;
        }
    }
    return 1;
}

static NOINLINE int leak_table(const uint8_t *a) {
    static const volatile char digits[] = "0123456789abcdef";

    return digits[a[0] & 15];
}

int main(void) {
    uint8_t secret[32] = { 9 }, other[32] = { 9 };
    volatile int sink;

    if (!RUNNING_ON_VALGRIND) {
        printf("not under valgrind: nothing to see\n");
        return 77;
    }
    (void)reports();
    keys(RISE_KEY_P256, "p256");
    keys(RISE_KEY_SECP256K1, "secp256k1");
    comparing();
    hex();
    buffers();

    SECRET(secret, 32);
    sink = leak_early_end(secret, other);
    expect(1, "comparing to the first difference");
    sink = leak_table(secret);
    expect(1, "hex digits out of a table");
    PUBLIC(secret, 32);
    sink = leak_early_end(secret, other);
    (void)sink;
    expect(0, "what is public");
    printf("%s\n", failures == 0 ? "constant time" : "FAILED");
    return failures != 0;
}
