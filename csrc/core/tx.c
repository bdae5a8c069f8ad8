/* What is signed in transactions. */
#include <string.h>

#include "core.h"

void rise_authorization_digest(uint8_t digest[32], const rise_u256 *chain_id, const uint8_t address[20],
                               uint64_t nonce) {
    uint8_t text[2 + 33 + 21 + 9];
    uint8_t number[32];
    size_t zeros = 0;
    size_t len = 2;

    rise_u256_to_bytes(number, chain_id);
    while (zeros < 32 && number[zeros] == 0) {
        zeros++;
    }
    len += rise_rlp_put_bytes(text + len, number + zeros, 32 - zeros);
    len += rise_rlp_put_bytes(text + len, address, 20);
    len += rise_rlp_put_u64(text + len, nonce);
    text[0] = 0x05;
    /* 63 bytes at most; a list from 56 on takes a longer header. */
    if (len - 2 < 56) {
        text[1] = (uint8_t)(0xc0 + len - 2);
        rise_keccak256(digest, text, len);
    } else {
        rise_keccak h;
        uint8_t head[3];

        head[0] = 0x05;
        head[1] = 0xf8;
        head[2] = (uint8_t)(len - 2);
        rise_keccak_init(&h);
        rise_keccak_update(&h, head, 3);
        rise_keccak_update(&h, text + 2, len - 2);
        rise_keccak_final(&h, digest);
    }
}
