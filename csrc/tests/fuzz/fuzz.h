/* What the fuzzers share. Each gives any bytes to rise.h and checks what must hold whatever they are; the sanitizers
 * watch over the rest. The bytes lie in a block of their exact size. */
#ifndef RISE_TESTS_FUZZ_H
#define RISE_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Aborts, so that the fuzzer keeps the bytes that led there. */
#define HOLDS(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);  \
            abort();                                                                        \
        }                                                                                   \
    } while (0)

/* What an error must look like beside the status that came with it. */
static inline void holds_error(rise_status status, const rise_error *error) {
    HOLDS(status > RISE_OK && status < RISE_STATUS_COUNT);
    HOLDS(error->code == status);
    HOLDS(memchr(error->message, '\0', sizeof error->message) != NULL);
    HOLDS(error->message[0] != '\0');
}

static inline int same_bytes(const void *a, size_t a_len, const void *b, size_t b_len) {
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* The length of what stands before the first `separator`, or of all. What follows it begins at *rest. */
static inline size_t split(const uint8_t *data, size_t len, uint8_t separator, size_t *rest) {
    const uint8_t *found = len == 0 ? NULL : memchr(data, separator, len);
    size_t first = found == NULL ? len : (size_t)(found - data);

    *rest = found == NULL ? len : first + 1;
    return first;
}

/* Two lists of values agree, whatever memory their data lies in. */
static inline int same_values(const rise_abi_values *a, const rise_abi_values *b) {
    size_t i;

    if (a->count != b->count) {
        return 0;
    }
    for (i = 0; i < a->count; i++) {
        const rise_abi_value *x = &a->entry[i], *y = &b->entry[i];
        if (memcmp(x->word, y->word, 32) != 0 || x->len != y->len || (x->data == NULL) != (y->data == NULL)
            || (x->data != NULL && !same_bytes(x->data, x->len, y->data, y->len))) {
            return 0;
        }
    }
    return 1;
}

#endif
