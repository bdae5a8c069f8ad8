/* Typed data in JSON: the example of EIP-712, the same written otherwise, and refusals with their paths. */
#include "check.h"

#define TYPES_MAIL                                                                                                   \
    "\"Mail\":[{\"name\":\"from\",\"type\":\"Person\"},{\"name\":\"to\",\"type\":\"Person\"},"                        \
    "{\"name\":\"contents\",\"type\":\"string\"}],"                                                                  \
    "\"Person\":[{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"wallet\",\"type\":\"address\"}]"
#define TYPES_DOMAIN                                                                                                 \
    "\"EIP712Domain\":[{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"version\",\"type\":\"string\"},"           \
    "{\"name\":\"chainId\",\"type\":\"uint256\"},{\"name\":\"verifyingContract\",\"type\":\"address\"}]"
#define DOMAIN                                                                                                       \
    "{\"name\":\"Ether Mail\",\"version\":\"1\",\"chainId\":1,"                                                      \
    "\"verifyingContract\":\"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC\"}"
#define COW "{\"name\":\"Cow\",\"wallet\":\"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826\"}"
#define BOB "{\"name\":\"Bob\",\"wallet\":\"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB\"}"
#define MAIL "{\"from\":" COW ",\"to\":" BOB ",\"contents\":\"Hello, Bob!\"}"
#define DATA(types, domain, message)                                                                                 \
    "{\"types\":{" types "},\"primaryType\":\"Mail\",\"domain\":" domain ",\"message\":" message "}"

