"""One WSGI response as HTTP/1.1 (PEP 3333)."""

# Above this, copying a part next to its head costs more than a second send.
COALESCED = 32 * 1024


class ConnectionLost(OSError):
    """The gateway closed the connection: nobody is left to tell."""


class Response:
    """What `start_response` and `write` of one request act on.

    `decide_fate` is asked once, when the head is about to leave: True keeps the connection for another request.
    """

    __slots__ = ('_connection', '_head_only', '_decide_fate', '_status', '_headers', '_left', '_chunked', 'begun', 'keep')

    def __init__(self, connection, head_only, decide_fate):
        self._connection = connection
        self._head_only = head_only
        self._decide_fate = decide_fate
        self._status = None
        self._headers = None
        self._left = None  # Bytes of the declared Content-Length that are still to come.
        self._chunked = False
        self.begun = False  # Bytes were given to the connection: after that there can be no error page.
        self.keep = False

    def start(self, status, headers, exc_info=None):
        """PEP 3333's start_response."""
        if exc_info:
            try:
                if self.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # Breaks the reference cycle with the traceback.
        elif self._status is not None:
            raise AssertionError('start_response was called twice without exc_info')
        self._status = status
        self._headers = headers
        return self.write

    def write(self, part):
        """The write callable of PEP 3333: `part` leaves at once."""
        if self.begun:
            self._push_part(part)
        else:
            self._send(self._head(None) + self._framed(part))

    def send(self, parts):
        """Sends everything that the app's iterable gives; closing it is the caller's business."""
        if self._status is not None and not self.begun and type(parts) in (list, tuple):
            return self._send_whole(parts)
        for part in parts:
            # An empty part has the app's head not sent yet: it may still be replaced (PEP 3333, "Handling the start_response").
            if part:
                self.write(part)
        if self._status is None:
            raise AssertionError('the app never called start_response')
        self._finish()

    def _send_whole(self, parts):
        body = parts[0] if len(parts) == 1 else b''.join(parts)
        head = self._head(len(body))
        if self._left is not None and self._left != len(body):
            self._send(head)
            self._push_part(body)
        elif self._chunked:
            self._send(head + self._framed(body))
        elif self._head_only:
            self._send(head)
        elif len(body) <= COALESCED:
            self._left = 0
            self._send(head + body)
        else:
            self._send(head)
            self._left = 0
            self._send(body)
        self._finish()

    def _finish(self):
        if not self.begun:
            self._send(self._head(0))
        if self._head_only:
            return
        if self._chunked:
            self._send(b'0\r\n\r\n')
        elif self._left:
            self.keep = False  # Shorter than its Content-Length: the end of the connection says that it is truncated.

    def _head(self, length):
        """The head's bytes. `length` is the body's if it is known; otherwise Content-Length has to come from the app."""
        if self._status is None:
            raise AssertionError('write was called before start_response')
        code = self._status[:3]
        bodyless = code in ('204', '304') or code[0] == '1'
        lines = ['HTTP/1.1 ' + self._status]
        declared = None
        asked_to_close = framed = False
        for name, value in self._headers:
            size = len(name)
            if size == 14 and name.lower() == 'content-length':
                declared = int(value)
                if bodyless and code != '304':
                    continue
            elif size == 10 and name.lower() == 'connection':
                asked_to_close = asked_to_close or value.lower() == 'close'
                continue  # Hop by hop: an app may not send it (PEP 3333), the gateway has its own.
            elif size == 17 and name.lower() == 'transfer-encoding':
                continue
            lines.append(f'{name}: {value}')
        if bodyless:
            self._head_only = True
        elif declared is not None:
            self._left = declared
        elif length is not None:
            self._left = length
            lines.append(f'Content-Length: {length}')
        elif not self._head_only:
            self._chunked = True
            lines.append('Transfer-Encoding: chunked')
        self.keep = self._decide_fate() and not asked_to_close
        if not self.keep:
            lines.append('Connection: close')
        lines.append('\r\n')
        head = '\r\n'.join(lines)
        try:
            return head.encode('latin-1')
        except UnicodeEncodeError:
            raise ValueError('a response header holds characters that are not ISO-8859-1 (PEP 3333)') from None

    def _framed(self, part):
        if self._head_only:
            return b''
        if self._chunked:
            return b'%x\r\n%b\r\n' % (len(part), part) if part else b''
        # A body that is longer than its Content-Length is cut, or the next response would begin in its middle.
        if len(part) > self._left:
            part = part[: self._left]
        self._left -= len(part)
        return part

    def _push_part(self, part):
        data = self._framed(part)
        if data:
            self._send(data)

    def _send(self, data):
        self.begun = True
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise ConnectionLost('the gateway closed the connection') from error
