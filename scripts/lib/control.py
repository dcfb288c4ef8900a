"""Runs passenger's commands as a script does, and the server in a place of its own that is gone afterwards."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path


class StepFailed(Exception):
    """Something did not do what it should have; the message is for people."""


class Workspace:
    """A temporary directory with all that a server needs. When root runs it, what is deployed belongs to nobody: a
    server does not run a deploy root of root's."""

    def __init__(self, name):
        # A socket's path may have 107 bytes.
        parent = tempfile.gettempdir() if len(tempfile.gettempdir()) < 32 else "/tmp"
        self.path = Path(tempfile.mkdtemp(prefix=f"passenger-{name}-", dir=parent))
        self.path.chmod(0o755)
        self.root = self.path / "root"
        self.repository = self.path / "repo"
        self.log = self.path / "server.log"
        self.environment = os.environ | {
            "PASSENGER_RUNTIME_DIR": str(self.path / "run"),
            "PASSENGER_STATE_DIR": str(self.path / "state"),
            "PASSENGER_LOG_FILE": str(self.log),
            "NO_COLOR": "1",
            # Nobody's own settings for git, and no questions.
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
        }
        for person in ("AUTHOR", "COMMITTER"):
            self.environment |= {f"GIT_{person}_NAME": "Example", f"GIT_{person}_EMAIL": "example@example.com"}

    def git(self, *arguments):
        subprocess.run(["git", *arguments], cwd=self.repository, env=self.environment, check=True, timeout=60)

    def give_away(self, *paths):
        if os.geteuid() != 0:
            return
        owner = pwd.getpwnam("nobody")
        for path in paths:
            os.chown(path, owner.pw_uid, owner.pw_gid)
            for directory, directories, files in os.walk(path):
                for name in directories + files:
                    os.chown(os.path.join(directory, name), owner.pw_uid, owner.pw_gid, follow_symlinks=False)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Passenger:
    """The program, and the server that it has started."""

    def __init__(self, program, workspace):
        self.program = str(program)
        self.workspace = workspace
        # Each with the time of its start: in a long run a number comes round to another process.
        self._processes = set()
        self._supervisor = None

    def run(self, *arguments, expect=0, timeout=240):
        """The standard output of a command that has to end with the status `expect`."""
        done = subprocess.run(
            [self.program, *arguments], env=self.workspace.environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=timeout, check=False)
        if done.returncode != expect:
            raise StepFailed(
                f"`passenger {' '.join(arguments)}` ended with status {done.returncode} and not {expect}:\n"
                f"{done.stdout}{done.stderr}")
        return done.stdout

    def operate(self, *arguments, seen=lambda event: None, timeout=240):
        """Follows an operation. Returns its exit status, its result, and when it switched (monotonic, None if never)."""
        process = subprocess.Popen(
            [self.program, *arguments, "--json"], env=self.workspace.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True)
        result, switched = {}, None
        guard = threading.Timer(timeout, process.kill)
        guard.start()
        try:
            for line in process.stdout:
                event = json.loads(line)
                if event.get("event") == "switched":
                    switched = time.monotonic()
                if event.get("event") == "finished":
                    result = event["result"]
                if "error" in event:
                    result = {"outcome": "refused", "failure": {"summary": event["error"]["message"]}}
                seen(event)
            process.wait()
        finally:
            guard.cancel()
            if process.poll() is None:
                process.kill()
            process.stdout.close()
            process.wait()
        return process.returncode, result, switched

    def start(self, directory, *flags):
        """Starts a server in the background, on a free port of this machine. Returns the port."""
        return self._start(directory, str(directory), *flags)

    def serve(self, config, directory):
        """The same with the apps of a server file; `directory` is that of one of them."""
        return self._start(directory, "--config", str(config))

    @contextlib.contextmanager
    def foreground(self, config, log, patience):
        """The server of a file as a child of ours: its process. It has `patience` seconds to end."""
        with log.open("w") as output:
            process = subprocess.Popen(
                [self.program, "start", "--config", str(config)], env=self.workspace.environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, directory, *arguments):
        self.run("start", *arguments, "--address", "127.0.0.1", "--port", "0", "--daemonize")
        status = self.status(directory)
        self._supervisor = status["server"]["supervisor_pid"]
        return int(status["server"]["listeners"][0].rpartition(":")[2])

    def status(self, directory):
        status = json.loads(self.run("status", "--root", str(directory), "--json"))
        pids = {status["server"]["supervisor_pid"], status["server"]["core_pid"]}
        for app in status["apps"]:
            for generation in app["generations"]:
                pids |= {worker["pid"] for worker in generation["workers"] if worker.get("pid")}
        self._processes |= {(pid, started_at(pid)) for pid in pids}
        return status

    def stop(self, directory):
        """Returns once everything that the server had started is gone."""
        self.status(directory)
        self.run("stop", "--root", str(directory))
        self._supervisor = None
        deadline = time.monotonic() + 30
        while left := [pid for pid, start in self._processes if start and is_running(pid) and started_at(pid) == start]:
            if time.monotonic() > deadline:
                raise StepFailed(f"these processes are left over: {left}")
            time.sleep(0.05)

    def end(self):
        """Whatever happened: nothing of the server stays. Its workers end with it."""
        if self._supervisor is None or not is_running(self._supervisor):
            return
        os.kill(self._supervisor, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while is_running(self._supervisor) and time.monotonic() < deadline:
            time.sleep(0.05)
        if is_running(self._supervisor):
            os.kill(self._supervisor, signal.SIGKILL)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def started_at(pid):
    """Clock ticks since boot (proc(5), field 22), or nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return None


def end_on_signals():
    """SIGTERM and SIGHUP end a script as Ctrl-C does: with its clean-up."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def table(head, rows):
    """Lines of a table: the first column to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def milliseconds(value):
    """A time in milliseconds, as short as it says enough."""
    if value is None:
        return "-"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"
