"""Answers that tell their version, and streams that tell when they are whole."""

import hashlib
import os
import time
from pathlib import Path

HERE = Path(__file__).parent
VERSION = (HERE / "version.txt").read_text().strip()
BROKEN = (HERE / "broken.txt").read_text().strip()
HOARD = []
# Where the numbers of requests are written down as they come.
SEEN = os.environ.get("SOAK_SEEN")


def events(seconds):
    """Server-sent events; the last one says that it is the last."""
    for _ in range(int(seconds * 4)):
        yield f"data: {VERSION}\n\n".encode()
        time.sleep(0.25)
    yield f"event: end\ndata: {VERSION}\n\n".encode()


def application(environ, start_response):
    def text(body, status="200 OK", *more):
        start_response(status, [
            ("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("X-Version", VERSION), *more])
        return [body.encode()]

    if SEEN and "HTTP_X_REQUEST" in environ:
        with open(SEEN, "a") as file:
            file.write(environ["HTTP_X_REQUEST"] + "\n")
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/up":
        return text("up\n", "500 Internal Server Error" if BROKEN == "unhealthy" else "200 OK")
    if BROKEN == "errors":
        return text("broken\n", "500 Internal Server Error", ("X-Broken", BROKEN))
    if path == "/echo":
        body = environ["wsgi.input"].read()
        return text(f"{len(body)} {hashlib.sha256(body).hexdigest()}\n")
    if path == "/slow":
        time.sleep(float(query))
        return text("slept\n")
    if path == "/events":
        start_response("200 OK", [
            ("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache"), ("X-Version", VERSION)])
        return events(float(query))
    if BROKEN == "hog":
        HOARD.append(b"x" * (4 << 20))
    return text(f"version {VERSION}\n")
