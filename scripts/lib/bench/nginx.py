"""nginx and HAProxy: as the backend that all fronts pass requests on to, and as fronts beside ours."""

import os
from dataclasses import dataclass
from pathlib import Path

from contenders import Rival, wait_for
from control import StepFailed

NGINX = """\
worker_processes 1;
worker_rlimit_nofile {files};
pid {place}/nginx.pid;
error_log {place}/error.log;
{user}
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  types {{ }} default_type application/octet-stream;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  {rest}
}}
"""
# What all fronts pass requests on to: 12 bytes, for a GET as for a POST, and the files of a directory.
BACKEND_SERVER = """server {{ listen unix:{socket}; client_body_buffer_size 64k;
    location / {{ default_type text/plain; return 200 "hello world\\n"; }}
    location /files/ {{ alias {files}/; open_file_cache max=100; }} }}"""
# Not as it comes but as it is fastest: a body of 16 KiB and a response of 1 MiB stay in memory and are not written to temporary
# files, and buffers of 32k instead of 4k halve what 1 MiB costs it.
PROXY_SERVER = """upstream app {{ server unix:{socket}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port} {tls} backlog=2048; {certificate} client_body_buffer_size 64k; location / {{
    {passes} }} }}"""
HTTP_PASS = """proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_buffers 16 32k; proxy_max_temp_file_size 0;"""
UWSGI_PASS = "uwsgi_pass app; " + " ".join(f"uwsgi_param {name} {variable};" for name, variable in {
    "QUERY_STRING": "$query_string", "REQUEST_METHOD": "$request_method", "CONTENT_TYPE": "$content_type",
    "CONTENT_LENGTH": "$content_length", "REQUEST_URI": "$request_uri", "PATH_INFO": "$document_uri",
    "DOCUMENT_ROOT": "$document_root", "SERVER_PROTOCOL": "$server_protocol", "REQUEST_SCHEME": "$scheme",
    "REMOTE_ADDR": "$remote_addr", "REMOTE_PORT": "$remote_port", "SERVER_PORT": "$server_port",
    "SERVER_NAME": "$server_name"}.items())
STATIC_SERVER = """server {{ listen 127.0.0.1:{port} backlog=2048; root {files};
    open_file_cache max=1000; open_file_cache_valid 60s; tcp_nopush on; }}"""
# A request with a body of 16 KiB does not fit in the 16k that its buffers have by themselves. It asks for two
# descriptors a connection, which is more than some machines allow, and must go on without: idle ones need one.
HAPROXY = """\
global
  nbthread 1
  maxconn {connections}
  no strict-limits
  tune.http.maxhdr 256
  tune.bufsize 32768
defaults
  mode http
  timeout connect 10s
  timeout client 600s
  timeout server 60s
  timeout http-keep-alive 600s
  option forwardfor
  http-reuse always
frontend front
  bind 127.0.0.1:{port} backlog 2048
  http-request set-header X-Forwarded-Proto http
  default_backend app
backend app
  server app unix@{socket}
"""


@dataclass(frozen=True)
class Certificate:
    chain: Path
    key: Path


def nginx_user():
    return "user nobody nogroup;" if os.geteuid() == 0 else ""


def nginx_configuration(place, rest, connections=4096, user=None):
    return NGINX.format(
        place=place, user=nginx_user() if user is None else user, rest=rest, connections=connections, files=connections + 500)


def nginx_command(tools, place, more=""):
    nginx = tools.find("nginx")
    if not nginx:
        raise StepFailed("nginx is not to be had")
    return [nginx, "-p", str(place), "-c", str(place / "nginx.conf"), "-e", str(place / "error.log"), "-g", f"daemon off; {more}"]


class Nginx(Rival):
    """One worker process."""

    def serve(self, rest, connections=4096):
        (self.place / "nginx.conf").write_text(nginx_configuration(self.place, rest, connections))
        self.front = self.launch("front", nginx_command(self.tools, self.place), self.tools.environment())
        wait_for(port=self.port, process=self.front)

    def processes(self):
        return {"front": self.front, "worker": self.backend} if self.backend else {"front": self.front}