static void check_mail(const char *text) {
    uint8_t digest[32], separator[32], hash[32];
    rise_error error;

    if (rise_eip712_json(digest, separator, hash, text, strlen(text), &error) != RISE_OK) {
        fprintf(stderr, "%s\n%s\n", text, error.message);
        exit(1);
    }
    CHECK_HEX(separator, 32, "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f");
    CHECK_HEX(hash, 32, "c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e");
    CHECK_HEX(digest, 32, "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
    memset(digest, 0, 32);
    CHECK(rise_eip712_json(digest, NULL, NULL, text, strlen(text), NULL) == RISE_OK);
    CHECK_HEX(digest, 32, "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
}

static void refused(const char *text, size_t len, rise_status expected, const char *message) {
    uint8_t digest[32];
    rise_error error;
    rise_status status;

    error.message[0] = '\0';
    status = rise_eip712_json(digest, NULL, NULL, text, len, &error);
    if (status != expected || error.code != expected || error.message[0] == '\0'
        || (message != NULL && strcmp(error.message, message) != 0)) {
        fprintf(stderr, "%.300s\nexpected %s\ngot %s, %s\n", text, message, rise_status_name(status), error.message);
        exit(1);
    }
    CHECK(rise_eip712_json(digest, NULL, NULL, text, len, NULL) == expected);
}

static void example_of_the_eip(void) {
    check_mail(DATA(TYPES_DOMAIN "," TYPES_MAIL, DOMAIN, MAIL));
    /* The domain's type is that of what is there, in the order of the EIP. */
    check_mail(DATA(TYPES_MAIL, DOMAIN, MAIL));
    check_mail(DATA(TYPES_MAIL,
                    "{\"chainId\":\"0x1\",\"verifyingContract\":\"0xcccccccccccccccccccccccccccccccccccccccc\","
                    "\"version\":\"1\",\"name\":\"Ether Mail\"}", MAIL));
    /* Any order, any space, escapes, types that nothing refers to. */
    check_mail(" { \"message\" : { \"contents\" : \"\\u0048ello, \\u0042ob!\", \"to\" : " BOB " ,\n\"from\":" COW " } ,"
               "\"primaryType\":\"Mail\",\"domain\":" DOMAIN ",\"types\":{\"Other\":[{\"name\":\"a\",\"type\":\"Gone\"}"
               "]," TYPES_MAIL "} } ");
}

#define ONE_MEMBER \
    "{\"types\":{\"A\":[{\"name\":\"v\",\"type\":\"%s\"}]},\"primaryType\":\"A\",\"domain\":{},\"message\":{\"v\":%s}}"

/* { "v": value } of a type, against the hash put together by hand from the one word it takes. */
static void check_word(const char *type, const char *value, const char *word) {
    char text[512], type_text[64];
    uint8_t words[64], expected[32], hash[32], digest[32];
    rise_error error;

    snprintf(text, sizeof text, ONE_MEMBER, type, value);
    if (rise_eip712_json(digest, NULL, hash, text, strlen(text), &error) != RISE_OK) {
        fprintf(stderr, "%s\n%s\n", text, error.message);
        exit(1);
    }
    snprintf(type_text, sizeof type_text, "A(%s v)", type);
    rise_keccak256(words, type_text, strlen(type_text));
    read_hex(words + 32, 32, word);
    rise_keccak256(expected, words, 64);
    CHECK(memcmp(expected, hash, 32) == 0);
}

/* The same with what the word is the hash of. */
static void check_bytes(const char *type, const char *value, const char *bytes, size_t len) {
    uint8_t hash[32];
    char word[65];

    rise_keccak256(hash, bytes, len);
    rise_hex_encode(word, hash, 32);
    word[64] = '\0';
    check_word(type, value, word);
}

static void refused_value(const char *type, const char *value, const char *message) {
    char text[512];

    snprintf(text, sizeof text, ONE_MEMBER, type, value);
    refused(text, strlen(text), RISE_EVALUE, message);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void numbers(void) {
    static const char last[] = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    static const char beyond[] = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    static const char byte[] = "00000000000000000000000000000000000000000000000000000000000000ff";

    check_word("uint8", "255", byte);
    check_word("uint8", "\"255\"", byte);
    check_word("uint8", "\"0xfF\"", byte);
    check_word("uint8", "\"0x00ff\"", byte);
    check_word("uint256", last, ONES);
    check_word("int8", "-1", ONES);
    check_word("int256", "\"-1\"", ONES);
    check_word("int8", "-0", ZEROS);
    check_word("int8", "-128", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff80");
    refused_value("uint8", "256", "message.v: not a value of type uint8: '256'");
    refused_value("uint8", "-1", NULL);
    refused_value("uint8", "-0", NULL);
    refused_value("uint256", beyond, NULL);
    refused_value("int8", "128", NULL);
    refused_value("int8", "-129", "message.v: not a value of type int8: '-129'");
    refused_value("int8", "\"-0x1\"", NULL);
    refused_value("uint8", "1.0", NULL);
    refused_value("uint8", "1e1", NULL);
    refused_value("uint8", "\"\"", "message.v: not a value of type uint8: '\"\"'");
    refused_value("uint8", "\" 1\"", NULL);
    refused_value("uint8", "\"0x\"", NULL);
    refused_value("uint8", "\"\\u0031\"", NULL);
    refused_value("uint8", "true", NULL);
    refused_value("uint8", "null", NULL);
    refused_value("uint8", "[1]", NULL);
    refused_value("uint8", "{}", NULL);
}

static void other_words(void) {
    check_word("bool", "true", "0000000000000000000000000000000000000000000000000000000000000001");
    check_word("bool", "false", ZEROS);
    refused_value("bool", "1", NULL);
    refused_value("bool", "\"true\"", NULL);
    refused_value("bool", "null", NULL);
    check_word("address", "\"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826\"",
               "000000000000000000000000cd2a3d9f938e13cd947ec05abc7fe734df8dd826");
    refused_value("address", "\"0xcD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826\"",
                  "message.v: not a value of type address: '\"0xcD2a3d9F938E13CD947Ec05AbC7FE734Df8DD...'");
    refused_value("address", "\"0x12\"", NULL);
    refused_value("address", "5", NULL);
    check_word("bytes2", "\"0x12Ab\"", "12ab000000000000000000000000000000000000000000000000000000000000");
    refused_value("bytes2", "\"0x12\"", NULL);
    refused_value("bytes2", "\"0x123456\"", NULL);
    refused_value("bytes2", "\"0x123\"", NULL);
    refused_value("bytes2", "\"12ab\"", NULL);
    refused_value("bytes32", "\"0x" ZEROS "00\"", NULL);
}

static void texts_and_bytes(void) {
    check_bytes("bytes", "\"0x\"", "", 0);
    check_bytes("bytes", "\"0x1234\"", "\x12\x34", 2);
    refused_value("bytes", "\"1234\"", NULL);
    refused_value("bytes", "\"0x123\"", NULL);
    refused_value("bytes", "\"0xgg\"", NULL);
    refused_value("bytes", "[18,52]", NULL);
    check_bytes("string", "\"\"", "", 0);
    check_bytes("string", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    check_bytes("string", "\"a\\u0000b\"", "a\0b", 3);
    check_bytes("string", "\"\\u00e9\\u07FF\\u0800\\uffff\\ud83d\\uDC9a\"",
                "\xc3\xa9\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x9f\x92\x9a", 14);
    check_bytes("string", "\"\xc3\xa9 \xf4\x8f\xbf\xbf \\n\"", "\xc3\xa9 \xf4\x8f\xbf\xbf \n", 9);
    check_bytes("string", "\"\xed\x9f\xbf\xee\x80\x80\"", "\xed\x9f\xbf\xee\x80\x80", 6);
    /* halves of pairs, and what is no UTF-8 */
    refused_value("string", "\"\\ud83d\"", "message.v: not a value of type string: '\"\\ud83d\"'");
    refused_value("string", "\"\\udc9a\"", NULL);
    refused_value("string", "\"\\ud83d\\n\"", NULL);
    refused_value("string", "\"\\ud83dxxxxxx\"", NULL);
    refused_value("string", "\"\\ud83d\\ud83d\"", NULL);
    refused_value("string", "\"\\udc9a\\ud83d\"", NULL);
    refused_value("string", "\"\x80\"", NULL);
    refused_value("string", "\"\xc0\x80\"", NULL);
    refused_value("string", "\"\xc3\"", NULL);
    refused_value("string", "\"\xe0\x9f\xbf\"", NULL);
    refused_value("string", "\"\xed\xa0\x80\"", NULL);
    refused_value("string", "\"\xf0\x8f\xbf\xbf\"", NULL);
    refused_value("string", "\"\xf4\x90\x80\x80\"", NULL);
    refused_value("string", "\"\xf5\x80\x80\x80\"", NULL);
    refused_value("string", "\"\\n\xc3\"", NULL);
    refused_value("string", "5", NULL);
}

static void structure(void) {
    refused_value("uint8[]", "{}", "message.v: an array was expected");
    refused_value("uint8[2]", "[1]", "message.v: fewer elements than its type has");
    refused_value("uint8[2]", "[1,2,3]", "message.v: more elements than its type has");
    refused_value("uint8[][2]", "[[1],[2,256]]", "message.v[2][2]: not a value of type uint8: '256'");
    refused_value("uint8", "1,\"v\":1", "message: twice the member 'v'");
    refused_value("uint8", "1,\"w\":1", "message: a member that its type does not have: 'w'");
    refused_value("uint8", "1,\"\\u0076\":1", "message: a member that its type does not have: '\\u0076'");
#define REFUSED(text, status, message) refused((text), sizeof(text) - 1, (status), (message))
#define MESSAGE(message, why) REFUSED(DATA(TYPES_MAIL, DOMAIN, message), RISE_EVALUE, (why))
    MESSAGE("[]", "message: an object was expected");
    MESSAGE("{}", "message.from: missing");
    MESSAGE("{\"from\":" COW ",\"to\":" BOB "}", "message.contents: missing");
    MESSAGE("{\"from\":" COW ",\"contents\":\"\",\"to\":{\"name\":\"\"}}", "message.to.wallet: missing");
    MESSAGE("{\"from\":" COW ",\"contents\":\"\",\"to\":[]}", "message.to: an object was expected");
    MESSAGE("{\"from\":null,\"contents\":\"\",\"to\":" BOB "}", "message.from: an object was expected");
    REFUSED(DATA(TYPES_MAIL, "{\"name\":\"\",\"Version\":\"\"}", MAIL), RISE_EVALUE,
            "domain: unknown member 'Version'");
    REFUSED(DATA(TYPES_MAIL, "{\"name\":\"\",\"name\":\"\"}", MAIL), RISE_EVALUE, "domain: twice the member 'name'");
    REFUSED(DATA(TYPES_MAIL, "{\"name\":null}", MAIL), RISE_EVALUE, "domain.name: not a value of type string: 'null'");
    REFUSED(DATA(TYPES_MAIL, "[]", MAIL), RISE_EVALUE, "domain: an object was expected");
    REFUSED(DATA(TYPES_DOMAIN "," TYPES_MAIL, "{\"name\":\"\"}", MAIL), RISE_EVALUE, "domain.version: missing");
    REFUSED("[]", RISE_EVALUE, "typed data: an object was expected");
    REFUSED("{}", RISE_EVALUE, "typed data: missing member 'types'");
    REFUSED("{\"types\":{},\"types\":{}}", RISE_EVALUE, "typed data: twice the member 'types'");
    REFUSED("{\"types\":{},\"primarytype\":{}}", RISE_EVALUE, "typed data: unknown member 'primarytype'");
#define PRIMARY(primary, why) \
    REFUSED("{\"types\":{" TYPES_DOMAIN "," TYPES_MAIL "},\"primaryType\":" primary ",\"domain\":" DOMAIN \
            ",\"message\":" MAIL "}", RISE_EVALUE, (why))
    PRIMARY("5", "primaryType: a string was expected");
    PRIMARY("\"mail\"", "primaryType: unknown type 'mail'");
    PRIMARY("\"Mail[]\"", "primaryType: unknown type 'Mail[]'");
    PRIMARY("\"EIP712Domain\"", "primaryType: the domain is no message");
}

static void types(void) {
#define TYPES(types, status, message) REFUSED(DATA(types, "{}", "{}"), (status), (message))
#define MEMBER(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\"}"
    REFUSED("{\"types\":[],\"primaryType\":\"Mail\",\"domain\":{},\"message\":{}}", RISE_EVALUE,
            "types: an object was expected");
    TYPES("\"Mail\":{}", RISE_EABI, "types.Mail: an array was expected");
    TYPES("\"Mail\":[5]", RISE_EABI, "types.Mail[1]: { name, type } was expected");
    TYPES("\"Mail\":[" MEMBER("a", "bool") ",{\"name\":\"b\"}]", RISE_EABI,
          "types.Mail[2]: { name, type } was expected");
    TYPES("\"Mail\":[{\"name\":\"a\",\"type\":\"bool\",\"x\":1}]", RISE_EABI, NULL);
    TYPES("\"Mail\":[{\"name\":1,\"type\":\"bool\"}]", RISE_EABI, "types.Mail[1]: not a name: '1'");
    TYPES("\"Mail\":[{\"name\":\"a\",\"type\":1}]", RISE_EABI, "types.Mail[1]: not a type: '1'");
    /* What could bring a member of its own into the text of the type. */
    TYPES("\"Mail\":[" MEMBER("a,bool b", "bool") "]", RISE_EABI, "types.Mail[1]: not a name: '\"a,bool b\"'");
    TYPES("\"Mail\":[" MEMBER("a", "bool b,bool") "]", RISE_EABI, "types.Mail[1]: not a type: '\"bool b,bool\"'");
    TYPES("\"Mail\":[" MEMBER("", "bool") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("1a", "bool") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "bool ") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "bool[") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "bool[1") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "bool[]x") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "(bool)") "]", RISE_EABI, NULL);
    TYPES("\"Mail(bool a)\":[]", RISE_EABI, "types: not the name of a struct: 'Mail(bool a)'");
    TYPES("\"Mail\":[" MEMBER("a", "bool[0]") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "bool") "," MEMBER("a", "bool") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "Person") "]", RISE_EABI, "types.Mail[1]: unknown type 'Person'");
    TYPES("\"Mail\":[" MEMBER("a", "uint") "]", RISE_EABI, "types.Mail[1]: unknown type 'uint'");
    TYPES("\"Mail\":[" MEMBER("a", "uint7") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "bytes33") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "function") "]", RISE_EABI, NULL);
    TYPES("\"Mail\":[" MEMBER("a", "Mail[]") "]", RISE_EABI, "types.Mail[1]: a struct that contains itself: 'Mail'");
    TYPES("\"Mail\":[" MEMBER("a", "B") "],\"B\":[" MEMBER("x", "bool") "," MEMBER("c", "C") "],\"C\":["
          MEMBER("b", "B") "]", RISE_EABI, "types.C[1]: a struct that contains itself: 'B'");
    TYPES("\"Mail\":[" MEMBER("a", "bool") "],\"Mail\":[" MEMBER("a", "bool") "]", RISE_EABI,
          "types.Mail: given twice");
    TYPES("\"Mail\":[" MEMBER("a", "bool") "],\"EIP712Domain\":[" MEMBER("a", "X") "]", RISE_EABI,
          "types.EIP712Domain[1]: unknown type 'X'");
}

