"""What people run: a Rails, a Django and an Express app, each served in every way that there is for it, in turn."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import appservers
from contenders import APPS, Ours, Rival, end_orphans, fetch, wait_for
from control import StepFailed
from measure import Load, Measurement, descendants, middle, with_descendants
from nginx import NginxProxy
from report import OURS, Goal, mebibytes, milliseconds

STANDALONE = "Passenger 6.0.17"
APACHE = "Apache + Passenger 6"
NOTES = 20
# One after another: what an app does with several at a time is its own affair.
CONNECTIONS = 16


@dataclass(frozen=True)
class App:
    """`others`: what is put behind nginx, by its name; it is told to have so many workers."""

    name: str
    title: str
    directory: str
    language: str
    workers: int
    others: dict
    # Run in the app's directory before it is served.
    preparation: tuple = ()
    database: str = ""
    environment: dict = field(default_factory=dict)
    packages: tuple = ()


def puma(rival, path, app, workers):
    return rival.launch("app", [
        "ruby", "-e", appservers.PUMA, "--", "--threads", "1:1", "--workers", workers, "--preload", "--environment", "production",
        "--quiet", "--bind", f"unix://{path}", app / "config.ru"],
        rival.tools.ruby_environment() | {"RAILS_ENV": "production"}, app)


def gunicorn(rival, path, app, workers):
    appservers.needed(rival.tools, "gunicorn")
    return rival.launch("app", [
        appservers.SYSTEM_PYTHON, "-m", "gunicorn", "--workers", workers, "--preload", "--bind", f"unix:{path}", "passenger_wsgi"],
        rival.tools.python_environment(), app)


def node(rival, path, app, workers):
    return rival.launch("app", ["node", app / "app.js"], os.environ | {"PORT": str(path), "NODE_ENV": "production"}, app)


# Debian's packages.
NODE_PACKAGES = Path("/usr/share/nodejs")

RAILS = App(
    "rails", "A Rails app: a page of 20 records", "rails", "ruby", 2, {"nginx + Puma": puma},
    (("bin/rails", "db:migrate", "assets:precompile"),), "storage/notes.sqlite3", {"RAILS_ENV": "production"})
DJANGO = App(
    "django", "A Django app: a page of 20 records", "django", "python", 2, {"nginx + gunicorn": gunicorn},
    ((appservers.SYSTEM_PYTHON, "manage.py", "migrate", "--verbosity", "0"),), "notes.sqlite3")
EXPRESS = App(
    "express", "An Express app: a line of HTML", "frameworks/express", "node", 1, {"nginx + Node": node},
    packages=("express", "ws"))


def measure(bench):
    for app in (RAILS, DJANGO, EXPRESS):
        compare(bench, app)


def compare(bench, app):
    prepared = prepare(bench, app)
    makers = {
        OURS: lambda: Served(bench, app, prepared),
        STANDALONE: lambda: Standalone(bench, app, prepared),
        APACHE: lambda: Apache(bench, app, prepared),
    } | {label: lambda label=label, launch=launch: Behind(bench, app, prepared, launch, label) for label, launch in app.others.items()}
    found, left_out = bench.scenarios.measured(makers, Load(connections=CONNECTIONS), "/")
    for measurements in found.values():
        for some in measurements:
            some.values["memory_bytes"] = some.values["front_memory_bytes"] + some.values["worker_memory_bytes"]
    rows = []
    for name, measurements in found.items():
        values = middle([some.values for some in measurements])
        rows.append((
            name, f"{values['requests_per_second']:.0f}", milliseconds(values["p50_ms"]), milliseconds(values["p99_ms"]),
            mebibytes(values["worker_memory_bytes"]), mebibytes(values["front_memory_bytes"]), mebibytes(values["memory_bytes"])))
    goals = [Goal("requests_per_second", name) for name in makers if name != OURS]
    goals += [Goal("memory_bytes", name) for name in makers if name != OURS]
    workers = "one worker" if app.workers == 1 else f"{app.workers} workers"
    bench.report.figures(
        "frameworks", f"{app.title}, {workers}, {CONNECTIONS} connections; memory is PSS after each round",
        ["served by", "requests/s", "p50", "p99", "the app", "its server", "both"], rows, found, left_out, goals)


def prepare(bench, app):
    """A copy of the app with its database and its assets; each contender has a copy of that."""
    place = bench.scenarios.place / bench.scenarios.unique(f"app-{app.name}")
    shutil.copytree(APPS / app.directory, place, ignore=shutil.ignore_patterns("__pycache__", "tmp", "*.sqlite3"))
    (place / "public").mkdir(exist_ok=True)
    install(app.packages, place / "node_modules")
    for command in app.preparation:
        done = subprocess.run(
            command, cwd=place, env=os.environ | app.environment, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise StepFailed(f"{' '.join(command)} failed:\n{done.stdout[-800:]}{done.stderr[-800:]}")
    if app.database:
        table = "notes_note" if app.name == "django" else "notes"
        with sqlite3.connect(place / app.database) as database:
            database.executemany(f"INSERT INTO {table} (text) VALUES (?)", [(f"note number {n}",) for n in range(NOTES)])
    return place


def install(packages, place):
    """Them and what they need, where every Node.js looks for it: only Debian's own looks where Debian puts it."""
    waiting, there = list(packages), set()
    while waiting:
        name = waiting.pop()
        if name in there:
            continue
        there.add(name)
        source = NODE_PACKAGES / name
        if not source.exists():
            # Types and the like, which nothing loads.
            continue
        shutil.copytree(source.resolve(), place / name, symlinks=False, ignore_dangling_symlinks=True)
        described = json.loads((source / "package.json").read_text())
        waiting += described.get("dependencies", {})