class NginxProxy(Nginx):
    """In front of a backend on a Unix socket: `backend(rival, path)` starts what listens there."""

    def __init__(self, tools, workspace, name, backend, label="nginx", passes=HTTP_PASS, certificate=None, connections=4096):
        super().__init__(tools, workspace, name, label)
        with self.ending_on_failure():
            path = self.place / "app.sock"
            self.backend = backend(self, path)
            wait_for(path=path, process=self.backend)
            # nginx's worker is nobody.
            path.chmod(0o666)
            tls, lines = "", ""
            if certificate:
                tls = "ssl http2"
                lines = (
                    f"ssl_certificate {certificate.chain}; ssl_certificate_key {certificate.key}; "
                    "ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:1m; http2_max_concurrent_streams 128;")
            self.serve(
                PROXY_SERVER.format(socket=path, port=self.port, tls=tls, certificate=lines, passes=passes), connections)
            self.origin = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
            self.ready()


class NginxStatic(Nginx):
    """The files of a directory."""

    def __init__(self, tools, workspace, name, files):
        super().__init__(tools, workspace, name, "nginx")
        with self.ending_on_failure():
            self.serve(STATIC_SERVER.format(port=self.port, files=files))
            self.ready()


class HAProxy(Rival):
    """One thread, in front of a backend on a Unix socket."""

    def __init__(self, tools, workspace, name, backend, connections=4096):
        super().__init__(tools, workspace, name, "HAProxy")
        program = tools.find("haproxy")
        if not program:
            raise StepFailed("HAProxy is not to be had")
        with self.ending_on_failure():
            path = self.place / "app.sock"
            self.backend = backend(self, path)
            wait_for(path=path, process=self.backend)
            (self.place / "haproxy.cfg").write_text(HAPROXY.format(
                port=self.port, socket=path, connections=connections))
            self.front = self.launch("front", [program, "-db", "-f", str(self.place / "haproxy.cfg")], tools.environment())
            wait_for(port=self.port, process=self.front)
            self.ready()

    def processes(self):
        return {"front": self.front, "worker": self.backend}


def static_backend(files):
    """The nginx that all fronts of the proxy scenarios have behind them."""

    def start(rival, path):
        place = rival.place / "backend"
        place.mkdir()
        (place / "nginx.conf").write_text(
            nginx_configuration(place, BACKEND_SERVER.format(socket=path, files=files)))
        return rival.launch("backend", nginx_command(rival.tools, place), rival.tools.environment())

    return start


# It takes the listener that LISTEN_FDS speaks of; nginx wants to know its path as well.
NGINX_APP = """\
#!/bin/sh
set -e
inode=$(readlink /proc/self/fd/3 | tr -dc 0-9)
path=$(awk -v inode="$inode" '$7 == inode {{ print $8; exit }}' /proc/net/unix)
place=$(mktemp -d "{temporary}/app.XXXXXX")
sed "s#PLACE#$place#g; s#SOCKET#$path#" nginx.template > "$place/nginx.conf"
NGINX="3;" exec {nginx} -p "$place" -c "$place/nginx.conf" -e "$place/error.log" -g 'daemon off;'
"""


def nginx_app(tools, place, files):
    """The same nginx as a generic app of ours. Returns its directory and settings."""
    nginx = tools.find("nginx")
    if not nginx:
        raise StepFailed("nginx is not to be had")
    directory, temporary = place / "nginx-app", place / "nginx-app-tmp"
    if not directory.exists():
        directory.mkdir()
        configuration = nginx_configuration("PLACE", BACKEND_SERVER.format(socket="SOCKET", files=files), user="")
        (directory / "nginx.template").write_text(configuration)
        (directory / "run").write_text(NGINX_APP.format(nginx=nginx, temporary=temporary))
        (directory / "run").chmod(0o755)
        temporary.mkdir()
        temporary.chmod(0o1777)
    return directory, {"app_start_command": "./run"}
