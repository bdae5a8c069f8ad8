/* Transactions: the example of EIP-155, and two of spec/vectors/transactions.json; what is refused; bounds. */
#include "check.h"

static rise_key *import(const char *secret) {
    uint8_t bytes[32];
    rise_key *key = NULL;

    read_hex(bytes, 32, secret);
    CHECK(rise_key_import(&key, RISE_KEY_SECP256K1, bytes) == RISE_OK);
    return key;
}

/* Building, hashing and signing agree with what is known. */
static void check_tx(const rise_tx *tx, const char *secret, const char *sighash, const char *raw, const char *tx_hash) {
    rise_buf unsigned_tx = RISE_BUF_INIT, out = RISE_BUF_INIT, again = RISE_BUF_INIT;
    rise_key *key = import(secret);
    uint8_t digest[32], hash[32], sig[65];
    rise_error error;
    int i;

    CHECK(rise_tx_sighash(digest, tx, &error) == RISE_OK);
    CHECK_HEX(digest, 32, sighash);
    CHECK(rise_tx_encode(&unsigned_tx, tx, NULL, &error) == RISE_OK);
    rise_keccak256(hash, unsigned_tx.data, unsigned_tx.len);
    CHECK(memcmp(hash, digest, 32) == 0);

    /* Appended to what is there. */
    CHECK(rise_buf_append(&out, "x", 1) == RISE_OK);
    CHECK(rise_tx_sign(&out, hash, tx, key, &error) == RISE_OK);
    CHECK(out.data[0] == 'x');
    CHECK_HEX(out.data + 1, out.len - 1, raw);
    CHECK_HEX(hash, 32, tx_hash);

    /* v of either convention. */
    CHECK(rise_key_sign(key, sig, digest) == 65);
    for (i = 0; i < 2; i++, sig[64] = (uint8_t)(sig[64] - 27)) {
        again.len = 0;
        CHECK(rise_tx_encode(&again, tx, sig, NULL) == RISE_OK);
        CHECK(again.len == out.len - 1 && memcmp(again.data, out.data + 1, again.len) == 0);
    }
    rise_buf_free(&unsigned_tx);
    rise_buf_free(&out);
    rise_buf_free(&again);
    rise_key_free(key);
}

static const char eip155_key[] = "4646464646464646464646464646464646464646464646464646464646464646";
static uint8_t eip155_to[20];

static void eip155(rise_tx *tx) {
    memset(tx, 0, sizeof *tx);
    memset(eip155_to, 0x35, 20);
    rise_u256_from_u64(&tx->chain_id, 1);
    tx->nonce = 9;
    tx->gas = 21000;
    rise_u256_from_u64(&tx->gas_price, UINT64_C(20000000000));
    tx->to = eip155_to;
    rise_u256_from_u64(&tx->value, UINT64_C(1000000000000000000));
}

static void legacy(void) {
    rise_tx tx;

    eip155(&tx);
    check_tx(&tx, eip155_key, "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53",
             "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939"
             "bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297f"
             "b1966a3b6d83",
             "33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788");
}

/* Creates a contract, with an access list. */
static void eip1559(void) {
    uint8_t keys[64], data[74];
    rise_tx_access access;
    rise_tx tx;

    memset(&tx, 0, sizeof tx);
    read_hex(access.address, 20, "40296d5f98ce378c4c8139e810bae939b94c781e");
    read_hex(keys, 64,
             "e4e1cbd7529bc1e6675f6f8290cd37ba59467c8cd35bc2e952161a0fc766612d7e4d4ba5ebef4303fbbba70b5b9a397218b9e415"
             "6a5accdcdc567f7a70b29784");
    read_hex(data, sizeof data,
             "f3fe988f62419324ebba49e5eea5966ffc29d6576b9709d7895f546e700fd5b92087f53c50f93fb48816c176ec00973745198db4"
             "b79bc4c3d410604bc2147cdc3ad3dcaa4e0c6b3b30c8");
    access.keys = keys;
    access.key_count = 2;
    tx.type = RISE_TX_EIP1559;
    rise_u256_from_u64(&tx.chain_id, UINT64_C(2147483648));
    tx.nonce = 128;
    tx.gas = 11212772;
    rise_u256_from_u64(&tx.max_fee, UINT64_C(1055127035120));
    rise_u256_from_u64(&tx.max_priority_fee, 1);
    tx.data = data;
    tx.data_len = sizeof data;
    tx.access = &access;
    tx.access_count = 1;
    check_tx(&tx, "224bc2eb4c56a796ebd7207d396efb737b779bd6c190372e28037863861bd237",
             "a682d719c1b63fab63c3e37af179012eb64b19bd7b7d190d715eebe026f88928",
             "02f90100848000000081800185f5aa78dcf083ab17e48080b84af3fe988f62419324ebba49e5eea5966ffc29d6576b9709d7895f"
             "546e700fd5b92087f53c50f93fb48816c176ec00973745198db4b79bc4c3d410604bc2147cdc3ad3dcaa4e0c6b3b30c8f85bf859"
             "9440296d5f98ce378c4c8139e810bae939b94c781ef842a0e4e1cbd7529bc1e6675f6f8290cd37ba59467c8cd35bc2e952161a0f"
             "c766612da07e4d4ba5ebef4303fbbba70b5b9a397218b9e4156a5accdcdc567f7a70b2978480a0572417c284a4e210445b4f3805"
             "129c6267c257f91c2aaa2d7935d5738f5bdea6a050004da1f3b1928a8709b4abb86cf28445288e973e767392e47383bc8dfbf187",
             "3f21a4dd4d6ab89abc45ddd00edd73c48b38644c5c65a7c40cce2fd9a8f34ebc");
}

