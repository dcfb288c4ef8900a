"""The loader's end of the boot conversation: JSON lines on an inherited pipe, closed once the worker is ready or has failed."""

import contextlib
import json
import os

VERSION = 1
# The reader takes lines of at most 64 KiB; escaping can make six bytes of one character.
MAX_LINE = 64 * 1024 - 1
MAX_SUMMARY = 1000
MAX_HINT = 2000


class Handshake:
    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._step = 'start_interpreter'

    @property
    def is_open(self):
        return self._descriptor is not None

    @contextlib.contextmanager
    def step(self, name):
        self.begin(name)
        yield
        self.end()

    def begin(self, name):
        self._step = name
        self._send({'type': 'step', 'step': name, 'state': 'begin'})

    def end(self):
        self._send({'type': 'step', 'step': self._step, 'state': 'end'})

    def ready(self, concurrency, protocol='session'):
        self._send({'type': 'ready', 'protocol': protocol, 'concurrency': concurrency})
        self.close()

    def preloaded(self):
        """The app is loaded, and workers can be forked."""
        self._send({'type': 'preloaded'})
        self.close()

    def unsuitable(self, reason):
        """The app is loaded, and no worker must be forked from this process."""
        self._send({'type': 'unsuitable', 'reason': reason[:MAX_SUMMARY]})
        self.close()

    def fail(self, summary, details, hint):
        fields = {'type': 'error', 'step': self._step, 'summary': summary[:MAX_SUMMARY], 'details': details, 'hint': hint[:MAX_HINT]}
        # Halving ends: everything but the details is bounded far below the limit.
        while len(_encode(fields)) > MAX_LINE and fields['details']:
            fields['details'] = fields['details'][: len(fields['details']) // 2]
        self._send(fields)
        self.close()

    def close(self):
        if self.is_open:
            os.close(self._descriptor)
            self._descriptor = None

    def _send(self, fields):
        data = _encode(fields)
        try:
            while data:
                data = data[os.write(self._descriptor, data):]
        except BrokenPipeError:
            pass  # The core has given this boot up; it will say so with a signal.


def _encode(fields):
    return json.dumps({'version': VERSION, **fields}).encode('ascii') + b'\n'
