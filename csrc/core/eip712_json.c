/* EIP-712 typed data as eth_signTypedData_v4 has it: { types, primaryType, domain, message } in JSON.
 *
 * The text is checked as a whole before anything is read out of it. The types that the message refers to, and no
 * others, are written down as encodeType text, which eip712.c compiles; values are then read member by member in the
 * order of the type, whatever order they stand in, into the flat list that it hashes. Names and types go into that text
 * only when they are made of the characters of a name, so that they cannot bring members of their own.
 */
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "json.h"

#define NOWHERE SIZE_MAX

/* A piece of the text. */
typedef struct span {
    const char *text;
    size_t len;
} span;

/* A struct of `types`. */
typedef struct definition {
    span name;
    size_t members; /* where the array of its members is */
    enum { UNSEEN, OPEN, WRITTEN } state;
} definition;

typedef struct reader {
    rise_json json;
    rise_error *error;
    definition *defs; /* sorted by name */
    size_t def_count;
    rise_buf type_text;
    /* Values, the strings and bytes among them that are not in the text as they are, and of each object that is being
     * read where its members are. */
    rise_abi_values values;
    uint8_t *bytes;
    size_t byte_count;
    size_t *places;
    size_t place_count;
    size_t place_size;
    const char *root_name; /* "domain" or "message" */
    const rise_abi_type *root;
} reader;

/* ---- messages ---- */

static void note_string(rise_abi_note *note, const char *text) {
    rise_abi_note_text(note, text, strlen(text));
}

/* Up to 40 bytes in quotes. */
static void note_quoted(rise_abi_note *note, span what) {
    note_string(note, " '");
    rise_abi_note_text(note, what.text, what.len < 40 ? what.len : 40);
    note_string(note, what.len < 40 ? "'" : "...'");
}

static const span nothing = { NULL, 0 };

/* "path: why 'what'" */
static rise_status fail(const reader *r, rise_status code, const char *path, const char *why, span what) {
    rise_abi_note note;

    if (r->error != NULL) {
        r->error->code = code;
        rise_abi_note_start(&note, r->error->message, sizeof r->error->message);
        note_string(&note, path);
        note_string(&note, ": ");
        note_string(&note, why);
        if (what.text != NULL) {
            note_quoted(&note, what);
        }
    }
    return code;
}

/* About member `number` (from 1; 0: all) of a struct of `types`. */
static rise_status fail_type(const reader *r, rise_status code, const definition *def, size_t number, const char *why,
                             span what) {
    rise_abi_note note;
    char path[128];

    rise_abi_note_start(&note, path, sizeof path);
    note_string(&note, "types.");
    rise_abi_note_text(&note, def->name.text, def->name.len);
    if (number > 0) {
        note_string(&note, "[");
        rise_abi_note_number(&note, number);
        note_string(&note, "]");
    }
    return fail(r, code, path, why, what);
}

/* About entry `index` of the values. */
static rise_status fail_value(const reader *r, rise_status code, size_t index, const char *why, span what) {
    rise_abi_note note;
    char path[160], inner[128];

    rise_abi_note_start(&note, path, sizeof path);
    note_string(&note, r->root_name);
    if (index > 0) {
        rise_abi_path(inner, r->root, r->values.entry, index);
        note_string(&note, ".");
        note_string(&note, inner);
    }
    return fail(r, code, path, why, what);
}

static rise_status fail_memory(const reader *r) {
    return rise_fail(r->error, RISE_ENOMEM, rise_status_text(RISE_ENOMEM), "", "");
}

/* ---- JSON: well-formed all through once read_whole has passed ---- */

/* The value that comes next, which is stepped over. */
static span take(reader *r) {
    span found;

    found.text = r->json.text + r->json.at;
    found.len = r->json.at;
    rise_json_skip(&r->json, 0);
    found.len = r->json.at - found.len;
    return found;
}

static int is_string(span value) {
    return value.text[0] == '"';
}

static span unquote(span value) {
    value.text++;
    value.len -= 2;
    return value;
}

