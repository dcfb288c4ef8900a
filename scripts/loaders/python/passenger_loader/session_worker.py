"""Serves the session protocol: polls the listener and every idle connection, answers one request at a time.

A worker that stayed with one kept-alive connection would never answer a second event loop, a health probe or a second
core, all of which keep connections of their own.
"""

import io
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from urllib.parse import unquote_to_bytes

from . import events
from .request_body import BodyCutShort, RequestBody
from .response import ConnectionLost, Response

MAX_HEAD = 256 * 1024
READ_SIZE = 16 * 1024
EVENTS_AT_ONCE = 64
# A body that the app did not read is taken off the connection up to this size; a bigger one costs the connection.
UNREAD_LIMIT = 128 * 1024
# Requests that had to wait for longer, in seconds, may have been taken back by the gateway: it closes their connections.
SLOW = 0.02

# What is the same for every request, and a place for what every request has: so the dictionary need not grow.
TEMPLATE = {
    'REQUEST_METHOD': 'GET',
    'SCRIPT_NAME': '',
    'PATH_INFO': '',
    'QUERY_STRING': '',
    'REQUEST_URI': '',
    'SERVER_PROTOCOL': 'HTTP/1.1',
    'SERVER_NAME': 'localhost',
    'SERVER_PORT': '80',
    'SERVER_SOFTWARE': 'passenger',
    'wsgi.input': None,
    'wsgi.version': (1, 0),
    'wsgi.url_scheme': 'http',
    'wsgi.multithread': False,
    'wsgi.multiprocess': True,
    'wsgi.run_once': False,
    # The input ends by itself, so frameworks may read bodies without a Content-Length.
    'wsgi.input_terminated': True,
}
HEAD_LENGTH = struct.Struct('>I')
ERROR_BODY = b'The application raised an error; its log has the details.\n'
ERROR_HEADERS = [('Content-Type', 'text/plain')]


class SessionWorker:
    # What a connection, and the listener, are polled for.
    INTEREST = select.EPOLLIN

    def __init__(self, application, listener, owner=None):
        """`owner`: a descriptor that ends with the process that this worker must not outlive."""
        self._application = application
        self._listener = listener
        self._listener.setblocking(False)
        self._wake_reader, self._wake_writer = os.pipe()
        self._stopping = False
        self._connections = {}
        self._lingering = set()
        self._template = {**TEMPLATE, 'wsgi.errors': sys.stderr}
        self._poll = select.epoll()
        self._poll.register(self._wake_reader, select.EPOLLIN)
        self._poll.register(listener.fileno(), self.INTEREST)
        self._owner = owner
        if owner is not None:
            self._poll.register(owner, select.EPOLLIN)

    def stop(self, *_):
        """A signal handler: ends `run` after the current request. (The signal itself wakes it.)"""
        self._stopping = True

    def run(self):
        # A signal between two waits must end the next: its Python handler would run only after that one.
        os.set_blocking(self._wake_writer, False)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        poll = self._poll.poll
        while not self._stopping:
            self._attend_in_turn(poll(-1, EVENTS_AT_ONCE))
        # Requests that had been sent when the stop came are answered still, each as its connection's last.
        self._poll.unregister(self._wake_reader)
        while ready := poll(0):
            for descriptor, events in ready:
                self._attend(descriptor, events)
        self._close()

    def _close(self):
        self._listener.close()
        for connection in self._connections.values():
            connection.close()

    def _attend_in_turn(self, ready, now=time.monotonic):
        """After one that took long the others are looked at anew."""
        latest = now() + SLOW
        for descriptor, events in ready:
            self._attend(descriptor, events)
            if now() > latest:
                return

    def _attend(self, descriptor, events):
        connection = self._connections.get(descriptor)
        if connection is None:
            if descriptor == self._owner:
                os._exit(1)
            if descriptor != self._wake_reader:
                self._accept()
            else:
                os.read(descriptor, READ_SIZE)
        elif events & select.EPOLLHUP:
            # Closed by the gateway: whatever it sent, nobody wants the answer any more.
            self._drop(connection)
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
        self._poll.register(connection.fileno(), self.INTEREST)

    def _serve(self, connection, length_of=HEAD_LENGTH.unpack_from):
        received = connection.recv(READ_SIZE)
        rest = b''
        # A head nearly always comes in one piece, and a body seldom with it.
        if len(received) < 4 or len(received) != length_of(received)[0] + 4:
            received = self._complete_head(connection, received)
            if received is None:
                return self._drop(connection)
            end = length_of(received)[0] + 4
            rest = received[end:]
            received = received[:end]
        texts = iter(str(received[4:], 'latin-1').split('\0'))
        environ = self._template.copy()
        environ.update(zip(texts, texts))
        self._answer(connection, environ, rest)

    def _complete_head(self, connection, received):
        """Reads on until the head is there; None if the connection is of no use."""
        while len(received) < 4:
            more = connection.recv(READ_SIZE)
            if not received or not more:
                return None
            received += more
        end = HEAD_LENGTH.unpack_from(received)[0] + 4
        if end - 4 > MAX_HEAD:
            print(f'passenger: a request head of {end - 4} bytes was refused', file=sys.stderr)
            return None
        while len(received) < end:
            more = connection.recv(max(READ_SIZE, end - len(received)))
            if not more:
                return None
            received += more
        return received

    def _answer(self, connection, environ, rest):
        body = self._attach(connection, environ, rest)
        response = Response(connection, environ['REQUEST_METHOD'] == 'HEAD', self._may_keep, body)
        try:
            application = self._perform if 'PASSENGER_TASK' in environ else self._application
            parts = application(environ, response.start)
            try:
                response.send(parts)
            finally:
                if hasattr(parts, 'close'):
                    parts.close()
        except (ConnectionLost, BodyCutShort):
            return self._drop(connection)
        except Exception:
            self._report(environ)
            if response.begun:
                return self._drop(connection)
            response = self._send_error(connection, environ, body)
        if not response.keep:
            self._end(connection, body)

    @staticmethod
    def _perform(environ, start):
        """What the server tells the app. No client can: what they send has other names."""
        events.perform(environ['PASSENGER_TASK'])
        start('204 No Content', [])
        return []

    def _may_keep(self, body):
        return not self._stopping and (body is None or body.is_here(UNREAD_LIMIT))

    def _attach(self, connection, environ, rest):
        """Adds what depends on other variables; returns the part of the body that is not yet here, or None."""
        path = environ['PATH_INFO']
        if '%' in path:
            # The path is passed as it was sent; WSGI wants it decoded, its bytes as ISO-8859-1.
            environ['PATH_INFO'] = unquote_to_bytes(path).decode('latin-1')
        if 'HTTPS' in environ and environ['HTTPS'] == 'on':
            environ['wsgi.url_scheme'] = 'https'
        if 'CONTENT_LENGTH' in environ:
            length = int(environ['CONTENT_LENGTH'] or 0)
        else:
            length = None if environ.get('HTTP_TRANSFER_ENCODING') == 'chunked' else 0
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
        response = Response(connection, environ['REQUEST_METHOD'] == 'HEAD', self._may_keep, body)
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
