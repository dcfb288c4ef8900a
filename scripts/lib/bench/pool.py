"""What choosing a worker costs by how many there are, and what many apps cost that nobody uses."""

import json
import os
import subprocess
import time
from pathlib import Path

from control import Passenger, StepFailed
from measure import Measurement, cpu_seconds, descendants, shares_of
from report import OURS, Goal

APPS = 1000
IDLE_SECONDS = 30
APP = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'fine']\n"


def measure(bench):
    checkouts(bench)
    idle_apps(bench)


def checkouts(bench):
    program = os.environ.get("PASSENGER_POOL_BENCH")
    title = "A checkout and its checkin by the number of workers, the least of five runs"
    goal = Goal("checkout_ns", at_most=1000), Goal("checkout_growth", at_most=2.0)
    if not program:
        return bench.report.figures("pool", title, [], [], {}, {OURS: "pool-bench was not built"}, list(goal))
    lines = subprocess.run([program], capture_output=True, text=True, check=True, timeout=300).stdout.split("\n")
    costs = {int(workers): float(nanoseconds) for workers, nanoseconds in (line.split() for line in lines if line)}
    values = {"checkout_ns": max(costs.values()), "checkout_growth": max(costs.values()) / min(costs.values())}
    rows = [(f"{workers} workers", f"{cost:.0f} ns") for workers, cost in costs.items()]
    bench.report.figures(
        "pool", title, ["of", "a checkout and checkin"], rows, {OURS: [Measurement(values, details={"ns": costs})]}, {}, list(goal))


def idle_apps(bench):
    found, left_out = {}, {}
    for count in (1, APPS):
        try:
            found[count] = measure_idle(bench, count)
        except (StepFailed, OSError, subprocess.SubprocessError) as problem:
            left_out[f"{count} apps"] = str(problem)
    rows = [
        (f"{count} apps", f"{values['ready_ms']:.0f} ms", f"{values['bytes'] / (1 << 20):.1f} MiB", f"{values['processes']}",
         f"{values['descriptors']}", f"{values['cpu_seconds']:.2f} s")
        for count, values in found.items()
    ]
    measured = {}
    if len(found) == 2:
        per_app = (found[APPS]["bytes"] - found[1]["bytes"]) / (APPS - 1)
        measured = {OURS: [Measurement({"bytes_per_app": per_app, "idle_cpu_percent": found[APPS]["cpu_seconds"] / IDLE_SECONDS * 100})]}
    bench.report.figures(
        "pool", f"Apps of one server that nobody uses: all of the server's processes, {IDLE_SECONDS} s of their CPU time",
        ["server of", "ready after", "memory (PSS)", "processes", "descriptors", "CPU time"], rows, measured, left_out,
        [Goal("bytes_per_app"), Goal("idle_cpu_percent")])


def measure_idle(bench, count):
    place = bench.scenarios.place / bench.scenarios.unique("apps")
    apps = place / "apps"
    apps.mkdir(parents=True)
    for number in range(count):
        (apps / f"app{number:04}").mkdir()
        (apps / f"app{number:04}" / "passenger_wsgi.py").write_text(APP)
    bench.workspace.give_away(place)
    name = bench.scenarios.unique("idle")
    config = place / "server.yml"
    config.write_text(f"port: 0\naddress: 127.0.0.1\napps_dir: {apps}\nmin_instances: 0\ninstance_name: {name}\n")
    server = Passenger(bench.program, bench.workspace)
    began = time.monotonic()
    with server.foreground(config, place / "log", 20) as process:
        wait_for_apps(server, name, count, process)
        ready = time.monotonic() - began
        time.sleep(2)
        pids = [process.pid] + [pid for pid, command in descendants(process.pid) if command]
        before = cpu_seconds(pids)
        time.sleep(IDLE_SECONDS)
        return {
            "ready_ms": ready * 1e3, "bytes": shares_of(pids), "processes": len(pids), "cpu_seconds": cpu_seconds(pids) - before,
            "descriptors": sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids),
        }


def wait_for_apps(server, name, count, process):
    deadline = time.monotonic() + 60
    while True:
        try:
            listed = apps_of(server, name)
            if listed >= count:
                return
        except StepFailed:
            listed = 0
        if time.monotonic() > deadline or process.poll() is not None:
            raise StepFailed(f"{listed} of {count} apps are served")
        time.sleep(0.05)


def apps_of(server, name):
    return len(json.loads(server.run("status", "--instance", name, "--json"))["apps"])
