'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const express = require('express');
const { WebSocketServer } = require('ws');

const version = fs.readFileSync(path.join(__dirname, 'version.txt'), 'utf8');
const app = express();
// The gateway is in front of it, on a Unix socket; what it says of clients is true.
app.set('trust proxy', true);

app.get('/', (request, response) => response.send(`<h1>Hello from ${version.trim()}</h1>`));
app.get('/up', (request, response) => response.type('text').send('up\n'));
app.get('/version', (request, response) => response.type('text').send(version));
app.get('/client', (request, response) => response.json({ ip: request.ip, protocol: request.protocol }));
app.post('/notes', express.json(), (request, response) => {
  response.status(201).json({ text: request.body.text, length: request.body.text.length });
});

const server = http.createServer(app);
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })));
server.listen(process.env.PORT ?? 3000);
