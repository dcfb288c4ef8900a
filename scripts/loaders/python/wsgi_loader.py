"""Boots a WSGI app in this process and serves it.

Started by passenger with the worker's listening socket and the handshake pipe as inherited descriptors and everything else
in one environment variable; README.md one folder up has the protocol.
"""

import gc
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

from passenger_loader import app_file, boot_error
from passenger_loader.handshake import Handshake
from passenger_loader.session_worker import SessionWorker
from passenger_loader.threaded_session_worker import ThreadedSessionWorker

sys.dont_write_bytecode = _wrote_bytecode

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


class WSGILoader:
    def __init__(self, plan):
        self._directory = plan['directory']
        self._startup_file = plan.get('startup_file') or 'passenger_wsgi.py'
        self._listener = plan['listener']
        self._threads = plan.get('threads') or 1
        self._time_limit = (plan.get('abort_after_ms') or 0) / 1000
        self._stop_signals = STOP_SIGNALS | {signal.Signals[f'SIG{plan.get("stop_signal") or "TERM"}']}
        # Inherited descriptors are inheritable: each subprocess of the app would keep a dead worker's socket open.
        os.set_inheritable(plan['listener'], False)
        os.set_inheritable(plan['handshake'], False)
        self._handshake = Handshake(plan['handshake'])

    def run(self):
        self._boot().run()

    def _boot(self):
        handshake = self._handshake
        try:
            with handshake.step('start_interpreter'):
                for stream in (sys.stdout, sys.stderr):
                    stream.reconfigure(line_buffering=True)
            with handshake.step('load_libraries'):
                # In the place of the loader's own folder: the app's modules must not be hidden by ours.
                sys.path[0] = self._directory
            with handshake.step('load_app'):
                application = self._load_app()
            with handshake.step('start_serving'):
                worker = self._start_worker(application)
            handshake.ready(self._threads)
            return worker
        except (Exception, SystemExit) as error:
            handshake.fail(
                boot_error.summary(error),
                boot_error.details(error),
                boot_error.hint(error, self._directory, self._startup_file),
            )
            sys.exit(1)

    def _load_app(self):
        return app_file.load(
            self._directory,
            self._startup_file,
            ('application',),
            'A WSGI app starts from passenger_wsgi.py',
            'from app import app as application',
        )

    def _start_worker(self, application):
        listener = socket.socket(fileno=self._listener)
        if self._threads > 1:
            worker = ThreadedSessionWorker(application, listener, self._threads, self._time_limit)
        else:
            worker = SessionWorker(application, listener)
        # After the app has loaded, so that a handler of its own does not swallow the stop.
        for number in self._stop_signals:
            signal.signal(number, worker.stop)
        # What the app has loaded stays: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        return worker


if __name__ == '__main__':
    plan = os.environ.pop('_PASSENGER_WORKER', None)
    if plan is None:
        sys.exit('wsgi_loader.py is started by passenger; it has no use by hand.')
    WSGILoader(json.loads(plan)).run()
