/* Keccak-256 (the empty string and "hello" as in every Ethereum library; bytes 0, 1, 2 .. around the block of 136, from
 * an independent implementation; spec/vectors/keccak256.json) and SHA-256 (FIPS 180-4 examples). */
#include "../core/json.h"
#include "check.h"

static void known_answers(void) {
    static const struct {
        size_t len;
        const char *hash;
    } counted[] = {
        { 0, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" },
        { 1, "bc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a" },
        { 7, "801560412425120fa609be232d6fa71c7f64f42aee7977267687dcc0a2f5aa63" },
        { 8, "59e7c99f6be4fd053d7c99f54e371304a33213473dc41f1825b7f3ceb33841a6" },
        { 135, "cbdfd9dee5faad3818d6b06f95a219fd290b0e1706f6a82e5a595b9ce9faca62" },
        { 136, "7ce759f1ab7f9ce437719970c26b0a66ff11fe3e38e17df89cf5d29c7d7f807e" },
        { 137, "ac73d4fae68b8453f764007c1a20ce95994187861f0c3227a3a8e99a73a3b1db" },
        { 271, "7c974895b2a88303ff2dc6b58f438ceb0b298cac91099ac0539cc0f477506191" },
        { 272, "fdf2ec49e749960d3c8521a0219af8d03e30e2b3bf19bd16150ee0eaf133d66e" },
        { 273, "4f707289a9c3ccd0c4a51f2f17339f5dd171d371c04ff7783b735b5b22682eaf" },
    };
    uint8_t bytes[273], hash[32];
    size_t i;

    for (i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    for (i = 0; i < sizeof counted / sizeof *counted; i++) {
        rise_keccak256(hash, bytes, counted[i].len);
        CHECK_HEX(hash, 32, counted[i].hash);
    }
    rise_keccak256(hash, "hello", 5);
    CHECK_HEX(hash, 32, "1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8");
    rise_keccak256(hash, NULL, 0);
    CHECK_HEX(hash, 32, counted[0].hash);
}

static char *read_vectors(size_t *len) {
    FILE *file = fopen("spec/vectors/keccak256.json", "rb");
    char *text = malloc((size_t)1 << 20);

    CHECK(file != NULL && text != NULL);
    *len = fread(text, 1, (size_t)1 << 20, file);
    CHECK(*len > 0 && *len < (size_t)1 << 20);
    fclose(file);
    return text;
}

/* The input as a whole, and in two pieces cut in each of the places where blocks and lanes end. */
static void check_vector(const uint8_t *input, size_t len, const char *hex) {
    static const size_t cuts[] = { 1, 7, 8, 9, 135, 136, 137, 272, 1000 };
    uint8_t hash[32];
    size_t i;

    rise_keccak256(hash, input, len);
    CHECK_HEX(hash, 32, hex);
    for (i = 0; i < sizeof cuts / sizeof *cuts && cuts[i] <= len; i++) {
        rise_keccak h;
        rise_keccak_init(&h);
        rise_keccak_update(&h, input, cuts[i]);
        rise_keccak_update(&h, input + cuts[i], len - cuts[i]);
        rise_keccak_final(&h, hash);
        CHECK_HEX(hash, 32, hex);
    }
}

static void vectors(void) {
    const char *path = "cases", *name;
    size_t len, start, span_len, name_len, count = 0;
    char *text = read_vectors(&len);
    rise_json json;
    int more;

    CHECK(rise_json_span(&start, &span_len, text, len, &path, 1) == RISE_OK);
    rise_json_start(&json, text + start, span_len);
    CHECK(rise_json_enter(&json, '['));
    while ((more = rise_json_next(&json, ']', count == 0)) > 0) {
        const char *input = NULL, *hash = NULL;
        size_t input_len = 0, got;
        uint8_t *bytes;
        char hex[65] = "";
        int first;

        CHECK(rise_json_enter(&json, '{'));
        for (first = 1; rise_json_next(&json, '}', first) > 0; first = 0) {
            CHECK(rise_json_name(&json, &name, &name_len));
            start = json.at + 1;
            CHECK(rise_json_skip(&json, 0));
            if (name_len == 5 && memcmp(name, "input", 5) == 0) {
                input = json.text + start;
                input_len = json.at - start - 1;
            } else if (name_len == 4 && memcmp(name, "hash", 4) == 0) {
                hash = json.text + start;
            }
        }
        CHECK(input != NULL && hash != NULL);
        bytes = malloc(input_len);
        CHECK(bytes != NULL);
        CHECK(rise_hex_decode(bytes, input_len, &got, input, input_len) == RISE_OK);
        memcpy(hex, hash + 2, 64);
        check_vector(bytes, got, hex);
        free(bytes);
        count++;
    }
    CHECK(more == 0 && count == 56);
    free(text);
}

static void pieces_make_the_same_hash(void) {
    uint8_t bytes[600], whole[32], pieces[32];
    size_t first, step, at;

    for (at = 0; at < sizeof bytes; at++) {
        bytes[at] = (uint8_t)(at * 7 + 3);
    }
    rise_keccak256(whole, bytes, sizeof bytes);
    for (first = 0; first < 150; first++) {
        for (step = 1; step < 300; step += 13) {
            rise_keccak h;
            rise_keccak_init(&h);
            rise_keccak_update(&h, bytes, first);
            for (at = first; at < sizeof bytes; at += step) {
                size_t len = sizeof bytes - at < step ? sizeof bytes - at : step;
                rise_keccak_update(&h, bytes + at, len);
            }
            rise_keccak_final(&h, pieces);
            CHECK(memcmp(whole, pieces, 32) == 0);
        }
    }
}

static void final_wipes_the_state(void) {
    static const rise_keccak zero;
    rise_keccak h;
    uint8_t hash[32];

    rise_keccak_init(&h);
    rise_keccak_update(&h, "secret", 6);
    rise_keccak_final(&h, hash);
    CHECK(memcmp(&h, &zero, sizeof h) == 0);
}

static void sha256(void) {
    uint8_t hash[32];

    rise_sha256(hash, "", 0);
    CHECK_HEX(hash, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    rise_sha256(hash, "abc", 3);
    CHECK_HEX(hash, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    rise_sha256(hash, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
    CHECK_HEX(hash, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

int main(void) {
    known_answers();
    vectors();
    pieces_make_the_same_hash();
    final_wipes_the_state();
    sha256();
    return 0;
}
