/* Transactions. The input fills the fields, the rest of it the data; what is encoded is read again as RLP, field by
 * field. */
#include "fuzz.h"

typedef struct source {
    const uint8_t *data;
    size_t len;
} source;

/* Up to `size` bytes of what is left, zeros in front of them. The first of them says how many. */
static void number(source *from, uint8_t *out, size_t size) {
    size_t len = 0;

    memset(out, 0, size);
    if (from->len > 0) {
        len = from->data[0] % (size + 1);
        from->data++;
        from->len--;
    }
    len = len < from->len ? len : from->len;
    memcpy(out + size - len, from->data, len);
    from->data += len;
    from->len -= len;
}

static void u256(source *from, rise_u256 *out) {
    uint8_t bytes[32];

    number(from, bytes, 32);
    rise_u256_from_bytes(out, bytes);
}

static uint64_t u64(source *from) {
    uint8_t bytes[8];
    uint64_t value = 0;
    size_t i;

    number(from, bytes, 8);
    for (i = 0; i < 8; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* ---- reading it again ---- */

static void next_item(rise_rlp_item *item, source *from, int is_list) {
    HOLDS(rise_rlp_next(item, &from->data, &from->len) == RISE_OK && item->is_list == is_list);
}

static void same_number(source *from, const rise_u256 *want) {
    uint8_t bytes[32];
    rise_rlp_item item;

    next_item(&item, from, 0);
    rise_u256_to_bytes(bytes, want);
    HOLDS(item.len == (rise_u256_bits(want) + 7) / 8);
    HOLDS(same_bytes(item.data, item.len, bytes + 32 - item.len, item.len));
}

static void same_u64(source *from, uint64_t want) {
    rise_u256 number;

    rise_u256_from_u64(&number, want);
    same_number(from, &number);
}

static void same_string(source *from, const uint8_t *want, size_t len) {
    rise_rlp_item item;

    next_item(&item, from, 0);
    HOLDS(same_bytes(item.data, item.len, want, len));
}

static void read_again(const rise_buf *out, const rise_tx *tx, int is_signed) {
    source from, list;
    rise_rlp_item item;
    size_t i;

    from.data = out->data;
    from.len = out->len;
    if (tx->type != RISE_TX_LEGACY) {
        HOLDS(from.len > 1 && from.data[0] == tx->type);
        from.data++;
        from.len--;
    }
    next_item(&item, &from, 1);
    HOLDS(from.len == 0);
    from.data = item.data;
    from.len = item.len;
    if (tx->type != RISE_TX_LEGACY) {
        same_number(&from, &tx->chain_id);
    }
    same_u64(&from, tx->nonce);
    if (tx->type == RISE_TX_LEGACY) {
        same_number(&from, &tx->gas_price);
    } else {
        same_number(&from, &tx->max_priority_fee);
        same_number(&from, &tx->max_fee);
    }
    same_u64(&from, tx->gas);
    same_string(&from, tx->to, tx->to == NULL ? 0 : 20);
    same_number(&from, &tx->value);
    same_string(&from, tx->data, tx->data_len);
    if (tx->type != RISE_TX_LEGACY) {
        next_item(&item, &from, 1);
        list.data = item.data;
        list.len = item.len;
        for (i = 0; i < tx->access_count; i++) {
            next_item(&item, &list, 1);
        }
        HOLDS(list.len == 0);
    }
    if (tx->type == RISE_TX_EIP7702) {
        next_item(&item, &from, 1);
        list.data = item.data;
        list.len = item.len;
        for (i = 0; i < tx->authorization_count; i++) {
            next_item(&item, &list, 1);
        }
        HOLDS(list.len == 0);
    }
    if (tx->type == RISE_TX_LEGACY && !is_signed) {
        /* EIP-155 */
        same_number(&from, &tx->chain_id);
        same_u64(&from, 0);
        same_u64(&from, 0);
    } else {
        for (i = 0; i < (is_signed ? 3 : 0); i++) {
            next_item(&item, &from, 0);
            HOLDS(item.len <= 32);
        }
    }
    HOLDS(from.len == 0);
}

static void encode(const rise_tx *tx, const uint8_t *sig) {
    rise_buf out = RISE_BUF_INIT;
    uint8_t digest[32], hash[32];
    rise_error error;
    rise_status status;

    HOLDS(rise_buf_append(&out, "x", 1) == RISE_OK);
    status = rise_tx_encode(&out, tx, sig, &error);
    HOLDS(out.data[0] == 'x');
    if (status != RISE_OK) {
        HOLDS(status == RISE_EVALUE || status == RISE_ESIGNATURE || status == RISE_EOVERFLOW || status == RISE_ELIMIT);
        HOLDS(out.len == 1);
        holds_error(status, &error);
    } else {
        HOLDS(!rise_u256_is_zero(&tx->chain_id) && tx->nonce != UINT64_MAX);
        memmove(out.data, out.data + 1, --out.len);
        read_again(&out, tx, sig != NULL);
        if (sig == NULL) {
            HOLDS(rise_tx_sighash(digest, tx, &error) == RISE_OK);
            rise_keccak256(hash, out.data, out.len);
            HOLDS(memcmp(digest, hash, 32) == 0);
        }
    }
    rise_buf_free(&out);
}

/* With a key of its own, what was signed is what another would check. */
static void sign(const rise_tx *tx) {
    static rise_key *key;
    static const uint8_t secret[32] = { 7 };
    rise_buf out = RISE_BUF_INIT;
    uint8_t hash[32], digest[32];
    rise_error error;
    rise_status status;

    if (key == NULL) {
        HOLDS(rise_key_import(&key, RISE_KEY_SECP256K1, secret) == RISE_OK);
    }
    status = rise_tx_sign(&out, hash, tx, key, &error);
    HOLDS((status == RISE_OK) == (rise_tx_sighash(digest, tx, NULL) == RISE_OK) || status == RISE_EOVERFLOW);
    if (status == RISE_OK) {
        read_again(&out, tx, 1);
        rise_keccak256(digest, out.data, out.len);
        HOLDS(memcmp(digest, hash, 32) == 0);
    } else {
        HOLDS(out.len == 0);
        holds_error(status, &error);
    }
    rise_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const rise_tx_type types[] = { RISE_TX_LEGACY, RISE_TX_EIP1559, RISE_TX_EIP7702, (rise_tx_type)1 };
    rise_authorization authorizations[3];
    rise_tx_access access[3];
    uint8_t to[20], sig[65];
    source from = { data, len };
    rise_tx tx;
    size_t i;

    if (len < 2) {
        return 0;
    }
    memset(&tx, 0, sizeof tx);
    memset(access, 0, sizeof access);
    memset(authorizations, 0, sizeof authorizations);
    from.data += 2;
    from.len -= 2;
    tx.type = types[data[0] & 3];
    tx.access_count = (data[0] >> 2 & 3) % 4;
    tx.authorization_count = data[0] >> 4 & 3;
    tx.access = tx.access_count > 0 ? access : NULL;
    tx.authorizations = tx.authorization_count > 0 ? authorizations : NULL;
    tx.to = data[0] & 0x40 ? to : NULL;
    u256(&from, &tx.chain_id);
    tx.nonce = u64(&from);
    tx.gas = u64(&from);
    if (tx.type == RISE_TX_LEGACY) {
        u256(&from, &tx.gas_price);
    } else {
        u256(&from, &tx.max_fee);
        u256(&from, &tx.max_priority_fee);
    }
    number(&from, to, 20);
    u256(&from, &tx.value);
    number(&from, sig, 65);
    for (i = 0; i < tx.authorization_count; i++) {
        u256(&from, &authorizations[i].chain_id);
        number(&from, authorizations[i].address, 20);
        authorizations[i].nonce = u64(&from);
        number(&from, authorizations[i].sig, 65);
    }
    for (i = 0; i < tx.access_count; i++) {
        number(&from, access[i].address, 20);
        access[i].key_count = from.len / 32 < 2 ? from.len / 32 : 2;
        access[i].keys = from.data;
    }
    tx.data = from.data;
    tx.data_len = from.len;
    encode(&tx, NULL);
    encode(&tx, sig);
    if (data[1] % 16 == 0) {
        sign(&tx);
    }
    return 0;
}
