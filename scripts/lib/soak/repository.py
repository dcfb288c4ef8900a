"""The three apps, each in a git repository of its own, and eight ways to break a version of them."""

import asyncio
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

APPS = Path(__file__).parent / "apps"
STARTUP_FILES = {"ruby": "config.ru", "python": "passenger_wsgi.py", "node": "app.js"}

# Short times, so that a thousand deploys take some 80 minutes; nothing else is special about them.
SETTINGS = """\
min_instances: 2
max_instances: 2
concurrency_model: thread
thread_count: 16
start_timeout: 3s
stop_timeout: 5s
hard_memory_limit: 200MB
health:
  path: /up
  deadline: 4s
deploy:
  bake: {bake}s
  stream_drain: {stream_drain}s
  standby_full: {standby}s
  rollback_window: {standby}s
  keep_releases: 3
"""
BAKE, STREAM_DRAIN, STANDBY = 2, 5, 20


@dataclass(frozen=True)
class Breakage:
    """A way to break a version, and what has to come of it."""

    name: str
    # Whether it gets traffic: then the bake has to switch back.
    is_switched: bool = False
    # Whether its workers die, with what they were at.
    loses_requests: bool = False
    bake: int = BAKE
    # Put before the startup file, by language.
    prelude: dict | None = None
    # What the app itself is told, in broken.txt.
    told: str = ""
    settings: str = ""


def _after(seconds, status):
    """Ends each worker some time after it has started."""
    return {
        "ruby": f"PhusionPassenger.on_event(:starting_worker_process) {{ Thread.new {{ sleep {seconds}; exit!({status}) }} }}\n",
        "python": "import os, threading\nfrom passenger import on_event\n"
        f"on_event('starting_worker_process', lambda forked: threading.Timer({seconds}, os._exit, [{status}]).start())\n",
        "node": f"setTimeout(() => process.exit({status}), {seconds * 1000});\n",
    }


BREAKAGES = (
    Breakage("syntax error", prelude={"ruby": "def broken(\n", "python": "def broken(\n", "node": "function broken( {\n"}),
    Breakage("boot hang", prelude={
        "ruby": "sleep\n", "python": "import time\ntime.sleep(1000)\n",
        "node": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);\n"}),
    Breakage("exit after listen", prelude=_after(0.2, 7)),
    Breakage("500 on health", told="unhealthy"),
    Breakage("500 elsewhere", is_switched=True, told="errors"),
    Breakage("crash after 5 s", is_switched=True, loses_requests=True, bake=20, prelude=_after(5, 9)),
    Breakage("memory hog", is_switched=True, loses_requests=True, bake=20, told="hog"),
    Breakage("failing migration", settings="  before_boot: ['echo \"no such table\" >&2; exit 3']\n"),
)


class Repository:
    """One app's; the deploy user's own."""

    def __init__(self, workspace, language, settings=""):
        """`settings` are keys of its Passengerfile, beside those that every app has here."""
        self.path = workspace.path / f"{language}-repo"
        self._language, self._settings = language, settings
        self._environment = workspace.environment | {"HOME": str(self.path)}
        self._source = (APPS / language / STARTUP_FILES[language]).read_text()
        self.path.mkdir()
        shutil.copytree(APPS / language, self.path, dirs_exist_ok=True)
        workspace.give_away(self.path)

    async def begin(self):
        await self._git("init", "--quiet", "--initial-branch=main")

    async def commit(self, version, breakage=None):
        """A commit in which the app says that it is this version."""
        breakage = breakage or Breakage("none")
        prelude = (breakage.prelude or {}).get(self._language, "")
        settings = SETTINGS.format(bake=breakage.bake, stream_drain=STREAM_DRAIN, standby=STANDBY)
        files = {
            STARTUP_FILES[self._language]: prelude + self._source,
            "version.txt": f"{version}\n",
            "broken.txt": f"{breakage.told}\n",
            "Passengerfile.yml": self._settings + settings + breakage.settings,
        }
        for name, text in files.items():
            (self.path / name).write_text(text)
        await self._git("add", "--all")
        await self._git("commit", "--quiet", "--message", f"Version {version}")

    async def _git(self, *arguments):
        owner = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            owner = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            for path in self.path.iterdir():
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        process = await asyncio.create_subprocess_exec("git", *arguments, cwd=self.path, env=self._environment, **owner)
        if await process.wait() != 0:
            raise OSError(f"git {' '.join(arguments)} failed in {self.path}")
