"""The servers that are measured beside each other. Each has a name, a URL, and its processes by name."""

import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from control import Passenger, StepFailed, is_running
from load import free_port
from measure import descendants

HELLO = Path(__file__).resolve().parents[2] / "Tests/apps/hello"
PR_SET_CHILD_SUBREAPER = 36

NGINX = """\
worker_processes 1;
pid {place}/nginx.pid;
error_log {place}/error.log;
{user}
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  {rest}
}}
"""
HELLO_SERVER = 'server {{ listen unix:{socket}; location / {{ default_type text/plain; return 200 "hello world\\n"; }} }}'
PROXY = """upstream app {{ server unix:{socket}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port} backlog=2048; location / {{
    proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; }} }}"""


def adopt_orphans():
    """What a server leaves behind comes to us, and can be found and ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap():
    """Takes the ends of the orphans, and of no process that somebody still waits for."""
    for pid, command in descendants(os.getpid()):
        if not command and not is_running(pid):
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def wait_for(url_port, path=None):
    deadline = time.monotonic() + 20
    while True:
        try:
            family, address = (socket.AF_UNIX, path) if path else (socket.AF_INET, ("127.0.0.1", url_port))
            with socket.socket(family) as probe:
                probe.connect(str(address) if path else address)
                return
        except OSError:
            if time.monotonic() > deadline:
                raise StepFailed(f"nothing listens on {path or url_port}") from None
            time.sleep(0.05)


def settings_of(app, workers=1):
    return {"min_instances": workers, "max_pool_size": workers} | app


class Ours:
    """This program serving a directory in place, one worker, one event loop: as many as nginx has."""

    def __init__(self, program, workspace, name, directory, settings, label="passenger"):
        self.name = label
        self.directory = workspace.path / f"ours-{name}"
        shutil.copytree(directory, self.directory)
        workspace.give_away(self.directory)
        self.server = Passenger(program, workspace)
        flags = [text for key, value in settings_of(settings).items() for text in (f"--{key.replace('_', '-')}", str(value))]
        port = self.server.start(
            self.directory, "--instance-name", name, "--environment", "production", "--event-loops", "1", *flags)
        self.url = f"http://127.0.0.1:{port}/"
        try:
            status = self._ready()
            worker = status["apps"][0]["generations"][-1]["workers"][0]["pid"]
            self.groups = {
                "core": [status["server"]["supervisor_pid"], status["server"]["core_pid"]],
                "worker": [worker] + [pid for pid, _ in descendants(worker)],
            }

        except StepFailed:
            self.end()
            raise

    def _ready(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            status = self.server.status(self.directory)
            generations = status["apps"][0]["generations"]
            if generations and generations[-1]["state"] == "live":
                return status
            time.sleep(0.1)
        raise StepFailed("the app did not become live")

    def end(self):
        self.server.end()


class NginxProxy:
    """nginx in front of a Unix socket. With a command, also the backend: something that listens on the socket."""

    def __init__(self, nginx, workspace, name, backend=None, label="nginx"):
        self.name = label
        place = workspace.path / f"nginx-{name}"
        place.mkdir()
        path, port = place / "app.sock", free_port()
        user = f"user {pwd.getpwnam('nobody').pw_name} nogroup;" if os.geteuid() == 0 else ""
        rest = PROXY.format(socket=path, port=port)
        if backend is None:
            rest += "\n  " + HELLO_SERVER.format(socket=path)
        (place / "nginx.conf").write_text(NGINX.format(place=place, user=user, rest=rest))
        self.processes = []
        if backend is not None:
            self.processes.append(backend(path))
            wait_for(None, path)
            path.chmod(0o666)
        self.processes.append(subprocess.Popen(
            [nginx, "-p", str(place), "-c", str(place / "nginx.conf"), "-e", str(place / "error.log"), "-g", "daemon off;"],
            stderr=subprocess.DEVNULL))
        wait_for(port)
        self.url = f"http://127.0.0.1:{port}/"
        proxy = self.processes[-1].pid
        self.groups = {"core": [proxy] + [pid for pid, _ in descendants(proxy)]}
        if backend is not None:
            self.groups["worker"] = [self.processes[0].pid]

    def end(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait(10)


def nginx_backend(nginx, place):
    """Starts an nginx that answers with 12 bytes on a Unix socket."""

    def start(path):
        place.mkdir(exist_ok=True)
        user = "user nobody nogroup;" if os.geteuid() == 0 else ""
        (place / "nginx.conf").write_text(
            NGINX.format(place=place, user=user, rest=HELLO_SERVER.format(socket=path)))
        return subprocess.Popen(
            [nginx, "-p", str(place), "-c", str(place / "nginx.conf"), "-e", str(place / "error.log"),
             "-g", "daemon off; master_process off;"], stderr=subprocess.DEVNULL)

    return start


def node_backend(path):
    """The Node app on a Unix socket."""
    return subprocess.Popen(["node", str(HELLO / "node/app.js")], env=os.environ | {"PORT": str(path)})


# It takes the listener that LISTEN_FDS speaks of; nginx wants to know its path as well.
NGINX_APP = """\
#!/bin/sh
set -e
inode=$(readlink /proc/self/fd/3 | tr -dc 0-9)
path=$(awk -v inode="$inode" '$7 == inode {{ print $8; exit }}' /proc/net/unix)
place=$(mktemp -d "${{TMPDIR:-/tmp}}/nginx-app.XXXXXX")
sed "s#PLACE#$place#g; s#SOCKET#$path#" nginx.template > "$place/nginx.conf"
NGINX="3;" exec {nginx} -p "$place" -c "$place/nginx.conf" -e "$place/error.log" -g 'daemon off;'
"""


def nginx_app(nginx, place):
    """A generic app for us that is the same nginx: a directory with a command that makes its configuration."""
    place.mkdir()
    configuration = NGINX.format(place="PLACE", user="", rest=HELLO_SERVER.format(socket="SOCKET"))
    (place / "nginx.template").write_text(configuration)
    (place / "run").write_text(NGINX_APP.format(nginx=nginx))
    (place / "run").chmod(0o755)
    temporary = place.parent / "nginx-app-tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    return {"app_start_command": f"env TMPDIR={temporary} ./run"}


WORKER_OF_PASSENGER_6 = re.compile(r"Passenger \w+App: |\S+ /\S+/helper-scripts/\S+-loader\.\w+")


class Passenger6:
    """Debian's Passenger with its builtin engine, one worker, its response cache off."""

    def __init__(self, others, workspace, language, label="Passenger 6.0.17"):
        self.name = label
        place = workspace.path / f"passenger6-{language}"
        shutil.copytree(HELLO / language, place / "app")
        environment = os.environ | self._environment(others, place)
        for name in ("registry", "tmp"):
            (place / name).mkdir()
        (place / "log").touch()
        # Started by root, all of it runs as the user that it is told.
        workspace.give_away(place)
        interpreter = {"ruby": "ruby", "python": "python", "node": "nodejs"}[language]
        program = {"ruby": "ruby", "python": "/usr/bin/python3", "node": shutil.which("node")}[language]
        port = free_port()
        command = [
            "ruby", str(others / "usr/bin/passenger"), "start", "--engine", "builtin", "--disable-turbocaching",
            "--no-compile-runtime", "--address", "127.0.0.1", "--port", str(port), "--environment", "production",
            "--max-pool-size", "1", "--min-instances", "1", "--instance-registry-dir", str(place / "registry"),
            "--pid-file", str(place / "pid"), "--log-file", str(place / "log"), "--disable-security-update-check",
            "--disable-anonymous-telemetry",
        ]
        if language != "ruby":
            command += [f"--{interpreter}", program]
        if os.geteuid() == 0:
            command += ["--user", "nobody"]
        self.place = str(place)
        self.output = (place / "output").open("w+")
        self.process = subprocess.Popen(
            command, cwd=place / "app", env=environment, stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=subprocess.STDOUT)
        try:
            wait_for(port)
            self.url = f"http://127.0.0.1:{port}/"
            subprocess.run(["curl", "-sf", "-o", "/dev/null", self.url], check=True, timeout=30)
        except (StepFailed, subprocess.SubprocessError):
            self.end()
            said = "\n".join(path.read_text(errors="replace")[:1500] for path in (place / "output", place / "log") if path.exists())
            raise StepFailed(f"Passenger 6 did not start: {said}") from None
        processes = descendants(os.getpid())
        core = [pid for pid, command in processes if command.startswith("Passenger core")]
        worker = [pid for pid, command in processes if WORKER_OF_PASSENGER_6.match(command)]
        if not core or not worker:
            self.end()
            raise StepFailed(f"the processes of Passenger 6 were not found among {processes}")
        self.groups = {"core": core, "worker": worker}

    @staticmethod
    def _environment(others, place):
        """Its package lies elsewhere than it was made for."""
        place.chmod(0o755)
        libraries = others / "usr/lib/ruby/vendor_ruby"
        locations = (libraries / "phusion_passenger/locations.ini").read_text().replace("=/usr", f"={others}/usr")
        (place / "locations.ini").write_text(locations)
        native = next(others.glob("usr/lib/*/ruby/vendor_ruby/*/passenger_native_support.so"), None)
        system = next(others.glob("usr/lib/*/libev.so.4")).parent
        return {
            "PASSENGER_LOCATION_CONFIGURATION_FILE": str(place / "locations.ini"),
            "RUBYLIB": ":".join(str(path) for path in (libraries, native and native.parent) if path),
            "LD_LIBRARY_PATH": str(system),
            "TMPDIR": str(place / "tmp"),
        }

    def end(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        deadline = time.monotonic() + 10
        # One of them keeps its temporary files young for ever.
        while rest := [pid for pid, command in descendants(os.getpid()) if self._is_ours(command)]:
            for pid in rest:
                os.kill(pid, signal.SIGKILL if time.monotonic() > deadline else signal.SIGTERM)
            time.sleep(0.1)
            reap()

    def _is_ours(self, command):
        return command.startswith("Passenger ") or self.place in command
