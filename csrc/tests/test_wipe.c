/* Secrets do not stay behind: not on the stack of whoever signed, imported, generated or closed a key, and not in
 * memory that was given back.
 *
 * Each act runs on a stack that is memory of ours, painted beforehand. Afterwards that memory is searched for the
 * secret, the nonce, and what either can be computed from, byte by byte: any eight bytes of them in a row, in
 * big-endian and little-endian order, which covers 64-bit limbs, and two in a row of the words of 31 bits that BearSSL
 * calculates with. So are the registers that a function keeps for its caller. */
#include <malloc.h>
#include <sys/mman.h>
#include <ucontext.h>

#ifdef RISE_TESTS_KEYSTORE
#include <sodium.h>
#endif

#include "check.h"
#include "heap.h"

#define NOINLINE __attribute__((noinline))
/* The memory searched is nobody's any more, but AddressSanitizer may still think so. */
#define UNCHECKED __attribute__((no_sanitize("address")))

/* The compiler must take it that someone reads this memory. */
#define KEEP(memory) __asm__ __volatile__("" : : "r"(memory) : "memory")

#define STACK_SIZE ((size_t)1 << 20)
#define PAINT 0xa5
#define WINDOW 8

/* ---- what is searched for ---- */

static struct {
    const char *name;
    uint64_t window; /* as it lies in memory */
} needle[2048];
static size_t needles;
static uint8_t first_two[8192]; /* bit set of the first two bytes of the needles */

static void add_bytes(const char *name, const uint8_t *bytes, size_t len) {
    size_t i;

    for (i = 0; i + WINDOW <= len; i++) {
        unsigned two = bytes[i] | (unsigned)bytes[i + 1] << 8;
        CHECK(needles < sizeof needle / sizeof needle[0]);
        needle[needles].name = name;
        memcpy(&needle[needles++].window, bytes + i, WINDOW);
        first_two[two / 8] |= (uint8_t)(1 << two % 8);
    }
}

static void add_number(const char *name, const uint8_t bytes[32]) {
    uint8_t reversed[32], words[36];
    uint32_t word[9] = { 0 };
    size_t i;

    for (i = 0; i < 32; i++) {
        reversed[i] = bytes[31 - i];
    }
    add_bytes(name, bytes, 32);
    add_bytes(name, reversed, 32);
    for (i = 0; i < 256; i++) {
        word[i / 31] |= (uint32_t)(reversed[i / 8] >> i % 8 & 1) << i % 31;
    }
    memcpy(words, word, sizeof words);
    for (i = 0; i + WINDOW <= sizeof words; i += 4) {
        add_bytes(name, words + i, WINDOW);
    }
}

/* The name of the first needle in this memory, NULL when there is none. *at is where. */
static UNCHECKED const char *search(const uint8_t *memory, size_t len, size_t *at) {
    size_t i, j, b;

    for (i = 0; i + WINDOW <= len; i++) {
        unsigned two = memory[i] | (unsigned)memory[i + 1] << 8;
        if (!(first_two[two / 8] >> two % 8 & 1)) {
            continue;
        }
        for (j = 0; j < needles; j++) {
            const uint8_t *bytes = (const uint8_t *)&needle[j].window;
            /* Byte by byte: this runs on the stack that is searched, where a needle put together would be found. */
            for (b = 0; b < WINDOW && bytes[b] == memory[i + b]; b++) {
            }
            if (b == WINDOW) {
                *at = i;
                return needle[j].name;
            }
        }
    }
    return NULL;
}

/* ---- numbers below a group order, the slow way ---- */

static rise_u256 order;

static void add_mod(rise_u256 *out, const rise_u256 *a, const rise_u256 *b) {
    rise_u256 rest;

    /* a + b >= n  <=>  a >= n - b, for b > 0 */
    CHECK(rise_u256_sub(&rest, &order, b) == RISE_OK);
    if (rise_u256_compare(a, &rest) >= 0) {
        CHECK(rise_u256_sub(out, a, &rest) == RISE_OK);
    } else {
        CHECK(rise_u256_add(out, a, b) == RISE_OK);
    }
}

