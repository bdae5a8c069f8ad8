/* What the system can refuse: randomness, clocks, and each step of replacing a file. Linked with --wrap for the calls
 * below, so that librise's come through here. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* The call that fails, how often, and with which reason. Short writes and reads count as failures with reason 0. */
static struct {
    const char *call;
    int times;
    int reason;
    int skip; /* so many of these calls go well before */
} fault;

/* So many steps on, the process is killed; 0: it is not. */
static int dying;

static int strikes(const char *call) {
    if (dying > 0 && --dying == 0) {
        kill(getpid(), SIGKILL);
    }
    if (fault.call == NULL || strcmp(fault.call, call) != 0 || fault.times == 0) {
        return 0;
    }
    if (fault.skip > 0) {
        fault.skip--;
        return 0;
    }
    fault.times--;
    errno = fault.reason;
    return 1;
}

static void set_fault(const char *call, int times, int reason) {
    fault.call = call;
    fault.times = times;
    fault.reason = reason;
    fault.skip = 0;
}

ssize_t __real_getrandom(void *out, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags) {
    if (strikes("getrandom")) {
        return -1;
    }
    if (strikes("getrandom, none")) {
        return 0;
    }
    return __real_getrandom(out, strikes("getrandom, short") ? 1 : len, flags);
}

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time) {
    return strikes("clock_gettime") ? -1 : __real_clock_gettime(clock, time);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
    mode_t mode = 0;

    if (flags & O_CREAT) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, mode_t);
        va_end(more);
    }
    return strikes(flags & O_DIRECTORY ? "open a folder" : "open") ? -1 : __real_open(path, flags, mode);
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len) {
    if (strikes("write")) {
        return -1;
    }
    return __real_write(fd, data, strikes("write, short") ? 1 : len);
}

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode) {
    return strikes("fchmod") ? -1 : __real_fchmod(fd, mode);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd) {
    return strikes("fsync") ? -1 : __real_fsync(fd);
}

/* A descriptor is closed also where closing it says otherwise. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) {
    int result = __real_close(fd);

    return strikes("close") ? -1 : result;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to) {
    return strikes("rename") ? -1 : __real_rename(from, to);
}

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to) {
    return strikes("link") ? -1 : __real_link(from, to);
}

int __real_unlink(const char *name);
int __wrap_unlink(const char *name);
int __wrap_unlink(const char *name) {
    return strikes("unlink") ? -1 : __real_unlink(name);
}

/* ---- randomness and clocks ---- */

static void randomness(void) {
    static const uint8_t zeros[32] = { 0 };
    uint8_t out[32] = { 0 };
    rise_key *key;

    set_fault("getrandom", 1, ENOSYS);
    CHECK(rise_random(out, sizeof out, NULL) == RISE_EENTROPY);
    set_fault("getrandom, none", 1, 0);
    CHECK(rise_random(out, sizeof out, NULL) == RISE_EENTROPY);
    /* A signal, or a part of what was asked for, is no failure. */
    set_fault("getrandom", 3, EINTR);
    CHECK(rise_random(out, sizeof out, NULL) == RISE_OK && memcmp(out, zeros, 32) != 0);
    memset(out, 0, sizeof out);
    set_fault("getrandom, short", 5, 0);
    CHECK(rise_random(out, sizeof out, NULL) == RISE_OK && memcmp(out + 8, zeros, 24) != 0);

    set_fault("getrandom", 100, EIO);
    CHECK(rise_key_generate(&key, RISE_KEY_P256, NULL) == RISE_EENTROPY && key == NULL);
    CHECK(rise_key_generate(&key, RISE_KEY_SECP256K1, NULL) == RISE_EENTROPY && key == NULL);
    /* Importing needs none: what would be blinded is not. */
    memset(out, 7, sizeof out);
    CHECK(rise_key_import(&key, RISE_KEY_SECP256K1, out) == RISE_OK);
    rise_key_free(key);
}

static void clocks(void) {
    set_fault("clock_gettime", 2, EINVAL);
    CHECK(rise_clock_wall() == 0 && rise_clock_steady() == 0);
    CHECK(rise_clock_wall() > 0 && rise_clock_steady() > 0);
}

/* ---- files ---- */

static char folder[] = "/tmp/rise-test-XXXXXX";
static char path[64];

static void check_contents(const char *want) {
    char got[64];
    int fd = open(path, O_RDONLY);

    CHECK(fd >= 0);
    CHECK(read(fd, got, sizeof got) == (ssize_t)strlen(want) && memcmp(got, want, strlen(want)) == 0);
    close(fd);
}

/* Only the file itself lies in the folder: nothing temporary is left. */
static void check_alone(void) {
    DIR *dir = opendir(folder);
    struct dirent *entry;

    CHECK(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        CHECK(strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0
              || strcmp(entry->d_name, "secret") == 0);
    }
    closedir(dir);
}

