'use strict';

// A loader as a real process, with the descriptors and the environment that passenger gives it.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const LOADER = path.join(__dirname, '..', 'node_loader.js');

class LoaderProcess {
  static async start(files, plan = {}) {
    const loader = new LoaderProcess();
    loader.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'node-loader-'));
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(loader.directory, name), text);
    await loader.#spawn({ version: 1, listener: 3, handshake: 4, directory: loader.directory, startup_file: 'app.js', app: 'test', ...plan });
    return loader;
  }

  async #spawn(plan) {
    const bound = path.join(this.directory, 'bound.sock');
    this.socketPath = path.join(this.directory, 'w.sock');
    const listener = net.createServer().listen(bound);
    await once(listener, 'listening');
    // Closing a server in Node removes its path; a second name keeps the socket reachable for the loader that inherits it.
    fs.linkSync(bound, this.socketPath);
    this.child = spawn(process.execPath, [LOADER], {
      cwd: this.directory,
      env: { ...process.env, _PASSENGER_WORKER: JSON.stringify(plan) },
      stdio: ['ignore', 'pipe', 'pipe', listener._handle.fd, 'pipe'],
    });
    listener.close();
    this.log = '';
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (text) => (this.log += text));
    this.exited = once(this.child, 'close');
    this.lines = this.#readHandshake(this.child.stdio[4]);
  }

  async #readHandshake(stream) {
    let text = '';
    for await (const piece of stream) text += piece;
    return text.trim().split('\n').map((line) => JSON.parse(line));
  }

  // All lines of the handshake, which ends when the worker is ready or has failed.
  handshake() {
    return this.lines;
  }

  async get(url, { agent, method = 'GET', headers, body } = {}) {
    await this.lines;
    const request = http.request({ socketPath: this.socketPath, path: url, agent, method, headers });
    request.end(body);
    const [response] = await once(request, 'response');
    let text = '';
    for await (const piece of response) text += piece;
    return { status: response.statusCode, headers: response.headers, body: text };
  }

  // Exit status, or the signal's name.
  async exit() {
    const [status, signal] = await this.exited;
    return status ?? signal;
  }

  async close() {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.exited;
    fs.rmSync(this.directory, { recursive: true });
  }
}

module.exports = { LoaderProcess };
