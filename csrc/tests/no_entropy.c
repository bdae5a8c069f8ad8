/* A system without randomness, to be preloaded into a program (LD_PRELOAD). */
#include <errno.h>
#include <sys/types.h>

ssize_t getrandom(void *out, size_t len, unsigned flags);

ssize_t getrandom(void *out, size_t len, unsigned flags) {
    (void)out;
    (void)len;
    (void)flags;
    errno = ENOSYS;
    return -1;
}
