/* Files replaced in one step, in a folder of the test's own under the system's temporary one. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char folder[64] = "/tmp/rise-test-XXXXXX";

static const char *in_folder(const char *name) {
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void check_contents(const char *path, const void *data, size_t len) {
    char got[64];
    int fd = open(path, O_RDONLY);

    CHECK(fd >= 0);
    CHECK(read(fd, got, sizeof got) == (ssize_t)len && memcmp(got, data, len) == 0);
    close(fd);
}

static size_t count_entries(const char *path) {
    DIR *dir = opendir(path);
    struct dirent *entry;
    size_t n = 0;

    CHECK(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    }
    closedir(dir);
    return n;
}

static void writes_and_replaces(void) {
    const char *path = in_folder("secret");
    struct stat about;
    mode_t before = umask(0);

    CHECK(rise_file_write(path, "one", 3, NULL) == RISE_OK);
    umask(0777);
    check_contents(path, "one", 3);
    CHECK(rise_file_write(path, "two\0three", 9, NULL) == RISE_OK);
    umask(before);
    check_contents(path, "two\0three", 9);
    CHECK(stat(path, &about) == 0 && (about.st_mode & 0777) == 0600);
    CHECK(rise_file_write(path, NULL, 0, NULL) == RISE_OK);
    check_contents(path, "", 0);
    CHECK(count_entries(folder) == 1);
}

static void a_link_is_replaced_not_followed(void) {
    char link_path[512];
    struct stat about;

    CHECK(rise_file_write(in_folder("target"), "target", 6, NULL) == RISE_OK);
    strcpy(link_path, in_folder("link"));
    CHECK(symlink("target", link_path) == 0);
    CHECK(rise_file_write(link_path, "new", 3, NULL) == RISE_OK);
    CHECK(lstat(link_path, &about) == 0 && S_ISREG(about.st_mode));
    check_contents(in_folder("target"), "target", 6);
}

static void failures_leave_nothing_behind(void) {
    rise_error error;
    size_t before;

    CHECK(rise_file_write(in_folder("missing/secret"), "x", 1, &error) == RISE_EIO);
    CHECK(error.code == RISE_EIO && strstr(error.message, "missing/secret: No such file") != NULL);
    CHECK(rise_file_write("", "x", 1, &error) == RISE_EIO);
    CHECK(mkdir(in_folder("full"), 0700) == 0 && mkdir(in_folder("full/inside"), 0700) == 0);
    before = count_entries(folder);
    CHECK(rise_file_write(in_folder("full"), "x", 1, &error) == RISE_EIO);
    CHECK(rise_file_write(in_folder("full/"), "x", 1, &error) == RISE_EIO);
    CHECK(count_entries(folder) == before && count_entries(in_folder("full")) == 1);
}

static void a_long_path_fits_the_message(void) {
    char path[400];
    rise_error error;

    memset(path, 'a', sizeof path);
    memcpy(path, "/nowhere/", 9);
    memcpy(path + sizeof path - 5, "/end", 5);
    CHECK(rise_file_write(path, "x", 1, &error) == RISE_EIO);
    CHECK(strlen(error.message) < sizeof error.message && strstr(error.message, "/end: ") != NULL);
}

static void relative_paths(void) {
    int here = open(".", O_RDONLY | O_DIRECTORY);

    CHECK(here >= 0 && chdir(folder) == 0);
    CHECK(rise_file_write("plain", "abc", 3, NULL) == RISE_OK);
    check_contents("plain", "abc", 3);
    CHECK(rise_file_mkdir("x/y/../z", NULL) == RISE_OK);
    CHECK(access("x/z", F_OK) == 0);
    CHECK(fchdir(here) == 0);
    close(here);
}

static void folders(void) {
    rise_error error;
    struct stat about;

    CHECK(rise_file_mkdir(in_folder("a/b//c/"), NULL) == RISE_OK);
    CHECK(stat(in_folder("a/b/c"), &about) == 0 && S_ISDIR(about.st_mode) && (about.st_mode & 0777) == 0700);
    CHECK(stat(in_folder("a"), &about) == 0 && (about.st_mode & 0777) == 0700);
    CHECK(rise_file_mkdir(in_folder("a/b/c"), NULL) == RISE_OK);
    CHECK(rise_file_mkdir("/", NULL) == RISE_OK);
    CHECK(rise_file_write(in_folder("a/file"), "", 0, NULL) == RISE_OK);
    CHECK(rise_file_mkdir(in_folder("a/file"), &error) == RISE_EIO && error.code == RISE_EIO);
    CHECK(rise_file_mkdir(in_folder("a/file/b"), &error) == RISE_EIO);
    CHECK(rise_file_mkdir("", &error) == RISE_EIO);
}

int main(void) {
    char command[128];

    CHECK(mkdtemp(folder) != NULL);
    writes_and_replaces();
    a_link_is_replaced_not_followed();
    failures_leave_nothing_behind();
    a_long_path_fits_the_message();
    relative_paths();
    folders();
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    CHECK(system(command) == 0);
    return 0;
}
