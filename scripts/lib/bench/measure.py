"""What a request costs: the CPU time of chosen processes over the requests that were answered meanwhile."""

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from control import StepFailed

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# With --pin: what is measured runs on the first CPU, all else on the second.
FRONT_CPU, OTHER_CPU = 0, 1
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3, "h": 3600e3}


@dataclass(frozen=True)
class Load:
    """How one client thread asks."""

    tool: str = "wrk"
    connections: int = 32
    arguments: tuple = ()
    # For people: what is special about it.
    description: str = ""

    def command(self, url, seconds):
        if self.tool == "wrk":
            return ["-t1", f"-c{self.connections}", f"-d{seconds}s", "--latency", *self.arguments, url]
        return ["-t1", f"-c{self.connections}", f"-D{seconds}", *self.arguments, url]


@dataclass
class Measurement:
    """`values`: figures by name. Times are in the unit that the name ends with."""

    values: dict = field(default_factory=dict)
    errors: str = ""
    # What has no median.
    details: dict = field(default_factory=dict)


def cpu_seconds(pids):
    """User and system time of all threads of the processes."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_A_SECOND


def memory_bytes(pids):
    """What the processes occupy, shared pages by their share (Pss); resident size where only that may be read."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1]) * 1024
        except PermissionError:
            total += int(re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)[1]) * 1024
    return total


def shares_of(pids):
    """Proportional shares with what is swapped out of them."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += sum(int(kilobytes) * 1024 for kilobytes in re.findall(r"^(?:Pss|SwapPss):\s+(\d+) kB", text, re.M))
    return total


def pin(pids, cpu):
    """All threads; those that they start later inherit it."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {cpu})


def milliseconds_of(text):
    """wrk's way of writing a time: 459.00us, 2.49ms."""
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()
    return float(number) * UNITS[unit]


def read_wrk(output):
    requests = int(re.search(r"(\d+) requests in", output)[1])
    said = [line.strip() for line in output.splitlines() if "Non-2xx" in line or "Socket errors" in line]
    if not requests:
        raise StepFailed(f"wrk got no answer: {'; '.join(said) or output}")
    # Seconds have a space after them.
    latencies = dict(re.findall(r"^\s+(\d+)%\s+(\S+) *$", output.partition("Latency Distribution")[2], re.M))
    return requests, {
        "requests_per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
        "p50_ms": milliseconds_of(latencies["50"]),
        "p99_ms": milliseconds_of(latencies["99"]),
    }, "; ".join(said)


def read_h2load(output):
    counts = re.search(r"requests: .*?(\d+) done, (\d+) succeeded", output)
    if not counts or not int(counts[2]):
        raise StepFailed(f"h2load got no answer:\n{output[-1500:]}")
    wrong = int(counts[1]) - int(re.search(r"status codes: (\d+) 2xx", output)[1])
    return int(counts[2]), {
        "requests_per_second": float(re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", output)[1]),
    }, f"{wrong} of {counts[1]} answers are not 2xx" if wrong else ""


def read_tls(output):
    """What h2load says was agreed on, so that it can be seen to be the same for all."""
    found = re.findall(r"^(?:TLS Protocol|Cipher|Application protocol): (.*)$", output, re.M)
    return {"tls": ", ".join(found)} if found else {}


def read_h2load_log(text):
    """Its summary knows no percentiles; its log has a line for each request: begin, status, microseconds."""
    times = sorted(int(line.split("\t")[2]) / 1e3 for line in text.splitlines() if line.count("\t") == 2)
    return {"p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100]} if times else {}


READERS = {"wrk": read_wrk, "h2load": read_h2load}


class Meter:
    """Loads contenders for a time. `tools` finds wrk and h2load."""

    def __init__(self, tools, seconds, is_pinned):
        self.tools = tools
        self.seconds = seconds
        self.is_pinned = is_pinned

    def prefix(self):
        return ["taskset", "-c", str(OTHER_CPU)] if self.is_pinned else []

    def settle(self, contender):
        """Puts its processes on their CPUs."""
        if self.is_pinned:
            for name, pids in contender.groups.items():
                pin(pids, FRONT_CPU if name == "front" else OTHER_CPU)

    def measure(self, contender, path, load, seconds=None):
        url, seconds = contender.origin + path, seconds or self.seconds
        before = {name: cpu_seconds(pids) for name, pids in contender.groups.items()}
        output = self.run(load, url, seconds)
        used = {name: cpu_seconds(pids) - before[name] for name, pids in contender.groups.items()}
        requests, values, errors = READERS[load.tool](output)
        for name, spent in used.items():
            values[f"{name}_cpu_us"] = spent / max(requests, 1) * 1e6
            values[f"{name}_memory_bytes"] = memory_bytes(contender.groups[name])
        if used["front"]:
            values["requests_per_front_cpu_second"] = requests / used["front"]
        if load.tool == "h2load":
            values |= self.latencies(load, url)
        return Measurement(values, errors, read_tls(output))

    def latencies(self, load, url):
        """A run for itself: writing the log costs h2load a third of what it can do."""
        with tempfile.NamedTemporaryFile("r") as log:
            self.run(load, url, 1, f"--log-file={log.name}")
            return read_h2load_log(log.read())

    def run(self, load, url, seconds, *more):
        program = self.tools.find(load.tool)
        if not program:
            raise StepFailed(f"{load.tool} is not to be had")
        done = subprocess.run(
            [*self.prefix(), program, *more, *load.command(url, seconds)], env=self.tools.environment(),
            capture_output=True, text=True, check=False, timeout=seconds + 60)
        if done.returncode != 0:
            raise StepFailed(f"{load.tool} failed: {(done.stdout + done.stderr)[-1500:]}")
        return done.stdout


def rotated(items, by):
    """Who goes first changes from round to round."""
    by %= max(len(items), 1)
    return items[by:] + items[:by]


def in_rounds(makers, rounds, measure_one):
    """The measurements of each contender by its name, and why some have none: who fails once is left out."""
    found, left_out = {name: [] for name in makers}, {}
    for _ in range(rounds):
        for name in list(found):
            try:
                found[name].append(measure_one(makers[name]))
            except (StepFailed, OSError, subprocess.SubprocessError) as problem:
                left_out[name] = str(problem)
                del found[name]
    return found, left_out


def middle(values):
    """The median of several dictionaries, each figure for itself."""
    return {name: median(some[name] for some in values) for name in values[0] if all(name in some for some in values)}


def processes():
    """(parent, command line) by pid."""
    found = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(directory.name)] = (parent, (directory / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def descendants(of):
    """(pid, command line) of all processes below one."""
    everything = processes()
    found, level = [], {of}
    while level:
        level = {pid for pid, (parent, _) in everything.items() if parent in level}
        found += [(pid, everything[pid][1]) for pid in level]
    return found


def with_descendants(pid):
    return [pid] + [below for below, _ in descendants(pid)]
