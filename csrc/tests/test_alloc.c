/* Memory: what allocates nothing, and what becomes of everything else when there is none left. */
#include <unistd.h>

#include "check.h"
#include "heap.h"

static const char CALLS[] = "function execute(Call[] calls, bytes data, uint8[2] pair) returns (bytes[] results)";
static const char STRUCTS[] =
    "struct Call { address to; uint256 value; Inner inner; } struct Inner { bytes4 id; bool on; }";
static const char MAIL[] = "Mail(Person from,Person[] to,string contents)Person(string name,address wallet)";

static uint8_t secret[32], digest[32];

/* ---- nothing is allocated ---- */

/* Everything here must be ready before; `heap.calls` must stand still. */
#define ALLOCATES_NOTHING(...)                                      \
    do {                                                            \
        size_t before_ = heap.calls;                                \
        __VA_ARGS__;                                                \
        if (heap.calls != before_) {                                \
            fprintf(stderr, "%s:%d: allocates: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
            exit(1);                                                \
        }                                                           \
    } while (0)

static void hashing_and_keys(void) {
    uint8_t hash[32], sig[65], public_key[64], point[65], address[20];
    rise_key_type types[] = { RISE_KEY_P256, RISE_KEY_SECP256K1 };
    rise_keccak h;
    size_t i, len;

    ALLOCATES_NOTHING(rise_keccak256(hash, CALLS, sizeof CALLS));
    ALLOCATES_NOTHING(rise_keccak_init(&h); rise_keccak_update(&h, CALLS, 7); rise_keccak_final(&h, hash));
    ALLOCATES_NOTHING(rise_sha256(hash, CALLS, sizeof CALLS));
    ALLOCATES_NOTHING(CHECK(rise_random(hash, 32, NULL) == RISE_OK));
    for (i = 0; i < 2; i++) {
        rise_key *key;
        CHECK(rise_key_import(&key, types[i], secret) == RISE_OK);
        ALLOCATES_NOTHING(CHECK(rise_key_sign(key, sig, digest) == (i == 0 ? 64 : 65)));
        ALLOCATES_NOTHING(len = rise_key_public(key, public_key));
        ALLOCATES_NOTHING(rise_key_hash(hash, types[i], public_key, len));
        if (i == 0) {
            ALLOCATES_NOTHING(CHECK(rise_p256_verify(public_key, digest, sig) == RISE_OK));
            ALLOCATES_NOTHING(CHECK(rise_p256_public(public_key, secret) == RISE_OK));
            ALLOCATES_NOTHING(CHECK(rise_p256_sign(sig, secret, digest) == RISE_OK));
            ALLOCATES_NOTHING(rise_p256_low_s(sig));
        } else {
            ALLOCATES_NOTHING(CHECK(rise_secp256k1_recover(point, address, digest, sig) == RISE_OK));
        }
        rise_key_free(key);
    }
}

static rise_abi_value *add(rise_abi_values *values) {
    rise_abi_value *entry = NULL;

    CHECK(rise_abi_values_add(values, &entry) == RISE_OK);
    return entry;
}

/* Values for CALLS: `calls` calls, three bytes and a pair. */
static void fill_calls(rise_abi_values *values, size_t calls) {
    size_t i, j;

    values->count = 0;
    add(values);
    add(values)->len = calls;
    for (i = 0; i < calls; i++) {
        for (j = 0; j < 6; j++) {
            add(values)->word[0] = j == 4 ? 0xab : 0;
        }
    }
    add(values)->data = (const uint8_t *)"abc";
    values->entry[values->count - 1].len = 3;
    add(values);
    add(values)->word[31] = 7;
    add(values)->word[31] = 8;
}

/* Values for MAIL, to one person. */
static void fill_mail(rise_abi_values *values) {
    static const char *const texts[] = { NULL, NULL, "Cow", NULL, "to", NULL, "Bob", NULL, "Hello" };
    size_t i;

    values->count = 0;
    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rise_abi_value *entry = add(values);
        if (texts[i] != NULL) {
            entry->data = (const uint8_t *)texts[i];
            entry->len = strlen(texts[i]);
        }
    }
    values->entry[4].data = NULL;
    values->entry[4].len = 1;
}

