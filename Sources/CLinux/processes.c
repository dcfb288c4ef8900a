#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

int cl_errno(void) { return errno; }
const char *cl_errno_name(int number) { return strerrorname_np(number); }
const char *cl_errno_description(int number) { return strerrordesc_np(number); }

int cl_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
int cl_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int cl_ended_child(int *pid) {
    siginfo_t info;
    info.si_pid = 0;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return -1;
    *pid = info.si_pid;
    return 0;
}
int cl_exited(int status) { return WIFEXITED(status); }
int cl_exit_status(int status) { return WEXITSTATUS(status); }
int cl_term_signal(int status) { return WTERMSIG(status); }
int cl_dumped_core(int status) { return WCOREDUMP(status) != 0; }

int cl_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
int cl_get_subreaper(void) {
    int value = 0;
    return prctl(PR_GET_CHILD_SUBREAPER, &value, 0, 0, 0) == 0 ? value : -1;
}
int cl_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }
int cl_set_process_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }
void cl_limit_malloc_arenas(int most) { mallopt(M_ARENA_MAX, most); }

static int add_descriptors(posix_spawn_file_actions_t *actions, const int *moves, int count) {
    int highest = -1, error = 0;
    for (int i = 0; i < count && error == 0; i++) {
        int target = moves[2 * i + 1];
        error = posix_spawn_file_actions_adddup2(actions, moves[2 * i], target);
        if (target > highest) highest = target;
    }
    for (int fd = 0; fd < highest && error == 0; fd++) {
        int wanted = 0;
        for (int i = 0; i < count; i++) wanted |= moves[2 * i + 1] == fd;
        // glibc lets the closing of a descriptor that is not open pass.
        if (!wanted) error = posix_spawn_file_actions_addclose(actions, fd);
    }
    if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(actions, highest + 1);
    return error;
}

int cl_spawn(int *pid, const char *path, char *const *argv, char *const *envp, const int *moves, int count) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) return error;
    if ((error = posix_spawnattr_init(&attributes)) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    sigemptyset(&none);
    sigfillset(&all);
    error = add_descriptors(&actions, moves, count);
    if (error == 0) error = posix_spawnattr_setsigmask(&attributes, &none);
    if (error == 0) error = posix_spawnattr_setsigdefault(&attributes, &all);
    if (error == 0) error = posix_spawnattr_setpgroup(&attributes, 0);
    if (error == 0)
        error = posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (error == 0) error = posix_spawn(pid, path, &actions, &attributes, argv, envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int cl_execute(int program, char *const *argv) {
    return (int)syscall(SYS_execveat, program, "", argv, environ, AT_EMPTY_PATH);
}

int cl_signal_descriptor(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0) {
        errno = error;
        return -1;
    }
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int cl_read_signal(int fd, uint32_t *signal, uint32_t *sender) {
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != sizeof info) return -1;
    *signal = info.ssi_signo;
    *sender = info.ssi_pid;
    return 0;
}

int cl_ignore_signal(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -1 : 0; }

int cl_clock_is_synchronized(void) {
    struct timex state;
    memset(&state, 0, sizeof state);
    int said = adjtimex(&state);
    // A container may not ask; then nothing is known against it.
    return said < 0 || (said != TIME_ERROR && !(state.status & STA_UNSYNC));
}
