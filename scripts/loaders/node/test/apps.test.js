'use strict';

// Apps as people write them: Express and ws (Debian's node-express and node-ws), and the ways in which they listen.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');
const { LoaderProcess } = require('./loader_process');

const TIME_LIMIT = { timeout: 120_000 };
// Debian's own Node.js has it in its search path.
process.env.NODE_PATH = '/usr/share/nodejs';

function withLoader(files, body, plan) {
  return async () => {
    const loader = await LoaderProcess.start(typeof files === 'string' ? { 'app.js': files } : files, plan);
    try {
      await body(loader);
    } finally {
      await loader.close();
    }
  };
}

const EXPRESS = `
const express = require('express');
const app = express();
app.set('trust proxy', 1);
app.use(express.json(), express.urlencoded({ extended: false }));
app.get('/hello/:name', (request, response) => response.send(['hello', request.params.name, request.protocol, request.ip, request.query.x].join(' ')));
app.post('/form', (request, response) => response.json(request.body));
app.post('/upload', (request, response) => {
  let length = 0;
  request.on('data', (piece) => (length += piece.length)).on('end', () => response.send(String(length)));
});
app.get('/stream', async (request, response) => {
  for (const part of ['a', 'b', 'c']) { response.write(part); await new Promise(setImmediate); }
  response.end();
});
app.get('/file', (request, response) => response.sendFile(__filename));
app.get('/moved', (request, response) => response.redirect(303, '/hello/you'));
app.get('/fail', () => { throw new Error('the app failed'); });
app.use((error, request, response, next) => response.status(500).send('mended ' + error.message));
app.listen(process.env.PORT || 3000, () => console.log('listening'));
`;

test('an Express app is served', TIME_LIMIT, withLoader(EXPRESS, async (loader) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (url, options) => loader.get(url, { agent, ...options });
  const headers = { 'X-Forwarded-For': '192.0.2.7', 'X-Forwarded-Proto': 'https' };
  assert.equal((await ask('/hello/you%20all?x=1', { headers })).body, 'hello you all https 192.0.2.7 1');
  const json = { 'Content-Type': 'application/json' };
  assert.equal((await ask('/form', { method: 'POST', headers: json, body: '{"a":[1]}' })).body, '{"a":[1]}');
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  assert.equal((await ask('/form', { method: 'POST', headers: form, body: 'a=1&b=%C3%BC' })).body, '{"a":"1","b":"ü"}');
  assert.equal((await ask('/upload', { method: 'POST', body: Buffer.alloc(1_048_576) })).body, '1048576');
  assert.equal((await ask('/stream')).body, 'abc');
  assert.equal((await ask('/file')).body, EXPRESS);
  const moved = await ask('/moved');
  assert.deepEqual([moved.status, moved.headers.location], [303, '/hello/you']);
  assert.deepEqual([(await ask('/fail')).status, (await ask('/fail')).body], [500, 'mended the app failed']);
  assert.equal((await ask('/none')).status, 404);
  agent.destroy();
  loader.child.kill('SIGTERM');
  assert.equal(await loader.exit(), 0);
}));

const SOCKETS = `
const http = require('node:http');
const { WebSocketServer } = require('ws');
const server = http.createServer((request, response) => response.end('ok'));
const sockets = new WebSocketServer({ server, path: '/talk' });
sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data).toUpperCase())));
server.listen();
`;

test('WebSockets are served beside requests', TIME_LIMIT, withLoader(SOCKETS, async (loader) => {
  await loader.handshake();
  const { WebSocket } = require('/usr/share/nodejs/ws');
  const socket = new WebSocket(`ws+unix://${loader.socketPath}:/talk`);
  await once(socket, 'open');
  for (const text of ['one', 'x'.repeat(100_000)]) {
    assert.equal((await loader.get('/')).body, 'ok');
    socket.send(text);
    assert.equal(String((await once(socket, 'message'))[0]), text.toUpperCase());
  }
  socket.close();
  await once(socket, 'close');
}));

// Each is a way to call `server.listen`.
const LISTENING = {
  'a port': 'server.listen(3000)',
  'a port as text': "server.listen('3000')",
  'no port': 'server.listen()',
  'a callback alone': "server.listen(() => console.log('called'))",
  'a port and a callback': "server.listen(3000, () => console.log('called'))",
  'port, host and callback': "server.listen(3000, '0.0.0.0', () => console.log('called'))",
  'port, host, backlog and callback': "server.listen(3000, '::', 511, () => console.log('called'))",
  'options': "server.listen({ port: 3000, host: 'localhost' })",
  'options and a callback': "server.listen({ port: 3000, exclusive: true }, () => console.log('called'))",
  'a path': "server.listen('/nowhere/app.sock', () => console.log('called'))",
  'a later moment': "setTimeout(() => server.listen(3000, () => console.log('called')), 50)",
  'a promise': "(async () => { await new Promise((done) => setTimeout(done, 50)); server.listen(3000); console.log('called'); })()",
  'a listener of the event': "server.on('listening', () => console.log('called')); server.listen(3000)",
};
for (const [name, call] of Object.entries(LISTENING)) {
  const app = `const server = require('node:http').createServer((request, response) => response.end('ok')); ${call};`;
  test(`listen with ${name} serves on our socket`, TIME_LIMIT, withLoader(app, async (loader) => {
    assert.equal((await loader.get('/')).body, 'ok');
    assert.equal(loader.log, call.includes('called') ? 'called\n' : '');
  }));
}

const MODULE = `
import http from 'node:http';
import { readFile } from 'node:fs/promises';
const text = await readFile(new URL(import.meta.url), 'utf8');
export default http.createServer((request, response) => response.end(String(text.length))).listen(process.env.PORT ?? 3000);
`;

test('a file with the extension of an ES module is one', TIME_LIMIT, withLoader(
  { 'web.mjs': MODULE },
  async (loader) => assert.equal((await loader.get('/')).body, String(MODULE.length)),
  { startup_file: 'web.mjs' },
));

test('a file in a directory below is run as in the start script of package.json', TIME_LIMIT, withLoader(
  { 'www.cjs': "require('node:http').createServer((request, response) => response.end('from www')).listen(3000);", 'package.json': '{"type":"module"}' },
  async (loader) => assert.equal((await loader.get('/')).body, 'from www'),
  { startup_file: './www.cjs' },
));
