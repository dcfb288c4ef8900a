"""The sample app in Python; ../README.md has the routes."""

import hashlib
import json
import os
import time
from http import HTTPStatus
from urllib.parse import parse_qsl

HERE = os.path.dirname(os.path.abspath(__file__))
# Read once, at boot: a running worker tells which release it was booted from.
with open(os.path.join(HERE, 'version.txt')) as file:
    VERSION = file.read().strip()
LINE = b'0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+\n'

ROUTES = {}


def route(function):
    ROUTES['/' + function.__name__.removesuffix('_')] = function
    return function


def application(environ, start_response):
    path = environ['PATH_INFO']
    handler = hello if path == '/' else ROUTES.get(path, missing)
    query = dict(parse_qsl(environ['QUERY_STRING']))
    status, content_type, body, *extra = handler(environ, query)
    try:
        line = f'{status} {HTTPStatus(status).phrase}'
    except ValueError:
        line = f'{status} Unknown'
    start_response(line, [('Content-Type', content_type), *extra])
    return body


def text(body, status=200):
    return status, 'text/plain', [body.encode()]


def as_json(value):
    return 200, 'application/json', [json.dumps(value).encode() + b'\n']


def missing(environ, query):
    return text(f'no such route: {environ["PATH_INFO"]}\n', 404)


def hello(environ, query):
    return text(f'hello from {VERSION}\n')


@route
def version(environ, query):
    return text(f'{VERSION}\n')


@route
def pid(environ, query):
    return text(f'{os.getpid()}\n')


@route
def echo(environ, query):
    digest = hashlib.sha256()
    length = 0
    while piece := environ['wsgi.input'].read(65536):
        digest.update(piece)
        length += len(piece)
    return text(f'{digest.hexdigest()} {length}\n')


@route
def big(environ, query):
    size = int(query.get('bytes', '0'))

    def parts(left, block=LINE * 1024):
        while left > 0:
            yield block[:left]
            left -= len(block)

    return 200, 'text/plain', parts(size), ('Content-Length', str(size))


@route
def chunked(environ, query):
    chunks = int(query.get('chunks', '10'))
    return 200, 'text/plain', (b'chunk %d\n' % n for n in range(chunks))


@route
def slow(environ, query):
    seconds = query.get('seconds', '1')
    time.sleep(float(seconds))
    return text(f'slept {seconds}\n')


@route
def until(environ, query):
    while not os.path.exists(query['file']):
        time.sleep(0.05)
    return text('there\n')


@route
def stream(environ, query):
    def ticks():
        n = 0
        while True:
            yield b'tick %d\n' % n
            n += 1
            time.sleep(0.1)

    return 200, 'text/plain', ticks()


@route
def headers(environ, query):
    seen = {
        name.removeprefix('HTTP_').lower().replace('_', '-'): value
        for name, value in environ.items()
        if name.startswith('HTTP_') or name in ('CONTENT_TYPE', 'CONTENT_LENGTH')
    }
    return as_json({'method': environ['REQUEST_METHOD'], 'path': environ['PATH_INFO'], 'query': environ['QUERY_STRING'], 'headers': seen})


@route
def status(environ, query):
    code = int(query.get('code', '200'))
    return text(f'status {code}\n', code)


@route
def env(environ, query):
    return as_json(sorted(os.environ))


@route
def up(environ, query):
    return text('unhealthy\n', 500) if os.path.exists(os.path.join(HERE, 'unhealthy')) else text('up\n')


@route
def fds(environ, query):
    targets = {}
    for name in os.listdir('/proc/self/fd'):
        try:
            targets[name] = os.readlink(f'/proc/self/fd/{name}')
        except FileNotFoundError:
            pass  # The descriptor of the listing itself.
    return as_json(targets)


@route
def uid(environ, query):
    return as_json({'uid': os.getuid(), 'gid': os.getgid(), 'groups': sorted(os.getgroups())})


@route
def raise_(environ, query):
    raise RuntimeError('the app was asked to raise')


@route
def exit_(environ, query):
    os._exit(3)
