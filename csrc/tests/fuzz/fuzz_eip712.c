/* EIP-712. The input is an encodeType text, a new line, and the ABI encoding of values for it. The type's hash is that
 * of the text in its normal form; a change of any one value changes the hash of the struct. */
#include "fuzz.h"

#define STRUCTS 64

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

static int by_name(const void *a, const void *b) {
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    size_t x_len = strcspn(x, "("), y_len = strcspn(y, "(");
    int order = memcmp(x, y, x_len < y_len ? x_len : y_len);

    return order != 0 ? order : (x_len > y_len) - (x_len < y_len);
}

/* An accepted text without white space but for one between a type and a name, all structs but the first sorted.
 * NULL for more than STRUCTS of them. */
static char *normal_form(const char *text, size_t len) {
    char *flat = malloc(2 * len + 2), *sorted = malloc(2 * len + 2), *part[STRUCTS], *to = sorted;
    size_t used = 0, count = 0, i;

    HOLDS(flat != NULL && sorted != NULL);
    part[count++] = flat;
    for (i = 0; i < len; i++) {
        char last = used == 0 ? '\0' : flat[used - 1];
        if (is_space(text[i])) {
            continue;
        }
        if (is_word(text[i]) && ((is_word(last) && i > 0 && is_space(text[i - 1])) || last == ']')) {
            flat[used++] = ' ';
        }
        if (last == ')') {
            flat[used++] = '\0';
            if (count == STRUCTS) {
                free(flat);
                free(sorted);
                return NULL;
            }
            part[count++] = flat + used;
        }
        flat[used++] = text[i];
    }
    flat[used] = '\0';
    qsort(part + 1, count - 1, sizeof *part, by_name);
    for (i = 0; i < count; i++) {
        to += sprintf(to, "%s", part[i]);
    }
    free(flat);
    return sorted;
}

static void check_type_hash(const rise_eip712 *type, const char *text, size_t len) {
    char *normal = normal_form(text, len);
    uint8_t hash[32], other[32];
    rise_eip712 *again;
    rise_error error;

    if (normal == NULL) {
        return;
    }
    rise_eip712_type_hash(type, hash);
    rise_keccak256(other, normal, strlen(normal));
    HOLDS(memcmp(hash, other, 32) == 0);
    HOLDS(rise_eip712_new(&again, normal, strlen(normal), &error) == RISE_OK);
    rise_eip712_type_hash(again, other);
    HOLDS(memcmp(hash, other, 32) == 0);
    rise_eip712_free(again);
    free(normal);
}

/* The types of the entries, in step with the values. */
static const rise_abi_type **types_of(const rise_abi_type **out, const rise_abi_type *type,
                                      const rise_abi_value **value) {
    const rise_abi_type *child = type + 1;
    const rise_abi_value *here = (*value)++;
    size_t count = 0, i;

    *out++ = type;
    if (type->kind == RISE_ABI_ARRAY) {
        count = here->len;
    } else if (type->kind == RISE_ABI_FIXED_ARRAY || type->kind == RISE_ABI_TUPLE) {
        count = type->count;
    }
    for (i = 0; i < count; i++) {
        out = types_of(out, child, value);
        child += type->kind == RISE_ABI_TUPLE ? child->span : 0;
    }
    return out;
}

static void check_struct_hash(const rise_eip712 *type, const rise_abi_values *values) {
    const rise_abi_type **types = malloc(values->count * sizeof *types);
    const rise_abi_value *walk = values->entry;
    uint8_t hash[32], other[32];
    rise_error error;
    size_t i, step = values->count / 16 + 1;

    HOLDS(types != NULL);
    HOLDS(types_of(types, rise_eip712_get_type(type), &walk) == types + values->count);
    HOLDS(rise_eip712_hash(type, hash, values->entry, values->count, &error) == RISE_OK);
    for (i = values->count; i-- > 0; i -= i < step ? i : step - 1) {
        rise_abi_value *value = &values->entry[i], before = *value;
        switch (types[i]->kind) {
        case RISE_ABI_UINT:
        case RISE_ABI_INT:
        case RISE_ABI_BOOL:
        case RISE_ABI_ADDRESS:
            value->word[31] ^= 1;
            break;
        case RISE_ABI_FIXED_BYTES:
            value->word[0] ^= 1;
            break;
        case RISE_ABI_BYTES:
        case RISE_ABI_STRING:
            if (value->len == 0) {
                value->data = (const uint8_t *)"a";
                value->len = 2;
            }
            value->len--;
            break;
        default:
            continue;
        }
        HOLDS(rise_eip712_hash(type, other, values->entry, values->count, &error) == RISE_OK);
        HOLDS(memcmp(hash, other, 32) != 0);
        *value = before;
    }
    HOLDS(rise_eip712_hash(type, other, values->entry, values->count, &error) == RISE_OK);
    HOLDS(memcmp(hash, other, 32) == 0);
    HOLDS(rise_eip712_hash(type, other, values->entry, values->count - 1, &error) == RISE_EVALUE);
    free(types);
}

