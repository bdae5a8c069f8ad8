/* Transactions (EIP-155, EIP-1559, EIP-7702) and the authorizations in them. */
#include <string.h>

#include "core.h"

/* ---- authorizations ---- */

void rise_authorization_digest(uint8_t digest[32], const rise_u256 *chain_id, const uint8_t address[20],
                               uint64_t nonce) {
    uint8_t text[2 + 33 + 21 + 9];
    uint8_t number[32];
    size_t zeros = 0;
    size_t len = 2;

    rise_u256_to_bytes(number, chain_id);
    while (zeros < 32 && number[zeros] == 0) {
        zeros++;
    }
    len += rise_rlp_put_bytes(text + len, number + zeros, 32 - zeros);
    len += rise_rlp_put_bytes(text + len, address, 20);
    len += rise_rlp_put_u64(text + len, nonce);
    text[0] = 0x05;
    /* 63 bytes at most; a list from 56 on takes a longer header. */
    if (len - 2 < 56) {
        text[1] = (uint8_t)(0xc0 + len - 2);
        rise_keccak256(digest, text, len);
    } else {
        rise_keccak h;
        uint8_t head[3];

        head[0] = 0x05;
        head[1] = 0xf8;
        head[2] = (uint8_t)(len - 2);
        rise_keccak_init(&h);
        rise_keccak_update(&h, head, 3);
        rise_keccak_update(&h, text + 2, len - 2);
        rise_keccak_final(&h, digest);
    }
}

rise_status rise_authorization_sign(rise_authorization *authorization, const rise_key *key) {
    uint8_t digest[32];

    if (rise_key_get_type(key) != RISE_KEY_SECP256K1) {
        return RISE_EUSAGE;
    }
    rise_authorization_digest(digest, &authorization->chain_id, authorization->address, authorization->nonce);
    return rise_key_sign(key, authorization->sig, digest) == 65 ? RISE_OK : RISE_EKEY;
}

/* ---- what a chain takes ---- */

/* Half the order of secp256k1's group; chains take no s above it (EIP-2, EIP-7702). */
static const rise_u256 half_order = {
    { UINT64_C(0xdfe92f46681b20a0), UINT64_C(0x5d576e7357a4501d), UINT64_C(0xffffffffffffffff),
      UINT64_C(0x7fffffffffffffff) }
};
static const rise_u256 order = {
    { UINT64_C(0xbfd25e8cd0364141), UINT64_C(0xbaaedce6af48a03b), UINT64_C(0xfffffffffffffffe),
      UINT64_C(0xffffffffffffffff) }
};

static int is_signature(const uint8_t sig[65]) {
    rise_u256 r, s;

    rise_u256_from_bytes(&r, sig);
    rise_u256_from_bytes(&s, sig + 32);
    return (sig[64] <= 1 || sig[64] == 27 || sig[64] == 28) && !rise_u256_is_zero(&r)
        && rise_u256_compare(&r, &order) < 0 && !rise_u256_is_zero(&s) && rise_u256_compare(&s, &half_order) <= 0;
}

static uint64_t parity(const uint8_t sig[65]) {
    return sig[64] >= 27 ? sig[64] - 27u : sig[64];
}

/* EIP-155: v is 35 or 36 + 2 * chain_id. */
static rise_status legacy_v(rise_u256 *v, const rise_tx *tx, const uint8_t sig[65]) {
    rise_u256 offset;
    rise_status status = rise_u256_add(v, &tx->chain_id, &tx->chain_id);

    if (status == RISE_OK) {
        rise_u256_from_u64(&offset, 35 + parity(sig));
        status = rise_u256_add(v, v, &offset);
    }
    return status;
}

/* At most how many bytes of the encoding the lists and the data take; what is beyond the limit does not matter. */
static size_t bulk(const rise_tx *tx) {
    const size_t most = RISE_TX_MAX_SIZE + 1;
    size_t total = tx->data_len < most ? tx->data_len : most;
    size_t i;

    for (i = 0; i < tx->access_count && total < most; i++) {
        size_t keys = tx->access[i].key_count;
        total += keys < most / 33 ? 22 + 33 * keys : most;
    }
    if (tx->authorization_count > most / 90) {
        return most;
    }
    return total + 90 * tx->authorization_count;
}

