/* Statuses, wiping, comparing, hex, growing buffers, entropy and clocks. */
#include "check.h"

static void statuses_have_words_and_sentences(void) {
    int i;

    for (i = 0; i < RISE_STATUS_COUNT; i++) {
        CHECK(rise_status_name((rise_status)i)[0] != '\0');
        CHECK(rise_status_text((rise_status)i)[0] != '\0');
    }
    CHECK(strcmp(rise_status_name(RISE_EKEY), "invalid_key") == 0);
    CHECK(strcmp(rise_status_name(RISE_STATUS_COUNT), "unknown") == 0);
    CHECK(strcmp(rise_status_name((rise_status)-1), "unknown") == 0);
}

static void wiping_and_comparing(void) {
    uint8_t a[40], b[40];
    size_t i;

    memset(a, 0x5a, sizeof a);
    memcpy(b, a, sizeof b);
    CHECK(rise_equal(a, b, sizeof a));
    CHECK(rise_equal(a, b, 0));
    for (i = 0; i < sizeof a; i++) {
        b[i] ^= 0x80;
        CHECK(!rise_equal(a, b, sizeof a));
        b[i] ^= 0x80;
    }
    rise_wipe(a + 1, sizeof a - 2);
    CHECK(a[0] == 0x5a && a[39] == 0x5a);
    for (i = 1; i < 39; i++) {
        CHECK(a[i] == 0);
    }
    rise_wipe(NULL, 0);
}

static void hex_digits(void) {
    char text[512];
    uint8_t bytes[256];
    size_t len, i;
    int c;

    for (i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
    }
    rise_hex_encode(text, bytes, 256);
    for (i = 0; i < 256; i++) {
        char want[3];
        sprintf(want, "%02x", (unsigned)i);
        CHECK(memcmp(text + 2 * i, want, 2) == 0);
    }
    memset(bytes, 0, sizeof bytes);
    CHECK(rise_hex_decode(bytes, 256, &len, text, 512) == RISE_OK && len == 256);
    for (i = 0; i < 256; i++) {
        CHECK(bytes[i] == i);
    }
    /* Every byte that is no digit is refused, in both places of a pair. */
    for (c = 0; c < 256; c++) {
        int is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        char pair[2];
        pair[0] = (char)c;
        pair[1] = '7';
        CHECK((rise_hex_decode(bytes, 1, &len, pair, 2) == RISE_OK) == is_hex);
        pair[0] = '7';
        pair[1] = (char)c;
        CHECK((rise_hex_decode(bytes, 1, &len, pair, 2) == RISE_OK) == is_hex);
    }
    CHECK(rise_hex_decode(bytes, 256, &len, "0xAbCd", 6) == RISE_OK && len == 2);
    CHECK(bytes[0] == 0xab && bytes[1] == 0xcd);
    CHECK(rise_hex_decode(bytes, 256, &len, "", 0) == RISE_OK && len == 0);
    CHECK(rise_hex_decode(bytes, 256, &len, "0x", 2) == RISE_OK && len == 0);
    CHECK(rise_hex_decode(bytes, 256, &len, "0xabc", 5) == RISE_EVALUE);
    CHECK(rise_hex_decode(bytes, 256, &len, "0Xab", 4) == RISE_EVALUE);
    CHECK(rise_hex_decode(bytes, 256, &len, "0x0xab", 6) == RISE_EVALUE);
    CHECK(rise_hex_decode(bytes, 1, &len, "0xabcd", 6) == RISE_ELIMIT);
}

static void buffers_grow_up_to_their_limit(void) {
    rise_buf buf = RISE_BUF_INIT;
    uint8_t *space;
    uint8_t *before;
    size_t i;

    for (i = 0; i < 1000; i++) {
        uint8_t byte = (uint8_t)i;
        CHECK(rise_buf_append(&buf, &byte, 1) == RISE_OK);
    }
    CHECK(buf.len == 1000);
    for (i = 0; i < 1000; i++) {
        CHECK(buf.data[i] == (uint8_t)i);
    }
    CHECK(rise_buf_extend(&buf, &space, 24) == RISE_OK && space == buf.data + 1000 && buf.len == 1024);
    buf.limit = 1030;
    CHECK(rise_buf_append(&buf, "1234567", 7) == RISE_ELIMIT && buf.len == 1024);
    CHECK(rise_buf_append(&buf, "123456", 6) == RISE_OK && buf.len == 1030);
    CHECK(rise_buf_append(&buf, NULL, 0) == RISE_OK && buf.len == 1030);
    before = buf.data;
    CHECK(rise_buf_extend(&buf, &space, SIZE_MAX) == RISE_ELIMIT && buf.len == 1030 && buf.data == before);
    rise_buf_free(&buf);
    CHECK(buf.data == NULL && buf.len == 0 && buf.size == 0);
    rise_buf_free(&buf);
    buf.limit = 0;
    CHECK(rise_buf_extend(&buf, &space, RISE_BUF_LIMIT + 1) == RISE_ELIMIT && buf.data == NULL);
    CHECK(rise_buf_extend(&buf, &space, 0) == RISE_OK && space != NULL);
    rise_buf_free(&buf);
}

static int no_entropy(void *context, uint8_t *out, size_t len) {
    (void)out;
    (void)len;
    ++*(int *)context;
    return -1;
}

static void entropy_and_clocks(void) {
    uint8_t a[64] = { 0 }, b[64] = { 0 };
    int calls = 0;
    rise_entropy none;
    int64_t wall = rise_clock_wall();
    int64_t steady = rise_clock_steady();

    none.fill = no_entropy;
    none.context = &calls;
    CHECK(rise_random(a, sizeof a, NULL) == RISE_OK);
    CHECK(rise_random(b, sizeof b, NULL) == RISE_OK);
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK(rise_random(a, 0, NULL) == RISE_OK);
    CHECK(rise_random(a, sizeof a, &none) == RISE_EENTROPY && calls == 1);
    CHECK(wall > INT64_C(1700000000000));
    CHECK(rise_clock_steady() >= steady);
}

int main(void) {
    statuses_have_words_and_sentences();
    wiping_and_comparing();
    hex_digits();
    buffers_grow_up_to_their_limit();
    entropy_and_clocks();
    return 0;
}
