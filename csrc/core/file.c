/* Files that are replaced in one step, and folders; both for the owner's eyes only. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* rename */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"

/* strerror_r comes in two kinds that differ in what they return. */
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
static const char *reason(char *text, size_t size, int number) {
    return strerror_r(number, text, size);
}
#else
static const char *reason(char *text, size_t size, int number) {
    return strerror_r(number, text, size) == 0 ? text : "unknown error";
}
#endif

static rise_status refused(rise_error *error, const char *what, const char *path, int number) {
    char text[128];
    char head[160];
    size_t len = strlen(path);

    /* The end of a long path says more than its beginning. */
    if (len > 120) {
        path += len - 120;
    }
    head[0] = '\0';
    strncat(head, path, sizeof head - 3);
    strcat(head, ": ");
    return rise_fail(error, RISE_EIO, what, head, reason(text, sizeof text, number));
}

static int write_all(int fd, const uint8_t *data, size_t len) {
    while (len != 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -1;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A rename is on disk once its folder is. Some file systems cannot sync a folder and say EINVAL; then there is no more
 * to be done. */
static int sync_folder(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result;

    if (fd < 0) {
        return -1;
    }
    result = fsync(fd);
    if (result != 0 && errno == EINVAL) {
        result = 0;
    }
    if (result != 0) {
        int number = errno;
        (void)close(fd);
        errno = number;
        return -1;
    }
    return close(fd);
}

/* Creates a file with a name of its own in `folder` and opens it; `temporary` receives its path. */
static int create_beside(char *temporary, const char *folder) {
    static const char prefix[] = "/.rise-";
    int attempt;

    for (attempt = 0; attempt < 8; attempt++) {
        uint8_t random[8];
        char *end = temporary + strlen(folder);
        int fd;

        if (rise_random(random, sizeof random, NULL) != RISE_OK) {
            errno = EIO;
            return -1;
        }
        memcpy(temporary, folder, strlen(folder));
        memcpy(end, prefix, sizeof prefix - 1);
        end += sizeof prefix - 1;
        rise_hex_encode(end, random, sizeof random);
        end[2 * sizeof random] = '\0';
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    errno = EEXIST;
    return -1;
}

/* Gives a finished file its name. One that must be new is linked to it, which fails where there is one, as rename does
 * not. */
static int publish(const char *temporary, const char *path, int is_new) {
    if (!is_new) {
        return rename(temporary, path);
    }
    return link(temporary, path) != 0 ? -1 : unlink(temporary);
}

static rise_status put_file(const char *path, const void *data, size_t len, int is_new, int *exists,
                            rise_error *error) {
    const char *slash = strrchr(path, '/');
    size_t folder_len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    char *folder, *temporary;
    rise_status status = RISE_OK;
    const char *what = NULL;
    int fd, number = 0;

    /* Two strings in one block: the folder, and in it a name of 23 characters. */
    folder = malloc(2 * (folder_len + 1) + 32);
    if (folder == NULL) {
        return rise_fail(error, RISE_ENOMEM, "out of memory", "", "");
    }
    temporary = folder + folder_len + 1;
    memcpy(folder, slash == NULL ? "." : path, folder_len);
    folder[folder_len] = '\0';

    fd = create_beside(temporary, folder);
    if (fd < 0) {
        status = refused(error, "cannot create a file beside ", path, errno);
        free(folder);
        return status;
    }
    if (fchmod(fd, 0600) != 0 || write_all(fd, data, len) != 0 || fsync(fd) != 0) {
        what = "cannot write ";
        number = errno;
    }
    if (close(fd) != 0 && what == NULL) {
        what = "cannot write ";
        number = errno;
    }
    if (what == NULL && publish(temporary, path, is_new) != 0) {
        what = is_new ? "cannot create " : "cannot replace ";
        number = errno;
        *exists = is_new && number == EEXIST;
    }
    if (what != NULL) {
        (void)unlink(temporary);
        status = refused(error, what, path, number);
    } else if (sync_folder(folder) != 0) {
        status = refused(error, "cannot sync the folder of ", path, errno);
    }
    free(folder);
    return status;
}

rise_status rise_file_mode(const char *path, unsigned *mode, rise_error *error) {
    struct stat about;

    if (stat(path, &about) != 0) {
        return refused(error, "cannot look at ", path, errno);
    }
    *mode = (unsigned)about.st_mode & 07777u;
    return RISE_OK;
}

rise_status rise_file_write(const char *path, const void *data, size_t len, rise_error *error) {
    int exists = 0;

    return put_file(path, data, len, 0, &exists, error);
}

rise_status rise_file_create(const char *path, const void *data, size_t len, int *exists, rise_error *error) {
    int there = 0;
    rise_status status = put_file(path, data, len, 1, &there, error);

    if (exists != NULL) {
        *exists = there;
    }
    return status;
}

rise_status rise_file_mkdir(const char *path, rise_error *error) {
    size_t len = strlen(path);
    char *copy = malloc(len + 1);
    rise_status status = RISE_OK;
    struct stat about;
    size_t i;

    if (copy == NULL) {
        return rise_fail(error, RISE_ENOMEM, "out of memory", "", "");
    }
    memcpy(copy, path, len + 1);
    for (i = 1; i <= len && status == RISE_OK; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            copy[i] = '\0';
            /* Any failure may only mean that it is there already, be it on a read-only file system. */
            if (mkdir(copy, 0700) != 0) {
                int number = errno;
                if (stat(copy, &about) != 0) {
                    status = refused(error, "cannot make the folder ", copy, number);
                } else if (!S_ISDIR(about.st_mode)) {
                    status = refused(error, "cannot make the folder ", copy, ENOTDIR);
                }
            }
            copy[i] = path[i];
        }
    }
    if (len == 0) {
        status = refused(error, "cannot make the folder ", path, ENOENT);
    }
    free(copy);
    return status;
}
