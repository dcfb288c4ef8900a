"""wsgi.input for bodies that did not arrive together with their head."""

import io
import socket

MAX_CHUNK_LINE = 4096


class BodyCutShort(OSError):
    """The gateway went away in the middle of the body."""


class RequestBody(io.RawIOBase):
    """Reads exactly one request's body from its connection, as the app asks for it.

    Wrapped in an `io.BufferedReader`, which gives the app read, readline, readlines and iteration in C.
    `received` is what came with the head; `length` is None for a body in HTTP/1.1 chunks (RFC 9112, section 7.1).
    """

    def __init__(self, connection, received, length):
        super().__init__()
        self._connection = connection
        self._received = received
        self._chunked = length is None
        self._remaining = length or 0
        self.finished = length == 0

    def readable(self):
        return True

    def readinto(self, buffer):
        if self._chunked and not self._remaining and not self.finished:
            self._begin_chunk()
        if self.finished:
            return 0
        with memoryview(buffer) as view:
            count = self._take(view[: min(len(view), self._remaining)])
        self._remaining -= count
        if not self._remaining:
            if self._chunked:
                self._line()
            else:
                self.finished = True
        return count

    def is_here(self, limit):
        """Says whether all of the body has been read or, being small, lies in our memory; fetches without waiting, keeps what it fetches."""
        if self.finished:
            return True
        if self._chunked or self._remaining > limit:
            return False
        try:
            while len(self._received) < self._remaining:
                more = self._connection.recv(self._remaining - len(self._received), socket.MSG_DONTWAIT)
                if not more:
                    return False
                self._received += more
        except OSError:
            return False  # The rest is not here yet (BlockingIOError), or never will be.
        return True

    def _take(self, view):
        if self._received:
            count = min(len(view), len(self._received))
            view[:count] = self._received[:count]
            self._received = self._received[count:]
            return count
        count = self._connection.recv_into(view)
        if not count:
            raise BodyCutShort('the request body ended early')
        return count

    def _begin_chunk(self):
        text = self._line().partition(b';')[0].strip()
        try:
            if not text.isalnum() or len(text) > 15:
                raise ValueError
            self._remaining = int(text, 16)
        except ValueError:
            raise BodyCutShort('a malformed chunk') from None
        if not self._remaining:
            while self._line():
                pass  # trailers
            self.finished = True

    def _line(self):
        while True:
            line, ending, rest = self._received.partition(b'\r\n')
            if ending:
                self._received = rest
                return line
            if len(line) > MAX_CHUNK_LINE:
                raise BodyCutShort('an endless chunk line')
            more = self._connection.recv(16 * 1024)
            if not more:
                raise BodyCutShort('the request body ended early')
            self._received += more
