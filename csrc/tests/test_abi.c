/* ABI: the worked examples of Solidity's ABI specification, and decoding of hostile data.
 *
 * Whatever bytes come, decoding stays inside them (the sanitizers watch: data lies in a block of its exact size), hands
 * out no more than is there, and what it accepts encodes back to something that decodes to the same values.
 */
#include "check.h"

/* ---- helpers ---- */

static rise_status try_compile(rise_abi_item **item, const char *text, const char *structs, rise_error *error) {
    return rise_abi_item_new(item, text, strlen(text), structs, structs == NULL ? 0 : strlen(structs), error);
}

static rise_abi_item *compile(const char *text, const char *structs) {
    rise_abi_item *item = NULL;
    rise_error error;

    if (try_compile(&item, text, structs, &error) != RISE_OK) {
        fprintf(stderr, "%s: %s\n", text, error.message);
        exit(1);
    }
    return item;
}

static rise_status compile_status(const char *text, const char *structs, rise_error *error) {
    rise_abi_item *item = NULL;
    rise_status status = try_compile(&item, text, structs, error);

    CHECK((status == RISE_OK) == (item != NULL));
    rise_abi_item_free(item);
    return status;
}

static rise_abi_value *add(rise_abi_values *values) {
    rise_abi_value *value = NULL;

    CHECK(rise_abi_values_add(values, &value) == RISE_OK);
    return value;
}

static void add_number(rise_abi_values *values, uint64_t number) {
    rise_abi_value *value = add(values);
    int i;

    for (i = 0; i < 8; i++) {
        value->word[31 - i] = (uint8_t)(number >> 8 * i);
    }
}

static void add_text(rise_abi_values *values, const char *text) {
    rise_abi_value *value = add(values);

    value->data = (const uint8_t *)text;
    value->len = strlen(text);
}

static void add_count(rise_abi_values *values, size_t count) {
    add(values)->len = count;
}

/* ---- known answers ---- */

/* "Examples" and "Use of Dynamic Types" of the specification. */
static void specification_examples(void) {
    rise_abi_values v = { NULL, 0, 0 };
    rise_buf out = RISE_BUF_INIT;
    rise_abi_item *item = compile("function baz(uint32 x, bool y) pure returns (bool r)", NULL);
    uint8_t hash[32];
    rise_error error;

    CHECK(rise_abi_item_get_kind(item) == RISE_ABI_ITEM_FUNCTION);
    CHECK(strcmp(rise_abi_item_name(item), "baz") == 0);
    CHECK(strcmp(rise_abi_item_signature(item), "baz(uint32,bool)") == 0);
    CHECK(strcmp(rise_abi_item_mutability(item), "pure") == 0);
    CHECK(strcmp(rise_abi_item_outputs(item)[1].name, "r") == 0);
    rise_abi_item_hash(item, hash);
    CHECK_HEX(hash, 4, "cdcd77c0");
    add(&v);
    add_number(&v, 69);
    add_number(&v, 1);
    CHECK(rise_abi_encode(&out, rise_abi_item_inputs(item), v.entry, v.count, &error) == RISE_OK);
    CHECK_HEX(out.data, out.len,
              "0000000000000000000000000000000000000000000000000000000000000045"
              "0000000000000000000000000000000000000000000000000000000000000001");
    rise_abi_item_free(item);

    item = compile("sam(bytes,bool,uint[])", NULL);
    CHECK(strcmp(rise_abi_item_signature(item), "sam(bytes,bool,uint256[])") == 0);
    rise_abi_item_hash(item, hash);
    CHECK_HEX(hash, 4, "a5643bf2");
    v.count = 0;
    out.len = 0;
    add(&v);
    add_text(&v, "dave");
    add_number(&v, 1);
    add_count(&v, 3);
    add_number(&v, 1);
    add_number(&v, 2);
    add_number(&v, 3);
    CHECK(rise_abi_encode(&out, rise_abi_item_inputs(item), v.entry, v.count, &error) == RISE_OK);
    CHECK_HEX(out.data, out.len,
              "0000000000000000000000000000000000000000000000000000000000000060"
              "0000000000000000000000000000000000000000000000000000000000000001"
              "00000000000000000000000000000000000000000000000000000000000000a0"
              "0000000000000000000000000000000000000000000000000000000000000004"
              "6461766500000000000000000000000000000000000000000000000000000000"
              "0000000000000000000000000000000000000000000000000000000000000003"
              "0000000000000000000000000000000000000000000000000000000000000001"
              "0000000000000000000000000000000000000000000000000000000000000002"
              "0000000000000000000000000000000000000000000000000000000000000003");
    rise_abi_item_free(item);

    item = compile("g(uint256[][],string[])", NULL);
    rise_abi_item_hash(item, hash);
    CHECK_HEX(hash, 4, "2289b18c");
    v.count = 0;
    out.len = 0;
    add(&v);
    add_count(&v, 2);
    add_count(&v, 2);
    add_number(&v, 1);
    add_number(&v, 2);
    add_count(&v, 1);
    add_number(&v, 3);
    add_count(&v, 3);
    add_text(&v, "one");
    add_text(&v, "two");
    add_text(&v, "three");
    CHECK(rise_abi_encode(&out, rise_abi_item_inputs(item), v.entry, v.count, &error) == RISE_OK);
    CHECK_HEX(out.data, out.len,
              "0000000000000000000000000000000000000000000000000000000000000040"
              "0000000000000000000000000000000000000000000000000000000000000140"
              "0000000000000000000000000000000000000000000000000000000000000002"
              "0000000000000000000000000000000000000000000000000000000000000040"
              "00000000000000000000000000000000000000000000000000000000000000a0"
              "0000000000000000000000000000000000000000000000000000000000000002"
              "0000000000000000000000000000000000000000000000000000000000000001"
              "0000000000000000000000000000000000000000000000000000000000000002"
              "0000000000000000000000000000000000000000000000000000000000000001"
              "0000000000000000000000000000000000000000000000000000000000000003"
              "0000000000000000000000000000000000000000000000000000000000000003"
              "0000000000000000000000000000000000000000000000000000000000000060"
              "00000000000000000000000000000000000000000000000000000000000000a0"
              "00000000000000000000000000000000000000000000000000000000000000e0"
              "0000000000000000000000000000000000000000000000000000000000000003"
              "6f6e650000000000000000000000000000000000000000000000000000000000"
              "0000000000000000000000000000000000000000000000000000000000000003"
              "74776f0000000000000000000000000000000000000000000000000000000000"
              "0000000000000000000000000000000000000000000000000000000000000005"
              "7468726565000000000000000000000000000000000000000000000000000000");
    rise_abi_item_free(item);
    rise_abi_values_free(&v);
    rise_buf_free(&out);
}

