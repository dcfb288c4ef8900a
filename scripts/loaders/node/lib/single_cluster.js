'use strict';

// Apps that fork workers of their own (node:cluster) run as one process: the pool starts as many as are wanted, and can tell
// which one serves a request. The first fork is answered by running the app's file once more in this process, as the worker;
// the others are answered by nobody. Primary and worker then live side by side, and messages between them arrive.

const cluster = require('node:cluster');
const { EventEmitter } = require('node:events');
const Module = require('node:module');

const NOTICE = 'passenger: the app forks workers by node:cluster; it runs as one process, of which passenger starts as many as are wanted.';

class SingleWorker extends EventEmitter {
  process = { pid: process.pid, kill() {} };

  constructor(id) {
    super();
    this.id = id;
  }

  send(message, ...rest) {
    deliver(rest, () => process.emit('message', message));
    return true;
  }

  // It ends when passenger ends the process.
  kill() {}
  destroy() {}
  disconnect() {
    return this;
  }

  isConnected() {
    return true;
  }

  isDead() {
    return false;
  }
}

// `runWorker` is called with the file that a forked process would run, and its arguments.
function answerForks(runWorker) {
  const workers = [];

  cluster.fork = (variables) => {
    cluster.setupPrimary();
    const worker = new SingleWorker(workers.length + 1);
    workers.push(worker);
    cluster.workers[worker.id] = worker;
    process.nextTick(() => cluster.emit('fork', worker));
    if (workers.length === 1) {
      console.error(NOTICE);
      setImmediate(() => becomeWorker(worker, variables, runWorker));
    } else {
      setImmediate(() => tell(worker, 'online'));
    }
    return worker;
  };
  cluster.disconnect = (callback) => {
    if (callback) process.nextTick(callback);
  };

  return {
    // For the app's server, once it listens.
    listening(server) {
      for (const worker of workers) tell(worker, 'listening', server.address());
    },
    get isInUse() {
      return workers.length > 0;
    },
  };
}

function tell(worker, event, ...details) {
  worker.emit(event, ...details);
  cluster.emit(event, worker, ...details);
}

function becomeWorker(worker, variables, runWorker) {
  tell(worker, 'online');
  cluster.isPrimary = cluster.isMaster = false;
  cluster.isWorker = true;
  cluster.worker = worker;
  // For `import { isPrimary } from 'node:cluster'`.
  Module.syncBuiltinESMExports();
  Object.assign(process.env, variables, { NODE_UNIQUE_ID: String(worker.id) });
  process.send ??= (message, ...rest) => {
    deliver(rest, () => tell(worker, 'message', message));
    return true;
  };
  // As in a process of its own, nothing is loaded yet.
  for (const file of Object.keys(require.cache)) {
    if (!file.startsWith(__dirname) && !file.endsWith('.node')) delete require.cache[file];
  }
  runWorker(cluster.settings.exec, cluster.settings.args ?? []);
}

function deliver(rest, action) {
  process.nextTick(() => {
    action();
    const callback = rest.at(-1);
    if (typeof callback === 'function') callback(null);
  });
}

module.exports = { answerForks };
