/* Web3 Secret Storage, version 3: a key under a passphrase. Deriving is the one thing of the core that takes time, and
 * so the one that has a thread. */
#include <bearssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "locked.h"

#define MAX_SALT 128
#define NEW_SALT 32
/* What is derived at once, without a thread: about a millisecond of scrypt, and of PBKDF2. */
#define AT_ONCE 4096u
#define THREAD_STACK ((size_t)256 * 1024)

/* What must not be seen; in locked memory. */
typedef struct secrets {
    uint8_t derived[32];
    char passphrase[RISE_PASSPHRASE_MAX];
    size_t passphrase_len;
} secrets;

struct rise_keystore {
    rise_keystore_info info;
    uint8_t salt[MAX_SALT];
    size_t salt_len;
    uint8_t iv[16];
    uint8_t ciphertext[32]; /* none for a new one */
    size_t ciphertext_len;
    uint8_t mac[32];
    secrets *secret;
    enum { NOT_STARTED, UNDER_WAY, DERIVED } state; /* as the owner knows it */
    pthread_t thread;
    pthread_mutex_t mutex; /* over the two below */
    int done;
    rise_status status;
};

static const char *const kind_names[] = { "secp256k1", "p256", "vault" };

/* ---- reading ------------------------------------------------------------------------------------------- */

typedef struct reader {
    const char *text;
    size_t len;
    rise_error *error;
} reader;

#define MAX_PATH 4

