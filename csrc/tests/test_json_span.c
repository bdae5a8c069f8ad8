/* Spans of JSON members; well-formed and malformed texts after RFC 8259. */
#include "check.h"

/* The span of the value at a path of up to three names, or the status when it fails. */
static void expect(const char *text, const char *a, const char *b, const char *c, const char *want, rise_status status,
                   int line) {
    const char *path[3];
    size_t depth = a == NULL ? 0 : b == NULL ? 1 : c == NULL ? 2 : 3;
    size_t len = strlen(text), start = SIZE_MAX, span_len = SIZE_MAX;
    /* A copy of exactly this size, so that reading beyond it shows. */
    char *copy = malloc(len + (len == 0));
    rise_status got;

    path[0] = a;
    path[1] = b;
    path[2] = c;
    CHECK(copy != NULL);
    memcpy(copy, text, len);
    got = rise_json_span(&start, &span_len, copy, len, path, depth);
    if (got != status || start > len
        || (got == RISE_OK && (span_len != strlen(want) || memcmp(copy + start, want, span_len) != 0))) {
        fprintf(stderr, "line %d: %s: status %d, start %d\n", line, text, (int)got, (int)start);
        exit(1);
    }
    free(copy);
}

#define FOUND(text, a, b, c, want) expect((text), (a), (b), (c), (want), RISE_OK, __LINE__)
#define NONE(text, a, b, c) expect((text), (a), (b), (c), "", RISE_EVALUE, __LINE__)
#define WELL(text) expect((text), NULL, NULL, NULL, (text), RISE_OK, __LINE__)
#define ILL(text) expect((text), NULL, NULL, NULL, "", RISE_EDATA, __LINE__)

static void finds_members(void) {
    static const char text[] =
        " { \"id\" : 1 , \"result\" : { \"digest\":\"0xab\" , \"context\" : { \"quote\": [ 1, {\"x\":[]} ] } } } ";

    FOUND(text, "id", NULL, NULL, "1");
    FOUND(text, "result", "digest", NULL, "\"0xab\"");
    FOUND(text, "result", "context", NULL, "{ \"quote\": [ 1, {\"x\":[]} ] }");
    FOUND(text, "result", "context", "quote", "[ 1, {\"x\":[]} ]");
    NONE(text, "result", "contex", NULL);
    NONE(text, "result", "digest", "quote");
    NONE(text, "none", NULL, NULL);
    FOUND("{\"a\":1,\"a\":2}", "a", NULL, NULL, "1");
    NONE("{\"a\":{},\"a\":{\"b\":2}}", "a", "b", NULL);
    FOUND("{\"b\":{\"a\":1},\"a\":2}", "a", NULL, NULL, "2");
    FOUND("{\"\":{\"\":7}}", "", "", NULL, "7");
    /* names as written: an escape does not equal what it stands for */
    NONE("{\"\\u0061\":1}", "a", NULL, NULL);
    FOUND("{\"\\u0061\":1}", "\\u0061", NULL, NULL, "1");
    FOUND("{\"a\\\"b\":1}", "a\\\"b", NULL, NULL, "1");
    NONE("{}", "a", NULL, NULL);
    NONE("[{\"a\":1}]", "a", NULL, NULL);
    NONE("null", "a", NULL, NULL);
}

/* Nothing behind the value is looked at; everything before it is. */
static void checks_what_it_walks(void) {
    FOUND("{\"a\":1 oops", "a", NULL, NULL, "1");
    FOUND("{\"a\":{\"b\":1},oops", "a", "b", NULL, "1");
    expect("{\"x\":[1,],\"a\":1}", "a", NULL, NULL, "", RISE_EDATA, __LINE__);
    expect("{\"x\":01,\"a\":1}", "a", NULL, NULL, "", RISE_EDATA, __LINE__);
    expect("{\"x\":1 \"a\":1}", "a", NULL, NULL, "", RISE_EDATA, __LINE__);
    expect("{\"x\":1,}", "a", NULL, NULL, "", RISE_EDATA, __LINE__);
    expect("{\"x\":1", "a", NULL, NULL, "", RISE_EDATA, __LINE__);
    expect("{\"x\"1}", "x", NULL, NULL, "", RISE_EDATA, __LINE__);
    expect("{x:1}", "x", NULL, NULL, "", RISE_EDATA, __LINE__);
    expect("{\"x\":}", "x", NULL, NULL, "", RISE_EDATA, __LINE__);
    expect("{", "x", NULL, NULL, "", RISE_EDATA, __LINE__);
    expect("", "x", NULL, NULL, "", RISE_EDATA, __LINE__);
    expect("[1", "x", NULL, NULL, "", RISE_EDATA, __LINE__);
}

