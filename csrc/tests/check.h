/* What the C tests share: a check that ends the program, and known answers in hex. */
#ifndef RISE_TESTS_CHECK_H
#define RISE_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rise.h"

#define CHECK(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);  \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

/* The bytes equal what the hex text says, and there are as many. */
#define CHECK_HEX(bytes, len, text) check_hex((bytes), (len), (text), __FILE__, __LINE__)

static inline void check_hex(const void *bytes, size_t len, const char *text, const char *file, int line) {
    char *got = malloc(2 * len + 1);

    if (got == NULL) {
        exit(1);
    }
    rise_hex_encode(got, bytes, len);
    got[2 * len] = '\0';
    if (strcmp(got, text) != 0) {
        fprintf(stderr, "%s:%d: expected %s, got %s\n", file, line, text, got);
        exit(1);
    }
    free(got);
}

/* Reads hex into a buffer that it must fill exactly. */
static inline void read_hex(uint8_t *bytes, size_t size, const char *text) {
    size_t len = 0;

    CHECK(rise_hex_decode(bytes, size, &len, text, strlen(text)) == RISE_OK && len == size);
}

#endif
