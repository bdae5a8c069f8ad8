/* The known answers of spec/vectors, through rise.h alone. vectors.lua says what the lines that are read here hold:
 * from the file that is named, else from stdin. */
#include <stdarg.h>

#include "check.h"

#define MAX_LINE ((size_t)1 << 16)
#define MAX_FIELDS ((size_t)1 << 14)

typedef struct field {
    char *text;
    size_t len;
} field;

/* The case at hand. What its fields say in hex is read into `arena`, which a line can never fill. */
static char line[MAX_LINE];
static field fields[MAX_FIELDS];
static size_t field_count, field_next;
static uint8_t arena[MAX_LINE];
static size_t arena_used;
static rise_abi_values given, decoded;
static rise_buf made;

static void fail(const char *format, ...) {
    va_list args;

    va_start(args, format);
    fprintf(stderr, "%s, %s: ", field_count > 1 ? fields[1].text : "the input",
            field_count > 0 ? fields[0].text : "a line");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

static void expect(int condition, const char *what) {
    if (!condition) {
        fail("%s", what);
    }
}

static void expect_ok(rise_status status, const rise_error *error, const char *what) {
    if (status != RISE_OK) {
        fail("%s: %s", what, error != NULL ? error->message : rise_status_text(status));
    }
}

static void expect_bytes(const void *got, size_t got_len, const void *wanted, size_t wanted_len, const char *what) {
    char *hex;

    if (got_len == wanted_len && (got_len == 0 || memcmp(got, wanted, got_len) == 0)) {
        return;
    }
    hex = calloc(2, got_len + wanted_len + 1);
    if (hex == NULL) {
        fail("%s", what);
        return;
    }
    rise_hex_encode(hex, got, got_len);
    rise_hex_encode(hex + 2 * got_len + 1, wanted, wanted_len);
    fail("%s: expected %s, got %s", what, hex + 2 * got_len + 1, hex);
}

/* ---- the fields of a line ---- */

static field next(void) {
    expect(field_next < field_count, "the line has too few fields");
    return fields[field_next++];
}

/* Of a list: how many parts follow. */
static size_t next_count(void) {
    field f = next();
    rise_u256 number;
    uint64_t count = 0;

    expect(f.len > 1 && f.text[0] == '#' && rise_u256_from_text(&number, f.text + 1, f.len - 1) == RISE_OK
           && rise_u256_to_u64(&count, &number) && count < MAX_FIELDS, "no count where one should be");
    return (size_t)count;
}

static const uint8_t *next_bytes(size_t *len) {
    field f = next();
    uint8_t *bytes = arena + arena_used;

    expect(f.len >= 2 && memcmp(f.text, "0x", 2) == 0
           && rise_hex_decode(bytes, sizeof arena - arena_used, len, f.text, f.len) == RISE_OK,
           "no hex where it should be");
    arena_used += *len;
    return bytes;
}

static const uint8_t *next_exactly(size_t len) {
    size_t got;
    const uint8_t *bytes = next_bytes(&got);

    if (got != len) {
        fail("%zu bytes where %zu should be", got, len);
    }
    return bytes;
}

static rise_u256 next_u256(void) {
    field f = next();
    rise_u256 number;

    expect(rise_u256_from_text(&number, f.text, f.len) == RISE_OK, "no number where one should be");
    return number;
}

static uint64_t next_u64(void) {
    rise_u256 number = next_u256();
    uint64_t value = 0;

    expect(rise_u256_to_u64(&value, &number), "a number is beyond 64 bits");
    return value;
}

static int next_flag(void) {
    field f = next();

    expect(strcmp(f.text, "true") == 0 || strcmp(f.text, "false") == 0, "no true or false where it should be");
    return f.text[0] == 't';
}

static int is(field f, const char *text) {
    return strcmp(f.text, text) == 0;
}

static void expect_text(const char *got, const char *what) {
    field f = next();

    if (!is(f, got)) {
        fail("%s: expected '%s', got '%s'", what, f.text, got);
    }
}

/* The bytes are what the next field says. */
static void expect_next(const void *got, size_t len, const char *what) {
    size_t wanted_len;
    const uint8_t *wanted = next_bytes(&wanted_len);

    expect_bytes(got, len, wanted, wanted_len, what);
}

/* ---- hashes ---- */

static void check_keccak256(void) {
    size_t len, part;
    const uint8_t *data = next_bytes(&len), *hash;
    uint8_t got[32];
    rise_keccak h;

    expect(len == next_u64(), "the length");
    hash = next_exactly(32);
    rise_keccak256(got, data, len);
    expect_bytes(got, 32, hash, 32, "the hash");
    for (part = 0; part <= len; part += len < 300 ? 1 : 97) {
        rise_keccak_init(&h);
        rise_keccak_update(&h, data, part);
        rise_keccak_update(&h, data + part, len - part);
        rise_keccak_final(&h, got);
        expect_bytes(got, 32, hash, 32, "the hash of two parts");
    }
}

static void check_keccak256_repeated(void) {
    uint8_t byte = (uint8_t)next_u64(), got[32];
    uint64_t len = next_u64(), i;
    rise_keccak h;

    rise_keccak_init(&h);
    for (i = 0; i < len; i++) {
        rise_keccak_update(&h, &byte, 1);
    }
    rise_keccak_final(&h, got);
    expect_next(got, 32, "the hash");
}

/* ---- keys ---- */

static rise_key *imported(rise_key_type type, const uint8_t secret[32]) {
    rise_key *key;

    expect_ok(rise_key_import(&key, type, secret), NULL, "the key is refused");
    return key;
}

static void check_p256(void) {
    const uint8_t *secret = next_exactly(32), *public_key = next_exactly(64), *hash = next_exactly(32), *wanted;
    size_t payload_len;
    const uint8_t *payload = next_bytes(&payload_len);
    uint8_t got[65], digest[32];
    rise_key *key = imported(RISE_KEY_P256, secret);

    if (next_flag()) {
        rise_sha256(digest, payload, payload_len);
    } else {
        expect(payload_len == 32, "the payload is no digest");
        memcpy(digest, payload, 32);
    }
    wanted = next_exactly(65);
    expect_next(wanted, 65, "r, s and v are the signature");
    expect_ok(rise_p256_public(got, secret), NULL, "the public key");
    expect_bytes(got, 64, public_key, 64, "the public key");
    expect_ok(rise_p256_sign(got, secret, digest), NULL, "the signature");
    expect_bytes(got, 64, wanted, 64, "the signature");
    expect_ok(rise_p256_verify(public_key, digest, wanted), NULL, "the signature is refused");
    expect_bytes(got, rise_key_public(key, got), public_key, 64, "the public key of the key");
    expect_bytes(got, rise_key_sign(key, got, digest), wanted, 64, "the signature of the key");
    rise_key_hash(got, RISE_KEY_P256, public_key, 64);
    expect_bytes(got, 32, hash, 32, "the key hash");
    rise_key_free(key);
}

static void check_p256_verify(void) {
    const uint8_t *public_key = next_exactly(64), *digest = next_exactly(32);
    uint8_t sig[64];
    rise_status status;

    memcpy(sig, next_exactly(32), 32);
    memcpy(sig + 32, next_exactly(32), 32);
    status = rise_p256_verify(public_key, digest, sig);
    if (next_flag()) {
        expect_ok(status, NULL, "a valid signature is refused");
    } else {
        expect(status == RISE_ESIGNATURE || status == RISE_EKEY, "a wrong signature is taken");
    }
}

static void check_bad_key(void) {
    const uint8_t *secret = next_exactly(32);
    int p256 = is(fields[0], "p256-bad-key");
    uint8_t public_key[64], sig[64];
    rise_key *key;

    expect(rise_key_import(&key, p256 ? RISE_KEY_P256 : RISE_KEY_SECP256K1, secret) == RISE_EKEY && key == NULL,
           "the key is taken");
    if (p256) {
        expect(rise_p256_public(public_key, secret) == RISE_EKEY, "the key has a public half");
        expect(rise_p256_sign(sig, secret, secret) == RISE_EKEY, "the key signs");
    }
}

/* The signature is what the key makes of the digest, and leads back to the key's address. */
static void check_recoverable(const rise_key *key, const uint8_t address[20], const uint8_t digest[32],
                              const uint8_t wanted[65]) {
    uint8_t sig[65], point[65], got_point[65], got[20];

    expect_bytes(sig, rise_key_sign(key, sig, digest), wanted, 65, "the signature");
    expect_ok(rise_key_address(key, point, got), NULL, "the address");
    expect_bytes(got, 20, address, 20, "the address");
    expect_ok(rise_secp256k1_recover(got_point, got, digest, wanted), NULL, "nothing is recovered");
    expect_bytes(got, 20, address, 20, "the address that is recovered");
    expect_bytes(got_point, 65, point, 65, "the public key that is recovered");
}

static void check_secp256k1(void) {
    rise_key *key = imported(RISE_KEY_SECP256K1, next_exactly(32));
    const uint8_t *public_key = next_exactly(65), *address = next_exactly(20), *digest = next_exactly(32);
    const uint8_t *sig = next_exactly(65);
    uint8_t point[65], padded[64];

    expect_next(sig, 65, "r, s and v are the signature");
    expect_ok(rise_key_address(key, point, NULL), NULL, "the public key");
    expect_bytes(point, 65, public_key, 65, "the public key");
    expect(rise_key_public(key, padded) == 32, "the length of the padded address");
    expect_bytes(padded + 12, 20, address, 20, "the padded address");
    check_recoverable(key, address, digest, sig);
    rise_key_free(key);
}

static void check_personal(void) {
    rise_key *key = imported(RISE_KEY_SECP256K1, next_exactly(32));
    const uint8_t *address = next_exactly(20);
    field message = next();
    uint8_t digest[32];

    rise_personal_digest(digest, message.text, message.len);
    expect_next(digest, 32, "the digest");
    check_recoverable(key, address, digest, next_exactly(65));
    rise_key_free(key);
}

static rise_key_type next_key_type(void) {
    field f = next();

    if (is(f, "p256")) {
        return RISE_KEY_P256;
    }
    if (is(f, "webauthn-p256")) {
        return RISE_KEY_WEBAUTHN_P256;
    }
    expect(is(f, "secp256k1"), "an unknown type of key");
    return RISE_KEY_SECP256K1;
}

static void check_key_hash(void) {
    rise_key_type type = next_key_type();
    size_t len;
    const uint8_t *public_key = next_bytes(&len);
    uint8_t got[32];

    rise_key_hash(got, type, public_key, len);
    expect_next(got, 32, "the key hash");
}

/* A WebAuthn key has the private half of a P-256 one. */
static rise_key_type private_type(rise_key_type type) {
    return type == RISE_KEY_SECP256K1 ? RISE_KEY_SECP256K1 : RISE_KEY_P256;
}

static void check_key(void) {
    rise_key_type type = next_key_type();
    rise_key *key = imported(private_type(type), next_exactly(32));
    uint8_t public_key[64], hash[32];
    size_t len = rise_key_public(key, public_key);

    expect_next(public_key, len, "the public key");
    rise_key_hash(hash, type, public_key, len);
    expect_next(hash, 32, "the key hash");
    rise_key_free(key);
}

static void check_key_signature(void) {
    rise_key_type type = next_key_type();
    rise_key *key = imported(private_type(type), next_exactly(32));
    const uint8_t *digest = next_exactly(32), *wanted = next_exactly(65);
    uint8_t sig[65];
    size_t len = rise_key_sign(key, sig, digest);

    expect(len == (type == RISE_KEY_SECP256K1 ? 65 : 64), "the length of the signature");
    expect_bytes(sig, len, wanted, len, "the signature");
    rise_key_free(key);
}

/* ---- addresses ---- */

static void check_address_checksum(void) {
    field plain = next();
    uint8_t address[20], again[20];
    char text[43];

    expect_ok(rise_address_parse(address, plain.text, plain.len), NULL, "the address is refused");
    rise_address_format(text, address);
    expect_text(text, "the checksum");
    expect_ok(rise_address_parse(again, text, 42), NULL, "the checksum is refused");
    expect_bytes(again, 20, address, 20, "the address");
}

static void check_address_valid(void) {
    field f = next();
    uint8_t address[20];
    rise_status status = rise_address_parse(address, f.text, f.len);

    expect(status == (next_flag() ? RISE_OK : RISE_EVALUE), "whether the address is valid");
}

static void check_address_create(void) {
    const uint8_t *sender = next_exactly(20);
    uint8_t address[20];

    rise_address_create(address, sender, next_u64());
    expect_next(address, 20, "the address");
}

static void check_address_create2(void) {
    const uint8_t *sender = next_exactly(20), *salt = next_exactly(32), *code;
    size_t len;
    uint8_t address[20], hash[32];

    code = next_bytes(&len);
    rise_keccak256(hash, code, len);
    rise_address_create2(address, sender, salt, hash);
    expect_next(address, 20, "the address");
}

/* ---- units ---- */

static void check_units_parse(void) {
    field text = next();
    unsigned decimals = (unsigned)next_u64();
    rise_u256 value;
    int negative;
    char got[80];

    expect_ok(rise_units_parse(&value, &negative, text.text, text.len, decimals), NULL, "the text is refused");
    got[0] = '-';
    rise_u256_to_dec(got + 1, &value);
    expect_text(negative ? got : got + 1, "the integer");
}

static void check_units_refused(void) {
    field text = next();
    rise_u256 value;
    int negative;

    expect(rise_units_parse(&value, &negative, text.text, text.len, (unsigned)next_u64()) == RISE_EVALUE,
           "the text is taken");
}

static void check_units_format(void) {
    field integer = next();
    unsigned decimals = (unsigned)next_u64();
    size_t sign = integer.len > 0 && integer.text[0] == '-';
    rise_u256 value;
    char text[160];

    expect_ok(rise_u256_from_text(&value, integer.text + sign, integer.len - sign), NULL, "the integer");
    expect(rise_units_format(text, &value, (int)sign, decimals) == strlen(text), "the length of the text");
    expect_text(text, "the text");
}

/* ---- RLP ---- */

/* Writes what the next fields say: a list, or a byte string. */
static void rlp_write(void) {
    expect(field_next < field_count, "the line has too few fields");
    if (fields[field_next].text[0] == '#') {
        size_t count = next_count(), start = made.len, i;

        for (i = 0; i < count; i++) {
            rlp_write();
        }
        expect_ok(rise_rlp_list(&made, start), NULL, "the list");
    } else {
        size_t len;
        const uint8_t *bytes = next_bytes(&len);

        expect_ok(rise_rlp_bytes(&made, bytes, len), NULL, "the bytes");
    }
}

/* Reads the item at the front of *data, which the next fields describe. */
static void rlp_compare(const uint8_t **data, size_t *len) {
    rise_rlp_item item;

    expect_ok(rise_rlp_next(&item, data, len), NULL, "an item is refused");
    expect(field_next < field_count, "the line has too few fields");
    expect(item.is_list == (fields[field_next].text[0] == '#'), "a list where there should be none, or none");
    if (item.is_list) {
        size_t count = next_count();

        while (count-- > 0) {
            rlp_compare(&item.data, &item.len);
        }
        expect(item.len == 0, "a list has more items");
    } else {
        expect_next(item.data, item.len, "the bytes of an item");
    }
}

static void check_rlp(void) {
    size_t first = field_next, len;
    const uint8_t *data;

    rlp_write();
    expect_next(made.data, made.len, "the encoding");
    data = made.data;
    len = made.len;
    arena_used = 0;
    field_next = first;
    rlp_compare(&data, &len);
    expect(len == 0, "bytes behind the item");
    field_next = field_count;
}

static rise_status rlp_walk(const uint8_t *data, size_t len) {
    rise_status status = RISE_OK;
    rise_rlp_item item;

    while (len > 0 && status == RISE_OK) {
        status = rise_rlp_next(&item, &data, &len);
        if (status == RISE_OK && item.is_list) {
            status = rlp_walk(item.data, item.len);
        }
    }
    return status;
}

static void check_rlp_refused(void) {
    size_t len;
    const uint8_t *data = next_bytes(&len);
    rise_rlp_item item;

    expect(len > 0 ? rlp_walk(data, len) == RISE_EDATA : rise_rlp_next(&item, &data, &len) == RISE_EDATA,
           "the data is taken");
}

/* ---- transactions ---- */

static void check_authorization(void) {
    rise_authorization authorization;
    uint8_t digest[32];
    const uint8_t *address, *wanted;
    rise_key *key;

    memset(&authorization, 0, sizeof authorization);
    authorization.chain_id = next_u256();
    memcpy(authorization.address, next_exactly(20), 20);
    authorization.nonce = next_u64();
    rise_authorization_digest(digest, &authorization.chain_id, authorization.address, authorization.nonce);
    expect_next(digest, 32, "the digest");
    key = imported(RISE_KEY_SECP256K1, next_exactly(32));
    address = next_exactly(20);
    wanted = next_exactly(65);
    expect_next(wanted, 65, "r, s and v are the signature");
    expect_ok(rise_authorization_sign(&authorization, key), NULL, "the authorization");
    expect_bytes(authorization.sig, 65, wanted, 65, "the signature of the authorization");
    check_recoverable(key, address, digest, wanted);
    rise_key_free(key);
}

#define MAX_ENTRIES 64

static void check_transaction(void) {
    rise_tx_access access[MAX_ENTRIES];
    rise_authorization authorizations[MAX_ENTRIES];
    rise_tx tx;
    rise_error error;
    rise_key *key;
    const uint8_t *from, *digest, *raw;
    uint8_t hash[32], sig[65];
    size_t len, i;
    field type = next();

    memset(&tx, 0, sizeof tx);
    memset(authorizations, 0, sizeof authorizations);
    expect(is(type, "legacy") || is(type, "eip1559") || is(type, "eip7702"), "an unknown type of transaction");
    tx.type = is(type, "legacy") ? RISE_TX_LEGACY : is(type, "eip1559") ? RISE_TX_EIP1559 : RISE_TX_EIP7702;
    tx.chain_id = next_u256();
    tx.nonce = next_u64();
    tx.gas = next_u64();
    tx.gas_price = next_u256();
    tx.max_fee = next_u256();
    tx.max_priority_fee = next_u256();
    expect(field_next < field_count, "the line has too few fields");
    if (fields[field_next].len > 0) {
        tx.to = next_exactly(20);
    } else {
        next();
    }
    tx.value = next_u256();
    tx.data = next_bytes(&tx.data_len);
    tx.access = access;
    tx.access_count = next_count();
    expect(tx.access_count <= MAX_ENTRIES, "too many access entries");
    for (i = 0; i < tx.access_count; i++) {
        expect(next_count() == 2, "an access entry");
        memcpy(access[i].address, next_exactly(20), 20);
        access[i].keys = next_bytes(&len);
        access[i].key_count = len / 32;
    }
    tx.authorizations = authorizations;
    tx.authorization_count = next_count();
    expect(tx.authorization_count <= MAX_ENTRIES, "too many authorizations");
    for (i = 0; i < tx.authorization_count; i++) {
        expect(next_count() == 4, "an authorization");
        authorizations[i].chain_id = next_u256();
        memcpy(authorizations[i].address, next_exactly(20), 20);
        authorizations[i].nonce = next_u64();
        memcpy(authorizations[i].sig, next_exactly(65), 65);
    }
    key = imported(RISE_KEY_SECP256K1, next_exactly(32));
    from = next_exactly(20);

    expect_ok(rise_tx_encode(&made, &tx, NULL, &error), &error, "what is signed");
    expect_next(made.data, made.len, "what is signed");
    digest = next_exactly(32);
    expect_ok(rise_tx_sighash(hash, &tx, &error), &error, "the digest");
    expect_bytes(hash, 32, digest, 32, "the digest");
    made.len = 0;
    expect_ok(rise_tx_sign(&made, hash, &tx, key, &error), &error, "the transaction");
    raw = next_bytes(&len);
    expect_bytes(made.data, made.len, raw, len, "the transaction");
    expect_next(hash, 32, "the hash");
    rise_key_sign(key, sig, digest);
    expect_next(sig, 64, "r and s");
    made.len = 0;
    expect_ok(rise_tx_encode(&made, &tx, sig, &error), &error, "the transaction with its signature");
    expect_bytes(made.data, made.len, raw, len, "the transaction with its signature");
    check_recoverable(key, from, digest, sig);
    rise_key_free(key);
}

/* ---- ABI ---- */

static rise_abi_item *item_of(field text, const char *structs, size_t structs_len) {
    rise_abi_item *item;
    rise_error error;

    expect_ok(rise_abi_item_new(&item, text.text, text.len, structs, structs_len, &error), &error, text.text);
    return item;
}

/* Appends to `given` what the next fields say, as values of the type. 0: one of them does not fit. */
static int build(const rise_abi_type *type) {
    const rise_abi_type *child = type + 1;
    rise_abi_value *value;
    const uint8_t *bytes;
    size_t count, i;
    field f;

    expect_ok(rise_abi_values_add(&given, &value), NULL, "a value");
    switch (type->kind) {
    case RISE_ABI_UINT:
    case RISE_ABI_INT:
        f = next();
        return rise_abi_number(value->word, type, f.text, f.len) == RISE_OK;
    case RISE_ABI_BOOL:
        value->word[31] = (uint8_t)next_flag();
        return 1;
    case RISE_ABI_ADDRESS:
        f = next();
        return rise_address_parse(value->word + 12, f.text, f.len) == RISE_OK;
    case RISE_ABI_FUNCTION:
    case RISE_ABI_FIXED_BYTES:
        bytes = next_bytes(&count);
        expect(count >= (type->kind == RISE_ABI_FUNCTION ? 24 : type->size) && count <= 32, "the size of bytesN");
        memcpy(value->word, bytes, count);
        return 1;
    case RISE_ABI_BYTES:
        value->data = next_bytes(&value->len);
        return 1;
    case RISE_ABI_STRING:
        f = next();
        value->data = (const uint8_t *)f.text;
        value->len = f.len;
        return 1;
    case RISE_ABI_ARRAY:
    case RISE_ABI_FIXED_ARRAY:
        count = value->len = next_count();
        for (i = 0; i < count; i++) {
            if (!build(child)) {
                return 0;
            }
        }
        return 1;
    case RISE_ABI_TUPLE:
        expect(next_count() == type->count, "the number of components");
        for (i = 0; i < type->count; i++) {
            if (!build(child)) {
                return 0;
            }
            child += child->span;
        }
        return 1;
    }
    fail("an unknown kind of type");
    return 0;
}

/* The same, as the only values. */
static int build_all(const rise_abi_type *type) {
    given.count = 0;
    return build(type);
}

/* Compares the entries of one value from `index` on; returns the index behind them. */
static size_t compare(const rise_abi_type *type, const rise_abi_type *whole, size_t index) {
    const rise_abi_type *child = type + 1;
    const rise_abi_value *a = given.entry + index, *b = decoded.entry + index;
    size_t count, i;
    char path[128];
    int same = 1;

    expect(index < given.count && index < decoded.count, "the number of values that were decoded");
    if (type->kind == RISE_ABI_BYTES || type->kind == RISE_ABI_STRING) {
        same = a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
    } else if (type->kind == RISE_ABI_ARRAY) {
        same = a->len == b->len;
    } else if (type->kind < RISE_ABI_BYTES) {
        same = memcmp(a->word, b->word, 32) == 0;
    }
    if (!same) {
        rise_abi_path(path, whole, decoded.entry, index);
        fail("what was decoded differs at %s", path);
    }
    index++;
    if (type->kind == RISE_ABI_ARRAY || type->kind == RISE_ABI_FIXED_ARRAY) {
        count = type->kind == RISE_ABI_ARRAY ? a->len : type->count;
        for (i = 0; i < count; i++) {
            index = compare(child, whole, index);
        }
    } else if (type->kind == RISE_ABI_TUPLE) {
        for (i = 0; i < type->count; i++) {
            index = compare(child, whole, index);
            child += child->span;
        }
    }
    return index;
}

/* The data decodes to what `given` has. */
static void check_decoded(const rise_abi_type *type, const uint8_t *data, size_t len) {
    rise_error error;

    expect_ok(rise_abi_decode(&decoded, type, data, len, &error), &error, "decoding");
    expect(given.count == decoded.count, "the number of values that were decoded");
    expect(compare(type, type, 0) == decoded.count, "the number of values that were decoded");
}

/* The next fields are values, and their encoding: this way and back. */
static const uint8_t *check_coding(size_t *len, const rise_abi_type *type, size_t skip) {
    rise_error error;
    const uint8_t *wanted;

    expect(build_all(type), "a value does not fit its type");
    wanted = next_bytes(len);
    expect(*len >= skip, "the data is too short");
    made.len = 0;
    expect_ok(rise_abi_encode(&made, type, given.entry, given.count, &error), &error, "encoding");
    expect_bytes(made.data, made.len, wanted + skip, *len - skip, "the encoding");
    check_decoded(type, wanted + skip, *len - skip);
    return wanted;
}

static void expect_signature(const rise_abi_item *item) {
    expect_text(rise_abi_item_signature(item), "the signature");
}

/* The next field is the hash of the item, or the four bytes it begins with. */
static void expect_hash(const rise_abi_item *item) {
    size_t len;
    const uint8_t *wanted = next_bytes(&len);
    uint8_t hash[32];

    rise_abi_item_hash(item, hash);
    expect(len == 4 || len == 32, "no hash or selector where it should be");
    expect_bytes(hash, len, wanted, len, "the hash or selector");
}

static void check_abi(void) {
    rise_abi_item *item = item_of(next(), NULL, 0), *named;
    size_t len;

    check_coding(&len, rise_abi_item_inputs(item), 0);
    rise_abi_item_free(item);
    expect(field_next < field_count, "the line has too few fields");
    named = item_of(fields[field_next], NULL, 0);
    expect_signature(named);
    expect_hash(named);
    rise_abi_item_free(named);
}

static void check_abi_unencodable(void) {
    rise_abi_item *item = item_of(next(), NULL, 0);
    const rise_abi_type *type = rise_abi_item_inputs(item);

    /* Values that are refused on their way into an entry never come as far as the encoder. */
    if (build_all(type)) {
        expect(rise_abi_encode(&made, type, given.entry, given.count, NULL) == RISE_EVALUE, "the value is encoded");
    } else {
        field_next = field_count;
    }
    rise_abi_item_free(item);
}

static void check_abi_undecodable(void) {
    rise_abi_item *item = item_of(next(), NULL, 0);
    size_t len;
    const uint8_t *data = next_bytes(&len);
    rise_error error;
    rise_status status;

    error.message[0] = '\0';
    status = rise_abi_decode(&decoded, rise_abi_item_inputs(item), data, len, &error);
    expect(status == RISE_EDATA && error.message[0] != '\0', "the data is decoded");
    rise_abi_item_free(item);
}

static void check_abi_packed(void) {
    rise_abi_item *item = item_of(next(), NULL, 0);
    const rise_abi_type *type = rise_abi_item_inputs(item);
    rise_error error;
    uint8_t hash[32];

    expect(build_all(type), "a value does not fit its type");
    expect_ok(rise_abi_encode_packed(&made, type, given.entry, given.count, &error), &error, "encoding");
    expect_next(made.data, made.len, "the encoding");
    rise_keccak256(hash, made.data, made.len);
    expect_next(hash, 32, "the hash");
    rise_abi_item_free(item);
}

/* The next fields say type, name, `indexed` and parts of the components of a tuple. */
static void check_shape(const rise_abi_type *tuple) {
    const rise_abi_type *type = tuple + 1, *inner;
    size_t count = next_count(), i;
    rise_buf text = RISE_BUF_INIT;

    expect(tuple->kind == RISE_ABI_TUPLE && tuple->count == count, "the number of parameters");
    for (i = 0; i < count; i++) {
        expect(next_count() == 4, "a parameter");
        text.len = 0;
        expect_ok(rise_abi_type_name(&text, type), NULL, "the type of a parameter");
        expect_ok(rise_buf_append(&text, "", 1), NULL, "memory");
        expect_text((const char *)text.data, "the type of a parameter");
        expect_text(type->name, "the name of a parameter");
        expect(next_flag() == type->indexed, "whether a parameter is indexed");
        for (inner = type; inner->kind == RISE_ABI_ARRAY || inner->kind == RISE_ABI_FIXED_ARRAY; inner++) {
        }
        if (inner->kind == RISE_ABI_TUPLE) {
            check_shape(inner);
        } else {
            expect(next_count() == 0, "the parts of a parameter");
        }
        type += type->span;
    }
    rise_buf_free(&text);
}

static void check_error(void) {
    rise_abi_item *item = item_of(next(), NULL, 0);
    uint8_t hash[32];
    const uint8_t *data;
    size_t len;

    expect(rise_abi_item_get_kind(item) == RISE_ABI_ITEM_ERROR, "the kind");
    expect_text(rise_abi_item_name(item), "the name");
    expect_signature(item);
    check_shape(rise_abi_item_inputs(item));
    data = check_coding(&len, rise_abi_item_inputs(item), 4);
    rise_abi_item_hash(item, hash);
    expect_bytes(hash, 4, data, 4, "the selector");
    rise_abi_item_free(item);
}

static void check_error_unknown(void) {
    size_t len, count;
    const uint8_t *data = next_bytes(&len);
    uint8_t hash[32];

    expect(len >= 4, "the data is too short");
    for (count = next_count(); count > 0; count--) {
        rise_abi_item *item = item_of(next(), NULL, 0);

        rise_abi_item_hash(item, hash);
        expect(memcmp(hash, data, 4) != 0, rise_abi_item_signature(item));
        rise_abi_item_free(item);
    }
}

static void check_selector(void) {
    rise_abi_item *item = item_of(next(), NULL, 0);

    expect_signature(item);
    expect_hash(item);
    rise_abi_item_free(item);
}

static void check_event(void) {
    rise_abi_item *item = item_of(next(), NULL, 0);
    const rise_abi_type *inputs = rise_abi_item_inputs(item), *type = inputs + 1;
    const uint8_t *topics[4], *data;
    uint8_t hash[32];
    size_t topic_count, topic = 1, len, i;
    rise_abi_value *value;
    rise_error error;

    expect(rise_abi_item_get_kind(item) == RISE_ABI_ITEM_EVENT, "the kind");
    expect_signature(item);
    expect_hash(item);
    check_shape(inputs);
    topic_count = next_count();
    expect(topic_count >= 1 && topic_count <= 4, "the number of topics");
    for (i = 0; i < topic_count; i++) {
        topics[i] = next_exactly(32);
    }
    rise_abi_item_hash(item, hash);
    expect_bytes(hash, 32, topics[0], 32, "topic 0");

    expect(next_count() == inputs->count, "the number of arguments");
    given.count = 0;
    expect_ok(rise_abi_values_add(&given, &value), NULL, "a value");
    for (i = 0; i < inputs->count; i++, type += type->span) {
        size_t mark = given.count;

        if (!type->indexed) {
            expect(build(type), "an argument does not fit its type");
            continue;
        }
        expect(topic < topic_count, "the number of topics");
        if (type->kind >= RISE_ABI_BYTES) {
            expect_next(topics[topic], 32, "the topic of an argument that is hashed");
        } else {
            expect(build(type), "an argument does not fit its type");
            expect_bytes(given.entry[mark].word, 32, topics[topic], 32, "the topic of an argument");
            given.count = mark;
        }
        topic++;
    }
    expect(topic == topic_count, "the number of topics");
    data = next_bytes(&len);
    type = rise_abi_item_data(item);
    expect_ok(rise_abi_encode(&made, type, given.entry, given.count, &error), &error, "encoding");
    expect_bytes(made.data, made.len, data, len, "the data");
    check_decoded(type, data, len);
    rise_abi_item_free(item);
}

static void check_human_abi(void) {
    static const char *const kinds[] = { "function", "event", "error", "constructor", "fallback", "receive" };
    field text = next(), structs = next(), f;
    rise_abi_item *item = item_of(text, structs.text, structs.len);
    rise_abi_item_kind kind = rise_abi_item_get_kind(item);

    expect((size_t)kind < sizeof kinds / sizeof *kinds, "the kind");
    expect_text(kinds[kind], "the kind");
    expect_text(rise_abi_item_name(item), "the name");
    f = next();
    expect(f.len == 0 || is(f, rise_abi_item_mutability(item)), "the mutability");
    f = next();
    expect(f.len == 0 || is(f, rise_abi_item_signature(item)), "the signature");
    expect(field_next < field_count, "the line has too few fields");
    if (fields[field_next].len > 0) {
        expect_hash(item);
    } else {
        next();
    }
    check_shape(rise_abi_item_inputs(item));
    check_shape(rise_abi_item_outputs(item));
    rise_abi_item_free(item);
}

static void check_human_abi_refused(void) {
    field text = next();
    rise_abi_item *item;
    rise_error error;

    error.message[0] = '\0';
    expect(rise_abi_item_new(&item, text.text, text.len, NULL, 0, &error) == RISE_EABI && item == NULL
           && error.message[0] != '\0', "the line is taken");
}

/* ---- EIP-712 ---- */

/* The next fields are the encodeType text of a struct and its values. */
static void hash_struct(uint8_t hash[32]) {
    field text = next();
    rise_eip712 *type;
    rise_error error;
    uint8_t type_hash[32], wanted[32];

    expect_ok(rise_eip712_new(&type, text.text, text.len, &error), &error, text.text);
    rise_eip712_type_hash(type, type_hash);
    rise_keccak256(wanted, text.text, text.len);
    expect_bytes(type_hash, 32, wanted, 32, "the type hash");
    expect(build_all(rise_eip712_get_type(type)), "a value does not fit its type");
    expect_ok(rise_eip712_hash(type, hash, given.entry, given.count, &error), &error, "the hash of a struct");
    rise_eip712_free(type);
}

static void check_eip712(void) {
    field json = next();
    uint8_t separator[32], hash[32], digest[32], from_json[3][32];
    rise_error error;
    size_t signer;

    hash_struct(separator);
    expect_next(separator, 32, "the domain separator");
    hash_struct(hash);
    expect_next(hash, 32, "the hash of the message");
    rise_eip712_digest(digest, separator, hash);
    expect_next(digest, 32, "the digest");

    expect_ok(rise_eip712_json(from_json[0], from_json[1], from_json[2], json.text, json.len, &error), &error, "JSON");
    expect_bytes(from_json[0], 32, digest, 32, "the digest by JSON");
    expect_bytes(from_json[1], 32, separator, 32, "the domain separator by JSON");
    expect_bytes(from_json[2], 32, hash, 32, "the hash of the message by JSON");

    signer = next_count();
    if (signer > 0) {
        rise_key *key = imported(RISE_KEY_SECP256K1, next_exactly(32));
        const uint8_t *address = next_exactly(20);

        check_recoverable(key, address, digest, next_exactly(65));
        rise_key_free(key);
    }
}

/* ---- intents ---- */

/* The next fields are a list of parameters, values and their encoding. */
static const uint8_t *check_parameters(size_t *len) {
    rise_abi_item *item = item_of(next(), NULL, 0);
    const uint8_t *data = check_coding(len, rise_abi_item_inputs(item), 0);

    rise_abi_item_free(item);
    return data;
}

static void check_intent(void) {
    static char text[] = "function execute(bytes encodedIntent)";
    const field execute = { text, sizeof text - 1 };
    uint8_t separator[32], hash[32], digest[32];
    const uint8_t *encoded;
    size_t len;

    check_parameters(&len);
    encoded = check_parameters(&len);
    if (is(fields[0], "intent")) {
        rise_abi_item *item = item_of(execute, NULL, 0);
        rise_abi_value *value;
        rise_error error;

        made.len = given.count = 0;
        expect_ok(rise_abi_values_add(&given, &value), NULL, "a value");
        expect_ok(rise_abi_values_add(&given, &value), NULL, "a value");
        value->data = encoded;
        value->len = len;
        rise_abi_item_hash(item, hash);
        expect_ok(rise_buf_append(&made, hash, 4), NULL, "memory");
        expect_ok(rise_abi_encode(&made, rise_abi_item_inputs(item), given.entry, given.count, &error), &error,
                  "encoding the call");
        expect_next(made.data, made.len, "the call of execute");
        rise_abi_item_free(item);
    } else {
        expect(next().len == 0, "the call of a pre-call");
    }
    hash_struct(separator);
    hash_struct(hash);
    rise_eip712_digest(digest, separator, hash);
    expect_next(digest, 32, "the digest");
}

/* ---- the lines ---- */

static struct {
    const char *name;
    void (*check)(void);
    unsigned long count;
} kinds[] = {
    { "keccak256", check_keccak256, 0 },
    { "keccak256-repeated", check_keccak256_repeated, 0 },
    { "p256", check_p256, 0 },
    { "p256-verify", check_p256_verify, 0 },
    { "p256-bad-key", check_bad_key, 0 },
    { "secp256k1", check_secp256k1, 0 },
    { "secp256k1-bad-key", check_bad_key, 0 },
    { "personal", check_personal, 0 },
    { "key", check_key, 0 },
    { "key-hash", check_key_hash, 0 },
    { "key-signature", check_key_signature, 0 },
    { "address-checksum", check_address_checksum, 0 },
    { "address-valid", check_address_valid, 0 },
    { "address-create", check_address_create, 0 },
    { "address-create2", check_address_create2, 0 },
    { "units-parse", check_units_parse, 0 },
    { "units-refused", check_units_refused, 0 },
    { "units-format", check_units_format, 0 },
    { "rlp", check_rlp, 0 },
    { "rlp-refused", check_rlp_refused, 0 },
    { "authorization", check_authorization, 0 },
    { "transaction", check_transaction, 0 },
    { "abi", check_abi, 0 },
    { "abi-unencodable", check_abi_unencodable, 0 },
    { "abi-undecodable", check_abi_undecodable, 0 },
    { "abi-packed", check_abi_packed, 0 },
    { "error", check_error, 0 },
    { "error-unknown", check_error_unknown, 0 },
    { "selector", check_selector, 0 },
    { "event", check_event, 0 },
    { "human-abi", check_human_abi, 0 },
    { "human-abi-refused", check_human_abi_refused, 0 },
    { "eip712", check_eip712, 0 },
    { "intent", check_intent, 0 },
    { "pre-call", check_intent, 0 },
};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

/* %xx to the byte it stands for, in place. The text then ends in NUL. */
static void unescape(field *f) {
    size_t from, to = 0, len;

    for (from = 0; from < f->len; from++, to++) {
        f->text[to] = f->text[from];
        if (f->text[from] == '%') {
            expect(f->len - from > 2
                   && rise_hex_decode((uint8_t *)f->text + to, 1, &len, f->text + from + 1, 2) == RISE_OK,
                   "a field is not well escaped");
            from += 2;
        }
    }
    f->len = to;
    f->text[to] = '\0';
}

/* Takes the line apart, without its end. */
static void split(void) {
    char *at = line, *end;

    field_count = 0;
    while (at != NULL) {
        expect(field_count < MAX_FIELDS, "the line has too many fields");
        end = strchr(at, ' ');
        fields[field_count].text = at;
        fields[field_count].len = end != NULL ? (size_t)(end - at) : strlen(at);
        at = end != NULL ? end + 1 : NULL;
        unescape(&fields[field_count++]);
    }
}

int main(int argc, char **argv) {
    FILE *in = argc > 1 ? fopen(argv[1], "rb") : stdin;
    uint64_t count = 0;
    size_t i, len;
    int missing = 0;

    if (in == NULL) {
        fprintf(stderr, "cannot read %s\n", argv[1]);
        return 1;
    }
    for (;;) {
        field_count = 0;
        expect(fgets(line, sizeof line, in) != NULL, "it ends without a line that says so");
        len = strlen(line);
        expect(len > 0 && line[len - 1] == '\n', "a line is too long or has a NUL");
        line[len - 1] = '\0';
        split();
        expect(field_count > 1, "a line has too few fields");
        field_next = 2;
        arena_used = made.len = given.count = 0;
        if (is(fields[0], "end")) {
            break;
        }
        for (i = 0; i < KIND_COUNT && !is(fields[0], kinds[i].name); i++) {
        }
        expect(i < KIND_COUNT, "an unknown kind of case");
        kinds[i].check();
        expect(field_next == field_count, "the line has more fields");
        kinds[i].count++;
        count++;
    }
    field_next = 1;
    expect(next_u64() == count, "the number of lines is not what the last one says");
    if (in != stdin) {
        fclose(in);
    }
    for (i = 0; i < KIND_COUNT; i++) {
        printf("%-20s %5lu\n", kinds[i].name, kinds[i].count);
        if (kinds[i].count == 0) {
            fprintf(stderr, "no case of the kind %s\n", kinds[i].name);
            missing = 1;
        }
    }
    rise_abi_values_free(&given);
    rise_abi_values_free(&decoded);
    rise_buf_free(&made);
    return missing;
}
