'use strict';

// Boots a Node app in this process; the app serves HTTP itself, on the worker's socket. Started by passenger with that socket
// and the handshake pipe as inherited descriptors and everything else in one environment variable; README.md one folder up
// has the protocol. Node itself marks inherited descriptors close-on-exec when it starts.

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { KnownError, describe } = require('./lib/boot_error');
const { Handshake } = require('./lib/handshake');
const { redirectListen } = require('./lib/redirect_listen');
const { answerForks } = require('./lib/single_cluster');

const CONCURRENCY = 1024;

class NodeLoader {
  #directory;
  #startupFile;
  #path;
  #name;
  #listener;
  #handshake;
  #stopSignals;
  #server = null;
  #serving = false;
  #exports = undefined;
  #cluster = null;

  constructor(plan) {
    this.#directory = plan.directory;
    this.#startupFile = plan.startup_file ?? 'app.js';
    this.#path = path.resolve(this.#directory, this.#startupFile);
    this.#name = plan.app ?? path.basename(this.#directory);
    this.#listener = plan.listener;
    this.#stopSignals = new Set(['SIGTERM', `SIG${plan.stop_signal ?? 'TERM'}`]);
    this.#handshake = new Handshake(plan.handshake);
  }

  async run() {
    process.on('uncaughtException', this.#onUncaught);
    process.on('exit', this.#onEarlyExit);
    process.on('beforeExit', this.#onNothingLeft);
    this.#handshake.begin('start_interpreter');
    process.title = `passenger node worker: ${this.#name}`;
    this.#handshake.end();
    this.#handshake.begin('load_libraries');
    redirectListen(this.#listener, (server) => this.#adopt(server));
    this.#cluster = answerForks((file, args) => this.#runWorker(file, args));
    this.#handshake.end();
    this.#handshake.begin('load_app');
    try {
      await this.#load();
    } catch (error) {
      this.#fail(error);
    }
    this.#beginServing();
  }

  // An app's socket may be listening before its file has been evaluated to the end, or long after.
  #beginServing() {
    if (this.#serving) return;
    this.#serving = true;
    this.#handshake.end();
    this.#handshake.begin('start_serving');
  }

  async #load() {
    if (!fs.existsSync(this.#path)) {
      throw new KnownError(
        `${this.#startupFile} was not found in ${this.#directory}`,
        'A Node app starts from app.js or server.js; the setting `startup_file` names another file.',
      );
    }
    process.argv[1] = this.#path;
    this.#exports = await evaluate(this.#path);
  }

  // Of an app that forks: the same file a second time, or the one that it names.
  async #runWorker(file, args) {
    const target = path.resolve(this.#directory, file);
    process.argv = [process.argv[0], target, ...args];
    try {
      await evaluate(target, '?worker');
    } catch (error) {
      // As if it had been thrown in a process of its own: by now this may be a worker in service.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #adopt(server) {
    this.#server = server;
    for (const signal of this.#stopSignals) process.on(signal, this.#onStop);
    server.once('listening', () => {
      process.off('uncaughtException', this.#onUncaught);
      process.off('exit', this.#onEarlyExit);
      process.off('beforeExit', this.#onNothingLeft);
      this.#beginServing();
      this.#handshake.end();
      this.#handshake.ready(CONCURRENCY);
      this.#cluster.listening(server);
    });
  }

  // Ends when the last response is sent. An app with a handler of its own for the signal also decides itself when it exits,
  // unless that waits for the end of workers that it forked.
  #onStop = (signal) => {
    const appDecides = process.listenerCount(signal) > 1 && !this.#cluster.isInUse;
    this.#server.close(() => {
      if (!appDecides) process.exit(0);
    });
  };

  #onUncaught = (error) => this.#fail(error);

  #onEarlyExit = (status) => {
    this.#handshake.fail({
      summary: `The app called process.exit(${status}) before it listened`,
      details: '',
      hint: 'Look at the last output: an app that exits usually says why first.',
    });
  };

  #onNothingLeft = () => {
    const app = this.#exports;
    const hint =
      typeof app === 'function'
        ? `${this.#startupFile} exports a function (an Express app?) but does not start it: call \`app.listen(process.env.PORT)\` in it.`
        : 'Call listen() on an http.Server at start; the port does not matter, passenger puts its own socket there.';
    this.#fail(new KnownError(`${this.#startupFile} ended without listening`, hint));
  };

  #fail(error) {
    process.off('exit', this.#onEarlyExit);
    if (this.#handshake.isOpen) this.#handshake.fail(describe(error, { directory: this.#directory, startupFile: this.#startupFile }));
    process.exit(1);
  }
}

// `query` tells a second evaluation of an ES module from its first.
async function evaluate(file, query = '') {
  if (isModule(file)) return (await import(pathToFileURL(file) + query)).default;
  // As the main module: many apps listen only if `require.main === module`.
  return Module._load(file, null, true);
}

// Node's own rule: by the extension, else by "type" in the nearest package.json.
function isModule(file) {
  const extension = path.extname(file);
  if (extension === '.mjs' || extension === '.mts') return true;
  if (extension === '.cjs' || extension === '.cts') return false;
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).type === 'module';
    } catch (error) {
      if (error.code !== 'ENOENT' || folder === path.dirname(folder)) return false;
    }
  }
}

const plan = process.env._PASSENGER_WORKER;
delete process.env._PASSENGER_WORKER;
if (plan === undefined) {
  console.error('node_loader.js is started by passenger; it has no use by hand.');
  process.exit(2);
}
new NodeLoader(JSON.parse(plan)).run();
