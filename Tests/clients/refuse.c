// Stands between a program, with all that it starts, and the kernel, and refuses one call of a kind: the n-th that takes space
// below some directories (ENOSPC), or the n-th that makes a descriptor (EMFILE).
//
//     refuse CONTROL space DIRECTORY... -- COMMAND...
//     refuse CONTROL descriptors PROGRAM... -- COMMAND...      of processes that run one of these, and no other
//
// Whatever library makes a call and however: the kernel asks (seccomp_unotify(2)) a process beside the command, which lets the
// call go on or answers in the kernel's place. What no call tells of, a page written through mmap(2), it does not see.
//
// CONTROL holds six numbers of 8 bytes, and may be written at any time: the error's (0: nothing is counted nor refused), `first`
// and `length` (the calls that are refused: first, ..., first + length - 1), `tells` (each call goes to CONTROL.calls, not only
// refused ones), and, kept here, how many calls there were and how many of them were refused.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "which audit architecture is this?"
#endif

// Where the name is of what a call is about: of a descriptor, or of a path beside a directory's descriptor (none: -1).
enum kind { WRITES, GROWS, MAKES, OPENS, OPENS2, RENAMES, BINDS, PLAIN };
struct call {
    int number;
    const char *name;
    enum kind kind;
    int directory, path;  // arguments; for WRITES and GROWS `path` is the descriptor's
    int tested;           // only calls of which this argument has one of these bits (or is one of these values), if not -1
    uint32_t bits, value, other_value;
};

#define CALL(name, kind, directory, path, ...) {SYS_##name, #name, kind, directory, path, TESTED(__VA_ARGS__, 0, 0, 0)}
#define TESTED(tested, bits, value, other, ...) tested, bits, value, other
#define CREATING 64 /* O_CREAT */ | 020000000 /* O_TMPFILE's own bit */
static const struct call space[] = {
    CALL(write, WRITES, -1, 0, -1), CALL(pwrite64, WRITES, -1, 0, -1), CALL(writev, WRITES, -1, 0, -1),
    CALL(pwritev, WRITES, -1, 0, -1), CALL(pwritev2, WRITES, -1, 0, -1), CALL(fsync, WRITES, -1, 0, -1),
    CALL(fdatasync, WRITES, -1, 0, -1), CALL(syncfs, WRITES, -1, 0, -1), CALL(fallocate, WRITES, -1, 0, -1),
    CALL(ftruncate, GROWS, -1, 0, -1), CALL(copy_file_range, WRITES, -1, 2, -1), CALL(sendfile, WRITES, -1, 0, -1),
    CALL(splice, WRITES, -1, 2, -1), CALL(ioctl, WRITES, -1, 0, 1, 0, FICLONE, FICLONERANGE),
    CALL(fsetxattr, WRITES, -1, 0, -1), CALL(setxattr, RENAMES, -1, 0, -1),
    CALL(openat, OPENS, 0, 1, 2, CREATING), CALL(openat2, OPENS2, 0, 1, -1), CALL(mkdirat, MAKES, 0, 1, -1),
    CALL(mknodat, MAKES, 0, 1, -1), CALL(symlinkat, MAKES, 1, 2, -1), CALL(linkat, MAKES, 2, 3, -1),
    CALL(renameat2, RENAMES, 2, 3, -1), CALL(bind, BINDS, -1, 1, -1),
#ifdef SYS_open
    CALL(open, OPENS, -1, 0, 1, CREATING), CALL(creat, MAKES, -1, 0, -1), CALL(mkdir, MAKES, -1, 0, -1),
    CALL(mknod, MAKES, -1, 0, -1), CALL(symlink, MAKES, -1, 1, -1), CALL(link, MAKES, -1, 1, -1),
    CALL(rename, RENAMES, -1, 1, -1), CALL(renameat, RENAMES, 2, 3, -1),
#endif
};
static const struct call descriptors[] = {
    CALL(openat, OPENS, 0, 1, -1), CALL(openat2, OPENS, 0, 1, -1), CALL(socket, PLAIN, -1, -1, -1),
    CALL(socketpair, PLAIN, -1, -1, -1), CALL(accept4, PLAIN, -1, -1, -1), CALL(pipe2, PLAIN, -1, -1, -1),
    CALL(epoll_create1, PLAIN, -1, -1, -1), CALL(eventfd2, PLAIN, -1, -1, -1),
    CALL(inotify_init1, PLAIN, -1, -1, -1), CALL(dup, PLAIN, -1, -1, -1),
    CALL(fcntl, PLAIN, -1, -1, 1, 0, F_DUPFD, F_DUPFD_CLOEXEC), CALL(pidfd_open, PLAIN, -1, -1, -1),
    CALL(memfd_create, PLAIN, -1, -1, -1), CALL(timerfd_create, PLAIN, -1, -1, -1),
    CALL(accept, PLAIN, -1, -1, -1),
#ifdef SYS_open
    CALL(open, OPENS, -1, 0, -1), CALL(pipe, PLAIN, -1, -1, -1), CALL(epoll_create, PLAIN, -1, -1, -1),
    CALL(eventfd, PLAIN, -1, -1, -1),
#endif
};

