/* EIP-712: hashing and signing of typed structured data.
 *
 * A struct type is the tuple that its encodeType text describes, with every struct in it spelled out, so that values
 * are laid out and checked as for the ABI. Beside each tuple stands the number of its struct, for the type hash.
 */
#include <stdlib.h>
#include <string.h>

#include "abi.h"

struct rise_eip712 {
    rise_abi_tree tree;
    uint16_t *struct_of;      /* for each node that is a tuple, its index in tree.structs */
    uint8_t (*type_hash)[32]; /* for each of tree.structs */
};

/* ---- type hashes ---- */

/* A type as encodeType writes it: structs by name. */
static rise_status put_type(rise_buf *out, const rise_eip712 *e, const rise_abi_type *type) {
    const rise_abi_struct *def;
    rise_status status;

    switch (type->kind) {
    case RISE_ABI_TUPLE:
        def = &e->tree.structs[e->struct_of[type - e->tree.node]];
        return rise_buf_append(out, def->name, def->name_len);
    case RISE_ABI_ARRAY:
    case RISE_ABI_FIXED_ARRAY:
        status = put_type(out, e, type + 1);
        return status == RISE_OK ? rise_abi_brackets(out, type) : status;
    default:
        return rise_abi_type_name(out, type);
    }
}

/* "Mail(Person from,string contents)" */
static rise_status put_struct(rise_buf *out, const rise_eip712 *e, const rise_abi_type *type) {
    const rise_abi_type *member = type + 1;
    rise_status status = put_type(out, e, type);
    uint32_t i;

    for (i = 0; i < type->count && status == RISE_OK; i++, member += member->span) {
        status = rise_buf_append(out, i == 0 ? "(" : ",", 1);
        if (status == RISE_OK) {
            status = put_type(out, e, member);
        }
        if (status == RISE_OK) {
            status = rise_buf_append(out, " ", 1);
        }
        if (status == RISE_OK) {
            status = rise_buf_append(out, member->name, strlen(member->name));
        }
    }
    if (status == RISE_OK && type->count == 0) {
        status = rise_buf_append(out, "(", 1);
    }
    return status == RISE_OK ? rise_buf_append(out, ")", 1) : status;
}

/* What is needed for the type hashes, apart from what is kept. */
typedef struct hasher {
    rise_buf text;      /* all structs, one behind the other */
    size_t *start;      /* of each struct in the text, and behind the last its end */
    uint32_t *node;     /* where each struct was met first */
    uint8_t *mentioned;
} hasher;

/* keccak256 of the struct's own text followed by those of all structs it refers to, sorted by name as they are. */
static void hash_type(rise_eip712 *e, const hasher *h, size_t index) {
    const rise_abi_tree *tree = &e->tree;
    size_t first = h->node[index], i;
    rise_keccak k;

    memset(h->mentioned, 0, tree->struct_count);
    for (i = first + 1; i < first + tree->node[first].span; i++) {
        if (tree->node[i].kind == RISE_ABI_TUPLE) {
            h->mentioned[e->struct_of[i]] = 1;
        }
    }
    rise_keccak_init(&k);
    rise_keccak_update(&k, h->text.data + h->start[index], h->start[index + 1] - h->start[index]);
    for (i = 0; i < tree->struct_count; i++) {
        if (h->mentioned[i]) {
            rise_keccak_update(&k, h->text.data + h->start[i], h->start[i + 1] - h->start[i]);
        }
    }
    rise_keccak_final(&k, e->type_hash[index]);
}

static rise_status hash_types(rise_eip712 *e) {
    const rise_abi_tree *tree = &e->tree;
    hasher h;
    rise_status status = RISE_ENOMEM;
    size_t size = tree->struct_count + 1, i;

    memset(&h, 0, sizeof h);
    h.start = malloc(size * sizeof *h.start);
    h.node = calloc(size, sizeof *h.node);
    h.mentioned = calloc(size, 1);
    if (h.start == NULL || h.node == NULL || h.mentioned == NULL) {
        goto done;
    }
    for (i = tree->count; i > 0; i--) {
        if (tree->node[i - 1].kind == RISE_ABI_TUPLE) {
            h.node[e->struct_of[i - 1]] = (uint32_t)(i - 1);
        }
    }
    for (i = 0; i < tree->struct_count; i++) {
        h.start[i] = h.text.len;
        status = put_struct(&h.text, e, &tree->node[h.node[i]]);
        if (status != RISE_OK) {
            goto done;
        }
    }
    h.start[i] = h.text.len;
    for (i = 0; i < tree->struct_count; i++) {
        hash_type(e, &h, i);
    }
done:
    rise_buf_free(&h.text);
    free(h.start);
    free(h.node);
    free(h.mentioned);
    return status;
}

/* ---- types ---- */

