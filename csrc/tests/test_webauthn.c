/* What passkeys sign. The vectors' assertions are verified in spec/core/keys_spec.lua, and the account contract is
 * asked about altered ones in spec/devnet/webauthn_spec.lua. */
#include "check.h"

#define LEN 480
#define STRUCT 32
#define AUTHENTICATOR (STRUCT + 192)     /* the length before the bytes */
#define CLIENT (AUTHENTICATOR + 32 + 64) /* 37 bytes fill two words */

static uint8_t public_key[64], digest[32], good[LEN], at[LEN];

static const uint8_t secret[32] = { 7 };
static const char client[] = "{\"type\":\"webauthn.get\",\"challenge\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\","
                             "\"origin\":\"http://localhost\"}";

static void put(uint8_t *assertion, size_t slot, size_t value) {
    memset(assertion + slot, 0, 32);
    assertion[slot + 30] = (uint8_t)(value >> 8);
    assertion[slot + 31] = (uint8_t)value;
}

/* r and s over what the assertion holds where `build` puts it. */
static void sign(uint8_t *assertion) {
    uint8_t message[37 + 32], hash[32];

    memcpy(message, assertion + AUTHENTICATOR + 32, 37);
    rise_sha256(message + 37, assertion + CLIENT + 32, sizeof client - 1);
    rise_sha256(hash, message, sizeof message);
    CHECK(rise_p256_sign(assertion + STRUCT + 128, secret, hash) == RISE_OK);
}

static void build(void) {
    size_t i;

    CHECK(rise_p256_public(public_key, secret) == RISE_OK);
    for (i = 0; i < 32; i++) {
        digest[i] = (uint8_t)i;
    }
    put(good, 0, STRUCT);
    put(good, STRUCT, AUTHENTICATOR - STRUCT);
    put(good, STRUCT + 32, CLIENT - STRUCT);
    put(good, STRUCT + 64, 23);
    put(good, STRUCT + 96, 1);
    put(good, AUTHENTICATOR, 37);
    good[AUTHENTICATOR + 32 + 32] = RISE_WEBAUTHN_PRESENT;
    put(good, CLIENT, sizeof client - 1);
    memcpy(good + CLIENT + 32, client, sizeof client - 1);
    CHECK(CLIENT + 32 + sizeof client - 1 <= LEN);
    sign(good);
}

static rise_status verify(const uint8_t *assertion, size_t len, unsigned flags) {
    uint8_t *exact = malloc(len == 0 ? 1 : len); /* for the sanitizer to see the end of */
    rise_error error = { RISE_OK, "" };
    rise_status status;

    CHECK(exact != NULL);
    memcpy(exact, assertion, len);
    status = rise_webauthn_verify(public_key, digest, exact, len, flags, &error);
    CHECK(error.code == status && (status == RISE_OK) == (error.message[0] == '\0'));
    CHECK(rise_webauthn_verify(public_key, digest, exact, len, flags, NULL) == status);
    free(exact);
    return status;
}

static uint8_t *fresh(void) {
    memcpy(at, good, LEN);
    return at;
}

static void a_signature_is_taken(void) {
    CHECK(verify(good, LEN, 0) == RISE_OK);
    CHECK(verify(good, LEN, RISE_WEBAUTHN_PRESENT) == RISE_OK);
}

static void everything_signed_counts(void) {
    size_t i;

    for (i = AUTHENTICATOR + 32; i < CLIENT + 32 + sizeof client - 1; i++) {
        if (i < AUTHENTICATOR + 32 + 37 || i >= CLIENT) {
            fresh()[i] ^= 0x80;
            CHECK(verify(at, LEN, 0) != RISE_OK);
        }
    }
    for (i = STRUCT + 128; i < STRUCT + 192; i++) {
        fresh()[i] ^= 1;
        CHECK(verify(at, LEN, 0) == RISE_ESIGNATURE);
    }
    for (i = 0; i < 32; i++) {
        digest[i] ^= 1;
        CHECK(verify(good, LEN, 0) == RISE_ESIGNATURE);
        digest[i] ^= 1;
    }
}

