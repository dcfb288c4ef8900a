"""An app that breaks HTTP in each way that a gateway has to hold; ../README.md has the routes."""

import os
import re
import socket
import threading

ANSWERS = {
    '/': b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfine\n',
    '/garbage': b'\x00\x01 this is no answer\r\n\r\n',
    '/more': b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfine\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen',
    '/fewer': b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfine\n',
    '/none': b'',
    '/both': b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfine\n\r\n0\r\n\r\n',
    '/badchunks': b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfine\n\r\nzz\r\n',
    '/hugehead': b'HTTP/1.1 200 OK\r\nX-Large: ' + b'x' * (1 << 20) + b'\r\nContent-Length: 0\r\n\r\n',
}
# After these the app keeps the connection, as if all were well.
KEPT = {'/', '/more', '/both'}

# Of requests whose connection ended before their answer did.
cancelled = 0
lock = threading.Lock()


def count_cancelled():
    global cancelled
    with lock:
        cancelled += 1


def take_request(connection, buffer):
    """The path of the next request, None at the end."""
    while b'\r\n\r\n' not in buffer:
        data = connection.recv(65536)
        if not data:
            return None
        buffer += data
    end = buffer.index(b'\r\n\r\n')
    head = bytes(buffer[:end]).decode('latin-1')
    del buffer[:end + 4]
    length = re.search(r'(?im)^content-length: *(\d+)', head)
    left = int(length[1]) if length else 0
    while left > 0:
        if not buffer:
            buffer += connection.recv(65536) or b'\0' * left
        taken = min(left, len(buffer))
        del buffer[:taken]
        left -= taken
    return head.split(' ')[1].partition('?')[0]


def endless(connection):
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n')
    chunk = b'4000\r\n' + b'0123456789abcde\n' * 1024 + b'\r\n'
    try:
        while True:
            connection.sendall(chunk)
    except OSError:
        count_cancelled()


def silent(connection):
    try:
        connection.recv(1)
    except OSError:
        pass
    count_cancelled()


def serve(connection):
    buffer = bytearray()
    with connection:
        while (path := take_request(connection, buffer)) is not None:
            if path == '/endless':
                return endless(connection)
            if path == '/silent':
                return silent(connection)
            if path == '/cancelled':
                body = f'{cancelled}\n'.encode()
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(body), body))
                continue
            connection.sendall(ANSWERS.get(path, b'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'))
            if path not in KEPT and path in ANSWERS:
                return None


def guarded(connection):
    try:
        serve(connection)
    except OSError:
        pass


def listener():
    if os.environ.get('LISTEN_FDS'):
        return socket.socket(fileno=3)
    if path := os.environ.get('PASSENGER_SOCKET'):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(path)
    else:
        server = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))
    server.listen(1024)
    return server


server = listener()
while True:
    threading.Thread(target=guarded, args=(server.accept()[0],), daemon=True).start()
