/* RLP: what is read back and written again is what was read, byte for byte, since only the canonical form is taken. */
#include "fuzz.h"

#define DEPTH 64

/* Writes the items of a payload again. 0 where it is not well-formed, to any depth, or too deep for this test. */
static int rewrite(rise_buf *out, const uint8_t *data, size_t len, unsigned depth) {
    while (len > 0) {
        const uint8_t *at = data;
        size_t left = len, start = out->len;
        rise_rlp_item item;
        rise_status status = rise_rlp_next(&item, &data, &len);

        if (status != RISE_OK) {
            HOLDS(status == RISE_EDATA && data == at && len == left);
            return 0;
        }
        /* The item lies at the front, and what is left behind it. */
        HOLDS(data > at && (size_t)(data - at) == left - len && len < left);
        HOLDS(item.data >= at && item.data + item.len == data);
        if (!item.is_list) {
            HOLDS(rise_rlp_bytes(out, item.data, item.len) == RISE_OK);
        } else if (depth == DEPTH || !rewrite(out, item.data, item.len, depth + 1)) {
            return 0;
        } else {
            HOLDS(rise_rlp_list(out, start) == RISE_OK);
        }
        HOLDS(same_bytes(out->data + start, out->len - start, at, (size_t)(data - at)));
    }
    return 1;
}

/* Any bytes are a byte string, and any number of them a list. */
static void write_and_read(const uint8_t *data, size_t len) {
    rise_buf out = RISE_BUF_INIT;
    rise_rlp_item item;
    const uint8_t *at;
    size_t left;

    HOLDS(rise_rlp_bytes(&out, data, len) == RISE_OK);
    HOLDS(rise_rlp_bytes(&out, data, len / 2) == RISE_OK);
    HOLDS(rise_rlp_list(&out, 0) == RISE_OK);
    at = out.data;
    left = out.len;
    HOLDS(rise_rlp_next(&item, &at, &left) == RISE_OK && item.is_list && left == 0);
    at = item.data;
    left = item.len;
    HOLDS(rise_rlp_next(&item, &at, &left) == RISE_OK && !item.is_list && same_bytes(item.data, item.len, data, len));
    HOLDS(rise_rlp_next(&item, &at, &left) == RISE_OK && !item.is_list
          && same_bytes(item.data, item.len, data, len / 2));
    HOLDS(left == 0);
    /* A list does not end before its last item does. */
    at = out.data;
    left = out.len - 1;
    HOLDS(rise_rlp_next(&item, &at, &left) == RISE_EDATA);
    rise_buf_free(&out);
}

/* Numbers go without leading zeros. */
static void number(const uint8_t *data, size_t len) {
    uint8_t bytes[32] = { 0 };
    rise_buf out = RISE_BUF_INIT;
    rise_rlp_item item;
    const uint8_t *at;
    rise_u256 value;
    size_t left;

    len = len > 32 ? 32 : len;
    memcpy(bytes + 32 - len, data, len);
    rise_u256_from_bytes(&value, bytes);
    HOLDS(rise_rlp_number(&out, &value) == RISE_OK);
    at = out.data;
    left = out.len;
    HOLDS(rise_rlp_next(&item, &at, &left) == RISE_OK && left == 0 && item.len <= 32);
    HOLDS(item.len == (rise_u256_bits(&value) + 7) / 8);
    HOLDS(same_bytes(item.data, item.len, bytes + 32 - item.len, item.len));
    rise_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    rise_buf out = RISE_BUF_INIT;

    if (len == 0) {
        return 0;
    }
    rewrite(&out, data, len, 0);
    rise_buf_free(&out);
    write_and_read(data, len);
    number(data, len);
    return 0;
}
