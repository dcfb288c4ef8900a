'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');
const { LoaderProcess } = require('./loader_process');

const TIME_LIMIT = { timeout: 120_000 };

const APP = `
const http = require('node:http');
const { execSync } = require('node:child_process');
console.log('the app prints while it boots');
process.on('exit', (status) => console.log('exit ' + status));
const server = http.createServer((request, response) => {
  if (request.url === '/slow') { console.log('slow began'); return setTimeout(() => response.end('slept'), 300); }
  if (request.url === '/spawn') return response.end(execSync('ls -l /proc/self/fd'));
  if (request.url === '/times') return response.end(JSON.stringify([server.keepAliveTimeout, server.headersTimeout, server.requestTimeout, server.timeout]));
  if (request.url === '/env') return response.end(String(process.env._PASSENGER_WORKER));
  if (request.url === '/main') return response.end(String(require.main === module) + process.argv[1]);
  let length = 0;
  request.on('data', (piece) => (length += piece.length));
  request.on('end', () => response.end(request.method + ' ' + length));
});
server.listen(process.env.PORT || 3000, '127.0.0.1', () => console.log('listening'));
server.keepAliveTimeout = 65000;
`;

// Runs `body` with a loader that is ended whatever happens.
function withLoader(files, body) {
  return async () => {
    const loader = await LoaderProcess.start(typeof files === 'string' ? { 'app.js': files } : files);
    try {
      await body(loader);
    } finally {
      await loader.close();
    }
  };
}

test('the handshake tells every step and then that the worker is ready', TIME_LIMIT, withLoader(APP, async (loader) => {
  const lines = await loader.handshake();
  const steps = lines.filter((line) => line.type === 'step').map((line) => [line.step, line.state]);
  const names = ['start_interpreter', 'load_libraries', 'load_app', 'start_serving'];
  assert.deepEqual(steps, names.flatMap((name) => [[name, 'begin'], [name, 'end']]));
  assert.deepEqual(lines.at(-1), { version: 1, type: 'ready', protocol: 'http', concurrency: 1024 });
  await loader.get('/');
  assert.match(loader.log, /the app prints while it boots\nlistening\n/);
}));

test('connections are kept, and the app cannot make itself close idle ones', TIME_LIMIT, withLoader(APP, async (loader) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const response = await loader.get('/times', { agent });
  assert.equal(response.body, '[0,0,0,0]');
  assert.equal(response.headers.connection, 'keep-alive');
  assert.equal((await loader.get('/', { agent })).body, 'GET 0');
  assert.equal(Object.values(agent.freeSockets).flat().length, 1);
  agent.destroy();
}));

test('bodies arrive whole, with a length and in chunks', TIME_LIMIT, withLoader(APP, async (loader) => {
  assert.equal((await loader.get('/', { method: 'POST', body: Buffer.alloc(1_048_576) })).body, 'POST 1048576');
}));

test('the app is the main module and does not see the plan', TIME_LIMIT, withLoader(APP, async (loader) => {
  assert.equal((await loader.get('/main')).body, `true${loader.directory}/app.js`);
  assert.equal((await loader.get('/env')).body, 'undefined');
}));

test('subprocesses of the app inherit no sockets', TIME_LIMIT, withLoader(APP, async (loader) => {
  const listing = (await loader.get('/spawn')).body;
  assert.match(listing, /3 -> |2 -> /);
  assert.doesNotMatch(listing, / [3-9] -> socket:/);
}));

test('TERM lets the current request finish, closes idle connections and runs exit hooks', TIME_LIMIT, withLoader(APP, async (loader) => {
  const agent = new http.Agent({ keepAlive: true });
  await loader.get('/', { agent });
  const slow = loader.get('/slow', { agent });
  while (!loader.log.includes('slow began')) await once(loader.child.stdout, 'data');
  loader.child.kill('SIGTERM');
  assert.equal((await slow).body, 'slept');
  assert.equal(await loader.exit(), 0);
  assert.match(loader.log, /exit 0\n$/);
  agent.destroy();
}));

const UPGRADING = `
const http = require('node:http');
const server = http.createServer({ keepAliveTimeout: 50, headersTimeout: 40, requestTimeout: 50 }, (request, response) => {
  if (request.url === '/hints') response.writeEarlyHints({ link: '</a.css>; rel=preload' });
  if (request.url === '/shutdown') server.close(() => console.log('closed'));
  response.end('ok');
});
server.on('upgrade', (request, socket, head) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: ' + request.headers.upgrade + '\\r\\nConnection: Upgrade\\r\\n\\r\\n');
  if (head.length) socket.write(head);
  socket.pipe(socket);
});
server.listen(3000);
`;

