"""Opens connections, makes one request on each, and keeps them open: for the memory that an idle connection costs.

    idle_client.py PORT COUNT

A process of its own, so that its descriptors are not those of the measuring one. Prints how many have been answered; then,
for each line on standard input, how many are still open. Ends with its input.
"""

import resource
import select
import socket
import sys

# So many requests are under way at a time: a server need not hold one backend connection for each client.
TOGETHER = 32
REQUEST = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
ANSWER = b"hello world\n"


def raise_limit(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 100
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))


def open_some(port, count):
    """Those that got an answer to their first request."""
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        connection.sendall(REQUEST)
        connections.append(connection)
    answered = []
    for connection in connections:
        received = b""
        while not received.endswith(ANSWER) and (part := connection.recv(65536)):
            received += part
        if received.endswith(ANSWER):
            answered.append(connection)
    return answered


def still_open(connections):
    """An idle connection that can be read from has been closed."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN)
    return len(connections) - len(poll.poll(0))


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    raise_limit(count)
    connections = []
    while len(connections) < count:
        some = open_some(port, min(TOGETHER, count - len(connections)))
        if not some:
            break
        connections += some
    print(len(connections), flush=True)
    for _ in sys.stdin:
        print(still_open(connections), flush=True)


if __name__ == "__main__":
    main()
