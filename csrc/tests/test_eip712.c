/* EIP-712: the example of the EIP, and refusals. */
#include "check.h"

#define MAIL "Mail(Person from,Person to,string contents)"
#define PERSON "Person(string name,address wallet)"

static rise_eip712 *compile(const char *text) {
    rise_eip712 *type = NULL;
    rise_error error;

    if (rise_eip712_new(&type, text, strlen(text), &error) != RISE_OK) {
        fprintf(stderr, "%s: %s\n", text, error.message);
        exit(1);
    }
    return type;
}

static void check_refused(const char *text, rise_status expected, const char *message) {
    rise_eip712 *type = NULL;
    rise_error error;

    error.message[0] = '\0';
    if (rise_eip712_new(&type, text, strlen(text), &error) != expected || type != NULL
        || (message != NULL && strcmp(error.message, message) != 0) || error.message[0] == '\0') {
        fprintf(stderr, "not refused as it should be: %s (%s)\n", text, error.message);
        exit(1);
    }
    CHECK(rise_eip712_new(&type, text, strlen(text), NULL) == expected);
}

static rise_abi_value *add(rise_abi_values *values) {
    rise_abi_value *value = NULL;

    CHECK(rise_abi_values_add(values, &value) == RISE_OK);
    return value;
}

static void add_text(rise_abi_values *values, const char *text) {
    rise_abi_value *value = add(values);

    value->data = (const uint8_t *)text;
    value->len = strlen(text);
}

static void add_address(rise_abi_values *values, const char *address) {
    CHECK(rise_address_parse(add(values)->word + 12, address, strlen(address)) == RISE_OK);
}