static void malformed(void) {
    static const char whole[] = DATA(TYPES_DOMAIN "," TYPES_MAIL, DOMAIN, MAIL);
    size_t len;

    REFUSED("", RISE_EDATA, "at byte 0: malformed JSON");
    REFUSED("{} x", RISE_EDATA, "at byte 3: malformed JSON");
    REFUSED("{\"types\":{},}", RISE_EDATA, NULL);
    REFUSED("\xef\xbb\xbf{}", RISE_EDATA, "at byte 0: malformed JSON");
    /* Cut short anywhere, in memory of just that size. */
    for (len = 0; len < sizeof whole - 1; len++) {
        char *copy = malloc(len + (len == 0));
        CHECK(copy != NULL);
        memcpy(copy, whole, len);
        refused(copy, len, RISE_EDATA, NULL);
        free(copy);
    }
}

/* One byte of valid typed data changed: whatever comes of it ends in order, and never in the digest of the original. */
static void damaged(void) {
    static const char whole[] = DATA(TYPES_MAIL, DOMAIN, MAIL);
    static const char bytes[] = "\"\\{}[],:0a9 -x\x80\xc3";
    char *copy = malloc(sizeof whole - 1);
    uint8_t digest[32];
    size_t at, i;

    CHECK(copy != NULL);
    for (at = 0; at < sizeof whole - 1; at++) {
        for (i = 0; i < sizeof bytes - 1; i++) {
            rise_error error;
            rise_status status;
            memcpy(copy, whole, sizeof whole - 1);
            if (copy[at] == bytes[i]) {
                continue;
            }
            copy[at] = bytes[i];
            status = rise_eip712_json(digest, NULL, NULL, copy, sizeof whole - 1, &error);
            CHECK(status == RISE_OK || error.code == status);
            if (status == RISE_OK) {
                char hex[65];
                rise_hex_encode(hex, digest, 32);
                hex[64] = '\0';
                CHECK(strcmp(hex, "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2") != 0);
            }
        }
    }
    free(copy);
}

