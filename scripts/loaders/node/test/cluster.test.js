'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { LoaderProcess } = require('./loader_process');

const TIME_LIMIT = { timeout: 120_000 };

async function withLoader(files, body) {
  const loader = await LoaderProcess.start(files);
  try {
    await body(loader);
  } finally {
    await loader.close();
  }
}

const count = (loader, text) => loader.log.split(text).length - 1;

const FORKING = `
const cluster = require('node:cluster');
const http = require('node:http');
const os = require('node:os');
const helper = require('./helper');
if (cluster.isPrimary) {
  console.log('primary', process.pid, cluster.isWorker);
  for (const event of ['fork', 'online', 'listening']) cluster.on(event, (worker) => console.log(event, worker.id));
  cluster.on('message', (worker, message) => worker.send(message + ' and back'));
  cluster.on('exit', () => cluster.fork());
  for (let i = 0; i < 3; i++) cluster.fork({ MARK: 'of the fork' });
  process.on('SIGTERM', () => { for (const id in cluster.workers) cluster.workers[id].kill('SIGTERM'); });
} else {
  let message = '';
  process.on('message', (text) => (message = text));
  process.send('there');
  http.createServer((request, response) => response.end([cluster.worker.id, process.env.MARK, message, helper.loads(), require.main === module].join())).listen(3000);
  http.createServer((request, response) => response.end('metrics')).listen(0, '127.0.0.1', function () { console.log('metrics at', this.address().port > 0); });
}
`;
const HELPER = 'let loads = 0; globalThis.loads = (globalThis.loads ?? 0) + 1; exports.loads = () => globalThis.loads;';

test('an app that forks workers runs as one process, primary and worker', TIME_LIMIT, () =>
  withLoader({ 'app.js': FORKING, 'helper.js': HELPER }, async (loader) => {
    assert.equal((await loader.handshake()).at(-1).type, 'ready', loader.log);
    // What the worker loads is its own, as in another process.
    assert.equal((await loader.get('/')).body, '1,of the fork,there and back,2,true');
    while (!loader.log.includes('metrics at true')) await loader.get('/');
    assert.equal(count(loader, 'primary '), 1);
    assert.equal(count(loader, 'runs as one process'), 1);
    for (const event of ['fork', 'online', 'listening']) {
      for (const id of [1, 2, 3]) assert.equal(count(loader, `${event} ${id}\n`), 1, `${event} ${id}: ${loader.log}`);
    }
    loader.child.kill('SIGTERM');
    assert.equal(await loader.exit(), 0);
  }));

test('an ES module that forks does so too', TIME_LIMIT, () =>
  withLoader(
    {
      'package.json': '{"type":"module"}',
      'app.js': `
import cluster, { isPrimary } from 'node:cluster';
import http from 'node:http';
if (isPrimary) {
  cluster.fork();
} else {
  http.createServer((request, response) => response.end('worker ' + cluster.isWorker)).listen(3000);
}`,
    },
    async (loader) => assert.equal((await loader.get('/')).body, 'worker true'),
  ));

test('the file and arguments of setupPrimary are what is run', TIME_LIMIT, () =>
  withLoader(
    {
      'app.js': `
const cluster = require('node:cluster');
cluster.setupPrimary({ exec: 'worker.js', args: ['--quiet'] });
cluster.fork();
cluster.fork();`,
      'worker.js': `require('node:http').createServer((request, response) => response.end(process.argv.slice(1).join(' '))).listen(3000);`,
    },
    async (loader) => assert.equal((await loader.get('/')).body, `${loader.directory}/worker.js --quiet`),
  ));

test('a worker that cannot start is a failed boot', TIME_LIMIT, () =>
  withLoader(
    { 'app.js': `const cluster = require('node:cluster'); if (cluster.isPrimary) cluster.fork(); else throw new Error('no database');` },
    async (loader) => {
      assert.equal((await loader.handshake()).at(-1).summary, 'Error: no database');
      assert.equal(await loader.exit(), 1);
    },
  ));

test('an app that only asks whether it is the primary is left alone', TIME_LIMIT, () =>
  withLoader(
    { 'app.js': `const cluster = require('node:cluster'); require('node:http').createServer((request, response) => response.end(String(cluster.isPrimary))).listen(3000);` },
    async (loader) => {
      assert.equal((await loader.get('/')).body, 'true');
      assert.equal(loader.log, '');
    },
  ));
