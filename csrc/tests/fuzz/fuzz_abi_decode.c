/* ABI decoding. The first byte of the input chooses one of the types below, or, where it is 0xff, a new line ends a
 * type that follows it; what is left is the data. What decodes is encoded in the standard way, and that decodes to the
 * same values; the encoding is no larger than the bounds on decoding allow. */
#include "fuzz.h"

static const char *const types[] = {
    "(uint256,int8,bool,address,bytes4,function)",
    "(bytes,string)",
    "(uint256[])",
    "(bytes[])",
    "(uint8[3],string[2])",
    "(uint256[][])",
    "((address to,uint256 value,bytes data)[] calls)",
    "((uint256,(bytes,bool)[2][])[],int64)",
    "(string[2][3][])",
    "((uint40 expiry,uint8 keyType,bool isSuperAdmin,bytes publicKey)[],bytes32[])",
    "(address,uint256,bytes,bytes32[],(bool,bytes)[4])",
    "(((((bytes)))))",
    "(int24[2][2],(int128,bytes31)[2])",
};
#define TYPES (sizeof types / sizeof types[0])

static rise_abi_item *compiled[TYPES];

static rise_abi_item *chosen(const uint8_t **data, size_t *len) {
    size_t which = **data, rest;
    rise_abi_item *item = NULL;

    ++*data;
    --*len;
    if (which == 0xff) {
        size_t text = split(*data, *len, '\n', &rest);
        if (rise_abi_item_new(&item, (const char *)*data, text, NULL, 0, NULL) != RISE_OK) {
            return NULL;
        }
        *data += rest;
        *len -= rest;
        return item;
    }
    which %= TYPES;
    if (compiled[which] == NULL) {
        HOLDS(rise_abi_item_new(&compiled[which], types[which], strlen(types[which]), NULL, 0, NULL) == RISE_OK);
    }
    return compiled[which];
}

/* Every word of a standard encoding counts: with its first byte changed, it means something else or nothing. */
static void check_words(const rise_abi_type *type, const rise_abi_values *values, const rise_buf *encoded) {
    rise_abi_values other = { NULL, 0, 0 };
    size_t step = encoded->len / 32 / 16 + 1, i;

    for (i = 0; i < encoded->len / 32; i += step) {
        encoded->data[32 * i] ^= 1;
        HOLDS(rise_abi_decode(&other, type, encoded->data, encoded->len, NULL) != RISE_OK
              || !same_values(values, &other));
        encoded->data[32 * i] ^= 1;
    }
    rise_abi_values_free(&other);
}

static void check(const rise_abi_type *type, const uint8_t *data, size_t len) {
    rise_abi_values values = { NULL, 0, 0 }, again = { NULL, 0, 0 };
    rise_buf out = RISE_BUF_INIT, twice = RISE_BUF_INIT;
    rise_error error;
    rise_status status = rise_abi_decode(&values, type, data, len, &error);
    size_t i;

    HOLDS(rise_abi_decode(&again, type, data, len, NULL) == status);
    if (status != RISE_OK) {
        HOLDS(status == RISE_EDATA || status == RISE_ELIMIT);
        holds_error(status, &error);
        goto done;
    }
    HOLDS(same_values(&values, &again));
    for (i = 0; i < values.count; i++) {
        const rise_abi_value *value = &values.entry[i];
        HOLDS(value->data == NULL || (value->data >= data && value->len <= (size_t)(data + len - value->data)));
    }
    HOLDS(rise_abi_encode(&out, type, values.entry, values.count, &error) == RISE_OK);
    HOLDS(out.len % 32 == 0 && out.len <= 4 * len + 64);
    HOLDS(rise_abi_decode(&again, type, out.data, out.len, &error) == RISE_OK);
    HOLDS(same_values(&values, &again));
    HOLDS(rise_abi_encode(&twice, type, again.entry, again.count, &error) == RISE_OK);
    HOLDS(same_bytes(out.data, out.len, twice.data, twice.len));
    /* Behind the last tail anything may stand; without the last word something is missing. */
    HOLDS(rise_buf_append(&out, data, len) == RISE_OK);
    HOLDS(rise_abi_decode(&again, type, out.data, out.len, &error) == RISE_OK && same_values(&values, &again));
    if (twice.len != 0) {
        /* Where that was nothing but padding of the last bytes, 32 of it are content or length too. */
        HOLDS(rise_abi_decode(&again, type, twice.data, twice.len - 32, &error) == RISE_EDATA);
    }
    check_words(type, &values, &twice);
    twice.len = 0;
    status = rise_abi_encode_packed(&twice, type, values.entry, values.count, &error);
    HOLDS(status == RISE_OK || status == RISE_EABI);
    HOLDS(twice.len <= out.len);
done:
    rise_abi_values_free(&values);
    rise_abi_values_free(&again);
    rise_buf_free(&out);
    rise_buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    const uint8_t *left = data;
    rise_abi_item *item;

    if (len == 0 || (item = chosen(&left, &len)) == NULL) {
        return 0;
    }
    check(rise_abi_item_inputs(item), left, len);
    if (data[0] == 0xff) {
        check(rise_abi_item_outputs(item), left, len);
        check(rise_abi_item_data(item), left, len);
        rise_abi_item_free(item);
    }
    return 0;
}
