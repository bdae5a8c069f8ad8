/* Reading JSON text (RFC 8259), and where a member's bytes lie in it: one pass, no tree, no recursion. */
#include <string.h>

#include "json.h"

void rise_json_skip_space(rise_json *s) {
    while (s->at < s->len) {
        char c = s->text[s->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            break;
        }
        s->at++;
    }
}

static int at_char(const rise_json *s, char c) {
    return s->at < s->len && s->text[s->at] == c;
}

static int is_digit_at(const rise_json *s) {
    return s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9';
}

static int is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The eight bytes at `p`, the first in the lowest byte; compilers make one load of it where that is possible. */
static uint64_t load(const char *p) {
    const uint8_t *b = (const uint8_t *)p;

    return (uint64_t)b[7] << 56 | (uint64_t)b[6] << 48 | (uint64_t)b[5] << 40 | (uint64_t)b[4] << 32
         | (uint64_t)b[3] << 24 | (uint64_t)b[2] << 16 | (uint64_t)b[1] << 8 | (uint64_t)b[0];
}

/* How many of the low bytes of a number other than 0 are 0. */
static unsigned zero_bytes(uint64_t x) {
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(x) / 8;
#else
    unsigned n = 0;

    for (; (x & 0xff) == 0; x >>= 8) {
        n++;
    }
    return n;
#endif
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The top bit of the lowest byte of x that is '"', '\', a control character, or 0x80 and more; 0 when none is. A sum sets
 * the top bit of each byte that is another, and carries into bytes above one of at least 0x80 alone, where bits may be
 * wrong. */
static uint64_t special(uint64_t x) {
    uint64_t plain = ((x ^ EACH('"')) + EACH(0x7f)) & ((x ^ EACH('\\')) + EACH(0x7f)) & (x + EACH(0x80 - 0x20));

    return (~plain | x) & EACH(0x80);
}

/* Most of a reply is long hex in strings: on to the next special byte, or until fewer than sixteen bytes are left. */
static void skip_plain(rise_json *s) {
    while (s->len - s->at >= 16) {
        uint64_t low = special(load(s->text + s->at)), high = special(load(s->text + s->at + 8));

        if ((low | high) != 0) {
            s->at += low != 0 ? zero_bytes(low) : 8 + zero_bytes(high);
            return;
        }
        s->at += 16;
    }
}

/* At the opening quote; ends behind the closing one. */
static int skip_string(rise_json *s) {
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

static int skip_digits(rise_json *s) {
    if (!is_digit_at(s)) {
        return 0;
    }
    while (is_digit_at(s)) {
        s->at++;
    }
    return 1;
}

static int skip_number(rise_json *s) {
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

static int skip_word(rise_json *s, const char *word) {
    for (; *word != '\0'; word++, s->at++) {
        if (!at_char(s, *word)) {
            return 0;
        }
    }
    return 1;
}

/* At a value that is neither object nor array. */
static int skip_scalar(rise_json *s) {
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

int rise_json_name(rise_json *s, const char **name, size_t *name_len) {
    size_t first = s->at;

    if (!at_char(s, '"') || !skip_string(s)) {
        return 0;
    }
    *name = s->text + first + 1;
    *name_len = s->at - first - 2;
    rise_json_skip_space(s);
    if (!at_char(s, ':')) {
        return 0;
    }
    s->at++;
    rise_json_skip_space(s);
    return 1;
}

/* One bit a level says whether it is an object that is open there. */
int rise_json_skip(rise_json *s, unsigned depth) {
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
            rise_json_skip_space(s);
            if (!at_char(s, is_object ? '}' : ']')) {
                if (is_object && !rise_json_name(s, &name, &name_len)) {
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
            rise_json_skip_space(s);
            is_object = (int)(objects & 1);
            if (at_char(s, ',')) {
                s->at++;
                rise_json_skip_space(s);
                if (is_object && !rise_json_name(s, &name, &name_len)) {
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

void rise_json_start(rise_json *s, const char *text, size_t len) {
    s->text = text;
    s->len = len;
    s->at = 0;
    rise_json_skip_space(s);
}

int rise_json_enter(rise_json *s, char open) {
    if (!at_char(s, open)) {
        return 0;
    }
    s->at++;
    return 1;
}

int rise_json_next(rise_json *s, char close, int first) {
    rise_json_skip_space(s);
    if (at_char(s, close)) {
        s->at++;
        return 0;
    }
    if (first) {
        return 1;
    }
    if (!at_char(s, ',')) {
        return -1;
    }
    s->at++;
    rise_json_skip_space(s);
    return 1;
}

/* At the value that should be an object; ends at the value of its first member `want`. */
static rise_status enter(rise_json *s, const char *want, unsigned depth) {
    size_t want_len = strlen(want);
    const char *name;
    size_t name_len;
    int more, first = 1;

    if (!at_char(s, '{')) {
        return rise_json_skip(s, depth) ? RISE_EVALUE : RISE_EDATA;
    }
    if (depth == RISE_JSON_MAX_DEPTH) {
        return RISE_EDATA;
    }
    rise_json_enter(s, '{');
    while ((more = rise_json_next(s, '}', first)) > 0) {
        if (!rise_json_name(s, &name, &name_len)) {
            return RISE_EDATA;
        }
        if (name_len == want_len && memcmp(name, want, want_len) == 0) {
            return RISE_OK;
        }
        if (!rise_json_skip(s, depth + 1)) {
            return RISE_EDATA;
        }
        first = 0;
    }
    if (more == 0) {
        s->at--; /* the scan stopped at the bracket */
    }
    return more == 0 ? RISE_EVALUE : RISE_EDATA;
}

rise_status rise_json_span(size_t *start, size_t *span_len, const char *text, size_t len, const char *const *path,
                           size_t depth) {
    rise_json s;
    rise_status status = RISE_OK;
    size_t level;

    rise_json_start(&s, text, len);
    for (level = 0; level < depth && status == RISE_OK; level++) {
        status = enter(&s, path[level], (unsigned)level);
    }
    *start = s.at;
    if (status == RISE_OK && !rise_json_skip(&s, (unsigned)depth)) {
        status = RISE_EDATA;
    }
    if (status == RISE_OK) {
        *span_len = s.at - *start;
    } else {
        *start = s.at;
    }
    return status;
}
