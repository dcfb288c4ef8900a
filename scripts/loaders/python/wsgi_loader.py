"""Boots a WSGI app in this process and serves it, or forks workers that do.

Started by passenger with the worker's listening socket and the handshake pipe as inherited descriptors (a preloader: with a
control socket and the owner pipe) and everything else in one environment variable; README.md one folder up has the protocol.
"""

import contextlib
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

from passenger_loader import app_file, boot_error, events, preloader
from passenger_loader.handshake import Handshake
from passenger_loader.session_worker import SessionWorker
from passenger_loader.threaded_session_worker import ThreadedSessionWorker

sys.dont_write_bytecode = _wrote_bytecode

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


class WSGILoader:
    def __init__(self, plan):
        self._directory = plan['directory']
        self._startup_file = plan.get('startup_file') or 'passenger_wsgi.py'
        self._listener = plan.get('listener')
        self._control = plan.get('control')
        self._owner = plan.get('owner')
        self._threads = plan.get('threads') or 1
        self._time_limit = (plan.get('abort_after_ms') or 0) / 1000
        self._stop_signals = STOP_SIGNALS | {signal.Signals[f'SIG{plan.get("stop_signal") or "TERM"}']}
        # Inherited descriptors are inheritable: each subprocess of the app would keep a dead worker's socket open.
        for name in ('listener', 'control', 'owner', 'handshake'):
            if name in plan:
                os.set_inheritable(plan[name], False)
        self._handshake = Handshake(plan['handshake'])

    def run(self):
        with self._booting():
            application = self._load()
        birth = None if self._control is None else self._preload()
        if birth is not None:
            self._listener = birth.listener
            self._handshake = Handshake(birth.handshake)
        with self._booting():
            worker = self._start(application, birth)
        worker.run()
        events.call_event('stopping_worker_process')

    @contextlib.contextmanager
    def _booting(self):
        try:
            yield
        except (Exception, SystemExit) as error:
            self._handshake.fail(
                boot_error.summary(error),
                boot_error.details(error),
                boot_error.hint(error, self._directory, self._startup_file),
            )
            sys.exit(1)

    def _load(self):
        with self._handshake.step('start_interpreter'):
            for stream in (sys.stdout, sys.stderr):
                stream.reconfigure(line_buffering=True)
        with self._handshake.step('load_libraries'):
            # In the place of the loader's own folder: the app's modules must not be hidden by ours.
            sys.path[0] = self._directory
            sys.meta_path.append(events.ModuleForApps)
        with self._handshake.step('load_app'):
            return self._load_app()

    def _preload(self):
        """Returns in forked workers only."""
        forks = preloader.Preloader(self._control, self._owner)
        reason = preloader.refusal(events.preloading_refusal)
        if reason is not None:
            self._handshake.unsuitable(reason)
            os._exit(0)
        with self._handshake.step('prepare_fork'):
            preloader.warm_up()
        self._handshake.preloaded()
        return forks.run()

    def _start(self, application, birth):
        with self._handshake.step('start_serving'):
            if birth is not None:
                preloader.reseed()
            events.call_event('starting_worker_process', birth is not None)
            worker = self._start_worker(application, birth)
        self._handshake.ready(self._threads)
        return worker

    def _load_app(self):
        return app_file.load(
            self._directory,
            self._startup_file,
            ('application',),
            'A WSGI app starts from passenger_wsgi.py',
            'from app import app as application',
        )

    def _start_worker(self, application, birth):
        listener = socket.socket(fileno=self._listener)
        owner = None if birth is None else birth.owner
        if self._threads > 1:
            worker = ThreadedSessionWorker(application, listener, self._threads, self._time_limit, owner=owner)
        else:
            worker = SessionWorker(application, listener, owner=owner)
        # After the app has loaded, so that a handler of its own does not swallow the stop.
        for number in self._stop_signals:
            signal.signal(number, worker.stop)
        if birth is None:
            # What the app has loaded stays: the collector need not walk it again and again.
            preloader.warm_up()
        return worker


if __name__ == '__main__':
    plan = os.environ.pop('_PASSENGER_WORKER', None)
    if plan is None:
        sys.exit('wsgi_loader.py is started by passenger; it has no use by hand.')
    WSGILoader(json.loads(plan)).run()
