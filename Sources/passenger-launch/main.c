// passenger-launch PLANFD REPORTFD PARENT UID GID GROUPS CGROUPFD: see README.md. Statements are in the order that matters.
#define _GNU_SOURCE
#include "guard.h"
#include "measure.h"
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FAILED = 127, MOST_GROUPS = 65536 };

static int report_descriptor = -1;

static size_t put_integer(unsigned char *to, uint32_t value, size_t size) {
    for (size_t i = 0; i < size; i++) to[i] = (unsigned char)(value >> 8 * (size - 1 - i));
    return size;
}

static size_t put_text(unsigned char *to, const char *text, size_t size) {
    put_integer(to, (uint32_t)size, 4);
    memcpy(to + 4, text, size);
    return 4 + size;
}

// Writes a LaunchFailure (MessageCodec+Launch.swift) and ends. At most 512 bytes: a pipe takes it in one piece.
static _Noreturn void fail(const char *step, const char *subject) {
    int error = errno;
    unsigned char bytes[512];
    size_t longest = 400, subject_size = strnlen(subject, longest), size = 0;
    // Never cut a UTF-8 character in two.
    if (subject_size == longest)
        while (subject_size > 0 && ((unsigned char)subject[subject_size] & 0xC0) == 0x80) subject_size--;
    size += put_integer(bytes + size, 'F', 1);
    size += put_integer(bytes + size, PROTOCOL_VERSION, 2);
    size += put_text(bytes + size, step, strlen(step));
    size += put_integer(bytes + size, (uint32_t)error, 4);
    size += put_text(bytes + size, subject, subject_size);
    ssize_t ignored = report_descriptor < 0 ? 0 : write(report_descriptor, bytes, size);
    (void)ignored;
    _exit(FAILED);
}

// A number from the argument list; UINT32_MAX is no user, no group and no descriptor.
static uint32_t number(const char *text, const char *name) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != 0 || errno != 0 || value >= UINT32_MAX) {
        errno = EINVAL;
        fail("arguments", name);
    }
    return (uint32_t)value;
}

// Raising the score needs no privilege. Where /proc is read-only the score stays: no reason to refuse a child.
static void set_oom_score(int32_t score) {
    char text[16];
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (score < 0) score = 0;
    if (score > 1000) score = 1000;
    ssize_t ignored = write(fd, text, (size_t)snprintf(text, sizeof text, "%d", (int)score));
    (void)ignored;
    close(fd);
}

// The terminal of whoever started the server is not the program's: with /dev/tty it could read what is typed there, and by
// TIOCSTI type into a shell of root's. Gone for good: only the leader of a session can get one. Not a session of its own,
// because each of those is a scheduling group (sched(7), autogroup), in which niceness means nothing to the others.
static void leave_terminal(void) {
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENXIO) return;  // there is none
    if (fd >= 0) {
        if (ioctl(fd, TIOCNOTTY) != 0) fail("terminal", "");
        close(fd);
        return;
    }
    // No such device file here: it may still be an inherited descriptor. Of any other terminal this is refused.
    for (fd = 0; fd <= 2; fd++) ioctl(fd, TIOCNOTTY);
}

// cgroups(7): 0 is the writing process. Whatever the program starts is born into the same group.
static void join_control_group(const char *text) {
    if (strcmp(text, "-") == 0) return;
    int fd = (int)number(text, "cgroup");
    if (write(fd, "0", 1) != 1) fail("cgroup", "");
    close(fd);
}

static void set_groups(char *list) {
    static gid_t groups[MOST_GROUPS];
    size_t count = 0;
    if (strcmp(list, "-") != 0) {
        for (char *next, *one = list; one != NULL; one = next) {
            next = strchr(one, ',');
            if (next != NULL) *next++ = 0;
            if (count == MOST_GROUPS) {
                errno = E2BIG;
                fail("arguments", "groups");
            }
            groups[count++] = number(one, "groups");
        }
    }
    if (setgroups(count, groups) != 0) fail("setgroups", "");
}

