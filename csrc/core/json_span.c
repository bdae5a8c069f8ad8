/* Where a member's bytes lie in a JSON text (RFC 8259): one pass, no tree, no recursion. */
#include <string.h>

#include "core.h"

typedef struct scanner {
    const char *text;
    size_t len;
    size_t at;
} scanner;

static void skip_space(scanner *s) {
    while (s->at < s->len) {
        char c = s->text[s->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            break;
        }
        s->at++;
    }
}

static int at_char(const scanner *s, char c) {
    return s->at < s->len && s->text[s->at] == c;
}

static int is_digit_at(const scanner *s) {
    return s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9';
}

static int is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Most of a reply is long hex in strings: eight bytes at a time as long as none of them is '"', '\' or a control
 * character. A byte of x is zero exactly when (x - 0x01..) & ~x & 0x80.. is not zero. Bytes from 0x80 on stop the
 * run too; the slow loop takes them. */
static void skip_plain(scanner *s) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = UINT64_C(0x8080808080808080);

    while (s->len - s->at >= 8) {
        uint64_t x, quote, slash;
        memcpy(&x, s->text + s->at, 8);
        quote = x ^ (ones * '"');
        slash = x ^ (ones * '\\');
        if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) | (x - ones * 0x20) | x) & tops) {
            break;
        }
        s->at += 8;
    }
}

/* At the opening quote; ends behind the closing one. */
static int skip_string(scanner *s) {
    s->at++;
    for (;;) {
        unsigned char c;
        skip_plain(s);
        if (s->at == s->len) {
            return 0;
        }
        c = (unsigned char)s->text[s->at];
        if (c == '"') {
            s->at++;
            return 1;
        }
        if (c < 0x20) {
            return 0;
        }
        s->at++;
        if (c == '\\') {
            if (s->at == s->len || s->text[s->at] == '\0' || strchr("\"\\/bfnrtu", s->text[s->at]) == NULL) {
                return 0;
            }
            if (s->text[s->at++] == 'u') {
                int i;
                for (i = 0; i < 4; i++, s->at++) {
                    if (s->at == s->len || !is_hex(s->text[s->at])) {
                        return 0;
                    }
                }
            }
        }
    }
}

static int skip_digits(scanner *s) {
    if (!is_digit_at(s)) {
        return 0;
    }
    while (is_digit_at(s)) {
        s->at++;
    }
    return 1;
}

static int skip_number(scanner *s) {
    if (at_char(s, '-')) {
        s->at++;
    }
    if (at_char(s, '0')) {
        s->at++;
    } else if (!skip_digits(s)) {
        return 0;
    }
    if (at_char(s, '.')) {
        s->at++;
        if (!skip_digits(s)) {
            return 0;
        }
    }
    if (at_char(s, 'e') || at_char(s, 'E')) {
        s->at++;
        if (at_char(s, '+') || at_char(s, '-')) {
            s->at++;
        }
        return skip_digits(s);
    }
    return 1;
}

static int skip_word(scanner *s, const char *word) {
    for (; *word != '\0'; word++, s->at++) {
        if (!at_char(s, *word)) {
            return 0;
        }
    }
    return 1;
}

/* At a value that is neither object nor array. */
static int skip_scalar(scanner *s) {
    if (s->at == s->len) {
        return 0;
    }
    switch (s->text[s->at]) {
    case '"':
        return skip_string(s);
    case 't':
        return skip_word(s, "true");
    case 'f':
        return skip_word(s, "false");
    case 'n':
        return skip_word(s, "null");
    default:
        return skip_number(s);
    }
}

/* At the quote of a member's name; ends at its value. The name is what lies between the quotes. */
static int skip_name(scanner *s, const char **name, size_t *name_len) {
    size_t first = s->at;

    if (!at_char(s, '"') || !skip_string(s)) {
        return 0;
    }
    *name = s->text + first + 1;
    *name_len = s->at - first - 2;
    skip_space(s);
    if (!at_char(s, ':')) {
        return 0;
    }
    s->at++;
    skip_space(s);
    return 1;
}

/* At any value, `depth` levels deep already. One bit a level says whether it is an object that is open there. */
static int skip_value(scanner *s, unsigned depth) {
    uint64_t objects = 0;
    unsigned open = 0;
    const char *name;
    size_t name_len;

    for (;;) {
        int is_object = at_char(s, '{');

        if (is_object || at_char(s, '[')) {
            if (depth + open == RISE_JSON_MAX_DEPTH) {
                return 0;
            }
            objects = objects << 1 | (unsigned)is_object;
            open++;
            s->at++;
            skip_space(s);
            if (!at_char(s, is_object ? '}' : ']')) {
                if (is_object && !skip_name(s, &name, &name_len)) {
                    return 0;
                }
                continue;
            }
            s->at++;
            objects >>= 1;
            open--;
        } else if (!skip_scalar(s)) {
            return 0;
        }
        /* Behind a value: close what ends here, or go on to the next element. */
        while (open != 0) {
            skip_space(s);
            is_object = (int)(objects & 1);
            if (at_char(s, ',')) {
                s->at++;
                skip_space(s);
                if (is_object && !skip_name(s, &name, &name_len)) {
                    return 0;
                }
                break;
            }
            if (!at_char(s, is_object ? '}' : ']')) {
                return 0;
            }
            s->at++;
            objects >>= 1;
            open--;
        }
        if (open == 0) {
            return 1;
        }
    }
}

/* At the value that should be an object; ends at the value of its first member `want`. */
static rise_status enter(scanner *s, const char *want, unsigned depth) {
    size_t want_len = strlen(want);
    const char *name;
    size_t name_len;

    if (!at_char(s, '{')) {
        return skip_value(s, depth) ? RISE_EVALUE : RISE_EDATA;
    }
    if (depth == RISE_JSON_MAX_DEPTH) {
        return RISE_EDATA;
    }
    s->at++;
    skip_space(s);
    if (at_char(s, '}')) {
        return RISE_EVALUE;
    }
    for (;;) {
        if (!skip_name(s, &name, &name_len)) {
            return RISE_EDATA;
        }
        if (name_len == want_len && memcmp(name, want, want_len) == 0) {
            return RISE_OK;
        }
        if (!skip_value(s, depth + 1)) {
            return RISE_EDATA;
        }
        skip_space(s);
        if (at_char(s, '}')) {
            return RISE_EVALUE;
        }
        if (!at_char(s, ',')) {
            return RISE_EDATA;
        }
        s->at++;
        skip_space(s);
    }
}

rise_status rise_json_span(size_t *start, size_t *span_len, const char *text, size_t len, const char *const *path,
                           size_t depth) {
    scanner s;
    rise_status status = RISE_OK;
    size_t level;

    s.text = text;
    s.len = len;
    s.at = 0;
    skip_space(&s);
    for (level = 0; level < depth && status == RISE_OK; level++) {
        status = enter(&s, path[level], (unsigned)level);
    }
    *start = s.at;
    if (status == RISE_OK && !skip_value(&s, (unsigned)depth)) {
        status = RISE_EDATA;
    }
    if (status == RISE_OK) {
        *span_len = s.at - *start;
    } else {
        *start = s.at;
    }
    return status;
}
