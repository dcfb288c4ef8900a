"""The sample app as a server of its own, in one file; ../README.md has the routes.

Listens on the first descriptor of LISTEN_FDS, else on the Unix socket PASSENGER_SOCKET, else on 127.0.0.1:PORT.
"""

import hashlib
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

HERE = os.path.dirname(os.path.abspath(__file__))
# Read once, at boot: a running worker tells which release it was booted from.
with open(os.path.join(HERE, 'version.txt')) as file:
    VERSION = file.read().strip()
LINE = b'0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+\n'


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = 64 * 1024  # Head and a small body leave together; flushed after each request.

    def address_string(self):
        return 'unix'  # The base class would take the peer's address apart, and a Unix socket's is empty.

    def log_message(self, *arguments):
        pass

    def handle_any(self):
        url = urlsplit(self.path)
        self.route = url.path
        self.query_string = url.query
        self.query = dict(parse_qsl(url.query))
        name = 'hello' if url.path == '/' else url.path.removeprefix('/')
        handler = getattr(self, f'get_{name}', None)
        if url.path != '/echo':
            for _ in self.body():
                pass
        if handler is None:
            self.text(f'no such route: {url.path}\n', 404)
        else:
            handler()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = handle_any

    def body(self):
        if self.headers.get('Transfer-Encoding', '').lower() == 'chunked':
            while size := int(self.rfile.readline().partition(b';')[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get('Content-Length', 0))
        while left and (piece := self.rfile.read(min(left, 65536))):
            left -= len(piece)
            yield piece

    def head(self, status, content_type, length=None):
        self.send_response(status)
        self.send_header('Content-Type', content_type)
        if length is not None:
            self.send_header('Content-Length', str(length))
        elif status >= 200 and status not in (204, 304):
            self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()

    def text(self, body, status=200, content_type='text/plain'):
        body = body.encode()
        bodyless = status < 200 or status in (204, 304)
        self.head(status, content_type, None if bodyless else len(body))
        if self.command != 'HEAD' and not bodyless:
            self.wfile.write(body)

    def json(self, value):
        self.text(json.dumps(value) + '\n', content_type='application/json')

    def send_chunks(self, chunks):
        self.head(200, 'text/plain')
        if self.command == 'HEAD':
            return
        for chunk in chunks:
            self.wfile.write(b'%x\r\n%b\r\n' % (len(chunk), chunk))
            self.wfile.flush()
        self.wfile.write(b'0\r\n\r\n')

    def get_hello(self):
        self.text(f'hello from {VERSION}\n')

    def get_version(self):
        self.text(f'{VERSION}\n')

    def get_pid(self):
        self.text(f'{os.getpid()}\n')

    def get_echo(self):
        digest = hashlib.sha256()
        length = 0
        for piece in self.body():
            digest.update(piece)
            length += len(piece)
        self.text(f'{digest.hexdigest()} {length}\n')

    def get_big(self):
        left = int(self.query.get('bytes', '0'))
        self.head(200, 'text/plain', left)
        block = LINE * 1024
        while left > 0 and self.command != 'HEAD':
            self.wfile.write(block[:left])
            left -= len(block)

    def get_chunked(self):
        self.send_chunks(b'chunk %d\n' % n for n in range(int(self.query.get('chunks', '10'))))

    def get_slow(self):
        seconds = self.query.get('seconds', '1')
        time.sleep(float(seconds))
        self.text(f'slept {seconds}\n')

    def get_stream(self):
        def ticks():
            n = 0
            while True:
                yield b'tick %d\n' % n
                n += 1
                time.sleep(0.1)

        self.send_chunks(ticks())

    def get_headers(self):
        seen = {name.lower(): value for name, value in self.headers.items()}
        self.json({'method': self.command, 'path': self.route, 'query': self.query_string, 'headers': seen})

    def get_status(self):
        code = int(self.query.get('code', '200'))
        self.text(f'status {code}\n', code)

    def get_env(self):
        self.json(sorted(os.environ))

    def get_up(self):
        self.text('unhealthy\n', 500) if os.path.exists(os.path.join(HERE, 'unhealthy')) else self.text('up\n')

    def get_fds(self):
        targets = {}
        for name in os.listdir('/proc/self/fd'):
            try:
                targets[name] = os.readlink(f'/proc/self/fd/{name}')
            except FileNotFoundError:
                pass  # The descriptor of the listing itself.
        self.json(targets)

    def get_uid(self):
        self.json({'uid': os.getuid(), 'gid': os.getgid(), 'groups': sorted(os.getgroups())})

    def get_raise(self):
        print('the app was asked to raise', file=sys.stderr)
        self.text('Internal Server Error\n', 500)

    def get_exit(self):
        os._exit(3)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    # Ended by SIGTERM only after the requests that run have been answered.
    daemon_threads = False
    block_on_close = True

    def __init__(self, listener):
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.connections = set()

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (BrokenPipeError, ConnectionResetError)):
            super().handle_error(request, client_address)

    def stop(self):
        """Ends reading on every connection: an idle one closes, a busy one still sends its response."""
        self.shutdown()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RD)
            except OSError:
                pass  # Closed meanwhile.


def make_listener():
    if os.environ.get('LISTEN_FDS'):
        return socket.socket(fileno=3)
    path = os.environ.get('PASSENGER_SOCKET')
    if path:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
    else:
        listener = socket.create_server(('127.0.0.1', int(os.environ.get('PORT', '3000'))))
    listener.listen(128)
    return listener


def main():
    server = Server(make_listener())
    # shutdown() waits for serve_forever, which runs in this thread: so another one calls it.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.stop).start())
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == '__main__':
    main()