static void multiply_mod(rise_u256 *out, const rise_u256 *a, const rise_u256 *b) {
    rise_u256 sum, factor = *a;
    unsigned i;

    rise_u256_from_u64(&sum, 0);
    for (i = 0; i < 256; i++) {
        if (b->limb[i / 64] >> i % 64 & 1) {
            add_mod(&sum, &sum, &factor);
        }
        add_mod(&factor, &factor, &factor);
    }
    *out = sum;
}

/* a^(n - 2) */
static void invert_mod(rise_u256 *out, const rise_u256 *a) {
    rise_u256 product, power = *a, exponent, two;
    unsigned i;

    rise_u256_from_u64(&two, 2);
    CHECK(rise_u256_sub(&exponent, &order, &two) == RISE_OK);
    rise_u256_from_u64(&product, 1);
    for (i = 0; i < 256; i++) {
        if (exponent.limb[i / 64] >> i % 64 & 1) {
            multiply_mod(&product, &product, &power);
        }
        multiply_mod(&power, &power, &power);
    }
    *out = product;
}

/* The number itself, its negative, and both as a Montgomery form has them: times 2^256. */
static void add_forms(const char *name, const rise_u256 *a) {
    rise_u256 form = *a, negative;
    uint8_t bytes[32];
    int i, montgomery;

    for (montgomery = 0; montgomery < 2; montgomery++) {
        rise_u256_to_bytes(bytes, &form);
        add_number(name, bytes);
        CHECK(rise_u256_sub(&negative, &order, &form) == RISE_OK);
        rise_u256_to_bytes(bytes, &negative);
        add_number(name, bytes);
        for (i = 0; i < 256; i++) {
            add_mod(&form, &form, &form);
        }
    }
}

/* ---- RFC 6979 ---- */

static void hmac(uint8_t out[32], const uint8_t key[32], const uint8_t *text, size_t len) {
    uint8_t inner[64 + 128], outer[96];
    size_t i;

    CHECK(len <= 128);
    for (i = 0; i < 64; i++) {
        inner[i] = (uint8_t)((i < 32 ? key[i] : 0) ^ 0x36);
        outer[i] = (uint8_t)((i < 32 ? key[i] : 0) ^ 0x5c);
    }
    memcpy(inner + 64, text, len);
    rise_sha256(outer + 64, inner, 64 + len);
    rise_sha256(out, outer, 96);
}

/* The nonce for a digest below the order; where the first candidate is none, the caller sees that it does not fit. The
 * key from which HMAC makes it is searched for too. */
static void derive_nonce(uint8_t k[32], const uint8_t secret[32], const uint8_t digest[32]) {
    uint8_t key[32] = { 0 }, text[97], padded[32];
    int round, i;

    memset(text, 1, 32);
    for (round = 0; round < 2; round++) {
        text[32] = (uint8_t)round;
        memcpy(text + 33, secret, 32);
        memcpy(text + 65, digest, 32);
        hmac(key, key, text, 97);
        hmac(text, key, text, 32);
    }
    hmac(k, key, text, 32);
    add_bytes("key of HMAC", key, 32);
    for (round = 0; round < 2; round++) {
        for (i = 0; i < 32; i++) {
            padded[i] = key[i] ^ (round ? 0x5c : 0x36);
        }
        add_bytes("key of HMAC", padded, 32);
    }
}

/* ---- the acts ---- */

static uint8_t secret[32], digest[32], sig[65], public_key[64], scratch[64];
static char secret_text[67];
static rise_key_type type;
static rise_key *key;
static size_t result;

static int give_secret(void *context, uint8_t *out, size_t len) {
    (void)context;
    memset(out, 0, len);
    memcpy(out, secret, len < 32 ? len : 32);
    return 0;
}

