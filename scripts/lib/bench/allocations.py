"""Heap allocations of our core for each request on a warm connection, counted by a library that is loaded into it."""

import mmap
import shutil
import socket
import struct
import subprocess
from pathlib import Path

from control import StepFailed
from measure import Load, Measurement
from report import OURS, Goal

SOURCE = Path(__file__).with_name("allocations.c")
LIMIT = 8
WARM_UP, REQUESTS = 5_000, 20_000
REQUEST = b"GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
ANSWER = b"hello world\n"


class Counters:
    """The counters of one process: see allocations.c."""

    def __init__(self, path):
        if not path.exists():
            raise StepFailed("the counting library did not reach the core")
        with path.open("rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        # It has allocated thousands of times until it serves.
        if self.read()[0] < 1000:
            raise StepFailed("the counting library counts nothing in the core")

    def read(self):
        return struct.unpack(f"{len(self._memory) // 8}Q", self._memory)


def build(place):
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if not compiler:
        raise StepFailed("there is no C compiler")
    library = place / "allocations.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-fno-builtin", "-o", str(library), str(SOURCE)], check=True,
        timeout=60)
    library.chmod(0o755)
    return library


def ask(connection, times):
    for _ in range(times):
        connection.sendall(REQUEST)
        received = b""
        while not received.endswith(ANSWER):
            part = connection.recv(65536)
            if not part:
                raise StepFailed("the connection was closed")
            received += part


def on_one_connection(port, counters):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        ask(connection, WARM_UP)
        before = counters.read()
        ask(connection, REQUESTS)
        after = counters.read()
    return [(new - old) / REQUESTS for old, new in zip(before, after)]


def on_many(bench, contender, counters):
    before = counters.read()[0]
    measured = bench.meter.measure(contender, "/", Load())
    requests = measured.values["requests_per_second"] * bench.meter.seconds
    return (counters.read()[0] - before) / requests


def by_size(counts):
    """Those that some requests need, the most frequent first."""
    named = {str(size) if size < len(counts) - 1 else "more": round(count, 3) for size, count in enumerate(counts)}
    return dict(sorted(((size, count) for size, count in named.items() if count >= 0.05), key=lambda item: -item[1]))


def measure(bench, make):
    """`make`: starts ours with more in its environment."""
    found, left_out, rows = {OURS: []}, {}, []
    try:
        counting = bench.workspace.path / "allocations"
        counting.mkdir()
        # The core may have given up its rights before it begins to count.
        counting.chmod(0o1777)
        contender = make(environment={"LD_PRELOAD": str(build(bench.workspace.path)), "ALLOCATIONS_DIRECTORY": str(counting)})
        try:
            counters = Counters(counting / str(contender.core))
            for _ in range(min(bench.options.rounds, 3)):
                sizes = on_one_connection(int(contender.origin.rpartition(":")[2]), counters)
                many = on_many(bench, contender, counters)
                values = {"allocations_per_request": sizes[0], "allocations_per_request_32_connections": many}
                found[OURS].append(Measurement(values, details={"by_size": by_size(sizes[1:])}))
        finally:
            contender.end()
    except (StepFailed, OSError, subprocess.SubprocessError) as problem:
        left_out[OURS] = str(problem)
        found = {}
    if found:
        last = found[OURS][-1]
        rows = [("one warm connection", f"{last.values['allocations_per_request']:.2f}"),
                ("32 connections", f"{last.values['allocations_per_request_32_connections']:.2f}")]
        rows += [(f"  of {size} bytes, one connection", f"{count:.2f}") for size, count in last.details["by_size"].items()]
    bench.report.figures(
        "allocations", "Heap allocations of the core", ["", "a request"], rows, found, left_out,
        [Goal("allocations_per_request", at_most=LIMIT)])
