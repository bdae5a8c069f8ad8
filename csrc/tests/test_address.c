/* Addresses: the examples of EIP-55 and EIP-1014, CREATE of a well-known sender, and the EIP-7702 digest. */
#include "check.h"

static void checksums(void) {
    static const char *const examples[] = {
        "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    };
    uint8_t address[20];
    char text[43];
    size_t i;

    for (i = 0; i < sizeof examples / sizeof *examples; i++) {
        CHECK(rise_address_parse(address, examples[i], 42) == RISE_OK);
        rise_address_format(text, address);
        CHECK(strcmp(text, examples[i]) == 0);
    }
}

static void refused_texts(void) {
    static const char *const bad[] = {
        "", "0x", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0",
        "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
        "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg", " 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
    };
    uint8_t address[20];
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(rise_address_parse(address, bad[i], strlen(bad[i])) == RISE_EVALUE);
    }
    CHECK(rise_address_parse(address, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", 42) == RISE_OK);
    CHECK(rise_address_parse(address, "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", 42) == RISE_OK);
}

static void create(void) {
    uint8_t sender[20], address[20];

    read_hex(sender, 20, "6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0");
    rise_address_create(address, sender, 0);
    CHECK_HEX(address, 20, "cd234a471b72ba2f1ccf0a70fcaba648a5eecd8d");
    rise_address_create(address, sender, 1);
    CHECK_HEX(address, 20, "343c43a37d37dff08ae8c4a11544c718abb4fcf8");
}

static void create2(void) {
    static const struct {
        const char *sender, *salt, *code, *address;
    } example[] = {
        { "0000000000000000000000000000000000000000",
          "0000000000000000000000000000000000000000000000000000000000000000", "00",
          "4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38" },
        { "deadbeef00000000000000000000000000000000",
          "000000000000000000000000feed000000000000000000000000000000000000", "00",
          "d04116cdd17bebe565eb2422f2497e06cc1c9833" },
        { "00000000000000000000000000000000deadbeef",
          "00000000000000000000000000000000000000000000000000000000cafebabe", "deadbeef",
          "60f3f640a8508fc6a86d45df051962668e1e8ac7" },
    };
    uint8_t sender[20], salt[32], code[4], hash[32], address[20];
    size_t i, len;

    for (i = 0; i < sizeof example / sizeof *example; i++) {
        read_hex(sender, 20, example[i].sender);
        read_hex(salt, 32, example[i].salt);
        CHECK(rise_hex_decode(code, 4, &len, example[i].code, strlen(example[i].code)) == RISE_OK);
        rise_keccak256(hash, code, len);
        rise_address_create2(address, sender, salt, hash);
        CHECK_HEX(address, 20, example[i].address);
    }
}

/* The preimage is 05 d7 80 94 4f4d...c3d6 80. */
static void authorization_on_any_chain(void) {
    uint8_t address[20], digest[32];
    rise_u256 zero;

    read_hex(address, 20, "4f4dde38da9f8abbb96c48ca520b992d4badc3d6");
    rise_u256_from_u64(&zero, 0);
    rise_authorization_digest(digest, &zero, address, 0);
    CHECK_HEX(digest, 32, "b5206222fe4f9eab87edc7b15f6310ba1c033b10fc73734d2a561d5c1b734da5");
}

/* The same digest through the general RLP writer, for lists on both sides of the 56 bytes where headers grow. */
static void authorizations(void) {
    uint8_t address[20], digest[32], want[32];
    rise_u256 chain_id, number;
    unsigned bits;

    read_hex(address, 20, "4f4dde38da9f8abbb96c48ca520b992d4badc3d6");
    for (bits = 0; bits <= 256; bits += 8) {
        static const uint64_t nonces[] = { 0, 1, 127, 128, UINT64_MAX };
        size_t i;
        for (i = 0; i < 5; i++) {
            rise_buf buf = RISE_BUF_INIT;
            uint8_t type = 5;
            memset(chain_id.limb, 0xff, sizeof chain_id.limb);
            rise_u256_shr(&chain_id, &chain_id, 256 - bits);
            rise_u256_from_u64(&number, nonces[i]);
            CHECK(rise_buf_append(&buf, &type, 1) == RISE_OK);
            CHECK(rise_rlp_number(&buf, &chain_id) == RISE_OK);
            CHECK(rise_rlp_bytes(&buf, address, 20) == RISE_OK);
            CHECK(rise_rlp_number(&buf, &number) == RISE_OK);
            CHECK(rise_rlp_list(&buf, 1) == RISE_OK);
            rise_keccak256(want, buf.data, buf.len);
            rise_authorization_digest(digest, &chain_id, address, nonces[i]);
            CHECK(memcmp(digest, want, 32) == 0);
            rise_buf_free(&buf);
        }
    }
}

int main(void) {
    checksums();
    refused_texts();
    create();
    create2();
    authorization_on_any_chain();
    authorizations();
    return 0;
}
