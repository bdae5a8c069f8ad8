/* Spans of JSON. The input is a path, its names divided by '/', a new line, and the text; without a new line all is
 * text. A second reader, written after the grammar of RFC 8259 with a function for each rule, must find the same. */
#include "fuzz.h"

#define NAMES 4

/* ---- the second reader: each takes a position and returns the one behind, or NULL ---- */

static const char *space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

static int is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const char *string(const char *p, const char *end) {
    int i;

    if (p == end || *p++ != '"') {
        return NULL;
    }
    while (p < end && *p != '"') {
        if ((unsigned char)*p < 0x20) {
            return NULL;
        }
        if (*p++ != '\\') {
            continue;
        }
        if (p == end) {
            return NULL;
        }
        switch (*p++) {
        case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
            break;
        case 'u':
            for (i = 0; i < 4; i++) {
                if (p == end || !is_hex(*p++)) {
                    return NULL;
                }
            }
            break;
        default:
            return NULL;
        }
    }
    return p == end ? NULL : p + 1;
}

static const char *digits(const char *p, const char *end) {
    const char *first = p;

    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p == first ? NULL : p;
}

static const char *number(const char *p, const char *end) {
    if (p < end && *p == '-') {
        p++;
    }
    p = p < end && *p == '0' ? p + 1 : digits(p, end);
    if (p != NULL && p < end && *p == '.') {
        p = digits(p + 1, end);
    }
    if (p != NULL && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p = digits(p < end && (*p == '+' || *p == '-') ? p + 1 : p, end);
    }
    return p;
}

static const char *word(const char *p, const char *end, const char *want) {
    size_t len = strlen(want);

    return (size_t)(end - p) >= len && memcmp(p, want, len) == 0 ? p + len : NULL;
}

static const char *value(const char *p, const char *end, unsigned depth) {
    char close;

    if (p == end) {
        return NULL;
    }
    switch (*p) {
    case '"':
        return string(p, end);
    case 't':
        return word(p, end, "true");
    case 'f':
        return word(p, end, "false");
    case 'n':
        return word(p, end, "null");
    case '[':
    case '{':
        break;
    default:
        return number(p, end);
    }
    if (depth == RISE_JSON_MAX_DEPTH) {
        return NULL;
    }
    close = *p == '[' ? ']' : '}';
    p = space(p + 1, end);
    if (p < end && *p == close) {
        return p + 1;
    }
    for (;;) {
        if (close == '}') {
            p = string(p, end);
            p = p == NULL ? NULL : space(p, end);
            if (p == NULL || p == end || *p != ':') {
                return NULL;
            }
            p = space(p + 1, end);
        }
        p = value(p, end, depth + 1);
        p = p == NULL ? NULL : space(p, end);
        if (p == NULL || p == end || (*p != ',' && *p != close)) {
            return NULL;
        }
        if (*p == close) {
            return p + 1;
        }
        p = space(p + 1, end);
    }
}

/* The value of the first member of this name in the object at `p`. */
static const char *member(const char *p, const char *end, const char *name, unsigned depth) {
    size_t len = strlen(name);

    if (p == end || *p != '{' || depth == RISE_JSON_MAX_DEPTH) {
        return NULL;
    }
    p = space(p + 1, end);
    for (;;) {
        const char *first = p;
        int found;
        p = string(p, end);
        if (p == NULL) {
            return NULL;
        }
        found = same_bytes(first + 1, (size_t)(p - first) - 2, name, len);
        p = space(p, end);
        if (p == end || *p != ':') {
            return NULL;
        }
        p = space(p + 1, end);
        if (found) {
            return p;
        }
        p = value(p, end, depth + 1);
        p = p == NULL ? NULL : space(p, end);
        if (p == NULL || p == end || *p != ',') {
            return NULL;
        }
        p = space(p + 1, end);
    }
}

/* ---- the property ---- */

static void check(const char *text, size_t len, const char *const *path, size_t depth) {
    const char *end = text + len, *first = space(text, end), *last;
    size_t start = SIZE_MAX, span_len = SIZE_MAX, inner = SIZE_MAX, inner_len = SIZE_MAX, i;
    rise_status status = rise_json_span(&start, &span_len, text, len, path, depth);

    for (i = 0; i < depth && first != NULL; i++) {
        first = member(first, end, path[i], (unsigned)i);
    }
    last = first == NULL ? NULL : value(first, end, (unsigned)depth);
    HOLDS((status == RISE_OK) == (last != NULL));
    HOLDS(start <= len);
    if (status != RISE_OK) {
        HOLDS(status == RISE_EDATA || (status == RISE_EVALUE && depth != 0));
        return;
    }
    HOLDS(start == (size_t)(first - text) && span_len == (size_t)(last - first) && span_len != 0);
    /* What was found is a value by itself, found again in a text that ends with it. */
    HOLDS(rise_json_span(&inner, &inner_len, text + start, span_len, NULL, 0) == RISE_OK);
    HOLDS(inner == 0 && inner_len == span_len);
    HOLDS(rise_json_span(&inner, &inner_len, text, start + span_len, path, depth) == RISE_OK);
    HOLDS(inner == start && inner_len == span_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    char names[NAMES][16];
    const char *path[NAMES];
    size_t depth = 0, rest, from = 0;
    size_t head = split(data, len, '\n', &rest);

    if (rest == len) {
        head = 0;
        rest = 0;
    }
    while (from < head && depth < NAMES) {
        size_t next;
        size_t name_len = split(data + from, head - from, '/', &next);
        if (name_len >= sizeof names[0] || memchr(data + from, '\0', name_len) != NULL) {
            break;
        }
        memcpy(names[depth], data + from, name_len);
        names[depth][name_len] = '\0';
        path[depth] = names[depth];
        depth++;
        from += next;
    }
    check((const char *)data + rest, len - rest, NULL, 0);
    check((const char *)data + rest, len - rest, path, depth);
    return 0;
}