static void append(rise_buf *text, const char *piece) {
    CHECK(rise_buf_append(text, piece, strlen(piece)) == RISE_OK);
}

static void check_limit(rise_buf *text, rise_status expected, const char *message) {
    refused((const char *)text->data, text->len, expected, message);
    text->len = 0;
}

static void bounds(void) {
    rise_buf text = RISE_BUF_INIT;
    char piece[128];
    unsigned i;

    /* A chain of structs as deep as they may be, and deeper. */
    for (i = 0; i < 40; i++) {
        snprintf(piece, sizeof piece, "%s\"S%u\":[{\"name\":\"a\",\"type\":\"S%u\"}]", i == 0 ? "{\"types\":{" : ",", i,
                 i + 1);
        append(&text, piece);
    }
    append(&text, "},\"primaryType\":\"S0\",\"domain\":{},\"message\":{}}");
    check_limit(&text, RISE_ELIMIT, "types.S33: structs nested deeper than 32");

    /* Structs that double with each step. */
    for (i = 0; i < 20; i++) {
        snprintf(piece, sizeof piece, "%s\"S%u\":[" MEMBER("a", "S%u") "," MEMBER("b", "S%u") "]",
                 i == 0 ? "{\"types\":{" : ",", i, i + 1, i + 1);
        append(&text, piece);
    }
    append(&text, ",\"S20\":[" MEMBER("a", "bool") "]},\"primaryType\":\"S0\",\"domain\":{},\"message\":{}}");
    check_limit(&text, RISE_ELIMIT, NULL);

    for (i = 0; i < 4097; i++) {
        snprintf(piece, sizeof piece, "%s\"S%u\":[]", i == 0 ? "{\"types\":{" : ",", i);
        append(&text, piece);
    }
    append(&text, "},\"primaryType\":\"S0\",\"domain\":{},\"message\":{}}");
    check_limit(&text, RISE_ELIMIT, "types: more than 4096");

    append(&text, "{\"types\":{\"A\":[");
    for (i = 0; i < 4000; i++) {
        snprintf(piece, sizeof piece, "%s{\"name\":\"member_number_%u\",\"type\":\"bool\"}", i == 0 ? "" : ",", i);
        append(&text, piece);
    }
    append(&text, "]},\"primaryType\":\"A\",\"domain\":{},\"message\":{}}");
    check_limit(&text, RISE_ELIMIT, "types: more than 65536 bytes as encodeType");

    for (i = 0; i < 65; i++) {
        append(&text, "[");
    }
    check_limit(&text, RISE_EDATA, "at byte 64: malformed JSON");

    while (text.len <= RISE_EIP712_MAX_JSON) {
        append(&text, "          ");
    }
    check_limit(&text, RISE_ELIMIT, "a text of more than 1 MiB");

    /* Many members, backwards. */
    append(&text, "{\"types\":{\"A\":[");
    for (i = 0; i < 3000; i++) {
        snprintf(piece, sizeof piece, "%s{\"name\":\"a%u\",\"type\":\"uint16\"}", i == 0 ? "" : ",", i);
        append(&text, piece);
    }
    append(&text, "]},\"primaryType\":\"A\",\"domain\":{},\"message\":{");
    for (i = 3000; i > 0; i--) {
        snprintf(piece, sizeof piece, "%s\"a%u\":%u", i == 3000 ? "" : ",", i - 1, i - 1);
        append(&text, piece);
    }
    append(&text, "}}");
    {
        uint8_t digest[32], hash[32], expected[32], word[32] = { 0 };
        rise_buf type = RISE_BUF_INIT;
        rise_keccak h;
        CHECK(rise_eip712_json(digest, NULL, hash, (const char *)text.data, text.len, NULL) == RISE_OK);
        for (i = 0; i < 3000; i++) {
            snprintf(piece, sizeof piece, "%suint16 a%u", i == 0 ? "A(" : ",", i);
            append(&type, piece);
        }
        append(&type, ")");
        rise_keccak256(expected, type.data, type.len);
        rise_keccak_init(&h);
        rise_keccak_update(&h, expected, 32);
        for (i = 0; i < 3000; i++) {
            word[30] = (uint8_t)(i >> 8);
            word[31] = (uint8_t)i;
            rise_keccak_update(&h, word, 32);
        }
        rise_keccak_final(&h, expected);
        CHECK(memcmp(hash, expected, 32) == 0);
        rise_buf_free(&type);
    }
    rise_buf_free(&text);
}

int main(void) {
    example_of_the_eip();
    numbers();
    other_words();
    texts_and_bytes();
    structure();
    types();
    malformed();
    damaged();
    bounds();
    return 0;
}
