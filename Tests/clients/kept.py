"""A client of HTTP/1.1 inside TLS that keeps its connection until it is told otherwise.

usage: kept.py PORT PATH SIZE GOAL
       asks until GOAL answers of SIZE bytes have come over a second connection; {answers, connections, failures}
"""

import json
import socket
import ssl
import sys
import time

LIMIT = 60


def connect(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(('127.0.0.1', port), LIMIT))


def answer(stream):
    """Its length, and whether the connection ends with it."""
    status, fields = stream.readline(), {}
    while (line := stream.readline().strip()):
        name, _, value = line.partition(b':')
        fields[name.lower()] = value.strip()
    if not status.startswith(b'HTTP/1.1 200 '):
        raise ConnectionError(f'the answer begins with {status!r}')
    return len(stream.read(int(fields[b'content-length']))), fields.get(b'connection') == b'close'


def main(port, path, size, goal):
    began, answers, after, connections, failures = time.monotonic(), 0, 0, 0, []
    stream = None
    while after < goal and time.monotonic() - began < LIMIT:
        if stream is None:
            secure, connections = connect(port), connections + 1
            stream = secure.makefile('rwb')
        try:
            stream.write(f'GET {path} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
            stream.flush()
            length, ends = answer(stream)
            if length != size:
                raise ConnectionError(f'{length} bytes')
            answers, after = answers + 1, after + (connections > 1)
        except (OSError, ValueError, KeyError) as error:
            failures.append(str(error))
            ends = True
        if ends:
            stream.close()
            secure.close()
            stream = None
        time.sleep(0.01)
    print(json.dumps({'answers': answers, 'connections': connections, 'failures': failures}))


if __name__ == '__main__':
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
