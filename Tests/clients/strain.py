"""Clients that mean harm, or behave as if. Each prints one line of JSON about what the server did.

usage: strain.py heads PORT COUNT       heads that never end, a byte a second
       strain.py bodies PORT COUNT      bodies that stop half-way
       strain.py readers PORT COUNT     clients that take nothing of a large answer
       strain.py drops PORT COUNT       connections opened and dropped, in different states
       strain.py hold PORT COUNT        connections that are only open, until the standard input ends
       strain.py upload PORT BYTES      one upload of that size
"""

import json
import selectors
import socket
import sys
import time


def connect(port, receive_buffer=None):
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(60)
    client.connect(('127.0.0.1', port))
    return client


def probe(port, path='/'):
    """How long another client waits for its answer."""
    began = time.monotonic()
    with connect(port) as client:
        client.sendall(f'GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n'.encode())
        answer = b''
        while data := client.recv(65536):
            answer += data
    if not answer.startswith(b'HTTP/1.1 200'):
        sys.exit(f'another client got {answer[:100]!r}')
    return time.monotonic() - began


def watch(port, clients, drip=None, limit=60):
    """Until the server has let go of all clients: how many it ended, when, what it had said, how others fared."""
    selector = selectors.DefaultSelector()
    for client in clients:
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ, [])
    began, ends, said, slowest, next_drip = time.monotonic(), [], {}, 0, 0
    while selector.get_map() and time.monotonic() - began < limit:
        for key, _ in selector.select(0.25):
            try:
                data = key.fileobj.recv(65536)
            except OSError:
                data = b''
            if data:
                key.data.append(data)
                continue
            selector.unregister(key.fileobj)
            key.fileobj.close()
            ends.append(time.monotonic() - began)
            line = b''.join(key.data)[:12].decode('latin-1')
            said[line] = said.get(line, 0) + 1
        slowest = max(slowest, probe(port))
        if drip and time.monotonic() > next_drip:
            next_drip = time.monotonic() + 1
            for key in list(selector.get_map().values()):
                try:
                    key.fileobj.send(drip)
                except OSError:
                    pass
    return {
        'clients': len(clients), 'ended': len(ends), 'first': round(min(ends, default=0), 2),
        'last': round(max(ends, default=0), 2), 'said': said, 'slowest_other_ms': round(slowest * 1000, 1)}


def heads(port, count):
    clients = [connect(port) for _ in range(count)]
    for client in clients:
        client.sendall(b'GET / HTTP/1.1\r\nHost: slow\r\nX-Slow: ')
    return watch(port, clients, drip=b'x')


def bodies(port, count):
    clients = [connect(port) for _ in range(count)]
    for client in clients:
        client.sendall(b'POST / HTTP/1.1\r\nHost: slow\r\nContent-Length: 100000\r\n\r\nonly the beginning')
    return watch(port, clients)


def readers(port, count):
    """Their answers wait in the server: it lets go of those who take nothing, and the rest of the answer is lost to them. Another
    client asks the app, which writes all those answers meanwhile, and for a static file, which needs the server alone."""
    clients = [connect(port, receive_buffer=4096) for _ in range(count)]
    for client in clients:
        client.sendall(b'GET /big?bytes=8000000 HTTP/1.1\r\nHost: slow\r\n\r\n')
    began, slowest, slowest_file, ends = time.monotonic(), 0, 0, []
    while len(ends) < count and time.monotonic() - began < 60:
        slowest_file = max(slowest_file, probe(port, '/file.txt'))
        slowest = max(slowest, probe(port))
        for client in [client for client in clients if client.fileno() >= 0 and is_over(client)]:
            ends.append(time.monotonic() - began)
            client.close()
        time.sleep(0.1)
    return {
        'clients': count, 'ended': len(ends), 'first': round(min(ends, default=0), 2),
        'last': round(max(ends, default=0), 2), 'slowest_other_ms': round(slowest * 1000, 1),
        'slowest_file_ms': round(slowest_file * 1000, 1)}


def is_over(client):
    """Whether the other side is gone, without reading: CLOSE_WAIT or CLOSE, tcp(7), TCP_INFO. Behind bytes that the
    receiver has no room for, an orderly end cannot be seen, so that is not what is asked for in `readers`."""
    state = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state in (7, 8)


def drops(port, count):
    """Opened and dropped: at once, in the head, in the body, with a request under way, with a reset."""
    began, slowest = time.monotonic(), 0
    openings = [
        b'', b'GET / HT', b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf',
        b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', b'\x16\x03\x01 no HTTP at all\r\n\r\n']
    for number in range(count):
        client = connect(port)
        if opening := openings[number % len(openings)]:
            client.sendall(opening)
        # Zero seconds of lingering: a reset instead of an orderly end. Every time, or ports in TIME_WAIT would run out.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        client.close()
        if number % 1000 == 0:
            slowest = max(slowest, probe(port))
    seconds = time.monotonic() - began
    return {
        'connections': count, 'seconds': round(seconds, 2), 'per_second': round(count / seconds),
        'slowest_other_ms': round(slowest * 1000, 1)}


def hold(port, count):
    clients = [connect(port) for _ in range(count)]
    print(json.dumps({'clients': len(clients)}), flush=True)
    sys.stdin.read()
    return {'clients': len(clients)}


def upload(port, size):
    """What is said to an upload that the server does not want to its end, as soon as it says so."""
    began, sent, block, answer = time.monotonic(), 0, b'x' * 65536, b''
    with connect(port) as client:
        client.sendall(b'POST / HTTP/1.1\r\nHost: large\r\nContent-Length: %d\r\n\r\n' % size)
        client.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while not answer and time.monotonic() - began < 120:
                for _, events in selector.select(1):
                    if events & selectors.EVENT_READ:
                        answer = client.recv(65536) or b'nothing'
                    elif sent < size:
                        sent += client.send(block[:size - sent])
                if sent == size:
                    selector.modify(client, selectors.EVENT_READ)
    seconds = time.monotonic() - began
    return {
        'sent': sent, 'seconds': round(seconds, 2), 'said': answer[:12].decode('latin-1'),
        'other_ms': round(probe(port) * 1000, 1)}


def main(what, port, amount):
    print(json.dumps(globals()[what](int(port), int(amount))))


main(*sys.argv[1:])
