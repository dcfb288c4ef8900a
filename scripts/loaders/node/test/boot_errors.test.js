'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { LoaderProcess } = require('./loader_process');

const TIME_LIMIT = { timeout: 120_000 };

async function failWith(files, plan) {
  const loader = await LoaderProcess.start(typeof files === 'string' ? { 'app.js': files } : files, plan);
  try {
    const error = (await loader.handshake()).at(-1);
    assert.equal(error.type, 'error', loader.log);
    assert.equal(await loader.exit(), 1);
    return error;
  } finally {
    await loader.close();
  }
}

test('a syntax error names file and line', TIME_LIMIT, async () => {
  const error = await failWith('let x = 1;\nlet y = ;\n');
  assert.equal(error.step, 'load_app');
  assert.match(error.summary, /^SyntaxError: .*\(.*app\.js:2\)$/);
  assert.match(error.hint, /node --check app\.js/);
});

test('a syntax error in an ES module names file and line', TIME_LIMIT, async () => {
  const error = await failWith({ 'app.js': 'let x = 1;\nlet y = ;\n', 'package.json': '{"type":"module"}' });
  assert.match(error.summary, /^SyntaxError: .*app\.js:2\)$/);
});

test('a missing package says how to install it', TIME_LIMIT, async () => {
  assert.match((await failWith("require('express')")).hint, /The package express .*npm install/);
  const module = { 'app.js': "import express from 'express'", 'package.json': '{"type":"module"}', 'package-lock.json': '{}' };
  assert.match((await failWith(module)).hint, /The package express .*npm ci/);
  assert.match((await failWith("require('./lib/x')")).hint, /The file \.\/lib\/x is not there/);
});

test('a missing startup file is named', TIME_LIMIT, async () => {
  const error = await failWith({}, { startup_file: 'server.js' });
  assert.match(error.summary, /^server\.js was not found in /);
  assert.match(error.hint, /startup_file/);
});

test('an exported app that does not listen is explained', TIME_LIMIT, async () => {
  const error = await failWith('module.exports = (request, response) => response.end();');
  assert.equal(error.step, 'start_serving');
  assert.equal(error.summary, 'app.js ended without listening');
  assert.match(error.hint, /exports a function.*app\.listen/);
});

test('an exception before listening is an error, also one thrown later or in a promise', TIME_LIMIT, async () => {
  assert.equal((await failWith("throw new Error('no database')")).summary, 'Error: no database');
  assert.equal((await failWith("setTimeout(() => { throw new Error('later') }, 1)")).summary, 'Error: later');
  assert.equal((await failWith("Promise.reject(new Error('rejected'))")).summary, 'Error: rejected');
  assert.equal((await failWith("throw 'a string'")).summary, 'The app threw a string');
});

test('an exit while loading is an error', TIME_LIMIT, async () => {
  const loader = await LoaderProcess.start({ 'app.js': 'process.exit(4)' });
  assert.equal((await loader.handshake()).at(-1).summary, 'The app called process.exit(4) before it listened');
  assert.equal(await loader.exit(), 4);
  await loader.close();
});

test('a server with TLS is refused with a reason', TIME_LIMIT, async () => {
  assert.match((await failWith("require('node:https').createServer({}).listen(443)")).hint, /speaks plain HTTP/);
});

test('an enormous message stays within the limit of a line', TIME_LIMIT, async () => {
  const error = await failWith("throw new Error('\\u0001'.repeat(200000))");
  assert.ok(Buffer.byteLength(JSON.stringify(error)) < 64 * 1024);
});