/* "Non-standard Packed Mode": int16(-1), bytes1(0x42), uint16(0x03), string("Hello, world!") */
static void packed_example(void) {
    rise_abi_item *item = compile("(int16,bytes1,uint16,string)", NULL);
    rise_abi_values v = { NULL, 0, 0 };
    rise_buf out = RISE_BUF_INIT;
    rise_error error;

    CHECK(rise_abi_item_get_kind(item) == RISE_ABI_ITEM_PARAMETERS);
    add(&v);
    memset(add(&v)->word, 0xff, 32);
    add(&v)->word[0] = 0x42;
    add_number(&v, 3);
    add_text(&v, "Hello, world!");
    CHECK(rise_abi_encode_packed(&out, rise_abi_item_inputs(item), v.entry, v.count, &error) == RISE_OK);
    CHECK_HEX(out.data, out.len, "ffff42000348656c6c6f2c20776f726c6421");
    rise_abi_item_free(item);

    item = compile("(uint8,(uint8 x) pair)", NULL);
    v.count = 0;
    add(&v);
    add_number(&v, 1);
    add(&v);
    add_number(&v, 2);
    CHECK(rise_abi_encode_packed(&out, rise_abi_item_inputs(item), v.entry, v.count, &error) == RISE_EABI);
    CHECK(out.len == 18);
    CHECK(strcmp(error.message, "pair: tuples cannot be packed") == 0);
    rise_abi_item_free(item);
    rise_abi_values_free(&v);
    rise_buf_free(&out);
}

/* ---- text ---- */

static void layout_of_types(void) {
    rise_abi_item *item = compile("event E(P[] indexed list, P one, uint8[3][2] grid, string)",
                                  "struct P { address to; uint96 value; }");
    const rise_abi_type *t = rise_abi_item_inputs(item);
    rise_buf name = RISE_BUF_INIT;

    CHECK(t->kind == RISE_ABI_TUPLE && t->count == 4 && t->span == 12 && t->dynamic && t->size == 32 + 64 + 192 + 32);
    t++;
    CHECK(t->kind == RISE_ABI_ARRAY && t->indexed && t->span == 4 && t->head == 32 && strcmp(t->name, "list") == 0);
    CHECK(t[1].kind == RISE_ABI_TUPLE && t[1].name[0] == '\0' && strcmp(t[3].name, "value") == 0 && t[3].size == 96);
    t += t->span;
    CHECK(t->kind == RISE_ABI_TUPLE && !t->indexed && !t->dynamic && t->head == 64 && strcmp(t->name, "one") == 0);
    t += t->span;
    CHECK(t->kind == RISE_ABI_FIXED_ARRAY && t->count == 2 && t->head == 192 && t->span == 3);
    CHECK(t[1].kind == RISE_ABI_FIXED_ARRAY && t[1].count == 3 && t[1].head == 96);
    CHECK(rise_abi_type_name(&name, t) == RISE_OK);
    CHECK(name.len == 11 && memcmp(name.data, "uint8[3][2]", 11) == 0);
    t += t->span;
    CHECK(t->kind == RISE_ABI_STRING && t->dynamic && t->name[0] == '\0');
    CHECK(strcmp(rise_abi_item_signature(item), "E((address,uint96)[],(address,uint96),uint8[3][2],string)") == 0);
    t = rise_abi_item_data(item);
    CHECK(t->kind == RISE_ABI_TUPLE && t->count == 3 && t->size == 64 + 192 + 32 && strcmp(t[1].name, "one") == 0);
    rise_abi_item_free(item);
    rise_buf_free(&name);
}