static rise_status check_authorization(const rise_authorization *authorization, rise_error *error) {
    if (authorization->nonce == UINT64_MAX) {
        return rise_fail(error, RISE_EVALUE, "authorization: the nonce is out of range", "", "");
    }
    if (!is_signature(authorization->sig)) {
        return rise_fail(error, RISE_ESIGNATURE, "authorization: not signed, or not as a chain takes it", "", "");
    }
    return RISE_OK;
}

static rise_status check(const rise_tx *tx, const uint8_t sig[65], rise_error *error) {
    const int is_legacy = tx->type == RISE_TX_LEGACY;
    const char *why = NULL;
    rise_status status = RISE_OK;
    size_t i;

    if (!is_legacy && tx->type != RISE_TX_EIP1559 && tx->type != RISE_TX_EIP7702) {
        why = "no such type of transaction";
    } else if (rise_u256_is_zero(&tx->chain_id)) {
        why = "chain id 0: the transaction would be valid on any chain, or on none";
    } else if (tx->nonce == UINT64_MAX) {
        why = "the nonce is out of range";
    } else if (is_legacy && (!rise_u256_is_zero(&tx->max_fee) || !rise_u256_is_zero(&tx->max_priority_fee))) {
        why = "a legacy transaction has a gas price, no fees apart";
    } else if (!is_legacy && !rise_u256_is_zero(&tx->gas_price)) {
        why = "only a legacy transaction has a gas price";
    } else if (rise_u256_compare(&tx->max_priority_fee, &tx->max_fee) > 0) {
        why = "the priority fee is above the whole fee";
    } else if (is_legacy && tx->access_count != 0) {
        why = "a legacy transaction has no access list";
    } else if (tx->type != RISE_TX_EIP7702 && tx->authorization_count != 0) {
        why = "only an EIP-7702 transaction has authorizations";
    } else if (tx->type == RISE_TX_EIP7702 && tx->authorization_count == 0) {
        why = "an EIP-7702 transaction needs an authorization";
    } else if (tx->type == RISE_TX_EIP7702 && tx->to == NULL) {
        why = "an EIP-7702 transaction cannot create a contract";
    }
    if (why != NULL) {
        return rise_fail(error, RISE_EVALUE, why, "", "");
    }
    if (bulk(tx) > RISE_TX_MAX_SIZE) {
        return rise_fail(error, RISE_ELIMIT, "the transaction gets too long", "", "");
    }
    for (i = 0; i < tx->authorization_count && status == RISE_OK; i++) {
        status = check_authorization(&tx->authorizations[i], error);
    }
    if (status == RISE_OK && sig != NULL && !is_signature(sig)) {
        status = rise_fail(error, RISE_ESIGNATURE, "not a signature that a chain takes", "", "");
    }
    return status;
}

/* ---- encoding ---- */

/* The first failure stays, and nothing is written after it. */
typedef struct writer {
    rise_buf *out;
    rise_status status;
} writer;

static void put_bytes(writer *w, const uint8_t *data, size_t len) {
    if (w->status == RISE_OK) {
        w->status = rise_rlp_bytes(w->out, data, len);
    }
}

static void put_number(writer *w, const rise_u256 *number) {
    if (w->status == RISE_OK) {
        w->status = rise_rlp_number(w->out, number);
    }
}

static void put_u64(writer *w, uint64_t number) {
    rise_u256 wide;

    rise_u256_from_u64(&wide, number);
    put_number(w, &wide);
}

static void put_list(writer *w, size_t start) {
    if (w->status == RISE_OK) {
        w->status = rise_rlp_list(w->out, start);
    }
}

/* r and s, as the numbers they are. */
static void put_signature(writer *w, const uint8_t sig[65]) {
    rise_u256 number;

    rise_u256_from_bytes(&number, sig);
    put_number(w, &number);
    rise_u256_from_bytes(&number, sig + 32);
    put_number(w, &number);
}

static void put_access_list(writer *w, const rise_tx *tx) {
    const size_t list = w->out->len;
    size_t i, j;

    for (i = 0; i < tx->access_count; i++) {
        const rise_tx_access *access = &tx->access[i];
        const size_t entry = w->out->len;
        size_t keys;

        put_bytes(w, access->address, 20);
        keys = w->out->len;
        for (j = 0; j < access->key_count; j++) {
            put_bytes(w, access->keys + 32 * j, 32);
        }
        put_list(w, keys);
        put_list(w, entry);
    }
    put_list(w, list);
}

