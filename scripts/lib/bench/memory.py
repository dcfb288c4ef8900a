"""What ten workers of a real app take, loaded once and forked or each by itself, here and elsewhere; and how fast one is there."""

import os
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import appservers
from contenders import APPS, Ours, fetch
from control import StepFailed
from measure import Measurement, in_rounds, middle, shares_of, with_descendants
from report import OURS, Goal

WORKERS = 10
DIRECT = "passenger, direct"
PASSENGER_6 = "Passenger 6.0.17"
# Each round starts everything anew, and memory changes little from one to the next.
ROUNDS_AT_MOST = 3
# As many for everybody, however fast: what a worker has answered is what it has written to. After these it writes to little more.
REQUESTS = 2000
READY = re.compile(r"worker w\d+ ready after ([\d.]+) (ms|s)\b")


def measure(bench):
    for name, title, others in (
        ("rails", "Ten workers of a Rails app", {"Puma, preloaded": appservers.puma_cluster}),
        ("django", "Ten workers of a Django app", {"gunicorn, preloaded": appservers.gunicorn_cluster}),
    ):
        makers = {
            OURS: lambda name=name: Preloaded(bench, name),
            DIRECT: lambda name=name: Preloaded(bench, name, "direct"),
            PASSENGER_6: lambda name=name: Passenger6Pool(bench, name),
        } | {label: lambda name=name, launch=launch, label=label: Cluster(bench, name, launch, label) for label, launch in others.items()}
        compare(bench, title, makers)


def compare(bench, title, makers):
    found, left_out = in_rounds(
        makers, min(bench.options.rounds, ROUNDS_AT_MOST), lambda make: measure_one(bench, make))
    rows = []
    for name, measurements in found.items():
        values = middle([some.values for some in measurements])
        rows.append((
            name, f"{values['app_bytes'] / (1 << 20):.0f} MiB", f"{values['app_bytes'] / WORKERS / (1 << 20):.1f} MiB",
            f"{values['server_bytes'] / (1 << 20):.1f} MiB" if values.get("server_bytes") else "-",
            f"{values['processes']:.0f}", f"{values['worker_ms']:.0f} ms" if "worker_ms" in values else "-"))
    goals = [Goal("app_bytes", DIRECT, at_most=0.67), Goal("app_bytes", PASSENGER_6, at_most=1.0)]
    goals += [Goal("app_bytes", name) for name in makers if name not in (OURS, DIRECT, PASSENGER_6)]
    goals += [Goal("worker_ms", at_most=50)]
    bench.report.figures(
        "memory", f"{title}: the proportional share (PSS) of all of the app's processes",
        ["served by", "the app", "a worker", "its server", "processes", "one more worker"], rows, found, left_out, goals)


def measure_one(bench, make):
    contender = make()
    try:
        # A connection each, so that they reach everybody.
        with ThreadPoolExecutor(WORKERS) as clients:
            answers = set(clients.map(lambda _: fetch(contender.origin + "/")[0], range(REQUESTS)))
        if answers != {200}:
            raise StepFailed(f"{contender.name} answered with {sorted(answers)}")
        time.sleep(1)
        processes = contender.app_processes()
        values = {
            "app_bytes": shares_of(processes), "server_bytes": shares_of(contender.server_processes()), "processes": len(processes)}
        return Measurement(values | contender.times())
    finally:
        contender.end()


def prepared(bench, name):
    """A copy of the app with its database made."""
    place = bench.scenarios.place / bench.scenarios.unique(f"app-{name}")
    shutil.copytree(APPS / name, place, ignore=shutil.ignore_patterns("__pycache__", "tmp"))
    if name == "django":
        subprocess.run(
            [appservers.SYSTEM_PYTHON, "manage.py", "migrate", "--verbosity", "0"], cwd=place, check=True, capture_output=True,
            timeout=60)
    else:
        subprocess.run(
            ["bin/rails", "db:migrate", "assets:precompile"], cwd=place, env=os.environ | {"RAILS_ENV": "production"}, check=True,
            capture_output=True, timeout=120)
    bench.workspace.give_away(place)
    return place


class Preloaded(Ours):
    """Its workers come one after another: the time of each is that of a fork, or of a boot, and the first answer. Of those a worker
    is asked for two by itself, `health.interval` apart, and that pause is left out here."""

    def __init__(self, bench, name, method="smart"):
        place = prepared(bench, name)
        self.log = bench.scenarios.place / f"{place.name}.log"
        super().__init__(
            bench.program, bench.workspace, place.name, place, {
                "max_pool_size": WORKERS, "spawn_method": method, "health_path": "/up", "health_successes": 1},
            "--log-file", str(self.log))
        for count in range(2, WORKERS + 1):
            self.server.run("scale", str(count), "--root", str(self.directory))
            self._wait_for_workers(count)

    def _wait_for_workers(self, count):
        deadline = time.monotonic() + 60
        while len(self._ready_times()) < count:
            if time.monotonic() > deadline:
                raise StepFailed(f"{len(self._ready_times())} of {count} workers came up")
            time.sleep(0.1)

    def _ready_times(self):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [float(value) * (1 if unit == "ms" else 1000) for value, unit in READY.findall(text)]

    def times(self):
        return {"worker_ms": median(self._ready_times()[1:])}

    def app_processes(self):
        generation = self.server.status(self.directory)["apps"][0]["generations"][-1]
        pids = [worker["pid"] for worker in generation["workers"]]
        preloader = (generation.get("preloader") or {}).get("pid")
        return pids + ([preloader] if preloader else [])

    def server_processes(self):
        return self.groups["front"]


class Cluster(appservers.Rival):
    """A server that loads the app and forks its workers, itself the front. What it forks from is one of the app's."""

    def __init__(self, bench, name, launch, label):
        super().__init__(bench.tools, bench.workspace, bench.scenarios.unique(name), label)
        self.app = prepared(bench, name)
        with self.ending_on_failure():
            self.front = launch(self, self.app, WORKERS)
            appservers.wait_for(port=self.port, process=self.front)
            deadline = time.monotonic() + 120
            while len(self.app_processes()) < WORKERS + 1:
                if time.monotonic() > deadline:
                    raise StepFailed(f"{len(self.app_processes()) - 1} of {WORKERS} workers came up")
                time.sleep(0.2)

    def app_processes(self):
        return with_descendants(self.front.pid)

    def server_processes(self):
        return []

    def times(self):
        return {}


class Passenger6Pool(appservers.Passenger6):
    """With its smart spawning, whose preloader is one of the app's processes."""

    WORKER = re.compile(r"Passenger (?:\w+App|AppPreloader): |\S+ /\S+/helper-scripts/\S+-loader\.\w+")
    LANGUAGES = {"rails": "ruby", "django": "python"}

    def __init__(self, bench, name):
        super().__init__(
            bench.tools, bench.workspace, bench.scenarios.unique("passenger6"), self.LANGUAGES[name],
            app=prepared(bench, name), workers=WORKERS)

    def ready(self):
        deadline = time.monotonic() + 120
        while True:
            super().ready()
            if len(self.groups["worker"]) >= WORKERS:
                return
            if time.monotonic() > deadline:
                raise StepFailed(f"{len(self.groups['worker'])} of {WORKERS} workers came up")
            time.sleep(0.5)

    def app_processes(self):
        super().ready()
        return self.groups["worker"]

    def server_processes(self):
        return self.groups["front"]

    def times(self):
        return {}