static void refused_text(void) {
    static const char *const lines[] = {
        "", " ", "function", "function f", "function f(", "function f()x", "function f(uint8,)", "function f(,)",
        "function f(uint7)", "function f(uint0)", "function f(uint264)", "function f(uint08)", "function f(bytes0)",
        "function f(bytes33)", "function f(bytes032)", "function f(uint8[0])", "function f(uint8[01])",
        "function f(uint8[-1])", "function f(uint8[4294967296])", "function f(uint8[18446744073709551617])",
        "function f(uint8[)", "function f(uint8])", "function f(())", "function f(tuple x)", "function f(tuple() x)",
        "function f(uint8 a b)", "function f(uint8 a) view pure", "function f() returns", "function f() returns (",
        "function f(uint8 indexed a)", "error E(uint8 indexed)", "event E((uint8 indexed a) b)",
        "function f(uint8 memory a)",
        "function f(fixed128x18)", "function f(mapping(uint8 => uint8) x)", "function f(uint8 a, uint16 a)", "func f()",
        "function 1f()", "receive(uint8 x)", "receive() view", "receive() nonpayable", "fallback() pure",
        "constructor() returns (uint8)", "constructor f()", "event E(uint8) returns (uint8)", "f() external external",
        "event E(uint8 indexed a,uint8 indexed b,uint8 indexed c,uint8 indexed d)", "(uint8))", "uint8",
        "f(uint8) /* */",
    };
    rise_error error;
    size_t i;

    for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        error.message[0] = '\0';
        if (compile_status(lines[i], NULL, &error) != RISE_EABI || error.code != RISE_EABI
            || error.message[0] == '\0') {
            fprintf(stderr, "not refused as it should be: %s\n", lines[i]);
            exit(1);
        }
        CHECK(compile_status(lines[i], NULL, NULL) == RISE_EABI);
    }
    CHECK(compile_status("function f(uint7 a)", NULL, &error) == RISE_EABI);
    CHECK(strcmp(error.message, "at byte 11: no such size of a type: 'uint7'") == 0);
    CHECK(compile_status("f(S)", "struct S { T t; } struct T { U u; } struct U { S s; }", &error) == RISE_EABI);
    CHECK(strcmp(error.message, "in the structs, at byte 47: a struct that contains itself: 'S'") == 0);
    CHECK(compile_status("f(S)", "struct S { }", &error) == RISE_EABI);
    CHECK(compile_status("f()", "struct S { uint8 a; uint8; }", &error) == RISE_EABI);
    CHECK(compile_status("f()", "struct S { uint8 a; Unknown b; }", &error) == RISE_EABI);
    CHECK(compile_status("f()", "struct S { uint8 a; } struct S { uint8 b; }", &error) == RISE_EABI);
    CHECK(compile_status("f()", "struct uint8 { uint8 a; }", &error) == RISE_EABI);
    CHECK(compile_status("f()", "struct S { uint8 a; } x", &error) == RISE_EABI);
    CHECK(compile_status("f()", "struct S { uint8 a", &error) == RISE_EABI);
    CHECK(compile_status("f(S)", "struct S { uint8 a; uint16 a; }", &error) == RISE_EABI);
    {
        rise_abi_item *item = NULL;
        CHECK(rise_abi_item_new(&item, "f(uint8\0)", 9, NULL, 0, &error) == RISE_EABI && item == NULL);
        CHECK(strcmp(error.message, "at byte 7: a NUL in the text") == 0);
    }
}

