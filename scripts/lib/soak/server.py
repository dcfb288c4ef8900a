"""The server of a soak, in a directory of its own, with an app for each language."""

import asyncio
import json
import os
import subprocess
import time

import plan
from control import Passenger, StepFailed, Workspace, is_running
from load import free_port
from repository import Repository


class Server:
    def __init__(self, program, name):
        self.workspace = Workspace(name)
        self.passenger = Passenger(program, self.workspace)
        self.roots = {name: self.workspace.path / f"{name}-root" for name in plan.APPS}
        self.hosts = {name: f"{name}.test" for name in plan.APPS}
        self.port = self.tls_port = None

    async def deploy(self, name, version, settings=""):
        """A first version, left to be taken up by the server. Returns the repository it comes from."""
        repository, root = Repository(self.workspace, name, settings), self.roots[name]
        await repository.begin()
        await repository.commit(version)
        root.mkdir()
        self.workspace.give_away(root)
        self.passenger.run("deploy", "--root", str(root), "--repo", str(repository.path))
        (root / "tmp").mkdir()
        self.workspace.give_away(root / "tmp")
        return repository

    def serve(self, server="", app=""):
        """Starts it. `server` and `app` are keys of the server file, of the whole and of each app."""
        self.config.write_text(self.configuration(server, app))
        self.port = self.passenger.serve(self.config, self.root)

    def serve_tls(self, server="", app=""):
        certificate, key = self.workspace.path / "server.pem", self.workspace.path / "server.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
        self.tls_port = free_port()
        self.serve(f"ssl_port: {self.tls_port}\nssl_certificate: {certificate}\nssl_certificate_key: {key}\n{server}", app)

    def configuration(self, server="", app=""):
        apps = "".join(
            f"  {name}: {{root: {root}, server_names: [{self.hosts[name]}]{app and ', '}{app}}}\n" for name, root in self.roots.items())
        return f"{server}apps:\n{apps}"

    @property
    def config(self):
        return self.workspace.path / "passenger.yml"

    @property
    def root(self):
        """One that commands find the server by."""
        return next(iter(self.roots.values()))

    async def status(self):
        return await asyncio.to_thread(self.passenger.status, self.root)

    async def wait_until(self, what, holds, seconds=60):
        """Until the status is such that `holds`. While there is no core that would tell it, it is asked for again."""
        deadline, status = time.monotonic() + seconds, None
        while True:
            try:
                status = await self.status()
                if holds(status):
                    return status
            except StepFailed:
                pass
            if time.monotonic() > deadline:
                raise StepFailed(f"{what}: not within {seconds} s: {json.dumps(status)[:4000]}")
            await asyncio.sleep(0.1)

    def stop(self):
        """Returns what of it still runs."""
        self.passenger.stop(self.root)
        mine, left = str(self.workspace.path), []
        for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if mine in command and pid != os.getpid() and is_running(pid):
                left.append(f"{pid} {command}")
        return left

    def end(self):
        """Whatever happened: nothing of it stays."""
        self.passenger.end()
        self.workspace.remove()

    def last_words(self):
        """The end of the server's log."""
        if not self.workspace.log.exists():
            return "The server has logged nothing."
        lines = self.workspace.log.read_text(errors="replace").splitlines()[-40:]
        return "\n".join(["The end of the server's log:", *(f"    {line}" for line in lines)])


def has_all(status, count):
    """Each app has so many workers, they have answered, and nothing is being done to it."""
    states = [list(live_workers(app).values()) for app in status["apps"]]
    return all(len(app) == count and set(app) <= {"available", "working"} for app in states) \
        and not any(app.get("operation") for app in status["apps"])


def serving(status):
    """The processes that whatever happens to a core must not touch, by what they are."""
    processes = {"supervisor": [status["server"]["supervisor_pid"]]}
    for app in status["apps"]:
        processes[f"workers of {app['name']}"] = sorted(live_workers(app))
        processes[f"preloaders of {app['name']}"] = sorted(
            generation["preloader"]["pid"] for generation in app["generations"] if (generation.get("preloader") or {}).get("pid"))
    return processes


def changes(before, after):
    """Of two of those, what is not the same."""
    return [f"{what}: {before.get(what)} before, and {after.get(what)} after" for what in sorted(before.keys() | after.keys())
            if before.get(what) != after.get(what)]


def live_workers(app):
    """Process id and state of each worker that the app's traffic goes to, by the status."""
    return {
        worker["pid"]: worker["state"] for generation in app["generations"] if generation["state"] == "live"
        for worker in generation["workers"] if worker.get("pid")}
