/* ABI lines. The input is the line, a byte 0xff, and the structs it may use. What compiles has a layout that adds up, a
 * signature that compiles to itself, and values that are encoded and decoded again. */
#include "fuzz.h"

#define ENTRIES 4096

static int name_is_sane(const char *name) {
    size_t i;

    for (i = 0; name[i] != '\0'; i++) {
        char c = name[i];
        int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
        if (!letter && !(i > 0 && c >= '0' && c <= '9')) {
            return 0;
        }
    }
    return 1;
}

/* The figures of a node follow from those of its parts. */
static void layout(const rise_abi_type *type, unsigned depth) {
    const rise_abi_type *child = type + 1;
    uint64_t heads = 0;
    uint32_t span = 1, i;
    int dynamic = 0;

    HOLDS(depth <= RISE_ABI_MAX_DEPTH && type->span >= 1 && type->span <= RISE_ABI_MAX_TYPES);
    HOLDS(name_is_sane(type->name));
    switch (type->kind) {
    case RISE_ABI_UINT:
    case RISE_ABI_INT:
        HOLDS(type->size % 8 == 0 && type->size >= 8 && type->size <= 256);
        break;
    case RISE_ABI_FIXED_BYTES:
        HOLDS(type->size >= 1 && type->size <= 32);
        break;
    case RISE_ABI_BOOL:
    case RISE_ABI_ADDRESS:
    case RISE_ABI_FUNCTION:
        break;
    case RISE_ABI_BYTES:
    case RISE_ABI_STRING:
        dynamic = 1;
        break;
    case RISE_ABI_ARRAY:
    case RISE_ABI_FIXED_ARRAY:
        layout(child, depth + 1);
        span += child->span;
        dynamic = type->kind == RISE_ABI_ARRAY || child->dynamic;
        heads = (uint64_t)child->head * type->count;
        break;
    default:
        HOLDS(type->kind == RISE_ABI_TUPLE);
        for (i = 0; i < type->count; i++) {
            layout(child, depth + 1);
            span += child->span;
            dynamic |= child->dynamic;
            heads += child->head;
            child += child->span;
        }
    }
    HOLDS(type->span == span && type->dynamic == dynamic);
    if (type->kind == RISE_ABI_FIXED_ARRAY || type->kind == RISE_ABI_TUPLE) {
        HOLDS(type->size == heads && heads <= RISE_BUF_LIMIT);
        HOLDS(type->head == (dynamic ? 32 : heads));
    } else {
        HOLDS(type->head == 32);
    }
}

/* Appends values for a type: zeros, arrays of one element, three bytes. 0 where there would be very many. */
static int fill(rise_abi_values *values, const rise_abi_type *type) {
    const rise_abi_type *child = type + 1;
    rise_abi_value *entry;
    uint32_t count = 0, i;

    if (values->count >= ENTRIES) {
        return 0;
    }
    HOLDS(rise_abi_values_add(values, &entry) == RISE_OK);
    if (type->kind == RISE_ABI_BYTES || type->kind == RISE_ABI_STRING) {
        entry->data = (const uint8_t *)"abc";
        entry->len = 3;
    } else if (type->kind == RISE_ABI_ARRAY) {
        entry->len = 1;
        count = 1;
    } else if (type->kind == RISE_ABI_FIXED_ARRAY || type->kind == RISE_ABI_TUPLE) {
        count = type->count;
    }
    for (i = 0; i < count; i++) {
        if (!fill(values, child)) {
            return 0;
        }
        child += type->kind == RISE_ABI_TUPLE ? child->span : 0;
    }
    return 1;
}

