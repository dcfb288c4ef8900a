"""Needs starlette, uvicorn, hypercorn and websockets: Tests/apps/asgi/requirements.txt."""

import http.client
import os
import signal
import socket
import tempfile
import threading
import time
import unittest
import unittest.mock

from loader_process import LoaderProcess
from websockets.sync.client import unix_connect

APP = r'''
import asyncio, contextlib, sys
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute


@contextlib.asynccontextmanager
async def lifespan(app):
    print('startup')
    yield {'from': 'lifespan'}
    print('shutdown')


async def about(request):
    server = next(name for name in ('uvicorn', 'hypercorn') if sys.modules.get(name))
    seen = {name: request.headers.get(name) for name in ('host', 'x-test')}
    return JSONResponse({'client': request.client.host, 'url': str(request.url), 'server': server, **request.state._state, **seen})


async def echo(request):
    return PlainTextResponse(await request.body())


async def slow(request):
    print('slow began')
    await asyncio.sleep(0.5)
    return PlainTextResponse('slept')


async def stream(request):
    async def parts():
        for part in (b'a', b'b', b'c'):
            yield part
            await asyncio.sleep(0)
    return StreamingResponse(parts())


async def talk(socket):
    await socket.accept()
    await socket.send_text(f'{socket.url.scheme} {socket.client.host}')
    async for message in socket.iter_text():
        await socket.send_text(message.upper())


app = Starlette(lifespan=lifespan, routes=[
    Route('/about', about), Route('/echo', echo, methods=['POST']), Route('/slow', slow), Route('/stream', stream),
    WebSocketRoute('/talk', talk),
])
'''


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=60)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


