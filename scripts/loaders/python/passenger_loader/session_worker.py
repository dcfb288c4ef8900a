"""Serves the session protocol: polls the listener and every idle connection, answers one request at a time.

A worker that stayed with one kept-alive connection would never answer a second event loop, a health probe or a second
core, all of which keep connections of their own.
"""

import io
import os
import select
import socket
import sys
import traceback
from urllib.parse import unquote_to_bytes

from .request_body import BodyCutShort, RequestBody
from .response import ConnectionLost, Response

MAX_HEAD = 256 * 1024
READ_SIZE = 16 * 1024
# A body that the app did not read is taken off the connection up to this size; a bigger one costs the connection.
UNREAD_LIMIT = 128 * 1024

TEMPLATE = {
    'SCRIPT_NAME': '',
    'PATH_INFO': '',
    'QUERY_STRING': '',
    'SERVER_SOFTWARE': 'passenger',
    'wsgi.version': (1, 0),
    'wsgi.url_scheme': 'http',
    'wsgi.multithread': False,
    'wsgi.multiprocess': True,
    'wsgi.run_once': False,
    # The input ends by itself, so frameworks may read bodies without a Content-Length.
    'wsgi.input_terminated': True,
}
ERROR_BODY = b'The application raised an error; its log has the details.\n'
ERROR_HEADERS = [('Content-Type', 'text/plain')]


class SessionWorker:
    def __init__(self, application, listener):
        self._application = application
        self._listener = listener
        self._listener.setblocking(False)
        self._wake_reader, self._wake_writer = os.pipe()
        self._stopping = False
        self._connections = {}
        self._lingering = set()
        self._template = {**TEMPLATE, 'wsgi.errors': sys.stderr}
        self._poll = select.poll()
        self._poll.register(self._wake_reader, select.POLLIN)
        self._poll.register(listener.fileno(), select.POLLIN)

    def stop(self, *_):
        """A signal handler: ends `run` after the current request."""
        self._stopping = True
        os.write(self._wake_writer, b'.')

    def run(self):
        poll = self._poll.poll
        while not self._stopping:
            for descriptor, _ in poll():
                self._attend(descriptor)
        # Requests that had been sent when the stop came are answered still, each as its connection's last.
        self._poll.unregister(self._wake_reader)
        while ready := poll(0):
            for descriptor, _ in ready:
                self._attend(descriptor)
        self._listener.close()
        for connection in self._connections.values():
            connection.close()

    def _attend(self, descriptor):
        connection = self._connections.get(descriptor)
        if connection is None:
            if descriptor != self._wake_reader:
                self._accept()
        elif descriptor in self._lingering:
            self._linger(connection)
        else:
            try:
                self._serve(connection)
            except (ConnectionResetError, BrokenPipeError):
                self._drop(connection)

    def _accept(self):
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            if not isinstance(error, BlockingIOError):
                print(f'passenger: cannot accept a connection: {error}', file=sys.stderr)
            return
        connection.setblocking(True)
        self._connections[connection.fileno()] = connection
        self._poll.register(connection.fileno(), select.POLLIN)

    def _serve(self, connection):
        received = connection.recv(READ_SIZE)
        while len(received) < 4:
            more = connection.recv(READ_SIZE)
            if not received or not more:
                return self._drop(connection)
            received += more
        end = int.from_bytes(received[:4], 'big') + 4
        if end != len(received):
            if end - 4 > MAX_HEAD:
                print(f'passenger: a request head of {end - 4} bytes was refused', file=sys.stderr)
                return self._drop(connection)
            # A head nearly always comes in one piece.
            while len(received) < end:
                more = connection.recv(max(READ_SIZE, end - len(received)))
                if not more:
                    return self._drop(connection)
                received += more
        texts = iter(received[4:end].decode('latin-1').split('\0'))
        environ = self._template.copy()
        environ.update(zip(texts, texts))
        self._answer(connection, environ, received[end:])

    def _answer(self, connection, environ, rest):
        body = self._attach(connection, environ, rest)
        response = Response(
            connection,
            environ['REQUEST_METHOD'] == 'HEAD',
            lambda: not self._stopping and (body is None or body.is_here(UNREAD_LIMIT)),
        )
        try:
            parts = self._application(environ, response.start)
            try:
                response.send(parts)
            finally:
                close = getattr(parts, 'close', None)
                if close is not None:
                    close()
        except (ConnectionLost, BodyCutShort):
            return self._drop(connection)
        except Exception:
            self._report(environ)
            if response.begun:
                return self._drop(connection)
            response = self._send_error(connection, environ, body)
        if not response.keep:
            self._end(connection, body)

    def _attach(self, connection, environ, rest):
        """Adds what depends on other variables; returns the part of the body that is not yet here, or None."""
        path = environ['PATH_INFO']
        if '%' in path:
            # The path is passed as it was sent; WSGI wants it decoded, its bytes as ISO-8859-1.
            environ['PATH_INFO'] = unquote_to_bytes(path).decode('latin-1')
        if environ.get('HTTPS') == 'on':
            environ['wsgi.url_scheme'] = 'https'
        length = environ.get('CONTENT_LENGTH')
        if length:
            length = int(length)
        elif environ.get('HTTP_TRANSFER_ENCODING') != 'chunked':
            length = 0
        if length == len(rest):
            environ['wsgi.input'] = io.BytesIO(rest)
            return None
        body = RequestBody(connection, rest, length)
        environ['wsgi.input'] = io.BufferedReader(body, 64 * 1024)
        return body

    def _report(self, environ):
        request = f'{environ["REQUEST_METHOD"]} {environ["PATH_INFO"]}'
        sys.stderr.write(f'passenger: {request} failed: {traceback.format_exc()}')
        sys.stderr.flush()

    def _send_error(self, connection, environ, body):
        keep = not self._stopping and (body is None or body.is_here(UNREAD_LIMIT))
        response = Response(connection, environ['REQUEST_METHOD'] == 'HEAD', lambda: keep)
        try:
            response.start('500 Internal Server Error', ERROR_HEADERS)
            response.send([ERROR_BODY])
        except ConnectionLost:
            response.keep = False
        return response

    def _end(self, connection, body):
        """Closing a Unix socket that still has unread bytes resets it, and the gateway could lose the response that it has not
        read yet. So the response is ended, and what still comes is thrown away until the gateway closes."""
        if body is None or body.finished:
            return self._drop(connection)
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            return self._drop(connection)
        self._lingering.add(connection.fileno())

    def _linger(self, connection):
        try:
            if connection.recv(64 * 1024):
                return
        except OSError:
            pass
        self._drop(connection)

    def _drop(self, connection):
        descriptor = connection.fileno()
        self._poll.unregister(descriptor)
        self._lingering.discard(descriptor)
        del self._connections[descriptor]
        connection.close()