static const char r_of[] = "786b6e5410dd17d61cdb00d7b317c4679d2ae1668527bf84a93e85d48aa75921";
static const char s_of[] = "338dd18dba85987e1b7cab411390d8bac8ab7f4cf56b6f4372bd2b5a405ea2b5";

static void eip7702(rise_tx *tx, rise_authorization *authorization, uint8_t to[20]) {
    memset(tx, 0, sizeof *tx);
    read_hex(to, 20, "151e88f29f113be74333f3a7cb5e2e2e7d06293f");
    rise_u256_from_u64(&authorization->chain_id, 1);
    read_hex(authorization->address, 20, "b091c58efc540c5415466ee44a295866003ae488");
    authorization->nonce = 223;
    read_hex(authorization->sig, 32, r_of);
    read_hex(authorization->sig + 32, 32, s_of);
    authorization->sig[64] = 1;
    tx->type = RISE_TX_EIP7702;
    rise_u256_from_u64(&tx->chain_id, 1);
    tx->nonce = UINT64_C(4225084850);
    tx->gas = 21000;
    tx->to = to;
    rise_u256_from_u64(&tx->max_fee, UINT64_C(467300987687));
    rise_u256_from_u64(&tx->max_priority_fee, 1);
    tx->authorizations = authorization;
    tx->authorization_count = 1;
}

static void delegation(void) {
    rise_authorization authorization;
    uint8_t to[20];
    rise_tx tx;

    eip7702(&tx, &authorization, to);
    check_tx(&tx, "fbef21078d48f8625167962e697c0e1727e8b6229264df850e89fe0ff5b1cb39",
             "798d888fd1e2548f9959f25fa06ceaef05d2e44517a5e09925d9dea55e8d8b70",
             "04f8ca0184fbd5adb201856ccd4f332782520894151e88f29f113be74333f3a7cb5e2e2e7d06293f8080c0f85df85b0194b091c5"
             "8efc540c5415466ee44a295866003ae48881df01a0786b6e5410dd17d61cdb00d7b317c4679d2ae1668527bf84a93e85d48aa759"
             "21a0338dd18dba85987e1b7cab411390d8bac8ab7f4cf56b6f4372bd2b5a405ea2b580a06892a68deb2e88f2f5b54a743b5e5b0d"
             "7c671ac668a1bb0b01cce10fcee47619a03d1163983bb446678d0a7d750f0362f316ae070afc2eeb51911ba48fbfe5e6cd",
             "cd21bec93bd2ed23c162c977d6786f23d2c2259dfff492f9b2ad167782a54a64");
}

/* The signature over an authorization is its account's. */
static void authorizations_are_signed(void) {
    rise_authorization authorization;
    rise_key *key = import(eip155_key), *other = NULL;
    uint8_t digest[32], own[20], address[20];

    memset(&authorization, 0, sizeof authorization);
    rise_u256_from_u64(&authorization.chain_id, 4153);
    authorization.nonce = 7;
    CHECK(rise_authorization_sign(&authorization, key) == RISE_OK);
    rise_authorization_digest(digest, &authorization.chain_id, authorization.address, 7);
    CHECK(rise_secp256k1_recover(NULL, address, digest, authorization.sig) == RISE_OK);
    CHECK(rise_key_address(key, NULL, own) == RISE_OK && memcmp(own, address, 20) == 0);

    CHECK(rise_key_generate(&other, RISE_KEY_P256, NULL) == RISE_OK);
    CHECK(rise_authorization_sign(&authorization, other) == RISE_EUSAGE);
    rise_key_free(other);
    rise_key_free(key);
}