static rise_status build(rise_eip712 *e, const char *text, size_t len, rise_error *error) {
    rise_abi_tree *tree = &e->tree;
    rise_status status = rise_abi_tree_typed(tree, text, len, error);
    size_t i;

    if (status != RISE_OK) {
        return status;
    }
    e->struct_of = calloc(tree->count, sizeof *e->struct_of);
    e->type_hash = malloc(tree->struct_count * sizeof *e->type_hash);
    if (e->struct_of == NULL || e->type_hash == NULL) {
        return RISE_ENOMEM;
    }
    for (i = 0; i < tree->count; i++) {
        if (tree->node[i].kind == RISE_ABI_TUPLE) {
            e->struct_of[i] = (uint16_t)tree->node[i].span;
        }
    }
    status = rise_abi_tree_finish(tree, error);
    for (i = 0; i < tree->struct_count && status == RISE_OK; i++) {
        if (!tree->structs[i].used) {
            status = rise_fail(error, RISE_EABI, "nothing refers to the struct '", tree->structs[i].name, "'");
        }
    }
    return status == RISE_OK ? hash_types(e) : status;
}

rise_status rise_eip712_new(rise_eip712 **out, const char *encode_type, size_t len, rise_error *error) {
    rise_eip712 *e = calloc(1, sizeof *e);
    rise_status status = RISE_ENOMEM;

    *out = NULL;
    if (error != NULL) {
        error->message[0] = '\0';
    }
    if (e != NULL) {
        status = build(e, encode_type, len, error);
    }
    if (status != RISE_OK) {
        rise_eip712_free(e);
        return error == NULL || error->message[0] != '\0' ? status
             : rise_fail(error, status, rise_status_text(status), "", "");
    }
    *out = e;
    return RISE_OK;
}

void rise_eip712_free(rise_eip712 *type) {
    if (type != NULL) {
        rise_abi_tree_free(&type->tree);
        free(type->struct_of);
        free(type->type_hash);
        free(type);
    }
}

const rise_abi_type *rise_eip712_get_type(const rise_eip712 *type) {
    return type->tree.node;
}

void rise_eip712_type_hash(const rise_eip712 *type, uint8_t hash[32]) {
    memcpy(hash, type->type_hash[type->struct_of[0]], 32);
}

/* ---- values ---- */

/* keccak256 of nothing: what empty bytes, strings and lists hash to, and those are common. */
static const uint8_t empty_hash[32] = {
    0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03, 0xc0,
    0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82, 0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70,
};

/* encodeData of one member; returns the value behind it. */
static const rise_abi_value *hash_value(const rise_eip712 *e, uint8_t out[32], const rise_abi_type *type,
                                        const rise_abi_value *value) {
    const rise_abi_value *next = value + 1;
    const rise_abi_type *child = type + 1;
    size_t count, i;
    uint8_t word[32];
    rise_keccak k;

    switch (type->kind) {
    case RISE_ABI_BYTES:
    case RISE_ABI_STRING:
        if (value->len == 0) {
            memcpy(out, empty_hash, 32);
        } else {
            rise_keccak256(out, value->data, value->len);
        }
        return next;
    case RISE_ABI_ARRAY:
    case RISE_ABI_FIXED_ARRAY:
    case RISE_ABI_TUPLE:
        count = type->kind == RISE_ABI_ARRAY ? value->len : type->count;
        if (count == 0 && type->kind != RISE_ABI_TUPLE) {
            memcpy(out, empty_hash, 32);
            return next;
        }
        rise_keccak_init(&k);
        if (type->kind == RISE_ABI_TUPLE) {
            rise_keccak_update(&k, e->type_hash[e->struct_of[type - e->tree.node]], 32);
        }
        for (i = 0; i < count; i++) {
            next = hash_value(e, word, child, next);
            rise_keccak_update(&k, word, 32);
            if (type->kind == RISE_ABI_TUPLE) {
                child += child->span;
            }
        }
        rise_keccak_final(&k, out);
        return next;
    default:
        memcpy(out, value->word, 32);
        return next;
    }
}

rise_status rise_eip712_hash(const rise_eip712 *type, uint8_t hash[32], const rise_abi_value *values, size_t count,
                             rise_error *error) {
    size_t size;
    rise_status status = rise_abi_measure(&size, type->tree.node, values, count, error);

    if (status == RISE_OK) {
        hash_value(type, hash, type->tree.node, values);
    }
    return status;
}

void rise_eip712_digest(uint8_t digest[32], const uint8_t domain_separator[32], const uint8_t struct_hash[32]) {
    uint8_t text[66];

    text[0] = 0x19;
    text[1] = 0x01;
    memcpy(text + 2, domain_separator, 32);
    memcpy(text + 34, struct_hash, 32);
    rise_keccak256(digest, text, sizeof text);
}

void rise_personal_digest(uint8_t digest[32], const void *message, size_t len) {
    static const char prefix[] = "\x19" "Ethereum Signed Message:\n";
    char text[79];
    rise_u256 number;
    rise_keccak h;

    rise_u256_from_u64(&number, len);
    rise_keccak_init(&h);
    rise_keccak_update(&h, prefix, sizeof prefix - 1);
    rise_keccak_update(&h, text, rise_u256_to_dec(text, &number));
    rise_keccak_update(&h, message, len);
    rise_keccak_final(&h, digest);
}
