'use strict';

// The sample app in Node; ../README.md has the routes.

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

// Read once, at boot: a running worker tells which release it was booted from.
const VERSION = fs.readFileSync(path.join(__dirname, 'version.txt'), 'utf8').trim();
const LINE = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+\n';

function text(response, body, status = 200) {
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

function json(response, value) {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}

// Calls `next` for each part until it returns null, no faster than the client reads.
function send(response, next) {
  for (let part = next(); part !== null; part = next()) {
    if (!response.write(part)) {
      response.once('drain', () => send(response, next));
      return;
    }
  }
  response.end();
}

function descriptors() {
  const targets = {};
  for (const name of fs.readdirSync('/proc/self/fd')) {
    try {
      targets[name] = fs.readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      // The descriptor of the listing itself.
    }
  }
  return targets;
}

const ROUTES = {
  '/': (request, response) => text(response, `hello from ${VERSION}\n`),
  '/version': (request, response) => text(response, `${VERSION}\n`),
  '/pid': (request, response) => text(response, `${process.pid}\n`),

  '/echo': (request, response) => {
    const digest = crypto.createHash('sha256');
    let length = 0;
    request.on('data', (piece) => {
      digest.update(piece);
      length += piece.length;
    });
    request.on('end', () => text(response, `${digest.digest('hex')} ${length}\n`));
  },

  '/big': (request, response, query) => {
    let left = Number(query.get('bytes') ?? 0);
    const block = Buffer.from(LINE.repeat(1024));
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': left });
    send(response, () => {
      if (left <= 0) return null;
      const part = left < block.length ? block.subarray(0, left) : block;
      left -= part.length;
      return part;
    });
  },

  '/chunked': (request, response, query) => {
    const chunks = Number(query.get('chunks') ?? 10);
    let n = 0;
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    send(response, () => (n < chunks ? `chunk ${n++}\n` : null));
  },

  '/slow': (request, response, query) => {
    const seconds = query.get('seconds') ?? '1';
    setTimeout(() => text(response, `slept ${seconds}\n`), Number(seconds) * 1000);
  },

  '/stream': (request, response) => {
    let n = 0;
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    const tick = () => response.write(`tick ${n++}\n`);
    tick();
    const timer = setInterval(tick, 100);
    response.on('close', () => clearInterval(timer));
  },

  '/headers': (request, response, query, url) =>
    json(response, { method: request.method, path: url.pathname, query: url.search.slice(1), headers: request.headers }),

  '/status': (request, response, query) => {
    const code = Number(query.get('code') ?? 200);
    text(response, `status ${code}\n`, code);
  },

  '/env': (request, response) => json(response, Object.keys(process.env).sort()),
  '/up': (request, response) =>
    fs.existsSync(path.join(__dirname, 'unhealthy')) ? text(response, 'unhealthy\n', 500) : text(response, 'up\n'),
  '/fds': (request, response) => json(response, descriptors()),
  '/uid': (request, response) =>
    json(response, { uid: process.getuid(), gid: process.getgid(), groups: process.getgroups().sort((a, b) => a - b) }),
  '/raise': (request, response) => {
    console.error('the app was asked to raise');
    text(response, 'Internal Server Error\n', 500);
  },
  '/exit': () => process.exit(3),
};

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://app');
  const route = ROUTES[url.pathname];
  if (route) route(request, response, url.searchParams, url);
  else text(response, `no such route: ${url.pathname}\n`, 404);
});

server.listen(process.env.PORT || 3000);
