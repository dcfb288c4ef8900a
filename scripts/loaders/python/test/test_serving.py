import hashlib
import os
import random
import signal
import struct
import threading
import time
import unittest
import unittest.mock

from loader_process import LoaderProcess

APP = r'''
import atexit, hashlib, os, sys, time
from wsgiref.validate import validator

print('the app prints while it boots')
atexit.register(print, 'atexit ran')
TEXT = [('Content-Type', 'text/plain')]


class Parts:
    def __init__(self, parts, failing=False):
        self.parts, self.failing = parts, failing

    def __iter__(self):
        yield from self.parts
        if self.failing:
            raise RuntimeError('failed in the body')

    def close(self):
        print('body closed')


def app(environ, start_response):
    path, query, input = environ['PATH_INFO'], environ['QUERY_STRING'], environ['wsgi.input']

    def ok(parts, *headers, status='200 OK'):
        start_response(status, TEXT + list(headers))
        return parts

    if path == '/env':
        return ok([repr({name: environ.get(name) for name in query.split(',')}).encode()])
    if path == '/echo':
        digest, size = hashlib.sha256(), 0
        while piece := input.read(65536):
            digest.update(piece)
            size += len(piece)
        return ok([f'{digest.hexdigest()} {size}'.encode()])
    if path == '/pieces':
        return ok([repr([input.read(3), input.readline(), input.readlines()]).encode()])
    if path == '/unread':
        return ok([b'did not read'])
    if path == '/parts':
        return ok(Parts([b'a', b'bc', b'', b'd']))
    if path == '/short':
        return ok(Parts([b'abc']), ('Content-Length', '10'))
    if path == '/long':
        return ok([b'abc', b'def'], ('Content-Length', '2'))
    if path == '/longparts':
        return ok(Parts([b'abc', b'def']), ('Content-Length', '2'))
    if path == '/write':
        write = start_response('200 OK', TEXT)
        write(b'written ')
        return [b'and returned']
    if path == '/lazy':
        def lazy():
            start_response('200 OK', TEXT)
            yield b'lazy'
        return lazy()
    if path == '/replaced':
        try:
            start_response('200 OK', TEXT)
            raise ValueError
        except ValueError:
            start_response('503 Busy', TEXT, sys.exc_info())
        return [b'replaced']
    if path == '/toolate':
        def late():
            yield b'begun'
            try:
                raise ValueError('too late')
            except ValueError:
                start_response('500 Oops', TEXT, sys.exc_info())
            yield b'never sent'
        start_response('200 OK', TEXT)
        return late()
    if path == '/status':
        code = int(query)
        headers = [] if code in (204, 304) else TEXT
        start_response(f'{code} Name', headers)
        return [] if code in (204, 304) else [b'a body']
    if path == '/cookies':
        return ok([b''], ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2'), ('X-Name', 'caf\xe9'))
    if path == '/big':
        return ok([b'x' * 5_000_000])
    if path == '/raise':
        raise RuntimeError('the app failed')
    if path == '/nostart':
        return [b'x']
    if path == '/halfway':
        return ok(Parts([b'abc'], failing=True))
    if path == '/endless':
        def endless():
            while True:
                yield b'x' * 10_000
        return ok(Parts(endless()))
    if path == '/slow':
        time.sleep(1.2)
        return ok([b'slept'])
    if path == '/spawn':
        return ok([os.popen('ls -l /proc/self/fd').read().encode()])
    start_response('404 Not Found', TEXT)
    return [b'no']


checked = validator(app)


def application(environ, start_response):
    # Not the validator's own iterator (which hides a body's length), and not what the validator itself objects to.
    if environ['PATH_INFO'] in ('/env', '/status', '/long', '/nostart', '/endless', '/write', '/toolate', '/spawn'):
        return app(environ, start_response)
    return checked(environ, start_response)
'''