static const struct call *calls;
static size_t call_count;
static int is_space;
static char **names;  // directories, or programs
static int name_count;

enum word { ERRNO, FIRST, LENGTH, TELLS, COUNTED, REFUSED, WORDS };

static void die(const char *what) {
    perror(what);
    exit(125);
}

// MARK: The filter

static int install_filter(void) {
    struct sock_filter program[512];
    size_t n = 0;
#define ADD(...) program[n++] = (struct sock_filter)__VA_ARGS__
#define ARGUMENT(i) offsetof(struct seccomp_data, args) + 8 * (size_t)(i)
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    for (const struct call *c = calls; c < calls + call_count; c++) {
        if (c->tested < 0) {
            ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c->number, 0, 1));
        } else if (c->bits) {
            ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c->number, 0, 4));
            ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(c->tested)));
            ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, c->bits, 1, 0));
            ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
        } else {
            ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c->number, 0, 5));
            ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(c->tested)));
            ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->value, 2, 0));
            ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->other_value, 1, 0));
            ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
        }
        ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    }
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    struct sock_fprog whole = {(unsigned short)n, program};
    if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");
    // Killable only: a signal would have a call made, and counted, twice.
    unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | 1u << 5 /* ..._WAIT_KILLABLE_RECV, Linux 5.19 */;
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole);
    if (listener < 0) {
        flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
        listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole);
    }
    if (listener < 0) die("seccomp");
    return listener;
}

// MARK: What a call is about

static int read_link(char *to, size_t size, const char *format, unsigned pid, int number) {
    char link[64];
    snprintf(link, sizeof link, format, pid, number);
    ssize_t count = readlink(link, to, size - 1);
    to[count < 0 ? 0 : count] = 0;
    return count > 0;
}

static int read_memory(unsigned pid, uint64_t address, void *to, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/mem", pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    if (memory < 0) return -1;
    ssize_t count = pread(memory, to, size, (off_t)address);
    // A string at the end of a mapping.
    if (count < 0 && size > 1) count = pread(memory, to, 4096 - (address & 4095), (off_t)address);
    close(memory);
    return (int)count;
}

static void resolve(unsigned pid, int directory, const char *path, char *to, size_t size) {
    char start[4096] = "";
    int number, length = 0;
    if (sscanf(path, "/proc/self/fd/%d%n", &number, &length) == 1) {
        read_link(start, sizeof start, "/proc/%u/fd/%d", pid, number);
        snprintf(to, size, "%s%s", start, path + length);
    } else if (path[0] == '/') {
        snprintf(to, size, "%s", path);
    } else {
        if (directory == AT_FDCWD) read_link(start, sizeof start, "/proc/%u/cwd", pid, 0);
        else read_link(start, sizeof start, "/proc/%u/fd/%d", pid, directory);
        snprintf(to, size, "%s/%s", start, path);
    }
}

static void find_subject(const struct call *call, const struct seccomp_notif *asked, char *to, size_t size) {
    const uint64_t *arguments = (const uint64_t *)asked->data.args;
    char path[4096] = "";
    to[0] = 0;
    if (call->path < 0) return;
    if (call->kind == WRITES || call->kind == GROWS) {
        read_link(to, size, "/proc/%u/fd/%d", asked->pid, (int)arguments[call->path]);
        return;
    }
    if (read_memory(asked->pid, arguments[call->path], path, sizeof path - 1) <= 0) return;
    path[sizeof path - 1] = 0;
    if (call->kind == BINDS) {
        if (((struct sockaddr *)path)->sa_family != AF_UNIX) return;
        memmove(path, path + offsetof(struct sockaddr_un, sun_path), sizeof(((struct sockaddr_un *)0)->sun_path));
        path[sizeof(((struct sockaddr_un *)0)->sun_path)] = 0;
        if (path[0] == 0) return;
    }
    resolve(asked->pid, call->directory < 0 ? AT_FDCWD : (int)arguments[call->directory], path, to, size);
}

/// The n-th argument of the process that asks, a program's part in the whole.
static void find_role(unsigned pid, char *to, size_t size) {
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = file < 0 ? 0 : read(file, line, sizeof line - 1);
    if (file >= 0) close(file);
    size_t first = strlen(line) + 1;
    const char *last = strrchr(line, '/');
    snprintf(to, size, "%s %s", last ? last + 1 : line, count > (ssize_t)first ? line + first : "");
}

static int is_below(const char *path) {
    for (int i = 0; i < name_count; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(path, names[i], length) == 0 && (path[length] == '/' || path[length] == 0)) return 1;
    }
    return 0;
}

