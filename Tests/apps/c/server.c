// A server in C that answers one request a connection with "hello from PORT" or "hello from LISTEN_FDS": it takes the
// listening socket that it inherits, unless its first argument says `port`.

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on_port(void) {
  const char *port = getenv("PORT");
  if (port == NULL) exit(2);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 128) != 0) exit(3);
  return listener;
}

// sd_listen_fds(3)
static int inherited(void) {
  const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
  if (pid == NULL || count == NULL || atoi(pid) != getpid() || strcmp(count, "1") != 0) exit(4);
  return 3;
}

int main(int argc, char **argv) {
  int by_port = argc > 1 && strcmp(argv[1], "port") == 0;
  int listener = by_port ? listen_on_port() : inherited();
  char answer[200];
  const char *text = by_port ? "hello from PORT\n" : "hello from LISTEN_FDS\n";
  snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(text), text);
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    char head[16384];
    size_t size = 0;
    ssize_t count;
    while (size < sizeof head - 1 && (count = read(connection, head + size, sizeof head - 1 - size)) > 0) {
      size += (size_t)count;
      head[size] = '\0';
      if (strstr(head, "\r\n\r\n") != NULL) break;
    }
    if (size > 0 && write(connection, answer, strlen(answer)) < 0) perror("write");
    shutdown(connection, SHUT_WR);
    while (read(connection, head, sizeof head) > 0) continue;
    close(connection);
  }
}
