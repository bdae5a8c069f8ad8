/* Child processes and signals.
 *
 * A child that has ended is left uncollected until it is freed: as long as it is there, its number and that of its
 * group cannot be given to another, so a signal can only reach what was started here.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "host.h"

#define GRACE_MS 2000 /* between asking a group to end and ending it */
#define MAX_FD 65536  /* closed one by one where close_range is not there */

extern char **environ;

struct rise_process {
    pid_t pid;
    int fd;    /* read end of the child's output, -1 */
    int ended; /* 1: exit_code is known, -1: it cannot be */
    int exit_code;
    int detached;
};

static rise_status fail(rise_error *error, rise_status code, const char *what, const char *why) {
    if (error != NULL) {
        error->code = code;
        snprintf(error->message, sizeof error->message, "%.150s: %.100s", what, why);
    }
    return code;
}

/* ---- signals ------------------------------------------------------------------------------------------ */

static int signal_pipe[2] = { -1, -1 };
static volatile sig_atomic_t caught; /* set with every byte in the pipe: saves the read when there is none */
static struct {
    int trapped;
    struct sigaction before;
} actions[NSIG];

static void on_signal(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;

    /* A full pipe already holds thousands that nobody took; one more would say nothing new. */
    if (write(signal_pipe[1], &byte, 1) == 1) {
        caught = 1;
    }
    errno = saved;
}