static int counts(const struct call *call, const struct seccomp_notif *asked, const char *subject) {
    if (!is_space) {
        char program[4096];
        read_link(program, sizeof program, "/proc/%u/exe", asked->pid, 0);
        const char *last = strrchr(program, '/');
        // A process that has only begun has not used up its descriptors: what its linker and its runtime open is there.
        if (!last || strstr(subject, ".so") || strcmp(subject, "/proc/self/maps") == 0) return 0;
        for (int i = 0; i < name_count; i++)
            if (strcmp(last + 1, names[i]) == 0) return 1;
        return 0;
    }
    if (!is_below(subject)) return 0;
    struct stat status;
    int exists = lstat(subject, &status) == 0;
    switch (call->kind) {
    case OPENS2: {
        struct open_how how;
        if (read_memory(asked->pid, asked->data.args[2], &how, sizeof how) != (int)sizeof how) return 0;
        return (how.flags & (CREATING)) && (!exists || S_ISDIR(status.st_mode));
    }
    case OPENS: return !exists || S_ISDIR(status.st_mode);  // a directory: O_TMPFILE
    case MAKES: case BINDS: return !exists;
    case GROWS: return exists && (uint64_t)status.st_size < asked->data.args[1];
    default: return 1;
    }
}

// MARK: Answering

static int refusal(int control, int told, const struct call *call, const struct seccomp_notif *asked) {
    int64_t words[WORDS] = {0};
    if (pread(control, words, sizeof words, 0) != sizeof words || words[ERRNO] == 0) return 0;
    char subject[8192];
    find_subject(call, asked, subject, sizeof subject);
    if (!counts(call, asked, subject)) return 0;
    int64_t number = ++words[COUNTED];
    int refuses = number >= words[FIRST] && number - words[FIRST] < words[LENGTH];
    words[REFUSED] += refuses;
    pwrite(control, &words[COUNTED], 2 * sizeof words[0], COUNTED * sizeof words[0]);
    if (refuses || words[TELLS]) {
        char role[1024];
        find_role(asked->pid, role, sizeof role);
        dprintf(told, "%ld%s %s %s (%s)\n", (long)number, refuses ? " refused:" : "", call->name, subject, role);
    }
    return refuses ? (int)words[ERRNO] : 0;
}

static void answer(int listener, const char *control_path) {
    char told_path[4096];
    snprintf(told_path, sizeof told_path, "%s.calls", control_path);
    int control = open(control_path, O_RDWR | O_CLOEXEC);
    int told = open(told_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (control < 0 || told < 0) die(control_path);
    struct pollfd waiting = {listener, POLLIN, 0};
    for (;;) {
        if (poll(&waiting, 1, -1) < 0 && errno != EINTR) return;
        if (waiting.revents & POLLHUP) return;  // nobody is left who could ask
        struct seccomp_notif asked;
        memset(&asked, 0, sizeof asked);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) continue;
        const struct call *call = calls;
        while (call->number != asked.data.nr) call++;
        int error = refusal(control, told, call, &asked);
        struct seccomp_notif_resp response = {
            .id = asked.id, .error = -error, .flags = error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
}

// The command keeps its process, as whoever started it expects; who answers is no child of it.
static void stand_beside(int socket, const char *control) {
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child > 0) {
        waitpid(child, NULL, 0);
        return;
    }
    if (fork() != 0) _exit(0);
    setsid();
    int listener = -1;
    char byte, space[CMSG_SPACE(sizeof(int))];
    struct iovec piece = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) > 0 && CMSG_FIRSTHDR(&message))
        memcpy(&listener, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof listener);
    for (int fd = 0; fd < 1024; fd++)
        if (fd != listener) close(fd);
    if (listener >= 0) answer(listener, control);
    _exit(0);
}

static void hand_over(int socket, int listener) {
    char byte = 0, space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec piece = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &listener, sizeof listener);
    if (sendmsg(socket, &message, 0) < 0) die("sendmsg");
}

int main(int count, char **arguments) {
    int command = 3;
    while (command < count && strcmp(arguments[command], "--") != 0) command++;
    if (count < 6 || command + 1 >= count) {
        fprintf(stderr, "usage: refuse CONTROL space|descriptors NAME... -- COMMAND...\n");
        return 125;
    }
    is_space = strcmp(arguments[2], "space") == 0;
    calls = is_space ? space : descriptors;
    call_count = is_space ? sizeof space / sizeof *space : sizeof descriptors / sizeof *descriptors;
    names = arguments + 3;
    name_count = command - 3;
    int two[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, two) != 0) die("socketpair");
    stand_beside(two[1], arguments[1]);
    int listener = install_filter();
    hand_over(two[0], listener);
    close(listener);
    close(two[0]);
    close(two[1]);
    execvp(arguments[command + 1], arguments + command + 1);
    die(arguments[command + 1]);
}
