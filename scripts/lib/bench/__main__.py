"""Measures passenger beside others. scripts/bench runs it; see there for what is measured."""

import argparse
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

# By path and not by PYTHONPATH, which the Python apps would inherit.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import checkouts
import deploys
import frameworks
import memory
import observe
import pool
from contenders import adopt_orphans, end_orphans
from control import StepFailed, Workspace
from measure import Meter
from report import Report
from scenarios import Scenarios
from tools import Tools

SCENARIOS = ("proxy", "proxy-headers", "proxy-post", "proxy-large", "idle", "allocations", "workers", "static", "tls", "frameworks", "memory", "pool", "observe", "deploy", "checkout")

# Those that are not about requests per second.
OWN = {"checkout": checkouts, "deploy": deploys, "frameworks": frameworks, "memory": memory, "observe": observe, "pool": pool}


class Bench:
    """What a scenario needs to be measured."""

    def __init__(self, options, workspace):
        self.options = options
        self.program = options.program
        self.workspace = workspace
        self.tools = Tools(options.others)
        self.meter = Meter(self.tools, options.seconds, options.pin)
        self.report = Report(self.machine())
        self.scenarios = Scenarios(self)

    def run(self, name):
        if name in OWN:
            OWN[name].measure(self)
        else:
            getattr(self.scenarios, name.replace("-", "_"))()

    def machine(self):
        model = next(
            (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")), platform.machine())
        version = self.tools.version
        versions = [
            version(self.program, "--version"), version("nginx", "-v"), version("haproxy", "-v"),
            version("h2load", "--version"), version("wrk", "-v"), version("ruby", "--version"),
            version("/usr/bin/python3", "--version"), "Node " + (version("node", "--version") or "is not here")]
        return {
            "cpus": os.cpu_count(), "model": model, "linux": platform.release(), "load": round(os.getloadavg()[0], 2),
            "versions": [text for text in versions if text], "rounds": self.options.rounds, "seconds": self.options.seconds,
            "pinned": self.options.pin,
        }

    def introduce(self):
        machine = self.report.found["machine"]
        print(f"{machine['cpus']} x {machine['model']}, Linux {machine['linux']}")
        print("; ".join(machine["versions"]))
        where = "the front on one CPU, client and backend on another" if self.options.pin else "nothing pinned to a CPU"
        print(
            f"One client thread, {self.options.seconds} s each, the contenders in turn, medians of {self.options.rounds} rounds "
            f"(least and greatest in brackets), {where}")
        if machine["load"] > 1.5:
            print(f"warning: the machine is busy (load {machine['load']}); the figures will be worse than they are")
        sys.stdout.flush()


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--others", type=Path, required=True, help="where the packages of the others were unpacked")
    parser.add_argument("--program", required=True)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--pin", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []])
    options = parser.parse_args()
    options.rounds = max(options.rounds or (2 if options.quick else 5), 1)
    options.seconds = max(options.seconds or (1 if options.quick else 5), 1)
    options.idle_connections = 2_000 if options.quick else 10_000
    options.scenarios = options.scenarios or list(SCENARIOS)
    if options.pin and os.cpu_count() < 2:
        parser.error("--pin needs two CPUs")
    return options


def interrupt(number, frame):
    """Ends the run with its clean-up, which the next signal must not cut short: a terminal sends it to the script that runs
    this too, and that passes it on."""
    take_signals(signal.SIG_IGN)
    raise KeyboardInterrupt


def take_signals(handler):
    # SIGINT too: what a script runs in the background ignores it, and so would all that is started here.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def main():
    options = parse()
    take_signals(interrupt)
    adopt_orphans()
    workspace = Workspace("bench")
    bench = None
    try:
        bench = Bench(options, workspace)
        bench.introduce()
        for name in options.scenarios:
            bench.run(name)
        bench.report.summary()
    except (StepFailed, OSError, subprocess.SubprocessError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        if workspace.log.exists():
            print(workspace.log.read_text(errors="replace")[-2000:], file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if bench:
            bench.scenarios.end()
        end_orphans()
        workspace.remove()
        # What was measured until then is kept.
        if bench and options.json:
            bench.report.write(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