static rise_abi_item *compile(const char *text, const char *structs) {
    rise_abi_item *item;

    CHECK(rise_abi_item_new(&item, text, strlen(text), structs, strlen(structs), NULL) == RISE_OK);
    return item;
}

static void encoding(void) {
    rise_abi_item *item = compile(CALLS, STRUCTS), *words = compile("f(address,uint256,bytes4)", "");
    rise_abi_values values = { NULL, 0, 0 }, back = { NULL, 0, 0 };
    rise_buf out = RISE_BUF_INIT;
    rise_eip712 *type;
    rise_error error;
    uint8_t hash[32], *space;

    CHECK(rise_buf_extend(&out, &space, 4096) == RISE_OK);
    fill_calls(&values, 2);
    out.len = 0;
    ALLOCATES_NOTHING(CHECK(rise_abi_encode(&out, rise_abi_item_inputs(item), values.entry, values.count, &error)
                            == RISE_OK));
    CHECK(rise_abi_decode(&back, rise_abi_item_inputs(item), out.data, out.len, &error) == RISE_OK);
    ALLOCATES_NOTHING(CHECK(rise_abi_decode(&back, rise_abi_item_inputs(item), out.data, out.len, &error)
                            == RISE_OK));
    values.count = 0;
    add(&values);
    add(&values);
    add(&values)->word[31] = 5;
    add(&values);
    out.len = 0;
    ALLOCATES_NOTHING(CHECK(rise_abi_encode(&out, rise_abi_item_inputs(words), values.entry, values.count, &error)
                            == RISE_OK));
    ALLOCATES_NOTHING(CHECK(rise_abi_encode_packed(&out, rise_abi_item_inputs(words), values.entry, values.count,
                                                   &error) == RISE_OK));
    ALLOCATES_NOTHING(rise_abi_item_hash(item, hash));
    /* Nor does saying what was wrong. */
    ALLOCATES_NOTHING(CHECK(rise_abi_encode(&out, rise_abi_item_inputs(words), values.entry, 2, &error)
                            == RISE_EVALUE));
    ALLOCATES_NOTHING(CHECK(rise_abi_decode(&back, rise_abi_item_inputs(item), out.data, 40, &error) == RISE_EDATA));

    CHECK(rise_eip712_new(&type, MAIL, sizeof MAIL - 1, NULL) == RISE_OK);
    fill_mail(&values);
    ALLOCATES_NOTHING(CHECK(rise_eip712_hash(type, hash, values.entry, values.count, &error) == RISE_OK));
    ALLOCATES_NOTHING(rise_eip712_type_hash(type, hash));
    ALLOCATES_NOTHING(rise_eip712_digest(hash, hash, hash));
    rise_eip712_free(type);

    out.len = 0;
    ALLOCATES_NOTHING(CHECK(rise_rlp_bytes(&out, (const uint8_t *)CALLS, sizeof CALLS) == RISE_OK));
    ALLOCATES_NOTHING(CHECK(rise_rlp_list(&out, 0) == RISE_OK));
    rise_buf_free(&out);
    rise_abi_values_free(&values);
    rise_abi_values_free(&back);
    rise_abi_item_free(item);
    rise_abi_item_free(words);
}