/* The first draw is of no use, so that another is made. */
static int give_secret_late(void *context, uint8_t *out, size_t len) {
    int *calls = context;

    memset(out, 0xff, len);
    return (*calls)++ > 0 ? give_secret(NULL, out, len) : 0;
}

static void act_import(void) {
    result = rise_key_import(&key, type, secret) == RISE_OK;
}

static void act_generate(void) {
    static const rise_entropy entropy = { give_secret, NULL };

    result = rise_key_generate(&key, type, &entropy) == RISE_OK;
}

static void act_generate_late(void) {
    static int calls;
    static const rise_entropy entropy = { give_secret_late, &calls };

    calls = type == RISE_KEY_SECP256K1 ? -1 : 0;
    result = rise_key_generate(&key, type, &entropy) == RISE_OK;
}

static void act_sign(void) {
    result = rise_key_sign(key, sig, digest) != 0;
}

static void act_close(void) {
    rise_key_free(key);
    key = NULL;
    result = 1;
}

static void act_export(void) {
    rise_key_export(key, scratch);
    result = memcmp(scratch, secret, 32) == 0;
}

static void act_p256_public(void) {
    result = rise_p256_public(public_key, secret) == RISE_OK;
}

static void act_p256_sign(void) {
    result = rise_p256_sign(sig, secret, digest) == RISE_OK;
}

static void act_hex(void) {
    size_t len;

    result = rise_hex_decode(scratch, 32, &len, secret_text, 66) == RISE_OK;
}

static void act_buffer(void) {
    rise_buf buf = RISE_BUF_INIT;
    int i;

    for (i = 0; i < 5; i++) {
        result = rise_buf_append(&buf, secret, 32) == RISE_OK;
    }
    rise_buf_free(&buf);
}

#ifdef RISE_TESTS_KEYSTORE
static const char passphrase[] = "a passphrase to be forgotten";
static rise_buf sealed;
static rise_vault *vault;
static uint8_t wrapped[RISE_VAULT_WRAPPED];

static int give_fives(void *context, uint8_t *out, size_t len) {
    (void)context;
    memset(out, 5, len);
    return 0;
}

static const rise_entropy fives = { give_fives, NULL };

static void act_seal(void) {
    rise_keystore *keystore;

    result = rise_keystore_new(&keystore, 2, 1, 1, &fives, NULL) == RISE_OK
        && rise_keystore_derive(keystore, passphrase, sizeof passphrase - 1, NULL) == RISE_OK
        && rise_keystore_seal(keystore, &sealed, key, &fives, NULL) == RISE_OK;
    rise_keystore_free(keystore);
}

static void act_unlock(void) {
    rise_keystore *keystore;

    result = rise_keystore_read(&keystore, (const char *)sealed.data, sealed.len, NULL) == RISE_OK
        && rise_keystore_derive(keystore, passphrase, sizeof passphrase - 1, NULL) == RISE_OK
        && rise_keystore_unlock(keystore, &key, NULL) == RISE_OK;
    rise_keystore_free(keystore);
}

static void act_unlock_wrongly(void) {
    rise_keystore *keystore;
    rise_key *none;

    result = rise_keystore_read(&keystore, (const char *)sealed.data, sealed.len, NULL) == RISE_OK
        && rise_keystore_derive(keystore, passphrase, sizeof passphrase - 2, NULL) == RISE_OK
        && rise_keystore_unlock(keystore, &none, NULL) == RISE_EPASSPHRASE;
    rise_keystore_free(keystore);
}

static void act_wrap(void) {
    result = rise_vault_wrap(vault, wrapped, key, &fives) == RISE_OK;
}

static void act_unwrap(void) {
    size_t len = rise_key_public(key, public_key);
    rise_key *again;

    result = rise_vault_unwrap(vault, &again, type, public_key, len, wrapped) == RISE_OK;
    rise_key_free(again);
}