static void encode_and_decode(const rise_abi_type *type) {
    rise_abi_values values = { NULL, 0, 0 }, back = { NULL, 0, 0 };
    rise_buf out = RISE_BUF_INIT;
    rise_error error;
    rise_status status;
    char path[128];

    if (fill(&values, type)) {
        HOLDS(rise_abi_encode(&out, type, values.entry, values.count, &error) == RISE_OK);
        HOLDS(out.len % 32 == 0);
        HOLDS(rise_abi_decode(&back, type, out.data, out.len, &error) == RISE_OK);
        HOLDS(same_values(&values, &back));
        rise_abi_path(path, type, values.entry, values.count - 1);
        HOLDS(memchr(path, '\0', sizeof path) != NULL);
        /* One too few. */
        status = rise_abi_encode(&out, type, values.entry, values.count - 1, &error);
        HOLDS(status == RISE_EVALUE);
        holds_error(status, &error);
        out.len = 1;
        status = rise_abi_encode_packed(&out, type, values.entry, values.count, &error);
        HOLDS(status == RISE_OK || (status == RISE_EABI && out.len == 1));
    }
    rise_abi_values_free(&values);
    rise_abi_values_free(&back);
    rise_buf_free(&out);
}

/* The signature says all that the hash is of: behind the keyword of its kind it compiles to the same. */
static void same_again(const rise_abi_item *item) {
    static const char *const keyword[] = { "function ", "event ", "error ", "", "", "", "" };
    rise_abi_item_kind kind = rise_abi_item_get_kind(item);
    const char *signature = rise_abi_item_signature(item);
    size_t key_len = strlen(keyword[kind]), len = strlen(signature);
    char *line = malloc(key_len + len + 1);
    uint8_t hash[32], other[32];
    rise_abi_item *again;
    rise_buf name = RISE_BUF_INIT;
    rise_error error;

    HOLDS(line != NULL);
    memcpy(line, keyword[kind], key_len);
    memcpy(line + key_len, signature, len + 1);
    HOLDS(rise_abi_item_new(&again, line, key_len + len, NULL, 0, &error) == RISE_OK);
    HOLDS(rise_abi_item_get_kind(again) == kind);
    HOLDS(strcmp(rise_abi_item_signature(again), signature) == 0);
    HOLDS(strcmp(rise_abi_item_name(again), rise_abi_item_name(item)) == 0);
    rise_abi_item_hash(item, hash);
    rise_abi_item_hash(again, other);
    HOLDS(memcmp(hash, other, 32) == 0);
    rise_keccak256(other, signature, len);
    HOLDS(memcmp(hash, other, 32) == 0);
    HOLDS(rise_abi_item_inputs(again)->span == rise_abi_item_inputs(item)->span);
    HOLDS(rise_abi_type_name(&name, rise_abi_item_inputs(item)) == RISE_OK);
    HOLDS(name.len <= len && memcmp(name.data, signature + len - name.len, name.len) == 0);
    rise_buf_free(&name);
    rise_abi_item_free(again);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    size_t rest, text_len = split(data, len, 0xff, &rest);
    const char *text = (const char *)data, *structs = (const char *)data + rest;
    rise_abi_item *item = (rise_abi_item *)&rest, *silent;
    rise_error error;
    rise_status status = rise_abi_item_new(&item, text, text_len, structs, len - rest, &error);

    HOLDS((status == RISE_OK) == (item != NULL));
    HOLDS(rise_abi_item_new(&silent, text, text_len, structs, len - rest, NULL) == status);
    rise_abi_item_free(silent);
    if (status != RISE_OK) {
        HOLDS(status == RISE_EABI || status == RISE_ELIMIT);
        holds_error(status, &error);
        return 0;
    }
    HOLDS(name_is_sane(rise_abi_item_name(item)));
    HOLDS(strstr("nonpayable payable view pure", rise_abi_item_mutability(item)) != NULL);
    layout(rise_abi_item_inputs(item), 0);
    layout(rise_abi_item_outputs(item), 0);
    layout(rise_abi_item_data(item), 0);
    same_again(item);
    encode_and_decode(rise_abi_item_inputs(item));
    encode_and_decode(rise_abi_item_outputs(item));
    encode_and_decode(rise_abi_item_data(item));
    rise_abi_item_free(item);
    return 0;
}
