/* Keys, secp256k1 signatures and recovery, key hashes. The addresses of keys 1 and "anvil account 0" are known to every
 * Ethereum tool; key hashes are those the account contract gives. */
#include "check.h"

static void secp256k1_key_1_is_the_generator(void) {
    uint8_t secret[32] = { 0 }, point[65], address[20];
    rise_key *key;

    secret[31] = 1;
    CHECK(rise_key_import(&key, RISE_KEY_SECP256K1, secret) == RISE_OK);
    CHECK(rise_key_address(key, point, address) == RISE_OK);
    CHECK_HEX(point, 65, "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
                         "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8");
    CHECK_HEX(address, 20, "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    CHECK(rise_key_address(key, NULL, NULL) == RISE_OK);
    rise_key_free(key);
}

/* One signature with a digest below the group order, one above it: RFC 6979 reduces the digest for the nonce. */
static void secp256k1_signs_as_rfc6979_says(void) {
    uint8_t secret[32] = { 0 }, digest[32], sig[65], point[65], recovered[65], address[20], want[20];
    rise_key *key;

    secret[31] = 1;
    CHECK(rise_key_import(&key, RISE_KEY_SECP256K1, secret) == RISE_OK);
    memset(digest, 0, 32);
    CHECK(rise_key_sign(key, sig, digest) == 65);
    CHECK_HEX(sig, 65, "a0b37f8fba683cc68f6574cd43b39f0343a50008bf6ccea9d13231d9e7e2e1e4"
                       "11edc8d307254296264aebfc3dc76cd8b668373a072fd64665b50000e9fcce521c");
    memset(digest, 0xff, 32);
    CHECK(rise_key_sign(key, sig, digest) == 65);
    CHECK_HEX(sig, 65, "7cb38cc5712e9e11a767615f6080dbc111c9cdd613eb98999fd92a86bafd4540"
                       "7923ca1f4d03471d2866f776ef8a6d3cac099b427331aeb245aa9dafeddcf1151b");

    CHECK(rise_key_address(key, point, want) == RISE_OK);
    CHECK(rise_secp256k1_recover(recovered, address, digest, sig) == RISE_OK);
    CHECK(memcmp(recovered, point, 65) == 0 && memcmp(address, want, 20) == 0);
    sig[64] -= 27;
    CHECK(rise_secp256k1_recover(recovered, NULL, digest, sig) == RISE_OK && memcmp(recovered, point, 65) == 0);
    CHECK(rise_secp256k1_recover(NULL, address, digest, sig) == RISE_OK && memcmp(address, want, 20) == 0);
    CHECK(rise_secp256k1_recover(NULL, NULL, digest, sig) == RISE_OK);
    rise_key_free(key);
}

/* A high s with the other parity is the same signature; ecrecover takes it, so does this. */
static void recovery_takes_a_high_s(void) {
    uint8_t secret[32] = { 9 }, digest[32] = { 3 }, sig[65], order[32], address[20], want[20];
    rise_u256 n, s;
    rise_key *key;

    CHECK(rise_key_import(&key, RISE_KEY_SECP256K1, secret) == RISE_OK);
    CHECK(rise_key_address(key, NULL, want) == RISE_OK);
    CHECK(rise_key_sign(key, sig, digest) == 65);
    read_hex(order, 32, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    rise_u256_from_bytes(&n, order);
    rise_u256_from_bytes(&s, sig + 32);
    CHECK(rise_u256_sub(&s, &n, &s) == RISE_OK);
    rise_u256_to_bytes(sig + 32, &s);
    sig[64] = (uint8_t)(27 + 28 - sig[64]);
    CHECK(rise_secp256k1_recover(NULL, address, digest, sig) == RISE_OK && memcmp(address, want, 20) == 0);
    rise_key_free(key);
}

static void recovery_refuses(void) {
    uint8_t digest[32] = { 3 }, sig[65] = { 0 }, address[20];
    int v;

    /* r of 1 has a point, of 0 none; s of 0; both at the order; and each v there is */
    sig[64] = 27;
    CHECK(rise_secp256k1_recover(NULL, address, digest, sig) == RISE_ESIGNATURE);
    sig[31] = 1;
    CHECK(rise_secp256k1_recover(NULL, address, digest, sig) == RISE_ESIGNATURE);
    sig[63] = 1;
    for (v = 0; v < 256; v++) {
        int known = v == 0 || v == 1 || v == 27 || v == 28;
        sig[64] = (uint8_t)v;
        CHECK((rise_secp256k1_recover(NULL, address, digest, sig) == RISE_OK) == known);
    }
    /* 2 + n is an x coordinate, which v 2 and 3 would stand for */
    sig[31] = 2;
    for (v = 2; v < 4; v++) {
        sig[64] = (uint8_t)v;
        CHECK(rise_secp256k1_recover(NULL, address, digest, sig) == RISE_ESIGNATURE);
        sig[64] = (uint8_t)(v + 27);
        CHECK(rise_secp256k1_recover(NULL, address, digest, sig) == RISE_ESIGNATURE);
    }
    sig[64] = 27;
    read_hex(sig, 32, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    CHECK(rise_secp256k1_recover(NULL, address, digest, sig) == RISE_ESIGNATURE);
    memset(sig, 0xff, 64);
    CHECK(rise_secp256k1_recover(NULL, address, digest, sig) == RISE_ESIGNATURE);
    /* 5 is no x coordinate of the curve */
    memset(sig, 0, 64);
    sig[31] = 5;
    sig[63] = 1;
    CHECK(rise_secp256k1_recover(NULL, address, digest, sig) == RISE_ESIGNATURE);
}

static void bad_secrets_and_types(void) {
    static const char *const order[] = {
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        NULL,
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    };
    uint8_t secret[32];
    rise_key *key;
    int type;

    for (type = RISE_KEY_P256; type <= RISE_KEY_SECP256K1; type += 2) {
        memset(secret, 0, 32);
        CHECK(rise_key_import(&key, (rise_key_type)type, secret) == RISE_EKEY && key == NULL);
        memset(secret, 0xff, 32);
        CHECK(rise_key_import(&key, (rise_key_type)type, secret) == RISE_EKEY && key == NULL);
        read_hex(secret, 32, order[type]);
        CHECK(rise_key_import(&key, (rise_key_type)type, secret) == RISE_EKEY && key == NULL);
        secret[31]--;
        CHECK(rise_key_import(&key, (rise_key_type)type, secret) == RISE_OK);
        rise_key_free(key);
    }
    CHECK(rise_key_import(&key, RISE_KEY_WEBAUTHN_P256, secret) == RISE_EUSAGE && key == NULL);
    CHECK(rise_key_generate(&key, RISE_KEY_WEBAUTHN_P256, NULL) == RISE_EUSAGE && key == NULL);
    CHECK(rise_key_generate(&key, (rise_key_type)7, NULL) == RISE_EUSAGE && key == NULL);
    rise_key_free(NULL);
}

/* Gives what it is told to, then fails. */
typedef struct script {
    const uint8_t *bytes;
    size_t left;
} script;

static int play(void *context, uint8_t *out, size_t len) {
    script *s = context;

    if (s->left < len) {
        return -1;
    }
    memcpy(out, s->bytes, len);
    s->bytes += len;
    s->left -= len;
    return 0;
}

static int play_ones(void *context, uint8_t *out, size_t len) {
    (void)context;
    memset(out, 0xff, len);
    return 0;
}

static void generated_keys_come_from_the_entropy_given(void) {
    uint8_t bytes[64], secret[32], public_key[64], other_key[64], sig[65], digest[32] = { 5 };
    rise_entropy entropy;
    script s;
    rise_key *key, *other;

    /* The first draw is no secret, so the second is taken. */
    memset(bytes, 0xff, 32);
    memset(bytes + 32, 0x11, 32);
    s.bytes = bytes;
    s.left = 64;
    entropy.fill = play;
    entropy.context = &s;
    CHECK(rise_key_generate(&key, RISE_KEY_P256, &entropy) == RISE_OK);
    CHECK(rise_key_get_type(key) == RISE_KEY_P256);
    rise_key_export(key, secret);
    CHECK(memcmp(secret, bytes + 32, 32) == 0);
    CHECK(rise_key_public(key, public_key) == 64);
    CHECK(rise_key_address(key, NULL, NULL) == RISE_EUSAGE);
    CHECK(rise_key_sign(key, sig, digest) == 64);
    CHECK(rise_p256_verify(public_key, digest, sig) == RISE_OK);
    rise_key_free(key);

    s.left = 31;
    CHECK(rise_key_generate(&key, RISE_KEY_P256, &entropy) == RISE_EENTROPY && key == NULL);
    CHECK(rise_key_generate(&key, RISE_KEY_SECP256K1, &entropy) == RISE_EENTROPY && key == NULL);
    entropy.fill = play_ones;
    CHECK(rise_key_generate(&key, RISE_KEY_P256, &entropy) == RISE_EENTROPY && key == NULL);
    CHECK(rise_key_generate(&key, RISE_KEY_SECP256K1, &entropy) == RISE_EENTROPY && key == NULL);

    CHECK(rise_key_generate(&key, RISE_KEY_SECP256K1, NULL) == RISE_OK);
    CHECK(rise_key_generate(&other, RISE_KEY_SECP256K1, NULL) == RISE_OK);
    CHECK(rise_key_public(key, public_key) == 32);
    CHECK(rise_key_public(other, other_key) == 32);
    CHECK(memcmp(public_key, other_key, 32) != 0);
    rise_key_free(key);
    rise_key_free(other);
}

static void key_hashes(void) {
    uint8_t secret[32], bytes[64], hash[32], address[32] = { 0 };
    rise_key *key;

    rise_sha256(secret, "rise session key 1", 18);
    CHECK(rise_key_import(&key, RISE_KEY_P256, secret) == RISE_OK);
    CHECK(rise_key_public(key, bytes) == 64);
    CHECK_HEX(bytes, 64, "e9b255629d4fb0a12d9ba5b10fa9ec59c1775a219d0eaac4cf5fa5568f6c20e5"
                         "da39dba94eb32af008cd2bec2a7498d3dc656b65f751aac4df859d8c9da1e4a9");
    rise_key_hash(hash, RISE_KEY_P256, bytes, 64);
    CHECK_HEX(hash, 32, "767029fafc15867c866ce7f032a8f6b2400bc121aa5bdcb39271e5103b8da914");
    rise_key_free(key);
    read_hex(address + 12, 20, "9965507d1a55bcc2695c58ba16fb37d819b0a4dc");
    rise_key_hash(hash, RISE_KEY_SECP256K1, address, 32);
    CHECK_HEX(hash, 32, "bbb3ea50a199d6fe564288def480e32df26c1270a4890eb5cc650c9e924c38c1");
}

int main(void) {
    secp256k1_key_1_is_the_generator();
    secp256k1_signs_as_rfc6979_says();
    recovery_takes_a_high_s();
    recovery_refuses();
    bad_secrets_and_types();
    generated_keys_come_from_the_entropy_given();
    key_hashes();
    return 0;
}