static void well_formed(void) {
    WELL("0");
    WELL("-0");
    WELL("-12.50e+07");
    WELL("1E9");
    WELL("1e-9");
    WELL("0.0");
    WELL("true");
    WELL("false");
    WELL("null");
    WELL("\"\"");
    WELL("\"0123456789abcdef\"");
    WELL("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u12aF\"");
    WELL("\"\xf0\x9f\x92\x9a and \xc3\xa9\x7f\"");
    WELL("[]");
    WELL("[ ]");
    WELL("{}");
    WELL("{ \t\r\n}");
    WELL("[1,[2,{\"a\":[]}],{\"b\":{}},\"x\",null]");
}

static void malformed(void) {
    static const char *const bad[] = {
        "", " ", "-", "+1", "1.", ".5", "1.e5", "1e", "1e+", "Infinity", "NaN", "tru", "nul", "falsy", "True",
        "\"", "\"abc", "\"abc\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u123", "\"a\nb\"",
        "\"01234567\n01234567\"", "\"\t\"", "\"\x1f\"", "\"0123456\x01\"",
        "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "[01]", "[-01]", "[0x10]", "[1.2.3]", "[--1]", "[truefalse]",
        "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{\"a\":1]", "{\"a\" 1}", "{1:2}",
        "{a:1}", "{\"a\":1 \"b\":2}", "{\"a\":1,\"b\"}", "{'a':1}",
        "]", "}", ",", ":", "//", "[1,//\n2]", "\xef\xbb\xbf{}", "\\", "'a'",
    };
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        ILL(bad[i]);
    }
}

static void a_nul_is_no_end(void) {
    static const char text[] = "{\"a\0b\":1}";
    static const char escaped[] = "\"\\\0\"";
    size_t start, len;

    CHECK(rise_json_span(&start, &len, text, sizeof text - 1, NULL, 0) == RISE_EDATA && start == 3);
    CHECK(rise_json_span(&start, &len, escaped, sizeof escaped - 1, NULL, 0) == RISE_EDATA && start == 2);
}

/* RISE_JSON_MAX_DEPTH levels pass and one more does not, whether the path walks them or the scan does. */
static void depth_is_bounded(void) {
    char nested[2 * 65], objects[5 * 65 + 4];
    const char *path[65];
    size_t levels, i, start, len;

    for (levels = 64; levels <= 65; levels++) {
        memset(nested, '[', levels);
        memset(nested + levels, ']', levels);
        CHECK(rise_json_span(&start, &len, nested, 2 * levels, NULL, 0) == (levels == 64 ? RISE_OK : RISE_EDATA));
    }
    for (i = 0; i < 65; i++) {
        memcpy(objects + 5 * i, "{\"a\":", 5);
        path[i] = "a";
    }
    objects[5 * 64] = '7';
    CHECK(rise_json_span(&start, &len, objects, 5 * 64 + 1, path, 64) == RISE_OK && start == 5 * 64 && len == 1);
    memcpy(objects + 5 * 64, "[]", 2);
    CHECK(rise_json_span(&start, &len, objects, 5 * 64 + 2, path, 64) == RISE_EDATA);
    memcpy(objects + 5 * 64, "{\"a\":7", 6);
    CHECK(rise_json_span(&start, &len, objects, 5 * 64 + 6, path, 65) == RISE_EDATA);
}

/* A text of a hundred thousand brackets is refused without a stack of that depth. */
static void hostile_depth(void) {
    size_t size = 100000, start, len;
    char *text = malloc(size);

    CHECK(text != NULL);
    memset(text, '[', size);
    CHECK(rise_json_span(&start, &len, text, size, NULL, 0) == RISE_EDATA && start == RISE_JSON_MAX_DEPTH);
    free(text);
}

int main(void) {
    finds_members();
    checks_what_it_walks();
    well_formed();
    malformed();
    a_nul_is_no_end();
    depth_is_bounded();
    hostile_depth();
    return 0;
}
