/* RLP (Ethereum yellow paper, appendix B), canonical forms only. */
#include <string.h>

#include "core.h"

/* The header of a payload of `len` bytes: `base` is 0x80 for a string, 0xc0 for a list. Returns its length, 1 to 9. */
static size_t header(uint8_t out[9], unsigned base, size_t len) {
    uint8_t bytes[8];
    size_t n = 0;

    if (len < 56) {
        out[0] = (uint8_t)(base + len);
        return 1;
    }
    rise_store_be64(bytes, len);
    while (bytes[n] == 0) {
        n++;
    }
    out[0] = (uint8_t)(base + 55 + (8 - n));
    memcpy(out + 1, bytes + n, 8 - n);
    return 1 + (8 - n);
}

size_t rise_rlp_put_bytes(uint8_t *out, const uint8_t *data, size_t len) {
    if (len == 1 && data[0] < 0x80) {
        out[0] = data[0];
        return 1;
    }
    out[0] = (uint8_t)(0x80 + len);
    if (len != 0) {
        memcpy(out + 1, data, len);
    }
    return 1 + len;
}

size_t rise_rlp_put_u64(uint8_t *out, uint64_t number) {
    uint8_t bytes[8];
    size_t n = 0;

    rise_store_be64(bytes, number);
    while (n < 8 && bytes[n] == 0) {
        n++;
    }
    return rise_rlp_put_bytes(out, bytes + n, 8 - n);
}

rise_status rise_rlp_bytes(rise_buf *out, const uint8_t *data, size_t len) {
    uint8_t head[9];
    size_t head_len;
    uint8_t *space;
    rise_status status;

    if (len == 1 && data[0] < 0x80) {
        return rise_buf_append(out, data, 1);
    }
    head_len = header(head, 0x80, len);
    if (len > SIZE_MAX - head_len) {
        return RISE_ELIMIT;
    }
    status = rise_buf_extend(out, &space, head_len + len);
    if (status == RISE_OK) {
        memcpy(space, head, head_len);
        if (len != 0) {
            memcpy(space + head_len, data, len);
        }
    }
    return status;
}

rise_status rise_rlp_number(rise_buf *out, const rise_u256 *number) {
    uint8_t bytes[32];
    size_t n = 0;

    rise_u256_to_bytes(bytes, number);
    while (n < 32 && bytes[n] == 0) {
        n++;
    }
    return rise_rlp_bytes(out, bytes + n, 32 - n);
}

rise_status rise_rlp_list(rise_buf *out, size_t start) {
    uint8_t head[9];
    size_t len, head_len;
    uint8_t *space;
    rise_status status;

    if (start > out->len) {
        return RISE_EUSAGE;
    }
    len = out->len - start;
    head_len = header(head, 0xc0, len);
    status = rise_buf_extend(out, &space, head_len);
    if (status == RISE_OK) {
        memmove(out->data + start + head_len, out->data + start, len);
        memcpy(out->data + start, head, head_len);
    }
    return status;
}

rise_status rise_rlp_next(rise_rlp_item *item, const uint8_t **data, size_t *len) {
    const uint8_t *p = *data;
    size_t left = *len;
    size_t payload, width;
    unsigned first, base, i;

    if (left == 0) {
        return RISE_EDATA;
    }
    first = p[0];
    if (first < 0x80) {
        item->is_list = 0;
        item->data = p;
        item->len = 1;
        *data = p + 1;
        *len = left - 1;
        return RISE_OK;
    }
    base = first < 0xc0 ? 0x80 : 0xc0;
    p++;
    left--;
    if (first - base < 56) {
        payload = first - base;
    } else {
        width = first - base - 55;
        if (width > left || width > sizeof(size_t) || p[0] == 0) {
            return RISE_EDATA;
        }
        payload = 0;
        for (i = 0; i < width; i++) {
            payload = payload << 8 | p[i];
        }
        p += width;
        left -= width;
        if (payload < 56) {
            return RISE_EDATA;
        }
    }
    if (payload > left || (base == 0x80 && payload == 1 && p[0] < 0x80)) {
        return RISE_EDATA;
    }
    item->is_list = base == 0xc0;
    item->data = p;
    item->len = payload;
    *data = p + payload;
    *len = left - payload;
    return RISE_OK;
}
