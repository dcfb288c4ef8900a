import os
import random
import select
import signal
import threading
import time
import unittest

from loader_process import LoaderProcess

THREADS = 3
APP = r'''
import atexit, os, queue, signal, sys, threading, time

atexit.register(print, 'atexit ran')
gate = queue.SimpleQueue()
signal.signal(signal.SIGUSR1, lambda *_: gate.put('usr1'))
TEXT = [('Content-Type', 'text/plain')]


def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/exit':
        sys.exit(3)
    if path == '/stubborn':
        try:
            while True:
                time.sleep(0.01)
        except Exception:
            print('rescued')
        finally:
            print('ensured')
    start_response('200 OK', TEXT)
    if path == '/env':
        return [repr(environ['wsgi.multithread']).encode()]
    if path == '/thread':
        return [threading.current_thread().name.encode()]
    if path == '/wait':  # Until somebody opens the gate.
        print('waiting')
        return [f'let in: {gate.get()}'.encode()]
    if path == '/open':
        gate.put(environ['QUERY_STRING'])
        return [b'opened']
    if path == '/echo':
        return [environ['wsgi.input'].read()]
    if path == '/unread':
        return [b'did not read']
    return [b'hello']
'''


class ThreadsTest(unittest.TestCase):
    """A worker that serves several requests at a time."""

    def start(self, **plan):
        self.loader = LoaderProcess({'passenger_wsgi.py': APP}, threads=THREADS, **plan)
        self.addCleanup(self.loader.close)

    def get(self, *arguments, **options):
        return self.loader.get(*arguments, **options).body.decode()

    def send(self, path):
        connection = self.loader.connect()
        self.loader.send_request(connection, path)
        return connection

    def read(self, connection):
        return self.loader.read_response(connection).body.decode()

    def wait_for(self, count):
        """Until the app has begun so many requests to /wait."""
        deadline = time.monotonic() + 60
        while self.loader.log().count('waiting') < count:
            self.assertLess(time.monotonic(), deadline)

    def ready(self, connections, seconds=0):
        return len(select.select(connections, [], [], seconds)[0])

    def test_the_handshake_and_the_environment_tell_of_threads(self):
        self.start()
        self.assertEqual(self.loader.handshake()[-1]['concurrency'], THREADS)
        self.assertEqual(self.get('/env'), 'True')
        self.assertRegex(self.get('/thread'), r'^request \d$')

    def test_as_many_requests_as_threads_run_at_once_and_one_more_waits_for_its_turn(self):
        self.start()
        waiting = [self.send('/wait') for _ in range(THREADS)]
        self.wait_for(THREADS)
        last = self.send('/')
        self.assertEqual(self.ready([last], 0.05), 0)
        os.kill(self.loader.pid, signal.SIGUSR1)
        self.assertEqual(self.read(last), 'hello')
        self.assertEqual(self.ready(waiting), 1)

    def test_a_blocked_thread_blocks_no_other_connection(self):
        self.start()
        connection = self.loader.connect()
        blocked = self.send('/wait')
        self.wait_for(1)
        for _ in range(3):
            self.assertEqual(self.get('/', connection), 'hello')
        self.get('/open?now')
        self.assertEqual(self.read(blocked), 'let in: now')

    def test_more_connections_than_threads_are_all_served_in_any_order(self):
        self.start()
        connections = [self.loader.connect() for _ in range(THREADS * 4)]
        chance = random.Random(1)
        for turn in range(200):
            chosen = chance.sample(connections, THREADS)
            for one in chosen:
                self.loader.send_request(one, '/echo', method='POST', body=f'{turn} {one.fileno()}'.encode())
            for one in reversed(chosen):
                self.assertEqual(self.read(one), f'{turn} {one.fileno()}')

    def test_clients_that_ask_at_the_same_time_get_their_own_answers(self):
        self.start()
        right = []

        def ask(client):
            # New connections too: their numbers are used again at once.
            for turn in range(60):
                connection = self.loader.connect()
                for _ in range(3):
                    body = f'{client} {turn} ' * 300
                    right.append(self.get('/echo', connection, method='POST', body=body.encode()) == body)
                connection.close()

        self.loader.handshake()
        clients = [threading.Thread(target=ask, args=[client]) for client in range(THREADS + 2)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(120)
        self.assertEqual(right, [True] * (THREADS + 2) * 180)

    def test_big_unread_bodies_leave_the_threads_free(self):
        self.start()
        for _ in range(THREADS):
            unread = self.loader.connect()
            self.loader.send_request(unread, '/unread', method='POST', CONTENT_LENGTH='1000000')
            self.assertEqual(self.read(unread), 'did not read')
            self.assertEqual(unread.recv(1), b'')
        self.assertEqual(self.get('/'), 'hello')

    def test_a_request_over_its_time_is_aborted_and_the_others_go_on(self):
        self.start(abort_after_ms=2000)
        self.get('/')
        stuck = self.send('/stubborn')
        for _ in range(50):
            self.assertEqual(self.get('/'), 'hello')
        self.assertEqual(stuck.recv(1), b'')
        self.assertRegex(self.loader.log(), r'(?s)ensured\n.*passenger: GET /stubborn failed: Traceback.*RequestOverdue')
        self.assertNotIn('rescued', self.loader.log())
        for _ in range(20):
            self.assertEqual(self.get('/'), 'hello')
        self.assertEqual(self.loader.log().count('failed'), 1)
        os.kill(self.loader.pid, signal.SIGTERM)
        self.assertEqual(self.loader.wait(), 0)

    def test_term_lets_all_requests_finish_and_those_already_sent(self):
        self.start()
        idle = self.loader.connect()
        self.get('/', idle)
        busy = [self.send('/wait') for _ in range(THREADS)]
        self.wait_for(THREADS)
        sent = [self.send('/') for _ in range(2)]
        os.kill(self.loader.pid, signal.SIGTERM)
        os.kill(self.loader.pid, signal.SIGUSR1)
        answers = [self.loader.read_response(one) for one in sent]
        self.assertEqual([(one.body, one.headers['connection']) for one in answers], [(b'hello', ['close'])] * 2)
        for count in range(1, THREADS):
            self.assertEqual(self.ready(busy), count)
            os.kill(self.loader.pid, signal.SIGUSR1)
            deadline = time.monotonic() + 60
            while self.ready(busy) <= count:
                self.assertLess(time.monotonic(), deadline)
        self.assertEqual([self.read(one) for one in busy], ['let in: usr1'] * THREADS)
        self.assertEqual(idle.recv(1), b'')
        self.assertEqual(self.loader.wait(), 0)
        self.assertTrue(self.loader.log().endswith('atexit ran\n'), self.loader.log())

    def test_exit_in_a_thread_ends_the_worker(self):
        self.start()
        self.send('/exit')
        self.assertEqual(self.loader.wait(), 3)
        self.assertIn('atexit ran', self.loader.log())


if __name__ == '__main__':
    unittest.main()