static void a_high_s_is_refused(void) {
    rise_u256 n, s;
    uint8_t order[32];

    read_hex(order, 32, "0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    rise_u256_from_bytes(&n, order);
    rise_u256_from_bytes(&s, fresh() + STRUCT + 160);
    CHECK(rise_u256_sub(&s, &n, &s) == RISE_OK);
    rise_u256_to_bytes(at + STRUCT + 160, &s);
    CHECK(verify(at, LEN, 0) == RISE_ESIGNATURE);
}

static void flags_are_required_as_asked(void) {
    unsigned flags;

    for (flags = 0; flags < 256; flags++) {
        fresh()[AUTHENTICATOR + 32 + 32] = (uint8_t)flags;
        sign(at);
        CHECK((verify(at, LEN, 0) == RISE_OK) == ((flags & 1) != 0));
        CHECK((verify(at, LEN, RISE_WEBAUTHN_VERIFIED) == RISE_OK) == ((flags & 5) == 5));
    }
}

static void type_and_challenge_stand_where_the_indices_say(void) {
    size_t i;

    for (i = 0; i < 256; i++) {
        put(fresh(), STRUCT + 64, i);
        CHECK((verify(at, LEN, 0) == RISE_OK) == (i == 23));
        put(fresh(), STRUCT + 96, i);
        CHECK((verify(at, LEN, 0) == RISE_OK) == (i == 1));
    }
    for (i = 0; i < 31; i++) { /* an index of any size */
        fresh()[STRUCT + 64 + i] = 0xff;
        CHECK(verify(at, LEN, 0) == RISE_ESIGNATURE);
        fresh()[STRUCT + 96 + i] = 0xff;
        CHECK(verify(at, LEN, 0) == RISE_ESIGNATURE);
    }
}

/* The contract wants the type's last quote inside the client data, and the challenge's. */
static void client_data_may_end_right_behind_them(void) {
    static const char short_data[] = "\"challenge\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\""
                                     "\"type\":\"webauthn.get\"";
    size_t challenge_len = 13 + 43 + 1, len = sizeof short_data - 1, cut;
    uint8_t message[37 + 32], hash[32];

    for (cut = 0; cut < 2; cut++) {
        put(fresh(), STRUCT + 64, 0);
        put(at, STRUCT + 96, challenge_len);
        put(at, CLIENT, len - cut);
        memcpy(at + CLIENT + 32, short_data, len);
        memcpy(message, at + AUTHENTICATOR + 32, 37);
        rise_sha256(message + 37, at + CLIENT + 32, len - cut);
        rise_sha256(hash, message, sizeof message);
        CHECK(rise_p256_sign(at + STRUCT + 128, secret, hash) == RISE_OK);
        CHECK((verify(at, LEN, 0) == RISE_OK) == (cut == 0));
    }
}

static void cut_short_it_is_no_assertion(void) {
    size_t len;

    for (len = 0; len < CLIENT + 32 + sizeof client - 1; len++) {
        CHECK(verify(good, len, 0) == RISE_EDATA);
    }
    CHECK(verify(good, len, 0) == RISE_OK); /* the contract does not ask for the padding */
}

static void parts_that_reach_beyond_the_end_are_refused(void) {
    static const size_t slots[] = { 0, STRUCT, STRUCT + 32, AUTHENTICATOR, CLIENT };
    size_t i, j;

    for (i = 0; i < sizeof slots / sizeof *slots; i++) {
        for (j = 0; j < 31; j++) {
            fresh()[slots[i] + j] = 0xff;
            CHECK(verify(at, LEN, 0) == RISE_EDATA);
        }
        memset(fresh() + slots[i], 0xff, 32);
        CHECK(verify(at, LEN, 0) == RISE_EDATA);
        put(fresh(), slots[i], LEN);
        CHECK(verify(at, LEN, 0) == RISE_EDATA);
    }
}

static void a_key_must_be_a_point(void) {
    public_key[63] ^= 1;
    CHECK(verify(good, LEN, 0) == RISE_EKEY);
    public_key[63] ^= 1;
}

int main(void) {
    build();
    a_signature_is_taken();
    everything_signed_counts();
    a_high_s_is_refused();
    flags_are_required_as_asked();
    type_and_challenge_stand_where_the_indices_say();
    client_data_may_end_right_behind_them();
    cut_short_it_is_no_assertion();
    parts_that_reach_beyond_the_end_are_refused();
    a_key_must_be_a_point();
    return 0;
}
