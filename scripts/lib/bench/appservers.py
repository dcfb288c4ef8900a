"""Those that run apps: Passenger 6, and the servers that people put behind nginx."""

import contextlib
import os
import re
import shutil
import signal
import subprocess

from contenders import HELLO, Rival, end_orphans, fetch, wait_for
from control import StepFailed
from measure import descendants

SYSTEM_PYTHON = "/usr/bin/python3"
PUMA = 'require "puma/cli"; Puma::CLI.new(ARGV).run'


def puma(rival, path):
    """One process with one thread. Its command looks for installed gems; this does what the command does."""
    app = HELLO / "ruby"
    return rival.launch("app", [
        "ruby", "-e", PUMA, "--", "--threads", "1:1", "--workers", "0", "--environment", "production", "--quiet",
        "--bind", f"unix://{path}", app / "config.ru"], rival.tools.ruby_environment(), app)


def unicorn(rival, path):
    app = HELLO / "ruby"
    return rival.launch("app", [
        "ruby", needed(rival.tools, "unicorn"), "--env", "production", "--listen", path, app / "config.ru"],
        rival.tools.ruby_environment(), app)


def gunicorn(rival, path):
    """One synchronous worker."""
    needed(rival.tools, "gunicorn")
    return rival.launch("app", [
        SYSTEM_PYTHON, "-m", "gunicorn", "--workers", "1", "--bind", f"unix:{path}", "passenger_wsgi"],
        rival.tools.python_environment(), HELLO / "python")


def puma_cluster(rival, app, workers):
    return rival.launch("front", [
        "ruby", "-e", PUMA, "--", "--threads", "1:1", "--workers", workers, "--preload", "--environment", "production",
        "--quiet", "--bind", f"tcp://127.0.0.1:{rival.port}", app / "config.ru"],
        rival.tools.ruby_environment() | {"RAILS_ENV": "production"}, app)


def gunicorn_cluster(rival, app, workers):
    needed(rival.tools, "gunicorn")
    return rival.launch("front", [
        SYSTEM_PYTHON, "-m", "gunicorn", "--workers", workers, "--preload", "--bind", f"127.0.0.1:{rival.port}",
        "passenger_wsgi"], rival.tools.python_environment(), app)


def node(rival, path):
    return rival.launch("app", ["node", HELLO / "node/app.js"], os.environ | {"PORT": str(path)})


def uwsgi(rival, path):
    return launch_uwsgi(rival, "app", "--socket", path, "--chmod-socket=666")


def launch_uwsgi(rival, name, *listener):
    plugins = rival.tools.others / "usr/lib/uwsgi/plugins"
    where = ["--plugins-dir", plugins] if plugins.exists() else []
    plugin = next((path.name.removesuffix("_plugin.so") for path in plugins.glob("python3*_plugin.so")), "python3")
    return rival.launch(name, [
        needed(rival.tools, "uwsgi-core"), *where, "--plugin", plugin, *listener, "--wsgi-file", "passenger_wsgi.py",
        "--processes", "1", "--master", "--need-app", "--disable-logging", "--die-on-term"],
        rival.tools.environment(), HELLO / "python")


def needed(tools, program):
    found = tools.find(program)
    if not found:
        raise StepFailed(f"{program} is not to be had")
    return found


class UWSGI(Rival):
    """uWSGI alone: its one process is both the front and the worker, and it closes each connection."""

    def __init__(self, tools, workspace, name):
        super().__init__(tools, workspace, name, "uWSGI http-socket")
        with self.ending_on_failure():
            # It does not say that it closes; without that, clients ask again on a connection that is gone.
            self.front = launch_uwsgi(
                self, "front", "--http-socket", f"127.0.0.1:{self.port}", "--add-header", "Connection: close")
            wait_for(port=self.port, process=self.front)
            self.ready()

    def processes(self):
        return {"front": self.front}


class Passenger6(Rival):
    """Debian's Passenger with its builtin engine, one worker, its response cache off."""

    WORKER = re.compile(r"Passenger \w+App: |\S+ /\S+/helper-scripts/\S+-loader\.\w+")

    def __init__(self, tools, workspace, name, language, app=None, workers=1):
        super().__init__(tools, workspace, name, "Passenger 6.0.17")
        shutil.copytree(app or HELLO / language, self.place / "app")
        self.workers = workers
        for directory in ("registry", "tmp"):
            (self.place / directory).mkdir()
        (self.place / "core.log").touch()
        environment = self._environment()
        # Started by root, all of it runs as the user that it is told.
        workspace.give_away(self.place)
        with self.ending_on_failure():
            self.front = self.launch("front", self._command(language), environment, self.place / "app")
            wait_for(port=self.port, process=self.front)
            fetch(self.origin)
            self.ready()

    def _command(self, language):
        interpreter = {
            "ruby": [], "python": ["--python", SYSTEM_PYTHON], "node": ["--nodejs", shutil.which("node") or "node"]}[language]
        command = [
            "ruby", self.tools.others / "usr/bin/passenger", "start", "--engine", "builtin", "--disable-turbocaching",
            "--no-compile-runtime", "--address", "127.0.0.1", "--port", self.port, "--environment", "production",
            "--max-pool-size", self.workers, "--min-instances", self.workers, "--instance-registry-dir", self.place / "registry",
            "--pid-file", self.place / "pid", "--log-file", self.place / "core.log", "--disable-security-update-check",
            "--disable-anonymous-telemetry", *interpreter,
        ]
        return command + (["--user", "nobody"] if os.geteuid() == 0 else [])

    def _environment(self):
        """Its package lies elsewhere than it was made for."""
        others = self.tools.others
        locations = others / "usr/lib/ruby/vendor_ruby/phusion_passenger/locations.ini"
        if not locations.exists():
            raise StepFailed("Passenger 6 is not to be had")
        (self.place / "locations.ini").write_text(locations.read_text().replace("=/usr", f"={others}/usr"))
        return self.tools.ruby_environment() | {
            "PASSENGER_LOCATION_CONFIGURATION_FILE": str(self.place / "locations.ini"),
            "TMPDIR": str(self.place / "tmp"),
        }

    def ready(self):
        below = descendants(os.getpid())
        front = [pid for pid, command in below if command.startswith("Passenger core")]
        worker = [pid for pid, command in below if self.WORKER.match(command)]
        if not front or not worker:
            raise StepFailed(f"its processes were not found among {below}")
        self.groups = {"front": front, "worker": worker}

    def end(self):
        for process in self._running:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        super().end()
        # One of them keeps its temporary files young for ever.
        end_orphans(lambda command: command.startswith("Passenger ") or str(self.place) in command)