static int is_text(span value, const char *text) {
    return strlen(text) == value.len && memcmp(value.text, text, value.len) == 0;
}

/* Before the next element of an array. */
static int next_element(reader *r, int first) {
    return rise_json_next(&r->json, ']', first) > 0;
}

/* At the value of the next member of an object. */
static int next_member(reader *r, int first, span *name) {
    return rise_json_next(&r->json, '}', first) > 0 && rise_json_name(&r->json, &name->text, &name->len);
}

static rise_status read_whole(reader *r) {
    rise_abi_note note;
    char path[32];

    if (!rise_json_skip(&r->json, 0)) {
        goto malformed;
    }
    rise_json_skip_space(&r->json);
    if (r->json.at == r->json.len) {
        rise_json_start(&r->json, r->json.text, r->json.len);
        return RISE_OK;
    }
malformed:
    rise_abi_note_start(&note, path, sizeof path);
    note_string(&note, "at byte ");
    rise_abi_note_number(&note, r->json.at);
    return fail(r, RISE_EDATA, path, "malformed JSON", nothing);
}

/* Where the values of the members `names` are; all of them and no others must be there. */
static rise_status read_object(reader *r, const char *path, const char *const *names, size_t *places, size_t count) {
    span name;
    size_t i;
    int first = 1;

    if (!rise_json_enter(&r->json, '{')) {
        return fail(r, RISE_EVALUE, path, "an object was expected", nothing);
    }
    for (i = 0; i < count; i++) {
        places[i] = NOWHERE;
    }
    for (; next_member(r, first, &name); first = 0) {
        for (i = 0; i < count && !is_text(name, names[i]); i++) {
        }
        if (i == count || places[i] != NOWHERE) {
            return fail(r, RISE_EVALUE, path, i == count ? "unknown member" : "twice the member", name);
        }
        places[i] = r->json.at;
        take(r);
    }
    for (i = 0; i < count; i++) {
        if (places[i] == NOWHERE) {
            name.text = names[i];
            name.len = strlen(names[i]);
            return fail(r, RISE_EVALUE, path, "missing member", name);
        }
    }
    return RISE_OK;
}

/* ---- names ---- */

static int is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* How many bytes at the front are a name. */
static size_t name_length(span text) {
    size_t len = 0;

    if (text.len > 0 && is_letter(text.text[0])) {
        while (len < text.len && (is_letter(text.text[len]) || is_digit(text.text[len]))) {
            len++;
        }
    }
    return len;
}

static int is_name(span text) {
    return text.len > 0 && name_length(text) == text.len;
}

/* A name with "[]" or "[2]" behind it any number of times; *base is the name. */
static int is_type(span text, span *base) {
    size_t at = name_length(text);

    base->text = text.text;
    base->len = at;
    if (at == 0) {
        return 0;
    }
    while (at < text.len) {
        if (text.text[at++] != '[') {
            return 0;
        }
        while (at < text.len && is_digit(text.text[at])) {
            at++;
        }
        if (at == text.len || text.text[at++] != ']') {
            return 0;
        }
    }
    return 1;
}