class ServingTest(unittest.TestCase):
    def setUp(self):
        self.loader = LoaderProcess({'passenger_wsgi.py': APP})
        self.addCleanup(self.loader.close)
        self.get = self.loader.get

    def assertClosed(self, connection):
        self.assertEqual(connection.recv(1), b'')

    def test_the_handshake_tells_every_step_and_then_that_the_worker_is_ready(self):
        steps = [(line['step'], line['state']) for line in self.loader.handshake() if line['type'] == 'step']
        names = ('start_interpreter', 'load_libraries', 'load_app', 'start_serving')
        self.assertEqual(steps, [(name, state) for name in names for state in ('begin', 'end')])
        self.assertEqual(self.loader.handshake()[-1], {'version': 1, 'type': 'ready', 'protocol': 'session', 'concurrency': 1})
        self.assertEqual(self.loader.log(), 'the app prints while it boots\n')

    def test_a_connection_is_kept_for_further_requests(self):
        connection = self.loader.connect()
        for _ in range(3):
            response = self.get('/env?REQUEST_METHOD,wsgi.url_scheme', connection)
            self.assertEqual(response.body, b"{'REQUEST_METHOD': 'GET', 'wsgi.url_scheme': 'http'}")
            self.assertEqual(response.headers['content-length'], [str(len(response.body))])
            self.assertEqual(response.headers['connection'], [])

    def test_paths_are_decoded_and_https_is_seen(self):
        connection = self.loader.connect()
        self.loader.send_request(connection, '/%65nv?PATH_INFO,wsgi.url_scheme,HTTP_X', HTTPS='on', HTTP_X='')
        self.assertEqual(self.loader.read_response(connection).body, b"{'PATH_INFO': '/env', 'wsgi.url_scheme': 'https', 'HTTP_X': ''}")

    def test_out_of_band_work_is_done_when_the_server_says_so_and_not_a_client(self):
        files = {
            'passenger_wsgi.py': APP + """
from passenger import on_event
on_event('oob_work', lambda: print('working out of band'))
on_event('state', lambda state: print(f'state {state}'))
"""
        }
        loader = LoaderProcess(files)
        self.addCleanup(loader.close)
        connection = loader.connect()
        for fields, status in (({'HTTP_PASSENGER_TASK': 'oob_work'}, 404), ({'PASSENGER_TASK': 'oob_work'}, 204), ({}, 404)):
            loader.send_request(connection, '/', **fields)
            self.assertEqual(loader.read_response(connection).status, status)
            self.assertEqual('working' in loader.log(), status == 204 or not fields)
        for _ in range(2):
            loader.send_request(connection, '/', PASSENGER_TASK='state standby')
            self.assertEqual(loader.read_response(connection).status, 204)
        self.assertEqual(loader.log().count('state standby\n'), 1)

    def test_two_connections_share_one_worker(self):
        first, second = self.loader.connect(), self.loader.connect()
        for _ in range(3):
            self.assertEqual(self.get('/', first).status, 404)
            self.assertEqual(self.get('/', second).status, 404)
        for connection in (first, second):
            self.loader.send_request(connection, '/slow')
        for connection in (second, first):
            self.assertEqual(self.loader.read_response(connection).body, b'slept')

    def test_what_was_taken_back_while_another_took_long_is_not_run(self):
        slow, kept, withdrawn = (self.loader.connect() for _ in range(3))
        for connection in (kept, withdrawn):
            self.assertEqual(self.get('/', connection).status, 404)
        self.loader.send_request(slow, '/slow')
        time.sleep(0.3)
        late = self.loader.connect()
        for connection in (withdrawn, late):
            self.loader.send_request(connection, '/raise')
            connection.close()
        self.loader.send_request(kept, '/')
        self.assertEqual(self.loader.read_response(slow).status, 200)
        self.assertEqual(self.loader.read_response(kept).status, 404)
        self.assertEqual(self.get('/').status, 404)
        self.assertNotIn('RuntimeError', self.loader.log())

    def test_a_head_may_come_in_pieces(self):
        connection = self.loader.connect()
        fields = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/env', 'QUERY_STRING': 'HTTP_X', 'SERVER_NAME': 'x', 'SERVER_PORT': '80', 'HTTP_X': 'y' * 100_000}
        head = ''.join(f'{key}\0{value}\0' for key, value in fields.items()).encode()
        message = struct.pack('>I', len(head)) + head
        for piece in (message[:2], message[2:50], message[50:]):
            connection.sendall(piece)
        self.assertEqual(self.loader.read_response(connection).body, repr({'HTTP_X': 'y' * 100_000}).encode())

    def test_a_head_over_the_limit_ends_the_connection(self):
        connection = self.loader.connect()
        connection.sendall(struct.pack('>I', 300_000))
        self.assertClosed(connection)
        self.assertEqual(self.get('/').status, 404)

    def test_bodies_of_all_sizes_arrive_whole(self):
        connection = self.loader.connect()
        for size in (0, 1, 20_000, 131_073, 1_048_576):
            body = random.Random(size).randbytes(size)
            response = self.get('/echo', connection, method='POST', body=body)
            self.assertEqual(response.body.decode(), f'{hashlib.sha256(body).hexdigest()} {size}')

    def test_chunked_bodies_arrive_whole(self):
        connection = self.loader.connect()
        body = random.Random(7).randbytes(1_000_003)
        chunks = b''.join(b'%x;ext=1\r\n%b\r\n' % (len(body[at : at + 70_000]), body[at : at + 70_000]) for at in range(0, len(body), 70_000))
        for _ in range(2):
            response = self.get('/echo', connection, method='POST', body=chunks + b'0\r\nX-Trailer: 1\r\n\r\n', HTTP_TRANSFER_ENCODING='chunked')
            self.assertEqual(response.body.decode(), f'{hashlib.sha256(body).hexdigest()} {len(body)}')
        self.assertEqual(self.get('/', connection).status, 404)

    def test_input_is_read_in_pieces_while_it_arrives(self):
        connection = self.loader.connect()
        self.loader.send_request(connection, '/pieces', method='POST', CONTENT_LENGTH='16')
        for piece in (b'ab', b'cde\nfgh', b'\nijklm\n'):
            connection.sendall(piece)
        self.assertEqual(self.loader.read_response(connection).body, repr([b'abc', b'de\n', [b'fgh\n', b'ijklm\n']]).encode())

    def test_a_small_unread_body_does_not_cost_the_connection(self):
        connection = self.loader.connect()
        for _ in range(2):
            response = self.get('/unread', connection, method='POST', body=b'z' * 50_000)
            self.assertEqual((response.body, response.headers['connection']), (b'did not read', []))

    def test_after_a_big_unread_body_the_whole_response_arrives_and_the_connection_ends(self):
        connection = self.loader.connect()
        failures = []

        def send():
            try:
                self.loader.send_request(connection, '/unread', method='POST', body=b'z' * 1_048_576)
            except OSError as error:
                failures.append(error)

        writer = threading.Thread(target=send)
        writer.start()
        response = self.loader.read_response(connection)
        self.assertEqual((response.body, response.headers['connection']), (b'did not read', ['close']))
        self.assertClosed(connection)
        writer.join(5)
        self.assertEqual(failures, [])
        connection.close()
        self.assertEqual(self.get('/').status, 404)

    def test_a_body_of_parts_is_chunked_and_closed(self):
        connection = self.loader.connect()
        response = self.get('/parts', connection)
        self.assertEqual((response.body, response.headers['transfer-encoding']), (b'abcd', ['chunked']))
        self.assertEqual(self.get('/', connection).status, 404)
        self.assertIn('body closed', self.loader.log())

    def test_a_body_shorter_than_its_content_length_ends_the_connection(self):
        self.assertEqual(self.get('/short').body, b'abc')

    def test_a_body_longer_than_its_content_length_is_cut(self):
        connection = self.loader.connect()
        for path in ('/long', '/longparts', '/long'):
            self.assertEqual(self.get(path, connection).body, b'ab')

    def test_write_and_a_late_start_response_work(self):
        connection = self.loader.connect()
        self.assertEqual(self.get('/write', connection).body, b'written and returned')
        self.assertEqual(self.get('/lazy', connection).body, b'lazy')

    def test_exc_info_replaces_a_head_that_was_not_sent(self):
        response = self.get('/replaced')
        self.assertEqual((response.status, response.body), (503, b'replaced'))

    def test_exc_info_after_the_head_ends_the_connection(self):
        connection = self.loader.connect()
        self.loader.send_request(connection, '/toolate')
        self.assertTrue(connection.makefile('rb').read().endswith(b'5\r\nbegun\r\n'))
        self.assertIn('ValueError: too late', self.loader.log())

    def test_headers_are_sent_as_they_were_given(self):
        response = self.get('/cookies')
        self.assertEqual(response.headers['set-cookie'], ['a=1', 'b=2'])
        self.assertEqual(response.headers['x-name'], ['caf\xe9'])

    def test_head_and_bodyless_statuses_have_no_body(self):
        connection = self.loader.connect()
        response = self.get('/parts', connection, method='HEAD')
        self.assertEqual((response.status, response.headers['transfer-encoding']), (200, []))
        self.assertEqual(self.get('/status?200', connection, method='HEAD').headers['content-length'], ['6'])
        for status in (204, 304):
            response = self.get(f'/status?{status}', connection)
            self.assertEqual((response.status, response.headers['content-length']), (status, []))
        self.assertEqual(self.get('/status?599', connection).body, b'a body')

    def test_a_response_larger_than_the_socket_buffer_arrives_whole(self):
        connection = self.loader.connect()
        self.assertEqual(len(self.get('/big', connection).body), 5_000_000)
        self.assertEqual(self.get('/', connection).status, 404)

    def test_an_exception_of_the_app_is_a_500_and_the_connection_is_kept(self):
        connection = self.loader.connect()
        for path, status in (('/', 404), ('/raise', 500), ('/nostart', 500), ('/', 404)):
            self.assertEqual(self.get(path, connection).status, status)
        self.assertRegex(self.loader.log(), r'(?s)passenger: GET /raise failed: Traceback.*RuntimeError: the app failed')

    def test_a_status_that_cannot_end_a_request_is_an_error(self):
        connection = self.loader.connect()
        for status in (100, 101, 103):
            self.assertEqual(self.get(f'/status?{status}', connection).status, 500)
        self.assertEqual(self.get('/', connection).status, 404)
        self.assertIn('which cannot be a response of its own', self.loader.log())

    def test_an_exception_in_the_middle_of_a_response_ends_the_connection(self):
        connection = self.loader.connect()
        self.loader.send_request(connection, '/halfway')
        self.assertTrue(connection.makefile('rb').read().endswith(b'3\r\nabc\r\n'))
        self.assertIn('failed in the body', self.loader.log())
        self.assertIn('body closed', self.loader.log())

    def test_a_gateway_that_goes_away_ends_an_endless_response(self):
        connection = self.loader.connect()
        self.loader.send_request(connection, '/endless')
        connection.recv(100)
        connection.close()
        self.assertEqual(self.get('/').status, 404)
        self.assertIn('body closed', self.loader.log())

    def test_a_gateway_that_goes_away_in_the_middle_of_a_body_is_not_an_error_of_the_app(self):
        connection = self.loader.connect()
        self.loader.send_request(connection, '/echo', method='POST', body=b'abc', CONTENT_LENGTH='1000')
        connection.close()
        self.assertEqual(self.get('/').status, 404)
        self.assertNotIn('failed', self.loader.log())

    def test_subprocesses_of_the_app_inherit_no_sockets(self):
        self.assertNotIn(b'socket:', self.get('/spawn').body)

    def test_term_lets_the_current_request_finish_and_runs_exit_hooks(self):
        busy, waiting, idle = (self.loader.connect() for _ in range(3))
        self.get('/', idle)
        self.loader.send_request(busy, '/slow')
        self.loader.send_request(waiting, '/status?200')
        os.kill(self.loader.pid, signal.SIGTERM)
        self.assertEqual([self.loader.read_response(one).body for one in (busy, waiting)], [b'slept', b'a body'])
        self.assertClosed(idle)
        self.assertEqual(self.loader.wait(), 0)
        self.assertTrue(self.loader.log().endswith('atexit ran\n'), self.loader.log())

    def test_term_ends_an_idle_worker(self):
        connection = self.loader.connect()
        os.kill(self.loader.pid, signal.SIGTERM)
        self.assertEqual(self.loader.wait(), 0)
        self.assertClosed(connection)


