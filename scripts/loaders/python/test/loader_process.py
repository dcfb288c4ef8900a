"""A loader as a real process, with the descriptors and the environment that passenger gives it."""

import collections
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile

LOADERS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = 60

Response = collections.namedtuple('Response', 'status headers body')


class LoaderProcess:
    # Further descriptors of the process: (source, target).
    given = ()

    def __init__(self, files, loader='wsgi_loader.py', options=('-W', 'error'), **plan):
        self.directory = tempfile.mkdtemp()
        for name, text in files.items():
            with open(os.path.join(self.directory, name), 'w') as file:
                file.write(text)
        self.socket_path = os.path.join(self.directory, 'w.sock')
        self._log_path = os.path.join(self.directory, 'output.log')
        self._connections = []
        self._lines = None
        self._status = None
        plan = {
            'version': 1,
            'listener': 3,
            'handshake': 4,
            'directory': self.directory,
            'startup_file': 'passenger_wsgi.py',
            'app': 'test',
            **plan,
        }
        plan = {name: value for name, value in plan.items() if value is not None}
        command = [sys.executable, *options, os.path.join(LOADERS, loader)]
        self.pid = self._spawn(command, {**os.environ, '_PASSENGER_WORKER': json.dumps(plan)})

    def _spawn(self, command, environment):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.socket_path)
        listener.listen(64)
        self._handshake, writer = os.pipe()
        log = os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        moves = [(log, 1), (log, 2), (writer, 4), *self.given]
        if not self.given:
            moves.append((listener.fileno(), 3))
        # Out of the way of the numbers that they are to get.
        sources = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd, _ in moves]
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, source, target) for source, (_, target) in zip(sources, moves)]
        command = ['sh', '-c', 'cd "$0" && exec "$@"', self.directory, *command]
        pid = os.posix_spawn('/bin/sh', command, environment, file_actions=actions)
        listener.close()
        for descriptor in (writer, log, *sources):
            os.close(descriptor)
        return pid

    def handshake(self):
        """All lines of the handshake, which ends when the worker is ready or has failed."""
        if self._lines is None:
            data = b''
            while True:
                if not select.select([self._handshake], [], [], SECONDS)[0]:
                    raise TimeoutError(f'no end of the handshake after {data!r}')
                piece = os.read(self._handshake, 65536)
                if not piece:
                    break
                data += piece
            self._lines = [json.loads(line) for line in data.splitlines()]
        return self._lines

    def log(self):
        with open(self._log_path) as file:
            return file.read()

    def connect(self):
        self.handshake()
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SECONDS)
        connection.connect(self.socket_path)
        self._connections.append(connection)
        return connection

    def send_request(self, connection, path, method='GET', body=b'', **fields):
        path, _, query = path.partition('?')
        fields = {
            'REQUEST_METHOD': method,
            'PATH_INFO': path,
            'QUERY_STRING': query,
            'SCRIPT_NAME': '',
            'SERVER_NAME': 'localhost',
            'SERVER_PORT': '80',
            'SERVER_PROTOCOL': 'HTTP/1.1',
            **fields,
        }
        if body and 'HTTP_TRANSFER_ENCODING' not in fields:
            fields.setdefault('CONTENT_LENGTH', str(len(body)))
        head = ''.join(f'{key}\0{value}\0' for key, value in fields.items()).encode('latin-1')
        connection.sendall(struct.pack('>I', len(head)) + head + body)

    def read_response(self, connection, head_only=False):
        stream = connection.makefile('rb')
        status = int(stream.readline().split()[1])
        headers = collections.defaultdict(list)
        while line := stream.readline().rstrip(b'\r\n'):
            name, value = line.decode('latin-1').split(': ', 1)
            headers[name.lower()].append(value)
        body = b'' if head_only or status in (204, 304) else self._read_body(stream, headers)
        return Response(status, headers, body)

    def get(self, path, connection=None, **options):
        connection = connection or self.connect()
        self.send_request(connection, path, **options)
        return self.read_response(connection, head_only=options.get('method') == 'HEAD')

    def _read_body(self, stream, headers):
        if headers['content-length']:
            return stream.read(int(headers['content-length'][0]))
        if not headers['transfer-encoding']:
            return stream.read()
        body = b''
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
        return body

    def wait(self):
        """The exit status; a signal is a negative number."""
        if self._status is None:
            descriptor = os.pidfd_open(self.pid)
            try:
                if not select.select([descriptor], [], [], SECONDS)[0]:
                    raise TimeoutError('the worker did not exit')
            finally:
                os.close(descriptor)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def close(self):
        for connection in self._connections:
            connection.close()
        os.close(self._handshake)
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        shutil.rmtree(self.directory)