static void numbers_and_text(void) {
    static const char json[] = "{\"a\":{\"b\":[1,2]}}";
    const char *const path[] = { "a", "b" };
    uint8_t bytes[32], address[20];
    char text[160];
    rise_u256 number;
    int negative;
    size_t a, b;

    ALLOCATES_NOTHING(CHECK(rise_units_parse(&number, &negative, "1.5", 3, 18) == RISE_OK));
    ALLOCATES_NOTHING(rise_units_format(text, &number, 0, 18); rise_u256_to_dec(text, &number));
    ALLOCATES_NOTHING(CHECK(rise_hex_decode(bytes, 32, &a, "0xabcd", 6) == RISE_OK));
    ALLOCATES_NOTHING(CHECK(rise_json_span(&a, &b, json, sizeof json - 1, path, 2) == RISE_OK));
    ALLOCATES_NOTHING(rise_authorization_digest(bytes, &number, secret, 7));
    ALLOCATES_NOTHING(rise_address_format(text, secret); rise_address_create(address, secret, 7));
    ALLOCATES_NOTHING(rise_address_create2(address, secret, secret, digest));
    ALLOCATES_NOTHING(CHECK(rise_address_parse(address, text, 42) == RISE_OK));
}

/* The count stands still only where nothing happens. */
static void the_count_counts(void) {
    rise_buf out = RISE_BUF_INIT;
    size_t before = heap.calls;

    CHECK(rise_buf_append(&out, "x", 1) == RISE_OK && heap.calls == before + 1);
    rise_buf_free(&out);
}

/* ---- no memory ---- */

/* Does one thing and undoes it. Returns what came of it; nothing may be left then. */
typedef rise_status scenario(void);

static rise_status import_p256(void) {
    rise_key *key;
    rise_status status = rise_key_import(&key, RISE_KEY_P256, secret);

    CHECK((status == RISE_OK) == (key != NULL));
    rise_key_free(key);
    return status;
}

static rise_status import_secp256k1(void) {
    rise_key *key;
    rise_status status = rise_key_import(&key, RISE_KEY_SECP256K1, secret);

    CHECK((status == RISE_OK) == (key != NULL));
    rise_key_free(key);
    return status;
}

static rise_status generate(void) {
    rise_key *key, *other = NULL;
    rise_status status = rise_key_generate(&key, RISE_KEY_SECP256K1, NULL);

    CHECK((status == RISE_OK) == (key != NULL));
    if (status == RISE_OK) {
        status = rise_key_generate(&other, RISE_KEY_P256, NULL);
        CHECK((status == RISE_OK) == (other != NULL));
    }
    rise_key_free(key);
    rise_key_free(other);
    return status;
}

static void check_error(rise_status status, const rise_error *error) {
    CHECK(status == RISE_OK || (error->code == status && error->message[0] != '\0'));
}

static rise_status compile_function(void) {
    rise_abi_item *item;
    rise_error error;
    rise_status status = rise_abi_item_new(&item, CALLS, sizeof CALLS - 1, STRUCTS, sizeof STRUCTS - 1, &error);

    CHECK((status == RISE_OK) == (item != NULL));
    check_error(status, &error);
    rise_abi_item_free(item);
    return status;
}

/* More nodes than the first block holds, so that it has to grow on the way. */
static rise_status compile_event(void) {
    static const char text[] = "event E(bytes32 indexed a, (uint8,uint8,uint8,uint8,uint8,uint8[2],uint8[][3])[] b, "
                               "(bool,bool,bool,bool,bool,bool,bool,(string,int8)) c, address d)";
    rise_abi_item *item;
    rise_error error;
    rise_status status = rise_abi_item_new(&item, text, sizeof text - 1, NULL, 0, &error);

    CHECK((status == RISE_OK) == (item != NULL));
    check_error(status, &error);
    rise_abi_item_free(item);
    return status;
}

static rise_status compile_typed(void) {
    rise_eip712 *type;
    rise_error error;
    rise_status status = rise_eip712_new(&type, MAIL, sizeof MAIL - 1, &error);

    CHECK((status == RISE_OK) == (type != NULL));
    check_error(status, &error);
    rise_eip712_free(type);
    return status;
}

/* Made while there is still memory. */
static rise_abi_item *calls_item;
static rise_abi_values calls_values;
static rise_buf calls_data;

static rise_status decode(void) {
    rise_abi_values values = { NULL, 0, 0 };
    rise_error error;
    rise_status status = rise_abi_decode(&values, rise_abi_item_inputs(calls_item), calls_data.data, calls_data.len,
                                         &error);

    check_error(status, &error);
    rise_abi_values_free(&values);
    return status;
}

