"""Popular Python clients against a server that runs a sample app; ends with status 0 when all is as it should be.

usage: real.py requests URL | httpx URL [CA] | websockets URL [CA] | sockets URL | cable URL
"""

import asyncio
import hashlib
import json
import os
import ssl
import sys
import urllib.parse

BODY = bytes(range(256)) * 4096
DIGEST = f'{hashlib.sha256(BODY).hexdigest()} {len(BODY)}\n'


def expect(actual, wanted, what):
    if actual != wanted:
        sys.exit(f'{what}: {str(actual)[:200]!r} and not {str(wanted)[:200]!r}')


def with_requests(url):
    import requests

    with requests.Session() as session:
        session.trust_env = False
        for _ in range(20):
            expect(session.get(f'{url}/version').text, '1\n', 'GET')
        plain = session.head(f'{url}/big?bytes=100000', headers={'Accept-Encoding': 'identity'})
        expect(plain.headers['content-length'], '100000', 'HEAD')
        expect(session.get(f'{url}/big?bytes=100000').headers.get('content-encoding'), 'gzip', 'compressed text')
        expect(session.head(f'{url}/version').content, b'', 'body of HEAD')
        expect(session.post(f'{url}/echo', data=BODY).text, DIGEST, 'POST')
        parts = (BODY[at:at + 50_001] for at in range(0, len(BODY), 50_001))
        expect(session.post(f'{url}/echo', data=parts).text, DIGEST, 'chunked POST')
        expect(len(session.get(f'{url}/big?bytes=3000001').content), 3_000_001, 'large answer')
        chunks = ''.join(f'chunk {n}\n' for n in range(1000))
        expect(session.get(f'{url}/chunked?chunks=1000').text, chunks, 'chunked answer')
        expect(session.get(f'{url}/status?code=404').status_code, 404, 'status')
        seen = session.get(f'{url}/headers?a=1&b=%20', headers={'X-Thing': 'value'}).json()
        expect((seen['query'], seen['headers']['x-thing']), ('a=1&b=%20', 'value'), 'what the app saw')
        with session.get(f'{url}/stream', stream=True) as answer:
            lines = answer.iter_lines()
            expect([next(lines) for _ in range(3)], [b'tick 0', b'tick 1', b'tick 2'], 'stream')
        expect(session.get(f'{url}/version').text, '1\n', 'GET after a stream that was left')


async def with_httpx(url, authority):
    import httpx

    wanted = 'HTTP/2' if authority else 'HTTP/1.1'
    verify = ssl.create_default_context(cafile=authority) if authority else True
    async with httpx.AsyncClient(http2=bool(authority), verify=verify, trust_env=False, timeout=120) as client:
        answers = await asyncio.gather(*(client.get(f'{url}/version') for _ in range(50)))
        expect({(answer.text, answer.http_version) for answer in answers}, {('1\n', wanted)}, '50 at once')
        expect((await client.post(f'{url}/echo', content=BODY)).text, DIGEST, 'POST')
        downloads = await asyncio.gather(*(client.get(f'{url}/big?bytes={300_000 + n}') for n in range(8)))
        expect([len(answer.content) for answer in downloads], [300_000 + n for n in range(8)], 'large answers')
        expect((await client.head(f'{url}/version')).content, b'', 'body of HEAD')
        async with client.stream('GET', f'{url}/stream') as answer:
            lines = answer.aiter_lines()
            expect([await anext(lines) for _ in range(3)], ['tick 0', 'tick 1', 'tick 2'], 'stream')
        expect((await client.get(f'{url}/version')).text, '1\n', 'GET after a stream that was left')


