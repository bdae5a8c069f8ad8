/* Values and their encodings (Solidity's contract ABI specification), driven by the type's nodes.
 *
 * Values are walked in step with the type; recursion is no deeper than types nest (RISE_ABI_MAX_DEPTH). Nothing is
 * recorded on the way for error messages: what failed is an index into the values, and rise_abi_path finds its name.
 */
#include <stdlib.h>
#include <string.h>

#include "abi.h"

/* ---- messages ---- */

void rise_abi_note_start(rise_abi_note *note, char *text, size_t size) {
    note->text = text;
    note->size = size;
    note->len = 0;
    text[0] = '\0';
}

void rise_abi_note_text(rise_abi_note *note, const char *text, size_t len) {
    if (len > note->size - 1 - note->len) {
        len = note->size - 1 - note->len;
    }
    memcpy(note->text + note->len, text, len);
    note->len += len;
    note->text[note->len] = '\0';
}

void rise_abi_note_number(rise_abi_note *note, uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    rise_abi_note_text(note, digits + at, sizeof digits - at);
}

static void note_string(rise_abi_note *note, const char *text) {
    rise_abi_note_text(note, text, strlen(text));
}

/* ---- types ---- */

/* The name of a type without components; returns its length. */
static size_t elementary_name(char name[16], const rise_abi_type *type) {
    static const char *const words[] = { "uint", "int", "bool", "address", "function", "bytes", "bytes", "string" };
    rise_abi_note note;

    rise_abi_note_start(&note, name, 16);
    note_string(&note, words[type->kind]);
    if (type->size != 0) {
        rise_abi_note_number(&note, type->size);
    }
    return note.len;
}

rise_status rise_abi_brackets(rise_buf *out, const rise_abi_type *type) {
    char text[16];
    rise_abi_note note;

    rise_abi_note_start(&note, text, sizeof text);
    rise_abi_note_text(&note, "[", 1);
    if (type->kind == RISE_ABI_FIXED_ARRAY) {
        rise_abi_note_number(&note, type->count);
    }
    rise_abi_note_text(&note, "]", 1);
    return rise_buf_append(out, text, note.len);
}

rise_status rise_abi_type_name(rise_buf *out, const rise_abi_type *type) {
    const rise_abi_type *child = type + 1;
    rise_status status;
    char text[16];
    uint32_t i;

    switch (type->kind) {
    case RISE_ABI_TUPLE:
        status = rise_buf_append(out, "(", 1);
        for (i = 0; i < type->count && status == RISE_OK; i++, child += child->span) {
            status = i == 0 ? RISE_OK : rise_buf_append(out, ",", 1);
            if (status == RISE_OK) {
                status = rise_abi_type_name(out, child);
            }
        }
        return status == RISE_OK ? rise_buf_append(out, ")", 1) : status;
    case RISE_ABI_ARRAY:
    case RISE_ABI_FIXED_ARRAY:
        status = rise_abi_type_name(out, child);
        return status == RISE_OK ? rise_abi_brackets(out, type) : status;
    default:
        return rise_buf_append(out, text, elementary_name(text, type));
    }
}

/* ---- lists of values ---- */

void rise_abi_values_free(rise_abi_values *values) {
    free(values->entry);
    values->entry = NULL;
    values->count = 0;
    values->size = 0;
}

/* Makes room for one more entry. */
static rise_status grow(rise_abi_values *values) {
    size_t size = values->size < 16 ? 16 : values->size * 2;
    rise_abi_value *entry;

    if (size > RISE_ABI_MAX_VALUES) {
        return RISE_ELIMIT;
    }
    entry = realloc(values->entry, size * sizeof *entry);
    if (entry == NULL) {
        return RISE_ENOMEM;
    }
    values->entry = entry;
    values->size = size;
    return RISE_OK;
}

rise_status rise_abi_values_add(rise_abi_values *values, rise_abi_value **entry) {
    if (values->count == values->size) {
        rise_status status = grow(values);
        if (status != RISE_OK) {
            return status;
        }
    }
    *entry = &values->entry[values->count++];
    memset(*entry, 0, sizeof **entry);
    return RISE_OK;
}