static void bounds_of_text(void) {
    char *text = malloc(RISE_ABI_MAX_TEXT + 2);
    rise_abi_item *item = NULL;
    rise_error error;
    size_t len, i;
    unsigned depth;

    CHECK(text != NULL);
    /* Brackets alone, never closed: deeper than the C stack would bear. */
    memset(text, '(', RISE_ABI_MAX_TEXT);
    CHECK(rise_abi_item_new(&item, text, RISE_ABI_MAX_TEXT, NULL, 0, &error) == RISE_ELIMIT);
    CHECK(rise_abi_item_new(&item, text, RISE_ABI_MAX_TEXT + 1, NULL, 0, &error) == RISE_ELIMIT);
    CHECK(rise_abi_item_new(&item, "f()", 3, text, RISE_ABI_MAX_TEXT + 1, &error) == RISE_ELIMIT);

    /* The deepest that passes, and one more; as arrays and as tuples. */
    for (depth = RISE_ABI_MAX_DEPTH; depth <= RISE_ABI_MAX_DEPTH + 1; depth++) {
        rise_status expected = depth > RISE_ABI_MAX_DEPTH ? RISE_ELIMIT : RISE_OK;
        len = 6;
        memcpy(text, "(uint8", 6);
        for (i = 1; i < depth; i++) {
            memcpy(text + len, "[1]", 3);
            len += 3;
        }
        text[len++] = ')';
        CHECK(rise_abi_item_new(&item, text, len, NULL, 0, &error) == expected);
        rise_abi_item_free(item);
        memset(text, '(', depth);
        memcpy(text + depth, "uint8", 5);
        memset(text + depth + 5, ')', depth);
        CHECK(rise_abi_item_new(&item, text, 2 * depth + 5, NULL, 0, &error) == expected);
        rise_abi_item_free(item);
    }

    /* The list of parameters and that of results take a node each. */
    for (i = RISE_ABI_MAX_TYPES - 2; i < RISE_ABI_MAX_TYPES; i++) {
        size_t n;
        for (len = 0, n = 0; n < i; n++, len += 5) {
            memcpy(text + len, n == 0 ? "(bool" : ",bool", 5);
        }
        text[len++] = ')';
        CHECK(rise_abi_item_new(&item, text, len, NULL, 0, &error)
              == (i > RISE_ABI_MAX_TYPES - 2 ? RISE_ELIMIT : RISE_OK));
        rise_abi_item_free(item);
    }

    /* Structs that double with each step. */
    len = 0;
    for (i = 0; i < 25; i++) {
        unsigned n = (unsigned)i;
        len += (size_t)sprintf(text + len, "struct S%u { S%u a; S%u b; }", n, n + 1, n + 1);
    }
    len += (size_t)sprintf(text + len, "struct S25 { bool a; }");
    CHECK(rise_abi_item_new(&item, "f(S0)", 5, text, len, &error) == RISE_ELIMIT);
    CHECK(rise_abi_item_new(&item, "f(S20)", 6, text, len, &error) == RISE_OK);
    rise_abi_item_free(item);

    /* Encodings that no buffer could hold. */
    CHECK(compile_status("(uint8[4294967295])", NULL, &error) == RISE_ELIMIT);
    CHECK(compile_status("(string[4294967295])", NULL, &error) == RISE_ELIMIT);
    CHECK(compile_status("(uint8[65536][65536][65536])", NULL, &error) == RISE_ELIMIT);
    free(text);
}

/* ---- values ---- */

static void values_that_do_not_fit(void) {
    rise_abi_item *item = compile("(uint8 a,int8 b,bool c,address d,bytes4 e,function f,(uint16 x)[] g)", NULL);
    const rise_abi_type *type = rise_abi_item_inputs(item);
    static const struct {
        unsigned entry, byte, value;
        const char *message;
    } cases[] = {
        { 1, 30, 1, "a: 256 does not fit uint8" },
        { 2, 31, 0x80, "b: 128 does not fit int8" },
        { 2, 0, 0x80, "b: -57896044618658097711785492504343953926634992332820282019728792003956564819968"
                      " does not fit int8" },
        { 3, 31, 2, "c: 0x0000000000000000000000000000000000000000000000000000000000000002 does not fit bool" },
        { 4, 11, 1, "d: 0x0000000000000000000000010000000000000000000000000000000000000000 does not fit address" },
        { 5, 4, 1, "e: 0x0000000001000000000000000000000000000000000000000000000000000000 does not fit bytes4" },
        { 6, 24, 1, "f: 0x0000000000000000000000000000000000000000000000000100000000000000 does not fit function" },
        { 11, 29, 1, "g[2].x: 65536 does not fit uint16" },
    };
    rise_abi_values v = { NULL, 0, 0 };
    rise_buf out = RISE_BUF_INIT;
    rise_error error;
    char path[128];
    size_t i;

    for (i = 0; i < 7; i++) {
        add(&v);
    }
    add_count(&v, 2);
    for (i = 0; i < 4; i++) {
        add(&v);
    }
    CHECK(rise_abi_encode(&out, type, v.entry, v.count, &error) == RISE_OK);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t before = out.len;
        v.entry[cases[i].entry].word[cases[i].byte] = (uint8_t)cases[i].value;
        CHECK(rise_abi_encode(&out, type, v.entry, v.count, &error) == RISE_EVALUE);
        CHECK(out.len == before);
        if (strcmp(error.message, cases[i].message) != 0) {
            fprintf(stderr, "expected %s, got %s\n", cases[i].message, error.message);
            exit(1);
        }
        CHECK(rise_abi_encode(&out, type, v.entry, v.count, NULL) == RISE_EVALUE);
        v.entry[cases[i].entry].word[cases[i].byte] = 0;
    }

    /* Too few, too many, and a count that goes beyond the list. */
    for (i = 0; i < v.count; i++) {
        CHECK(rise_abi_encode(&out, type, v.entry, i, &error) == RISE_EVALUE);
    }
    CHECK(strcmp(error.message, "g[2].x: missing") == 0);
    add(&v);
    CHECK(rise_abi_encode(&out, type, v.entry, v.count, &error) == RISE_EVALUE);
    v.entry[7].len = (size_t)-1;
    CHECK(rise_abi_encode(&out, type, v.entry, v.count, &error) == RISE_ELIMIT);
    v.entry[7].len = 1000000;
    CHECK(rise_abi_encode(&out, type, v.entry, v.count, &error) == RISE_EVALUE);
    v.entry[7].len = 2;
    rise_abi_path(path, type, v.entry, 11);
    CHECK(strcmp(path, "g[2].x") == 0);
    rise_abi_path(path, type, v.entry, 0);
    CHECK(strcmp(path, "the value") == 0);
    rise_abi_path(path, type, v.entry, 1000);
    CHECK(strcmp(path, "the value") == 0);
    rise_abi_item_free(item);

    item = compile("(bytes)", NULL);
    v.count = 0;
    add(&v);
    add(&v)->len = (size_t)-1;
    CHECK(rise_abi_encode(&out, rise_abi_item_inputs(item), v.entry, v.count, &error) == RISE_EVALUE);
    v.entry[1].data = (const uint8_t *)"";
    CHECK(rise_abi_encode(&out, rise_abi_item_inputs(item), v.entry, v.count, &error) == RISE_ELIMIT);
    rise_abi_item_free(item);
    rise_abi_values_free(&v);
    rise_buf_free(&out);
}

