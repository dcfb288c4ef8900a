"""The servers that are measured beside each other. Each has a name, an origin, and its processes by name: `front` is what the
clients talk to, `worker` what it passes requests on to."""

import contextlib
import copy
import ctypes
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from control import Passenger, StepFailed, is_running
from load import free_port
from measure import descendants, with_descendants

APPS = Path(__file__).resolve().parents[3] / "Tests/apps"
HELLO = APPS / "hello"
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """What a server leaves behind comes to us, and can be found and ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap():
    """Takes the ends of the orphans, and of no process that somebody still waits for."""
    for pid, command in descendants(os.getpid()):
        if not command and not is_running(pid):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def end_orphans(is_meant=lambda command: True, patience=10):
    """Ends what is still below us."""
    deadline = time.monotonic() + patience
    while rest := [pid for pid, command in descendants(os.getpid()) if command and is_meant(command)]:
        for pid in rest:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if time.monotonic() > deadline else signal.SIGTERM)
        time.sleep(0.1)
        reap()
    reap()


def wait_for(port=None, path=None, process=None):
    """Until something listens, or the process that should has ended."""
    family, address = (socket.AF_UNIX, str(path)) if path else (socket.AF_INET, ("127.0.0.1", port))
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.socket(family) as probe:
                probe.connect(address)
                return
        except OSError:
            if time.monotonic() > deadline or (process and process.poll() is not None):
                raise StepFailed(f"nothing listens on {path or port}") from None
            time.sleep(0.05)


def fetch(url):
    """Status and number of bytes of the answer to a GET."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=20, context=ssl._create_unverified_context())
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    try:
        connection.request("GET", parts.path or "/")
        response = connection.getresponse()
        return response.status, len(response.read())
    except http.client.HTTPException as problem:
        raise StepFailed(f"does not answer as HTTP: {problem!r}") from problem
    finally:
        connection.close()


class Rival:
    """Another server, with a directory of its own. Its programs write what they say to files there."""

    def __init__(self, tools, workspace, name, label):
        self.name = label
        self.tools = tools
        self.place = workspace.path / name
        self.place.mkdir()
        self.place.chmod(0o755)
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.backend = None
        self.groups = {}
        self._running = []

    def launch(self, name, command, environment, directory=None):
        with (self.place / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                [str(part) for part in command], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT)
        self._running.append(process)
        return process

    def processes(self):
        """The first process of each group."""
        raise NotImplementedError

    def ready(self):
        # Most listen before they have started those that answer.
        fetch(self.origin)
        self.groups = {name: with_descendants(process.pid) for name, process in self.processes().items()}

    @contextlib.contextmanager
    def ending_on_failure(self):
        try:
            yield
        except BaseException as problem:
            self.end()
            if isinstance(problem, (StepFailed, OSError)):
                logs = "\n".join(path.read_text(errors="replace")[-800:] for path in self.place.glob("*.log"))
                raise StepFailed(f"{self.name} did not start: {problem}\n{logs}".rstrip()) from None
            raise

    def end(self):
        """The last one started ends first."""
        while self._running:
            process = self._running.pop()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Ours:
    """This program serving a directory in place, one worker, one event loop: as many as the others have."""

    def __init__(self, program, workspace, name, directory, settings, *flags, label="passenger", environment=None):
        self.name = label
        self.groups = {}
        self.directory = workspace.path / f"ours-{name}"
        shutil.copytree(directory, self.directory)
        workspace.give_away(self.directory)
        own = copy.copy(workspace)
        own.environment = workspace.environment | (environment or {})
        self.server = Passenger(program, own)
        settings = {"min_instances": 1, "max_pool_size": 1} | settings
        flags = [text for key, value in settings.items() for text in (f"--{key.replace('_', '-')}", str(value))] + list(flags)
        port = self.server.start(
            self.directory, "--instance-name", name, "--environment", "production", "--event-loops", "1", *flags)
        self.origin = f"http://127.0.0.1:{port}"
        try:
            status = self._ready()
            fetch(self.origin)
        except BaseException:
            self.end()
            raise
        self.core = status["server"]["core_pid"]
        worker = status["apps"][0]["generations"][-1]["workers"][0]["pid"]
        self.groups = {
            "front": [status["server"]["supervisor_pid"], self.core],
            "worker": with_descendants(worker),
        }

    def _ready(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            status = self.server.status(self.directory)
            generations = status["apps"][0]["generations"]
            if generations and generations[-1]["state"] == "live":
                return status
            time.sleep(0.1)
        raise StepFailed("the app did not become live")

    def end(self):
        self.server.end()
