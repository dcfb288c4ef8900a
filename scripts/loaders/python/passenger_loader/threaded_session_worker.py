"""Serves the session protocol with a fixed number of threads."""

import contextlib
import os
import select
import signal
import threading

from .request_clock import RequestClock, RequestOverdue
from .session_worker import READ_SIZE, SessionWorker

ARMED = select.EPOLLIN | select.EPOLLONESHOT


class ThreadedSessionWorker(SessionWorker):
    """Its threads wait together, at one epoll instance: the kernel gives each connection that has something to one of them
    (EPOLLONESHOT), so no thread wakes or feeds another, and a request costs one system call more than with one thread.

    The main thread waits for the end, and aborts requests that take longer than `time_limit` seconds (None: no limit).
    """

    INTEREST = ARMED

    def __init__(self, application, listener, threads, time_limit=None, **options):
        super().__init__(application, listener, **options)
        self._template['wsgi.multithread'] = True
        self._threads = [threading.Thread(target=self._run_thread, name=f'request {number}') for number in range(1, threads + 1)]
        self._clock = RequestClock(time_limit) if time_limit else None
        self._running = set(self._threads)
        self._failure = None

    def stop(self, *_):
        """A signal handler: ends `run` after the current requests."""
        self._stopping = True
        # One for each thread.
        os.write(self._wake_writer, b'.' * len(self._threads))

    def run(self):
        reader, self._news = os.pipe()
        os.set_blocking(self._news, False)
        # A wait that a signal interrupts, also one that came just before it; waiting for a thread is not of that kind.
        signal.set_wakeup_fd(self._news, warn_on_full_buffer=False)
        for thread in self._threads:
            thread.start()
        while self._running:
            if select.select([reader], [], [], self._clock and self._clock.check())[0]:
                os.read(reader, READ_SIZE)
        for thread in self._threads:
            thread.join()
        self._close()
        if self._failure:
            raise self._failure

    def _run_thread(self):
        try:
            self._serve_until_stopped()
        except BaseException as failure:
            # What ends a thread (the app called exit) ends the worker, as it does with one thread.
            self._failure = failure
            self.stop()
        self._running.remove(threading.current_thread())
        os.write(self._news, b'.')

    def _serve_until_stopped(self):
        poll = self._poll.poll
        is_told = False
        while not is_told:
            for descriptor, events in poll(-1, 1):
                if descriptor == self._wake_reader:
                    os.read(descriptor, 1)
                    is_told = True
                else:
                    self._attend(descriptor, events)
        # Requests that had been sent when the stop came are answered still; waking is for the other threads.
        while ready := [one for one in poll(0, 2) if one[0] != self._wake_reader]:
            for descriptor, events in ready:
                self._attend(descriptor, events)

    def _attend(self, descriptor, events):
        connection = self._connections.get(descriptor)
        super()._attend(descriptor, events)
        # Of a connection that was dropped, the number may be another thread's connection by now.
        if self._connections.get(descriptor) is connection:
            self._poll.modify(descriptor, ARMED)

    def _answer(self, connection, environ, rest):
        if not self._clock:
            return super()._answer(connection, environ, rest)
        try:
            self._clock.run(super()._answer, connection, environ, rest)
        except RequestOverdue:
            self._report(environ)
            # It may have come while the connection was being dropped.
            with contextlib.suppress(OSError, ValueError, KeyError):
                self._drop(connection)
