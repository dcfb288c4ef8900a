"""A Starlette app: says hello, what it knows of its client, and sends back what a WebSocket's client sends."""

import contextlib

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute


@contextlib.asynccontextmanager
async def lifespan(app):
    yield
    print('the app has shut down')


async def hello(request):
    return PlainTextResponse('hello\n')


async def about(request):
    return JSONResponse({'client': request.client.host, 'url': str(request.url)})


async def talk(socket):
    await socket.accept()
    while (message := await socket.receive())['type'] == 'websocket.receive':
        if message.get('text') is not None:
            await socket.send_text(message['text'])
        else:
            await socket.send_bytes(message['bytes'])


application = Starlette(lifespan=lifespan, routes=[Route('/', hello), Route('/about', about), WebSocketRoute('/', talk)])
