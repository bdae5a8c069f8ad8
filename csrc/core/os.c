/* Entropy and clocks of the system: what is used where the caller brings none. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#if defined(__linux__) && !defined(__ANDROID__)
#include <sys/random.h>
#endif

#include "core.h"

static int system_fill(uint8_t *out, size_t len) {
#if defined(__linux__) && !defined(__ANDROID__)
    while (len != 0) {
        ssize_t got = getrandom(out, len, 0);
        if (got > 0) {
            out += got;
            len -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            return -1;
        }
    }
#else
    arc4random_buf(out, len); /* the BSDs, macOS, Android; never fails */
#endif
    return 0;
}

rise_status rise_random(uint8_t *out, size_t len, const rise_entropy *entropy) {
    int failed = entropy != NULL ? entropy->fill(entropy->context, out, len) : system_fill(out, len);

    return failed ? RISE_EENTROPY : RISE_OK;
}

static int64_t milliseconds(clockid_t clock) {
    struct timespec t;

    if (clock_gettime(clock, &t) != 0) {
        return 0;
    }
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t rise_clock_wall(void) {
    return milliseconds(CLOCK_REALTIME);
}

int64_t rise_clock_steady(void) {
    return milliseconds(CLOCK_MONOTONIC);
}
