"""One soak: three apps behind one server, the clients, and one operation after the other."""

import asyncio
import json
import subprocess
import time
from collections import Counter

import plan
import report
from account import Account
from clients import Clients
from control import StepFailed
from ledger import App
from server import Server
from wire import Connection, Failed

# Between two steps, for requests outside of operations.
PAUSE = 1.0
OUTCOMES = {"stable": 0, "failed": 1, "rolled_back": 5}


class Soak:
    def __init__(self, program, count, seed):
        self.steps = plan.make(count, seed)
        self.title = f"{count} deploys, seed {seed}"
        self.estimate = plan.estimate(self.steps)
        self.server = Server(program, "soak")
        self.roots = self.server.roots
        self.apps = {name: App(name) for name in plan.APPS}
        self.account = Account(self.apps, self.server.last_words)
        self.repositories = {}
        # Versions of each app that a rollback may lead to, the live one last.
        self.stable = {}
        self.results, self.rollbacks, self.restarts = Counter(), [], 0
        self.clients = None
        self._number = 0

    async def run(self):
        await self._start()
        judging = asyncio.create_task(self._judge())
        self.clients.start()
        try:
            # Everything is warm before the first operation.
            await asyncio.sleep(3)
            for number, step in enumerate(self.steps, start=1):
                await self._take(number, step)
                await asyncio.sleep(PAUSE)
            await self.clients.stop()
        finally:
            self.clients.cancel()
            judging.cancel()
        self.account.judge(time.monotonic() + 60)
        self._stop()

    @property
    def complaints(self):
        return self.account.complaints

    def show(self, seconds):
        report.show(self, seconds)

    async def _judge(self):
        while True:
            await asyncio.sleep(1)
            self.account.judge(time.monotonic())

    # The server.

    async def _start(self):
        for name in self.roots:
            self.apps[name].versions[1] = self._next_version(name)
            self.repositories[name] = await self.server.deploy(name, self.apps[name].versions[1])
        self.server.serve_tls("max_pool_size: 12\n", "min_instances: 2")
        for name, host in self.server.hosts.items():
            await self._wait_for(name, host)
        self.clients = Clients(self.server.hosts, self.server.port, self.server.tls_port, self.account.take)

    async def _wait_for(self, name, host):
        """Until the first version, which was left pending, is live and stable."""
        deadline = time.monotonic() + 180
        while True:
            status = await self.server.status()
            app = next(app for app in status["apps"] if app["name"] == name)
            if app.get("live_release") and not app.get("operation"):
                break
            if time.monotonic() > deadline:
                raise StepFailed(f"{name} does not come up: {json.dumps(app)}")
            if not app.get("is_started", True):
                connection = await Connection.open(self.server.port, host)
                await connection.ask("GET", "/")
                connection.close()
            await asyncio.sleep(0.2)
        first = self.apps[name].versions[1]
        self.apps[name].switched(first, 0, time.monotonic())
        self.stable[name] = [first]

    def _stop(self):
        for process in self.server.stop():
            self.account.complain(f"a process is left over: {process}")

    # Operations.

    def _next_version(self, name):
        self._number += 1
        return f"{name}-{self._number}"

    async def _take(self, number, step):
        app, version = self.apps[step.app], self._next_version(step.app)
        await self.repositories[step.app].commit(version, step.breakage)
        touching = asyncio.create_task(self._touch(app, step.touch)) if step.touch is not None else None
        began = time.monotonic()
        await self._deploy(app, version, step.breakage)
        what = step.breakage.name if step.breakage else "good"
        print(f"{number:4} {version:12} {what:18} {time.monotonic() - began:5.1f} s, live: {app.live}", flush=True)
        if step.is_rolled_back and app.live == version:
            await self._roll_back(app)
        if touching:
            await touching

    async def _deploy(self, app, version, breakage):
        expected = "stable" if not breakage else "rolled_back" if breakage.is_switched else "failed"
        status, result = await self._operate(
            app, "deploy", version=version, loses_requests=bool(breakage and breakage.loses_requests))
        outcome = result.get("outcome", "nothing")
        self.results[breakage.name if breakage else "good", outcome] += 1
        if outcome == "stable":
            self.stable[app.name].append(version)
        what = f"the deploy of {version} ({breakage.name if breakage else 'good'})"
        if (outcome, status) != (expected, OUTCOMES[expected]):
            self.account.complain(f"{what} ended as {outcome} with status {status}, not as {expected}: {json.dumps(result)[:2000]}")
        self._expect_live(app, what)

    async def _roll_back(self, app):
        bad, good = self.stable[app.name][-1], self.stable[app.name][-2]
        probing = asyncio.create_task(self._first_answer(app, good))
        # It is asking when the command begins.
        await asyncio.sleep(0.05)
        began = time.monotonic()
        status, result = await self._operate(app, "rollback")
        self.stable[app.name].pop()
        if status != 0:
            self.account.complain(f"the rollback of {bad} ended with status {status}: {json.dumps(result)[:2000]}")
        self._expect_live(app, f"the rollback of {bad}")
        try:
            self.rollbacks.append(await asyncio.wait_for(probing, 30) - began)
        except (TimeoutError, Failed) as problem:
            self.account.complain(f"after the rollback of {bad}, no answer of {good}: {problem!r}")
        print(f"     {bad:12} rolled back: the first answer of {good} after {self.rollbacks[-1] * 1e3:.1f} ms", flush=True)

    def _expect_live(self, app, what):
        if app.live != self.stable[app.name][-1]:
            self.account.complain(f"after {what}, {app.live} is live and not {self.stable[app.name][-1]}")

    async def _first_answer(self, app, version):
        """Asks without a pause until this version answers. Returns when it did."""
        connection = await Connection.open(self.server.port, f"{app.name}.test")
        try:
            while (await connection.ask("GET", "/")).version != version:
                await asyncio.sleep(0.001)
            return time.monotonic()
        finally:
            connection.close()

    async def _operate(self, app, command, version=None, loses_requests=False):
        """Follows an operation, and tells the ledger of each switch. `version` is what a new deploy brings."""
        operation = [time.monotonic(), None]
        self.account.operations.append(operation)
        earliest, result = operation[0], {}
        process = await asyncio.create_subprocess_exec(
            self.server.passenger.program, command, "--root", str(self.roots[app.name]), "--json", env=self.server.workspace.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, limit=1 << 24)
        try:
            async with asyncio.timeout(240):
                async for line in process.stdout:
                    event = json.loads(line)
                    match event.get("event"):
                        # A boot takes longer than the news of its beginning.
                        case "step_started" if event["step"] == "boot":
                            earliest = time.monotonic()
                        case "switched":
                            number = int(event["release"].partition("-")[0])
                            new = app.versions.setdefault(number, version)
                            now = time.monotonic()
                            app.switched(new, earliest, now, loses_requests and new == version)
                            self.account.switched(now)
                            earliest = now
                        case "finished":
                            result = event["result"]
                    if "error" in event:
                        result = {"outcome": "refused", "failure": event["error"]}
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        operation[1] = time.monotonic()
        return process.returncode, result

    async def _touch(self, app, delay):
        """restart.txt, some time into a deploy; whatever that makes of it, restart.result tells."""
        await asyncio.sleep(delay)
        directory = self.roots[app.name] / "tmp"
        before = stamp(directory / "restart.result")
        operation = [time.monotonic(), None]
        self.account.operations.append(operation)
        (directory / "restart.txt").touch()
        self.restarts += 1
        while stamp(directory / "restart.result") == before:
            if time.monotonic() > operation[0] + 180:
                return self.account.complain(f"{app.name}: restart.txt was touched, and there is no restart.result")
            await asyncio.sleep(0.05)
        operation[1] = time.monotonic()
        app.restarted(*operation)
        text = (directory / "restart.result").read_text()
        # A deploy that had not booted yet is the restart.
        if "restarted" not in text and "is live" not in text:
            self.results["restart.txt", text.strip()] += 1


def stamp(path):
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