static void numbers(void) {
    static const struct {
        const char *type, *text, *word; /* NULL: refused */
    } cases[] = {
        { "(uint8)", "255", "00000000000000000000000000000000000000000000000000000000000000ff" },
        { "(uint8)", "0xfF", "00000000000000000000000000000000000000000000000000000000000000ff" },
        { "(uint8)", "256", NULL },
        { "(uint8)", "-1", NULL },
        { "(uint8)", "-0", NULL },
        { "(uint8)", "", NULL },
        { "(uint8)", "-", NULL },
        { "(uint8)", "1 ", NULL },
        { "(uint8)", "0x", NULL },
        { "(uint8)", "1e1", NULL },
        { "(int8)", "-128", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff80" },
        { "(int8)", "-129", NULL },
        { "(int8)", "127", "000000000000000000000000000000000000000000000000000000000000007f" },
        { "(int8)", "128", NULL },
        { "(int8)", "-0", "0000000000000000000000000000000000000000000000000000000000000000" },
        { "(int8)", "-", NULL },
        { "(int8)", "--1", NULL },
        { "(int256)", "-57896044618658097711785492504343953926634992332820282019728792003956564819968",
          "8000000000000000000000000000000000000000000000000000000000000000" },
        { "(int256)", "-57896044618658097711785492504343953926634992332820282019728792003956564819969", NULL },
        { "(int256)", "-115792089237316195423570985008687907853269984665640564039457584007913129639935", NULL },
        { "(int256)", "57896044618658097711785492504343953926634992332820282019728792003956564819967",
          "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" },
        { "(int256)", "57896044618658097711785492504343953926634992332820282019728792003956564819968", NULL },
        { "(uint256)", "115792089237316195423570985008687907853269984665640564039457584007913129639935",
          "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" },
        { "(uint256)", "115792089237316195423570985008687907853269984665640564039457584007913129639936", NULL },
        { "(bool)", "1", NULL },
    };
    size_t i;

    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rise_abi_item *item = compile(cases[i].type, NULL);
        uint8_t word[32];
        const rise_abi_type *type = rise_abi_item_inputs(item) + 1;
        rise_status status = rise_abi_number(word, type, cases[i].text, strlen(cases[i].text));
        CHECK(status == (cases[i].word != NULL ? RISE_OK : RISE_EVALUE));
        if (cases[i].word != NULL) {
            CHECK_HEX(word, 32, cases[i].word);
        }
        rise_abi_item_free(item);
    }
}

/* ---- hostile data ---- */

/* A block of its own, so that a sanitizer sees a read beyond the end. */
static uint8_t *block(const uint8_t *data, size_t len) {
    uint8_t *copy = malloc(len == 0 ? 1 : len);

    CHECK(copy != NULL);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    return copy;
}

static void put_word(uint8_t *data, size_t index, uint64_t number) {
    int i;

    memset(data + 32 * index, 0, 32);
    for (i = 0; i < 8; i++) {
        data[32 * index + 31 - (size_t)i] = (uint8_t)(number >> 8 * i);
    }
}

static rise_status decode_words(const char *type, const uint64_t *words, size_t count, rise_error *error) {
    rise_abi_item *item = compile(type, NULL);
    rise_abi_values v = { NULL, 0, 0 };
    uint8_t *data = malloc(32 * count + 1);
    rise_status status;
    size_t i;

    CHECK(data != NULL);
    for (i = 0; i < count; i++) {
        put_word(data, i, words[i]);
    }
    status = rise_abi_decode(&v, rise_abi_item_inputs(item), data, 32 * count, error);
    free(data);
    rise_abi_item_free(item);
    rise_abi_values_free(&v);
    return status;
}

