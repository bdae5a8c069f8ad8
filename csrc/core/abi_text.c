/* Types and items out of human-readable text.
 *
 * A struct has no tuple of its own: wherever its name stands as a type, its members are read again in that place. So
 * definitions may come in any order, and a struct that is still being read when its name turns up is recursive. What
 * that could multiply is bounded by RISE_ABI_MAX_TYPES.
 */
#include <stdlib.h>
#include <string.h>

#include "abi.h"

/* The lists of typed names there are: what may stand in them, and what ends them. */
typedef enum list_style {
    LIST_PARAMETERS, /* (type name, ...) names optional, location words dropped */
    LIST_EVENT,      /* the same, outermost, with `indexed` */
    LIST_STRUCT,     /* {type name; ...} */
    LIST_TYPED       /* (type name, ...) of EIP-712: neither tuples nor aliases */
} list_style;

typedef struct parser {
    rise_abi_tree *tree;
    size_t pos;
    int shallow; /* structs named as types must be known, but are not read */
    rise_error *error;
} parser;

struct rise_abi_item {
    rise_abi_item_kind kind;
    const char *name;
    const char *mutability;
    int anonymous;
    rise_abi_tree tree;
    size_t outputs; /* the inputs are node 0 */
    size_t data;
    rise_buf signature;
    uint8_t hash[32];
};

/* ---- messages ---- */

/* `what` and, in quotes, up to 40 of the `len` bytes at `pos`. */
static rise_status fail_at(const parser *p, rise_status code, size_t pos, const char *what, size_t len) {
    const rise_abi_tree *tree = p->tree;
    rise_abi_note note;
    size_t start = 0;

    if (p->error == NULL) {
        return code;
    }
    p->error->code = code;
    rise_abi_note_start(&note, p->error->message, sizeof p->error->message);
    if (pos >= tree->second) {
        start = tree->second;
        rise_abi_note_text(&note, "in the structs, ", 16);
    }
    rise_abi_note_text(&note, "at byte ", 8);
    rise_abi_note_number(&note, pos - start);
    rise_abi_note_text(&note, ": ", 2);
    rise_abi_note_text(&note, what, strlen(what));
    if (len > 0) {
        rise_abi_note_text(&note, " '", 2);
        rise_abi_note_text(&note, tree->text + pos, len < 40 ? len : 40);
        rise_abi_note_text(&note, len < 40 ? "'" : "...'", len < 40 ? 1 : 4);
    }
    return code;
}

static rise_status fail(const parser *p, const char *what) {
    return fail_at(p, RISE_EABI, p->pos, what, 0);
}

/* ---- words ---- */

static int is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void skip_space(parser *p) {
    const char *text = p->tree->text;

    while (text[p->pos] == ' ' || text[p->pos] == '\t' || text[p->pos] == '\n' || text[p->pos] == '\r') {
        p->pos++;
    }
}

/* Length of the name or keyword that comes next, 0 when something else does. */
static size_t word_length(parser *p) {
    const char *text;
    size_t len = 0;

    skip_space(p);
    text = p->tree->text + p->pos;
    if (is_letter(text[0])) {
        while (is_letter(text[len]) || is_digit(text[len])) {
            len++;
        }
    }
    return len;
}

