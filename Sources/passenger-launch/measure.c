// passenger-launch measure: how much memory and CPU time process trees take. See README.md.
#define _GNU_SOURCE
#include "measure.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// The question is pids, 32-bit integers of the machine; a negative one is that of a process that cannot be looked at closely
// in finite time. Each answer is about the tree of one of them, in their order.
enum { MOST_ROOTS = 1024 };

struct answer {
    int64_t root, processes, is_exact, private_bytes, shared_bytes, proportional_bytes, swap_bytes, cpu_microseconds;
};

struct process {
    int32_t pid, parent, group;
    int32_t root;  // index of the tree it belongs to, or -1
    int64_t ticks;  // of CPU time, with that of its children that it has waited for
};

static struct process *processes;
static size_t count, capacity;
static int64_t ticks_per_second = 100;

// Reads a small file of /proc whole, with a zero behind it. Returns its size, -1 when it cannot be read.
static ssize_t read_text(int32_t pid, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    size_t have = 0;
    ssize_t got;
    while (have < size - 1 && ((got = read(fd, text + have, size - 1 - have)) > 0 || (got < 0 && errno == EINTR)))
        if (got > 0) have += (size_t)got;
    close(fd);
    text[have] = 0;
    return have == 0 ? -1 : (ssize_t)have;
}

// proc(5), stat: the name in parentheses may hold anything, so the last parenthesis counts.
static int read_process(int32_t pid, struct process *process) {
    char text[1024], state;
    int parent, group;
    if (read_text(pid, "stat", text, sizeof text) < 0) return -1;
    const char *end = strrchr(text, ')');
    unsigned long user, system;
    long waited_user, waited_system;
    if (end == NULL
        || sscanf(
               end + 1, " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &state, &parent, &group, &user,
               &system, &waited_user, &waited_system)
               != 7)
        return -1;
    *process = (struct process){pid, parent, group, -1, (int64_t)(user + system) + waited_user + waited_system};
    return 0;
}

static int by_pid(const void *a, const void *b) {
    int32_t left = ((const struct process *)a)->pid, right = ((const struct process *)b)->pid;
    return (left > right) - (left < right);
}

static int list_processes(void) {
    DIR *directory = opendir("/proc");
    if (directory == NULL) return -1;
    count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        if (count == capacity) {
            size_t wanted = capacity == 0 ? 1024 : 2 * capacity;
            struct process *larger = realloc(processes, wanted * sizeof *processes);
            if (larger == NULL) break;
            processes = larger;
            capacity = wanted;
        }
        if (read_process((int32_t)atoi(entry->d_name), &processes[count]) == 0) count++;
    }
    closedir(directory);
    qsort(processes, count, sizeof *processes, by_pid);
    return 0;
}

static struct process *find(int32_t pid) {
    struct process key = {.pid = pid};
    return count == 0 ? NULL : bsearch(&key, processes, count, sizeof *processes, by_pid);
}

static int root_with(const int32_t *roots, size_t root_count, int32_t pid) {
    for (size_t i = 0; i < root_count; i++)
        if (roots[i] == pid || roots[i] == -pid) return (int)i;
    return -1;
}

// A tree is what descends from its root, and the root's process group: who lost his parent is still in that. The nearest
// root counts, so a tree inside another is not counted twice.
static void find_trees(const int32_t *roots, size_t root_count) {
    for (size_t i = 0; i < count; i++) {
        struct process *at = &processes[i];
        // Pids are not a tree when one was used again while they were listed: no chain is followed for ever.
        for (int steps = 0; at != NULL && steps < 256 && processes[i].root < 0; steps++) {
            processes[i].root = root_with(roots, root_count, at->pid);
            if (processes[i].root < 0) processes[i].root = root_with(roots, root_count, at->group);
            at = at->parent > 1 ? find(at->parent) : NULL;
        }
    }
}

// The value in kB of a line "Name:   123 kB", in bytes.
static int64_t field(const char *text, const char *name) {
    size_t size = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, name, size) == 0 && line[size] == ':') return 1024 * strtoll(line + size + 1, NULL, 10);
    }
    return 0;
}