#define DECODE(type, error, ...)                                                                    \
    decode_words((type), (const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8, (error))

static void hostile_offsets(void) {
    rise_error error;

    CHECK(DECODE("(bytes b)", &error, 0x20, 0) == RISE_OK);
    CHECK(DECODE("(bytes b)", &error, 0x20, 1) == RISE_EDATA);
    CHECK(strcmp(error.message, "b: at byte 32: a length that leads out of the data") == 0);
    CHECK(DECODE("(bytes b)", &error, 0x21, 0) == RISE_EDATA);
    CHECK(DECODE("(bytes b)", &error, 0x40, 0) == RISE_EDATA);
    CHECK(DECODE("(bytes b)", &error, 0x41, 0) == RISE_EDATA);
    CHECK(strcmp(error.message, "b: at byte 0: an offset that leads out of the data") == 0);
    CHECK(DECODE("(bytes b)", &error, UINT64_MAX, 0) == RISE_EDATA);
    CHECK(DECODE("(bytes b)", &error, UINT64_MAX - 31, 0) == RISE_EDATA);
    CHECK(DECODE("(bytes b)", &error, 0x20, UINT64_MAX) == RISE_EDATA);
    CHECK(DECODE("(bytes b)", &error, 0x20, UINT64_MAX - 31) == RISE_EDATA);
    /* An offset back to itself reads 0 as a length of 0. */
    CHECK(DECODE("(bytes b)", &error, 0) == RISE_OK);
    CHECK(DECODE("(uint256[] b)", &error, 0x20, UINT64_MAX / 32 + 1) == RISE_EDATA);
    CHECK(DECODE("(uint256[] b)", &error, 0x20, UINT64_C(1) << 59, 0) == RISE_EDATA);
    CHECK(DECODE("(uint256[] b)", &error, 0x20, 2, 7) == RISE_EDATA);
    CHECK(DECODE("(uint256[] b)", &error, 0x20, 1, 7) == RISE_OK);
    CHECK(DECODE("(uint8[2] a, bytes b)", &error, 1, 2) == RISE_EDATA);
    CHECK(strcmp(error.message, "at byte 0: the data ends too early") == 0);
    CHECK(DECODE("(uint8 a, uint8[] b)", &error, 1, 0x40, 2, 3, 256) == RISE_EDATA);
    CHECK(strcmp(error.message, "b[2]: at byte 128: 256 does not fit uint8") == 0);
    CHECK(DECODE("(bool a)", &error, 2) == RISE_EDATA);
    /* Two strings may share an empty tail, as hand-written encoders do. */
    CHECK(DECODE("(string a, string b)", &error, 0x40, 0x40, 0) == RISE_OK);
}

/* Arrays of arrays that all point at the same elements: each level multiplies by n what the data says once. */
static void bombs(void) {
    enum { N = 100, LEVELS = 20 };
    char type[128] = "(uint8";
    uint8_t *data = calloc(LEVELS * (N + 1) + 1, 32);
    rise_abi_values v = { NULL, 0, 0 };
    rise_abi_item *item;
    rise_error error;
    size_t at = 0, i, level, len;

    CHECK(data != NULL);
    for (level = 0; level < LEVELS; level++) {
        strcat(type, "[]");
    }
    strcat(type, " x)");
    put_word(data, at++, 32);
    for (level = 0; level < LEVELS; level++) {
        put_word(data, at++, N);
        for (i = 0; i < N; i++) {
            put_word(data, at + i, level + 1 < LEVELS ? N * 32 : 0);
        }
        at += N;
    }
    item = compile(type, NULL);
    CHECK(rise_abi_decode(&v, rise_abi_item_inputs(item), data, 32 * at, &error) == RISE_ELIMIT);
    CHECK(strstr(error.message, "parts of the data are used more than once") != NULL);
    CHECK(v.count <= at + LEVELS);
    rise_abi_item_free(item);

    /* One tail that a thousand strings want: only its own size may be handed out. */
    memset(data, 0, 32 * (LEVELS * (N + 1) + 1));
    len = 32 * (2 + N) + 1024;
    put_word(data, 0, 32);
    put_word(data, 1, N);
    for (i = 0; i < N; i++) {
        put_word(data, 2 + i, 32 * N);
    }
    put_word(data, 2 + N, 1024 - 32);
    item = compile("(string[])", NULL);
    CHECK(rise_abi_decode(&v, rise_abi_item_inputs(item), data, len, &error) == RISE_ELIMIT);
    put_word(data, 2 + N, 32);
    CHECK(rise_abi_decode(&v, rise_abi_item_inputs(item), data, len, &error) == RISE_OK);
    rise_abi_item_free(item);

    /* Fixed arrays of dynamic types, which an offset can call up again and again. */
    item = compile("(string[50][90] x)", NULL);
    memset(data, 0, 32 * (LEVELS * (N + 1) + 1));
    put_word(data, 0, 32);
    CHECK(rise_abi_decode(&v, rise_abi_item_inputs(item), data, 32 * 200, &error) == RISE_ELIMIT);
    rise_abi_item_free(item);
    free(data);
    rise_abi_values_free(&v);
}

/* A small generator with a fixed seed: the same run each time. */
static uint32_t random_state = 1;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

/* Values of a type at random; `text` holds what strings are cut from. */
static void random_values(rise_abi_values *values, const rise_abi_type *type, const uint8_t *text) {
    const rise_abi_type *child = type + 1;
    rise_abi_value *value = add(values);
    uint32_t count, i;

    switch (type->kind) {
    case RISE_ABI_UINT:
        for (i = 0; i < type->size / 8; i++) {
            value->word[31 - i] = (uint8_t)next_random();
        }
        return;
    case RISE_ABI_INT:
        memset(value->word, next_random() & 1 ? 0xff : 0, 32);
        for (i = 0; i < type->size / 8 - 1; i++) {
            value->word[31 - i] = (uint8_t)next_random();
        }
        return;
    case RISE_ABI_BOOL:
        value->word[31] = next_random() & 1;
        return;
    case RISE_ABI_ADDRESS:
        value->word[12 + next_random() % 20] = (uint8_t)next_random();
        return;
    case RISE_ABI_FUNCTION:
        value->word[next_random() % 24] = (uint8_t)next_random();
        return;
    case RISE_ABI_FIXED_BYTES:
        value->word[next_random() % type->size] = (uint8_t)next_random();
        return;
    case RISE_ABI_BYTES:
    case RISE_ABI_STRING:
        value->data = text;
        value->len = next_random() % 70;
        return;
    case RISE_ABI_ARRAY:
    case RISE_ABI_FIXED_ARRAY:
        count = type->kind == RISE_ABI_ARRAY ? next_random() % 4 : type->count;
        value->len = type->kind == RISE_ABI_ARRAY ? count : 0;
        for (i = 0; i < count; i++) {
            random_values(values, child, text);
        }
        return;
    case RISE_ABI_TUPLE:
        for (i = 0; i < type->count; i++, child += child->span) {
            random_values(values, child, text);
        }
        return;
    }
}

static int same_values(const rise_abi_values *a, const rise_abi_values *b) {
    size_t i;

    if (a->count != b->count) {
        return 0;
    }
    for (i = 0; i < a->count; i++) {
        const rise_abi_value *x = &a->entry[i], *y = &b->entry[i];
        if (x->len != y->len || memcmp(x->word, y->word, 32) != 0 || (x->data == NULL) != (y->data == NULL)
            || (x->data != NULL && x->len > 0 && memcmp(x->data, y->data, x->len) != 0)) {
            return 0;
        }
    }
    return 1;
}

static const char *const fuzz_types[] = {
    "(uint256,int8,bool,address,bytes3,function)",
    "(bytes,string,uint8[],bytes[])",
    "((address to,uint256 value,bytes data)[] calls,bytes opData)",
    "(uint16[][2][],string[3],(bool,(int24,bytes)[2])[])",
    "((string,uint8)[2][],bytes32[2][2],(uint8[][],bytes)[1])",
    "(uint8[1][1][1][1][],((((bytes))))[])",
};

/* Takes what decodes: it lies in the data, it is no more than the data, and it survives another round. */
static void check_accepted(const rise_abi_type *type, rise_abi_values *values, const uint8_t *data, size_t len) {
    rise_abi_values again = { NULL, 0, 0 };
    rise_buf out = RISE_BUF_INIT;
    rise_error error;
    size_t i, contents = 0;
    uint8_t *copy;

    for (i = 0; i < values->count; i++) {
        const rise_abi_value *value = &values->entry[i];
        if (value->data != NULL) {
            CHECK(value->data >= data && value->data <= data + len && value->len <= (size_t)(data + len - value->data));
            contents += value->len;
        }
    }
    CHECK(contents <= len);
    CHECK(values->count <= 1 + len + len / 32 * RISE_ABI_MAX_DEPTH);
    CHECK(rise_abi_encode(&out, type, values->entry, values->count, &error) == RISE_OK);
    copy = block(out.data, out.len);
    CHECK(rise_abi_decode(&again, type, copy, out.len, &error) == RISE_OK);
    CHECK(same_values(values, &again));
    free(copy);
    rise_abi_values_free(&again);
    rise_buf_free(&out);
}

static void mutations(unsigned rounds) {
    static const uint64_t interesting[] = {
        0, 1, 31, 32, 33, 64, 96, 128, 256, UINT64_MAX, UINT64_MAX - 31, UINT64_C(1) << 63,
    };
    rise_abi_values v = { NULL, 0, 0 };
    rise_buf out = RISE_BUF_INIT;
    uint8_t text[70];
    rise_error error;
    size_t accepted = 0, refused = 0, i;
    unsigned round;

    for (i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)next_random();
    }
    for (i = 0; i < sizeof fuzz_types / sizeof fuzz_types[0]; i++) {
        rise_abi_item *item = compile(fuzz_types[i], NULL);
        const rise_abi_type *type = rise_abi_item_inputs(item);
        for (round = 0; round < rounds; round++) {
            uint8_t *data;
            size_t len, n, changes = next_random() % 4;
            v.count = 0;
            out.len = 0;
            random_values(&v, type, text);
            CHECK(rise_abi_encode(&out, type, v.entry, v.count, &error) == RISE_OK);
            len = next_random() % 4 == 0 ? next_random() % (out.len + 1) : out.len;
            data = block(out.data, len);
            for (n = 0; n < changes && len >= 32; n++) {
                if (next_random() & 1) {
                    data[next_random() % len] = (uint8_t)next_random();
                } else {
                    put_word(data, next_random() % (len / 32), interesting[next_random() % 12]);
                }
            }
            if (rise_abi_decode(&v, type, data, len, &error) == RISE_OK) {
                check_accepted(type, &v, data, len);
                accepted++;
            } else {
                CHECK(error.code == RISE_EDATA || error.code == RISE_ELIMIT);
                CHECK(strstr(error.message, "at byte ") != NULL);
                refused++;
            }
            free(data);
        }
        rise_abi_item_free(item);
    }
    CHECK(accepted > rounds && refused > rounds);
    rise_abi_values_free(&v);
    rise_buf_free(&out);
}

