/* A session key signs a digest, and a call is encoded, with rise.h and librise.a alone.
 *     cc sign.c $(pkg-config --cflags --libs rise)         C99 and C++ both take it */
#include <stdio.h>
#include <string.h>

#include "rise.h"

static void print_hex(const char *label, const uint8_t *bytes, size_t len) {
    printf("%s 0x", label);
    while (len-- > 0) {
        printf("%02x", *bytes++);
    }
    printf("\n");
}

int main(void) {
    static const char transfer[] = "transfer(address,uint256)";
    static const char to[] = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", amount[] = "1.5";
    rise_abi_item *item = NULL;
    rise_abi_value values[3]; /* the list itself, the address, the amount */
    rise_buf call = RISE_BUF_INIT;
    rise_key *key = NULL;
    rise_u256 units;
    rise_error error = { RISE_OK, "" };
    uint8_t selector[32], digest[32], public_key[64], sig[65];
    int negative, failed = 1;

    memset(values, 0, sizeof values);
    if (rise_abi_item_new(&item, transfer, strlen(transfer), NULL, 0, &error) == RISE_OK
        && rise_address_parse(values[1].word + 12, to, strlen(to)) == RISE_OK
        && rise_units_parse(&units, &negative, amount, strlen(amount), 18) == RISE_OK
        && rise_key_generate(&key, RISE_KEY_P256, NULL) == RISE_OK) {
        rise_u256_to_bytes(values[2].word, &units);
        rise_abi_item_hash(item, selector);
        failed = rise_buf_append(&call, selector, 4) != RISE_OK
              || rise_abi_encode(&call, rise_abi_item_inputs(item), values, 3, &error) != RISE_OK;
    }
    if (!failed) {
        rise_keccak256(digest, call.data, call.len);
        rise_key_public(key, public_key);
        print_hex("call     ", call.data, call.len);
        print_hex("public   ", public_key, sizeof public_key);
        print_hex("signature", sig, rise_key_sign(key, sig, digest));
        failed = rise_p256_verify(public_key, digest, sig) != RISE_OK;
    }
    rise_key_free(key);
    rise_buf_free(&call);
    rise_abi_item_free(item);
    return failed;
}