static int is_word(const char *text, size_t len, const char *word) {
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

/* Steps over `word` when it comes next. */
static int take_word(parser *p, const char *word) {
    size_t len = word_length(p);

    if (len == 0 || !is_word(p->tree->text + p->pos, len, word)) {
        return 0;
    }
    p->pos += len;
    return 1;
}

static int take(parser *p, char c) {
    skip_space(p);
    if (p->tree->text[p->pos] != c) {
        return 0;
    }
    p->pos++;
    return 1;
}

/* ---- types ---- */

static rise_status add_node(parser *p, rise_abi_kind kind) {
    rise_abi_tree *tree = p->tree;
    rise_abi_type *node;

    if (tree->count >= RISE_ABI_MAX_TYPES) {
        return fail_at(p, RISE_ELIMIT, p->pos, "more than 4096 types", 0);
    }
    if (tree->count == tree->size) {
        size_t size = tree->size == 0 ? 16 : tree->size * 2;
        node = realloc(tree->node, size * sizeof *node);
        if (node == NULL) {
            return RISE_ENOMEM;
        }
        tree->node = node;
        tree->size = size;
    }
    node = &tree->node[tree->count++];
    memset(node, 0, sizeof *node);
    node->kind = kind;
    node->name = "";
    return RISE_OK;
}

/* Decimal digits without a leading zero, at most `high`; 0 for anything else. */
static uint32_t number_of(const char *text, size_t len, uint32_t high) {
    uint64_t number = 0;
    size_t i;

    if (len == 0 || len > 10 || text[0] == '0') {
        return 0;
    }
    for (i = 0; i < len; i++) {
        if (!is_digit(text[i])) {
            return 0;
        }
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    return number <= high ? (uint32_t)number : 0;
}

/* What an elementary type is called up to its size. */
static const struct {
    const char *word;
    rise_abi_kind kind;
    uint32_t size;  /* without digits; 0 where there is nothing to size */
    uint32_t high;  /* largest number that may follow, 0: none may */
    uint32_t step;
} elementary[] = {
    { "uint", RISE_ABI_UINT, 256, 256, 8 },
    { "int", RISE_ABI_INT, 256, 256, 8 },
    { "bytes", RISE_ABI_FIXED_BYTES, 0, 32, 1 },
    { "address", RISE_ABI_ADDRESS, 0, 0, 0 },
    { "bool", RISE_ABI_BOOL, 0, 0, 0 },
    { "string", RISE_ABI_STRING, 0, 0, 0 },
    { "function", RISE_ABI_FUNCTION, 0, 0, 0 },
};

/* 1 and *node filled, 0 when the word is no elementary type, -1 when its number is wrong. */
static int elementary_type(rise_abi_type *node, const char *text, size_t len) {
    size_t i, digits = 0;

    while (digits < len && is_digit(text[len - digits - 1])) {
        digits++;
    }
    for (i = 0; i < sizeof elementary / sizeof elementary[0]; i++) {
        if (!is_word(text, len - digits, elementary[i].word) || (digits > 0 && elementary[i].high == 0)) {
            continue;
        }
        node->kind = elementary[i].kind;
        node->size = elementary[i].size;
        if (digits > 0) {
            node->size = number_of(text + len - digits, digits, elementary[i].high);
            return node->size != 0 && node->size % elementary[i].step == 0 ? 1 : -1;
        }
        if (node->kind == RISE_ABI_FIXED_BYTES) {
            node->kind = RISE_ABI_BYTES;
        }
        return 1;
    }
    return 0;
}

/* Elementary types by names that EIP-712 does not have. */
static int is_untyped(const rise_abi_type *type, const char *word, size_t len) {
    return type->kind == RISE_ABI_FUNCTION || is_word(word, len, "uint") || is_word(word, len, "int");
}

int rise_abi_is_typed_word(const char *word, size_t len) {
    rise_abi_type type;

    return elementary_type(&type, word, len) == 1 && !is_untyped(&type, word, len);
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len) {
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_structs(const void *a, const void *b) {
    const rise_abi_struct *x = a, *y = b;

    return compare_names(x->name, x->name_len, y->name, y->name_len);
}

static rise_abi_struct *find_struct(const rise_abi_tree *tree, const char *name, size_t len) {
    size_t low = 0, high = tree->struct_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        rise_abi_struct *found = &tree->structs[middle];
        int order = compare_names(name, len, found->name, found->name_len);
        if (order == 0) {
            return found;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

static rise_status read_list(parser *p, list_style style, unsigned depth, uint32_t *count, unsigned *height);

/* A tuple with the members of a struct. */
static rise_status read_struct(parser *p, rise_abi_struct *def, list_style style, unsigned depth, unsigned *height) {
    size_t at = p->tree->count, back = p->pos;
    uint32_t count = 0;
    rise_status status = add_node(p, RISE_ABI_TUPLE);

    if (status != RISE_OK || p->shallow) {
        *height = 0;
        return status;
    }
    def->open = 1;
    def->used = 1;
    p->pos = def->body;
    status = read_list(p, style == LIST_TYPED ? LIST_TYPED : LIST_STRUCT, depth + 1, &count, height);
    p->pos = back;
    def->open = 0;
    p->tree->node[at].count = count;
    p->tree->node[at].span = (uint32_t)(def - p->tree->structs);
    return status;
}

/* A type without what stands in brackets behind it. *height: how many types are nested in it, along one line. */
static rise_status read_base_type(parser *p, list_style style, unsigned depth, unsigned *height) {
    size_t at = p->tree->count, start;
    uint32_t count = 0;
    rise_abi_struct *def;
    rise_abi_type type;
    rise_status status;
    size_t len = word_length(p);
    const char *word = p->tree->text + p->pos;

    *height = 0;
    start = p->pos;
    if (is_word(word, len, "tuple")) {
        p->pos += len;
        skip_space(p);
        if (p->tree->text[p->pos] == '(') {
            len = 0;
        } else {
            p->pos = start;
        }
    }
    if (len == 0) {
        if (style == LIST_TYPED || !take(p, '(')) {
            return fail(p, "a type was expected");
        }
        status = add_node(p, RISE_ABI_TUPLE);
        if (status == RISE_OK) {
            status = read_list(p, LIST_PARAMETERS, depth + 1, &count, height);
        }
        if (status != RISE_OK) {
            return status;
        }
        if (count == 0) {
            return fail_at(p, RISE_EABI, start, "a tuple without components", 0);
        }
        p->tree->node[at].count = count;
        p->tree->node[at].span = UINT32_MAX;
        return RISE_OK;
    }

    memset(&type, 0, sizeof type);
    switch (elementary_type(&type, word, len)) {
    case -1:
        return fail_at(p, RISE_EABI, p->pos, "no such size of a type:", len);
    case 1:
        if (style == LIST_TYPED && is_untyped(&type, word, len)) {
            return fail_at(p, RISE_EABI, p->pos, "EIP-712 knows no type", len);
        }
        status = add_node(p, type.kind);
        if (status != RISE_OK) {
            return status;
        }
        p->tree->node[at].size = type.size;
        p->pos += len;
        if (type.kind == RISE_ABI_ADDRESS && style != LIST_TYPED) {
            take_word(p, "payable");
        }
        return RISE_OK;
    default:
        break;
    }

    def = find_struct(p->tree, word, len);
    if (def == NULL) {
        return fail_at(p, RISE_EABI, p->pos, "unknown type", len);
    }
    if (def->open) {
        return fail_at(p, RISE_EABI, p->pos, "a struct that contains itself:", len);
    }
    p->pos += len;
    status = read_struct(p, def, style, depth, height);
    if (status == RISE_OK && !p->shallow && p->tree->node[at].count == 0) {
        return fail_at(p, RISE_EABI, start, "a struct without members:", len);
    }
    return status;
}

/* The array of the type that starts at node `at`: its node goes in front. */
static rise_status wrap(parser *p, size_t at, uint32_t count) {
    rise_status status = add_node(p, RISE_ABI_ARRAY);
    rise_abi_type *node = p->tree->node;
    rise_abi_type array;

    if (status != RISE_OK) {
        return status;
    }
    array = node[p->tree->count - 1];
    memmove(node + at + 1, node + at, (p->tree->count - 1 - at) * sizeof *node);
    node[at] = array;
    if (count > 0) {
        node[at].kind = RISE_ABI_FIXED_ARRAY;
        node[at].count = count;
    }
    return RISE_OK;
}

static rise_status read_type(parser *p, list_style style, unsigned depth, unsigned *height) {
    size_t at = p->tree->count;
    rise_status status;

    if (depth > RISE_ABI_MAX_DEPTH) {
        return fail_at(p, RISE_ELIMIT, p->pos, "types nested deeper than 32", 0);
    }
    status = read_base_type(p, style, depth, height);
    while (status == RISE_OK && take(p, '[')) {
        uint32_t count = 0;
        if (!take(p, ']')) {
            size_t start = p->pos, len = 0;
            while (is_digit(p->tree->text[start + len])) {
                len++;
            }
            count = number_of(p->tree->text + start, len, UINT32_MAX);
            if (count == 0) {
                return fail(p, "an array length from 1 to 4294967295 was expected");
            }
            p->pos += len;
            if (!take(p, ']')) {
                return fail(p, "']' was expected");
            }
        }
        if (depth + ++*height > RISE_ABI_MAX_DEPTH) {
            return fail_at(p, RISE_ELIMIT, p->pos, "types nested deeper than 32", 0);
        }
        status = wrap(p, at, count);
    }
    return status;
}

static int is_location(const char *word, size_t len) {
    return is_word(word, len, "memory") || is_word(word, len, "calldata") || is_word(word, len, "storage");
}

static int lives_somewhere(rise_abi_kind kind) {
    return kind == RISE_ABI_BYTES || kind == RISE_ABI_STRING || kind == RISE_ABI_ARRAY || kind == RISE_ABI_FIXED_ARRAY
        || kind == RISE_ABI_TUPLE;
}

/* A type with its modifier and name. */
static rise_status read_member(parser *p, list_style style, unsigned depth, unsigned *height) {
    size_t at = p->tree->count, len;
    rise_status status = read_type(p, style, depth, height);
    rise_abi_type *node;
    const char *word;

    if (status != RISE_OK) {
        return status;
    }
    node = &p->tree->node[at];
    len = word_length(p);
    word = p->tree->text + p->pos;
    if (style != LIST_TYPED && is_word(word, len, "indexed")) {
        if (style != LIST_EVENT) {
            return fail(p, "only parameters of an event may be indexed");
        }
        node->indexed = 1;
        p->pos += len;
    } else if (style != LIST_TYPED && is_location(word, len)) {
        if (style == LIST_STRUCT || !lives_somewhere(node->kind)) {
            return fail_at(p, RISE_EABI, p->pos, "this has no place of storage:", len);
        }
        p->pos += len;
    }
    len = word_length(p);
    if (len > 0) {
        node->name = p->tree->text + p->pos;
        node->head = (uint32_t)len;
        p->pos += len;
    } else if (style == LIST_STRUCT || style == LIST_TYPED) {
        return fail(p, "a name was expected");
    }
    return RISE_OK;
}

/* What stands behind an opening bracket, up to and with the closing one. */
static rise_status read_list(parser *p, list_style style, unsigned depth, uint32_t *count, unsigned *height) {
    char close = style == LIST_STRUCT ? '}' : ')';

    *count = 0;
    *height = 0;
    if (take(p, close)) {
        return RISE_OK;
    }
    for (;;) {
        unsigned inner = 0;
        rise_status status = read_member(p, style, depth, &inner);
        if (status != RISE_OK) {
            return status;
        }
        if (inner + 1 > *height) {
            *height = inner + 1;
        }
        ++*count;
        if (style == LIST_STRUCT) {
            if (!take(p, ';')) {
                return fail(p, "';' was expected");
            }
            if (take(p, close)) {
                return RISE_OK;
            }
        } else {
            if (take(p, close)) {
                return RISE_OK;
            }
            if (!take(p, ',')) {
                return fail(p, "',' or ')' was expected");
            }
        }
    }
}

/* A list as a tree of its own: the tuple of parameters. */
static rise_status read_parameters(parser *p, list_style style) {
    size_t at = p->tree->count;
    uint32_t count = 0;
    unsigned height;
    rise_status status;

    if (!take(p, '(')) {
        return fail(p, "'(' was expected");
    }
    status = add_node(p, RISE_ABI_TUPLE);
    if (status == RISE_OK) {
        status = read_list(p, style, 1, &count, &height);
        p->tree->node[at].count = count;
        p->tree->node[at].span = UINT32_MAX;
    }
    return status;
}

static rise_status add_empty_tuple(parser *p) {
    rise_status status = add_node(p, RISE_ABI_TUPLE);

    if (status == RISE_OK) {
        p->tree->node[p->tree->count - 1].span = UINT32_MAX;
    }
    return status;
}

/* ---- structs ---- */

static rise_status add_struct(parser *p, size_t name, size_t len, size_t *room) {
    rise_abi_tree *tree = p->tree;
    rise_abi_struct *def;
    rise_abi_type type;

    if (elementary_type(&type, tree->text + name, len) != 0 || is_word(tree->text + name, len, "tuple")) {
        return fail_at(p, RISE_EABI, name, "a struct cannot be called", len);
    }
    if (tree->struct_count >= RISE_ABI_MAX_TYPES) {
        return fail_at(p, RISE_ELIMIT, name, "more than 4096 structs", 0);
    }
    if (tree->struct_count == *room) {
        *room = *room == 0 ? 8 : *room * 2;
        def = realloc(tree->structs, *room * sizeof *def);
        if (def == NULL) {
            return RISE_ENOMEM;
        }
        tree->structs = def;
    }
    def = &tree->structs[tree->struct_count++];
    memset(def, 0, sizeof *def);
    def->name = tree->text + name;
    def->name_len = len;
    def->body = p->pos;
    return RISE_OK;
}

/* Finds all definitions from the position on, sorts them and checks their members, structs among them unread. */
static rise_status read_structs(parser *p, int typed) {
    rise_abi_tree *tree = p->tree;
    char close = typed ? ')' : '}';
    size_t i, room = 0;
    rise_status status = RISE_OK;

    for (skip_space(p); tree->text[p->pos] != '\0'; skip_space(p)) {
        size_t name, len;
        if (!typed && !take_word(p, "struct")) {
            return fail(p, "'struct' was expected");
        }
        len = word_length(p);
        if (len == 0) {
            return fail(p, "the name of a struct was expected");
        }
        name = p->pos;
        p->pos += len;
        if (!take(p, typed ? '(' : '{')) {
            return fail(p, typed ? "'(' was expected" : "'{' was expected");
        }
        status = add_struct(p, name, len, &room);
        if (status != RISE_OK) {
            return status;
        }
        while (tree->text[p->pos] != close) {
            if (tree->text[p->pos] == '\0') {
                return fail(p, typed ? "')' was expected" : "'}' was expected");
            }
            p->pos++;
        }
        p->pos++;
        if (!typed) {
            take(p, ';');
        }
    }

    if (tree->struct_count > 0) {
        qsort(tree->structs, tree->struct_count, sizeof *tree->structs, compare_structs);
    }
    for (i = 1; i < tree->struct_count; i++) {
        const rise_abi_struct *def = &tree->structs[i];
        if (compare_structs(def - 1, def) == 0) {
            return fail_at(p, RISE_EABI, (size_t)(def->name - tree->text), "a struct defined twice:", def->name_len);
        }
    }
    p->shallow = 1;
    for (i = 0; i < tree->struct_count && status == RISE_OK; i++) {
        size_t count = tree->count;
        uint32_t members;
        unsigned height;
        p->pos = tree->structs[i].body;
        status = read_list(p, typed ? LIST_TYPED : LIST_STRUCT, 1, &members, &height);
        tree->count = count;
    }
    p->shallow = 0;
    return status;
}

/* ---- trees ---- */

/* Takes copies of the texts and puts the parser at the front of the first. */
static rise_status take_texts(parser *p, rise_abi_tree *tree, const char *first, size_t first_len, const char *second,
                         size_t second_len, rise_error *error) {
    memset(tree, 0, sizeof *tree);
    memset(p, 0, sizeof *p);
    p->tree = tree;
    p->error = error;
    if (first_len > RISE_ABI_MAX_TEXT || second_len > RISE_ABI_MAX_TEXT) {
        return rise_fail(error, RISE_ELIMIT, "a text of more than 65536 bytes", "", "");
    }
    tree->text = malloc(first_len + second_len + 2);
    if (tree->text == NULL) {
        return rise_fail(error, RISE_ENOMEM, rise_status_text(RISE_ENOMEM), "", "");
    }
    if (first_len > 0) {
        memcpy(tree->text, first, first_len);
    }
    tree->text[first_len] = '\0';
    tree->second = first_len + 1;
    if (second_len > 0) {
        memcpy(tree->text + tree->second, second, second_len);
    }
    tree->text[tree->second + second_len] = '\0';
    /* NUL is the end to the parser, so it may stand nowhere else. */
    p->pos = strlen(tree->text);
    if (p->pos == first_len) {
        p->pos = tree->second + strlen(tree->text + tree->second);
        if (p->pos == tree->second + second_len) {
            p->pos = 0;
            return RISE_OK;
        }
    }
    return fail(p, "a NUL in the text");
}

void rise_abi_tree_free(rise_abi_tree *tree) {
    free(tree->text);
    free(tree->node);
    free(tree->structs);
    memset(tree, 0, sizeof *tree);
}

static rise_status lay_out(rise_abi_tree *tree, size_t at, rise_error *error) {
    rise_abi_type *node = &tree->node[at], *child = node + 1;
    uint64_t heads = 0;
    uint32_t i, j;

    node->span = 1;
    node->head = 32;
    node->dynamic = 0;
    switch (node->kind) {
    case RISE_ABI_BYTES:
    case RISE_ABI_STRING:
        node->dynamic = 1;
        return RISE_OK;
    case RISE_ABI_ARRAY:
        node->span += child->span;
        node->dynamic = 1;
        return RISE_OK;
    case RISE_ABI_FIXED_ARRAY:
        node->span += child->span;
        node->dynamic = child->dynamic;
        heads = (uint64_t)child->head * node->count;
        break;
    case RISE_ABI_TUPLE:
        for (i = 0; i < node->count; i++) {
            const rise_abi_type *other = node + 1;
            for (j = 0; j < i && child->name[0] != '\0'; j++) {
                if (strcmp(other->name, child->name) == 0) {
                    return rise_fail(error, RISE_EABI, "two parameters or members are called '", child->name, "'");
                }
                other += other->span;
            }
            node->span += child->span;
            node->dynamic |= child->dynamic;
            heads += child->head;
            child += child->span;
        }
        break;
    default:
        return RISE_OK;
    }
    if (heads > RISE_BUF_LIMIT) {
        return rise_fail(error, RISE_ELIMIT, "a type too large to be encoded", "", "");
    }
    node->size = (uint32_t)heads;
    if (!node->dynamic) {
        node->head = (uint32_t)heads;
    }
    return RISE_OK;
}

rise_status rise_abi_tree_finish(rise_abi_tree *tree, rise_error *error) {
    rise_abi_type *node = realloc(tree->node, tree->count * sizeof *node);
    rise_status status = RISE_OK;
    size_t i;

    if (node != NULL) {
        tree->node = node;
        tree->size = tree->count;
    }
    for (i = 0; i < tree->count; i++) {
        node = &tree->node[i];
        if (node->head > 0) {
            tree->text[(size_t)(node->name - tree->text) + node->head] = '\0';
        }
    }
    for (i = 0; i < tree->struct_count; i++) {
        const rise_abi_struct *def = &tree->structs[i];
        tree->text[(size_t)(def->name - tree->text) + def->name_len] = '\0';
    }
    /* From the back: what a type is made of stands behind it. */
    for (i = tree->count; i > 0 && status == RISE_OK; i--) {
        status = lay_out(tree, i - 1, error);
    }
    return status;
}

rise_status rise_abi_tree_typed(rise_abi_tree *tree, const char *text, size_t len, rise_error *error) {
    parser p;
    rise_abi_struct *primary;
    unsigned height;
    rise_status status = take_texts(&p, tree, text, len, NULL, 0, error);

    if (status == RISE_OK) {
        status = read_structs(&p, 1);
    }
    if (status != RISE_OK) {
        return status;
    }
    p.pos = 0;
    len = word_length(&p);
    if (len == 0) {
        return fail(&p, "the name of a struct was expected");
    }
    primary = find_struct(tree, tree->text + p.pos, len);
    return read_struct(&p, primary, LIST_TYPED, 0, &height);
}

/* ---- items ---- */

static const struct {
    const char *word;
    rise_abi_item_kind kind;
    int named;
} keywords[] = {
    { "function", RISE_ABI_ITEM_FUNCTION, 1 },       { "event", RISE_ABI_ITEM_EVENT, 1 },
    { "error", RISE_ABI_ITEM_ERROR, 1 },             { "constructor", RISE_ABI_ITEM_CONSTRUCTOR, 0 },
    { "fallback", RISE_ABI_ITEM_FALLBACK, 0 },       { "receive", RISE_ABI_ITEM_RECEIVE, 0 },
};

/* Words behind the parameters; of each group one may stand. */
static const struct {
    const char *word;
    const char *mutability; /* NULL: dropped */
    unsigned group;
} modifiers[] = {
    { "pure", "pure", 1 },   { "view", "view", 1 },     { "constant", "view", 1 },
    { "payable", "payable", 1 }, { "nonpayable", "nonpayable", 1 },
    { "external", NULL, 2 }, { "public", NULL, 2 },     { "internal", NULL, 2 }, { "private", NULL, 2 },
    { "virtual", NULL, 4 },  { "override", NULL, 8 },
};

static rise_status read_modifiers(parser *p, rise_abi_item *item) {
    unsigned seen = 0;

    for (;;) {
        size_t i, len = word_length(p);
        const char *word = p->tree->text + p->pos;
        for (i = 0; i < sizeof modifiers / sizeof modifiers[0]; i++) {
            if (is_word(word, len, modifiers[i].word)) {
                break;
            }
        }
        if (i == sizeof modifiers / sizeof modifiers[0]) {
            return RISE_OK;
        }
        if (seen & modifiers[i].group) {
            return fail_at(p, RISE_EABI, p->pos, "one word too many:", len);
        }
        seen |= modifiers[i].group;
        if (modifiers[i].mutability != NULL) {
            item->mutability = modifiers[i].mutability;
            if (item->kind != RISE_ABI_ITEM_FUNCTION && strcmp(item->mutability, "payable") != 0
                && (item->kind == RISE_ABI_ITEM_RECEIVE || strcmp(item->mutability, "nonpayable") != 0)) {
                return fail_at(p, RISE_EABI, p->pos, "this cannot be", len);
            }
        }
        p->pos += len;
    }
}

/* The keyword and the name; leaves the position at the parameters. */
static rise_status read_head(parser *p, rise_abi_item *item, size_t *name, size_t *name_len) {
    size_t i, len = word_length(p);
    size_t word = p->pos;

    *name_len = 0;
    item->kind = RISE_ABI_ITEM_PARAMETERS;
    if (len == 0) {
        return RISE_OK;
    }
    p->pos += len;
    item->kind = RISE_ABI_ITEM_FUNCTION;
    for (i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (is_word(p->tree->text + word, len, keywords[i].word)) {
            item->kind = keywords[i].kind;
            if (!keywords[i].named) {
                return RISE_OK;
            }
            len = word_length(p);
            if (len == 0) {
                return fail(p, "a name was expected");
            }
            word = p->pos;
            p->pos += len;
            break;
        }
    }
    *name = word;
    *name_len = len;
    return RISE_OK;
}

static rise_status read_item(parser *p, rise_abi_item *item, size_t *name, size_t *name_len) {
    rise_status status = read_head(p, item, name, name_len);
    size_t at;

    if (status != RISE_OK) {
        return status;
    }
    skip_space(p);
    at = p->pos;
    status = read_parameters(p, item->kind == RISE_ABI_ITEM_EVENT ? LIST_EVENT : LIST_PARAMETERS);
    if (status != RISE_OK) {
        return status;
    }
    item->mutability = item->kind == RISE_ABI_ITEM_RECEIVE ? "payable" : "nonpayable";
    switch (item->kind) {
    case RISE_ABI_ITEM_FUNCTION:
    case RISE_ABI_ITEM_CONSTRUCTOR:
    case RISE_ABI_ITEM_FALLBACK:
    case RISE_ABI_ITEM_RECEIVE:
        status = read_modifiers(p, item);
        break;
    case RISE_ABI_ITEM_EVENT:
        item->anonymous = take_word(p, "anonymous");
        break;
    default:
        break;
    }
    if (status != RISE_OK) {
        return status;
    }
    if ((item->kind == RISE_ABI_ITEM_FALLBACK || item->kind == RISE_ABI_ITEM_RECEIVE) && p->tree->node[0].count > 0) {
        return fail_at(p, RISE_EABI, at, "no parameters may stand here", 0);
    }
    item->outputs = p->tree->count;
    if (item->kind == RISE_ABI_ITEM_FUNCTION && take_word(p, "returns")) {
        status = read_parameters(p, LIST_PARAMETERS);
    } else {
        status = add_empty_tuple(p);
    }
    if (status != RISE_OK) {
        return status;
    }
    take(p, ';');
    skip_space(p);
    if (p->tree->text[p->pos] != '\0') {
        return fail(p, "this does not belong here");
    }
    return RISE_OK;
}

/* Copies what is not indexed into a tuple behind all other nodes. */
static rise_status make_data(rise_abi_item *item, rise_error *error) {
    rise_abi_tree *tree = &item->tree;
    rise_abi_type *node = tree->node, *data;
    unsigned topics = item->anonymous ? 0 : 1;
    uint32_t i;

    node = realloc(node, (tree->count + node->span) * sizeof *node);
    if (node == NULL) {
        return rise_fail(error, RISE_ENOMEM, rise_status_text(RISE_ENOMEM), "", "");
    }
    tree->node = node;
    item->data = tree->count;
    data = &node[tree->count++];
    memset(data, 0, sizeof *data);
    data->kind = RISE_ABI_TUPLE;
    data->name = "";
    for (i = node->count, node++; i > 0; i--, node += node->span) {
        if (node->indexed) {
            topics++;
        } else {
            memcpy(&tree->node[tree->count], node, node->span * sizeof *node);
            tree->count += node->span;
            data->count++;
        }
    }
    if (topics > 4) {
        return rise_fail(error, RISE_EABI, "a log has no more than four topics", "", "");
    }
    return lay_out(tree, item->data, error);
}

/* What is left once the line was read: names, layout, signature. */
static rise_status finish(rise_abi_item *item, size_t name, size_t name_len, rise_error *error) {
    static const char *const fixed[] = { "", "", "", "constructor", "fallback", "receive", "" };
    rise_status status = rise_abi_tree_finish(&item->tree, error);

    if (status != RISE_OK) {
        return status;
    }
    item->name = "";
    if (name_len > 0) {
        item->name = item->tree.text + name;
        item->tree.text[name + name_len] = '\0';
    }
    if (item->kind == RISE_ABI_ITEM_EVENT) {
        status = make_data(item, error);
        if (status != RISE_OK) {
            return status;
        }
    }
    status = rise_buf_append(&item->signature, item->name, name_len);
    if (status == RISE_OK) {
        status = rise_buf_append(&item->signature, fixed[item->kind], strlen(fixed[item->kind]));
    }
    if (status == RISE_OK) {
        status = rise_abi_type_name(&item->signature, item->tree.node);
    }
    if (status == RISE_OK) {
        rise_keccak256(item->hash, item->signature.data, item->signature.len);
        status = rise_buf_append(&item->signature, "", 1);
    }
    if (status != RISE_OK) {
        return rise_fail(error, status, rise_status_text(status), "", "");
    }
    /* Only the parser looks structs up. */
    free(item->tree.structs);
    item->tree.structs = NULL;
    item->tree.struct_count = 0;
    return RISE_OK;
}

rise_status rise_abi_item_new(rise_abi_item **out, const char *text, size_t len, const char *structs,
                              size_t structs_len, rise_error *error) {
    rise_abi_item *item = calloc(1, sizeof *item);
    size_t name = 0, name_len = 0;
    rise_status status;
    parser p;

    *out = NULL;
    if (item == NULL) {
        return rise_fail(error, RISE_ENOMEM, rise_status_text(RISE_ENOMEM), "", "");
    }
    if (error != NULL) {
        error->message[0] = '\0';
    }
    status = take_texts(&p, &item->tree, text, len, structs, structs_len, error);
    if (status == RISE_OK) {
        p.pos = item->tree.second;
        status = read_structs(&p, 0);
    }
    if (status == RISE_OK) {
        p.pos = 0;
        status = read_item(&p, item, &name, &name_len);
    }
    if (status == RISE_OK) {
        status = finish(item, name, name_len, error);
    }
    if (status != RISE_OK) {
        rise_abi_item_free(item);
        return error == NULL || error->message[0] != '\0' ? status
             : rise_fail(error, status, rise_status_text(status), "", "");
    }
    *out = item;
    return RISE_OK;
}

void rise_abi_item_free(rise_abi_item *item) {
    if (item != NULL) {
        rise_abi_tree_free(&item->tree);
        rise_buf_free(&item->signature);
        free(item);
    }
}

rise_abi_item_kind rise_abi_item_get_kind(const rise_abi_item *item) {
    return item->kind;
}

const char *rise_abi_item_name(const rise_abi_item *item) {
    return item->name;
}

const char *rise_abi_item_signature(const rise_abi_item *item) {
    return (const char *)item->signature.data;
}

const char *rise_abi_item_mutability(const rise_abi_item *item) {
    return item->mutability;
}

int rise_abi_item_anonymous(const rise_abi_item *item) {
    return item->anonymous;
}

void rise_abi_item_hash(const rise_abi_item *item, uint8_t hash[32]) {
    memcpy(hash, item->hash, 32);
}

const rise_abi_type *rise_abi_item_inputs(const rise_abi_item *item) {
    return item->tree.node;
}

const rise_abi_type *rise_abi_item_outputs(const rise_abi_item *item) {
    return item->tree.node + item->outputs;
}

const rise_abi_type *rise_abi_item_data(const rise_abi_item *item) {
    return item->tree.node + item->data;
}
