"""What an app may have called, and may say, through the module `passenger`."""

import importlib.machinery
import threading

EVENTS = ('starting_worker_process', 'stopping_worker_process', 'oob_work', 'state')

_telling = threading.Lock()
_last_state = None
_handlers = {name: [] for name in EVENTS}
# Why the app must be loaded by each worker for itself; None when workers may be forked from a process that has loaded it.
preloading_refusal = None


def on_event(name, handler=None):
    """Calls `handler` at an event; without one, a decorator.

    'starting_worker_process' is called with whether the process was forked, before the first request; 'stopping_worker_process'
    with nothing, after the last; 'oob_work' (out-of-band work) with nothing, some time after a response had the field
    X-Passenger-Request-OOB-Work, while the worker has no request; 'state' with 'live', 'standby' or 'draining' when that is what
    the worker's version has become.
    """
    if name not in _handlers:
        raise ValueError(f'{name!r} is none of the events {", ".join(EVENTS)}')
    if handler is None:
        return lambda function: on_event(name, function) or function
    _handlers[name].append(handler)
    return None


def call_event(name, *arguments):
    """A handler that fails is the app's failure to boot or, at the end, one traceback in the log."""
    for handler in _handlers[name]:
        handler(*arguments)


def perform(task):
    """What the server tells: an event with its arguments. The same state again is none: it may be said more than once."""
    global _last_state
    name, *arguments = task.split(' ')
    with _telling:
        if name == 'state' and task == _last_state:
            return
        if name == 'state':
            _last_state = task
    call_event(name, *arguments)


def refuse_preloading(reason):
    """For an app that must not be loaded once and forked: called while it loads. Its workers are then started one by one."""
    global preloading_refusal
    preloading_refusal = str(reason)


class ModuleForApps:
    """Makes `from passenger import on_event` work for apps. Last among the finders, so that an app's own module of this name is
    not hidden; outside of passenger the import fails, which tells an app where it runs."""

    NAME = 'passenger'

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, cls) if name == cls.NAME else None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        module.on_event = on_event
        module.refuse_preloading = refuse_preloading
