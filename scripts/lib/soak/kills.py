"""The core is killed again and again under constant load; nothing but what was in it at that moment may be lost."""

import asyncio
import os
import random
import signal
import time
from collections import Counter

from complaints import Complaints
from control import milliseconds, table
from losses import NOT_FORWARDED, OTHER, UNANSWERED, Kill, Losses
from server import Server, changes, has_all, serving
from steady import Steady

GOAL = 0.150
WORKERS = 2
# From one kill to the next, in seconds. A core that dies sooner again and again is in a crash loop, and is started ever later.
PACE = (5.5, 7.0)


class Kills:
    def __init__(self, program, count, seed):
        self.count = count
        self.title = f"the core killed {count} times, seed {seed}"
        self.estimate = 20 + count * sum(PACE) / 2
        self.server = Server(program, "kill")
        self.complaints = Complaints(self.server)
        self._chance = random.Random(seed)
        self._seen = self.server.workspace.path / "seen"
        self._losses, self._kills = Losses(), []
        self._requests, self._lost, self._failed = Counter(), Counter(), []
        self._steady = Steady(self.server, self._take)
        self._serving = {}

    async def run(self):
        for name in self.server.roots:
            seen = self._seen / name
            seen.parent.mkdir(exist_ok=True)
            await self.server.deploy(name, f"{name}-1", settings=f"envvars: {{SOAK_SEEN: {seen}}}\n")
        self.server.workspace.give_away(self._seen)
        self.server.serve("max_pool_size: 12\n", f"min_instances: {WORKERS}")
        status = await self.server.wait_until("all workers", is_whole)
        self._serving = serving(status)
        self._steady.start()
        try:
            await asyncio.sleep(2)
            core = status["server"]["core_pid"]
            for number in range(1, self.count + 1):
                due = time.monotonic() + self._chance.uniform(*PACE)
                core = await self._kill(number, core)
                await asyncio.sleep(max(1, due - time.monotonic()))
            await self._steady.stop()
        finally:
            self._steady.cancel()
        self._judge()
        for process in self.server.stop():
            self.complaints.add(f"a process is left over: {process}")

    async def _kill(self, number, core):
        """Returns the pid of the next core, when everything is as it was."""
        kill, gone = Kill(0), asyncio.Event()

        def ended():
            kill.gone = time.monotonic()
            gone.set()
            loop.remove_reader(descriptor)

        loop, descriptor = asyncio.get_running_loop(), os.pidfd_open(core)
        loop.add_reader(descriptor, ended)
        kill.at = time.monotonic()
        self._kills.append(kill)
        os.kill(core, signal.SIGKILL)
        try:
            await asyncio.wait_for(gone.wait(), 10)
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        before = self._losses.counts.copy()
        status = await self.server.wait_until(
            "the workers after a kill", lambda status: status["server"]["core_pid"] != core and is_whole(status))
        self._compare(status)
        self._judge()
        lost = ", ".join(f"{count} {what}" for what, count in sorted((self._losses.counts - before).items())) or "none"
        print(f"{number:4}  next answer after {shown(kill.next_answer)}, of each app after {shown(kill.last_app)}; "
              f"slowest {shown(kill.slowest)}; lost: {lost}", flush=True)
        return status["server"]["core_pid"]

    def _compare(self, status):
        now = serving(status)
        for change in changes(self._serving, now):
            self.complaints.add(f"{change} a kill")
        self._serving = now

    # Requests.

    def _take(self, request):
        self._requests[request.kind.name] += 1
        if request.failure:
            return self._failed.append(request)
        if self._kills:
            self._kills[-1].take(request)

    def _judge(self):
        """Those that have failed so far."""
        if not self._failed:
            return
        seen = {int(line) for file in self._seen.iterdir() for line in file.read_text().split()}
        for request in self._failed:
            complaint = self._losses.judge(request, self._kills, seen)
            if complaint:
                self.complaints.add(complaint)
            else:
                self._lost[request.kind.name] += 1
        self._failed.clear()

    # The end.

    def show(self, seconds):
        print()
        print("\n".join(table(
            ["requests", "count", "lost with a core"],
            [(kind, count, self._lost[kind]) for kind, count in sorted(self._requests.items())]
            + [("all", sum(self._requests.values()), sum(self._lost.values()))])))
        print()
        counts = self._losses.counts
        print(f"Lost with the {len(self._kills)} cores that were killed: {counts[NOT_FORWARDED]} requests that no app was given, "
              f"{counts[UNANSWERED]} that are idempotent and were not answered, {counts[OTHER]} others. "
              f"{self._steady.ended_idle} kept connections ended with nothing asked over them.")
        print(f"Connections refused: {self._losses.refused}.")
        print()
        times = [sorted(times) for times in zip(*((k.next_answer, k.last_app, k.slowest) for k in self._kills if k.answers))]
        names = ["from a kill to the next answer", "to an answer of each app", "slowest answer around it"]
        print("\n".join(table(
            ["time", "median", "p99", "worst"],
            [(name, *(shown(at(part, column)) for part in (0.5, 0.99, 1))) for name, column in zip(names, times)])))
        median = at(0.5, times[0]) if times else float("inf")
        if median >= GOAL:
            self.complaints.append(f"the median from a kill to the next answer is {shown(median)}, and not under {shown(GOAL)}")
        print()
        self.complaints.show()
        if not self.complaints:
            print(f"No connection was refused, no process changed, no request failed that was not in a core, in {seconds / 60:.1f} minutes.")


def is_whole(status):
    return has_all(status, WORKERS)


def at(part, ordered):
    """The smallest that `part` of them are not above."""
    return ordered[max(0, -(-round(part * 1000) * len(ordered) // 1000) - 1)]


def shown(seconds):
    return milliseconds(None if seconds is None else seconds * 1e3)
