/* Wiping, comparing, hex, and the buffer that grows. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

void rise_wipe(void *memory, size_t len) {
#if defined(__GNUC__)
    if (len != 0) {
        memset(memory, 0, len);
        /* The compiler must assume that this reads the memory, so the stores above stay. */
        __asm__ __volatile__("" : : "r"(memory) : "memory");
    }
#else
    volatile uint8_t *p = memory;
    while (len-- != 0) {
        *p++ = 0;
    }
#endif
}

int rise_equal(const void *a, const void *b, size_t len) {
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t differ = 0;
    size_t i;

    for (i = 0; i < len; i++) {
        differ |= (uint8_t)(x[i] ^ y[i]);
    }
    return (int)(1 & (((unsigned)differ - 1) >> 8));
}

/* Hex may carry a private key on its way in or out, so digits are computed: no table, no branch on them. */

static char digit_of(unsigned nibble) {
    /* 39 lies between '9' + 1 and 'a'; the mask is all ones above 9. */
    return (char)(nibble + '0' + (((9 - nibble) >> 8) & 39));
}

/* 0 to 15, or a number with bits above the low four set. */
static unsigned value_of(uint8_t c) {
    uint32_t digit = (uint32_t)c - '0';
    uint32_t letter = (uint32_t)(c | 0x20) - 'a';
    /* The top bit of (x - n) & ~x says whether x < n; the masks are that bit 32 times. */
    uint32_t is_digit = 0 - (((digit - 10) & ~digit) >> 31);
    uint32_t is_letter = 0 - (((letter - 6) & ~letter) >> 31);

    return (is_digit & digit) | (is_letter & (letter + 10)) | (~(is_digit | is_letter) & 0x100);
}

void rise_hex_encode(char *text, const uint8_t *bytes, size_t len) {
    size_t i;

    for (i = 0; i < len; i++) {
        text[2 * i] = digit_of(bytes[i] >> 4);
        text[2 * i + 1] = digit_of(bytes[i] & 15u);
    }
}

rise_status rise_hex_decode(uint8_t *bytes, size_t size, size_t *len, const char *text, size_t text_len) {
    unsigned wrong = 0;
    size_t i, count;

    if (text_len >= 2 && text[0] == '0' && text[1] == 'x') {
        text += 2;
        text_len -= 2;
    }
    if (text_len % 2 != 0) {
        return RISE_EVALUE;
    }
    count = text_len / 2;
    if (count > size) {
        return RISE_ELIMIT;
    }
    for (i = 0; i < count; i++) {
        unsigned high = value_of((uint8_t)text[2 * i]);
        unsigned low = value_of((uint8_t)text[2 * i + 1]);
        wrong |= high | low;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    *len = count;
    return wrong < 16 ? RISE_OK : RISE_EVALUE;
}

/* Moves the contents to a larger block; realloc could leave an unwiped copy behind. */
static rise_status grow(rise_buf *buf, size_t need, size_t limit) {
    size_t size = buf->size < 64 ? 64 : buf->size;
    uint8_t *data;

    while (size < need) {
        size = size > limit / 2 ? limit : size * 2;
    }
    data = malloc(size);
    if (data == NULL) {
        return RISE_ENOMEM;
    }
    if (buf->data != NULL) {
        memcpy(data, buf->data, buf->len);
        rise_wipe(buf->data, buf->size);
        free(buf->data);
    }
    buf->data = data;
    buf->size = size;
    return RISE_OK;
}

rise_status rise_buf_extend(rise_buf *buf, uint8_t **space, size_t len) {
    size_t limit = buf->limit != 0 ? buf->limit : RISE_BUF_LIMIT;

    if (buf->len > limit || len > limit - buf->len) {
        return RISE_ELIMIT;
    }
    if (buf->data == NULL || len > buf->size - buf->len) {
        rise_status status = grow(buf, buf->len + len, limit);
        if (status != RISE_OK) {
            return status;
        }
    }
    *space = buf->data + buf->len;
    buf->len += len;
    return RISE_OK;
}

rise_status rise_buf_append(rise_buf *buf, const void *data, size_t len) {
    uint8_t *space;
    rise_status status = rise_buf_extend(buf, &space, len);

    if (status == RISE_OK && len != 0) {
        memcpy(space, data, len);
    }
    return status;
}

void rise_buf_free(rise_buf *buf) {
    if (buf->data != NULL) {
        rise_wipe(buf->data, buf->size);
        free(buf->data);
    }
    buf->data = NULL;
    buf->len = 0;
    buf->size = 0;
}
