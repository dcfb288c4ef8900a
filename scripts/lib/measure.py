"""What a request costs: the CPU time of chosen processes over the requests that were answered meanwhile."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 32


@dataclass(frozen=True)
class Measurement:
    """`cpu`: microseconds a request, by the name of a group of processes."""

    requests_a_second: float
    cpu: dict
    median_latency: str
    errors: str


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_A_SECOND


def measure(url, seconds, groups):
    """Loads the URL from one thread. `groups`: pids by name."""
    before = {name: cpu_seconds(pids) for name, pids in groups.items()}
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", url], capture_output=True, text=True, check=True)
    after = {name: cpu_seconds(pids) for name, pids in groups.items()}
    output = done.stdout
    requests = int(re.search(r"(\d+) requests in", output)[1])
    errors = [line.strip() for line in output.splitlines() if "Non-2xx" in line or "Socket errors" in line]
    return Measurement(
        float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
        {name: (after[name] - before[name]) / max(requests, 1) * 1e6 for name in groups},
        re.search(r"50%\s+(\S+)", output)[1],
        "; ".join(errors))


def middle(measurements):
    """The median of several, each figure for itself."""
    names = measurements[0].cpu
    return Measurement(
        median(m.requests_a_second for m in measurements),
        {name: median(m.cpu[name] for m in measurements) for name in names},
        sorted(measurements, key=lambda m: m.requests_a_second)[len(measurements) // 2].median_latency,
        next((m.errors for m in measurements if m.errors), ""))


def descendants(of):
    """(pid, command line) of all processes below one."""
    parents, commands = {}, {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(directory.name)] = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(directory.name)] = (directory / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, level = [], {of}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level}
        found += [(pid, commands[pid]) for pid in level]
    return found
