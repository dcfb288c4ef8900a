"""HTTP/1.1 and WebSockets as bytes, for clients that forgive nothing: what is too short, or ends without having said so, is a
failure, and nothing is ever sent again."""

import asyncio
import base64
import os
import struct
from dataclasses import dataclass

LIMIT = 1 << 20


class Failed(Exception):
    """A request that was not answered as it should have been."""

    def __init__(self, text, is_refused=False, is_begun=False):
        """`is_refused`: there was no connection; `is_begun`: some of the answer had come."""
        super().__init__(text)
        self.is_refused, self.is_begun = is_refused, is_begun


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes = b""

    @property
    def version(self):
        return self.headers.get("x-version")

    @property
    def closes(self):
        return self.headers.get("connection", "").lower() == "close"


class Connection:
    def __init__(self, reader, writer, host):
        self._reader, self._writer, self.host = reader, writer, host

    @classmethod
    async def open(cls, port, host):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LIMIT)
        except OSError as error:
            raise Failed(f"connect: {error}", is_refused=isinstance(error, ConnectionRefusedError)) from error
        return cls(reader, writer, host)

    def close(self):
        self._writer.transport.abort()

    @property
    def is_open(self):
        """As far as is known: a client that sees the end of a connection does not send over it."""
        return not (self._writer.transport.is_closing() or self._reader.at_eof() or self._reader.exception())

    async def ask(self, method, path, headers="", body=b""):
        """`body` is bytes, or an asynchronous iterator over parts that are sent as they come."""
        answer = None
        try:
            head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n{headers}\r\n".encode()
            if isinstance(body, bytes):
                self._writer.write(head + body)
            else:
                self._writer.write(head)
                async for part in body:
                    self._writer.write(part)
                    await self._writer.drain()
            answer = await self.head()
            answer.body = await self._body(answer)
            return answer
        except asyncio.IncompleteReadError as error:
            raise Failed(
                f"the connection ended, {len(error.partial)} bytes into what was waited for",
                is_begun=bool(answer or error.partial)) from error
        except OSError as error:
            raise Failed(f"{type(error).__name__}: {error}", is_begun=answer is not None) from error

    def send_head(self, method, path):
        self._writer.write(f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())

    async def head(self):
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Answer(int(first.split(" ", 2)[1]), headers)

    async def _body(self, answer):
        if "content-length" in answer.headers:
            return await self._reader.readexactly(int(answer.headers["content-length"]))
        if answer.headers.get("transfer-encoding") != "chunked":
            raise Failed("an answer of unknown length that is not chunked")
        body = b""
        while part := await self.chunk():
            body += part
        return body

    async def chunk(self):
        """The next chunk; nothing at the end that the server declares."""
        size = int(await self._reader.readuntil(b"\r\n"), 16)
        return (await self._reader.readexactly(size + 2))[:-2]

    # WebSockets (RFC 6455), with messages of less than 126 bytes.

    async def upgrade(self, path):
        key = base64.b64encode(os.urandom(16)).decode()
        self._writer.write((
            f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        return await self.head()

    def send_frame(self, opcode, payload):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload))
        self._writer.write(struct.pack("BB", 0x80 | opcode, 0x80 | len(payload)) + mask + masked)

    async def frame(self):
        first, second = await self._reader.readexactly(2)
        return first & 15, await self._reader.readexactly(second & 127)
