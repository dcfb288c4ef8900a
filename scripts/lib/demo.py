"""Deploys an app three times under load, goes back, and prints what the clients noticed. scripts/demo runs it."""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from control import Passenger, StepFailed, Workspace, end_on_signals, milliseconds, table
from load import Load, Report

APPS = Path(__file__).parent / "apps"
STARTUP_FILES = {"ruby": "config.ru", "python": "passenger_wsgi.py", "node": "app.js"}
# How much of the time before and after a switch counts as "around" it, and how long the load goes on after each step.
BEFORE, AFTER = 0.5, 1.0
SETTLE = 1.5

SETTINGS = """\
min_instances: 2
start_timeout: 30s
health:
  deadline: 6s
deploy:
  bake: 2s
"""


class Phase:
    """One operation under load: when it began and ended, when it switched, what came of it."""

    def __init__(self, name, version):
        self.name = name
        self.version = version
        self.began = time.monotonic()
        self.switched = None
        self.ended = None
        self.result = {}


class Demo:
    def __init__(self, program, app):
        self.app = app
        self.workspace = Workspace("demo")
        self.passenger = Passenger(program, self.workspace)
        self.load = None
        self.phases = []

    def run(self):
        say(f"A git repository with a {self.app} app: version 1, version 2, and a version 3 that boots but answers 500.")
        self.make_repository()
        root, repository = str(self.workspace.root), str(self.workspace.repository)

        say("passenger deploy v1 --root DIR --repo URL: there is no server yet, so the release is made and waits.")
        code, result, _ = self.passenger.operate("deploy", "v1", "--root", root, "--repo", repository)
        expect(code == 0 and result.get("outcome") == "pending", "the first deploy did not end as pending", result)

        say("passenger start DIR: takes it on.")
        port = self.passenger.start(root, "--instance-name", "demo")
        code, result, _ = self.passenger.operate("deploys", "attach", "1", "--root", root)
        expect(code == 0 and result.get("outcome") == "stable", "version 1 did not become live", result)

        self.load = Load("127.0.0.1", port)
        self.load.start()
        time.sleep(SETTLE)
        say("The load is on. passenger deploy v2")
        phase = self.under_load("deploy 2", 2, "deploy", "v2", "--root", root)
        expect(phase.code == 0 and phase.switched, "version 2 was not deployed", phase.result)

        say("passenger deploy v3: has to be refused.")
        phase = self.under_load("deploy 3", 2, "deploy", "v3", "--root", root)
        expect(phase.code == 1 and not phase.switched, "version 3 was not refused", phase.result)
        print("  refused:", phase.result["failure"]["summary"])

        say("passenger rollback")
        phase = self.under_load("rollback", 1, "rollback", "--root", root)
        expect(phase.code == 0 and phase.switched, "there was no rollback", phase.result)
        expect(phase.result.get("release", "").startswith("1-"), "the rollback did not lead to version 1", phase.result)

        samples, self.load = self.load.stop(), None
        say("passenger stop")
        self.passenger.stop(root)
        return self.report(Report(samples))

    def make_repository(self):
        name = STARTUP_FILES[self.app]
        source = (APPS / self.app / name).read_text()
        self.workspace.repository.mkdir()
        self.workspace.git("init", "--quiet", "--initial-branch=main")
        second = source.replace("VERSION = 1", "VERSION = 2")
        third = source.replace("VERSION = 1", "VERSION = 3").replace("{VERSION}", "{VERISON}")
        for version, text in enumerate((source, second, third), start=1):
            (self.workspace.repository / name).write_text(text)
            (self.workspace.repository / "Passengerfile.yml").write_text(SETTINGS)
            self.workspace.git("add", ".")
            self.workspace.git("commit", "--quiet", "--message", f"Version {version}")
            self.workspace.git("tag", f"v{version}")
        self.workspace.root.mkdir()
        self.workspace.give_away(self.workspace.repository, self.workspace.root)

    def under_load(self, name, version, *command):
        phase = Phase(name, version)
        phase.code, phase.result, phase.switched = self.passenger.operate(*command)
        self.passenger.status(self.workspace.root)
        time.sleep(SETTLE)
        phase.ended = time.monotonic()
        self.phases.append(phase)
        return phase

    def report(self, report):
        stale = [self.stale(report, phase) for phase in self.phases]
        print()
        print("\n".join(table(["", *(phase.name for phase in self.phases)], self.rows(report, stale))))
        print()
        print("\n".join(table(
            ["clients", "requests", "failed", "usual latency"],
            [(kind, count, failed, milliseconds(usual * 1e3)) for kind, count, failed, usual in report.kinds()]
            + [("all", len(report.samples), len(report.failed), "")])))
        for sample in report.failed[:5]:
            print(f"  failed: {sample.kind}, {sample.began - report.samples[0].began:.3f} s after the start: {sample.failure}")
        versions = {sample.version for sample in report.samples if sample.version}
        expect(not report.failed, f"{len(report.failed)} of {len(report.samples)} requests failed")
        expect(not sum(stale), f"{sum(stale)} requests that began after a switch were answered by the version before it")
        expect(versions == {1, 2}, f"versions 1 and 2 should have answered, not {sorted(versions)}")
        print()
        say(f"{len(report.samples)} requests, none failed, none was answered by a version that was not live.")

    def rows(self, report, stale):
        """A line of the table for each thing worth knowing, a cell for each operation."""

        def of_each(value):
            return [value(phase) for phase in self.phases]

        def switched(value):
            return of_each(lambda phase: value(phase) if phase.switched else "-")

        def added(begin, end):
            return milliseconds(report.worst_added(begin, end) * 1e3)

        return [
            ("live afterwards", *of_each(lambda p: p.result.get("release", "-"))),
            ("requests meanwhile", *of_each(lambda p: len(report.during(p.began, p.ended)))),
            ("failed", *of_each(lambda p: sum(bool(s.failure) for s in report.during(p.began, p.ended)))),
            ("worst added latency, boots included", *of_each(lambda p: added(p.began, p.ended))),
            ("worst added latency, around the switch", *switched(lambda p: added(max(p.began, p.switched - BEFORE), p.switched + AFTER))),
            ("the switch itself", *switched(lambda p: milliseconds(p.result.get("switch_milliseconds")))),
            ("from the command to the switch", *switched(lambda p: milliseconds((p.switched - p.began) * 1e3))),
            ("old answers after the switch", *[s if p.switched else "-" for s, p in zip(stale, self.phases)]),
        ]

    @staticmethod
    def stale(report, phase):
        """Requests that began when the switch was known, and were answered by another version."""
        if not phase.switched:
            return 0
        return sum(
            bool(sample.version) and sample.version != phase.version
            for sample in report.samples
            if phase.switched < sample.began < phase.ended)

    def clean_up(self):
        if self.load:
            self.load.stop()
        self.passenger.end()
        self.workspace.remove()


def say(text):
    print(text if os.environ.get("NO_COLOR") or not sys.stdout.isatty() else f"\033[1m{text}\033[0m", flush=True)


def expect(holds, message, evidence=None):
    if not holds:
        raise StepFailed(message if evidence is None else f"{message}: {json.dumps(evidence, indent=2)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--app", choices=sorted(STARTUP_FILES), default="ruby")
    parser.add_argument("program", help="the passenger to run")
    options = parser.parse_args()
    end_on_signals()
    demo = Demo(shutil.which(options.program) or options.program, options.app)
    try:
        demo.run()
    except (StepFailed, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        if demo.workspace.log.exists():
            print("The end of the server's log:", file=sys.stderr)
            print("\n".join(demo.workspace.log.read_text(errors="replace").splitlines()[-30:]), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        demo.clean_up()
    return 0


if __name__ == "__main__":
    sys.exit(main())
