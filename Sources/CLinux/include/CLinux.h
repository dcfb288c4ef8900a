// Linux calls that Swift cannot make by itself. All return -1 and set errno as the call they wrap does.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Descriptors of at most this many go with one packet (SCM_MAX_FD in the kernel).
enum { CL_MAX_DESCRIPTORS = 253 };

// Errors.
int cl_errno(void);
const char *_Nullable cl_errno_name(int number);         // "ENOENT"
const char *_Nullable cl_errno_description(int number);  // "No such file or directory"

// Processes.
int cl_pidfd_open(int pid);
int cl_pidfd_send_signal(int pidfd, int signal);
// A child that has ended, not reaped yet: its pid and group number cannot be anybody else's until it is. 0: none.
int cl_ended_child(int *_Nonnull pid);
int cl_exited(int status);
int cl_exit_status(int status);
int cl_term_signal(int status);
int cl_dumped_core(int status);
int cl_become_subreaper(void);
int cl_get_subreaper(void);
int cl_set_parent_death_signal(int signal);
int cl_set_process_name(const char *_Nonnull name);
// M_ARENA_MAX, mallopt(3).
void cl_limit_malloc_arenas(int most);

// posix_spawn(3) of `path`: own process group, empty signal mask, all dispositions default, and exactly these
// descriptors: moves[2i] becomes moves[2i+1], every other number is closed. Sources must lie above all targets.
// Returns an errno value, 0 when the child runs.
int cl_spawn(
    int *_Nonnull pid, const char *_Nonnull path, char *_Nullable const *_Nonnull argv,
    char *_Nullable const *_Nonnull envp, const int *_Nonnull moves, int count);

// execveat(2) of an open file, with this process's own environment.
int cl_execute(int program, char *_Nullable const *_Nonnull argv);

// Signals.
int cl_signal_descriptor(const int *_Nonnull signals, int count);  // blocks them, non-blocking, close-on-exec
int cl_read_signal(int fd, uint32_t *_Nonnull signal, uint32_t *_Nonnull sender);
int cl_ignore_signal(int signal);

// Files and descriptors.
int cl_memfd_create(const char *_Nonnull name, int sealable);
int cl_memfd_seal(int fd);
int cl_openat(int directory, const char *_Nonnull path, int flags, uint32_t mode);
int cl_open_path(const char *_Nonnull path);
int cl_openat_beneath(int directory, const char *_Nonnull path, int flags, uint32_t mode);
int cl_duplicate(int fd, int minimum);  // close-on-exec
int cl_replace(int fd, int target);      // the same
int cl_set_close_on_exec(int fd, int on);
int cl_set_nonblocking(int fd, int on);
int cl_close_on_exec_from(int first);
int cl_set_pipe_size(int fd, int size);
int cl_pipe(int *_Nonnull two, int nonblocking_reader);
int cl_syncfs(int fd);
// Makes an empty file share all extents of another (ioctl_ficlone(2)).
int cl_clone_file(int fd, int source);
// From the start of the file, as far as it is in the page cache: RWF_NOWAIT, preadv2(2).
ssize_t cl_read_cached(int fd, void *_Nonnull bytes, size_t count);
// On a local file system that moves a file's ctime with each change: ext2 to ext4, XFS, Btrfs.
int cl_has_exact_ctime(int fd);
// Whether an extended attribute (xattr(7)) is there and has this value.
int cl_attribute_is(int fd, const char *_Nonnull name, const char *_Nonnull value);
int cl_attribute_exists(int fd, const char *_Nonnull name);
int cl_set_attribute(int fd, const char *_Nonnull name, const void *_Nonnull value, size_t size);

// Sockets.
ssize_t cl_send_packet(
    int fd, const void *_Nullable bytes, size_t count, const int *_Nullable descriptors, int descriptor_count);
// -1 with EMSGSIZE when the packet did not fit; nothing is kept then. When its descriptors did not fit, or this process may not
// have so many, those that came are closed, `descriptor_count` is 0 and `lacking` 1.
ssize_t cl_receive_packet(
    int fd, void *_Nonnull bytes, size_t capacity, int *_Nonnull descriptors, int *_Nonnull descriptor_count,
    int *_Nonnull lacking);
// Have the kernel note the sender of each packet that is received (SO_PASSCRED).
int cl_set_pass_credentials(int fd);
// One packet that is there already (MSG_DONTWAIT), and who sent it; descriptors that come with it are dropped. Cut to `capacity`.
ssize_t cl_receive_with_sender(
    int fd, void *_Nonnull bytes, size_t capacity, int *_Nonnull pid, uint32_t *_Nonnull uid, uint32_t *_Nonnull gid);
// Whose rights and ownership file operations have (setfsuid(2)): -1 with EPERM when it did not take.
int cl_set_file_user(uint32_t uid, uint32_t gid);
int cl_peer_credentials(int fd, int *_Nonnull pid, uint32_t *_Nonnull uid, uint32_t *_Nonnull gid);

// Epoll. Events and operations are those of epoll_ctl(2).
struct cl_event {
    uint64_t token;
    uint32_t events;
};
enum {
    CL_EPOLL_IN = 0x001, CL_EPOLL_OUT = 0x004, CL_EPOLL_ERR = 0x008, CL_EPOLL_HUP = 0x010, CL_EPOLL_RDHUP = 0x2000,
};
// EPOLLET: beyond the range of a C enum.
#define CL_EPOLL_EDGE 0x80000000u
int cl_epoll_create(void);
int cl_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int cl_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token);
int cl_epoll_remove(int epoll, int fd);
int cl_epoll_wait(int epoll, struct cl_event *_Nonnull events, int capacity, int timeout_milliseconds);

// Stream sockets of an event loop: non-blocking, close-on-exec, never SIGPIPE. A negative result is -errno.
int64_t cl_stream_receive(int fd, void *_Nonnull bytes, size_t capacity);
// `more`: further bytes follow at once, so a TCP segment that is not full waits for them (MSG_MORE).
int64_t cl_stream_send(int fd, const void *_Nonnull bytes, size_t count, int more);
int64_t cl_stream_send_two(
    int fd, const void *_Nonnull first, size_t first_count, const void *_Nonnull second, size_t second_count);
// From `offset` of a file; does not move the file's own position.
int64_t cl_stream_send_file(int fd, int file, int64_t offset, size_t count);
int cl_stream_accept(int listener);
int cl_stream_connect_unix(const char *_Nonnull path);
// 0 when it is connected; -EINPROGRESS is told by `pending`.
int cl_stream_connect_loopback(int port, int *_Nonnull pending);
int cl_stream_pending_error(int fd);
// Bytes of what was sent on a Unix socket that its peer has not read, with the kernel's own overhead (SIOCOUTQ, unix(7)).
int cl_stream_unread_by_peer(int fd);
int cl_stream_shut_down_output(int fd);
void cl_stream_set_no_delay(int fd);
// close(2) will reset a TCP connection instead of ending it.
void cl_stream_set_reset_on_close(int fd);
// Text of an IP address into 46 bytes; -1 for another family. `port` in host order.
int cl_stream_address(int fd, int of_peer, char *_Nonnull text, int *_Nonnull port);
int cl_event_descriptor(void);
void cl_event_signal(int fd);
void cl_event_clear(int fd);

// Whether something keeps the clock (adjtimex(2)).
int cl_clock_is_synchronized(void);

// Inotify.
int cl_inotify_create(void);
int cl_inotify_add(int fd, const char *_Nonnull path, uint32_t mask);
int cl_inotify_remove(int fd, int watch);

#endif