/* Refused with a message, and the buffer is as it was. */
static void refused(const rise_tx *tx, const uint8_t *sig, rise_status expected, int line) {
    rise_buf out = RISE_BUF_INIT;
    rise_error error;
    rise_status status;

    error.message[0] = '\0';
    CHECK(rise_buf_append(&out, "ab", 2) == RISE_OK);
    status = rise_tx_encode(&out, tx, sig, &error);
    if (status != expected || error.code != expected || error.message[0] == '\0') {
        fprintf(stderr, "line %d: %s, %s\n", line, rise_status_name(status), error.message);
        exit(1);
    }
    CHECK(out.len == 2 && memcmp(out.data, "ab", 2) == 0);
    CHECK(rise_tx_encode(&out, tx, sig, NULL) == expected);
    rise_buf_free(&out);
}

#define REFUSED(tx, status) refused(&(tx), NULL, (status), __LINE__)

static void fields_that_do_not_go_together(void) {
    rise_authorization authorization;
    rise_tx_access access = { { 0 }, NULL, 0 };
    uint8_t to[20];
    rise_tx tx;

#define WITH(start, change, status) do { start; change; REFUSED(tx, (status)); } while (0)
#define LEGACY eip155(&tx)
#define DELEGATION eip7702(&tx, &authorization, to)
    WITH(LEGACY, rise_u256_from_u64(&tx.chain_id, 0), RISE_EVALUE);
    WITH(LEGACY, tx.nonce = UINT64_MAX, RISE_EVALUE);
    WITH(LEGACY, tx.type = (rise_tx_type)1, RISE_EVALUE);
    WITH(LEGACY, tx.max_fee.limb[0] = 1, RISE_EVALUE);
    WITH(LEGACY, tx.max_priority_fee.limb[0] = 1, RISE_EVALUE);
    WITH(LEGACY, (tx.access = &access, tx.access_count = 1), RISE_EVALUE);
    WITH(LEGACY, (tx.authorizations = &authorization, tx.authorization_count = 1), RISE_EVALUE);
    WITH(LEGACY, tx.type = RISE_TX_EIP1559, RISE_EVALUE);
    WITH(DELEGATION, tx.type = RISE_TX_EIP1559, RISE_EVALUE);
    WITH(DELEGATION, tx.authorization_count = 0, RISE_EVALUE);
    WITH(DELEGATION, tx.to = NULL, RISE_EVALUE);
    WITH(DELEGATION, tx.gas_price.limb[0] = 1, RISE_EVALUE);
    WITH(DELEGATION, tx.max_priority_fee.limb[3] = 1, RISE_EVALUE);
    WITH(DELEGATION, authorization.nonce = UINT64_MAX, RISE_EVALUE);
    WITH(DELEGATION, authorization.sig[64] = 2, RISE_ESIGNATURE);
    WITH(DELEGATION, authorization.sig[64] = 29, RISE_ESIGNATURE);
    WITH(DELEGATION, memset(authorization.sig, 0, 32), RISE_ESIGNATURE);
    WITH(DELEGATION, memset(authorization.sig, 0xff, 32), RISE_ESIGNATURE);
    WITH(DELEGATION, memset(authorization.sig + 32, 0, 32), RISE_ESIGNATURE);
    WITH(DELEGATION, authorization.sig[32] = 0x80, RISE_ESIGNATURE);
#undef LEGACY
#undef DELEGATION
#undef WITH
}

