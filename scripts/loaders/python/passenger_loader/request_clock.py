"""Breaks off requests that take longer than `max_request_time`, in workers with several threads."""

import threading
import time


class RequestOverdue(BaseException):
    """Raised in the request's thread. No `Exception`: an app that catches those must not go on."""


class RequestClock:
    """Whoever takes an entry out decides: the thread, that its request ended in time, or the watcher, that it did not."""

    def __init__(self, limit):
        # Only whoever has a limit pays for this module.
        import ctypes

        self._limit = limit  # Seconds.
        self._begun = {}  # Thread id -> when its request began.
        self._raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
        self._raise_in.argtypes = ctypes.c_ulong, ctypes.py_object

    def run(self, work, *arguments):
        """Does the work of one request; raises RequestOverdue when it took too long."""
        thread = threading.get_ident()
        self._begun[thread] = time.monotonic()
        try:
            work(*arguments)
        finally:
            if self._begun.pop(thread, None) is None:
                self._let_it_come()

    @staticmethod
    def _let_it_come():
        # The exception is on its way, and must not hit the next request. It may also have been raised, or swallowed by the
        # app; then it does not come, and this costs a second of a worker that is about to be replaced.
        for _ in range(100):
            time.sleep(0.01)

    def check(self):
        """For the watching thread. Returns how many seconds later it has to look again."""
        now = time.monotonic()
        earliest = now
        for thread, began in list(self._begun.items()):
            if began + self._limit > now:
                earliest = min(earliest, began)
            elif self._begun.pop(thread, None) is not None:
                self._raise_in(thread, RequestOverdue)
        # A request that begins while the watcher sleeps is overdue after that at the earliest.
        return earliest + self._limit - now