static int compare_spans(span a, span b) {
    int order = memcmp(a.text, b.text, a.len < b.len ? a.len : b.len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_definitions(const void *a, const void *b) {
    const definition *x = a, *y = b;

    return compare_spans(x->name, y->name);
}

static definition *find(const reader *r, span name) {
    definition wanted;

    wanted.name = name;
    return r->def_count == 0 ? NULL
         : bsearch(&wanted, r->defs, r->def_count, sizeof *r->defs, compare_definitions);
}

/* ---- types ---- */

/* The names of all structs; their members are read when something refers to them. */
static rise_status read_types(reader *r, size_t at) {
    size_t count = 0, i;
    definition *def;
    span name;
    int first;

    r->json.at = at;
    if (!rise_json_enter(&r->json, '{')) {
        return fail(r, RISE_EVALUE, "types", "an object was expected", nothing);
    }
    for (first = 1; next_member(r, first, &name); first = 0) {
        take(r);
        count++;
    }
    if (count > RISE_ABI_MAX_TYPES) {
        return fail(r, RISE_ELIMIT, "types", "more than 4096", nothing);
    }
    r->defs = malloc((count + 1) * sizeof *r->defs);
    if (r->defs == NULL) {
        return fail_memory(r);
    }
    r->json.at = at;
    rise_json_enter(&r->json, '{');
    for (first = 1; next_member(r, first, &name); first = 0) {
        if (!is_name(name)) {
            return fail(r, RISE_EABI, "types", "not the name of a struct:", name);
        }
        def = &r->defs[r->def_count++];
        def->name = name;
        def->members = r->json.at;
        def->state = UNSEEN;
        if (take(r).text[0] != '[') {
            return fail_type(r, RISE_EABI, def, 0, "an array was expected", nothing);
        }
    }
    qsort(r->defs, r->def_count, sizeof *r->defs, compare_definitions);
    for (i = 1; i < r->def_count; i++) {
        if (compare_definitions(&r->defs[i - 1], &r->defs[i]) == 0) {
            return fail_type(r, RISE_EABI, &r->defs[i], 0, "given twice", nothing);
        }
    }
    return RISE_OK;
}

static rise_status put(reader *r, const char *text, size_t len) {
    rise_status status = rise_buf_append(&r->type_text, text, len);

    return status == RISE_ELIMIT ? fail(r, status, "types", "more than 65536 bytes as encodeType", nothing)
         : status != RISE_OK ? fail_memory(r) : RISE_OK;
}

/* { "name": ..., "type": ... }, at member `number` (from 1). */
static rise_status read_type_member(reader *r, const definition *def, size_t number, span *name, span *type) {
    static const char *const names[] = { "name", "type" };
    span whole = take(r), base;
    size_t places[2], behind = r->json.at;
    rise_error ignored, *error = r->error;
    rise_status status;

    r->json.at = (size_t)(whole.text - r->json.text);
    r->error = &ignored;
    status = read_object(r, "", names, places, 2);
    r->error = error;
    if (status != RISE_OK) {
        return fail_type(r, RISE_EABI, def, number, "{ name, type } was expected", nothing);
    }
    r->json.at = places[0];
    *name = take(r);
    r->json.at = places[1];
    *type = take(r);
    r->json.at = behind;
    if (!is_string(*name) || !is_name(unquote(*name))) {
        return fail_type(r, RISE_EABI, def, number, "not a name:", *name);
    }
    if (!is_string(*type) || !is_type(unquote(*type), &base)) {
        return fail_type(r, RISE_EABI, def, number, "not a type:", *type);
    }
    *name = unquote(*name);
    *type = unquote(*type);
    return RISE_OK;
}

/* "Mail(Person from,string contents)" */
static rise_status write_struct(reader *r, const definition *def) {
    rise_status status = put(r, def->name.text, def->name.len);
    size_t number = 1;
    span name, type;

    r->json.at = def->members;
    rise_json_enter(&r->json, '[');
    for (; status == RISE_OK && next_element(r, number == 1); number++) {
        status = read_type_member(r, def, number, &name, &type);
        if (status == RISE_OK) {
            status = put(r, number == 1 ? "(" : ",", 1);
        }
        if (status == RISE_OK) {
            status = put(r, type.text, type.len);
        }
        if (status == RISE_OK) {
            status = put(r, " ", 1);
        }
        if (status == RISE_OK) {
            status = put(r, name.text, name.len);
        }
    }
    if (status != RISE_OK) {
        return status;
    }
    return number == 1 ? put(r, "()", 2) : put(r, ")", 1);
}

/* A struct, and once each those it refers to. */
static rise_status write_types(reader *r, definition *def, unsigned depth) {
    rise_status status;
    size_t number = 1, at;
    span name, type, base;

    if (depth > RISE_ABI_MAX_DEPTH) {
        return fail_type(r, RISE_ELIMIT, def, 0, "structs nested deeper than 32", nothing);
    }
    def->state = OPEN;
    status = write_struct(r, def);
    at = def->members + 1;
    for (; status == RISE_OK; number++) {
        definition *other;

        r->json.at = at;
        if (!next_element(r, number == 1)) {
            break;
        }
        status = read_type_member(r, def, number, &name, &type);
        at = r->json.at;
        if (status != RISE_OK || !is_type(type, &base) || rise_abi_is_typed_word(base.text, base.len)) {
            continue;
        }
        other = find(r, base);
        if (other == NULL) {
            status = fail_type(r, RISE_EABI, def, number, "unknown type", base);
        } else if (other->state == OPEN) {
            status = fail_type(r, RISE_EABI, def, number, "a struct that contains itself:", base);
        } else if (other->state == UNSEEN) {
            status = write_types(r, other, depth + 1);
        }
    }
    def->state = WRITTEN;
    return status;
}

/* What the domain is made of when its type is not among the types: the members that are there, in the EIP's order. */
static rise_status write_domain_type(reader *r, size_t at) {
    static const struct {
        const char *name;
        const char *text;
    } members[] = {
        { "name", "string name" }, { "version", "string version" }, { "chainId", "uint256 chainId" },
        { "verifyingContract", "address verifyingContract" }, { "salt", "bytes32 salt" },
    };
    const size_t count = sizeof members / sizeof *members;
    unsigned there = 0;
    rise_status status;
    size_t i;
    span name;
    int first;

    r->json.at = at;
    if (!rise_json_enter(&r->json, '{')) {
        return fail(r, RISE_EVALUE, "domain", "an object was expected", nothing);
    }
    for (first = 1; next_member(r, first, &name); first = 0) {
        for (i = 0; i < count && !is_text(name, members[i].name); i++) {
        }
        if (i == count) {
            return fail(r, RISE_EVALUE, "domain", "unknown member", name);
        }
        there |= 1u << i;
        take(r);
    }
    status = put(r, "EIP712Domain(", 13);
    first = 1;
    for (i = 0; i < count && status == RISE_OK; i++) {
        if ((there >> i & 1) != 0) {
            status = first ? RISE_OK : put(r, ",", 1);
            first = 0;
            if (status == RISE_OK) {
                status = put(r, members[i].text, strlen(members[i].text));
            }
        }
    }
    return status == RISE_OK ? put(r, ")", 1) : status;
}

static rise_status compile(reader *r, rise_eip712 **out) {
    rise_error error;
    rise_status status = rise_eip712_new(out, (const char *)r->type_text.data, r->type_text.len, &error);

    return status == RISE_OK ? RISE_OK : fail(r, status, "types, as encodeType", error.message, nothing);
}

/* ---- strings ---- */

static unsigned hex4(const char *text) {
    unsigned value = 0;
    int i;

    for (i = 0; i < 4; i++) {
        char c = text[i];
        value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static size_t put_utf8(uint8_t *out, unsigned code) {
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* The length of the character of UTF-8 at the front (the shortest form, no half of a pair), 0 when there is none. */
static size_t utf8_length(const uint8_t *p, size_t left) {
    unsigned low = 0x80, high = 0xbf;
    size_t len, i;

    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }
    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len > left) {
        return 0;
    }
    switch (p[0]) {
    case 0xe0: low = 0xa0; break;
    case 0xed: high = 0x9f; break;
    case 0xf0: low = 0x90; break;
    case 0xf4: high = 0x8f; break;
    default: break;
    }
    for (i = 1; i < len; i++, low = 0x80, high = 0xbf) {
        if (p[i] < low || p[i] > high) {
            return 0;
        }
    }
    return len;
}

/* The character that the escape at the front stands for; *used bytes of text make it. 0: half of a pair. */
static size_t unescape(uint8_t *out, const char *text, size_t left, size_t *used) {
    static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
    const char *letter;
    unsigned code, low;

    *used = 2;
    if (text[1] != 'u') {
        letter = strchr(letters, text[1]);
        out[0] = (uint8_t)(letter != NULL ? controls[letter - letters] : text[1]);
        return 1;
    }
    *used = 6;
    code = hex4(text + 2);
    if (code >= 0xd800 && code < 0xe000) {
        if (code >= 0xdc00 || left < 12 || text[6] != '\\' || text[7] != 'u') {
            return 0;
        }
        low = hex4(text + 8);
        if (low < 0xdc00 || low >= 0xe000) {
            return 0;
        }
        *used = 12;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_utf8(out, code);
}

/* The bytes that a string stands for: in the text itself, or where it has escapes in r->bytes, which has room for as
 * many bytes as there are in all of the text. 0 when they are no UTF-8. */
static int read_text(reader *r, span string, rise_abi_value *value) {
    const uint8_t *p = (const uint8_t *)string.text;
    uint8_t *out = r->bytes + r->byte_count;
    size_t at = 0, written = 0, used, len;

    if (memchr(string.text, '\\', string.len) == NULL) {
        for (; at < string.len; at += used) {
            used = utf8_length(p + at, string.len - at);
            if (used == 0) {
                return 0;
            }
        }
        value->data = p;
        value->len = string.len;
        return 1;
    }
    for (; at < string.len; at += used, written += len) {
        if (p[at] == '\\') {
            len = unescape(out + written, string.text + at, string.len - at, &used);
        } else {
            len = used = utf8_length(p + at, string.len - at);
            memcpy(out + written, p + at, len);
        }
        if (len == 0) {
            return 0;
        }
    }
    value->data = out;
    value->len = written;
    r->byte_count += written;
    return 1;
}

/* ---- values ---- */

/* "not a value of type uint8: '256'" */
static rise_status misfit(reader *r, size_t index, const rise_abi_type *type, span value) {
    rise_abi_note note;
    char why[64];
    rise_buf name = RISE_BUF_INIT;

    rise_abi_note_start(&note, why, sizeof why);
    note_string(&note, "not a value of type ");
    if (rise_abi_type_name(&name, type) == RISE_OK) {
        rise_abi_note_text(&note, (const char *)name.data, name.len);
    }
    note_string(&note, ":");
    rise_buf_free(&name);
    return fail_value(r, RISE_EVALUE, index, why, value);
}

static int is_hex(span text) {
    return text.len >= 2 && text.text[0] == '0' && text.text[1] == 'x';
}

/* Integers as numbers or in strings, there in decimal or hex; hex has no sign. */
static int read_number(uint8_t word[32], const rise_abi_type *type, span value) {
    if (is_string(value)) {
        value = unquote(value);
        if (value.len >= 3 && value.text[0] == '-' && value.text[1] == '0' && value.text[2] == 'x') {
            return 0;
        }
    }
    return rise_abi_number(word, type, value.text, value.len) == RISE_OK;
}

static int read_bytes(reader *r, span text, rise_abi_value *value) {
    size_t len = 0;

    if (!is_hex(text) || rise_hex_decode(r->bytes + r->byte_count, text.len, &len, text.text, text.len) != RISE_OK) {
        return 0;
    }
    value->data = r->bytes + r->byte_count;
    value->len = len;
    r->byte_count += len;
    return 1;
}

static int read_elementary(reader *r, const rise_abi_type *type, span value, rise_abi_value *entry) {
    span text = nothing;
    size_t len = 0;

    if (type->kind == RISE_ABI_UINT || type->kind == RISE_ABI_INT) {
        return read_number(entry->word, type, value);
    }
    if (type->kind == RISE_ABI_BOOL) {
        entry->word[31] = (uint8_t)is_text(value, "true");
        return entry->word[31] || is_text(value, "false");
    }
    if (!is_string(value)) {
        return 0;
    }
    text = unquote(value);
    switch (type->kind) {
    case RISE_ABI_ADDRESS:
        return rise_address_parse(entry->word + 12, text.text, text.len) == RISE_OK;
    case RISE_ABI_FIXED_BYTES:
        return is_hex(text) && rise_hex_decode(entry->word, 32, &len, text.text, text.len) == RISE_OK
            && len == type->size;
    case RISE_ABI_BYTES:
        return read_bytes(r, text, entry);
    default:
        return read_text(r, text, entry);
    }
}

static rise_status read_value(reader *r, const rise_abi_type *type);

/* Room for the places of `count` members on top of those that are taken. */
static rise_status reserve_places(reader *r, size_t count) {
    size_t size = r->place_count + count, *places;

    if (size > r->place_size) {
        places = realloc(r->places, 2 * size * sizeof *places);
        if (places == NULL) {
            return fail_memory(r);
        }
        r->places = places;
        r->place_size = 2 * size;
    }
    return RISE_OK;
}

/* Notes where the members are. Most objects have them in the order of the type: the search for each begins behind the
 * one before. */
static rise_status place_members(reader *r, const rise_abi_type *type, size_t index, size_t base) {
    const rise_abi_type *member = type + 1;
    size_t number = 0, tries;
    span name;
    int first;

    for (tries = 0; tries < type->count; tries++) {
        r->places[base + tries] = NOWHERE;
    }
    for (first = 1; next_member(r, first, &name); first = 0) {
        for (tries = 0; tries < type->count; tries++, number++, member += member->span) {
            if (number == type->count) {
                number = 0;
                member = type + 1;
            }
            if (is_text(name, member->name)) {
                break;
            }
        }
        if (tries == type->count) {
            return fail_value(r, RISE_EVALUE, index, "a member that its type does not have:", name);
        }
        if (r->places[base + number] != NOWHERE) {
            return fail_value(r, RISE_EVALUE, index, "twice the member", name);
        }
        r->places[base + number] = r->json.at;
        take(r);
        number++;
        member += member->span;
    }
    return RISE_OK;
}

static rise_status read_tuple(reader *r, const rise_abi_type *type, size_t index) {
    const rise_abi_type *member = type + 1;
    const size_t base = r->place_count;
    rise_status status;
    size_t behind;
    uint32_t i;

    if (!rise_json_enter(&r->json, '{')) {
        return fail_value(r, RISE_EVALUE, index, "an object was expected", nothing);
    }
    status = reserve_places(r, type->count);
    if (status == RISE_OK) {
        r->place_count += type->count;
        status = place_members(r, type, index, base);
    }
    behind = r->json.at;
    for (i = 0; i < type->count && status == RISE_OK; i++, member += member->span) {
        r->json.at = r->places[base + i];
        status = r->json.at == NOWHERE ? fail_value(r, RISE_EVALUE, r->values.count, "missing", nothing)
                                       : read_value(r, member);
    }
    r->json.at = behind;
    r->place_count = base;
    return status;
}

static rise_status read_array(reader *r, const rise_abi_type *type, size_t index) {
    rise_status status = RISE_OK;
    size_t count = 0;

    if (!rise_json_enter(&r->json, '[')) {
        return fail_value(r, RISE_EVALUE, index, "an array was expected", nothing);
    }
    for (; status == RISE_OK && next_element(r, count == 0); count++) {
        if (type->kind == RISE_ABI_FIXED_ARRAY && count == type->count) {
            return fail_value(r, RISE_EVALUE, index, "more elements than its type has", nothing);
        }
        /* Counted while it grows: the path of an element goes by it. */
        r->values.entry[index].len = count + 1;
        status = read_value(r, type + 1);
    }
    if (status == RISE_OK && type->kind == RISE_ABI_FIXED_ARRAY && count < type->count) {
        return fail_value(r, RISE_EVALUE, index, "fewer elements than its type has", nothing);
    }
    return status;
}

/* Recursion is as deep as the type, which is bounded. */
static rise_status read_value(reader *r, const rise_abi_type *type) {
    size_t index = r->values.count;
    rise_abi_value *entry;
    rise_status status = rise_abi_values_add(&r->values, &entry);
    span value;

    if (status != RISE_OK) {
        return status == RISE_ENOMEM ? fail_memory(r) : fail_value(r, status, index, "too many values", nothing);
    }
    switch (type->kind) {
    case RISE_ABI_TUPLE:
        return read_tuple(r, type, index);
    case RISE_ABI_ARRAY:
    case RISE_ABI_FIXED_ARRAY:
        return read_array(r, type, index);
    default:
        value = take(r);
        return read_elementary(r, type, value, entry) ? RISE_OK : misfit(r, index, type, value);
    }
}

/* hashStruct of the object at `at`, whose type stands in r->type_text. */
static rise_status hash_object(reader *r, uint8_t hash[32], const char *name, size_t at) {
    rise_eip712 *type = NULL;
    rise_error error;
    rise_status status = compile(r, &type);

    if (status != RISE_OK) {
        return status;
    }
    r->root_name = name;
    r->root = rise_eip712_get_type(type);
    r->values.count = 0;
    r->byte_count = 0;
    r->json.at = at;
    status = read_value(r, r->root);
    if (status == RISE_OK) {
        status = rise_eip712_hash(type, hash, r->values.entry, r->values.count, &error);
        if (status != RISE_OK) {
            fail(r, status, name, error.message, nothing);
        }
    }
    rise_eip712_free(type);
    return status;
}

/* ---- typed data ---- */

static rise_status hash_domain(reader *r, uint8_t hash[32], size_t at) {
    static const span name = { "EIP712Domain", 12 };
    definition *def = find(r, name);
    rise_status status = def != NULL ? write_types(r, def, 0) : write_domain_type(r, at);

    return status == RISE_OK ? hash_object(r, hash, "domain", at) : status;
}

static rise_status hash_message(reader *r, uint8_t hash[32], size_t primary_at, size_t at) {
    rise_status status;
    definition *def;
    span name;
    size_t i;

    r->json.at = primary_at;
    name = take(r);
    if (!is_string(name)) {
        return fail(r, RISE_EVALUE, "primaryType", "a string was expected", nothing);
    }
    name = unquote(name);
    if (is_text(name, "EIP712Domain")) {
        return fail(r, RISE_EVALUE, "primaryType", "the domain is no message", nothing);
    }
    def = find(r, name);
    if (def == NULL) {
        return fail(r, RISE_EVALUE, "primaryType", "unknown type", name);
    }
    for (i = 0; i < r->def_count; i++) {
        r->defs[i].state = UNSEEN;
    }
    r->type_text.len = 0;
    status = write_types(r, def, 0);
    return status == RISE_OK ? hash_object(r, hash, "message", at) : status;
}

rise_status rise_eip712_json(uint8_t digest[32], uint8_t domain_separator[32], uint8_t struct_hash[32],
                             const char *json, size_t len, rise_error *error) {
    static const char *const names[] = { "types", "primaryType", "domain", "message" };
    uint8_t domain_hash[32], message_hash[32];
    size_t places[4];
    rise_status status;
    reader r;

    memset(&r, 0, sizeof r);
    r.error = error;
    r.type_text.limit = RISE_ABI_MAX_TEXT;
    if (len > RISE_EIP712_MAX_JSON) {
        return rise_fail(error, RISE_ELIMIT, "a text of more than 1 MiB", "", "");
    }
    rise_json_start(&r.json, json, len);
    status = read_whole(&r);
    if (status != RISE_OK) {
        return status;
    }
    r.bytes = malloc(len);
    if (r.bytes == NULL) {
        return fail_memory(&r);
    }
    status = read_object(&r, "typed data", names, places, 4);
    if (status == RISE_OK) {
        status = read_types(&r, places[0]);
    }
    if (status == RISE_OK) {
        status = hash_domain(&r, domain_hash, places[2]);
    }
    if (status == RISE_OK) {
        status = hash_message(&r, message_hash, places[1], places[3]);
    }
    if (status == RISE_OK) {
        rise_eip712_digest(digest, domain_hash, message_hash);
        if (domain_separator != NULL) {
            memcpy(domain_separator, domain_hash, 32);
        }
        if (struct_hash != NULL) {
            memcpy(struct_hash, message_hash, 32);
        }
    }
    free(r.defs);
    free(r.bytes);
    free(r.places);
    rise_abi_values_free(&r.values);
    rise_buf_free(&r.type_text);
    return status;
}
