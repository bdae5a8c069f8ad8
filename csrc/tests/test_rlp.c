/* RLP: the examples of the Ethereum wiki, and what must be refused. */
#include "check.h"

static void wiki_examples(void) {
    rise_buf buf = RISE_BUF_INIT;
    rise_u256 number;
    size_t start, inner;
    int i;

    CHECK(rise_rlp_bytes(&buf, (const uint8_t *)"dog", 3) == RISE_OK);
    CHECK_HEX(buf.data, buf.len, "83646f67");

    buf.len = 0;
    CHECK(rise_rlp_bytes(&buf, (const uint8_t *)"cat", 3) == RISE_OK);
    CHECK(rise_rlp_bytes(&buf, (const uint8_t *)"dog", 3) == RISE_OK);
    CHECK(rise_rlp_list(&buf, 0) == RISE_OK);
    CHECK_HEX(buf.data, buf.len, "c88363617483646f67");

    buf.len = 0;
    CHECK(rise_rlp_bytes(&buf, NULL, 0) == RISE_OK);
    CHECK(rise_rlp_list(&buf, buf.len) == RISE_OK);
    for (i = 0; i < 3; i++) {
        static const uint64_t numbers[] = { 0, 15, 1024 };
        rise_u256_from_u64(&number, numbers[i]);
        CHECK(rise_rlp_number(&buf, &number) == RISE_OK);
    }
    CHECK_HEX(buf.data, buf.len, "80c0800f820400");

    /* [ [], [[]], [ [], [[]] ] ] */
    buf.len = 0;
    CHECK(rise_rlp_list(&buf, 0) == RISE_OK);
    start = buf.len;
    CHECK(rise_rlp_list(&buf, start) == RISE_OK);
    CHECK(rise_rlp_list(&buf, start) == RISE_OK);
    start = buf.len;
    CHECK(rise_rlp_list(&buf, start) == RISE_OK);
    inner = buf.len;
    CHECK(rise_rlp_list(&buf, inner) == RISE_OK);
    CHECK(rise_rlp_list(&buf, inner) == RISE_OK);
    CHECK(rise_rlp_list(&buf, start) == RISE_OK);
    CHECK(rise_rlp_list(&buf, 0) == RISE_OK);
    CHECK_HEX(buf.data, buf.len, "c7c0c1c0c3c0c1c0");

    buf.len = 0;
    CHECK(rise_rlp_bytes(&buf, (const uint8_t *)"Lorem ipsum dolor sit amet, consectetur adipisicing elit", 56)
          == RISE_OK);
    CHECK(buf.len == 58 && buf.data[0] == 0xb8 && buf.data[1] == 56 && buf.data[2] == 'L');
    CHECK(rise_rlp_list(&buf, buf.len + 1) == RISE_EUSAGE);
    rise_buf_free(&buf);
}

static void lengths_come_back(void) {
    static const size_t lengths[] = { 0, 1, 2, 54, 55, 56, 57, 255, 256, 257, 65535, 65536 };
    uint8_t *bytes = calloc(1, 65536);
    size_t i;

    CHECK(bytes != NULL);
    bytes[0] = 0x80;
    for (i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        rise_buf buf = RISE_BUF_INIT;
        rise_rlp_item item;
        const uint8_t *p;
        size_t len;

        CHECK(rise_rlp_bytes(&buf, bytes, lengths[i]) == RISE_OK);
        CHECK(rise_rlp_list(&buf, 0) == RISE_OK);
        p = buf.data;
        len = buf.len;
        CHECK(rise_rlp_next(&item, &p, &len) == RISE_OK && item.is_list && len == 0 && p == buf.data + buf.len);
        p = item.data;
        len = item.len;
        CHECK(rise_rlp_next(&item, &p, &len) == RISE_OK && !item.is_list && len == 0 && item.len == lengths[i]);
        CHECK(memcmp(item.data, bytes, item.len) == 0);
        rise_buf_free(&buf);
    }
    free(bytes);
}

#define BYTES_8 "0102030405060708"
#define BYTES_56 BYTES_8 BYTES_8 BYTES_8 BYTES_8 BYTES_8 BYTES_8 BYTES_8

static void refused_data(void) {
    static const char *const bad[] = {
        "",                     /* nothing */
        "81", "83646f", "b838", "b8", "c1", "c88363617483646f", "f8", "f838", /* truncated */
        "8100", "817f",         /* a byte below 0x80 stands for itself */
        "b80100", "b837", "f80100", /* a long header for a short payload */
        "b90038" BYTES_56, "f90038" BYTES_56, /* leading zeros in a length */
        "bfffffffffffffffff", "ffffffffffffffffff", "bf8000000000000000", "ff7fffffffffffffff", /* absurd lengths */
    };
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t len = strlen(bad[i]) / 2, left = len, count;
        /* Its own block of exactly this size, so that reading beyond it shows. */
        uint8_t *bytes = malloc(len + (len == 0));
        const uint8_t *p = bytes;
        rise_rlp_item item;

        CHECK(bytes != NULL && rise_hex_decode(bytes, len, &count, bad[i], 2 * len) == RISE_OK);
        CHECK(rise_rlp_next(&item, &p, &left) == RISE_EDATA);
        CHECK(p == bytes && left == len);
        free(bytes);
    }
}

int main(void) {
    wiki_examples();
    lengths_come_back();
    refused_data();
    return 0;
}
