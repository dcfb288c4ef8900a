#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static int64_t result(ssize_t count) { return count < 0 ? -(int64_t)errno : (int64_t)count; }

int64_t cl_stream_receive(int fd, void *bytes, size_t capacity) {
    ssize_t count;
    do count = recv(fd, bytes, capacity, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    return result(count);
}

int64_t cl_stream_send(int fd, const void *bytes, size_t count, int more) {
    ssize_t sent;
    do sent = send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
    while (sent < 0 && errno == EINTR);
    return result(sent);
}

int64_t cl_stream_send_two(int fd, const void *first, size_t first_count, const void *second, size_t second_count) {
    struct iovec parts[2] = {
        {.iov_base = (void *)first, .iov_len = first_count},
        {.iov_base = (void *)second, .iov_len = second_count},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent;
    do sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return result(sent);
}

int64_t cl_stream_send_file(int fd, int file, int64_t offset, size_t count) {
    off_t position = offset;
    ssize_t sent;
    do sent = sendfile(fd, file, &position, count);
    while (sent < 0 && errno == EINTR);
    return result(sent);
}

int cl_stream_accept(int listener) {
    int fd;
    do fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

int cl_stream_connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int failed;
    do failed = connect(fd, (struct sockaddr *)&address, sizeof address);
    while (failed && errno == EINTR);
    if (!failed) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int cl_stream_connect_loopback(int port, int *pending) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    cl_stream_set_no_delay(fd);
    *pending = 0;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    // After EINTR, too, the connection goes on being made (connect(2)).
    if (errno == EINPROGRESS || errno == EINTR) {
        *pending = 1;
        return fd;
    }
    int error = errno;
    close(fd);
    return -error;
}

int cl_stream_pending_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

int cl_stream_unread_by_peer(int fd) {
    int count = 0;
    return ioctl(fd, SIOCOUTQ, &count) < 0 ? -errno : count;
}

int cl_stream_shut_down_output(int fd) { return shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }

void cl_stream_set_no_delay(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void cl_stream_set_reset_on_close(int fd) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

int cl_stream_address(int fd, int of_peer, char *text, int *port) {
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
        struct sockaddr_storage room;
    } address;
    socklen_t size = sizeof address;
    int failed = of_peer ? getpeername(fd, &address.any, &size) : getsockname(fd, &address.any, &size);
    if (failed) return -1;
    if (address.any.sa_family == AF_INET) {
        *port = ntohs(address.four.sin_port);
        return inet_ntop(AF_INET, &address.four.sin_addr, text, 46) ? 0 : -1;
    }
    if (address.any.sa_family != AF_INET6) return -1;
    *port = ntohs(address.six.sin6_port);
    // An IPv4 client of a listener for both families is shown as what it is.
    if (IN6_IS_ADDR_V4MAPPED(&address.six.sin6_addr))
        return inet_ntop(AF_INET, &address.six.sin6_addr.s6_addr[12], text, 46) ? 0 : -1;
    return inet_ntop(AF_INET6, &address.six.sin6_addr, text, 46) ? 0 : -1;
}

int cl_event_descriptor(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

void cl_event_signal(int fd) {
    uint64_t one = 1;
    // Full means that it is signalled already.
    ssize_t ignored = write(fd, &one, sizeof one);
    (void)ignored;
}

void cl_event_clear(int fd) {
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored;
}