/* ---- as JSON ---- */

static void put(rise_buf *out, const char *text, size_t len) {
    HOLDS(rise_buf_append(out, text, len) == RISE_OK);
}

static void put_string(rise_buf *out, const char *text) {
    put(out, text, strlen(text));
}

static void put_hex(rise_buf *out, const uint8_t *bytes, size_t len) {
    uint8_t *space;

    put_string(out, "\"0x");
    HOLDS(rise_buf_extend(out, &space, 2 * len) == RISE_OK);
    rise_hex_encode((char *)space, bytes, len);
    put_string(out, "\"");
}

/* The members of `types`, out of an encodeType text in its normal form. */
static void put_types(rise_buf *out, const char *text) {
    while (*text != '\0') {
        size_t len = strcspn(text, "(");
        put_string(out, "\"");
        put(out, text, len);
        put_string(out, "\":[");
        text += len + 1;
        while (*text != ')') {
            len = strcspn(text, " ");
            put_string(out, "{\"type\":\"");
            put(out, text, len);
            text += len + 1;
            len = strcspn(text, ",)");
            put_string(out, "\",\"name\":\"");
            put(out, text, len);
            text += len;
            put_string(out, "\"}");
            if (*text == ',') {
                put_string(out, ",");
                text++;
            }
        }
        put_string(out, "]");
        if (*++text != '\0') {
            put_string(out, ",");
        }
    }
}

/* A number in one of the spellings there are. */
static void put_number(rise_buf *out, const rise_abi_type *type, const uint8_t word[32]) {
    char text[79];
    uint8_t magnitude[32];
    unsigned carry = 1;
    rise_u256 number;
    int negative = type->kind == RISE_ABI_INT && word[0] & 0x80, i;

    memcpy(magnitude, word, 32);
    for (i = 31; negative && i >= 0; i--) {
        carry += (uint8_t)~word[i];
        magnitude[i] = (uint8_t)carry;
        carry >>= 8;
    }
    rise_u256_from_bytes(&number, magnitude);
    rise_u256_to_dec(text, &number);
    if (word[31] % 3 == 0 && !negative) {
        rise_u256_to_hex(text, &number);
    }
    put_string(out, word[31] % 3 == 1 ? "" : "\"");
    put_string(out, negative ? "-" : "");
    put_string(out, text);
    put_string(out, word[31] % 3 == 1 ? "" : "\"");
}

/* 0 for text that is not ASCII, which may be no UTF-8. */
static int put_text(rise_buf *out, const uint8_t *text, size_t len) {
    char escape[7];
    size_t i;

    put_string(out, "\"");
    for (i = 0; i < len; i++) {
        char c = (char)text[i];
        if (text[i] >= 0x80) {
            return 0;
        }
        if (c < 0x20 || c == '"' || c == '\\' || c == 'u') {
            sprintf(escape, "\\u%04x", (unsigned)text[i]);
            put_string(out, escape);
        } else {
            put(out, &c, 1);
        }
    }
    put_string(out, "\"");
    return 1;
}

