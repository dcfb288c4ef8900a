#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

int cl_memfd_create(const char *name, int sealable) {
    return memfd_create(name, MFD_CLOEXEC | (sealable ? MFD_ALLOW_SEALING : 0));
}
int cl_memfd_seal(int fd) {
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

int cl_openat(int directory, const char *path, int flags, uint32_t mode) {
    return openat(directory, path, flags | O_CLOEXEC, mode);
}
int cl_open_path(const char *path) { return open(path, O_PATH | O_CLOEXEC); }
int cl_openat_beneath(int directory, const char *path, int flags, uint32_t mode) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC);
    how.mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0;  // openat2 refuses a mode that has no use
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int cl_clone_file(int fd, int source) { return ioctl(fd, FICLONE, source); }
ssize_t cl_read_cached(int fd, void *bytes, size_t count) {
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    return preadv2(fd, &part, 1, 0, RWF_NOWAIT);
}
int cl_has_exact_ctime(int fd) {
    struct statfs system;
    if (fstatfs(fd, &system) != 0) return 0;
    return system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC || system.f_type == BTRFS_SUPER_MAGIC;
}

int cl_duplicate(int fd, int minimum) { return fcntl(fd, F_DUPFD_CLOEXEC, minimum); }

int cl_replace(int fd, int target) { return dup3(fd, target, O_CLOEXEC); }
int cl_set_close_on_exec(int fd, int on) { return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0); }
int cl_set_nonblocking(int fd, int on) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -1;
    return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}
int cl_close_on_exec_from(int first) {
    return (int)syscall(SYS_close_range, (unsigned)first, UINT_MAX, CLOSE_RANGE_CLOEXEC);
}
int cl_set_pipe_size(int fd, int size) { return fcntl(fd, F_SETPIPE_SZ, size); }
int cl_syncfs(int fd) { return syncfs(fd); }
int cl_pipe(int *two, int nonblocking_reader) {
    if (pipe2(two, O_CLOEXEC) != 0) return -1;
    // The two ends are two open files: the writer stays blocking.
    return nonblocking_reader ? cl_set_nonblocking(two[0], 1) : 0;
}

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(CL_MAX_DESCRIPTORS * sizeof(int))];
};

ssize_t cl_send_packet(int fd, const void *bytes, size_t count, const int *descriptors, int descriptor_count) {
    if (descriptor_count < 0 || descriptor_count > CL_MAX_DESCRIPTORS) {
        errno = E2BIG;
        return -1;
    }
    union control control;
    struct iovec piece = {(void *)bytes, count};
    struct msghdr message = {0};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (descriptor_count > 0) {
        size_t size = sizeof(int) * (size_t)descriptor_count;
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), descriptors, size);
    }
    ssize_t sent;
    do sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

ssize_t cl_receive_packet(
    int fd, void *bytes, size_t capacity, int *descriptors, int *descriptor_count, int *lacking) {
    union control control;
    struct iovec piece = {bytes, capacity};
    struct msghdr message = {0};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    *descriptor_count = 0;
    *lacking = 0;
    ssize_t received;
    do received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -1;
    int count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t size = header->cmsg_len - CMSG_LEN(0);
        memcpy(descriptors + count, CMSG_DATA(header), size);
        count += (int)(size / sizeof(int));
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (int i = 0; i < count; i++) close(descriptors[i]);
        count = 0;
    }
    if (message.msg_flags & MSG_TRUNC) {
        errno = EMSGSIZE;
        return -1;
    }
    *lacking = (message.msg_flags & MSG_CTRUNC) != 0;
    *descriptor_count = count;
    return received;
}

int cl_set_pass_credentials(int fd) {
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}
ssize_t cl_receive_with_sender(int fd, void *bytes, size_t capacity, int *pid, uint32_t *uid, uint32_t *gid) {
    // No room for descriptors: the kernel drops what does not fit.
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec piece = {bytes, capacity};
    struct msghdr message = {0};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    ssize_t received;
    do received = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -1;
    *pid = 0;
    *uid = *gid = UINT32_MAX;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS) {
        struct ucred sender;
        memcpy(&sender, CMSG_DATA(header), sizeof sender);
        *pid = sender.pid;
        *uid = sender.uid;
        *gid = sender.gid;
    }
    return received;
}

int cl_set_file_user(uint32_t uid, uint32_t gid) {
    setfsgid(gid);
    setfsuid(uid);
    // They report no failure: an impossible id changes nothing and returns what is set.
    if ((uint32_t)setfsuid((uid_t)-1) == uid && (uint32_t)setfsgid((gid_t)-1) == gid) return 0;
    errno = EPERM;
    return -1;
}
int cl_peer_credentials(int fd, int *pid, uint32_t *uid, uint32_t *gid) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return -1;
    *pid = credentials.pid;
    *uid = credentials.uid;
    *gid = credentials.gid;
    return 0;
}

int cl_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
static int control_epoll(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = token;
    return epoll_ctl(epoll, operation, fd, &event);
}
int cl_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    return control_epoll(epoll, EPOLL_CTL_ADD, fd, events, token);
}
int cl_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token) {
    return control_epoll(epoll, EPOLL_CTL_MOD, fd, events, token);
}
int cl_epoll_remove(int epoll, int fd) { return control_epoll(epoll, EPOLL_CTL_DEL, fd, 0, 0); }
int cl_epoll_wait(int epoll, struct cl_event *events, int capacity, int timeout_milliseconds) {
    struct epoll_event raw[64];
    int count = epoll_wait(epoll, raw, capacity < 64 ? capacity : 64, timeout_milliseconds);
    for (int i = 0; i < count; i++) {
        events[i].token = raw[i].data.u64;
        events[i].events = raw[i].events;
    }
    return count;
}

int cl_inotify_create(void) { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); }
int cl_inotify_add(int fd, const char *path, uint32_t mask) { return inotify_add_watch(fd, path, mask); }
int cl_inotify_remove(int fd, int watch) { return inotify_rm_watch(fd, watch); }

int cl_attribute_is(int fd, const char *name, const char *value) {
    char bytes[64];
    ssize_t size = fgetxattr(fd, name, bytes, sizeof bytes);
    return size >= 0 && (size_t)size == strlen(value) && memcmp(bytes, value, (size_t)size) == 0;
}
int cl_attribute_exists(int fd, const char *name) { return fgetxattr(fd, name, NULL, 0) >= 0; }
int cl_set_attribute(int fd, const char *name, const void *value, size_t size) {
    return fsetxattr(fd, name, value, size, 0);
}