static void switch_user(const char *uid_text, const char *gid_text, char *groups, int forbids_new_privileges) {
    if (strcmp(uid_text, "-") == 0) return;
    uid_t uid = number(uid_text, "uid");
    gid_t gid = number(gid_text, "gid");
    set_groups(groups);
    if (setresgid(gid, gid, gid) != 0) fail("setgid", gid_text);
    if (setresuid(uid, uid, uid) != 0) fail("setuid", uid_text);
    if (forbids_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no_new_privs", "");
}

static void set_limits(const struct plan *plan) {
    for (size_t i = 0; i < plan->limit_count; i++) {
        struct rlimit limit = {plan->limits[i].soft, plan->limits[i].hard};
        if (setrlimit((__rlimit_resource_t)plan->limits[i].resource, &limit) != 0) {
            char name[16];
            snprintf(name, sizeof name, "%d", (int)plan->limits[i].resource);
            fail("setrlimit", name);
        }
    }
}

static void be_nice(int32_t increment) {
    if (increment == 0) return;
    errno = 0;
    if (nice(increment) == -1 && errno != 0) fail("nice", "");
}

// The supervisor may have ended before the death signal was asked for: then nobody would ever send it.
static void follow_parent(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) fail("death-signal", "");
    if (getppid() != parent) {
        errno = ESRCH;
        fail("parent", "");
    }
}

// An ignored signal stays ignored across exec, and a blocked one blocked: a program expects neither. By the system call:
// glibc's sigaction refuses its own two signals, which its posix_spawn leaves ignored.
static void reset_signals(void) {
    const size_t set_size = 8;               // of the kernel's sigset_t: 64 signals
    static const unsigned char defaults[64];  // larger than its struct sigaction; SIG_DFL is 0
    for (int signal = 1; signal < NSIG; signal++) syscall(SYS_rt_sigaction, signal, defaults, NULL, set_size);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_listen_pid(struct plan *plan) {
    static char entry[32];
    size_t kept = 0;
    if (!plan->sets_listen_pid) return;
    snprintf(entry, sizeof entry, "LISTEN_PID=%d", (int)getpid());
    for (size_t i = 0; i < plan->environment_count; i++)
        if (strncmp(plan->environment[i], "LISTEN_PID=", 11) != 0) plan->environment[kept++] = plan->environment[i];
    plan->environment[kept++] = entry;
    plan->environment[kept] = NULL;
}

static _Noreturn void execute(struct plan *plan) {
    if (plan->program_descriptor >= 0) {
        // No script can be run so: its interpreter would have nothing to open.
        if (fcntl(plan->program_descriptor, F_SETFD, FD_CLOEXEC) == 0)
            syscall(SYS_execveat, plan->program_descriptor, "", plan->arguments, plan->environment, AT_EMPTY_PATH);
    } else {
        environ = plan->environment;  // whose PATH execvp searches
        execvp(plan->arguments[0], plan->arguments);
    }
    fail("exec", plan->arguments[0]);
}

int main(int count, char **arguments) {
    struct plan plan;
    if (count == 2 && strcmp(arguments[1], "guard") == 0) return guard_groups();
    if (count == 4 && strcmp(arguments[1], "measure") == 0) return measure_processes(arguments[2], arguments[3]);
    if (count != 8) {
        fprintf(stderr, "usage: passenger-launch PLANFD REPORTFD PARENT UID GID GROUPS CGROUPFD\n       passenger-launch guard\n"
                        "       passenger-launch measure UID GID\n");
        return FAILED;
    }
    int report = (int)number(arguments[2], "report");
    if (fcntl(report, F_SETFD, FD_CLOEXEC) != 0) return FAILED;
    report_descriptor = report;
    int plan_descriptor = (int)number(arguments[1], "plan");
    pid_t parent = (pid_t)number(arguments[3], "parent");

    memset(&plan, 0, sizeof plan);
    if (read_plan(plan_descriptor, &plan) != 0) fail("plan", "");
    close(plan_descriptor);
    if (getpgrp() != getpid() && setpgid(0, 0) != 0) fail("setpgid", "");
    join_control_group(arguments[7]);
    leave_terminal();
    set_oom_score(plan.oom_score);
    switch_user(arguments[4], arguments[5], arguments[6], plan.forbids_new_privileges);
    umask((mode_t)(plan.umask & 0777));
    set_limits(&plan);
    be_nice(plan.niceness);
    if (chdir(plan.directory) != 0) fail("chdir", plan.directory);
    follow_parent(parent);
    reset_signals();
    set_listen_pid(&plan);
    execute(&plan);
}
