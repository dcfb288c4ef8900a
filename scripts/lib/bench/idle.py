"""What an idle connection costs in memory: the front's memory with all of them open, less that without."""

import subprocess
import sys
import time
from pathlib import Path

from control import StepFailed
from measure import Load, Measurement, in_rounds, memory_bytes, middle
from report import OURS, Goal

CLIENT = Path(__file__).with_name("idle_client.py")
LIMIT = 8192
# A server that has been running for longer tells no more than a new one, whose allocator has nothing to give.
ROUNDS_AT_MOST = 3


def measure(bench, makers, count):
    found, left_out = in_rounds(
        makers, min(bench.options.rounds, ROUNDS_AT_MOST), lambda make: measure_one(bench, make, count))
    rows = []
    for name, measurements in found.items():
        values = middle([some.values for some in measurements])
        rows.append((
            name, f"{values['before_bytes'] / (1 << 20):.1f} MiB", f"{values['after_bytes'] / (1 << 20):.1f} MiB",
            f"{values['bytes_per_connection']:.0f} bytes", f"{values['still_open']:.0f}"))
    bench.report.figures(
        "idle", f"{count} idle connections, one request made on each",
        ["front", "memory before", "with them", "a connection", "still open"], rows, found, left_out,
        [Goal("bytes_per_connection", at_most=LIMIT), *(Goal("bytes_per_connection", name) for name in found if name != OURS)])


def measure_one(bench, make, count):
    contender = make()
    try:
        bench.meter.settle(contender)
        # What it needs for work as such is not the connections'.
        bench.meter.measure(contender, "/", Load(), 1)
        before = memory_bytes(contender.groups["front"])
        port = contender.origin.rpartition(":")[2]
        client = subprocess.Popen(
            [sys.executable, "-B", str(CLIENT), port, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        try:
            return counted(client, contender, before, count)
        finally:
            client.kill()
            client.communicate()
    finally:
        contender.end()


def counted(client, contender, before, count):
    answered = client.stdout.readline()
    if answered.strip() != str(count):
        problem = "" if answered else client.stderr.read()[-500:]
        raise StepFailed(f"{answered.strip() or 'none'} of {count} connections were answered {problem}".rstrip())
    time.sleep(1)
    after = memory_bytes(contender.groups["front"])
    client.stdin.write("\n")
    client.stdin.flush()
    still_open = int(client.stdout.readline())
    if still_open != count:
        raise StepFailed(f"closed {count - still_open} of {count} idle connections")
    return Measurement({
        "before_bytes": before, "after_bytes": after, "bytes_per_connection": (after - before) / count, "still_open": still_open})