async function upgrade(loader) {
  await loader.handshake();
  const request = http.request({ socketPath: loader.socketPath, headers: { Connection: 'Upgrade', Upgrade: 'echo' } });
  request.end();
  const [response, socket] = await once(request, 'upgrade');
  assert.equal(response.headers.upgrade, 'echo');
  return socket;
}

test('an upgraded connection lives beside requests, and outlives TERM until the gateway closes it', TIME_LIMIT, withLoader(UPGRADING, async (loader) => {
  const socket = await upgrade(loader);
  for (const message of ['one', 'two']) {
    assert.equal((await loader.get('/')).body, 'ok');
    socket.write(message);
    assert.equal(String((await once(socket, 'data'))[0]), message);
  }
  loader.child.kill('SIGTERM');
  const refused = () => new Promise((resolve) => http.get({ socketPath: loader.socketPath, agent: false }, (response) => {
    response.resume();
    resolve(false);
  }).on('error', () => resolve(true)));
  while (!(await refused()));
  socket.write('three');
  assert.equal(String((await once(socket, 'data'))[0]), 'three');
  socket.end();
  assert.equal(await loader.exit(), 0);
}));

test('the times that an app gives its server do not end idle connections', TIME_LIMIT, withLoader(UPGRADING, async (loader) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const response = await loader.get('/', { agent });
  // Node announces its own timeout here, when it has one.
  assert.deepEqual([response.headers.connection, response.headers['keep-alive']], ['keep-alive', undefined]);
  agent.destroy();
}));

test('early hints leave before the response', TIME_LIMIT, withLoader(UPGRADING, async (loader) => {
  await loader.handshake();
  const request = http.get({ socketPath: loader.socketPath, path: '/hints' });
  // Both may come in one piece.
  const [[information], [response]] = await Promise.all([once(request, 'information'), once(request, 'response')]);
  assert.deepEqual([information.statusCode, information.headers.link], [103, '</a.css>; rel=preload']);
  assert.equal(response.statusCode, 200);
  response.resume();
}));

test('an app that closes its server itself answers first and then ends', TIME_LIMIT, withLoader(UPGRADING, async (loader) => {
  assert.equal((await loader.get('/shutdown')).body, 'ok');
  assert.equal(await loader.exit(), 0);
  assert.match(loader.log, /closed/);
}));

test('an app with a SIGTERM handler of its own decides when it exits', TIME_LIMIT, withLoader(
  `process.on('SIGTERM', () => setTimeout(() => { console.log('flushed'); process.exit(7); }, 50));
   require('node:http').createServer((request, response) => response.end('ok')).listen(3000);`,
  async (loader) => {
    await loader.get('/');
    loader.child.kill('SIGTERM');
    assert.equal(await loader.exit(), 7);
    assert.match(loader.log, /flushed/);
  },
));

test('an ES module is loaded as one', TIME_LIMIT, withLoader(
  {
    'package.json': '{"type":"module"}',
    'app.js': `import http from 'node:http'; await null;
      http.createServer((request, response) => response.end('module')).listen({ port: 3000, host: '::' });`,
  },
  async (loader) => assert.equal((await loader.get('/')).body, 'module'),
));

test('a second address of the same port succeeds without being bound, another port is bound', TIME_LIMIT, withLoader(
  `const http = require('node:http');
   const answer = (request, response) => response.end(JSON.stringify(seen));
   const seen = {};
   http.createServer(answer).listen({ port: 3999, host: '::1' }, () => {
     http.createServer(answer).listen({ port: 3999, host: '127.0.0.1' }, function () { seen.pretended = this.address(); });
     http.createServer(answer).listen(0, '127.0.0.1', function () { seen.port = this.address().port > 0; });
   });`,
  async (loader) => {
    let seen = {};
    while (!('port' in seen)) seen = JSON.parse((await loader.get('/')).body);
    assert.deepEqual(seen, { pretended: null, port: true });
  },
));

test('with autoInstall off, the listen on "passenger" is the one', TIME_LIMIT, withLoader(
  `const http = require('node:http');
   PhusionPassenger.configure({ autoInstall: false });
   http.createServer((request, response) => response.end('metrics')).listen(0, '127.0.0.1');
   http.createServer((request, response) => response.end('app')).listen('passenger');`,
  async (loader) => assert.equal((await loader.get('/')).body, 'app'),
));