def copied(rival, prepared, workspace):
    directory = rival.place / "app"
    shutil.copytree(prepared, directory)
    workspace.give_away(directory)
    return directory


def wait_for_workers(count, found, what):
    """All who are to share the load are there before it is measured."""
    deadline = time.monotonic() + 120
    while (there := found()) < count:
        if time.monotonic() > deadline:
            raise StepFailed(f"{there} of {count} {what} came up")
        time.sleep(0.2)


class Served(Ours):
    def __init__(self, bench, app, prepared):
        health = {"health_path": "/up"}
        super().__init__(
            bench.program, bench.workspace, bench.scenarios.unique(app.name), prepared,
            {"min_instances": app.workers, "max_pool_size": app.workers} | health, environment=app.environment)
        wait_for_workers(app.workers, lambda: len(self._workers()), "workers")
        app = self._processes()
        supervisor = self.groups["front"][0]
        self.groups = {"front": [pid for pid in with_descendants(supervisor) if pid not in app], "worker": app}

    def _generation(self):
        return self.server.status(self.directory)["apps"][0]["generations"][-1]

    def _workers(self):
        return [worker["pid"] for worker in self._generation()["workers"] if worker["state"] == "available"]

    def _processes(self):
        preloader = (self._generation().get("preloader") or {}).get("pid")
        return [pid for worker in self._workers() for pid in with_descendants(worker)] + ([preloader] if preloader else [])


class Behind(NginxProxy):
    """An app's own server on a Unix socket, nginx in front of it."""

    def __init__(self, bench, app, prepared, launch, label):
        self.app = app

        def backend(rival, path):
            return launch(rival, path, copied(rival, prepared, bench.workspace), app.workers)

        super().__init__(bench.tools, bench.workspace, bench.scenarios.unique("behind"), backend, label)

    def ready(self):
        # What forks its workers is a process more.
        processes = self.app.workers + (1 if self.app.workers > 1 else 0)
        wait_for_workers(processes, lambda: len(with_descendants(self.backend.pid)), "processes")
        super().ready()


class Passenger6Processes:
    """Which of the processes below us are those of one Passenger 6 of several."""

    AGENT = re.compile(r"Passenger (?:watchdog|core)")
    APP = re.compile(r"Passenger (?:\w+App|AppPreloader): |\S+ /\S+/helper-scripts/\S+-loader\.\w+")
    MARK = "PASSENGER_BENCH_PLACE"

    def own(self):
        return [(pid, command) for pid, command in descendants(os.getpid()) if self._is_own(pid, command)]

    def _is_own(self, pid, command):
        # Ruby writes its title over its environment, which has the app's path then; Python's and the agents' have the mark.
        try:
            with open(f"/proc/{pid}/environ", "rb") as variables:
                marked = f"{self.MARK}={self.place}".encode() in variables.read().split(b"\0")
            return marked or str(self.place) in command or os.readlink(f"/proc/{pid}/cwd").startswith(str(self.place))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False

    def worker_pids(self):
        return [pid for pid, command in self.own() if self.APP.match(command) and "AppPreloader" not in command]

    def count(self, workers, more=()):
        wait_for_workers(workers, lambda: len(self.worker_pids()), "workers")
        own = self.own()
        agents = [pid for pid, command in own if self.AGENT.match(command)]
        app = [pid for pid, command in own if self.APP.match(command)]
        self.groups = {"front": agents + [pid for pid in more if pid not in agents + app], "worker": app}

    def end_all(self):
        end_orphans(lambda command: str(self.place) in command)
        own = {pid for pid, _ in self.own()}
        end_orphans(lambda command: any(pid in own for pid, text in descendants(os.getpid()) if text == command))


