"""Constant load on a web server, with every answer checked.

A few threads ask at a steady pace, each in its own way: over a kept connection, over a new one for each request, with a
large body of known length, with one in chunks. Nothing is ever sent again: what fails is a failed request.
"""

import hashlib
import http.client
import random
import re
import socket
import statistics
import threading
import time
from dataclasses import dataclass

ANSWER = re.compile(rb"version (\d+), (\d+) bytes, ([0-9a-f]{64})\n")


@dataclass(frozen=True)
class Sample:
    """One request. Times are of time.monotonic(), in seconds."""

    kind: str
    began: float
    ended: float
    version: int | None
    failure: str | None


@dataclass(frozen=True)
class Client:
    """A way to ask: `body` bytes (none for a GET), in chunks or not, over a connection that is kept or not."""

    kind: str
    body: int
    is_chunked: bool
    keeps: bool
    pause: float


CLIENTS = (
    [Client("GET, kept connection", 0, False, True, 0.010)] * 6
    + [Client("GET, new connection", 0, False, False, 0.020)] * 3
    + [Client("POST, 256 KiB", 256 << 10, False, True, 0.100)] * 2
    + [Client("POST, 64 KiB in chunks", 64 << 10, True, True, 0.100)] * 1
)


class Load:
    def __init__(self, address, port, clients=CLIENTS, timeout=45):
        self._address = address
        self._port = port
        self._timeout = timeout
        self._stopping = threading.Event()
        self._samples = [[] for _ in clients]
        self._threads = [
            threading.Thread(target=self._ask, args=(client, samples), daemon=True)
            for client, samples in zip(clients, self._samples)
        ]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        """Lets every client finish its request. Returns the samples in the order of their beginning."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        return sorted((sample for samples in self._samples for sample in samples), key=lambda sample: sample.began)

    def _ask(self, client, samples):
        body = bytes(range(256)) * (client.body // 256)
        digest = hashlib.sha256(body).hexdigest().encode()
        connection = self._connection()
        while not self._stopping.wait(client.pause):
            began = time.monotonic()
            version, failure = None, None
            try:
                version, closes = self._request(connection, client, body, digest)
                if closes or not client.keeps:
                    connection.close()
            except Exception as error:  # whatever it is, this request was not answered as it should have been
                failure = f"{type(error).__name__}: {error}"
                connection.close()
            samples.append(Sample(client.kind, began, time.monotonic(), version, failure))
        connection.close()

    def _connection(self):
        return http.client.HTTPConnection(self._address, self._port, timeout=self._timeout)

    def _request(self, connection, client, body, digest):
        headers = {} if client.keeps else {"Connection": "close"}
        if not client.body:
            connection.request("GET", "/", headers=headers)
        elif client.is_chunked:
            parts = (body[start : start + 8192] for start in range(0, len(body), 8192))
            connection.request("POST", "/", parts, headers | {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        else:
            connection.request("POST", "/", body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise ValueError(f"status {response.status}: {answer[:200]!r}")
        match = ANSWER.fullmatch(answer)
        if not match:
            raise ValueError(f"not an answer of the app: {answer[:200]!r}")
        if int(match[2]) != len(body) or match[3] != digest:
            raise ValueError(f"the app received another body: {answer!r}")
        return int(match[1]), response.will_close


class Report:
    """What the samples say about the whole, and about a part of the time."""

    def __init__(self, samples):
        self.samples = samples
        kinds = {sample.kind for sample in samples}
        self._usual = {
            kind: statistics.median([s.ended - s.began for s in samples if s.kind == kind and not s.failure] or [0.0])
            for kind in kinds
        }

    @property
    def failed(self):
        return [sample for sample in self.samples if sample.failure]

    def during(self, begin, end):
        """Requests that were under way at some time between the two."""
        return [sample for sample in self.samples if sample.began <= end and sample.ended >= begin]

    def worst_added(self, begin, end):
        """By how much the slowest request of that time took longer than is usual for its kind, in seconds."""
        added = [s.ended - s.began - self._usual[s.kind] for s in self.during(begin, end) if not s.failure]
        return max(added, default=0.0)

    def kinds(self):
        """(kind, requests, failures, usual latency in seconds) of each."""
        return [
            (kind, sum(s.kind == kind for s in self.samples), sum(s.kind == kind for s in self.failed), usual)
            for kind, usual in sorted(self._usual.items())
        ]


def free_port():
    """A port that nothing listens on now, and that the kernel gives to no client (ip_local_port_range)."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randrange(20_000, 30_000)))
                return probe.getsockname()[1]
            except OSError:
                continue
