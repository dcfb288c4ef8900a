import errno
import os
import signal
import time
import unittest

from preloader_process import PreloaderProcess

APP = '''
import atexit, os, random, sys, uuid
from passenger import on_event
LOADED = os.getpid()
ORDER = []
@on_event('starting_worker_process')
def started(forked):
    ORDER.append(f'started {forked} in {os.getpid()}')
on_event('stopping_worker_process', lambda: print('stopping'))
atexit.register(lambda: print(f'exit hooks of {os.getpid()}'))
random.random()
def say():
    print('said')
    print('warned', file=sys.stderr)
    return 'ok'
def descriptors():
    names = sorted(os.listdir('/proc/self/fd'), key=int)
    return '\\n'.join(f'{name} {os.readlink("/proc/self/fd/" + name)}' for name in names if os.path.islink('/proc/self/fd/' + name))
ROUTES = {
    '/loaded': lambda: f'{LOADED} {os.getpid()}',
    '/order': lambda: ','.join(ORDER),
    '/random': lambda: f'{random.getrandbits(60)} {uuid.uuid4()}',
    '/fds': descriptors,
    '/group': lambda: f'{os.getpgrp()} {os.getppid()}',
    '/say': say,
    '/frozen': lambda: str(__import__('gc').get_freeze_count() > 1000),
}
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [ROUTES[environ['PATH_INFO']]().encode()]
'''


