"""The server is upgraded again and again, to the same program, while clients of every kind ask; none may notice."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path

from clients import Clients, Sample
from complaints import Complaints
from control import StepFailed, milliseconds, table
from repository import STREAM_DRAIN
from server import Server, changes, has_all, serving
from steady import Steady

HTTP2 = Path(__file__).parent / "http2.mjs"
WORKERS = 2
# What a client, and a machine with much to do, may be late.
LATE = 3.0
# Between two upgrades.
PAUSE = 1.0
PATIENCE = 180


class PatientClients(Clients):
    """Each upgrade ends HTTP/2 connections as a server is to (RFC 9113, section 6.8); the library of the other soaks' client takes
    that for the end of what is under way, so here another one asks."""

    async def _http2(self, name):
        process = await asyncio.create_subprocess_exec(
            "node", str(HTTP2), f"https://127.0.0.1:{self._tls_port}", self._hosts[name],
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        ending = asyncio.create_task(self._end(process))
        try:
            async for line in process.stdout:
                told = json.loads(line)
                sample = Sample(name, told["kind"])
                sample.ended, sample.version, sample.failure = time.monotonic(), told.get("version"), told.get("failure")
                self._take(sample)
            if status := await process.wait():
                raise StepFailed(f"the HTTP/2 client of {name} ended with status {status}")
        finally:
            ending.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _end(self, process):
        await self._stopping.wait()
        process.stdin.close()


class Upgrades:
    def __init__(self, program, count, seed):
        self.count = count
        self.title = f"{count} upgrades, seed {seed}"
        self.estimate = 20 + count * 13
        self.server = Server(program, "upgrade")
        self.complaints = Complaints(self.server)
        self._requests, self._failed, self._cut = Counter(), Counter(), Counter()
        self._streams = []
        # Begin and end of the command.
        self._upgrades = []
        self._slowest = []
        self._latencies = []
        self._steady = Steady(self.server, self._take_steady)
        self._clients = None

    async def run(self):
        for name in self.server.roots:
            await self.server.deploy(name, f"{name}-1")
        self.server.serve_tls("max_pool_size: 12\n", f"min_instances: {WORKERS}")
        status = await self.server.wait_until("all workers", is_whole)
        processes = serving(status)
        self._clients = PatientClients(self.server.hosts, self.server.port, self.server.tls_port, self._take)
        self._steady.start()
        self._clients.start()
        try:
            await asyncio.sleep(3)
            for number in range(1, self.count + 1):
                status = await self._upgrade(number, status, processes)
                await asyncio.sleep(PAUSE)
            await asyncio.gather(self._steady.stop(), self._clients.stop())
        finally:
            self._steady.cancel()
            self._clients.cancel()
        for stream in self._streams:
            self._judge(stream)
        for process in self.server.stop():
            self.complaints.add(f"a process is left over: {process}")

    async def _upgrade(self, number, before, processes):
        self._slowest, began = [], time.monotonic()
        process = await asyncio.create_subprocess_exec(
            self.server.passenger.program, "upgrade", "--root", str(self.server.root), "--json", env=self.server.workspace.environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        answer, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        ended = time.monotonic()
        self._upgrades.append((began, ended))
        if process.returncode != 0 or "to" not in json.loads(answer):
            self.complaints.add(f"upgrade {number} ended with status {process.returncode}: {answer.decode()[:2000]}")
        status = await self.server.wait_until("all workers after an upgrade", is_whole)
        if status["server"]["core_pid"] == before["server"]["core_pid"]:
            self.complaints.add(f"after upgrade {number} the core is the same")
        for change in changes(processes, serving(status)):
            self.complaints.add(f"{change} upgrade {number}")
        await asyncio.sleep(0.2)
        slowest = max(self._slowest, default=0)
        self._latencies.append(slowest)
        print(f"{number:4}  the command took {ended - began:5.2f} s; slowest short request around it {milliseconds(slowest * 1e3)}", flush=True)
        return status

    # Requests.

    def _take_steady(self, request):
        self._requests[request.kind.name] += 1
        self._slowest.append(request.ended - request.began)
        if request.failure:
            self._fail(request.kind.name, f"{request.app}: {request.failure}")

    def _take(self, sample):
        self._requests[sample.kind] += 1
        if sample.failure:
            self._fail(sample.kind, f"{sample.app}: {sample.failure}")
        elif sample.is_own_error:
            self._fail(sample.kind, f"{sample.app}: an error of the app")
        elif sample.is_cut:
            self._streams.append(sample)

    def _fail(self, kind, what):
        self._failed[kind] += 1
        self.complaints.add(f"{kind}, {what}")

    def _judge(self, stream):
        """Only the window that an upgrade gives streams may have ended it."""
        self._cut[stream.kind] += 1
        if not any(began <= stream.ended <= ended + STREAM_DRAIN + LATE for began, ended in self._upgrades if stream.began <= ended):
            self._fail(stream.kind, f"{stream.app}: cut after {stream.ended - stream.began:.1f} s, and no upgrade was under way")

    # The end.

    def show(self, seconds):
        print()
        print("\n".join(table(
            ["requests", "count", "failed", "streams ended by an upgrade"],
            [(kind, count, self._failed[kind], self._cut[kind]) for kind, count in sorted(self._requests.items())]
            + [("all", *(sum(counts.values()) for counts in (self._requests, self._failed, self._cut)))])))
        print()
        worst = sorted(self._latencies)
        if worst:
            print(f"Slowest short request around an upgrade: median {milliseconds(worst[len(worst) // 2] * 1e3)}, "
                  f"worst {milliseconds(worst[-1] * 1e3)}.")
        self.complaints.show()
        if not self.complaints:
            print(f"No request failed, no process changed, in {seconds / 60:.1f} minutes.")


def is_whole(status):
    return has_all(status, WORKERS)
