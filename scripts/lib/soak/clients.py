"""The load: clients of each kind for each app, all in one event loop. Each request becomes a `Sample`."""

import asyncio
import contextlib
import hashlib
import random
import ssl
import time

from wire import Answer, Connection, Failed

TEXT, CLOSE = 1, 8
KEPT = "GET, kept connection"
# (connections over all apps, pause after each request)
KEPT_CONNECTIONS, KEPT_PAUSE = 32, 0.1
UPLOAD = random.Random(1).randbytes(1 << 20)
UPLOAD_PARTS, UPLOAD_SECONDS = 16, 2.0
CHUNKED = UPLOAD[: 256 << 10]
# Less than the window that an HTTP/2 connection begins with: httpx may wait for ever for a window that another of its tasks
# has already read of.
HTTP2_BODY = UPLOAD[: 16 << 10]
# After so many rounds an HTTP/2 connection is closed, well before the server would: its client library takes a GOAWAY for the
# end of the connection and fails what is still to come on it (github.com/python-hyper/h2/issues/1181), which RFC 9113, section
# 6.8, does not.
HTTP2_ROUNDS = 500
SLOW_SECONDS = 10
# The longest that anything but a stream may take.
PATIENCE = 80


class Sample:
    """One request or stream. Times are of time.monotonic(). `version` is None when no answer told one."""

    __slots__ = ("app", "began", "ended", "failure", "is_cut", "is_own_error", "kind", "version")

    def __init__(self, app, kind):
        self.app, self.kind = app, kind
        self.began = time.monotonic()
        self.ended = self.version = self.failure = None
        # A stream that the server ended before the app did.
        self.is_cut = False
        # An error that the app itself answered with, as broken versions do.
        self.is_own_error = False

    def take(self, answer, body=None):
        """What came of it, from an answer; `body` is what has to be in it."""
        self.version = answer.version
        self.is_own_error = "x-broken" in answer.headers
        if self.is_own_error:
            return
        if answer.status != 200:
            raise Failed(f"status {answer.status}: {answer.body[:200]!r}")
        if body is not None and answer.body != body:
            raise Failed(f"another body than expected: {answer.body[:200]!r}")
        if self.version is None:
            raise Failed("the answer tells no version")