VALIDATED = r'''
from wsgiref.validate import validator

TEXT = [('Content-Type', 'text/plain')]


def app(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/write':
        write = start_response('200 OK', TEXT)
        write(b'written ')
        write(b'')
        return [b'and returned']
    if path == '/generator':
        def parts():
            yield b''
            yield b'made '
            yield b'as it goes'
        start_response('200 OK', TEXT)
        return parts()
    if path == '/late':
        def late():
            start_response('201 Created', TEXT)
            yield b'late'
        return late()
    if path == '/empty':
        start_response('204 No Content', [])
        return []
    body = environ['wsgi.input'].read(10) + b''.join(environ['wsgi.input'].readlines())
    start_response('200 OK', TEXT + [('X-Multi', '1'), ('X-Multi', '2'), ('Content-Length', str(len(body)))])
    return [body]


application = validator(app)
'''


class ValidatorTest(unittest.TestCase):
    """The validator of the standard library, with nothing left out, finds nothing wrong (PEP 3333)."""

    def ask_for_everything(self, **plan):
        loader = LoaderProcess({'passenger_wsgi.py': VALIDATED}, **plan)
        self.addCleanup(loader.close)
        connection = loader.connect()
        for method in ('GET', 'HEAD'):
            bodies = {'/write': b'written and returned', '/generator': b'made as it goes', '/late': b'late', '/empty': b'', '/body': b''}
            for path, body in bodies.items():
                response = loader.get(path, connection, method=method)
                self.assertEqual(response.body, b'' if method == 'HEAD' else body)
                self.assertEqual(response.headers['connection'], [])
        for method in ('POST', 'PUT', 'PATCH', 'DELETE'):
            for body in (b'', b'one line', b'line\n' * 40_000):
                self.assertEqual(loader.get('/body', connection, method=method, body=body).body, body)
        chunks = b'6\r\nchunke\r\n1\r\nd\r\n0\r\n\r\n'
        response = loader.get('/body', connection, method='POST', body=chunks, HTTP_TRANSFER_ENCODING='chunked')
        self.assertEqual((response.body, response.headers['x-multi']), (b'chunked', ['1', '2']))
        self.assertNotIn('failed', loader.log())

    def test_one_request_at_a_time(self):
        self.ask_for_everything()

    def test_several_threads(self):
        self.ask_for_everything(threads=2)


class SafePathTest(unittest.TestCase):
    def test_the_loader_finds_its_modules_and_the_apps_with_a_safe_path(self):
        with unittest.mock.patch.dict(os.environ, PYTHONSAFEPATH='1'):
            loader = LoaderProcess({'passenger_wsgi.py': 'from helper import application', 'helper.py': APP})
        self.addCleanup(loader.close)
        self.assertEqual(loader.get('/').status, 404)


if __name__ == '__main__':
    unittest.main()
