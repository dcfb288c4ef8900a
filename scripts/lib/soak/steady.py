"""Constant load: kept connections that ask again and again, and so many new connections a second. Each request has a number that
the app is told, and is told of once it has ended."""

import asyncio
import itertools
import random
import time
from dataclasses import dataclass

from clients import digest
from wire import Connection, Failed

# The longest that an answer may take.
PATIENCE = 20
BODY = random.Random(2).randbytes(4096)
SLOW_SECONDS = 0.1


@dataclass(frozen=True)
class Kind:
    name: str
    method: str
    path: str
    body: bytes = b""
    answer: bytes | None = None

    @property
    def is_idempotent(self):
        return self.method != "POST"


GET = Kind("GET", "GET", "/")
POST = Kind("POST, 4 KiB", "POST", "/echo", BODY, digest(BODY))
SLOW = Kind("GET that takes 0.1 s", "GET", f"/slow?{SLOW_SECONDS}", answer=b"slept\n")
# What is asked in turn.
ROUND = (GET, POST, GET, SLOW, GET, POST, GET, GET)


@dataclass
class Request:
    """Times are of time.monotonic()."""

    number: int
    app: str
    kind: Kind
    is_kept: bool
    began: float
    # When its connection was asked for.
    opened: float = 0.0
    ended: float = 0.0
    failure: Failed | None = None
    version: str | None = None


class Steady:
    def __init__(self, server, take, kept=32, pause=0.1, rate=200):
        """`kept` connections with a pause after each answer, and `rate` connections a second that ask once. `take` is given each
        request at its end."""
        self._server, self._take = server, take
        self._kept, self._pause, self._rate = kept, pause, rate
        self._numbers = itertools.count(1)
        self._kinds = itertools.cycle(ROUND)
        self._stopping = asyncio.Event()
        self._tasks = []
        self._single = set()
        # Kept connections that ended while nothing was asked over them.
        self.ended_idle = 0

    def start(self):
        names = list(self._server.hosts)
        self._tasks = [asyncio.create_task(self._ask_again(names[number % len(names)])) for number in range(self._kept)]
        if self._rate:
            self._tasks.append(asyncio.create_task(self._ask_once(names)))

    async def stop(self):
        """Returns when all requests have ended."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*self._single)

    def cancel(self):
        for task in [*self._tasks, *self._single]:
            task.cancel()

    async def _wait(self, seconds):
        """True when it is time to stop."""
        await asyncio.sleep(min(seconds, 0.5))
        return self._stopping.is_set()

    async def _ask_again(self, name):
        connection = opened = None
        while not await self._wait(self._pause * random.uniform(0.5, 1.5)):
            if connection and not connection.is_open:
                self.ended_idle += 1
                connection.close()
                connection = None
            opened = opened if connection else time.monotonic()
            connection = await self._ask(name, next(self._kinds), connection, opened, is_kept=True)
        if connection:
            connection.close()

    async def _ask_once(self, names):
        names, due = itertools.cycle(names), time.monotonic()
        while not self._stopping.is_set():
            task = asyncio.create_task(self._ask(next(names), next(self._kinds), None, time.monotonic(), is_kept=False))
            self._single.add(task)
            task.add_done_callback(self._single.discard)
            due += 1 / self._rate
            # Should this process have been held up, some come close together.
            await asyncio.sleep(max(0, due - time.monotonic()))

    async def _ask(self, name, kind, connection, opened, is_kept):
        """Returns the connection, if it is good for more."""
        request = Request(next(self._numbers), name, kind, is_kept, time.monotonic(), opened)
        is_whole = False
        try:
            async with asyncio.timeout(PATIENCE):
                connection = connection or await Connection.open(self._server.port, self._server.hosts[name])
                head = f"X-Request: {request.number}\r\nContent-Length: {len(kind.body)}\r\n" + ("" if is_kept else "Connection: close\r\n")
                answer = await connection.ask(kind.method, kind.path, head, kind.body)
            request.version = answer.version
            if answer.status != 200 or (kind.answer is not None and answer.body != kind.answer):
                raise Failed(f"status {answer.status}: {answer.body[:200]!r}", is_begun=True)
            is_whole = is_kept and not answer.closes
        except Failed as failure:
            request.failure = failure
        except TimeoutError:
            request.failure = Failed(f"no end within {PATIENCE} s")
        finally:
            if connection and not is_whole:
                connection.close()
        request.ended = time.monotonic()
        self._take(request)
        return connection if is_whole else None