async def with_websockets(url, authority):
    from websockets.asyncio.client import connect

    secure = ssl.create_default_context(cafile=authority) if authority else None

    async def talk(number):
        async with connect(url, max_size=None, proxy=None, ssl=secure, open_timeout=60) as socket:
            for message in ('hello', 'x' * 200, BODY[:100_000], f'{number} äöü', ''):
                await socket.send(message)
                expect(await socket.recv(), message, 'echo')
            await asyncio.wait_for(await socket.ping(), 60)
            await socket.send(BODY)
            expect(await socket.recv(), BODY, 'echo of 1 MiB')
        expect(socket.close_code, 1000, 'close code')

    await asyncio.gather(*(talk(number) for number in range(10)))
    # Frames that follow the handshake at once, in one segment with it.
    host = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(host.hostname, host.port, ssl=secure)
    frame = b'\x81\x85\0\0\0\0early'
    writer.write(
        f'GET / HTTP/1.1\r\nHost: {host.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'.encode()
        + b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n' + frame)
    head = await asyncio.wait_for(reader.readuntil(b'\r\n\r\n'), 60)
    expect(head[:12], b'HTTP/1.1 101', 'handshake')
    expect(b's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' in head, True, 'accept key')
    expect(await asyncio.wait_for(reader.readexactly(7), 60), b'\x81\x05early', 'early frame')
    writer.close()


async def with_many_sockets(url, count):
    """Sockets that stay open take no place of the app's: requests are answered beside them."""
    from websockets.asyncio.client import connect

    async def ask(path):
        host = urllib.parse.urlsplit(url)
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        writer.write(f'GET {path} HTTP/1.1\r\nHost: {host.netloc}\r\nConnection: close\r\n\r\n'.encode())
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        return answer

    sockets = [await connect(url, proxy=None, open_timeout=60) for _ in range(count)]
    for number, socket in enumerate(sockets):
        expect((await ask('/'))[:12], b'HTTP/1.1 200', 'answer beside sockets')
        await socket.send(f'number {number}')
    for number, socket in enumerate(sockets):
        expect(await asyncio.wait_for(socket.recv(), 60), f'number {number}', 'echo')
        await socket.close()


async def with_cable(url):
    """Action Cable's protocol: a welcome, a subscription, and what one client says goes to both."""
    from websockets.asyncio.client import connect

    channel = json.dumps({'channel': 'EchoChannel'})

    async def receive(socket, wanted):
        async def search():
            while not wanted(message := json.loads(await socket.recv())):
                heard.append(message)
            return message

        # Of all messages together: there are pings for ever.
        heard = []
        try:
            return await asyncio.wait_for(search(), 60)
        except asyncio.TimeoutError:
            sys.exit(f'what was waited for did not come, but {heard}')

    async def subscribe():
        socket = await connect(url, proxy=None, subprotocols=['actioncable-v1-json'], open_timeout=60)
        expect(socket.subprotocol, 'actioncable-v1-json', 'subprotocol')
        await receive(socket, lambda message: message.get('type') == 'welcome')
        await socket.send(json.dumps({'command': 'subscribe', 'identifier': channel}))
        await receive(socket, lambda message: message.get('type') == 'confirm_subscription')
        return socket

    sockets = [await subscribe() for _ in range(2)]
    data = json.dumps({'text': 'to everybody'})
    await sockets[0].send(json.dumps({'command': 'message', 'identifier': channel, 'data': data}))
    for socket in sockets:
        message = await receive(socket, lambda message: 'message' in message and 'type' not in message)
        expect(message['message'], {'text': 'to everybody'}, 'broadcast')
    parts = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f'GET /up HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n'.encode())
    expect((await asyncio.wait_for(reader.read(), 60))[:12], b'HTTP/1.1 200', 'answer beside cables')
    writer.close()
    for socket in sockets:
        await socket.close()


def main(client, url, authority=None):
    # No proxy of this machine's.
    os.environ['NO_PROXY'] = '*'
    if client == 'requests':
        with_requests(url)
    elif client == 'httpx':
        asyncio.run(with_httpx(url, authority))
    elif client == 'sockets':
        asyncio.run(with_many_sockets(url, 20))
    elif client == 'cable':
        asyncio.run(with_cable(url))
    else:
        asyncio.run(with_websockets(url, authority))


main(*sys.argv[1:])