static int put_value(rise_buf *out, const rise_abi_type *type, const rise_abi_value **next) {
    const rise_abi_type *child = type + 1;
    const rise_abi_value *value = (*next)++;
    size_t count = type->kind == RISE_ABI_ARRAY ? value->len : type->count, i;

    switch (type->kind) {
    case RISE_ABI_UINT:
    case RISE_ABI_INT:
        put_number(out, type, value->word);
        return 1;
    case RISE_ABI_BOOL:
        put_string(out, value->word[31] ? "true" : "false");
        return 1;
    case RISE_ABI_ADDRESS:
        put_hex(out, value->word + 12, 20);
        return 1;
    case RISE_ABI_FIXED_BYTES:
        put_hex(out, value->word, type->size);
        return 1;
    case RISE_ABI_BYTES:
        put_hex(out, value->data, value->len);
        return 1;
    case RISE_ABI_STRING:
        return put_text(out, value->data, value->len);
    default:
        break;
    }
    put_string(out, type->kind == RISE_ABI_TUPLE ? "{" : "[");
    for (i = 0; i < count; i++) {
        put_string(out, i > 0 ? "," : "");
        if (type->kind == RISE_ABI_TUPLE) {
            put_string(out, "\"");
            put_string(out, child->name);
            put_string(out, "\":");
        }
        if (!put_value(out, child, next)) {
            return 0;
        }
        child += type->kind == RISE_ABI_TUPLE ? child->span : 0;
    }
    put_string(out, type->kind == RISE_ABI_TUPLE ? "}" : "]");
    return 1;
}

static void check_json(const rise_eip712 *type, const rise_abi_values *values, const char *text, size_t len) {
    char *normal = normal_form(text, len);
    const rise_abi_value *next = values->entry;
    uint8_t digest[32], hash[32], other[32];
    rise_buf out = RISE_BUF_INIT;
    rise_error error;

    /* A type of that name would be the domain's. */
    if (normal == NULL || strstr(normal, "EIP712Domain(") != NULL) {
        free(normal);
        return;
    }
    put_string(&out, "{\"domain\":{},\"message\":");
    if (put_value(&out, rise_eip712_get_type(type), &next)) {
        put_string(&out, ",\"primaryType\":\"");
        put(&out, normal, strcspn(normal, "("));
        put_string(&out, "\",\"types\":{");
        put_types(&out, normal);
        put_string(&out, "}}");
        HOLDS(rise_eip712_hash(type, hash, values->entry, values->count, &error) == RISE_OK);
        HOLDS(rise_eip712_json(digest, NULL, other, (const char *)out.data, out.len, &error) == RISE_OK);
        HOLDS(memcmp(hash, other, 32) == 0);
    }
    rise_buf_free(&out);
    free(normal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    size_t rest, text_len = split(data, len, '\n', &rest);
    rise_abi_values values = { NULL, 0, 0 }, again = { NULL, 0, 0 };
    rise_eip712 *type = (rise_eip712 *)&rest, *silent;
    rise_buf out = RISE_BUF_INIT;
    rise_error error;
    rise_status status = rise_eip712_new(&type, (const char *)data, text_len, &error);

    HOLDS((status == RISE_OK) == (type != NULL));
    HOLDS(rise_eip712_new(&silent, (const char *)data, text_len, NULL) == status);
    rise_eip712_free(silent);
    if (status != RISE_OK) {
        HOLDS(status == RISE_EABI || status == RISE_ELIMIT);
        holds_error(status, &error);
        return 0;
    }
    check_type_hash(type, (const char *)data, text_len);
    if (rise_abi_decode(&values, rise_eip712_get_type(type), data + rest, len - rest, &error) == RISE_OK) {
        uint8_t hash[32], other[32];
        HOLDS(rise_abi_encode(&out, rise_eip712_get_type(type), values.entry, values.count, &error) == RISE_OK);
        HOLDS(rise_abi_decode(&again, rise_eip712_get_type(type), out.data, out.len, &error) == RISE_OK);
        HOLDS(rise_eip712_hash(type, hash, values.entry, values.count, &error) == RISE_OK);
        HOLDS(rise_eip712_hash(type, other, again.entry, again.count, &error) == RISE_OK);
        HOLDS(memcmp(hash, other, 32) == 0);
        check_struct_hash(type, &values);
        check_json(type, &values, (const char *)data, text_len);
    }
    rise_abi_values_free(&values);
    rise_abi_values_free(&again);
    rise_buf_free(&out);
    rise_eip712_free(type);
    return 0;
}