static void signatures(void) {
    static const char half[] = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";
    static const char last[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";
    rise_buf out = RISE_BUF_INIT;
    uint8_t sig[65];
    rise_tx tx;

    eip155(&tx);
    read_hex(sig, 32, last);
    read_hex(sig + 32, 32, half);
    sig[64] = 0;
    CHECK(rise_tx_encode(&out, &tx, sig, NULL) == RISE_OK);
    sig[63]++;
    refused(&tx, sig, RISE_ESIGNATURE, __LINE__);
    sig[63]--;
    sig[31]++;
    refused(&tx, sig, RISE_ESIGNATURE, __LINE__);
    sig[31]--;
    sig[64] = 37;
    refused(&tx, sig, RISE_ESIGNATURE, __LINE__);

    /* r and s go as numbers: without the zeros in front. */
    memset(sig, 0, 65);
    sig[31] = 1;
    sig[63] = 0x80;
    out.len = 0;
    CHECK(rise_tx_encode(&out, &tx, sig, NULL) == RISE_OK);
    CHECK_HEX(out.data + out.len - 5, 5, "8025018180");

    /* There is no v for a chain id of 2^255 or more. */
    tx.chain_id.limb[3] = UINT64_C(1) << 63;
    CHECK(rise_tx_encode(&out, &tx, NULL, NULL) == RISE_OK);
    refused(&tx, sig, RISE_EOVERFLOW, __LINE__);
    memset(&tx.chain_id, 0xff, sizeof tx.chain_id);
    tx.chain_id.limb[3] >>= 1;
    refused(&tx, sig, RISE_EOVERFLOW, __LINE__);
    rise_buf_free(&out);
}

static void p256_does_not_sign(void) {
    rise_buf out = RISE_BUF_INIT;
    rise_key *key = NULL;
    rise_error error;
    rise_tx tx;

    eip155(&tx);
    CHECK(rise_key_generate(&key, RISE_KEY_P256, NULL) == RISE_OK);
    CHECK(rise_tx_sign(&out, NULL, &tx, key, &error) == RISE_EUSAGE && out.len == 0);
    rise_key_free(key);
    key = import(eip155_key);
    CHECK(rise_tx_sign(&out, NULL, &tx, key, NULL) == RISE_OK && out.len == 110);
    tx.nonce = UINT64_MAX;
    CHECK(rise_tx_sign(&out, NULL, &tx, key, NULL) == RISE_EVALUE && out.len == 110);
    rise_key_free(key);
    rise_buf_free(&out);
}

/* As long as they may be, and longer; counts that no memory could hold are refused before they are followed. */
static void sizes_are_bounded(void) {
    rise_authorization authorization;
    rise_tx_access access[2] = { { { 0 }, NULL, 0 }, { { 0 }, NULL, 0 } };
    rise_buf out = RISE_BUF_INIT;
    uint8_t to[20], *data = calloc(1, RISE_TX_MAX_SIZE);
    rise_tx tx;

    CHECK(data != NULL);
    eip155(&tx);
    tx.data = data;
    tx.data_len = RISE_TX_MAX_SIZE;
    CHECK(rise_tx_encode(&out, &tx, NULL, NULL) == RISE_OK && out.len > RISE_TX_MAX_SIZE);
    tx.data_len++;
    REFUSED(tx, RISE_ELIMIT);
    tx.data_len = SIZE_MAX;
    REFUSED(tx, RISE_ELIMIT);

    eip7702(&tx, &authorization, to);
    tx.access = access;
    tx.access_count = 2;
    access[1].keys = data;
    access[1].key_count = 31770;
    CHECK(rise_tx_encode(&out, &tx, NULL, NULL) == RISE_OK);
    access[1].key_count = 31771;
    REFUSED(tx, RISE_ELIMIT);
    access[1].key_count = SIZE_MAX / 32 + 2;
    REFUSED(tx, RISE_ELIMIT);
    access[1].key_count = 0;
    tx.authorization_count = SIZE_MAX / 2;
    REFUSED(tx, RISE_ELIMIT);

    /* A buffer of the caller's with less room. */
    rise_buf_free(&out);
    out.limit = 100;
    tx.authorization_count = 1;
    CHECK(rise_tx_encode(&out, &tx, NULL, NULL) == RISE_ELIMIT && out.len == 0);
    rise_buf_free(&out);
    free(data);
}

static void personal_digests(void) {
    uint8_t digest[32];

    rise_personal_digest(digest, "hello", 5);
    CHECK_HEX(digest, 32, "50b2c43fd39106bafbba0da34fc430e1f91e3c96ea2acee2bc34119f92b37750");
    rise_personal_digest(digest, NULL, 0);
    CHECK_HEX(digest, 32, "5f35dce98ba4fba25530a026ed80b2cecdaa31091ba4958b99b52ea1d068adad");
}

int main(void) {
    legacy();
    eip1559();
    delegation();
    authorizations_are_signed();
    fields_that_do_not_go_together();
    signatures();
    p256_does_not_sign();
    sizes_are_bounded();
    personal_digests();
    return 0;
}