static void example_of_the_eip(void) {
    rise_eip712 *mail = compile(MAIL PERSON);
    rise_eip712 *domain = compile("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    rise_abi_values v = { NULL, 0, 0 };
    uint8_t separator[32], hash[32], digest[32];
    rise_error error;

    rise_eip712_type_hash(mail, hash);
    CHECK_HEX(hash, 32, "a0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2");
    rise_eip712_type_hash(domain, hash);
    CHECK_HEX(hash, 32, "8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f");

    add(&v);
    add_text(&v, "Ether Mail");
    add_text(&v, "1");
    add(&v)->word[31] = 1;
    add_address(&v, "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC");
    CHECK(rise_eip712_hash(domain, separator, v.entry, v.count, &error) == RISE_OK);
    CHECK_HEX(separator, 32, "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f");

    v.count = 0;
    add(&v);
    add(&v);
    add_text(&v, "Cow");
    add_address(&v, "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826");
    add(&v);
    add_text(&v, "Bob");
    add_address(&v, "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB");
    add_text(&v, "Hello, Bob!");
    CHECK(rise_eip712_hash(mail, hash, v.entry, v.count, &error) == RISE_OK);
    CHECK_HEX(hash, 32, "c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e");
    rise_eip712_digest(digest, separator, hash);
    CHECK_HEX(digest, 32, "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");

    v.entry[3].word[0] = 1;
    CHECK(rise_eip712_hash(mail, hash, v.entry, v.count, &error) == RISE_EVALUE);
    CHECK(strncmp(error.message, "from.wallet: 0x01", 17) == 0);
    v.entry[3].word[0] = 0;
    CHECK(rise_eip712_hash(mail, hash, v.entry, v.count - 1, &error) == RISE_EVALUE);
    CHECK(strcmp(error.message, "contents: missing") == 0);
    CHECK(rise_eip712_get_type(mail)->count == 3);
    rise_eip712_free(mail);
    rise_eip712_free(domain);
    rise_abi_values_free(&v);
}

/* The type hash is that of the canonical text, whatever order and spacing the caller's has. */
static void canonical_text(void) {
    static const char *const texts[] = {
        "Zed(B b,A[2][] a)A(uint256 x)B(A a)",
        "Zed(B b,A[2][] a)B(A a)A(uint256 x)",
        " Zed ( B b , A[2] [] a )\nB(A a) A ( uint256 x )",
    };
    uint8_t expected[32], hash[32];
    size_t i;

    rise_keccak256(expected, texts[0], strlen(texts[0]));
    for (i = 0; i < 3; i++) {
        rise_eip712 *type = compile(texts[i]);
        rise_eip712_type_hash(type, hash);
        CHECK(memcmp(hash, expected, 32) == 0);
        rise_eip712_free(type);
    }
}

/* encodeData of arrays and nested structs, against hashes put together by hand. */
static void arrays_and_structs(void) {
    rise_eip712 *type = compile("Outer(Pair[] pairs,bytes[2] parts)Pair(uint8 a,bool b)");
    rise_abi_values v = { NULL, 0, 0 };
    uint8_t word[32] = { 0 }, pair[3][32], pairs[32], parts[2][32], outer[3][32], expected[32], hash[32];
    rise_error error;

    add(&v);
    add(&v)->len = 1;
    add(&v);
    add(&v)->word[31] = 7;
    add(&v)->word[31] = 1;
    add(&v);
    add_text(&v, "left");
    add_text(&v, "");
    CHECK(rise_eip712_hash(type, hash, v.entry, v.count, &error) == RISE_OK);

    rise_keccak256(pair[0], "Pair(uint8 a,bool b)", 20);
    word[31] = 7;
    memcpy(pair[1], word, 32);
    word[31] = 1;
    memcpy(pair[2], word, 32);
    rise_keccak256(pairs, pair, 96);
    rise_keccak256(outer[1], pairs, 32);
    rise_keccak256(parts[0], "left", 4);
    rise_keccak256(parts[1], "", 0);
    rise_keccak256(outer[2], parts, 64);
    rise_eip712_type_hash(type, outer[0]);
    rise_keccak256(expected, outer, 96);
    CHECK(memcmp(hash, expected, 32) == 0);
    rise_eip712_free(type);

    /* A struct may be empty when it is the primary one. */
    type = compile("Empty()");
    CHECK(rise_eip712_hash(type, hash, v.entry, 1, &error) == RISE_OK);
    rise_keccak256(word, "Empty()", 7);
    rise_keccak256(expected, word, 32);
    CHECK(memcmp(hash, expected, 32) == 0);
    rise_eip712_free(type);
    rise_abi_values_free(&v);
}

static void refused_types(void) {
    char text[4096];
    rise_eip712 *type = NULL;
    rise_error error;
    size_t len, i;

    check_refused("", RISE_EABI, "at byte 0: the name of a struct was expected");
    check_refused("Mail", RISE_EABI, NULL);
    check_refused("Mail(", RISE_EABI, NULL);
    check_refused("Mail(string)", RISE_EABI, "at byte 11: a name was expected");
    check_refused("Mail(string a,)", RISE_EABI, NULL);
    check_refused("Mail(string a string b)", RISE_EABI, NULL);
    check_refused("Mail(string a;)", RISE_EABI, NULL);
    check_refused("Mail(string a,string a)", RISE_EABI, NULL);
    check_refused("Mail(uint a)", RISE_EABI, "at byte 5: EIP-712 knows no type 'uint'");
    check_refused("Mail(int a)", RISE_EABI, NULL);
    check_refused("Mail(function a)", RISE_EABI, NULL);
    check_refused("Mail((uint8 b) a)", RISE_EABI, NULL);
    check_refused("Mail(tuple(uint8 b) a)", RISE_EABI, NULL);
    check_refused("Mail(address payable a)", RISE_EABI, NULL);
    check_refused("Mail(Person a)", RISE_EABI, "at byte 5: unknown type 'Person'");
    check_refused("Mail(Mail[] a)", RISE_EABI, "at byte 5: a struct that contains itself: 'Mail'");
    check_refused("A(B b)B(C c)C(B b)", RISE_EABI, NULL);
    check_refused("A(B b)B()", RISE_EABI, NULL);
    check_refused("A(uint8 b)A(uint8 b)", RISE_EABI, "at byte 10: a struct defined twice: 'A'");
    check_refused("A(uint8 b)B(uint8 c)", RISE_EABI, "nothing refers to the struct 'B'");
    check_refused("uint8(uint8 b)", RISE_EABI, NULL);
    check_refused("A(uint8 b)x", RISE_EABI, NULL);
    check_refused("A(uint8[0] b)", RISE_EABI, NULL);

    /* Structs that double with each step. */
    for (len = 0, i = 0; i < 25; i++) {
        len += (size_t)sprintf(text + len, "S%u(S%u a,S%u b)", (unsigned)i, (unsigned)i + 1, (unsigned)i + 1);
    }
    len += (size_t)sprintf(text + len, "S25(bool a)");
    CHECK(rise_eip712_new(&type, text, len, &error) == RISE_ELIMIT && type == NULL);

    /* Every beginning of a valid text that is shorter by at least its last bracket. */
    for (len = 0; len < sizeof MAIL PERSON - 2; len++) {
        char *copy = malloc(len + 1);
        CHECK(copy != NULL);
        memcpy(copy, MAIL PERSON, len);
        CHECK(rise_eip712_new(&type, copy, len, &error) == RISE_EABI);
        free(copy);
    }
}

int main(void) {
    example_of_the_eip();
    canonical_text();
    arrays_and_structs();
    refused_types();
    rise_eip712_free(NULL);
    return 0;
}
