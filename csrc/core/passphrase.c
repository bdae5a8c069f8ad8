/* Passphrases: from a file, a descriptor, the terminal. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "locked.h"

struct rise_passphrase {
    size_t len;
    char text[RISE_PASSPHRASE_MAX + 1]; /* room for what is one too long */
};

/* How soon a signal that was held back is noticed at the terminal. */
#define LOOK_MS 50

static rise_status out_of_memory(rise_error *error) {
    return rise_fail(error, RISE_ENOMEM, rise_status_text(RISE_ENOMEM), "", "");
}

static rise_status give_up(rise_passphrase **out, rise_status status) {
    rise_passphrase_free(*out);
    *out = NULL;
    return status;
}

rise_status rise_passphrase_new(rise_passphrase **out, const void *text, size_t len) {
    *out = NULL;
    if (len > RISE_PASSPHRASE_MAX) {
        return RISE_ELIMIT;
    }
    *out = rise_locked_alloc(sizeof **out);
    if (*out == NULL) {
        return RISE_ENOMEM;
    }
    memcpy((*out)->text, text, len);
    (*out)->len = len;
    return RISE_OK;
}

void rise_passphrase_free(rise_passphrase *passphrase) {
    sodium_free(passphrase);
}

const char *rise_passphrase_text(const rise_passphrase *passphrase, size_t *len) {
    *len = passphrase->len;
    return passphrase->text;
}

static rise_status too_long(rise_error *error) {
    return rise_fail(error, RISE_ELIMIT, "a passphrase has at most 1024 bytes", "", "");
}

/* Takes up one more byte of the line: 1 at its end. */
static int take(rise_passphrase *passphrase, char c) {
    if (c == '\n') {
        return 1;
    }
    if (passphrase->len < sizeof passphrase->text) {
        passphrase->text[passphrase->len++] = c;
    }
    return 0;
}

static rise_status complete(rise_passphrase **out, rise_error *error) {
    rise_passphrase *passphrase = *out;

    if (passphrase->len != 0 && passphrase->text[passphrase->len - 1] == '\r') {
        passphrase->len--;
    }
    return passphrase->len > RISE_PASSPHRASE_MAX ? give_up(out, too_long(error)) : RISE_OK;
}

/* Byte by byte: what follows the line is for whoever reads next. */
rise_status rise_passphrase_fd(rise_passphrase **out, int fd, rise_error *error) {
    char c;
    ssize_t got;

    *out = rise_locked_alloc(sizeof **out);
    if (*out == NULL) {
        return out_of_memory(error);
    }
    do {
        got = read(fd, &c, 1);
    } while ((got == 1 && !take(*out, c)) || (got < 0 && errno == EINTR));
    rise_wipe(&c, sizeof c);
    if (got < 0) {
        return give_up(out, rise_fail(error, RISE_EIO, "the passphrase cannot be read", "", ""));
    }
    return complete(out, error);
}

rise_status rise_passphrase_file(rise_passphrase **out, const char *path, rise_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    rise_status status;

    *out = NULL;
    if (fd < 0) {
        return rise_fail(error, RISE_EIO, "the passphrase's file cannot be opened: ", path, "");
    }
    status = rise_passphrase_fd(out, fd, error);
    (void)close(fd);
    return status;
}

/* ---- the terminal -------------------------------------------------------------------------------------- */

static const int held[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGALRM, SIGUSR1, SIGUSR2, SIGPIPE };

/* A signal that was held back waits to be let in, 0 for none. One that the program ignores may be kept as well while it
 * is held back, and is no reason to stop. */
static int signal_waits(const sigset_t *before) {
    struct sigaction action;
    sigset_t waiting;
    size_t i;

    sigemptyset(&waiting);
    (void)sigpending(&waiting);
    for (i = 0; i < sizeof held / sizeof held[0]; i++) {
        if (sigismember(&waiting, held[i]) == 1 && sigismember(before, held[i]) == 0
            && sigaction(held[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            return held[i];
        }
    }
    return 0;
}

static void say(int fd, const char *text) {
    size_t len = strlen(text);

    while (len != 0) {
        ssize_t put = write(fd, text, len);
        if (put < 0 && errno != EINTR) {
            return;
        }
        if (put > 0) {
            text += put;
            len -= (size_t)put;
        }
    }
}

/* A line as it is typed: 1, 0 at the end of input, -1 for an error, -2 where a signal waits. */
static int read_line(int fd, rise_passphrase *passphrase, const sigset_t *before) {
    struct pollfd readable;
    char c = 0;
    int result = -2;

    readable.fd = fd;
    readable.events = POLLIN;
    while (!signal_waits(before)) {
        ssize_t got;
        int ready = poll(&readable, 1, LOOK_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            continue;
        }
        got = ready < 0 ? -1 : read(fd, &c, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            result = (int)got;
            break;
        }
        if (take(passphrase, c)) {
            result = 1;
            break;
        }
    }
    rise_wipe(&c, sizeof c);
    return result;
}

/* Once: silence, the question, the answer, and the terminal as it was. */
static int ask(int fd, rise_passphrase *passphrase, const char *prompt, const sigset_t *before) {
    struct termios loud, silent;
    int result;

    if (tcgetattr(fd, &loud) != 0) {
        return -1;
    }
    silent = loud;
    silent.c_lflag &= (tcflag_t)~(ECHO | ECHONL);
    silent.c_lflag |= ICANON | ISIG;
    passphrase->len = 0;
    /* What was typed before the question is no answer to it. */
    if (tcsetattr(fd, TCSAFLUSH, &silent) != 0) {
        return -1;
    }
    say(fd, prompt);
    result = read_line(fd, passphrase, before);
    while (tcsetattr(fd, TCSAFLUSH, &loud) != 0 && errno == EINTR) {
    }
    say(fd, "\n");
    return result;
}

rise_status rise_passphrase_prompt(rise_passphrase **out, const char *prompt, rise_error *error) {
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC), result, number;
    sigset_t hold, before;
    size_t i;

    *out = NULL;
    if (fd < 0) {
        return rise_fail(error, RISE_EIO, "there is no terminal to ask for the passphrase at", "", "");
    }
    *out = rise_locked_alloc(sizeof **out);
    if (*out == NULL) {
        (void)close(fd);
        return out_of_memory(error);
    }
    sigemptyset(&hold);
    for (i = 0; i < sizeof held / sizeof held[0]; i++) {
        sigaddset(&hold, held[i]);
    }
    for (;;) {
        (void)pthread_sigmask(SIG_BLOCK, &hold, &before);
        result = ask(fd, *out, prompt, &before);
        number = signal_waits(&before);
        if (result != 1) {
            rise_wipe((*out)->text, sizeof (*out)->text);
        }
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* here it takes its course */
        if (result != -2 || number != SIGTSTP) {
            break;
        }
    }
    (void)close(fd);
    if (result == -1) {
        return give_up(out, rise_fail(error, RISE_EIO, "the terminal cannot be asked for the passphrase", "", ""));
    }
    if (result != 1) {
        return give_up(out, rise_fail(error, RISE_ECANCELED, "no passphrase was given", "", ""));
    }
    return complete(out, error);
}