/* A pipe that no program started from here inherits. */
static int make_pipe(int fd[2]) {
    int i;

    if (pipe(fd) != 0) {
        fd[0] = fd[1] = -1;
        return -1;
    }
    for (i = 0; i < 2; i++) {
        (void)fcntl(fd[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
}

static int unblock(int fd) {
    return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

rise_status rise_signal_trap(int number) {
    struct sigaction action;

    if (number <= 0 || number >= NSIG) {
        return RISE_EIO;
    }
    if (signal_pipe[0] < 0) {
        int fd[2];
        if (make_pipe(fd) != 0) {
            return RISE_EIO;
        }
        if (unblock(fd[0]) != 0 || unblock(fd[1]) != 0) {
            (void)close(fd[0]);
            (void)close(fd[1]);
            return RISE_EIO;
        }
        signal_pipe[0] = fd[0];
        signal_pipe[1] = fd[1];
    }
    if (actions[number].trapped) {
        return RISE_OK;
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART; /* other code's reads and writes go on; waits in poll end all the same */
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, &actions[number].before) != 0) {
        return RISE_EIO;
    }
    actions[number].trapped = 1;
    return RISE_OK;
}

int rise_signal_next(void) {
    unsigned char byte;
    ssize_t got;

    if (!caught) {
        return 0;
    }
    caught = 0;
    do {
        got = read(signal_pipe[0], &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got != 1) {
        return 0;
    }
    caught = 1; /* there may be more */
    return byte;
}

int rise_signal_fd(void) {
    return signal_pipe[0];
}

void rise_signal_release(void) {
    int number;

    for (number = 1; number < NSIG; number++) {
        if (actions[number].trapped) {
            (void)sigaction(number, &actions[number].before, NULL);
            actions[number].trapped = 0;
        }
    }
    /* The pipe stays: a handler may be running in another thread this very moment. */
}

/* ---- before the fork: everything that takes memory -------------------------------------------------------- */

/* Where to look for the program: one path when its name has a slash, else one for each folder of PATH. */
typedef struct plan {
    char **paths;
    char **env; /* the array is ours, the strings are not */
    size_t env_count;
    char *block;
} plan;

static void plan_free(plan *p) {
    free(p->paths);
    free(p->block);
    free(p->env);
}

static int plan_paths(plan *p, const char *program) {
    const char *path = getenv("PATH");
    const char *folder, *end;
    size_t count = 1, len = strlen(program), i = 0;
    char *at;

    if (strchr(program, '/') != NULL) {
        path = "";
    } else if (path == NULL || *path == '\0') {
        path = "/usr/local/bin:/usr/bin:/bin";
    }
    for (end = path; *end != '\0'; end++) {
        count += *end == ':';
    }
    p->paths = calloc(count + 1, sizeof *p->paths);
    p->block = malloc(strlen(path) + count * (len + 2));
    if (p->paths == NULL || p->block == NULL) {
        return 0;
    }
    at = p->block;
    for (folder = path; i < count; folder = end + 1) {
        size_t folder_len;
        for (end = folder; *end != '\0' && *end != ':'; end++) {
        }
        folder_len = (size_t)(end - folder);
        p->paths[i++] = at;
        /* An empty entry of PATH is the current folder, and so is the program itself then. */
        if (folder_len != 0) {
            memcpy(at, folder, folder_len);
            at += folder_len;
            *at++ = '/';
        }
        memcpy(at, program, len + 1);
        at += len + 1;
    }
    return 1;
}

static size_t name_len(const char *setting) {
    const char *equals = strchr(setting, '=');

    return equals != NULL ? (size_t)(equals - setting) : strlen(setting);
}

/* The place of the variable that `setting` is about, or `count`. */
static size_t env_find(char *const *env, size_t count, const char *setting) {
    size_t len = name_len(setting), i;

    for (i = 0; i < count; i++) {
        if (strncmp(env[i], setting, len) == 0 && env[i][len] == '=') {
            break;
        }
    }
    return i;
}

static int plan_env(plan *p, const char *const *changes) {
    size_t count = 0, added = 0, i;

    while (environ != NULL && environ[count] != NULL) {
        count++;
    }
    while (changes != NULL && changes[added] != NULL) {
        added++;
    }
    p->env = calloc(count + added + 1, sizeof *p->env);
    if (p->env == NULL) {
        return 0;
    }
    if (count != 0) {
        memcpy(p->env, environ, count * sizeof *p->env);
    }
    for (i = 0; i < added; i++) {
        size_t at = env_find(p->env, count, changes[i]);
        if (strchr(changes[i], '=') != NULL) {
            p->env[at] = (char *)changes[i]; /* execve takes it as const in all but its type */
            if (at == count) {
                count++;
            }
        } else if (at < count) {
            p->env[at] = p->env[--count];
        }
    }
    p->env[count] = NULL;
    return 1;
}

/* ---- in the child: async-signal-safe calls only, since other threads may have held locks at the fork ---------- */

static void close_from(int first) {
    long limit;
    int fd;

#if defined(__linux__) && defined(SYS_close_range)
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0) {
        return;
    }
#endif
    limit = sysconf(_SC_OPEN_MAX);
    if (limit < 0 || limit > MAX_FD) {
        limit = MAX_FD;
    }
    for (fd = first; fd < limit; fd++) {
        (void)close(fd);
    }
}

static void default_signals(void) {
    struct sigaction action;
    sigset_t none;
    int number;

    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    for (number = 1; number < NSIG; number++) {
        (void)sigaction(number, &action, NULL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Does not return. `output`, `errors`: descriptors for 1 and 2. `report`: where errno goes when all else fails. */
static void run_child(const plan *p, char *const *argv, pid_t parent, int detached, int null, int output, int errors,
                      int report) {
    int reason = ENOENT, i;

    if (detached) {
        (void)setsid();
    } else {
#ifdef __linux__
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(127); /* it ended before this was in force */
        }
#else
        (void)parent;
#endif
        (void)setpgid(0, 0);
    }
    if (dup2(null, 0) < 0 || (output != 1 && dup2(output, 1) < 0) || (errors != 2 && dup2(errors, 2) < 0)
        || (report != 3 && dup2(report, 3) < 0) || fcntl(3, F_SETFD, FD_CLOEXEC) < 0) {
        reason = errno;
        (void)!write(report, &reason, sizeof reason);
        _exit(127);
    }
    close_from(4);
    default_signals();
    for (i = 0; p->paths[i] != NULL; i++) {
        (void)execve(p->paths[i], argv, p->env);
        if (errno != ENOENT && errno != ENOTDIR) {
            reason = errno; /* a program that is there but cannot run says more than one that is not there */
        }
    }
    (void)!write(3, &reason, sizeof reason);
    _exit(127);
}

/* ---- children ---------------------------------------------------------------------------------------------- */

static void close_fd(int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

/* Moves a descriptor above the four that the child fills, so that no dup2 there overwrites one still needed. */
static int lift(int *fd) {
    if (*fd >= 0 && *fd < 4) {
        int high = fcntl(*fd, F_DUPFD_CLOEXEC, 4);
        if (high < 0) {
            return -1;
        }
        (void)close(*fd);
        *fd = high;
    }
    return 0;
}

typedef struct wires {
    int null;
    int report[2];
    int pipe[2];
} wires;

static void cut(wires *w) {
    close_fd(&w->null);
    close_fd(&w->report[0]);
    close_fd(&w->report[1]);
    close_fd(&w->pipe[0]);
    close_fd(&w->pipe[1]);
}

static int lay(wires *w, int with_pipe) {
    memset(w, 0xff, sizeof *w); /* all -1 */
    w->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (w->null < 0 || make_pipe(w->report) != 0) {
        return 0;
    }
    if (with_pipe && (make_pipe(w->pipe) != 0 || unblock(w->pipe[0]) != 0)) {
        return 0;
    }
    return lift(&w->null) == 0 && lift(&w->report[1]) == 0 && lift(&w->pipe[1]) == 0;
}

static int wire_of(const wires *w, rise_output output, int own) {
    return output == RISE_OUTPUT_PIPE ? w->pipe[1] : output == RISE_OUTPUT_NULL ? w->null : own;
}

static pid_t start(const plan *p, char *const *argv, const wires *w, rise_output output, rise_output errors,
                   int detached) {
    int out = wire_of(w, output, 1);
    int err = wire_of(w, errors, 2);
    pid_t parent = getpid(), pid;
    sigset_t all, before;
    int saved;

    /* A signal that hit the child before its handlers are the default ones would be noted in our pipe. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    saved = errno;
    if (pid == 0) {
        run_child(p, argv, parent, detached, w->null, out, err, w->report[1]);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

static void collect(pid_t pid) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

rise_status rise_process_new(rise_process **out, const char *const *argv, const char *const *env, rise_output output,
                             rise_output errors, int detached, rise_error *error) {
    rise_process *process = calloc(1, sizeof *process);
    int reason = 0;
    ssize_t got;
    plan p;
    wires w;

    *out = NULL;
    memset(&p, 0, sizeof p);
    if (process == NULL || !plan_paths(&p, argv[0]) || !plan_env(&p, env)) {
        plan_free(&p);
        free(process);
        return fail(error, RISE_ENOMEM, argv[0], "out of memory");
    }
    process->pid = -1;
    process->detached = detached;
    if (lay(&w, output == RISE_OUTPUT_PIPE || errors == RISE_OUTPUT_PIPE)) {
        process->pid = start(&p, (char *const *)argv, &w, output, errors, detached);
    }
    if (process->pid < 0) {
        reason = errno != 0 ? errno : EIO;
    } else {
        if (!detached) {
            (void)setpgid(process->pid, process->pid); /* whoever is first; a signal to the group may follow at once */
        }
        close_fd(&w.report[1]);
        do {
            got = read(w.report[0], &reason, sizeof reason); /* ends when the program runs, or with its reason */
        } while (got < 0 && errno == EINTR);
        if (got != 0) {
            collect(process->pid);
            if (got != (ssize_t)sizeof reason) {
                reason = EIO;
            }
        }
    }
    plan_free(&p);
    if (reason != 0) {
        cut(&w);
        free(process);
        return fail(error, RISE_EIO, argv[0], strerror(reason));
    }
    process->fd = w.pipe[0];
    w.pipe[0] = -1;
    cut(&w);
    *out = process;
    return RISE_OK;
}

long rise_process_pid(const rise_process *process) {
    return (long)process->pid;
}

int rise_process_fd(const rise_process *process) {
    return process->fd;
}

long rise_process_read(rise_process *process, void *out, size_t size) {
    ssize_t got;

    if (process->fd < 0) {
        return -1;
    }
    do {
        got = read(process->fd, out, size);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        return (long)got;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return 0;
    }
    close_fd(&process->fd);
    return -1;
}

/* Whether the child has ended, without collecting it. */
static int look(rise_process *process) {
    siginfo_t info;

    if (process->ended != 0) {
        return 1;
    }
    memset(&info, 0, sizeof info);
    while (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        if (errno != EINTR) {
            process->ended = -1; /* someone else collected it */
            return 1;
        }
    }
    if (info.si_pid != process->pid) {
        return 0;
    }
    process->ended = 1;
    process->exit_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return 1;
}

rise_status rise_process_kill(rise_process *process, int number) {
    if (look(process) && process->ended < 0) {
        return RISE_OK; /* its number may be another's by now */
    }
    return kill(-process->pid, number) == 0 || errno == ESRCH ? RISE_OK : RISE_EIO;
}

/* Looks every few milliseconds: the ways to be told at once need the host's SIGCHLD, or Linux. */
int rise_process_wait(rise_process *process, int timeout_ms, int *exit_code) {
    int64_t end = rise_clock_steady() + timeout_ms;
    struct timespec pause;

    memset(&pause, 0, sizeof pause);
    while (!look(process)) {
        if (rise_clock_steady() >= end) {
            return 0;
        }
        pause.tv_nsec = 2000000;
        if (nanosleep(&pause, NULL) != 0 && caught) {
            return 0;
        }
    }
    if (process->ended < 0) {
        return -1;
    }
    *exit_code = process->exit_code;
    return 1;
}

void rise_process_free(rise_process *process) {
    int64_t end;
    struct timespec pause;

    if (process == NULL) {
        return;
    }
    close_fd(&process->fd);
    if (process->detached) {
        (void)waitpid(process->pid, NULL, WNOHANG);
        free(process);
        return;
    }
    memset(&pause, 0, sizeof pause);
    pause.tv_nsec = 2000000;
    if (!look(process)) {
        (void)rise_process_kill(process, SIGTERM);
        end = rise_clock_steady() + GRACE_MS;
        while (!look(process) && rise_clock_steady() < end) {
            (void)nanosleep(&pause, NULL);
        }
    }
    (void)rise_process_kill(process, SIGKILL); /* the child, or what it left behind in its group */
    if (process->ended >= 0) {
        collect(process->pid);
    }
    free(process);
}
