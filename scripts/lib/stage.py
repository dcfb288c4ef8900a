"""Runs one stage of scripts/test: a command, its time, and what it left behind.

    stage.py NAME MINUTES RESULTS -- COMMAND...

Whatever the command starts ends with it: this process is the subreaper of all its descendants, and one that is still
there when the command has ended is killed and fails the stage. Appends a line of JSON to RESULTS.
"""

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
# What the test runners say about themselves: Swift Testing, minitest, unittest, node:test.
PASSED = [re.compile(p) for p in (r"Test run with (\d+) tests?\b", r"^(\d+) runs, ", r"^Ran (\d+) tests? in", r"^# pass (\d+)")]
FAILED = [re.compile(p) for p in (r"^✘ Test (?!run with ).* failed after", r"^\s+\d+\) (?:Failure|Error):", r"^(?:FAIL|ERROR): ", r"^not ok ")]
# Swift Testing announces each test twice; the linker says this of each function of a sanitizer's.
NOISE = re.compile(r"^◇ Test.* started\.$|ld\.gold: warning: Cannot export local symbol '__[at]san_")
# What the summary repeats: the line of a failure and those that follow it.
TROUBLE = re.compile(r"^✘ Test .*(recorded an issue|failed after)|^\s+\d+\) (?:Failure|Error):|^(?:Failure|Error):|^(?:FAIL|ERROR): |^not ok |error:|ERROR: |^WARNING: ThreadSanitizer")
CONTEXT = 8
MOST_TROUBLE = 120
# How long what a stage has started may take to end after it.
GRACE = 20


def children():
    """Processes whose parent is this one: also those that others have left to it."""
    own = str(os.getpid())
    found = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (directory / "stat").read_text().rpartition(")")[2].split()[:2]
            if parent == own:
                found[int(directory.name)] = (state, (directory / "cmdline").read_text(errors="replace").replace("\0", " ").strip())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def reap():
    """Takes the ends of those that others have left; answers with the processes that still run."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return {}
    return {pid: command for pid, (state, command) in children().items() if state != "Z"}


def end_leftovers():
    """What still ran after the grace. Killing one hands its own children to this process: hence the loop."""
    deadline = time.monotonic() + GRACE
    while (left := reap()) and time.monotonic() < deadline:
        time.sleep(0.1)
    leftovers = dict(left)
    while left := reap():
        leftovers |= left
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    return leftovers


class Counts:
    """Tests passed and failed, as far as the output says, and what it says of the failed ones."""

    def __init__(self):
        self.ran = 0
        self.failed = 0
        self.trouble = []
        self.after = 0

    def read(self, line):
        self.ran += sum(int(match[1]) for pattern in PASSED if (match := pattern.search(line)))
        self.failed += sum(bool(pattern.search(line)) for pattern in FAILED)
        if TROUBLE.search(line):
            self.after = CONTEXT
        if self.after and len(self.trouble) < MOST_TROUBLE:
            self.trouble.append(line[:1000])
            self.after -= 1


def run(command, minutes):
    """Exit status (None when the time was over) and counts."""
    counts = Counts()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    late = threading.Event()

    def end():
        late.set()
        os.killpg(process.pid, signal.SIGKILL)

    guard = threading.Timer(minutes * 60, end)
    guard.start()

    def show():
        # In a thread: a process that is left over may hold the pipe open.
        for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip("\n")
            counts.read(line)
            if not NOISE.search(line):
                print(line, flush=True)

    reader = threading.Thread(target=show, daemon=True)
    reader.start()
    try:
        status = process.wait()
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    finally:
        guard.cancel()
    reader.join(GRACE)
    return (None if late.is_set() else status), counts


def main():
    name, minutes, results, dashes, *command = sys.argv[1:]
    assert dashes == "--"
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda number, frame: (_ for _ in ()).throw(KeyboardInterrupt))
    print(f"\n=== {name}", flush=True)
    began = time.monotonic()
    try:
        status, counts = run(command, float(minutes))
    except KeyboardInterrupt:
        end_leftovers()
        return 130
    except FileNotFoundError as error:
        print(error)
        status, counts = 127, Counts()
    seconds = time.monotonic() - began
    leftovers = end_leftovers()
    reason = None
    if status is None:
        reason = f"took longer than {minutes} minutes"
    elif status != 0:
        reason = f"exit status {status}"
    elif leftovers:
        reason = "left processes behind"
    for pid, process in leftovers.items():
        print(f"left behind: {pid} {process}")
    # A stage that is not made of tests is one itself.
    failed = max(counts.failed, 1) if reason else counts.failed
    passed = max(counts.ran - failed, 0) if counts.ran else int(not reason)
    result = {"name": name, "seconds": seconds, "reason": reason, "passed": passed, "failed": failed}
    if reason:
        result["trouble"] = counts.trouble
    with open(results, "a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")
    print(f"=== {name}: {reason or 'ok'}, {seconds:.0f} s", flush=True)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
