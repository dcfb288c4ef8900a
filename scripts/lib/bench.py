"""Measures passenger beside others. scripts/bench runs it; see there for what is measured."""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from contenders import (
    HELLO, NginxProxy, Ours, Passenger6, adopt_orphans, nginx_app, nginx_backend, node_backend)
from control import Passenger, StepFailed, Workspace, end_on_signals, milliseconds, table
from measure import CONNECTIONS, measure, middle

EACH = int(os.environ.get("SECONDS_EACH", "5"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
DEPLOYS = 5


class Bench:
    def __init__(self, program, others, workspace):
        self.program = program
        self.workspace = workspace
        nginx = others / "usr/sbin/nginx"
        self.nginx = str(nginx) if nginx.exists() else shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        self.others = others if (others / "usr/bin/passenger").exists() else None
        self.running = []

    # One run, the contenders in turn: a machine that is busy for a while is so for all of them.
    def compare(self, makers):
        """(name, median) of each that starts; one that does not is left out, with its reason."""
        for make in makers:
            try:
                self.running.append(make())
            except (StepFailed, OSError) as problem:
                print(f"left out: {problem}")
        for contender in self.running:
            measure(contender.url, 1, contender.groups)
        found = {contender: [] for contender in self.running}
        for _ in range(ROUNDS):
            for contender in self.running:
                found[contender].append(measure(contender.url, EACH, contender.groups))
        results = [(contender.name, middle(measurements)) for contender, measurements in found.items()]
        self.end()
        return results

    def end(self):
        while self.running:
            self.running.pop().end()

    def gateway(self):
        """The same work for each: pass requests on to an nginx on a Unix socket that answers with 12 bytes."""
        if not self.nginx:
            print("nginx is not to be had: no comparison of gateways.")
            return
        place = self.workspace.path
        settings = nginx_app(self.nginx, place / "nginx-app")
        results = self.compare([
            lambda: NginxProxy(self.nginx, self.workspace, "g", nginx_backend(self.nginx, place / "backend")),
            lambda: Ours(self.program, self.workspace, "g", place / "nginx-app", settings),
        ])
        show(
            "In front of an nginx on a Unix socket that answers with 12 bytes",
            ["proxy, one event loop", "CPU a request", "requests/s", "median"],
            [(name, cost(m, "core"), f"{m.requests_a_second:.0f}", m.median_latency) for name, m in results], results)

    def apps(self):
        rows, everything = [], []
        for language in ("ruby", "python", "node"):
            makers = [lambda: Ours(self.program, self.workspace, language, HELLO / language, {})]
            if self.others:
                makers.append(lambda: Passenger6(self.others, self.workspace, language))
            if self.nginx and language == "node":
                makers.append(lambda: NginxProxy(self.nginx, self.workspace, "node", node_backend))
            results = self.compare(makers)
            everything += results
            for name, m in results:
                rows.append((
                    language, name, f"{m.requests_a_second:.0f}", cost(m, "core"), cost(m, "worker"), m.median_latency))
        show(
            "One worker that answers with 12 bytes",
            ["app", "served by", "requests/s", "CPU a request: server", "worker", "median"], rows, everything)

    def deploy(self):
        rows = [self.deploys_of(language) for language in ("ruby", "python", "node")]
        show(
            f"Deploys of an app of ten files, two workers, no other load; medians of {DEPLOYS}",
            ["app", "command to switched", "of that, in the server", "the switch itself",
             "rollback: command to switched", "the switch itself"], rows)

    def deploys_of(self, language):
        """Deploys a new commit and goes back to the first, again and again."""
        workspace = Workspace("bench")
        passenger = Passenger(self.program, workspace)
        try:
            root = str(workspace.root)
            workspace.repository.mkdir()
            workspace.root.mkdir()
            shutil.copytree(HELLO / language, workspace.repository, dirs_exist_ok=True)
            (workspace.repository / "Passengerfile.yml").write_text("min_instances: 2\ndeploy:\n  bake: 1s\n")
            for number in range(8):
                (workspace.repository / f"file-{number}.txt").write_text(f"{number}\n" * 500)
            workspace.git("init", "--quiet", "--initial-branch=main")
            for number in range(DEPLOYS + 1):
                (workspace.repository / "file-0.txt").write_text(f"version {number}\n")
                workspace.git("add", ".")
                workspace.git("commit", "--quiet", "--message", f"Version {number}")
                workspace.git("tag", f"v{number}")
            workspace.give_away(workspace.repository, workspace.root)
            self.operate(passenger, "deploy", "v0", "--root", root, "--repo", str(workspace.repository))
            passenger.start(root, "--instance-name", "bench")
            self.operate(passenger, "deploys", "attach", "1", "--root", root)
            deploys, rollbacks = [], []
            for number in range(1, DEPLOYS + 1):
                deploys.append(self.operate(passenger, "deploy", f"v{number}", "--root", root))
                rollbacks.append(self.operate(passenger, "rollback", "--root", root))
            passenger.stop(root)
            deploys, rollbacks = zip(*deploys), zip(*rollbacks)
            command, server, switch = (median(values) for values in deploys)
            back, _, back_switch = (median(values) for values in rollbacks)
            return (language, *map(milliseconds, (command, server, switch, back, back_switch)))
        finally:
            passenger.end()
            workspace.remove()

    @staticmethod
    def operate(passenger, *arguments):
        """Milliseconds from the command to the switch, of the steps until then, and of the switch."""
        steps, is_switched = 0.0, False

        def seen(event):
            nonlocal steps, is_switched
            is_switched = is_switched or event.get("event") == "switched"
            if event.get("event") == "step_finished" and not is_switched:
                steps += event["seconds"] * 1e3

        began = time.monotonic()
        code, result, switched = passenger.operate(*arguments, seen=seen)
        if code != 0:
            raise StepFailed(f"`passenger {' '.join(arguments)}` failed: {result}")
        return ((switched or began) - began) * 1e3, steps, result.get("switch_milliseconds") or 0.0


def cost(measurement, group):
    value = measurement.cpu.get(group)
    return "-" if value is None else f"{value:.1f} us"


def show(title, head, rows, results=()):
    print(f"\n{title}\n")
    print("\n".join(table(head, rows)))
    for name, measurement in results:
        if measurement.errors:
            print(f"{name}: {measurement.errors}")
    sys.stdout.flush()


def describe_machine(bench):
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.machine())
    print(f"{os.cpu_count()} x {model}, Linux {platform.release()}")

    def version(*command):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
            return (done.stdout + done.stderr).strip().splitlines()[0]
        except (OSError, IndexError, subprocess.SubprocessError):
            return None

    versions = [
        version(bench.program, "--version"), version(bench.nginx, "-v") if bench.nginx else None,
        version("ruby", "--version"), version("/usr/bin/python3", "--version"),
        "Node " + (version("node", "--version") or ""), version("wrk", "-v")]
    print("; ".join(text.split(" Copyright")[0] for text in versions if text))
    print(f"wrk: one thread, {CONNECTIONS} connections, {EACH} s, the contenders in turn, medians of {ROUNDS} rounds")
    load = os.getloadavg()[0]
    if load > 1.5:
        print(f"warning: the machine is busy (load {load:.1f}); the figures will be worse than they are")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--others", type=Path, required=True, help="where nginx and Passenger 6 were unpacked")
    parser.add_argument("program")
    parser.add_argument("parts", nargs="+", choices=["gateway", "apps", "deploy"])
    options = parser.parse_args()
    end_on_signals()
    adopt_orphans()
    workspace = Workspace("bench")
    bench = Bench(options.program, options.others, workspace)
    try:
        describe_machine(bench)
        for part in options.parts:
            getattr(bench, part)()
    except (StepFailed, OSError, subprocess.SubprocessError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        if workspace.log.exists():
            print(workspace.log.read_text(errors="replace")[-2000:], file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        bench.end()
        workspace.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