static void put_authorizations(writer *w, const rise_tx *tx) {
    const size_t list = w->out->len;
    size_t i;

    for (i = 0; i < tx->authorization_count; i++) {
        const rise_authorization *authorization = &tx->authorizations[i];
        const size_t entry = w->out->len;

        put_number(w, &authorization->chain_id);
        put_bytes(w, authorization->address, 20);
        put_u64(w, authorization->nonce);
        put_u64(w, parity(authorization->sig));
        put_signature(w, authorization->sig);
        put_list(w, entry);
    }
    put_list(w, list);
}

static void put_fields(writer *w, const rise_tx *tx) {
    if (tx->type != RISE_TX_LEGACY) {
        put_number(w, &tx->chain_id);
    }
    put_u64(w, tx->nonce);
    if (tx->type == RISE_TX_LEGACY) {
        put_number(w, &tx->gas_price);
    } else {
        put_number(w, &tx->max_priority_fee);
        put_number(w, &tx->max_fee);
    }
    put_u64(w, tx->gas);
    put_bytes(w, tx->to, tx->to != NULL ? 20 : 0);
    put_number(w, &tx->value);
    put_bytes(w, tx->data, tx->data_len);
    if (tx->type != RISE_TX_LEGACY) {
        put_access_list(w, tx);
    }
    if (tx->type == RISE_TX_EIP7702) {
        put_authorizations(w, tx);
    }
}

/* What stands behind the fields: the signature, or what a legacy transaction has in its place to be signed. */
static void put_end(writer *w, const rise_tx *tx, const uint8_t sig[65]) {
    rise_u256 v;

    if (sig == NULL) {
        if (tx->type == RISE_TX_LEGACY) {
            put_number(w, &tx->chain_id);
            put_u64(w, 0);
            put_u64(w, 0);
        }
        return;
    }
    if (tx->type == RISE_TX_LEGACY) {
        if (w->status == RISE_OK) {
            w->status = legacy_v(&v, tx, sig);
        }
        put_number(w, &v);
    } else {
        put_u64(w, parity(sig));
    }
    put_signature(w, sig);
}

rise_status rise_tx_encode(rise_buf *out, const rise_tx *tx, const uint8_t sig[65], rise_error *error) {
    const size_t before = out->len;
    size_t start = before;
    writer w;

    w.out = out;
    w.status = check(tx, sig, error);
    if (w.status != RISE_OK) {
        return w.status;
    }
    if (tx->type != RISE_TX_LEGACY) {
        const uint8_t type = (uint8_t)tx->type;
        w.status = rise_buf_append(out, &type, 1);
        start = out->len;
    }
    put_fields(&w, tx);
    put_end(&w, tx, sig);
    put_list(&w, start);
    if (w.status != RISE_OK) {
        out->len = before;
        return rise_fail(error, w.status, rise_status_text(w.status), "", "");
    }
    return RISE_OK;
}

rise_status rise_tx_sighash(uint8_t digest[32], const rise_tx *tx, rise_error *error) {
    rise_buf text = RISE_BUF_INIT;
    rise_status status = rise_tx_encode(&text, tx, NULL, error);

    if (status == RISE_OK) {
        rise_keccak256(digest, text.data, text.len);
    }
    rise_buf_free(&text);
    return status;
}

rise_status rise_tx_sign(rise_buf *out, uint8_t hash[32], const rise_tx *tx, const rise_key *key, rise_error *error) {
    const size_t start = out->len;
    uint8_t digest[32], sig[65];
    rise_status status;

    if (rise_key_get_type(key) != RISE_KEY_SECP256K1) {
        return rise_fail(error, RISE_EUSAGE, "transactions are signed with secp256k1", "", "");
    }
    status = rise_tx_sighash(digest, tx, error);
    if (status != RISE_OK) {
        return status;
    }
    if (rise_key_sign(key, sig, digest) != 65) {
        return rise_fail(error, RISE_EKEY, rise_status_text(RISE_EKEY), "", "");
    }
    status = rise_tx_encode(out, tx, sig, error);
    if (status == RISE_OK && hash != NULL) {
        rise_keccak256(hash, out->data + start, out->len - start);
    }
    return status;
}
