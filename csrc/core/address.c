/* Addresses: the EIP-55 checksum, and where contracts get created. */
#include <string.h>

#include "core.h"

void rise_address_format(char text[43], const uint8_t address[20]) {
    uint8_t hash[32];
    int i;

    text[0] = '0';
    text[1] = 'x';
    rise_hex_encode(text + 2, address, 20);
    text[42] = '\0';
    rise_keccak256(hash, text + 2, 40);
    for (i = 0; i < 40; i++) {
        unsigned nibble = i % 2 == 0 ? hash[i / 2] >> 4 : hash[i / 2] & 15u;
        if (text[2 + i] >= 'a' && nibble >= 8) {
            text[2 + i] = (char)(text[2 + i] - 'a' + 'A');
        }
    }
}

rise_status rise_address_parse(uint8_t address[20], const char *text, size_t len) {
    char checked[43];
    size_t count, i;
    int lower = 0, upper = 0;

    if (len != 42 || text[0] != '0' || text[1] != 'x' || rise_hex_decode(address, 20, &count, text, len) != RISE_OK) {
        return RISE_EVALUE;
    }
    for (i = 2; i < 42; i++) {
        lower |= text[i] >= 'a';
        upper |= text[i] >= 'A' && text[i] <= 'F';
    }
    if (lower && upper) {
        rise_address_format(checked, address);
        if (memcmp(checked, text, 42) != 0) {
            return RISE_EVALUE;
        }
    }
    return RISE_OK;
}

void rise_address_create(uint8_t address[20], const uint8_t sender[20], uint64_t nonce) {
    uint8_t list[1 + 21 + 9];
    uint8_t hash[32];
    size_t len = 1;

    len += rise_rlp_put_bytes(list + len, sender, 20);
    len += rise_rlp_put_u64(list + len, nonce);
    list[0] = (uint8_t)(0xc0 + len - 1);
    rise_keccak256(hash, list, len);
    memcpy(address, hash + 12, 20);
}

void rise_address_create2(uint8_t address[20], const uint8_t sender[20], const uint8_t salt[32],
                          const uint8_t init_code_hash[32]) {
    uint8_t text[1 + 20 + 32 + 32];
    uint8_t hash[32];

    text[0] = 0xff;
    memcpy(text + 1, sender, 20);
    memcpy(text + 21, salt, 32);
    memcpy(text + 53, init_code_hash, 32);
    rise_keccak256(hash, text, sizeof text);
    memcpy(address, hash + 12, 20);
}