/* Walks until *at has come to entry `index` and returns its type, NULL before. `note` then has its name. */
static const rise_abi_type *find(rise_abi_note *note, const rise_abi_type *type, const rise_abi_value *values,
                                 size_t *at, size_t index) {
    const rise_abi_type *child = type + 1, *found;
    size_t here = (*at)++, len = note->len, count, i;

    if (here == index) {
        return type;
    }
    if (type->kind < RISE_ABI_ARRAY) {
        return NULL;
    }
    count = type->kind == RISE_ABI_ARRAY ? values[here].len : type->count;
    for (i = 0; i < count; i++) {
        if (type->kind == RISE_ABI_TUPLE && child->name[0] != '\0') {
            rise_abi_note_text(note, ".", len > 0 ? 1 : 0);
            note_string(note, child->name);
        } else {
            rise_abi_note_text(note, "[", 1);
            rise_abi_note_number(note, i + 1);
            rise_abi_note_text(note, "]", 1);
        }
        found = find(note, child, values, at, index);
        if (found != NULL) {
            return found;
        }
        note->len = len;
        note->text[len] = '\0';
        if (type->kind == RISE_ABI_TUPLE) {
            child += child->span;
        }
    }
    return NULL;
}

/* The path of an entry, and its type. */
static const rise_abi_type *locate(char text[128], const rise_abi_type *type, const rise_abi_value *values,
                                   size_t index) {
    const rise_abi_type *found;
    rise_abi_note note;
    size_t at = 0;

    rise_abi_note_start(&note, text, 128);
    found = find(&note, type, values, &at, index);
    if (note.len == 0) {
        note_string(&note, "the value");
    }
    return found;
}

void rise_abi_path(char text[128], const rise_abi_type *type, const rise_abi_value *values, size_t index) {
    locate(text, type, values, index);
}

/* "path: " into the message of `error`, nothing for the whole, and a note that goes on behind it. Returns the type of
 * the entry. */
static const rise_abi_type *start_message(rise_error *error, rise_abi_note *note, rise_status code,
                                          const rise_abi_type *type, const rise_abi_value *values, size_t index) {
    char path[128];

    error->code = code;
    type = locate(path, type, values, index);
    rise_abi_note_start(note, error->message, sizeof error->message);
    if (index > 0) {
        note_string(note, path);
        rise_abi_note_text(note, ": ", 2);
    }
    return type;
}

static rise_status fail_value(rise_error *error, rise_status code, const rise_abi_type *type,
                              const rise_abi_value *values, size_t index, const char *why) {
    rise_abi_note note;

    if (error != NULL) {
        start_message(error, &note, code, type, values, index);
        note_string(&note, why);
    }
    return code;
}

/* ---- words ---- */

static int all_bytes(const uint8_t *bytes, size_t len, uint8_t value) {
    size_t i;
    uint8_t differ = 0;

    for (i = 0; i < len; i++) {
        differ |= (uint8_t)(bytes[i] ^ value);
    }
    return differ == 0;
}

/* Whether a word holds nothing but a value of its type. */
static int fits(const rise_abi_type *type, const uint8_t word[32]) {
    uint32_t bytes = type->size / 8;

    switch (type->kind) {
    case RISE_ABI_UINT:
        return bytes == 32 || all_bytes(word, 32 - bytes, 0);
    case RISE_ABI_INT:
        return all_bytes(word, 32 - bytes, word[32 - bytes] & 0x80 ? 0xff : 0);
    case RISE_ABI_BOOL:
        return all_bytes(word, 31, 0) && word[31] <= 1;
    case RISE_ABI_ADDRESS:
        return all_bytes(word, 12, 0);
    case RISE_ABI_FUNCTION:
        return all_bytes(word + 24, 8, 0);
    case RISE_ABI_FIXED_BYTES:
        return all_bytes(word + type->size, 32 - type->size, 0);
    default:
        return 1;
    }
}