class Standalone(Passenger6Processes, appservers.Passenger6):
    """`passenger start` of Debian's package."""

    def __init__(self, bench, app, prepared):
        self.app = app
        super().__init__(
            bench.tools, bench.workspace, bench.scenarios.unique("standalone"), app.language, app=prepared, workers=app.workers)

    def _environment(self):
        return super()._environment() | self.app.environment | {self.MARK: str(self.place)}

    def ready(self):
        self.count(self.app.workers)


class Apache(Passenger6Processes, Rival):
    """Debian's Apache with its libapache2-mod-passenger."""

    CONFIGURATION = """\
ServerRoot {place}
PidFile {place}/apache.pid
ErrorLog {place}/error.log
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
{modules}
{user}
StartServers 1
MinSpareThreads 25
MaxSpareThreads 75
KeepAlive On
MaxKeepAliveRequests 0
PassengerRoot {place}/locations.ini
PassengerInstanceRegistryDir {place}/registry
PassengerLogFile {place}/passenger.log
PassengerDefaultRuby /usr/bin/ruby
PassengerPython {python}
PassengerNodejs {node}
PassengerMaxPoolSize {workers}
PassengerDisableSecurityUpdateCheck on
PassengerDisableAnonymousTelemetry on
PassengerTurbocaching off
<VirtualHost 127.0.0.1:{port}>
  DocumentRoot {app}/public
  PassengerAppRoot {app}
  PassengerAppEnv production
  PassengerMinInstances {workers}
  <Directory {app}/public>
    Require all granted
    Options -MultiViews
  </Directory>
</VirtualHost>
"""

    def __init__(self, bench, app, prepared):
        super().__init__(bench.tools, bench.workspace, bench.scenarios.unique("apache"), APACHE)
        self.app = app
        (self.place / "tmp").mkdir()
        (self.place / "registry").mkdir()
        directory = copied(self, prepared, bench.workspace)
        self._configure(directory)
        with self.ending_on_failure():
            self.front = self.launch(
                "front", [appservers.needed(self.tools, "apache2"), "-f", self.place / "apache.conf", "-DFOREGROUND"],
                self.tools.ruby_environment() | app.environment | {
                    self.MARK: str(self.place), "TMPDIR": str(self.place / "tmp")})
            wait_for(port=self.port, process=self.front)
            fetch(self.origin)
            # Itself and its children; the agents are below it too.
            self.count(app.workers, more=[pid for pid, command in self.own() if "apache2" in command.split(" ")[0]])

    def _configure(self, directory):
        others = self.tools.others
        locations = others / "usr/lib/ruby/vendor_ruby/phusion_passenger/locations.ini"
        module = others / "usr/lib/apache2/modules/mod_passenger.so"
        if not locations.exists() or not module.exists():
            raise StepFailed("libapache2-mod-passenger is not to be had")
        (self.place / "locations.ini").write_text(locations.read_text().replace("=/usr", f"={others}/usr"))
        modules = {name: f"{others}/usr/lib/apache2/modules/mod_{name}.so" for name in ("mpm_event", "authz_core", "passenger")}
        (self.place / "apache.conf").write_text(self.CONFIGURATION.format(
            place=self.place, port=self.port, app=directory, workers=self.app.workers, python=appservers.SYSTEM_PYTHON,
            node=shutil.which("node") or "node",
            modules="\n".join(f"LoadModule {name}_module {path}" for name, path in modules.items()),
            user="User nobody\nGroup nogroup\nPassengerUser nobody\nPassengerGroup nogroup" if os.geteuid() == 0 else ""))

    def processes(self):
        return {"front": self.front}

    def end(self):
        super().end()
        self.end_all()