/* Every way to cut an encoding short is refused or gives the same values: bytes may lack their padding. */
static void truncations(void) {
    rise_abi_item *item = compile(fuzz_types[2], NULL);
    rise_abi_values v = { NULL, 0, 0 }, cut = { NULL, 0, 0 };
    rise_buf out = RISE_BUF_INIT;
    rise_error error;
    size_t len;

    add(&v);
    add_count(&v, 1);
    add(&v);
    add_number(&v, 5);
    add_number(&v, 6);
    add_text(&v, "call data");
    add_text(&v, "0123456789012345678901234567890123456789");
    CHECK(rise_abi_encode(&out, rise_abi_item_inputs(item), v.entry, v.count, &error) == RISE_OK);
    for (len = 0; len <= out.len; len++) {
        uint8_t *data = block(out.data, len);
        rise_status status = rise_abi_decode(&cut, rise_abi_item_inputs(item), data, len, &error);
        CHECK(status == (len >= out.len - 24 ? RISE_OK : RISE_EDATA));
        CHECK(status != RISE_OK || same_values(&v, &cut));
        free(data);
    }
    rise_abi_item_free(item);
    rise_abi_values_free(&v);
    rise_abi_values_free(&cut);
    rise_buf_free(&out);
}

/* Lines with bytes replaced, dropped and doubled: accepted or refused, never more. */
static void mutated_text(unsigned rounds) {
    static const char *const lines[] = {
        "function put(Outer o, Inner[2] pair, (uint8 a, bytes b)[][3] list) view returns (uint256 x, bytes memory y)",
        "event E(address indexed from, uint256[3] indexed, Inner one, string text) anonymous",
        "constructor(address payable owner, tuple(int24 x, bool y) z) payable",
    };
    static const char structs[] = "struct Inner { uint256 a; bytes b; } "
                                  "struct Outer { Inner[] list; Inner one; string s; }";
    static const char alphabet[] = "()[]{},; \t0129aeinuxyzS_$\x80\n";
    size_t accepted = 0;
    unsigned round;

    for (round = 0; round < rounds; round++) {
        const char *line = lines[round % 3];
        char text[128], defs[128];
        rise_abi_item *item = NULL;
        rise_error error;
        size_t len = strlen(line), defs_len = sizeof structs - 1, changes = next_random() % 4;
        memcpy(text, line, len);
        memcpy(defs, structs, defs_len);
        while (changes-- > 0) {
            size_t at = next_random() % len;
            switch (next_random() % 4) {
            case 0:
                text[at] = alphabet[next_random() % (sizeof alphabet - 1)];
                break;
            case 1:
                memmove(text + at, text + at + 1, len - at - 1);
                len--;
                break;
            case 2:
                memmove(text + at + 1, text + at, len - at);
                len++;
                break;
            default:
                defs[next_random() % defs_len] = alphabet[next_random() % (sizeof alphabet - 1)];
                break;
            }
        }
        if (rise_abi_item_new(&item, text, len, defs, defs_len, &error) == RISE_OK) {
            accepted++;
            CHECK(rise_abi_item_inputs(item)->span >= 1 + rise_abi_item_inputs(item)->count);
        } else {
            CHECK(error.code == RISE_EABI && strlen(error.message) > 0);
        }
        rise_abi_item_free(item);
    }
    CHECK(accepted > rounds / 10 && accepted < rounds);
}

int main(int argc, char **argv) {
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 3000;

    specification_examples();
    packed_example();
    layout_of_types();
    refused_text();
    bounds_of_text();
    values_that_do_not_fit();
    numbers();
    hostile_offsets();
    bombs();
    truncations();
    mutations(rounds);
    mutated_text(rounds);
    rise_abi_item_free(NULL);
    return 0;
}