/* Where the value at a path like "crypto.kdfparams.n" lies; 0 when there is none. */
static int find(const reader *in, const char *path, const char **value, size_t *len) {
    char names[64];
    const char *name[MAX_PATH];
    size_t depth = 0, start;
    char *at = names;

    *value = NULL;
    memcpy(names, path, strlen(path) + 1);
    while (at != NULL) {
        name[depth++] = at;
        at = strchr(at, '.');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    if (rise_json_span(&start, len, in->text, in->len, name, depth) != RISE_OK) {
        if (strcmp(name[0], "crypto") != 0) {
            return 0;
        }
        name[0] = "Crypto"; /* as ethers has it */
        if (rise_json_span(&start, len, in->text, in->len, name, depth) != RISE_OK) {
            return 0;
        }
    }
    *value = in->text + start;
    return 1;
}

static rise_status malformed(const reader *in, const char *path) {
    return rise_fail(in->error, RISE_EDATA, "the keystore's ", path, " is missing or malformed");
}

/* What is between the quotes of a string; escapes are not resolved, nothing here needs any. */
static rise_status read_text(const reader *in, const char *path, const char **text, size_t *len) {
    if (!find(in, path, text, len) || (*text)[0] != '"') {
        return malformed(in, path);
    }
    *text += 1;
    *len -= 2;
    return RISE_OK;
}

static rise_status read_bytes(const reader *in, const char *path, uint8_t *bytes, size_t size, size_t *got) {
    const char *text;
    size_t len;
    rise_status status = read_text(in, path, &text, &len);

    if (status != RISE_OK) {
        return status;
    }
    return rise_hex_decode(bytes, size, got, text, len) == RISE_OK && *got != 0 ? RISE_OK : malformed(in, path);
}

static rise_status read_exactly(const reader *in, const char *path, uint8_t *bytes, size_t size) {
    size_t got;
    rise_status status = read_bytes(in, path, bytes, size, &got);

    return status == RISE_OK && got != size ? malformed(in, path) : status;
}

static rise_status read_number(const reader *in, const char *path, uint32_t *number) {
    const char *text;
    size_t len, i;
    uint64_t value = 0;

    if (!find(in, path, &text, &len)) {
        return malformed(in, path);
    }
    for (i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return malformed(in, path);
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
        if (value > UINT32_MAX) {
            return rise_fail(in->error, RISE_ELIMIT, "the keystore's ", path, " is beyond what is derived here");
        }
    }
    *number = (uint32_t)value;
    return RISE_OK;
}

static int text_is(const char *text, size_t len, const char *want) {
    return len == strlen(want) && memcmp(text, want, len) == 0;
}

/* A member that must have one value for what is done here. */
static rise_status read_word(const reader *in, const char *path, const char *want) {
    const char *text;
    size_t len;
    rise_status status = read_text(in, path, &text, &len);

    if (status == RISE_OK && !text_is(text, len, want)) {
        char why[96];
        why[0] = '\0';
        strncat(why, " is not ", sizeof why - 1);
        strncat(why, want, sizeof why - strlen(why) - 1);
        strncat(why, ", which is all that is read here", sizeof why - strlen(why) - 1);
        return rise_fail(in->error, RISE_EUNSUPPORTED, "the keystore's ", path, why);
    }
    return status;
}

static rise_status check_scrypt(const rise_keystore_info *info, rise_error *error) {
    uint64_t n = info->n, r = info->r, p = info->p;

    if (n < 2 || (n & (n - 1)) != 0 || r == 0 || p == 0) {
        return rise_fail(error, RISE_EDATA, "scrypt takes an n that is a power of 2, and an r and a p from 1", "", "");
    }
    /* Each is below 2^32; divided, since the products need not fit. */
    if (n > RISE_KEYSTORE_MAX_MEMORY / 128 / r || n * r > RISE_KEYSTORE_MAX_WORK / p) {
        return rise_fail(error, RISE_ELIMIT, "the keystore asks for more memory or time than is given here",
                         " (128 n r is at most 2^29 bytes, n r p at most 2^23)", "");
    }
    return RISE_OK;
}

static rise_status read_scrypt(const reader *in, rise_keystore_info *info) {
    rise_status status;

    if ((status = read_number(in, "crypto.kdfparams.n", &info->n)) != RISE_OK
        || (status = read_number(in, "crypto.kdfparams.r", &info->r)) != RISE_OK
        || (status = read_number(in, "crypto.kdfparams.p", &info->p)) != RISE_OK) {
        return status;
    }
    return check_scrypt(info, in->error);
}

static rise_status read_pbkdf2(const reader *in, rise_keystore_info *info) {
    rise_status status;

    if ((status = read_word(in, "crypto.kdfparams.prf", "hmac-sha256")) != RISE_OK
        || (status = read_number(in, "crypto.kdfparams.c", &info->rounds)) != RISE_OK) {
        return status;
    }
    if (info->rounds == 0) {
        return malformed(in, "crypto.kdfparams.c");
    }
    if (info->rounds > RISE_KEYSTORE_MAX_ROUNDS) {
        return rise_fail(in->error, RISE_ELIMIT, "the keystore asks for more time than is given here",
                         " (PBKDF2 of at most 10,000,000 rounds)", "");
    }
    return RISE_OK;
}

static rise_status read_derivation(const reader *in, rise_keystore *keystore) {
    const char *text;
    size_t len;
    uint32_t derived = 0;
    rise_status status = read_text(in, "crypto.kdf", &text, &len);

    if (status != RISE_OK) {
        return status;
    }
    if (text_is(text, len, "scrypt")) {
        status = read_scrypt(in, &keystore->info);
    } else if (text_is(text, len, "pbkdf2")) {
        status = read_pbkdf2(in, &keystore->info);
    } else {
        status = rise_fail(in->error, RISE_EUNSUPPORTED, "the keystore's crypto.kdf is neither scrypt nor pbkdf2", "", "");
    }
    if (status == RISE_OK) {
        status = read_number(in, "crypto.kdfparams.dklen", &derived);
    }
    if (status == RISE_OK && derived != 32) {
        status = rise_fail(in->error, RISE_EUNSUPPORTED, "the keystore's crypto.kdfparams.dklen is not 32", "", "");
    }
    return status != RISE_OK ? status : read_bytes(in, "crypto.kdfparams.salt", keystore->salt, MAX_SALT,
                                                   &keystore->salt_len);
}

/* What kind it is, and its public half as far as it is told. */
static rise_status read_kind(const reader *in, rise_keystore_info *info) {
    const char *text;
    size_t len;
    rise_status status;

    info->kind = RISE_KEYSTORE_SECP256K1;
    if (!find(in, "rise", &text, &len)) {
        if (!find(in, "address", &text, &len) || text_is(text, len, "null") || text_is(text, len, "\"\"")) {
            return RISE_OK;
        }
        info->public_len = 20;
        return read_exactly(in, "address", info->public_key, 20);
    }
    status = read_text(in, "rise.type", &text, &len);
    if (status != RISE_OK) {
        return status;
    }
    if (text_is(text, len, kind_names[RISE_KEYSTORE_P256])) {
        info->kind = RISE_KEYSTORE_P256;
        info->public_len = 64;
        return read_exactly(in, "rise.public", info->public_key, 64);
    }
    if (text_is(text, len, kind_names[RISE_KEYSTORE_VAULT])) {
        info->kind = RISE_KEYSTORE_VAULT;
        return RISE_OK;
    }
    return rise_fail(in->error, RISE_EUNSUPPORTED, "the keystore's rise.type is neither p256 nor vault", "", "");
}

static rise_status check_json(const reader *in) {
    const char *text;
    size_t start, len, i;

    if (rise_json_span(&start, &len, in->text, in->len, NULL, 0) != RISE_OK || in->text[start] != '{') {
        return rise_fail(in->error, RISE_EDATA, "the keystore is no JSON object", "", "");
    }
    for (i = start + len; i < in->len; i++) {
        if (strchr(" \t\r\n", in->text[i]) == NULL || in->text[i] == '\0') {
            return rise_fail(in->error, RISE_EDATA, "the keystore goes on behind its JSON object", "", "");
        }
    }
    if (!find(in, "version", &text, &len)) {
        return malformed(in, "version");
    }
    if (!text_is(text, len, "3")) {
        return rise_fail(in->error, RISE_EUNSUPPORTED, "the keystore is not of version 3, which is all that is read here",
                         "", "");
    }
    return RISE_OK;
}

static rise_status keystore_alloc(rise_keystore **out) {
    rise_keystore *keystore = calloc(1, sizeof *keystore);

    *out = NULL;
    if (keystore == NULL) {
        return RISE_ENOMEM;
    }
    keystore->secret = rise_locked_alloc(sizeof *keystore->secret);
    if (keystore->secret == NULL || pthread_mutex_init(&keystore->mutex, NULL) != 0) {
        sodium_free(keystore->secret);
        free(keystore);
        return RISE_ENOMEM;
    }
    *out = keystore;
    return RISE_OK;
}

static rise_status give_up(rise_keystore **out, rise_status status) {
    rise_keystore_free(*out);
    *out = NULL;
    return status;
}

rise_status rise_keystore_read(rise_keystore **out, const char *text, size_t len, rise_error *error) {
    reader in;
    rise_keystore *keystore;
    rise_status status;

    in.text = text;
    in.len = len;
    in.error = error;
    *out = NULL;
    if (len > RISE_KEYSTORE_MAX_TEXT) {
        return rise_fail(error, RISE_ELIMIT, "the keystore is longer than 64 KiB", "", "");
    }
    status = check_json(&in);
    if (status != RISE_OK) {
        return status;
    }
    status = keystore_alloc(out);
    if (status != RISE_OK) {
        return rise_fail(error, status, rise_status_text(status), "", "");
    }
    keystore = *out;
    if ((status = read_kind(&in, &keystore->info)) != RISE_OK
        || (status = read_word(&in, "crypto.cipher", "aes-128-ctr")) != RISE_OK
        || (status = read_exactly(&in, "crypto.cipherparams.iv", keystore->iv, 16)) != RISE_OK
        || (status = read_bytes(&in, "crypto.ciphertext", keystore->ciphertext, 32, &keystore->ciphertext_len))
            != RISE_OK
        || (status = read_exactly(&in, "crypto.mac", keystore->mac, 32)) != RISE_OK
        || (status = read_derivation(&in, keystore)) != RISE_OK) {
        return give_up(out, status);
    }
    return RISE_OK;
}

rise_status rise_keystore_new(rise_keystore **out, uint32_t n, uint32_t r, uint32_t p, const rise_entropy *entropy,
                              rise_error *error) {
    rise_status status = keystore_alloc(out);

    if (status != RISE_OK) {
        return rise_fail(error, status, rise_status_text(status), "", "");
    }
    (*out)->info.n = n;
    (*out)->info.r = r;
    (*out)->info.p = p;
    status = check_scrypt(&(*out)->info, error);
    if (status != RISE_OK) {
        return give_up(out, status == RISE_EDATA ? rise_fail(error, RISE_EVALUE, "scrypt takes an n that is a power of 2,"
                                                             " and an r and a p from 1", "", "") : status);
    }
    (*out)->salt_len = NEW_SALT;
    status = rise_random((*out)->salt, NEW_SALT, entropy);
    return status == RISE_OK ? RISE_OK : give_up(out, rise_fail(error, status, rise_status_text(status), "", ""));
}

const rise_keystore_info *rise_keystore_get_info(const rise_keystore *keystore) {
    return &keystore->info;
}

/* ---- deriving ------------------------------------------------------------------------------------------ */

/* PBKDF2 (RFC 8018, 5.2) with HMAC-SHA-256 for one block, which is all that is taken of it. */
static void pbkdf2(uint8_t out[32], const secrets *secret, const uint8_t *salt, size_t salt_len, uint32_t rounds) {
    static const uint8_t first[4] = { 0, 0, 0, 1 };
    br_hmac_key_context key;
    br_hmac_context hmac;
    uint8_t block[32];
    uint32_t i;
    size_t j;

    br_hmac_key_init(&key, &br_sha256_vtable, secret->passphrase, secret->passphrase_len);
    br_hmac_init(&hmac, &key, 0);
    br_hmac_update(&hmac, salt, salt_len);
    br_hmac_update(&hmac, first, sizeof first);
    br_hmac_out(&hmac, block);
    memcpy(out, block, 32);
    for (i = 1; i < rounds; i++) {
        br_hmac_init(&hmac, &key, 0);
        br_hmac_update(&hmac, block, sizeof block);
        br_hmac_out(&hmac, block);
        for (j = 0; j < 32; j++) {
            out[j] ^= block[j];
        }
    }
    rise_wipe(&key, sizeof key);
    rise_wipe(&hmac, sizeof hmac);
    rise_wipe(block, sizeof block);
}

static rise_status derive_now(rise_keystore *keystore) {
    const rise_keystore_info *info = &keystore->info;
    secrets *secret = keystore->secret;
    rise_status status = RISE_OK;

    if (info->rounds != 0) {
        pbkdf2(secret->derived, secret, keystore->salt, keystore->salt_len, info->rounds);
    } else if (crypto_pwhash_scryptsalsa208sha256_ll((const uint8_t *)secret->passphrase, secret->passphrase_len,
                                                     keystore->salt, keystore->salt_len, info->n, info->r, info->p,
                                                     secret->derived, sizeof secret->derived) != 0) {
        status = RISE_ENOMEM; /* the parameters were checked */
    }
    rise_wipe(secret->passphrase, sizeof secret->passphrase);
    rise_wipe_stack();
    return status;
}

static void *derive_in_thread(void *argument) {
    rise_keystore *keystore = argument;
    rise_status status = derive_now(keystore);

    pthread_mutex_lock(&keystore->mutex);
    keystore->status = status;
    keystore->done = 1;
    pthread_mutex_unlock(&keystore->mutex);
    return NULL;
}

/* 0 when the thread runs. It inherits a mask that lets no signal in: the program's handlers are not for it. */
static int start_thread(rise_keystore *keystore) {
    pthread_attr_t attributes;
    sigset_t all, before;
    int failed = pthread_attr_init(&attributes);

    if (failed) {
        return failed;
    }
    sigfillset(&all);
    failed = pthread_attr_setstacksize(&attributes, THREAD_STACK);
    if (!failed) {
        failed = pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    if (!failed) {
        failed = pthread_create(&keystore->thread, &attributes, derive_in_thread, keystore);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attributes);
    return failed;
}

static void wait_for(rise_keystore *keystore) {
    if (keystore->state == UNDER_WAY) {
        (void)pthread_join(keystore->thread, NULL);
        keystore->state = DERIVED;
    }
}

rise_status rise_keystore_derive(rise_keystore *keystore, const void *passphrase, size_t len, rise_error *error) {
    const rise_keystore_info *info = &keystore->info;

    if (len > RISE_PASSPHRASE_MAX) {
        return rise_fail(error, RISE_ELIMIT, "a passphrase has at most 1024 bytes", "", "");
    }
    wait_for(keystore);
    if (len != 0) {
        memcpy(keystore->secret->passphrase, passphrase, len);
    }
    keystore->secret->passphrase_len = len;
    keystore->done = 0;
    /* Where there is no thread to be had it is done here. */
    if (info->rounds > AT_ONCE || (uint64_t)info->n * info->r * info->p > AT_ONCE) {
        keystore->state = UNDER_WAY;
        if (start_thread(keystore) == 0) {
            return RISE_OK;
        }
    }
    keystore->state = DERIVED;
    keystore->status = derive_now(keystore);
    keystore->done = 1;
    return RISE_OK;
}

int rise_keystore_ready(const rise_keystore *keystore) {
    pthread_mutex_t *mutex = (pthread_mutex_t *)(uintptr_t)&keystore->mutex; /* locking it changes nothing to see */
    int done;

    pthread_mutex_lock(mutex);
    done = keystore->done;
    pthread_mutex_unlock(mutex);
    return done;
}

static rise_status derived(rise_keystore *keystore, rise_error *error) {
    wait_for(keystore);
    if (keystore->state == NOT_STARTED) {
        return rise_fail(error, RISE_EUSAGE, "the keystore has been given no passphrase", "", "");
    }
    return keystore->status == RISE_OK
        ? RISE_OK : rise_fail(error, keystore->status, "there is not the memory that the keystore's derivation takes", "", "");
}

void rise_keystore_free(rise_keystore *keystore) {
    if (keystore != NULL) {
        wait_for(keystore);
        (void)pthread_mutex_destroy(&keystore->mutex);
        sodium_free(keystore->secret);
        free(keystore);
    }
}

/* ---- the cipher ---------------------------------------------------------------------------------------- */

/* AES-128-CTR with the first half of what was derived, in place. The whole initial vector counts, which BearSSL's does
 * with the last 32 bits of it alone: so one block at a time. */
static void apply_cipher(const rise_keystore *keystore, uint8_t *data, size_t len) {
    br_aes_ct64_ctr_keys keys;
    uint8_t counter[16];
    size_t at, part;
    int i;

    br_aes_ct64_ctr_init(&keys, keystore->secret->derived, 16);
    memcpy(counter, keystore->iv, 16);
    for (at = 0; at < len; at += part) {
        uint32_t low = (uint32_t)counter[12] << 24 | (uint32_t)counter[13] << 16 | (uint32_t)counter[14] << 8
            | counter[15];
        part = len - at < 16 ? len - at : 16;
        br_aes_ct64_ctr_run(&keys, counter, low, data + at, part);
        for (i = 15; i >= 0 && ++counter[i] == 0; i--) {
        }
    }
    rise_wipe(&keys, sizeof keys);
}

static void compute_mac(const rise_keystore *keystore, uint8_t mac[32]) {
    const char *name = kind_names[keystore->info.kind];
    rise_keccak h;

    rise_keccak_init(&h);
    rise_keccak_update(&h, keystore->secret->derived + 16, 16);
    rise_keccak_update(&h, keystore->ciphertext, keystore->ciphertext_len);
    if (keystore->info.kind != RISE_KEYSTORE_SECP256K1) {
        rise_keccak_update(&h, keystore->iv, sizeof keystore->iv);
        rise_keccak_update(&h, name, strlen(name));
    }
    rise_keccak_final(&h, mac);
}

/* ---- unlocking ----------------------------------------------------------------------------------------- */

/* The 32 bytes inside; shorter ones, as old programs wrote keys that begin with zeros, get them back. */
static rise_status decrypt(rise_keystore *keystore, uint8_t secret[32], rise_error *error) {
    size_t len = keystore->ciphertext_len;
    uint8_t mac[32];
    rise_status status;

    if (len == 0) {
        return rise_fail(error, RISE_EUSAGE, "there is nothing in a new keystore", "", "");
    }
    status = derived(keystore, error);
    if (status != RISE_OK) {
        return status;
    }
    compute_mac(keystore, mac);
    if (!rise_equal(mac, keystore->mac, sizeof mac)) {
        return rise_fail(error, RISE_EPASSPHRASE, "the passphrase is wrong, or the keystore is damaged", "", "");
    }
    memset(secret, 0, 32 - len);
    memcpy(secret + 32 - len, keystore->ciphertext, len);
    apply_cipher(keystore, secret + 32 - len, len);
    return RISE_OK;
}

/* Whether a key is the one that the text says it has in it. */
static int is_told(const rise_keystore_info *info, const rise_key *key) {
    uint8_t public_key[64];

    if (info->public_len == 20) {
        (void)rise_key_address(key, NULL, public_key);
    } else {
        (void)rise_key_public(key, public_key);
    }
    return memcmp(public_key, info->public_key, info->public_len) == 0;
}

rise_status rise_keystore_unlock(rise_keystore *keystore, rise_key **out, rise_error *error) {
    const rise_keystore_info *info = &keystore->info;
    uint8_t secret[32];
    rise_status status;

    *out = NULL;
    if (info->kind == RISE_KEYSTORE_VAULT) {
        return rise_fail(error, RISE_EUSAGE, "the keystore holds a vault, no key", "", "");
    }
    status = decrypt(keystore, secret, error);
    if (status == RISE_OK) {
        status = rise_key_import(out, info->kind == RISE_KEYSTORE_P256 ? RISE_KEY_P256 : RISE_KEY_SECP256K1, secret);
        if (status == RISE_OK && !is_told(info, *out)) {
            rise_key_free(*out);
            *out = NULL;
            status = RISE_EKEY;
        }
        if (status == RISE_EKEY) {
            status = rise_fail(error, RISE_EDATA, "the keystore is damaged: what is in it is not the key that it tells of",
                               "", "");
        } else if (status != RISE_OK) {
            (void)rise_fail(error, status, rise_status_text(status), "", "");
        }
    }
    rise_wipe(secret, sizeof secret);
    rise_wipe_stack();
    return status;
}

rise_status rise_keystore_unlock_vault(rise_keystore *keystore, rise_vault **out, rise_error *error) {
    uint8_t secret[32];
    rise_status status;

    *out = NULL;
    if (keystore->info.kind != RISE_KEYSTORE_VAULT) {
        return rise_fail(error, RISE_EUSAGE, "the keystore holds a key, no vault", "", "");
    }
    status = decrypt(keystore, secret, error);
    if (status == RISE_OK) {
        status = rise_vault_from_secret(out, secret);
        if (status != RISE_OK) {
            (void)rise_fail(error, status, rise_status_text(status), "", "");
        }
    }
    rise_wipe(secret, sizeof secret);
    rise_wipe_stack();
    return status;
}

/* ---- sealing ------------------------------------------------------------------------------------------- */

static rise_status add(rise_buf *out, const char *text) {
    return rise_buf_append(out, text, strlen(text));
}

static rise_status add_hex(rise_buf *out, const char *before, const uint8_t *bytes, size_t len, const char *behind) {
    uint8_t *space;
    rise_status status;

    if ((status = add(out, before)) == RISE_OK && (status = rise_buf_extend(out, &space, 2 * len)) == RISE_OK) {
        rise_hex_encode((char *)space, bytes, len);
        status = add(out, behind);
    }
    return status;
}

static rise_status add_number(rise_buf *out, const char *before, uint32_t value) {
    rise_u256 number;
    char digits[79];
    rise_status status = add(out, before);

    rise_u256_from_u64(&number, value);
    (void)rise_u256_to_dec(digits, &number);
    return status == RISE_OK ? add(out, digits) : status;
}

/* A random UUID (RFC 4122, 4.4). */
static rise_status add_id(rise_buf *out, uint8_t id[16]) {
    static const int ends[] = { 0, 4, 6, 8, 10, 16 };
    rise_status status = RISE_OK;
    int i;

    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    for (i = 0; i < 5 && status == RISE_OK; i++) {
        status = add_hex(out, i == 0 ? "" : "-", id + ends[i], (size_t)(ends[i + 1] - ends[i]), "");
    }
    return status;
}

static rise_status write_text(const rise_keystore *keystore, rise_buf *out, uint8_t id[16]) {
    const rise_keystore_info *info = &keystore->info;
    rise_status status = RISE_OK;

    if (info->kind == RISE_KEYSTORE_SECP256K1) {
        status = add_hex(out, "{\"address\":\"", info->public_key, 20, "\",");
    } else if (info->kind == RISE_KEYSTORE_P256) {
        status = add_hex(out, "{\"rise\":{\"type\":\"p256\",\"public\":\"", info->public_key, 64, "\"},");
    } else {
        status = add(out, "{\"rise\":{\"type\":\"vault\"},");
    }
    if (status != RISE_OK
        || (status = add_hex(out, "\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":\"", keystore->iv, 16,
                             "\"},")) != RISE_OK
        || (status = add_hex(out, "\"ciphertext\":\"", keystore->ciphertext, 32, "\",")) != RISE_OK
        || (status = add_number(out, "\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":", info->n)) != RISE_OK
        || (status = add_number(out, ",\"r\":", info->r)) != RISE_OK
        || (status = add_number(out, ",\"p\":", info->p)) != RISE_OK
        || (status = add_hex(out, ",\"salt\":\"", keystore->salt, keystore->salt_len, "\"},")) != RISE_OK
        || (status = add_hex(out, "\"mac\":\"", keystore->mac, 32, "\"},\"id\":\"")) != RISE_OK
        || (status = add_id(out, id)) != RISE_OK) {
        return status;
    }
    return add(out, "\",\"version\":3}");
}

/* Encrypts 32 bytes that `info` tells of. */
static rise_status encrypt(rise_keystore *keystore, rise_buf *out, const uint8_t secret[32],
                           const rise_entropy *entropy, rise_error *error) {
    size_t before = out->len;
    uint8_t id[16];
    rise_status status;

    if ((status = rise_random(keystore->iv, sizeof keystore->iv, entropy)) == RISE_OK
        && (status = rise_random(id, sizeof id, entropy)) == RISE_OK) {
        memcpy(keystore->ciphertext, secret, 32);
        apply_cipher(keystore, keystore->ciphertext, 32);
        keystore->ciphertext_len = 32;
        compute_mac(keystore, keystore->mac);
        status = write_text(keystore, out, id);
    }
    if (status != RISE_OK) {
        out->len = before;
        return rise_fail(error, status, rise_status_text(status), "", "");
    }
    return RISE_OK;
}

/* Only scrypt is written. */
static rise_status may_seal(rise_keystore *keystore, rise_error *error) {
    if (keystore->info.rounds != 0) {
        return rise_fail(error, RISE_EUSAGE, "a keystore with PBKDF2 is only read: make a new one", "", "");
    }
    return derived(keystore, error);
}

rise_status rise_keystore_seal(rise_keystore *keystore, rise_buf *out, const rise_key *key, const rise_entropy *entropy,
                               rise_error *error) {
    rise_keystore_info *info = &keystore->info;
    uint8_t secret[32];
    rise_status status = may_seal(keystore, error);

    if (status != RISE_OK) {
        return status;
    }
    if (rise_key_get_type(key) == RISE_KEY_P256) {
        info->kind = RISE_KEYSTORE_P256;
        info->public_len = rise_key_public(key, info->public_key);
    } else {
        info->kind = RISE_KEYSTORE_SECP256K1;
        info->public_len = 20;
        (void)rise_key_address(key, NULL, info->public_key);
    }
    rise_key_export(key, secret);
    status = encrypt(keystore, out, secret, entropy, error);
    rise_wipe(secret, sizeof secret);
    rise_wipe_stack();
    return status;
}

rise_status rise_keystore_seal_vault(rise_keystore *keystore, rise_buf *out, const rise_vault *vault,
                                     const rise_entropy *entropy, rise_error *error) {
    uint8_t secret[32];
    rise_status status = may_seal(keystore, error);

    if (status != RISE_OK) {
        return status;
    }
    keystore->info.kind = RISE_KEYSTORE_VAULT;
    keystore->info.public_len = 0;
    rise_vault_secret(vault, secret);
    status = encrypt(keystore, out, secret, entropy, error);
    rise_wipe(secret, sizeof secret);
    rise_wipe_stack();
    return status;
}
