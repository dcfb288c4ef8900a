"""Boots an ASGI app in this process and has the app's own uvicorn or hypercorn serve it.

Started by passenger with the worker's listening socket and the handshake pipe as inherited descriptors and everything else
in one environment variable; README.md one folder up has the protocol.
"""

import json
import os
import signal
import socket
import sys

# First on the path while the loader's own modules are imported; PYTHONSAFEPATH would leave it out.
_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [_HERE, *(folder for folder in sys.path if folder != _HERE)]
# The folder may belong to another user, and is not ours to write into.
_wrote_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True

from passenger_loader import app_file, asgi_servers, boot_error
from passenger_loader.asgi_app import ASGIApp
from passenger_loader.boot_error import KnownError
from passenger_loader.handshake import Handshake

sys.dont_write_bytecode = _wrote_bytecode

CONCURRENCY = 1024
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


class ASGILoader:
    def __init__(self, plan):
        self._directory = plan['directory']
        self._startup_file = plan.get('startup_file') or 'asgi.py'
        self._listener = plan['listener']
        self._stop_signals = STOP_SIGNALS | {signal.Signals[f'SIG{plan.get("stop_signal") or "TERM"}']}
        # Inherited descriptors are inheritable: each subprocess of the app would keep a dead worker's socket open.
        os.set_inheritable(plan['listener'], False)
        os.set_inheritable(plan['handshake'], False)
        self._handshake = Handshake(plan['handshake'])

    def run(self):
        try:
            self._serve()
        except (Exception, SystemExit) as error:
            if not self._handshake.is_open:
                raise
            self._handshake.fail(
                boot_error.summary(error),
                boot_error.details(error),
                boot_error.hint(error, self._directory, self._startup_file),
            )
            sys.exit(1)

    def _serve(self):
        handshake = self._handshake
        with handshake.step('start_interpreter'):
            for stream in (sys.stdout, sys.stderr):
                stream.reconfigure(line_buffering=True)
        with handshake.step('load_libraries'):
            # In the place of the loader's own folder: the app's modules must not be hidden by ours.
            sys.path[0] = self._directory
            server = asgi_servers.find(socket.socket(fileno=self._listener), self._stop_signals)
        with handshake.step('load_app'):
            application = app_file.load(
                self._directory,
                self._startup_file,
                ('application', 'app'),
                'An ASGI app starts from passenger_asgi.py or asgi.py',
                'from shop.main import app as application',
            )
        handshake.begin('start_serving')
        app = ASGIApp(application, self._ready)
        try:
            server.run(app)
        except (Exception, SystemExit):
            # Servers end in several ways when the app says that it cannot start.
            if app.failure is None:
                raise
        if handshake.is_open:
            text = (app.failure or 'the server ended before the app had started').strip()
            summary = f'The startup of the app (its lifespan) failed: {text.splitlines()[-1]}'
            raise KnownError(summary, 'Something that the app needs at boot is missing or cannot be reached.', text)

    def _ready(self):
        if self._handshake.is_open:
            self._handshake.end()
            self._handshake.ready(CONCURRENCY, 'http')


if __name__ == '__main__':
    plan = os.environ.pop('_PASSENGER_WORKER', None)
    if plan is None:
        sys.exit('asgi_loader.py is started by passenger; it has no use by hand.')
    ASGILoader(json.loads(plan)).run()
