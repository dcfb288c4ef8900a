'use strict';

// Answers that tell their version, streams that tell when they are whole, and an echo over WebSockets.

const { createHash } = require('node:crypto');
const { appendFileSync, readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');

const VERSION = readFileSync(join(__dirname, 'version.txt'), 'utf8').trim();
const BROKEN = readFileSync(join(__dirname, 'broken.txt'), 'utf8').trim();
// Where the numbers of requests are written down as they come.
const SEEN = process.env.SOAK_SEEN;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const hoard = [];

function text(response, body, status = 200, more = {}) {
  response.writeHead(status, {
    'Content-Type': 'text/plain',
    'Content-Length': body.length,
    'X-Version': VERSION,
    ...more,
  });
  response.end(body);
}

function echo(request, response) {
  const digest = createHash('sha256');
  let length = 0;
  request.on('data', (part) => {
    digest.update(part);
    length += part.length;
  });
  request.on('end', () => text(response, `${length} ${digest.digest('hex')}\n`));
}

// Server-sent events; the last one says that it is the last.
function events(response, seconds) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache', 'X-Version': VERSION });
  let left = Math.floor(seconds * 4);
  const timer = setInterval(() => {
    if (left-- > 0) {
      response.write(`data: ${VERSION}\n\n`);
      return;
    }
    clearInterval(timer);
    response.end(`event: end\ndata: ${VERSION}\n\n`);
  }, 250);
  response.on('close', () => clearInterval(timer));
}

const server = createServer((request, response) => {
  if (SEEN && request.headers['x-request']) appendFileSync(SEEN, `${request.headers['x-request']}\n`);
  const url = new URL(request.url, 'http://app');
  if (url.pathname === '/up') text(response, 'up\n', BROKEN === 'unhealthy' ? 500 : 200);
  else if (BROKEN === 'errors') text(response, 'broken\n', 500, { 'X-Broken': BROKEN });
  else if (url.pathname === '/echo') echo(request, response);
  else if (url.pathname === '/slow') setTimeout(() => text(response, 'slept\n'), Number(url.search.slice(1)) * 1000);
  else if (url.pathname === '/events') events(response, Number(url.search.slice(1)));
  else {
    if (BROKEN === 'hog') hoard.push(Buffer.alloc(4 << 20, 'x'));
    text(response, `version ${VERSION}\n`);
  }
});

// Frames of less than 126 bytes, as the clients send.
server.on('upgrade', (request, socket, early) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + GUID).digest('base64');
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `X-Version: ${VERSION}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let buffer = early;
  const read = (data) => {
    buffer = Buffer.concat([buffer, data]);
    while (buffer.length >= 6 && buffer.length >= 6 + (buffer[1] & 127)) {
      const size = buffer[1] & 127;
      const payload = Buffer.from(buffer.subarray(6, 6 + size));
      for (let index = 0; index < size; index += 1) payload[index] ^= buffer[2 + (index & 3)];
      socket.write(Buffer.concat([Buffer.from([buffer[0], size]), payload]));
      if ((buffer[0] & 15) === 8) socket.end();
      buffer = buffer.subarray(6 + size);
    }
  };
  socket.on('data', read);
  socket.on('error', () => socket.destroy());
  read(Buffer.alloc(0));
});

server.listen(process.env.PORT || 3000);