static rise_status build_values(void) {
    rise_abi_values values = { NULL, 0, 0 };
    rise_status status = RISE_OK;
    rise_abi_value *entry;
    size_t i, before = 0;

    for (i = 0; i < 40 && status == RISE_OK; i++) {
        before = values.count;
        status = rise_abi_values_add(&values, &entry);
    }
    CHECK(status == RISE_OK || values.count == before);
    rise_abi_values_free(&values);
    return status;
}

/* A buffer that could not grow is as it was. */
static rise_status grow_buffer(void) {
    rise_buf out = RISE_BUF_INIT;
    rise_status status = rise_buf_append(&out, "front", 5);

    if (status == RISE_OK) {
        status = rise_abi_encode(&out, rise_abi_item_inputs(calls_item), calls_values.entry, calls_values.count, NULL);
        CHECK(memcmp(out.data, "front", 5) == 0 && (status == RISE_OK || out.len == 5));
    }
    rise_buf_free(&out);
    return status;
}

static rise_status pack(void) {
    rise_abi_value value = { { 0 }, (const uint8_t *)STRUCTS, sizeof STRUCTS };
    rise_abi_type type;
    rise_buf out = RISE_BUF_INIT;
    rise_error error;
    rise_status status;

    memset(&type, 0, sizeof type);
    type.kind = RISE_ABI_BYTES;
    type.span = 1;
    type.head = 32;
    type.dynamic = 1;
    type.name = "";
    status = rise_abi_encode_packed(&out, &type, &value, 1, &error);
    check_error(status, &error);
    CHECK(status == RISE_OK || out.len == 0);
    rise_buf_free(&out);
    return status;
}

static rise_status name_types(void) {
    rise_buf out = RISE_BUF_INIT;
    rise_status status = rise_abi_type_name(&out, rise_abi_item_inputs(calls_item));

    rise_buf_free(&out);
    return status;
}

static rise_status write_rlp(void) {
    rise_buf out = RISE_BUF_INIT;
    rise_u256 number;
    rise_status status = rise_rlp_bytes(&out, secret, 32);

    rise_u256_from_u64(&number, 1000);
    if (status == RISE_OK) {
        status = rise_rlp_number(&out, &number);
    }
    if (status == RISE_OK) {
        status = rise_rlp_bytes(&out, secret, 29);
    }
    if (status == RISE_OK) {
        size_t before = out.len;
        status = rise_rlp_list(&out, 0);
        CHECK(status == RISE_OK || out.len == before);
    }
    rise_buf_free(&out);
    return status;
}

static rise_status hash_json(void) {
    static const char text[] =
        "{\"types\":{\"A\":[{\"name\":\"s\",\"type\":\"string\"},{\"name\":\"b\",\"type\":\"B[]\"}],"
        "\"B\":[{\"name\":\"n\",\"type\":\"uint8[20]\"}]},\"primaryType\":\"A\",\"domain\":{\"name\":\"x\"},"
        "\"message\":{\"s\":\"\\u0061\",\"b\":[{\"n\":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]}]}}";
    uint8_t hash[32];
    rise_error error;
    rise_status status = rise_eip712_json(hash, NULL, NULL, text, sizeof text - 1, &error);

    check_error(status, &error);
    return status;
}

static rise_status sign_transaction(void) {
    rise_buf out = RISE_BUF_INIT;
    uint8_t hash[32];
    rise_error error;
    rise_key *key;
    rise_tx tx;
    rise_status status = rise_key_import(&key, RISE_KEY_SECP256K1, secret);

    if (status != RISE_OK) {
        return status;
    }
    memset(&tx, 0, sizeof tx);
    tx.type = RISE_TX_EIP1559;
    rise_u256_from_u64(&tx.chain_id, 1);
    tx.to = digest;
    tx.data = (const uint8_t *)STRUCTS;
    tx.data_len = sizeof STRUCTS;
    status = rise_tx_sign(&out, hash, &tx, key, &error);
    check_error(status, &error);
    CHECK(status == RISE_OK || out.len == 0);
    rise_buf_free(&out);
    rise_key_free(key);
    return status;
}

