"""The servers that run an ASGI app in this process: whichever of them the app has installed."""

import asyncio
import contextlib
import importlib.util
import inspect
import sys

from .boot_error import KnownError

# Seconds. Only the gateway closes idle connections: a server that closes one in the moment in which it is used again fails a request.
NEVER = 365 * 86400
MAX_HEAD = 256 * 1024


def find(listener, stop_signals):
    """A server that will serve on the listening socket, an object with `run(application)`."""
    if importlib.util.find_spec('uvicorn'):
        return Uvicorn(listener, stop_signals)
    if importlib.util.find_spec('hypercorn'):
        return Hypercorn(listener, stop_signals)
    raise KnownError(
        'neither uvicorn nor hypercorn is installed, and an ASGI app needs one of them',
        f'Run `{sys.executable} -m pip install uvicorn` and put it into the app\'s requirements. Another Python, such as a '
        'virtual environment elsewhere, is chosen by the setting `python`.',
    )


def on_signals(numbers, callback):
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, callback)


class Uvicorn:
    def __init__(self, listener, stop_signals):
        import uvicorn

        class Server(uvicorn.Server):
            def install_signal_handlers(self):  # Up to 0.28.
                on_signals(stop_signals, self._stop)

            @contextlib.contextmanager
            def capture_signals(self):  # Since 0.29.
                on_signals(stop_signals, self._stop)
                yield

            def _stop(self):
                self.should_exit = True

        wanted = {
            'interface': 'asgi3',
            'access_log': False,
            'log_level': 'warning',
            'use_colors': False,
            'proxy_headers': False,
            # The gateway's.
            'server_header': False,
            'date_header': False,
            'timeout_keep_alive': NEVER,
            'h11_max_incomplete_event_size': MAX_HEAD,
        }
        known = inspect.signature(uvicorn.Config).parameters
        # Before the app is loaded, which may want to arrange the server's loggers in its own way.
        self._config = uvicorn.Config(None, **{name: value for name, value in wanted.items() if name in known})
        self._server = Server(self._config)
        self._listener = listener

    def run(self, application):
        self._config.app = application
        self._server.run(sockets=[self._listener])


class Hypercorn:
    def __init__(self, listener, stop_signals):
        import hypercorn.asyncio
        from hypercorn.config import Config

        self._serve = hypercorn.asyncio.serve
        self._config = config = Config()
        config.bind = [f'fd://{listener.detach()}']
        config.accesslog = None
        config.loglevel = 'WARNING'
        config.keep_alive_timeout = config.read_timeout = NEVER
        config.startup_timeout = config.shutdown_timeout = config.graceful_timeout = NEVER
        config.h11_max_incomplete_size = MAX_HEAD
        config.include_server_header = config.include_date_header = False
        self._stop_signals = stop_signals

    def run(self, application):
        asyncio.run(self._main(application))

    async def _main(self, application):
        stop = asyncio.Event()
        on_signals(self._stop_signals, stop.set)
        await self._serve(application, self._config, shutdown_trigger=stop.wait)
