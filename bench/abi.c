/* ABI, EIP-712 and JSON spans through the C interface, on values that were laid out before: what a C program has. */
#include <string.h>

#include "bench.h"

static struct {
    rise_abi_item *transfer, *intent;
    rise_eip712 *typed;
    rise_abi_values transfer_values, intent_values, typed_values, decoded;
    uint8_t selector[32];
    const uint8_t *encoded, *separator;
    const char *reply;
    size_t encoded_len, reply_len;
    rise_buf buf;
} in;

/* The buffer is the caller's and kept, as it would be. Copying the result out is for the comparison alone. */
static int encode(size_t i, const rise_abi_type *type, const rise_abi_values *values, const uint8_t *prefix,
                  size_t len) {
    in.buf.len = 0;
    if (rise_buf_append(&in.buf, prefix, len) != RISE_OK
        || rise_abi_encode(&in.buf, type, values->entry, values->count, NULL) != RISE_OK) {
        return 0;
    }
    if (i == 0) {
        memcpy(bench_out.bytes, in.buf.data, in.buf.len);
        bench_out.len = in.buf.len;
    }
    return 1;
}

static int encode_transfer(size_t i) {
    return encode(i, rise_abi_item_inputs(in.transfer), &in.transfer_values, in.selector, 4);
}

static int encode_intent(size_t i) {
    return encode(i, rise_abi_item_inputs(in.intent), &in.intent_values, NULL, 0);
}

static int decode_intent(size_t i) {
    (void)i;
    return rise_abi_decode(&in.decoded, rise_abi_item_inputs(in.intent), in.encoded, in.encoded_len, NULL) == RISE_OK;
}

static int digest_intent(size_t i) {
    uint8_t hash[32];

    (void)i;
    if (rise_eip712_hash(in.typed, hash, in.typed_values.entry, in.typed_values.count, NULL) != RISE_OK) {
        return 0;
    }
    rise_eip712_digest(bench_out.bytes, in.separator, hash);
    bench_out.len = 32;
    return 1;
}

static int spans(size_t i) {
    static const char *const digest[] = { "result", "digest" }, *const context[] = { "result", "context" };
    size_t start, len;

    if (rise_json_span(&start, &len, in.reply, in.reply_len, digest, 2) != RISE_OK) {
        return 0;
    }
    if (i == 0) {
        memcpy(bench_out.bytes, in.reply + start, len);
        bench_out.len = len;
    }
    if (rise_json_span(&start, &len, in.reply, in.reply_len, context, 2) != RISE_OK) {
        return 0;
    }
    if (i == 0) {
        memcpy(bench_out.bytes + bench_out.len, in.reply + start, len);
        bench_out.len += len;
    }
    return 1;
}

static const rise_abi_type *compile(rise_abi_item **item, lua_State *L, const char *text, const char *structs) {
    size_t len, structs_len = 0;
    const char *line = (const char *)bench_input(L, text, &len);
    const char *defs = structs == NULL ? NULL : (const char *)bench_input(L, structs, &structs_len);

    bench_require(rise_abi_item_new(item, line, len, defs, structs_len, NULL) == RISE_OK, text);
    return rise_abi_item_inputs(*item);
}

/* Values are most easily had by decoding what they are encoded to. */
static void fill(rise_abi_values *values, const rise_abi_type *type, lua_State *L, const char *name, size_t skip) {
    size_t len;
    const uint8_t *data = bench_input(L, name, &len);

    bench_require(rise_abi_decode(values, type, data + skip, len - skip, NULL) == RISE_OK, name);
}

void bench_open_abi(lua_State *L) {
    size_t len;
    const char *type = (const char *)bench_input(L, "intent_type", &len);

    in.encoded = bench_input(L, "intent_encoded", &in.encoded_len);
    in.separator = bench_input(L, "intent_separator", NULL);
    in.reply = (const char *)bench_input(L, "reply", &in.reply_len);
    bench_require(rise_eip712_new(&in.typed, type, len, NULL) == RISE_OK, "the Intent's type");
    fill(&in.transfer_values, compile(&in.transfer, L, "transfer_line", NULL), L, "transfer_encoded", 4);
    fill(&in.intent_values, compile(&in.intent, L, "intent_line", "structs"), L, "intent_encoded", 0);
    fill(&in.typed_values, rise_eip712_get_type(in.typed), L, "intent_typed", 0);
    rise_abi_item_hash(in.transfer, in.selector);
    bench_add(L, "transfer: rise, C", encode_transfer);
    bench_add(L, "intent encode: rise, C", encode_intent);
    bench_add(L, "intent decode: rise, C", decode_intent);
    bench_add(L, "intent digest: rise, C", digest_intent);
    bench_add(L, "json: rise, C", spans);
}