static void act_seal_vault(void) {
    rise_keystore *keystore;
    rise_vault *again = NULL;
    rise_buf text = RISE_BUF_INIT;

    result = rise_keystore_new(&keystore, 2, 1, 1, &fives, NULL) == RISE_OK
        && rise_keystore_derive(keystore, passphrase, sizeof passphrase - 1, NULL) == RISE_OK
        && rise_keystore_seal_vault(keystore, &text, vault, &fives, NULL) == RISE_OK
        && rise_keystore_unlock_vault(keystore, &again, NULL) == RISE_OK;
    rise_vault_free(again);
    rise_keystore_free(keystore);
    rise_buf_free(&text);
}
#endif

/* What must be found: a copy left on the stack, and one left in memory that was given back. */
static NOINLINE void leave_copy(void) {
    uint8_t room[512];

    memcpy(room, secret, 32);
    KEEP(room);
    result = 1;
}

static NOINLINE void leave_limb(void) {
    uint64_t room[64];
    size_t i;

    room[0] = 0;
    for (i = 8; i < 16; i++) {
        room[0] = room[0] << 8 | secret[i];
    }
    KEEP(room);
    result = 1;
}

static void leave_block(void) {
    uint8_t *copy = malloc(32);

    CHECK(copy != NULL);
    memcpy(copy, secret, 32);
    KEEP(copy);
    free(copy);
    result = 1;
}

/* ---- running one and searching ---- */

static uint8_t *stack;
static const char *in_freed;
static size_t deepest; /* how far below the top of the stack the last find was */

static UNCHECKED void look_at_block(const void *block) {
    size_t at;

    if (in_freed == NULL) {
        in_freed = search(block, malloc_usable_size((void *)(uintptr_t)block), &at);
    }
}

static UNCHECKED void paint(void) {
    volatile uint8_t *p = stack;
    size_t i;

    for (i = 0; i < STACK_SIZE; i++) {
        p[i] = PAINT;
    }
}

static UNCHECKED size_t depth(void) {
    size_t i;

    for (i = 0; i < STACK_SIZE && stack[i] == PAINT; i++) {
    }
    return STACK_SIZE - i;
}

static ucontext_t outside, inside;
static void (*act_now)(void);

static void on_stack(void) {
    act_now();
    /* Back from here, so that nothing more runs on this stack. */
    swapcontext(&inside, &outside);
}

/* What an act left behind, NULL for nothing. */
static const char *left_by(void (*act)(void)) {
    const char *found;
    size_t at = 0;

    result = 0;
    in_freed = NULL;
    act_now = act;
    paint();
    CHECK(getcontext(&inside) == 0);
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = STACK_SIZE;
    inside.uc_link = NULL;
    makecontext(&inside, on_stack, 0);
    heap.freeing = look_at_block;
    CHECK(swapcontext(&outside, &inside) == 0);
    heap.freeing = NULL;
    CHECK(result);
    /* It did run there. */
    CHECK(depth() > 16 && depth() < STACK_SIZE);
    found = search(stack, STACK_SIZE, &at);
    if (found != NULL) {
        deepest = STACK_SIZE - at;
        return found;
    }
    found = search((const uint8_t *)&inside, sizeof inside, &at);
    return found != NULL ? found : in_freed;
}

static void clean(const char *what, void (*act)(void)) {
    const char *found = left_by(act);

    if (found != NULL) {
        fprintf(stderr, "%s, key type %d: leaves behind the %s, %d bytes below the top of the stack\n", what,
                (int)type, found, (int)deepest);
        exit(1);
    }
}

