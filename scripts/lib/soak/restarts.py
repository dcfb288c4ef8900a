"""A day's restarts, reloads and upgrades, one after the other; at the end the server takes no more than at the beginning."""

import asyncio
import itertools
import math
import os
import random
import re
import shutil
import subprocess
import time
from collections import Counter

import footprint
from complaints import Complaints
from control import StepFailed, table
from repository import APPS
from server import Server, live_workers
from steady import Steady
from wire import Connection, Failed

# The part of the whole that is done before the first measurement, and so many touches at least: the core's heap has its size once
# it has been busy for some two minutes.
WARM_UP, LEAST_WARM_UP = 0.05, 500
# How long a touch may take to be live, and a command; an upgrade waits for a moment in which no app is being restarted.
PATIENCE, UPGRADE_PATIENCE = 60, 300
# One round in so many touches again before the restart can be over.
BURSTS = 10
# A timer's memory is free when it is over, also that of a generation that is gone. With the usual 300 s until a preloader is idle, the
# core's heap would still grow in the first five minutes.
START_TIMEOUT = 15
SETTINGS = (
    "environment: production\nmax_instances: 1\nhealth: {path: /up}\nstop_timeout: 5s\nmax_preloader_idle_time: 0\n"
    f"start_timeout: {START_TIMEOUT}s\n")
SERVER, APP = "max_pool_size: 12\n", "min_instances: 1, prestart: true"