// A thread of the process can hold its memory map for as long as it likes, and smaps_rollup waits for that; status does not.
static void add_process(const struct process *process, struct answer *answer) {
    char text[8192];
    int32_t pid = process->pid;
    if (answer->root > 0 && read_text(pid, "smaps_rollup", text, sizeof text) >= 0) {
        answer->private_bytes += field(text, "Private_Clean") + field(text, "Private_Dirty");
        answer->shared_bytes += field(text, "Shared_Clean") + field(text, "Shared_Dirty");
        answer->proportional_bytes += field(text, "Pss");
        answer->swap_bytes += field(text, "Swap");
    } else if (read_text(pid, "status", text, sizeof text) >= 0) {
        // All may read this. It does not tell pages that are shared with a parent from private ones.
        int64_t own = field(text, "RssAnon"), mapped = field(text, "RssFile") + field(text, "RssShmem");
        answer->private_bytes += own;
        answer->shared_bytes += mapped;
        answer->proportional_bytes += own + mapped;
        answer->swap_bytes += field(text, "VmSwap");
        // A process without memory has ended, and says so here too.
        if (own + mapped > 0) answer->is_exact = 0;
    } else {
        return;
    }
    answer->cpu_microseconds += process->ticks * 1000000 / ticks_per_second;
    answer->processes++;
}

// Whoever asks learns about the supervisor's own descendants, and about nobody else.
static int is_below(int32_t pid, int32_t ancestor) {
    const struct process *at = find(pid);
    for (int steps = 0; at != NULL && steps < 256; steps++) {
        if (at->parent == ancestor) return 1;
        at = find(at->parent);
    }
    return 0;
}

static int answer_all(const int32_t *roots, size_t root_count, int32_t supervisor) {
    if (list_processes() != 0) return -1;
    find_trees(roots, root_count);
    for (size_t i = 0; i < root_count; i++) {
        struct answer answer = {.root = roots[i], .is_exact = 1};
        int is_ours = is_below(roots[i] < 0 ? (int32_t)-(uint32_t)roots[i] : roots[i], supervisor);
        for (size_t p = 0; p < count; p++)
            if (is_ours && processes[p].root == (int32_t)i) add_process(&processes[p], &answer);
        // One at a time, so that whoever waits knows about which process nothing comes.
        ssize_t sent;
        do sent = send(STDIN_FILENO, &answer, sizeof answer, MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        if (sent < 0) return -1;
    }
    return 0;
}

// Of root's rights, only that of ptrace(2) stays, of which reading smaps_rollup is a part. Where it is not to be had, the
// figures are not exact.
static int give_up_rights(uid_t uid, gid_t gid) {
    if (geteuid() != 0) return 0;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0) return -1;
    if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) return -1;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct look[2] = {{0}}, none[2] = {{0}};
    look[0].effective = look[0].permitted = 1u << CAP_SYS_PTRACE;
    if (syscall(SYS_capset, &header, look) != 0 && syscall(SYS_capset, &header, none) != 0) return -1;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int parse_id(const char *text, uint32_t *id) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != 0 || errno != 0 || value >= UINT32_MAX) return -1;
    *id = (uint32_t)value;
    return 0;
}

int measure_processes(const char *uid_text, const char *gid_text) {
    static int32_t roots[MOST_ROOTS];
    uint32_t uid, gid;
    pid_t parent = getppid();
    long ticks = sysconf(_SC_CLK_TCK);
    if (ticks > 0) ticks_per_second = ticks;
    if (parse_id(uid_text, &uid) != 0 || parse_id(gid_text, &gid) != 0) return 2;
    if (give_up_rights(uid, gid) != 0) return 1;
    // After the change of user, which clears it.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent) return 1;
    for (;;) {
        ssize_t got = recv(STDIN_FILENO, roots, sizeof roots, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got < 0;
        if (answer_all(roots, (size_t)got / sizeof *roots, parent) != 0) return 1;
    }
}
