'use strict';

// Sends back what a WebSocket's client sends; says hello over HTTP.

const http = require('node:http');
// Debian's package node-ws: only Debian's own Node.js has this directory in its search path.
const { WebSocketServer } = require('/usr/share/nodejs/ws');

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 6 });
  response.end('hello\n');
});
const sockets = new WebSocketServer({ server, perMessageDeflate: true });
sockets.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })));
server.listen(process.env.PORT ?? 3000);