static void negate(uint8_t word[32]) {
    unsigned carry = 1;
    int i;

    for (i = 31; i >= 0; i--) {
        carry += (uint8_t)~word[i];
        word[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

/* The word as its type reads it: a decimal number, or hex. */
static void note_word(rise_abi_note *note, const rise_abi_type *type, const uint8_t word[32]) {
    char text[79];
    uint8_t copy[32];
    rise_u256 number;

    if (type->kind != RISE_ABI_UINT && type->kind != RISE_ABI_INT) {
        rise_abi_note_text(note, "0x", 2);
        rise_hex_encode(text, word, 32);
        rise_abi_note_text(note, text, 64);
        return;
    }
    memcpy(copy, word, 32);
    if (type->kind == RISE_ABI_INT && (copy[0] & 0x80)) {
        negate(copy);
        rise_abi_note_text(note, "-", 1);
    }
    rise_u256_from_bytes(&number, copy);
    rise_abi_note_text(note, text, rise_u256_to_dec(text, &number));
}

/* Ends a message: "256 does not fit uint8". */
static void note_misfit(rise_abi_note *note, const rise_abi_type *type, const uint8_t word[32]) {
    char name[16];

    note_word(note, type, word);
    rise_abi_note_text(note, " does not fit ", 14);
    rise_abi_note_text(note, name, elementary_name(name, type));
}

rise_status rise_abi_number(uint8_t word[32], const rise_abi_type *type, const char *text, size_t len) {
    int negative = len > 0 && text[0] == '-' && type->kind == RISE_ABI_INT;
    rise_u256 number;

    if (type->kind != RISE_ABI_UINT && type->kind != RISE_ABI_INT) {
        return RISE_EVALUE;
    }
    if (rise_u256_from_text(&number, text + negative, len - (size_t)negative) != RISE_OK) {
        return RISE_EVALUE;
    }
    rise_u256_to_bytes(word, &number);
    if (negative && !rise_u256_is_zero(&number)) {
        negate(word);
        if (!(word[0] & 0x80)) {
            return RISE_EVALUE;
        }
    } else if (type->kind == RISE_ABI_INT && (word[0] & 0x80)) {
        return RISE_EVALUE;
    }
    return fits(type, word) ? RISE_OK : RISE_EVALUE;
}

/* ---- encoding: a pass that checks and measures, a pass that writes ---- */

typedef struct measurer {
    const rise_abi_value *values;
    size_t count;
    size_t next;
    size_t total;
    size_t failed; /* entry the status is about */
    const char *why;
} measurer;

static size_t padded(size_t len) {
    return (len + 31) & ~(size_t)31;
}

static rise_status refuse(measurer *m, size_t index, rise_status status, const char *why) {
    m->failed = index;
    m->why = why;
    return status;
}

static rise_status add_size(measurer *m, size_t index, size_t size) {
    if (size > RISE_BUF_LIMIT - m->total) {
        return refuse(m, index, RISE_ELIMIT, "the encoding gets too long");
    }
    m->total += size;
    return RISE_OK;
}

/* Counts what the value takes apart from its place in the head of what contains it. */
static rise_status measure(measurer *m, const rise_abi_type *type) {
    const rise_abi_type *child = type + 1;
    size_t index = m->next, i;
    const rise_abi_value *value;
    rise_status status = RISE_OK;

    if (index >= m->count) {
        return refuse(m, index, RISE_EVALUE, "missing");
    }
    value = &m->values[index];
    m->next++;
    switch (type->kind) {
    case RISE_ABI_BYTES:
    case RISE_ABI_STRING:
        if (value->data == NULL && value->len > 0) {
            return refuse(m, index, RISE_EVALUE, "a length without data");
        }
        if (value->len > RISE_BUF_LIMIT) {
            return refuse(m, index, RISE_ELIMIT, "the encoding gets too long");
        }
        return add_size(m, index, 32 + padded(value->len));
    case RISE_ABI_ARRAY:
        if (value->len > RISE_BUF_LIMIT / 32) {
            return refuse(m, index, RISE_ELIMIT, "the encoding gets too long");
        }
        status = add_size(m, index, 32);
        for (i = 0; i < value->len && status == RISE_OK; i++) {
            status = add_size(m, index, child->head);
            if (status == RISE_OK) {
                status = measure(m, child);
            }
        }
        return status;
    case RISE_ABI_FIXED_ARRAY:
        status = type->dynamic ? add_size(m, index, type->size) : RISE_OK;
        for (i = 0; i < type->count && status == RISE_OK; i++) {
            status = measure(m, child);
        }
        return status;
    case RISE_ABI_TUPLE:
        status = type->dynamic ? add_size(m, index, type->size) : RISE_OK;
        for (i = 0; i < type->count && status == RISE_OK; i++) {
            status = measure(m, child);
            child += child->span;
        }
        return status;
    default:
        return fits(type, value->word) ? RISE_OK : refuse(m, index, RISE_EVALUE, NULL);
    }
}

rise_status rise_abi_measure(size_t *size, const rise_abi_type *type, const rise_abi_value *values, size_t count,
                             rise_error *error) {
    measurer m;
    rise_status status;
    rise_abi_note note;

    memset(&m, 0, sizeof m);
    m.values = values;
    m.count = count;
    if (!type->dynamic) {
        m.total = type->head;
    }
    status = measure(&m, type);
    if (status == RISE_OK && m.next != count) {
        return rise_fail(error, RISE_EVALUE, "more values than the type takes", "", "");
    }
    *size = m.total;
    if (status == RISE_OK || error == NULL) {
        return status;
    }
    if (m.why != NULL) {
        return fail_value(error, status, type, values, m.failed, m.why);
    }
    type = start_message(error, &note, status, type, values, m.failed);
    note_misfit(&note, type, values[m.failed].word);
    return status;
}

typedef struct writer {
    const rise_abi_value *next;
} writer;

static void put_number(uint8_t word[32], size_t number) {
    memset(word, 0, 24);
    rise_store_be64(word + 24, number);
}

static uint8_t *put_value(writer *w, uint8_t *at, const rise_abi_type *type);

/* `count` values, of one type or of successive ones: the heads, which take `heads` bytes, then the tails. Returns the
 * end of the last tail. Offsets count from the first head. */
static uint8_t *put_sequence(writer *w, uint8_t *base, const rise_abi_type *type, size_t count, int one_type,
                             size_t heads) {
    uint8_t *head = base, *tail = base + heads;
    size_t i;

    for (i = 0; i < count; i++) {
        if (type->dynamic) {
            put_number(head, (size_t)(tail - base));
            head += 32;
            tail = put_value(w, tail, type);
        } else {
            head = put_value(w, head, type);
        }
        if (!one_type) {
            type += type->span;
        }
    }
    return tail;
}

/* The value itself at `at`; returns where it ends. */
static uint8_t *put_value(writer *w, uint8_t *at, const rise_abi_type *type) {
    const rise_abi_value *value = w->next++;

    switch (type->kind) {
    case RISE_ABI_BYTES:
    case RISE_ABI_STRING:
        put_number(at, value->len);
        at += 32;
        if (value->len > 0) {
            memcpy(at, value->data, value->len);
        }
        memset(at + value->len, 0, padded(value->len) - value->len);
        return at + padded(value->len);
    case RISE_ABI_ARRAY:
        put_number(at, value->len);
        return put_sequence(w, at + 32, type + 1, value->len, 1, value->len * type[1].head);
    case RISE_ABI_FIXED_ARRAY:
        return put_sequence(w, at, type + 1, type->count, 1, type->size);
    case RISE_ABI_TUPLE:
        return put_sequence(w, at, type + 1, type->count, 0, type->size);
    default:
        memcpy(at, value->word, 32);
        return at + 32;
    }
}

rise_status rise_abi_encode(rise_buf *out, const rise_abi_type *type, const rise_abi_value *values, size_t count,
                            rise_error *error) {
    size_t size = 0;
    uint8_t *space;
    writer w;
    rise_status status = rise_abi_measure(&size, type, values, count, error);

    if (status != RISE_OK) {
        return status;
    }
    status = rise_buf_extend(out, &space, size);
    if (status != RISE_OK) {
        return rise_fail(error, status, rise_status_text(status), "", "");
    }
    w.next = values;
    put_value(&w, space, type);
    return RISE_OK;
}

/* ---- abi.encodePacked ---- */

/* The bytes of a word that a value of this type uses. */
static rise_status put_packed_word(rise_buf *out, const rise_abi_type *type, const uint8_t word[32]) {
    switch (type->kind) {
    case RISE_ABI_UINT:
    case RISE_ABI_INT:
        return rise_buf_append(out, word + 32 - type->size / 8, type->size / 8);
    case RISE_ABI_BOOL:
        return rise_buf_append(out, word + 31, 1);
    case RISE_ABI_ADDRESS:
        return rise_buf_append(out, word + 12, 20);
    case RISE_ABI_FUNCTION:
        return rise_buf_append(out, word, 24);
    default:
        return rise_buf_append(out, word, type->size);
    }
}

static int packs_alone(rise_abi_kind kind) {
    return kind < RISE_ABI_BYTES;
}

/* NULL when Solidity packs such a value, else why it does not. */
static const char *packing_refused(const rise_abi_type *type) {
    if (type->kind == RISE_ABI_TUPLE) {
        return "tuples cannot be packed";
    }
    if ((type->kind == RISE_ABI_ARRAY || type->kind == RISE_ABI_FIXED_ARRAY) && !packs_alone(type[1].kind)) {
        return "only arrays of numbers, booleans, addresses and bytesN can be packed";
    }
    return NULL;
}

static rise_status put_packed(rise_buf *out, const rise_abi_type *type, const rise_abi_value **next) {
    const rise_abi_value *value = (*next)++;
    rise_status status = RISE_OK;
    size_t i, count;

    switch (type->kind) {
    case RISE_ABI_BYTES:
    case RISE_ABI_STRING:
        return rise_buf_append(out, value->data, value->len);
    case RISE_ABI_ARRAY:
    case RISE_ABI_FIXED_ARRAY:
        count = type->kind == RISE_ABI_ARRAY ? value->len : type->count;
        for (i = 0; i < count && status == RISE_OK; i++) {
            status = rise_buf_append(out, (*next)++->word, 32);
        }
        return status;
    default:
        return put_packed_word(out, type, value->word);
    }
}

rise_status rise_abi_encode_packed(rise_buf *out, const rise_abi_type *type, const rise_abi_value *values,
                                   size_t count, rise_error *error) {
    const rise_abi_type *part = type->kind == RISE_ABI_TUPLE ? type + 1 : type;
    const rise_abi_value *next = values;
    uint32_t parts = type->kind == RISE_ABI_TUPLE ? type->count : 1, i;
    size_t size, start = out->len;
    rise_status status = rise_abi_measure(&size, type, values, count, error);

    if (status != RISE_OK) {
        return status;
    }
    if (type->kind == RISE_ABI_TUPLE) {
        next++;
    }
    for (i = 0; i < parts && status == RISE_OK; i++, part += part->span) {
        const char *why = packing_refused(part);
        if (why != NULL) {
            out->len = start;
            return fail_value(error, RISE_EABI, type, values, (size_t)(next - values), why);
        }
        status = put_packed(out, part, &next);
    }
    if (status != RISE_OK) {
        out->len = start;
        return rise_fail(error, status, rise_status_text(status), "", "");
    }
    return RISE_OK;
}

/* ---- decoding ---- */

typedef struct reader {
    rise_abi_values *out;
    const uint8_t *data;
    size_t len;
    size_t words;    /* bytes that tuples and arrays may still take, heads that is */
    size_t contents; /* bytes that bytes and strings may still take */
    size_t pos;      /* where it failed */
    const char *why; /* NULL: the word at pos does not fit its type */
} reader;

static rise_status reject(reader *r, size_t pos, rise_status status, const char *why) {
    r->pos = pos;
    r->why = why;
    return status;
}

/* The number at `pos` if it is no more than `high`. */
static int get_number(size_t *number, const reader *r, size_t pos, size_t high) {
    const uint8_t *word = r->data + pos;
    uint64_t low = rise_load_be64(word + 24);

    *number = (size_t)low;
    return all_bytes(word, 24, 0) && low <= high;
}

/* `size` bytes at `pos`, out of `words` or `contents`. */
static rise_status take(reader *r, size_t *budget, size_t pos, size_t size) {
    if (size > r->len - pos) {
        return reject(r, pos, RISE_EDATA, "the data ends too early");
    }
    if (size > *budget) {
        return reject(r, pos, RISE_ELIMIT, "parts of the data are used more than once");
    }
    *budget -= size;
    return RISE_OK;
}

static rise_status get_value(reader *r, size_t pos, const rise_abi_type *type);

/* What put_sequence wrote at `base`; the heads lie inside the data. */
static rise_status get_sequence(reader *r, size_t base, const rise_abi_type *type, size_t count, int one_type) {
    size_t head = base, i, offset;
    rise_status status;

    for (i = 0; i < count; i++) {
        if (!type->dynamic) {
            status = get_value(r, head, type);
        } else if (get_number(&offset, r, head, r->len - base)) {
            status = get_value(r, base + offset, type);
        } else {
            status = reject(r, head, RISE_EDATA, "an offset that leads out of the data");
        }
        if (status != RISE_OK) {
            return status;
        }
        head += type->head;
        if (!one_type) {
            type += type->span;
        }
    }
    return RISE_OK;
}

/* Appends the value at `pos` and those nested in it. A static one has been found to lie inside the data. */
static rise_status get_value(reader *r, size_t pos, const rise_abi_type *type) {
    size_t index = r->out->count, number = 0, room;
    rise_abi_value *value;
    rise_status status = RISE_OK;

    if (index == r->out->size) {
        status = grow(r->out);
        if (status != RISE_OK) {
            return reject(r, pos, status, rise_status_text(status));
        }
    }
    value = &r->out->entry[index];
    value->data = NULL;
    value->len = 0;
    switch (type->kind) {
    case RISE_ABI_BYTES:
    case RISE_ABI_STRING:
    case RISE_ABI_ARRAY:
        room = r->len - pos;
        if (room < 32) {
            return reject(r, pos, RISE_EDATA, "the data ends too early");
        }
        pos += 32;
        room -= 32;
        if (!get_number(&number, r, pos - 32, type->kind == RISE_ABI_ARRAY ? room / type[1].head : room)) {
            return reject(r, pos - 32, RISE_EDATA, "a length that leads out of the data");
        }
        memset(value->word, 0, 32);
        value->len = number;
        if (type->kind == RISE_ABI_ARRAY) {
            status = take(r, &r->words, pos, number * type[1].head);
            r->out->count += status == RISE_OK;
            return status != RISE_OK ? status : get_sequence(r, pos, type + 1, number, 1);
        }
        value->data = r->data + pos;
        status = take(r, &r->contents, pos, number);
        r->out->count += status == RISE_OK;
        return status;
    case RISE_ABI_FIXED_ARRAY:
    case RISE_ABI_TUPLE:
        memset(value->word, 0, 32);
        if (type->dynamic) {
            status = take(r, &r->words, pos, type->size);
        }
        r->out->count += status == RISE_OK;
        return status != RISE_OK ? status
             : get_sequence(r, pos, type + 1, type->count, type->kind == RISE_ABI_FIXED_ARRAY);
    default:
        memcpy(value->word, r->data + pos, 32);
        if (!fits(type, value->word)) {
            return reject(r, pos, RISE_EDATA, NULL);
        }
        r->out->count++;
        return RISE_OK;
    }
}

rise_status rise_abi_decode(rise_abi_values *values, const rise_abi_type *type, const uint8_t *data, size_t len,
                            rise_error *error) {
    reader r;
    rise_abi_note note;
    rise_status status;

    memset(&r, 0, sizeof r);
    r.out = values;
    r.data = data;
    r.len = len;
    r.words = len;
    r.contents = len;
    values->count = 0;
    if (!type->dynamic && type->head > len) {
        status = reject(&r, 0, RISE_EDATA, "the data ends too early");
    } else {
        status = get_value(&r, 0, type);
    }
    if (status == RISE_OK || error == NULL) {
        return status;
    }
    type = start_message(error, &note, status, type, values->entry, values->count);
    note_string(&note, "at byte ");
    rise_abi_note_number(&note, r.pos);
    note_string(&note, ": ");
    if (r.why != NULL) {
        note_string(&note, r.why);
    } else {
        note_misfit(&note, type, data + r.pos);
    }
    return status;
}
