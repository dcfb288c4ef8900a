"""One WSGI response as HTTP/1.1 (PEP 3333)."""

# Above this, copying a part next to its head costs more than a second send.
COALESCED = 32 * 1024


class ConnectionLost(OSError):
    """The gateway closed the connection: nobody is left to tell."""


class Response:
    """What `start_response` and `write` of one request act on.

    `may_keep` is asked once, when the head is about to leave: True keeps the connection for another request. It is given
    `body`, whatever that is.
    """

    __slots__ = ('_connection', '_head_only', '_may_keep', '_body', '_status', '_headers', '_left', '_chunked', 'begun', 'keep')

    def __init__(self, connection, head_only, may_keep, body):
        self._connection = connection
        self._head_only = head_only
        self._may_keep = may_keep
        self._body = body
        self._status = self._headers = None
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
        kind = type(parts)
        if (kind is list or kind is tuple) and not self.begun and self._status is not None:
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
        size = len(body)
        head = self._head(size)
        if self._left == size:
            self._left = 0
            if size <= COALESCED:
                self._send(head + body)
            else:
                self._send(head)
                self._send(body)
        else:  # No body may be sent, or it is not as long as the app said.
            self._send(head)
            self._push_part(body)
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
        status = self._status
        if status is None:
            raise AssertionError('write was called before start_response')
        head = f'HTTP/1.1 {status}\r\n'
        declared = None
        asked_to_close = False
        for name, value in self._headers:
            size = len(name)
            if size == 14 and name.lower() == 'content-length':
                declared = int(value)
            elif size == 10 and name.lower() == 'connection':
                asked_to_close = asked_to_close or value.lower() == 'close'
            elif size == 17 and name.lower() == 'transfer-encoding':
                pass
            else:
                head += f'{name}: {value}\r\n'
            # These three are hop by hop, or the framing, which is ours: an app may not send them (PEP 3333).
        head += self._framing(status[:3], declared, length)
        self.keep = not asked_to_close and self._may_keep(self._body)
        head += '\r\n' if self.keep else 'Connection: close\r\n\r\n'
        try:
            return head.encode('latin-1')
        except UnicodeEncodeError:
            raise ValueError('a response header holds characters that are not ISO-8859-1 (PEP 3333)') from None

    def _framing(self, code, declared, length):
        """Decides how the body is framed and says so in a line of the head."""
        if code == '204' or code == '304':
            self._head_only = True
            return '' if declared is None or code == '204' else f'Content-Length: {declared}\r\n'
        if code < '200':
            # The gateway would go on waiting for the response, or take what follows for another protocol.
            raise ValueError(f'the app answered with status {code}, which cannot be a response of its own')
        if declared is None:
            declared = length
        if declared is not None:
            if not self._head_only:
                self._left = declared
            return f'Content-Length: {declared}\r\n'
        if self._head_only:
            return ''
        self._chunked = True
        return 'Transfer-Encoding: chunked\r\n'

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