class Cases:
    """What holds for each server."""

    server = None

    def start(self, app=APP, **plan):
        # Their own modules warn.
        self.loader = LoaderProcess({'asgi.py': app}, 'asgi_loader.py', (), startup_file='asgi.py', **plan)
        self.addCleanup(self.loader.close)
        return self.loader.handshake()[-1]

    def connect(self):
        self.loader.handshake()
        connection = UnixConnection(self.loader.socket_path)
        self.addCleanup(connection.close)
        return connection

    def get(self, path, connection=None, method='GET', body=None, **headers):
        connection = connection or self.connect()
        connection.request(method, path, body, {name.replace('_', '-'): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read()

    def test_the_handshake_ends_after_the_startup_of_the_app(self):
        ready = self.start()
        self.assertEqual(ready, {'version': 1, 'type': 'ready', 'protocol': 'http', 'concurrency': 1024})
        self.assertEqual(self.loader.log(), 'startup\n')
        steps = [(line['step'], line['state']) for line in self.loader.handshake() if line['type'] == 'step']
        names = ('start_interpreter', 'load_libraries', 'load_app', 'start_serving')
        self.assertEqual(steps, [(name, state) for name in names for state in ('begin', 'end')])

    def test_the_app_sees_its_clients_and_not_the_gateway(self):
        self.start()
        headers = {'Host': 'shop.example', 'X_Forwarded_For': '192.0.2.7, 10.0.0.1', 'X_Forwarded_Proto': 'https', 'X_Test': 'yes'}
        status, body = self.get('/about', **headers)
        expected = f'{{"client":"192.0.2.7","url":"https://shop.example/about","server":"{self.server}","from":"lifespan","host":"shop.example","x-test":"yes"}}'
        self.assertEqual((status, body.decode()), (200, expected))

    def test_connections_are_kept_and_bodies_arrive_whole(self):
        self.start()
        connection = self.connect()
        body = os.urandom(1_000_000)
        for _ in range(3):
            self.assertEqual(self.get('/echo', connection, 'POST', body), (200, body))
        self.assertEqual(self.get('/echo', connection, 'POST', iter([b'chun', b'ked'])), (200, b'chunked'))
        self.assertEqual(self.get('/stream', connection), (200, b'abc'))
        self.assertEqual(self.get('/none', connection)[0], 404)
        self.assertEqual(self.get('/stream', connection, X_Test='y' * 100_000)[0], 200)

    def test_websockets_are_served(self):
        self.start()
        with unix_connect(self.loader.socket_path, 'ws://shop.example/talk', additional_headers={'X-Forwarded-For': '192.0.2.7', 'X-Forwarded-Proto': 'https'}) as client:
            self.assertEqual(client.recv(10), 'wss 192.0.2.7')
            client.send('hello')
            self.assertEqual(client.recv(10), 'HELLO')

    def test_term_lets_requests_finish_and_runs_the_shutdown_of_the_app(self):
        self.start()
        idle, busy = self.connect(), self.connect()
        self.get('/stream', idle)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.get('/slow', busy)))
        thread.start()
        deadline = time.monotonic() + 60
        while 'slow began' not in self.loader.log():
            self.assertLess(time.monotonic(), deadline)
        os.kill(self.loader.pid, signal.SIGTERM)
        thread.join(10)
        self.assertEqual(answers, [(200, b'slept')])
        self.assertEqual(self.loader.wait(), 0)
        self.assertTrue(self.loader.log().endswith('shutdown\n'), self.loader.log())

    def test_a_configured_stop_signal_does_the_same(self):
        self.start(stop_signal='USR2')
        os.kill(self.loader.pid, signal.SIGUSR2)
        self.assertEqual(self.loader.wait(), 0)
        self.assertTrue(self.loader.log().endswith('shutdown\n'), self.loader.log())

    def test_an_app_without_a_lifespan_is_served(self):
        self.start('''
async def application(scope, receive, send):
    assert scope['type'] == 'http'
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': b'bare'})
''')
        self.assertEqual(self.get('/'), (200, b'bare'))

    def test_a_startup_that_fails_is_a_failed_boot_with_its_reason(self):
        error = self.start(APP.replace("print('startup')", "raise RuntimeError('no database')"))
        self.assertEqual((error['type'], error['step']), ('error', 'start_serving'))
        self.assertIn('failed: RuntimeError: no database', error['summary'])
        self.assertIn('Traceback', error['details'])
        self.assertEqual(self.loader.wait(), 1)

    def test_a_file_that_fails_is_a_failed_boot_with_its_reason(self):
        error = self.start('import no_such_module')
        self.assertEqual((error['step'], error['summary']), ('load_app', "ModuleNotFoundError: No module named 'no_such_module'"))

    def test_a_missing_callable_is_explained(self):
        error = self.start('api = 1')
        self.assertIn('asgi.py has no callable named application or app', error['summary'])


class UvicornTest(Cases, unittest.TestCase):
    server = 'uvicorn'


class HypercornTest(Cases, unittest.TestCase):
    server = 'hypercorn'

    def start(self, app=APP, **plan):
        with tempfile.TemporaryDirectory() as place:
            # Both are installed, and uvicorn would be taken.
            with open(os.path.join(place, 'sitecustomize.py'), 'w') as file:
                file.write("import sys; sys.modules['uvicorn'] = None")
            with unittest.mock.patch.dict(os.environ, PYTHONPATH=place):
                return super().start(app, **plan)


class WithoutServerTest(unittest.TestCase):
    def test_that_no_server_is_installed_is_explained(self):
        # Nothing but Python's own library.
        loader = LoaderProcess({'asgi.py': APP}, 'asgi_loader.py', ('-I', '-S'), startup_file='asgi.py')
        self.addCleanup(loader.close)
        error = loader.handshake()[-1]
        self.assertEqual((error['step'], error['summary']), ('load_libraries', 'neither uvicorn nor hypercorn is installed, and an ASGI app needs one of them'))
        self.assertRegex(error['hint'], r'Run `\S+ -m pip install uvicorn`.*`python`')
        self.assertEqual(loader.wait(), 1)


if __name__ == '__main__':
    unittest.main()