class Restarts:
    def __init__(self, program, touches, reloads, upgrades, seed):
        self.server = Server(program, "restarts")
        self.counts = {"touches": touches, "reloads": reloads}
        if upgrades is None:
            upgrades = touches // 50 if self._has_upgrade() else 0
        self.counts["upgrades"] = upgrades
        self.title = f"{touches} touches of restart.txt, {reloads} reloads, {upgrades} upgrades, seed {seed}"
        self.estimate = 90 + (touches + max(touches * WARM_UP, LEAST_WARM_UP)) / 4
        self.complaints = Complaints(self.server)
        self._chance = random.Random(seed)
        self._done, self._requests, self._failed = Counter(), 0, 0
        self._times = []
        # By app: the last that was written, and the last that is known to have been live.
        self._written = dict.fromkeys(self.server.roots, 1)
        self._live = dict.fromkeys(self.server.roots, 1)
        self._round = itertools.count(1)
        self._before = self._after = None

    def _has_upgrade(self):
        return re.search(r"^  upgrade\b", self.server.passenger.run("--help"), re.MULTILINE) is not None

    async def run(self):
        for name, root in self.server.roots.items():
            shutil.copytree(APPS / name, root)
            (root / "tmp").mkdir()
            (root / "tmp/restart.txt").touch()
            (root / "broken.txt").touch()
            (root / "Passengerfile.yml").write_text(SETTINGS)
            self._write(name, 1)
        self.server.workspace.give_away(*self.server.roots.values())
        self.server.serve(SERVER, APP)
        await self.server.wait_until("all workers", is_quiet)
        part = max(WARM_UP, LEAST_WARM_UP / self.counts["touches"])
        await self._phase({what: math.ceil(count * part) for what, count in self.counts.items()})
        self._before = await self._measure("warm")
        self._times.clear()
        self._done.clear()
        await self._phase(self.counts)
        self._after = await self._measure("done")
        self.complaints += footprint.complaints(self._before, self._after)
        for process in self.server.stop():
            self.complaints.add(f"a process is left over: {process}")

    async def _phase(self, counts):
        steady = Steady(self.server, self._take, kept=6, pause=0.2, rate=5)
        steady.start()
        base = self._done.copy()
        tasks = [self._touch_again(name, counts, base) for name in self.server.roots] + [
            self._in_step("reloads", self._reload, counts, base), self._in_step("upgrades", self._upgrade, counts, base)]
        try:
            async with asyncio.TaskGroup() as group:
                for task in tasks:
                    group.create_task(task)
            await steady.stop()
        except* (StepFailed, OSError) as problems:
            raise problems.exceptions[0]
        finally:
            steady.cancel()

    async def _measure(self, when):
        """Once all is quiet, and some time after that. What serves then has been asked by nobody but us."""
        for name in self.server.roots:
            self._touch(name)
            connection = await self._wait_until_live(name, self._written[name], None)
            connection.close()
        await self.server.wait_until("the end of all restarts", is_quiet)
        await asyncio.sleep(START_TIMEOUT + 5)
        several = []
        for _ in range(5):
            status = await self.server.wait_until("quiet", is_quiet)
            several.append(footprint.measure(status, self.server.workspace.path / "run"))
            await asyncio.sleep(0.5)
        print(f"{when}: " + ", ".join(f"{whose}'s {what} {value:g}" for (whose, what), value in footprint.typical(several).items()),
              flush=True)
        return footprint.typical(several)

    # Touches.

    async def _touch_again(self, name, counts, base):
        connection = None
        while self._done["touches"] - base["touches"] < counts["touches"]:
            burst = self._chance.choice((2, 3)) if self._chance.randrange(BURSTS) == 0 else 1
            began = time.monotonic()
            for number in range(min(burst, counts["touches"] - self._done["touches"] + base["touches"])):
                if number:
                    await asyncio.sleep(self._chance.uniform(0, 0.4))
                self._touch(name)
                began = time.monotonic()
                self._count("touches")
            connection = await self._wait_until_live(name, self._written[name], connection)
            self._times.append(time.monotonic() - began)
        if connection:
            connection.close()

    def _touch(self, name):
        self._written[name] += 1
        self._write(name, self._written[name])
        os.utime(self.server.roots[name] / "tmp/restart.txt")

    def _write(self, name, version):
        """At once: a boot that is under way reads the one or the other."""
        root = self.server.roots[name]
        new = root / "version.new"
        new.write_text(f"{version}\n")
        new.rename(root / "version.txt")

    async def _wait_until_live(self, name, version, connection):
        """Returns the connection."""
        deadline = time.monotonic() + PATIENCE
        while self._live[name] < version:
            if time.monotonic() > deadline:
                raise StepFailed(f"{name}: version {version} was touched, and {self._live[name]} is live {PATIENCE} s after that")
            await asyncio.sleep(0.02)
            try:
                if connection is None or not connection.is_open:
                    connection = await Connection.open(self.server.port, self.server.hosts[name])
                began = self._live[name]
                answer = await connection.ask("GET", "/")
            except Failed as failure:
                self._failed += 1
                self.complaints.add(f"{name}: a request failed: {failure}")
                connection = None
                continue
            self._see(name, answer.version, began)
            if answer.closes:
                connection.close()
                connection = None
        return connection

    # Commands.

    async def _in_step(self, what, command, counts, base):
        """So many of them, spread over the touches."""
        for number in range(counts[what]):
            due = counts["touches"] * (number + 1) // counts[what]
            while self._done["touches"] - base["touches"] < due:
                await asyncio.sleep(0.05)
            await command()
            self._count(what)

    async def _reload(self):
        """Every other one gives one of the apps another variable; the others change nothing."""
        number = next(self._round)
        if number % 2 == 0:
            lines = self.server.configuration(SERVER, APP).splitlines()
            index = len(lines) - 1 - number // 2 % len(self.server.roots)
            lines[index] = lines[index].replace("}", f", envvars: {{ROUND: r{number}}}}}")
            self.server.config.write_text("\n".join(lines) + "\n")
        await self._command("reload")

    async def _upgrade(self):
        await self._command("upgrade", UPGRADE_PATIENCE)

    async def _command(self, command, patience=PATIENCE):
        process = await asyncio.create_subprocess_exec(
            self.server.passenger.program, command, "--root", str(self.server.root), env=self.server.workspace.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            output, _ = await asyncio.wait_for(process.communicate(), patience)
        except TimeoutError:
            process.kill()
            raise StepFailed(f"`passenger {command}` has not ended within {patience} s") from None
        if process.returncode != 0:
            self.complaints.add(f"`passenger {command}` ended with status {process.returncode}: {output.decode(errors='replace')[-2000:]}")

    # What is noticed.

    def _take(self, request):
        self._requests += 1
        if request.failure:
            self._failed += 1
            self.complaints.add(f"{request.app}, {request.kind.name}: failed after {request.ended - request.began:.3f} s: {request.failure}")
        else:
            self._see(request.app, request.version, 0)

    def _see(self, name, version, least):
        """An answer, of this version; `least` was live when it was asked for."""
        version = int(version)
        if not least <= version <= self._written[name]:
            self.complaints.add(f"{name}: version {version} answers, after {least} was live, and {self._written[name]} is the newest")
        self._live[name] = max(self._live[name], version)

    def _count(self, what):
        self._done[what] += 1
        if what == "touches" and self._done[what] % max(10, self.counts[what] // 20) == 0:
            print(", ".join(f"{count} {what}" for what, count in self._done.items()), flush=True)

    def show(self, seconds):
        print()
        print("\n".join(table(["the server", "before", "after", "change"], footprint.rows(self._before, self._after))))
        print()
        times = sorted(self._times)
        print(f"{self._done['touches']} touches, {self._done['reloads']} reloads, {self._done['upgrades']} upgrades in {seconds / 60:.1f} "
              f"minutes; from a touch to its version's first answer: median {times[len(times) // 2]:.2f} s, worst {times[-1]:.2f} s")
        print(f"{self._requests} requests meanwhile, {self._failed} failed")
        print()
        self.complaints.show()
        if not self.complaints:
            print("Each touch came to be live, no request failed, and the server takes what it took (±5 %).")


def is_quiet(status):
    """Each app has what it serves with, and nothing else."""
    return all(
        not app.get("operation") and len(app["generations"]) == 1 and list(live_workers(app).values()) == ["available"]
        for app in status["apps"])