class PreloadingTest(unittest.TestCase):
    def preload(self, text=APP, files=(), **plan):
        preloader = PreloaderProcess({'passenger_wsgi.py': text, **dict(files)}, **plan)
        self.addCleanup(preloader.close)
        return preloader

    def steps(self, lines):
        return [line['step'] for line in lines if line.get('state') == 'begin']

    def test_the_app_is_loaded_once_and_each_worker_is_a_child_of_the_supervisor(self):
        preloader = self.preload()
        self.assertEqual(self.steps(preloader.handshake()), ['start_interpreter', 'load_libraries', 'load_app', 'prepare_fork'])
        self.assertEqual(preloader.handshake()[-1]['type'], 'preloaded')
        for worker in [preloader.fork_worker() for _ in range(3)]:
            self.assertEqual(self.steps(worker.handshake), ['start_serving'])
            self.assertEqual(worker.handshake[-1]['type'], 'ready')
            self.assertEqual(preloader.ask(worker, '/loaded').body.decode(), f'{preloader.pid} {worker.pid}')
            self.assertEqual(preloader.ask(worker, '/order').body.decode(), f'started True in {worker.pid}')
            self.assertEqual(preloader.ask(worker, '/group').body.decode(), f'{worker.pid} {os.getpid()}')
            self.assertEqual(preloader.ask(worker, '/frozen').body, b'True')

    def test_random_numbers_differ_between_workers(self):
        preloader = self.preload()
        numbers = [number for _ in range(3) for number in preloader.ask(preloader.fork_worker(), '/random').body.split()]
        self.assertEqual(len(set(numbers)), 6, numbers)

    def test_numpy_is_seeded_anew(self):
        numpy = 'import types, sys\nclass random:\n    def seed():\n        sys.modules["numpy"].state = "new"\nstate = "old"\n'
        app = 'import numpy\ndef application(environ, start):\n    start("200 OK", [])\n    return [numpy.state.encode()]\n'
        preloader = self.preload(app, {'numpy.py': numpy})
        self.assertEqual(preloader.ask(preloader.fork_worker(), '/').body, b'new')

    def test_a_worker_writes_to_its_own_output(self):
        preloader = self.preload()
        worker = preloader.fork_worker()
        preloader.ask(worker, '/say')
        with open(worker.log_path) as file:
            self.assertEqual(file.read(), 'said\nwarned\n')
        self.assertEqual(preloader.log(), '')

    def test_a_worker_keeps_no_descriptor_of_the_preloader_nor_of_its_sisters(self):
        preloader = self.preload()
        preloader.fork_worker()
        worker = preloader.fork_worker()
        lines = [line.split() for line in preloader.ask(worker, '/fds').body.decode().splitlines()]
        kinds = [target.partition(':')[0] for number, target in lines if int(number) < 50]
        # Listener and this connection; the owner pipe and both ends of the one that wakes it.
        self.assertEqual(kinds.count('socket'), 2, lines)
        self.assertEqual(kinds.count('pipe'), 3, lines)
        own = f'/proc/{preloader.pid}/fd'
        self.assertFalse([name for name in os.listdir(own) if os.readlink(f'{own}/{name}').endswith('.log') and int(name) > 2])

    def test_a_dead_worker_refuses_connections(self):
        preloader = self.preload()
        worker = preloader.fork_worker()
        os.kill(worker.pid, signal.SIGKILL)
        preloader.wait_for(worker)
        self.assertRaises(ConnectionRefusedError, preloader.ask, worker, '/loaded')

    def test_the_stop_signal_ends_a_worker_with_its_hooks_and_not_the_preloader(self):
        preloader = self.preload()
        worker = preloader.fork_worker()
        os.kill(worker.pid, signal.SIGTERM)
        self.assertEqual(preloader.wait_for(worker), 0)
        with open(worker.log_path) as file:
            self.assertEqual(file.read(), f'stopping\nexit hooks of {worker.pid}\n')
        self.assertEqual(preloader.ask(preloader.fork_worker(), '/loaded').status, 200)

    def test_a_preloader_ends_without_hooks_by_the_stop_signal_and_with_its_control_socket(self):
        for end in (lambda one: os.kill(one.pid, signal.SIGTERM), lambda one: one.hang_up()):
            preloader = self.preload()
            preloader.fork_worker()
            end(preloader)
            self.assertEqual(preloader.wait(), 0)
            self.assertEqual(preloader.log(), '')

    def test_workers_outlive_their_preloader(self):
        preloader = self.preload()
        worker = preloader.fork_worker()
        os.kill(preloader.pid, signal.SIGKILL)
        preloader.wait()
        self.assertEqual(preloader.ask(worker, '/loaded').status, 200)

    def test_a_worker_ends_with_the_owner_pipe(self):
        preloader = self.preload()
        worker = preloader.fork_worker()
        preloader.close_owner()
        self.assertEqual(preloader.wait_for(worker), 1)
        with open(worker.log_path) as file:
            # No hooks: whoever would want to know of them is gone.
            self.assertEqual(file.read(), '')

    def test_an_app_may_refuse(self):
        preloader = self.preload('import passenger\npassenger.refuse_preloading("one process only")\ndef application(e, s): pass')
        end = preloader.handshake()[-1]
        self.assertEqual((end['type'], end['reason']), ('unsuitable', 'one process only'))
        self.assertEqual(preloader.wait(), 0)

    def test_threads_of_the_app_make_it_unsuitable(self):
        text = 'import threading\nthreading.Thread(target=threading.Event().wait, name="metrics", daemon=True).start()\n'
        end = self.preload(text + 'def application(e, s): pass').handshake()[-1]
        self.assertEqual(end['type'], 'unsuitable')
        self.assertRegex(end['reason'], r'^threads were started while it was loaded: metrics ')

    def test_a_boot_error_is_told_with_its_step(self):
        end = self.preload('raise ValueError("no database")').handshake()[-1]
        self.assertEqual((end['type'], end['step'], end['summary']), ('error', 'load_app', 'ValueError: no database'))

    def test_what_fails_after_the_fork_is_the_worker_s_failure(self):
        text = 'from passenger import on_event\n@on_event("starting_worker_process")\ndef start(forked):\n    raise ValueError("no pool")\n'
        preloader = self.preload(text + 'def application(e, s): pass')
        worker = preloader.fork_worker()
        end = worker.handshake[-1]
        self.assertEqual((end['type'], end['step'], end['summary']), ('error', 'start_serving', 'ValueError: no pool'))
        self.assertEqual(preloader.wait_for(worker), 1)
        self.assertEqual(preloader.fork_worker().handshake[-1]['type'], 'error')

    def test_a_fork_that_is_refused_is_told_with_its_errno(self):
        text = 'import os\ndef fork():\n    raise BlockingIOError(11, "no")\nos.fork = fork\ndef application(e, s): pass'
        preloader = self.preload(text)
        preloader.handshake()
        for ticket in (1, 2):
            os.close(preloader.ask_for_worker()[0])
            self.assertEqual(preloader.control_message(), (f'failed {ticket} {errno.EAGAIN}', preloader.pid))

    def test_django_closes_its_connections_before_the_fork(self):
        django = 'import os\nclosed = []\nclass connections:\n    def close_all():\n        closed.append(os.getpid())\n'
        app = 'import django.db\ndef application(environ, start):\n    start("200 OK", [])\n    return [str(django.db.closed).encode()]\n'
        preloader = self.preload(app, {'django.py': '__path__ = ["."]\n', 'db.py': django})
        self.assertEqual(preloader.ask(preloader.fork_worker(), '/').body.decode(), f'[{preloader.pid}]')

    def test_an_app_s_own_module_passenger_is_not_hidden(self):
        app = 'import passenger\ndef application(environ, start):\n    start("200 OK", [])\n    return [passenger.name]\n'
        preloader = self.preload(app, {'passenger.py': 'name = b"the app\'s"\n'})
        self.assertEqual(preloader.ask(preloader.fork_worker(), '/').body, b"the app's")

    def test_an_unknown_event_is_an_error(self):
        end = self.preload('from passenger import on_event\non_event("oob", print)').handshake()[-1]
        self.assertIn('none of the events starting_worker_process', end['summary'])

    def test_fork_time_of_a_large_heap(self):
        heap = 'HEAP = [f"object number {n}, and a little more" * 2 for n in range(400_000)]\n'
        preloader = self.preload(heap + 'def application(e, s): pass')
        preloader.handshake()
        times = []
        for _ in range(5):
            began = time.monotonic()
            preloader.fork_worker()
            times.append((time.monotonic() - began) * 1000)
        with open(f'/proc/{preloader.pid}/status') as status:
            size = next(int(line.split()[1]) // 1024 for line in status if line.startswith('VmRSS'))
        print(f'python: fork until ready, {size} MiB: {", ".join(f"{time:.1f}" for time in times)} ms')
        # Generous, for a machine that is busy.
        self.assertLess(min(times), 500)


if __name__ == '__main__':
    unittest.main()