static void refused(const char *call, int skip, int times, int reason, const char *said, const char *left) {
    rise_error error;

    CHECK(rise_file_write(path, "old", 3, NULL) == RISE_OK);
    set_fault(call, times, reason);
    fault.skip = skip;
    CHECK(rise_file_write(path, "new", 3, &error) == RISE_EIO);
    fault.call = NULL;
    CHECK(error.code == RISE_EIO && strstr(error.message, said) != NULL);
    CHECK(strstr(error.message, strerror(reason)) != NULL);
    CHECK(strstr(error.message, "new") == NULL);
    check_contents(left);
    check_alone();
}

static void each_step_of_replacing_a_file(void) {
    refused("getrandom", 0, 1, EIO, "cannot create a file beside ", "old");
    refused("open", 0, 1, EACCES, "cannot create a file beside ", "old");
    refused("open", 0, 100, EEXIST, "cannot create a file beside ", "old");
    refused("fchmod", 0, 1, EPERM, "cannot write ", "old");
    refused("write", 0, 1, ENOSPC, "cannot write ", "old");
    refused("fsync", 0, 1, EIO, "cannot write ", "old");
    refused("close", 0, 1, EIO, "cannot write ", "old");
    refused("rename", 0, 1, EXDEV, "cannot replace ", "old");
    /* Here the new contents are in place, but perhaps not on disk. */
    refused("open a folder", 0, 1, EMFILE, "cannot sync the folder of ", "new");
    refused("fsync", 1, 1, EIO, "cannot sync the folder of ", "new");
    refused("close", 1, 1, EIO, "cannot sync the folder of ", "new");
}

static void what_is_no_failure(void) {
    set_fault("write", 2, EINTR);
    CHECK(rise_file_write(path, "signal", 6, NULL) == RISE_OK);
    check_contents("signal");
    set_fault("write, short", 3, 0);
    CHECK(rise_file_write(path, "in parts", 8, NULL) == RISE_OK);
    check_contents("in parts");
    /* A name that is taken already is drawn again. */
    set_fault("open", 2, EEXIST);
    CHECK(rise_file_write(path, "third name", 10, NULL) == RISE_OK);
    check_contents("third name");
    /* File systems that cannot sync a folder. */
    set_fault("fsync", 1, EINVAL);
    fault.skip = 1;
    CHECK(rise_file_write(path, "no sync", 7, NULL) == RISE_OK && fault.times == 0);
    check_contents("no sync");
    fault.call = NULL;
    check_alone();
}

static void creating_a_file(void) {
    rise_error error;
    int exists = 0;

    CHECK(unlink(path) == 0);
    set_fault("link", 1, EPERM);
    CHECK(rise_file_create(path, "new", 3, &exists, &error) == RISE_EIO && !exists);
    CHECK(strstr(error.message, "cannot create ") != NULL && access(path, F_OK) != 0);
    check_alone();
    fault.call = NULL;
    CHECK(rise_file_create(path, "new", 3, &exists, NULL) == RISE_OK && !exists);
    CHECK(rise_file_create(path, "other", 5, &exists, NULL) == RISE_EIO && exists);
    CHECK(rise_file_create(path, "other", 5, NULL, NULL) == RISE_EIO);
    check_contents("new");
    check_alone();
}

static void remove_the_rest(void) {
    DIR *dir = opendir(folder);
    struct dirent *entry;

    CHECK(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, ".rise-", 6) == 0) {
            CHECK(unlinkat(dirfd(dir), entry->d_name, 0) == 0);
        }
    }
    closedir(dir);
}

/* Killed before each step in turn, for good: what is there is the old file or the new one, whole; of one that is made,
 * nothing or all of it. */
static void killed_at_each_step(int is_new) {
    int step, status = 0, ends = 0;

    for (step = 1; ends == 0; step++) {
        pid_t child;
        char got[16] = "";
        int fd, old;
        CHECK(step < 100);
        (void)unlink(path);
        CHECK(is_new || rise_file_write(path, "the old", 7, NULL) == RISE_OK);
        child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            set_fault("write, short", 100, 0); /* byte by byte */
            dying = step;
            if (is_new) {
                (void)rise_file_create(path, "the new", 7, NULL, NULL);
            } else {
                (void)rise_file_write(path, "the new", 7, NULL);
            }
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        ends = WIFEXITED(status);
        CHECK(ends || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        fd = open(path, O_RDONLY);
        CHECK(fd >= 0 || (is_new && !ends));
        old = fd < 0;
        if (fd >= 0) {
            CHECK(read(fd, got, sizeof got) == 7);
            close(fd);
            old = strcmp(got, "the old") == 0;
            CHECK(old ? !is_new : strcmp(got, "the new") == 0);
        }
        CHECK(!(old && ends));
        remove_the_rest();
    }
    CHECK(step > 12);
}

int main(void) {
    randomness();
    clocks();
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/secret", folder);
    each_step_of_replacing_a_file();
    what_is_no_failure();
    creating_a_file();
    killed_at_each_step(0);
    killed_at_each_step(1);
    CHECK(unlink(path) == 0 && rmdir(folder) == 0);
    return 0;
}
