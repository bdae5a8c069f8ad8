/* A session key signs a digest, and a call is encoded, with rise.h and librise.a alone.
 *     cc sign.c $(pkg-config --cflags --libs rise)         C99 and C++ both take it */
#include <stdio.h>
#include <string.h>

#include "rise.h"

#define TRY(call) if ((status = (call)) != RISE_OK) goto done

int main(void) {
    static const char transfer[] = "transfer(address,uint256)", to[] = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045";
    rise_abi_item *item = NULL;
    rise_abi_value values[3]; /* the list itself, the address, the amount */
    rise_buf call = RISE_BUF_INIT;
    rise_key *key = NULL;
    rise_status status;
    uint8_t selector[32], digest[32], public_key[64], sig[65];
    char text[129] = "";

    memset(values, 0, sizeof values);
    TRY(rise_key_generate(&key, RISE_KEY_P256, NULL));
    TRY(rise_abi_item_new(&item, transfer, strlen(transfer), NULL, 0, NULL));
    TRY(rise_address_parse(values[1].word + 12, to, strlen(to)));
    values[2].word[31] = 5;
    rise_abi_item_hash(item, selector);
    TRY(rise_buf_append(&call, selector, 4));
    TRY(rise_abi_encode(&call, rise_abi_item_inputs(item), values, 3, NULL));
    rise_keccak256(digest, call.data, call.len);
    rise_key_public(key, public_key);
    rise_key_sign(key, sig, digest);
    rise_hex_encode(text, sig, 64);
    TRY(rise_p256_verify(public_key, digest, sig));
done:
    printf("%u bytes of calldata; signature %s: %s\n", (unsigned)call.len, text, rise_status_name(status));
    rise_key_free(key);
    rise_buf_free(&call);
    rise_abi_item_free(item);
    return status != RISE_OK;
}