class Clients:
    """`hosts` are the apps by name; `port` speaks HTTP, `tls_port` HTTP/2."""

    def __init__(self, hosts, port, tls_port, take):
        self._hosts, self._port, self._tls_port, self._take = hosts, port, tls_port, take
        self._stopping = asyncio.Event()
        self._tasks, self._streams = [], []

    def start(self):
        kinds = [
            (self._chunked, 1), (self._slowly_uploading, 1), (self._new_connections, 1), (self._slow, 2), (self._http2, 1)]
        names = list(self._hosts)
        for number in range(KEPT_CONNECTIONS):
            self._run(self._kept, names[number % len(names)])
        for name in names:
            for kind, count in kinds:
                for _ in range(count):
                    self._run(kind, name)
        streams = [(self._events, name) for name in names] + [(self._socket, "ruby"), (self._socket, "node")]
        self._streams = [asyncio.create_task(kind(name)) for kind, name in streams for _ in range(2)]

    async def stop(self):
        """Lets each request end; streams are left. Raises what a client failed with, other than at a request."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        for stream in self._streams:
            if stream.done():
                stream.result()
            stream.cancel()

    def cancel(self):
        for task in self._tasks + self._streams:
            task.cancel()

    def _run(self, kind, name):
        self._tasks.append(asyncio.create_task(kind(name)))

    async def _pause(self, seconds):
        """Some time about `seconds`; true when it is time to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds * random.uniform(0.5, 1.5))
        return self._stopping.is_set()

    @contextlib.asynccontextmanager
    async def _sample(self, name, kind, patience=PATIENCE):
        sample = Sample(name, kind)
        try:
            async with asyncio.timeout(patience):
                yield sample
        except TimeoutError:
            sample.failure = f"no end within {patience} s"
        except Failed as failure:
            sample.failure = str(failure)
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            sample.failure = f"{type(error).__name__}: {error}"
        sample.ended = time.monotonic()
        self._take(sample)

    async def _ask(self, name, kind, connection, *request, expect=None):
        """One request over a connection that is opened when there is none. Returns the connection, if it is good for more."""
        async with self._sample(name, kind) as sample:
            is_whole = False
            try:
                connection = connection or await Connection.open(self._port, self._hosts[name])
                answer = await connection.ask(*request)
                is_whole = not answer.closes
                sample.take(answer, expect)
            finally:
                if connection and not is_whole:
                    connection.close()
                    connection = None
        return connection

    async def _kept(self, name):
        connection = None
        while not await self._pause(KEPT_PAUSE):
            connection = await self._ask(name, KEPT, connection, "GET", "/")
        if connection:
            connection.close()

    async def _new_connections(self, name):
        while not await self._pause(0.2):
            await self._ask(name, "GET, new connection", None, "GET", "/", "Connection: close\r\n")

    async def _chunked(self, name):
        async def parts():
            for start in range(0, len(CHUNKED), 16384):
                part = CHUNKED[start : start + 16384]
                yield b"%x\r\n%b\r\n" % (len(part), part)
            yield b"0\r\n\r\n"

        connection = None
        while not await self._pause(0.5):
            connection = await self._ask(
                name, "POST, 256 KiB in chunks", connection, "POST", "/echo", "Transfer-Encoding: chunked\r\n", parts(),
                expect=digest(CHUNKED))
        if connection:
            connection.close()

    async def _slowly_uploading(self, name):
        async def parts():
            size = len(UPLOAD) // UPLOAD_PARTS
            for start in range(0, len(UPLOAD), size):
                yield UPLOAD[start : start + size]
                await asyncio.sleep(UPLOAD_SECONDS / UPLOAD_PARTS)

        while not await self._pause(0.3):
            connection = await self._ask(
                name, "POST, 1 MiB sent slowly", None, "POST", "/echo", f"Content-Length: {len(UPLOAD)}\r\n", parts(),
                expect=digest(UPLOAD))
            if connection:
                connection.close()

    async def _slow(self, name):
        while not await self._pause(0.5):
            connection = await self._ask(
                name, f"GET that takes {SLOW_SECONDS} s", None, "GET", f"/slow?{SLOW_SECONDS}", expect=b"slept\n")
            if connection:
                connection.close()

    # Streams.

    async def _events(self, name):
        while not await self._pause(0.5):
            async with self._sample(name, "server-sent events", patience=90) as sample:
                connection = await Connection.open(self._port, self._hosts[name])
                try:
                    seconds = random.randint(12, 25)
                    await self._read_events(connection, sample, seconds)
                finally:
                    connection.close()

    async def _read_events(self, connection, sample, seconds):
        connection.send_head("GET", f"/events?{seconds}")
        answer = await connection.head()
        sample.take(answer)
        if sample.is_own_error:
            return
        line, count = f"data: {answer.version}\n\n".encode(), 0
        received = b""
        try:
            while part := await connection.chunk():
                received += part
        except (asyncio.IncompleteReadError, OSError):
            sample.is_cut = True
        count = received.count(line)
        last = b"event: end\n" + line
        is_whole = received == line * (count - 1) + last
        if not is_whole:
            # However it ended: what has come is a beginning of it.
            sample.is_cut = True
            whole = line * (seconds * 4) + last
            if not whole.startswith(received):
                raise Failed(f"events that the app did not send: {received[-200:]!r}")
        elif count != seconds * 4 + 1:
            raise Failed(f"{count - 1} of {seconds * 4} events came")

    async def _socket(self, name):
        while not await self._pause(0.5):
            async with self._sample(name, "WebSocket", patience=90) as sample:
                connection = await Connection.open(self._port, self._hosts[name])
                try:
                    await self._echo(connection, sample, random.randint(12, 25))
                finally:
                    connection.close()

    async def _echo(self, connection, sample, seconds):
        answer = await connection.upgrade("/socket")
        if answer.status != 101:
            return sample.take(answer)
        sample.version = answer.version
        until, number = time.monotonic() + seconds, 0
        try:
            while time.monotonic() < until and not self._stopping.is_set():
                number += 1
                message = f"{answer.version} {number}".encode()
                connection.send_frame(TEXT, message)
                opcode, payload = await connection.frame()
                if opcode == CLOSE:
                    sample.is_cut = True
                    return
                if (opcode, payload) != (TEXT, message):
                    raise Failed(f"{message!r} came back as {opcode} {payload!r}")
                await self._pause(0.5)
            connection.send_frame(CLOSE, b"\x03\xe8")
            opcode, _ = await connection.frame()
            if opcode != CLOSE:
                raise Failed(f"a close was answered by frame {opcode}")
        except (asyncio.IncompleteReadError, OSError):
            sample.is_cut = True

    # HTTP/2, by httpx.

    async def _http2(self, name):
        import httpx

        verify = ssl.create_default_context()
        verify.check_hostname, verify.verify_mode = False, ssl.CERT_NONE
        host = {"Host": self._hosts[name]}
        url = f"https://127.0.0.1:{self._tls_port}"

        async def ask(client, kind, *request, expect=None, **more):
            async with self._sample(name, kind) as sample:
                try:
                    answer = await client.request(*request, headers=host, **more)
                except httpx.HTTPError as error:
                    raise Failed(f"{type(error).__name__}: {error}") from error
                if answer.http_version != "HTTP/2":
                    raise Failed(f"answered by {answer.http_version}")
                sample.take(Answer(answer.status_code, answer.headers, answer.content), expect)

        while not self._stopping.is_set():
            async with httpx.AsyncClient(http1=False, http2=True, verify=verify, trust_env=False, timeout=PATIENCE) as client:
                for _ in range(HTTP2_ROUNDS):
                    if await self._pause(0.5):
                        break
                    await asyncio.gather(
                        *(ask(client, "HTTP/2, GET", "GET", f"{url}/") for _ in range(3)),
                        ask(client, "HTTP/2, POST 16 KiB", "POST", f"{url}/echo", content=HTTP2_BODY,
                            expect=digest(HTTP2_BODY)))


_digests = {}


def digest(body):
    """What /echo answers to it."""
    if len(body) not in _digests:
        _digests[len(body)] = f"{len(body)} {hashlib.sha256(body).hexdigest()}\n".encode()
    return _digests[len(body)]
