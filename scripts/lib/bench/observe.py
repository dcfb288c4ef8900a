"""What it costs to look at a large server: 200 apps with 2,000 workers, and what the clients of another app notice of it."""

import http.client
import json
import socket
import subprocess
import threading
import time
from pathlib import Path
from statistics import median

from contenders import APPS, HELLO
from control import Passenger, StepFailed
from load import free_port
from measure import READERS, Load, Measurement
from report import OURS, Goal

APPS_OF_IT = 200
WORKERS_EACH = 10
LOOKS = 30
SCRAPE_INTERVAL = 1.0
PATIENCE = 300


def measure(bench):
    title = f"A server of {APPS_OF_IT} apps and {APPS_OF_IT * WORKERS_EACH} workers, looked at"
    goals = [Goal("status_ms", at_most=100), Goal("scrape_ms", at_most=50), Goal("p99_ratio")]
    try:
        found, rows = measure_one(bench)
        bench.report.figures("observe", title, ["what", "median", "worst"], rows, {OURS: found}, {}, goals)
    except (StepFailed, OSError, subprocess.SubprocessError) as problem:
        bench.report.figures("observe", title, [], [], {}, {OURS: str(problem)}, goals)


def measure_one(bench):
    place = bench.scenarios.place / bench.scenarios.unique("observe")
    place.mkdir(parents=True)
    name, port = bench.scenarios.unique("observe"), free_port()
    config = server_file(place, name, port)
    bench.workspace.give_away(place)
    server = Passenger(bench.program, bench.workspace)
    with server.foreground(config, place / "log", 90) as process:
        wait_for_workers(server, name, process)
        admin = next(Path(bench.workspace.environment["PASSENGER_RUNTIME_DIR"]).glob(f"**/{name}/admin.sock"))
        times = {
            "`passenger status`": timed(lambda: server.run("status", "--instance", name)),
            "`passenger status --json`": timed(lambda: server.run("status", "--instance", name, "--json")),
            "GET /status": timed(lambda: get(admin, "/status")),
            "GET /metrics": timed(lambda: get(admin, "/metrics")),
        }
        rounds = [clients(bench, port, admin) for _ in range(bench.options.rounds)]
        found = [
            Measurement({
                "status_ms": median(times["`passenger status --json`"]), "scrape_ms": median(times["GET /metrics"]),
                "p99_ratio": scraped["p99_ms"] / alone["p99_ms"]})
            for alone, scraped in rounds
        ]
        rows = [(what, f"{median(some):.1f} ms", f"{max(some):.1f} ms") for what, some in times.items()]
        for number, what in enumerate(("p99 of a client, nobody looks", f"the same, a scrape each {SCRAPE_INTERVAL:g} s")):
            values = [one[number]["p99_ms"] for one in rounds]
            rows.append((what, f"{median(values):.2f} ms", f"{max(values):.2f} ms"))
        return found, rows


def server_file(place, name, port):
    stub = place / "stub"
    stub.mkdir()
    subprocess.run(["cc", "-O2", "-static", "-o", str(stub / "server"), str(APPS / "c/server.c")], check=True, timeout=60)
    apps = {
        f"stub{number:03}": {
            "root": str(stub), "app_start_command": "./server", "base_uri": f"/stub{number:03}", "min_instances": WORKERS_EACH,
            "prestart": True}
        for number in range(APPS_OF_IT)
    }
    # It is in the way of no other: what it says is what the load is measured with.
    hello = place / "hello"
    hello.mkdir()
    for file in (HELLO / "python").iterdir():
        if file.is_file():
            (hello / file.name).write_bytes(file.read_bytes())
    apps["hello"] = {"root": str(hello), "min_instances": 1, "health": {"successes": 2}}
    config = place / "server.yml"
    # JSON is YAML.
    config.write_text(json.dumps({
        "port": port, "address": "127.0.0.1", "instance_name": name, "event_loops": 1,
        "max_pool_size": APPS_OF_IT * WORKERS_EACH + 10, "health": {"successes": 1}, "start_timeout": "120s", "apps": apps}))
    return config


def wait_for_workers(server, name, process):
    deadline = time.monotonic() + PATIENCE
    wanted = APPS_OF_IT * WORKERS_EACH
    while True:
        try:
            status = json.loads(server.run("status", "--instance", name, "--json"))
            ready = sum(
                worker["state"] in ("available", "working") for app in status["apps"] for generation in app["generations"]
                for worker in generation["workers"])
            if ready >= wanted:
                return
        except StepFailed:
            ready = 0
        if time.monotonic() > deadline or process.poll() is not None:
            raise StepFailed(f"{ready} of {wanted} workers are ready")
        time.sleep(1)


def timed(action):
    times = []
    for _ in range(LOOKS):
        began = time.monotonic()
        action()
        times.append((time.monotonic() - began) * 1e3)
    return times


class Admin(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def get(admin, path):
    connection = Admin(admin)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise StepFailed(f"GET {path}: {answer.status} {text[:200]}")
        return text
    finally:
        connection.close()


def clients(bench, port, admin):
    """Of the same seconds but one: the figures of clients while nobody looks, and while Prometheus does."""
    load = Load(connections=8)
    url = f"http://127.0.0.1:{port}/"
    alone = asked(bench, load, url)
    ended = threading.Event()
    scraper = threading.Thread(target=scrape, args=(admin, ended))
    scraper.start()
    try:
        return alone, asked(bench, load, url)
    finally:
        ended.set()
        scraper.join()


def asked(bench, load, url):
    return READERS[load.tool](bench.meter.run(load, url, bench.options.seconds))[1]


def scrape(admin, ended):
    while not ended.wait(SCRAPE_INTERVAL):
        get(admin, "/metrics")
