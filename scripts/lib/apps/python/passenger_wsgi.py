"""Says which version it is, and what it received."""

import hashlib

VERSION = 1


def greeting(body):
    return f"version {VERSION}, {len(body)} bytes, {hashlib.sha256(body).hexdigest()}\n"


def application(environ, start_response):
    text = greeting(environ["wsgi.input"].read()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text]
