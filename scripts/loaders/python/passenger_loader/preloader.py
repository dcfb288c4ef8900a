"""A process that has loaded the app and forks workers from it.

The supervisor asks for each by a packet on the control socket, with the descriptors that the worker is to have; README.md two
folders up has the protocol. Three processes take part in a fork: this one, one in the middle that ends at once, and the worker,
whose parent is then the supervisor. Only it may wait for the worker, and its death is the worker's.
"""

import collections
import gc
import os
import signal
import socket
import sys
import threading
import traceback

LARGEST_MESSAGE = 256
DESCRIPTORS = 4
PR_SET_PDEATHSIG = 1

# What a forked worker has of its own: descriptors.
Birth = collections.namedtuple('Birth', 'listener handshake owner')


def refusal(app_refusal):
    """Why no worker must be forked from this process, or None.

    Of several threads only the one that forks is there in the worker, and what the others hold locked stays locked for ever. Ruby
    has a convention by which libraries start theirs again; Python has none.
    """
    if app_refusal:
        return app_refusal
    others = [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]
    if not others:
        return None
    return (
        f'threads were started while it was loaded: {", ".join(others)} (start them in '
        "passenger.on_event('starting_worker_process') instead)"
    )


def warm_up():
    """Django imports the views with the first request: that would be in each worker, and shared by none.

    What is alive then stays so: the collector of a worker must not write to the pages of each object to find that out."""
    _load_django_urls()
    gc.collect()
    gc.freeze()


def _load_django_urls():
    urls, apps = sys.modules.get('django.urls'), sys.modules.get('django.apps')
    try:
        if urls is not None and apps is not None and apps.apps.ready:
            urls.get_resolver()._populate()
    except Exception:
        # The first request of each worker fails of the same, and that is where the app's author looks for it.
        sys.stderr.write(f'passenger: the URLs of Django could not be loaded before the fork: {traceback.format_exc()}')


class Preloader:
    def __init__(self, control, owner):
        self._supervisor = os.getppid()
        self._control = socket.socket(fileno=control)
        self._control.setblocking(True)
        self._owner = owner
        # Before the first fork: importing takes longer than forking.
        self._end_with_parent = _death_signal()

    def run(self):
        """Forks for as long as it is asked to; returns in forked workers only, with their Birth."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            # Nothing of the app's is to run at its end: no worker was here.
            signal.signal(number, lambda *_: os._exit(0))
        while True:
            ticket, descriptors = self._receive()
            released, release = os.pipe()
            try:
                _close_databases()
                middle = os.fork()
                if middle == 0:
                    return self._be_born(ticket, descriptors, released, release)
                status = _wait_for(middle)
            except OSError as error:
                status = error.errno
            # The parent of the worker is reaped, so it is the supervisor's child now.
            for descriptor in (released, release, *descriptors):
                os.close(descriptor)
            if status:
                self._control.send(b'failed %d %d' % (ticket, status))

    def _receive(self):
        message, descriptors, _, _ = socket.recv_fds(self._control, LARGEST_MESSAGE, DESCRIPTORS)
        if not message:
            os._exit(0)
        words = message.split()
        if len(words) != 2 or words[0] != b'spawn' or len(descriptors) != DESCRIPTORS:
            sys.stderr.write(f'passenger: the preloader does not understand {message!r}\n')
            os._exit(1)
        return int(words[1]), descriptors

    def _be_born(self, ticket, descriptors, released, release):
        """Two processes run this. Whatever goes wrong ends them here: nothing above is theirs."""
        try:
            _leave_worker_behind()
            os.close(release)
            os.read(released, 1)
            os.close(released)
            self._become_child_of_supervisor()
            listener, handshake, *outputs = descriptors
            for number, stream, output in zip((1, 2), (sys.stdout, sys.stderr), outputs):
                stream.flush()
                os.dup2(output, number)
                os.close(output)
            for descriptor in (listener, handshake):
                os.set_inheritable(descriptor, False)
            self._control.send(b'born %d' % ticket)
            self._control.close()
            return Birth(listener, handshake, self._owner)
        except BaseException:
            os.write(2, f'passenger: a forked worker could not start: {traceback.format_exc()}'.encode())
            os._exit(1)

    def _become_child_of_supervisor(self):
        self._end_with_parent()
        if os.getppid() != self._supervisor:
            # It ended before that was asked for.
            os._exit(1)
        os.setpgid(0, 0)


def _leave_worker_behind():
    try:
        if os.fork():
            os._exit(0)
    except OSError as error:
        os._exit(error.errno)


def _wait_for(pid):
    """0, or the errno of the second fork. A SIGCHLD handler of the app's may have waited for it."""
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return 0
    return code if code >= 0 else -code


def _death_signal():
    """prctl(2), PR_SET_PDEATHSIG, to be called in the worker. Where Python has no ctypes, the owner pipe has to do."""
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return lambda: None
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _close_databases():
    """Before each fork: a connection that is closed here can be used by nobody twice. Django's open anew at the next query."""
    database = sys.modules.get('django.db')
    try:
        if database is not None:
            database.connections.close_all()
    except Exception:
        # The worker's first query would fail of the same, and say so.
        sys.stderr.write(f'passenger: Django could not be made ready for a fork: {traceback.format_exc()}')


def reseed():
    """In the worker. Python's own `random` is seeded anew by the interpreter; NumPy's global generator is not."""
    random = getattr(sys.modules.get('numpy'), 'random', None)
    if random is not None:
        random.seed()
