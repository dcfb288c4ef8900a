"""What is compared: each scenario starts its contenders, has them loaded in turn, and says what was wanted."""

import subprocess
from dataclasses import dataclass, field

import allocations
import appservers
import idle
from contenders import HELLO, Ours, fetch
from control import StepFailed
from load import free_port
from measure import Load, rotated
from nginx import UWSGI_PASS, Certificate, HAProxy, NginxProxy, NginxStatic, nginx_app, static_backend
from report import Goal

PASSENGER_6 = "Passenger 6.0.17"
SIZES = {"4k": 4 << 10, "1m": 1 << 20}
ANSWER_BYTES = 12
POST_BYTES = 16 << 10
HEADERS = 100


@dataclass
class Comparison:
    """`makers`: what starts each contender, by its name. Its answer to `path` must have `expected` bytes."""

    scenario: str
    title: str
    makers: dict
    goals: list
    load: Load = field(default_factory=Load)
    path: str = "/"
    expected: int = ANSWER_BYTES


class Scenarios:
    """`bench` has the program, the tools, the workspace, the options, the meter and the report."""

    def __init__(self, bench):
        self.bench = bench
        self.running = {}
        self.place = bench.workspace.path
        self.files = self.place / "files"
        self.files.mkdir()
        for name, size in SIZES.items():
            (self.files / name).write_bytes(bytes(range(256)) * (size // 256))
        self.number = 0

    def unique(self, name):
        """Each contender has a directory of its own, also when it is started again."""
        self.number += 1
        return f"{name}-{self.number}"

    # The contenders.

    def ours(self, name, directory, settings, *flags, environment=None):
        return Ours(
            self.bench.program, self.bench.workspace, self.unique(name), directory, settings, *flags, environment=environment)

    def our_proxy(self, *flags, environment=None):
        directory, settings = nginx_app(self.bench.tools, self.place, self.files)
        return self.ours("proxy", directory, settings, *flags, environment=environment)

    def nginx(self, backend, label="nginx", **more):
        return NginxProxy(self.bench.tools, self.bench.workspace, self.unique("nginx"), backend, label, **more)

    def haproxy(self, **more):
        return HAProxy(self.bench.tools, self.bench.workspace, self.unique("haproxy"), static_backend(self.files), **more)

    def proxies(self, **more):
        return {
            "passenger": self.our_proxy,
            "nginx": lambda: self.nginx(static_backend(self.files), **more),
            "HAProxy": lambda: self.haproxy(**more),
        }

    # One run, the contenders in turn: a machine that is busy for a while is so for all of them.

    def compare(self, comparison):
        found, left_out = self.measured(comparison.makers, comparison.load, comparison.path, comparison.expected)
        self.bench.report.comparison(comparison.scenario, comparison.title, found, left_out, comparison.goals)

    def measured(self, makers, load, path, expected=None):
        """The measurements of each contender by its name, and why some have none."""
        left_out = self.start(makers, load, path, expected)
        found = {name: [] for name in self.running}
        try:
            for number in range(self.bench.options.rounds):
                for name in rotated(list(found), number):
                    self.attempt(load, path, name, found, left_out)
        finally:
            self.end()
        return found, left_out

    def start(self, makers, load, path, expected):
        """Returns the reasons of those that did not start or answer as they should."""
        left_out = {}
        for name, make in makers.items():
            try:
                self.running[name] = make()
                check(self.running[name].origin + path, expected)
                self.bench.meter.settle(self.running[name])
                self.bench.meter.measure(self.running[name], path, load, 1)
            except (StepFailed, OSError, subprocess.SubprocessError) as problem:
                left_out[name] = str(problem)
                if name in self.running:
                    self.running.pop(name).end()
        return left_out

    def attempt(self, load, path, name, found, left_out):
        try:
            found[name].append(self.bench.meter.measure(self.running[name], path, load))
        except (StepFailed, OSError, subprocess.SubprocessError) as problem:
            left_out[name] = str(problem)
            del found[name]
            self.running.pop(name).end()

    def end(self):
        while self.running:
            self.running.popitem()[1].end()

    # The scenarios.

    def proxy(self):
        self.compare_proxies("proxy", "12 bytes from an nginx on a Unix socket, one event loop each", Load())

    def proxy_headers(self):
        script = self.script("headers", "".join(
            f'wrk.headers["X-Header-{number:03}"] = "value {number} of some length"\n' for number in range(HEADERS)))
        self.compare_proxies(
            "proxy-headers", f"The same, 64 connections whose requests have {HEADERS} headers",
            Load(connections=64, arguments=("-s", script)))

    def proxy_post(self):
        script = self.script("post", f'wrk.method = "POST"\nwrk.body = string.rep("x", {POST_BYTES})\n')
        self.compare_proxies("proxy-post", "The same, a POST of 16 KiB", Load(arguments=("-s", script)))

    def proxy_large(self):
        self.compare_proxies("proxy-large", "The same nginx, 1 MiB", Load(), "/files/1m", SIZES["1m"])

    def compare_proxies(self, scenario, title, load, path="/", expected=ANSWER_BYTES):
        goals = [
            goal for rival in ("nginx", "HAProxy")
            for goal in (Goal("front_cpu_us", rival, at_most=1.0), Goal("requests_per_second", rival))
        ]
        self.compare(Comparison(scenario, title, self.proxies(), goals, load, path, expected))

    def script(self, name, text):
        path = self.place / f"{name}.lua"
        path.write_text(text)
        return str(path)

    def idle(self):
        count = self.bench.options.idle_connections
        # nginx closes idle connections when it has less than a sixteenth of its places left.
        idle.measure(self.bench, self.proxies(connections=count + count // 4), count)

    def allocations(self):
        allocations.measure(self.bench, self.our_proxy)

    def workers(self):
        for language, wanted in (("ruby", 2.5), ("python", 2.5), ("node", 2.2)):
            behind, beside = self.app_servers(language)
            makers = {
                "passenger": lambda language=language: self.ours(language, HELLO / language, {}),
                PASSENGER_6: lambda language=language: appservers.Passenger6(
                    self.bench.tools, self.bench.workspace, self.unique("passenger6"), language),
            } | behind | beside
            goals = [Goal("requests_per_second", PASSENGER_6, at_least=wanted)]
            goals += [Goal("requests_per_second", name, at_least=1.0) for name in behind]
            goals += [Goal("requests_per_second", name) for name in beside]
            self.compare(Comparison("workers", f"Hello world in {language.capitalize()}, one worker", makers, goals))

    def app_servers(self, language):
        """Those that we have to be ahead of, and those that are there to be seen."""
        behind = {
            "ruby": {"nginx + Puma": appservers.puma, "nginx + Unicorn": appservers.unicorn},
            "python": {"nginx + gunicorn": appservers.gunicorn},
            "node": {},
        }[language]
        makers = {name: lambda name=name, backend=backend: self.nginx(backend, name) for name, backend in behind.items()}
        if language == "python":
            return makers, {
                "nginx + uWSGI": lambda: self.nginx(appservers.uwsgi, "nginx + uWSGI", passes=UWSGI_PASS),
                "uWSGI http-socket": lambda: appservers.UWSGI(self.bench.tools, self.bench.workspace, self.unique("uwsgi")),
            }
        if language == "node":
            return makers, {"nginx + Node": lambda: self.nginx(appservers.node, "nginx + Node")}
        return makers, {}

    def static(self):
        place = self.place / "static-app"
        place.mkdir()
        directory, settings = nginx_app(self.bench.tools, place, self.files)
        public = directory / "public"
        public.mkdir()
        for name in SIZES:
            (public / name).write_bytes((self.files / name).read_bytes())
        goals = [
            Goal("requests_per_front_cpu_second", "nginx", at_least=0.9),
            Goal("requests_per_second", "nginx", at_least=0.9),
        ]
        for name, size in SIZES.items():
            makers = {
                "passenger": lambda: self.ours("static", directory, settings),
                "nginx": lambda: NginxStatic(self.bench.tools, self.bench.workspace, self.unique("static"), self.files),
            }
            self.compare(Comparison(
                "static", f"A static file of {size >> 10} KiB", makers, goals, Load(), f"/{name}", size))

    def tls(self):
        certificate = self.certificate()
        ciphers = ("--ciphers=ECDHE-RSA-AES128-GCM-SHA256", "--tls13-ciphers=TLS_AES_128_GCM_SHA256")
        makers = {
            "passenger": lambda: self.our_tls(certificate),
            "nginx": lambda: self.nginx(static_backend(self.files), certificate=certificate),
        }
        goals = [Goal("requests_per_second", "nginx", at_least=0.7), Goal("front_cpu_us", "nginx")]
        for title, arguments in (("HTTP/1.1 over TLS", ("--h1",)), ("HTTP/2, 8 streams a connection", ("-m8",))):
            load = Load("h2load", 32, (*arguments, *ciphers))
            self.compare(Comparison("tls", f"{title}, AES-128-GCM, 12 bytes from the same nginx", makers, goals, load))

    def our_tls(self, certificate):
        port = free_port()
        ours = self.our_proxy(
            "--ssl", "--ssl-certificate", str(certificate.chain), "--ssl-certificate-key", str(certificate.key),
            "--ssl-port", str(port))
        ours.origin = f"https://127.0.0.1:{port}"
        return ours

    def certificate(self):
        certificate = Certificate(self.place / "chain.pem", self.place / "key.pem")
        if not certificate.key.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-subj", "/CN=example.com",
                 "-addext", "subjectAltName=DNS:example.com,IP:127.0.0.1", "-keyout", str(certificate.key), "-out",
                 str(certificate.chain)], check=True, capture_output=True, timeout=60)
            # The server may run as nobody when it reads it; it lives for the length of this run.
            certificate.key.chmod(0o644)
        return certificate


def check(url, expected):
    """Whether a GET is answered with so many bytes (None: with any number): what answers with an error is fast."""
    status, size = fetch(url)
    if status != 200 or size != (size if expected is None else expected):
        raise StepFailed(f"answers {url} with status {status} and {size} bytes, not 200 and {expected}")
