"""FastAPI: models that are checked, a page about the API, a stream, a WebSocket."""

import asyncio
from pathlib import Path

from fastapi import FastAPI, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field

VERSION = (Path(__file__).parent / 'version.txt').read_text()
app = FastAPI(title='Notes')


class Note(BaseModel):
    text: str = Field(min_length=1, max_length=200)


@app.get('/up', response_class=PlainTextResponse)
async def up():
    return 'up\n'


@app.get('/version', response_class=PlainTextResponse)
async def version():
    return VERSION


@app.post('/notes', status_code=201)
async def create(note: Note):
    return {'text': note.text, 'length': len(note.text)}


@app.get('/count', response_class=StreamingResponse)
async def count():
    async def lines():
        for number in range(3):
            yield f'{number}\n'
            await asyncio.sleep(0)

    return StreamingResponse(lines(), media_type='text/plain')


@app.websocket('/')
async def talk(socket: WebSocket):
    await socket.accept()
    while (message := await socket.receive())['type'] == 'websocket.receive':
        if message.get('text') is not None:
            await socket.send_text(message['text'])
        else:
            await socket.send_bytes(message['bytes'])
