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

#if defined(__GNUC__)
__attribute__((noinline))
#endif
void rise_wipe_stack(void) {
    uint8_t below[8192];

    rise_wipe(below, sizeof below);
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

void rise_hex_encode(char *text, const uint8_t *bytes, size_t len) {
    size_t i;

    for (i = 0; i < len; i++) {
        text[2 * i] = digit_of(bytes[i] >> 4);
        text[2 * i + 1] = digit_of(bytes[i] & 15u);
    }
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight digits, the first in the lowest byte, to four bytes in the same order. Returns 0, or something else when one is
 * no digit. All eight are worked on at once; a sum sets the top bit of each byte that is large enough. */
static uint64_t read_digits(uint32_t *bytes, uint64_t digits) {
    uint64_t low = digits & EACH(0x7f);
    uint64_t lower = low | EACH(0x20);
    uint64_t is_digit = (low + EACH(0x80 - '0')) & ~(low + EACH(0x7f - '9'));
    uint64_t is_letter = (lower + EACH(0x80 - 'a')) & ~(lower + EACH(0x7f - 'f'));
    uint64_t good = (is_digit | is_letter) & ~digits & EACH(0x80);
    uint64_t x;

    is_letter &= EACH(0x80);
    x = (digits & EACH(0x0f)) + (is_letter >> 4) + (is_letter >> 7);
    x = (x << 4 | x >> 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x >> 8) & UINT64_C(0x0000ffff0000ffff);
    *bytes = (uint32_t)(x | x >> 16);
    return good ^ EACH(0x80);
}

static uint64_t load_digits(const char *text) {
    const uint8_t *p = (const uint8_t *)text;

    return (uint64_t)p[7] << 56 | (uint64_t)p[6] << 48 | (uint64_t)p[5] << 40 | (uint64_t)p[4] << 32
         | (uint64_t)p[3] << 24 | (uint64_t)p[2] << 16 | (uint64_t)p[1] << 8 | (uint64_t)p[0];
}

rise_status rise_hex_decode(uint8_t *bytes, size_t size, size_t *len, const char *text, size_t text_len) {
    uint64_t wrong = 0;
    uint32_t four;
    char rest[8];
    size_t i, count;

    /* In this order: without a prefix, to have found a '0' in front would tell the first digit. */
    if (text_len >= 2 && text[1] == 'x' && text[0] == '0') {
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
    for (i = 0; count - i >= 4; i += 4) {
        wrong |= read_digits(&four, load_digits(text + 2 * i));
        bytes[i] = (uint8_t)four;
        bytes[i + 1] = (uint8_t)(four >> 8);
        bytes[i + 2] = (uint8_t)(four >> 16);
        bytes[i + 3] = (uint8_t)(four >> 24);
    }
    if (i < count) {
        memset(rest, '0', sizeof rest);
        memcpy(rest, text + 2 * i, 2 * (count - i));
        wrong |= read_digits(&four, load_digits(rest));
        for (; i < count; i++, four >>= 8) {
            bytes[i] = (uint8_t)four;
        }
        rise_wipe(rest, sizeof rest);
    }
    *len = count;
    return wrong == 0 ? RISE_OK : RISE_EVALUE;
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