static rise_status write_file(void) {
    char folder[] = "/tmp/rise-test-XXXXXX", path[40];
    rise_error error;
    rise_status status;

    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/x", folder);
    status = rise_file_write(path, "x", 1, &error);
    check_error(status, &error);
    CHECK((unlink(path) == 0) == (status == RISE_OK));
    CHECK(rmdir(folder) == 0);
    return status;
}

static rise_status make_folder(void) {
    rise_error error;
    rise_status status = rise_file_mkdir("/tmp", &error);

    check_error(status, &error);
    return status;
}

static rise_status submit(void) {
    rise_transport *transport;
    rise_request request;
    rise_error error;
    uint64_t id;
    rise_status status = rise_transport_new(&transport);

    CHECK((status == RISE_OK) == (transport != NULL));
    if (status == RISE_OK) {
        memset(&request, 0, sizeof request);
        request.url = "http://127.0.0.1:1/";
        request.body = "{}";
        request.body_len = 2;
        status = rise_transport_submit(transport, &id, &request, &error);
        check_error(status, &error);
    }
    rise_transport_free(transport);
    return status;
}

/* Fails the first allocation, then the second, and so on, until there are no more to fail. `spare`: how many of them
 * may fail without harm. */
static void sweep(const char *name, scenario *run, size_t spare) {
    size_t at, survived = 0;

    for (at = 1;; at++) {
        size_t before = heap.live;
        rise_status status;
        heap.failed = 0;
        heap.countdown = at;
        status = run();
        heap.countdown = 0;
        survived += heap.failed && status == RISE_OK;
        if (heap.live != before || (status != RISE_OK && !(heap.failed && status == RISE_ENOMEM)) || survived > spare) {
            fprintf(stderr, "%s, allocation %d: status %d, %d blocks left, %d went unnoticed\n", name, (int)at,
                    (int)status, (int)(heap.live - before), (int)survived);
            exit(1);
        }
        if (!heap.failed) {
            break;
        }
    }
    /* The sweep has swept something. */
    CHECK(at > 1);
}

static void no_memory(void) {
    calls_item = compile(CALLS, STRUCTS);
    fill_calls(&calls_values, 5);
    CHECK(rise_abi_encode(&calls_data, rise_abi_item_inputs(calls_item), calls_values.entry, calls_values.count, NULL)
          == RISE_OK);
    sweep("import_p256", import_p256, 0);
    sweep("import_secp256k1", import_secp256k1, 0);
    sweep("generate", generate, 0);
    /* Giving back what the nodes do not need may fail. */
    sweep("compile_function", compile_function, 1);
    sweep("compile_event", compile_event, 1);
    sweep("compile_typed", compile_typed, 1);
    sweep("decode", decode, 0);
    sweep("build_values", build_values, 0);
    sweep("grow_buffer", grow_buffer, 0);
    sweep("pack", pack, 0);
    sweep("name_types", name_types, 0);
    sweep("write_rlp", write_rlp, 0);
    /* As for compiling, once for the domain and once for the message. */
    sweep("hash_json", hash_json, 2);
    sweep("sign_transaction", sign_transaction, 0);
    sweep("write_file", write_file, 0);
    sweep("make_folder", make_folder, 0);
    sweep("submit", submit, 0);
    rise_buf_free(&calls_data);
    rise_abi_values_free(&calls_values);
    rise_abi_item_free(calls_item);
}

int main(void) {
    rise_sha256(secret, "a secret", 8);
    rise_sha256(digest, "a digest", 8);
    the_count_counts();
    hashing_and_keys();
    encoding();
    numbers_and_text();
    no_memory();
    CHECK(heap.live == 0);
    return 0;
}