/* Everything that signing with the secret works on. */
static void know(rise_key_type of) {
    static const char *const orders[] = {
        "0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", NULL,
        "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    };
    rise_u256 d, k, r, s, z, x, y;
    uint8_t bytes[32];

    type = of;
    needles = 0;
    memset(first_two, 0, sizeof first_two);
    CHECK(rise_u256_from_text(&order, orders[of], 66) == RISE_OK);
    rise_sha256(secret, "a secret that must not stay", 27);
    rise_sha256(digest, "a digest", 8);
    secret[0] &= 0x7f;
    digest[0] &= 0x7f;
    memcpy(secret_text, "0x", 2);
    rise_hex_encode(secret_text + 2, secret, 32);
    CHECK(rise_key_import(&key, type, secret) == RISE_OK && rise_key_sign(key, sig, digest) != 0);
    rise_key_free(key);

    rise_u256_from_bytes(&d, secret);
    add_forms("secret", &d);
    derive_nonce(bytes, secret, digest);
    rise_u256_from_bytes(&k, bytes);
    add_forms("nonce", &k);
    /* s k = z + r d, or the negative of it */
    rise_u256_from_bytes(&r, sig);
    rise_u256_from_bytes(&s, sig + 32);
    rise_u256_from_bytes(&z, digest);
    multiply_mod(&x, &r, &d);
    add_forms("r d", &x);
    add_mod(&x, &x, &z);
    add_forms("z + r d", &x);
    multiply_mod(&y, &s, &k);
    if (rise_u256_compare(&x, &y) != 0) {
        CHECK(rise_u256_sub(&y, &order, &y) == RISE_OK);
    }
    CHECK(rise_u256_compare(&x, &y) == 0);
    invert_mod(&x, &k);
    multiply_mod(&y, &x, &k);
    CHECK(rise_u256_bits(&y) == 1);
    add_forms("inverse of the nonce", &x);
}

#ifdef RISE_TESTS_KEYSTORE
/* With a salt of fives, as act_seal has it. */
static void keystores(void) {
    uint8_t salt[32], derived[32];

    memset(salt, 5, sizeof salt);
    CHECK(crypto_pwhash_scryptsalsa208sha256_ll((const uint8_t *)passphrase, sizeof passphrase - 1, salt, sizeof salt, 2,
                                                1, 1, derived, sizeof derived) == 0);
    add_bytes("derived key", derived, sizeof derived);
    add_bytes("passphrase", (const uint8_t *)passphrase, sizeof passphrase - 1);
    CHECK(rise_key_import(&key, type, secret) == RISE_OK);
    clean("seal", act_seal);
    clean("close", act_close);
    clean("unlock", act_unlock);
    clean("unlock in vain", act_unlock_wrongly);
    CHECK(rise_vault_new(&vault, NULL) == RISE_OK);
    clean("wrap", act_wrap);
    clean("unwrap", act_unwrap);
    clean("seal a vault", act_seal_vault);
    rise_vault_free(vault);
    rise_key_free(key);
    rise_buf_free(&sealed);
}
#endif

static void keys(void) {
    clean("import", act_import);
    clean("sign", act_sign);
    clean("export", act_export);
    memset(scratch, 0, sizeof scratch);
    clean("close", act_close);
    clean("generate", act_generate);
    clean("close", act_close);
    clean("generate, with a second draw", act_generate_late);
    clean("close", act_close);
}

int main(void) {
#if defined(__clang__) && !defined(__OPTIMIZE__)
    /* Without optimisation it spills the registers of every memcpy. Others do not, as it happens. */
    return 77;
#endif
    stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);

    know(RISE_KEY_P256);
    CHECK(left_by(leave_copy) != NULL);
    CHECK(left_by(leave_limb) != NULL);
    CHECK(left_by(leave_block) != NULL);
    clean("hex", act_hex);
    clean("buffer", act_buffer);
    clean("public key", act_p256_public);
    clean("signature", act_p256_sign);
    keys();
#ifdef RISE_TESTS_KEYSTORE
    keystores();
#endif
    know(RISE_KEY_SECP256K1);
    keys();
#ifdef RISE_TESTS_KEYSTORE
    keystores();
#endif
    CHECK(munmap(stack, STACK_SIZE) == 0);
    return 0;
}
