'use strict';

// Makes the app's own `listen` serve on passenger's socket.
//
// The first `listen` of the process is the one; with `PhusionPassenger.configure({ autoInstall: false })`, which apps written
// for Phusion Passenger may call, it is the one that names the path 'passenger'. Every other `listen` does what it always did,
// except for one on the same port as the first, which stands for a further address of the same service (Fastify listens on
// 127.0.0.1 and ::1 for 'localhost'): it succeeds and is never connected to.

const cluster = require('node:cluster');
const http = require('node:http');
const net = require('node:net');
const tls = require('node:tls');
const { KnownError } = require('./boot_error');

const BACKLOG = 2048;
const CLOSING_INTERVAL = 20; // ms

// `onServer` is called with the server that was chosen, before it listens.
function redirectListen(descriptor, onServer) {
  const listen = net.Server.prototype.listen;
  let automatic = true;
  let chosen = null;
  let chosenPort = null;

  net.Server.prototype.listen = function (...args) {
    const target = targetOf(args);
    if (chosen !== null && chosen !== this) {
      return target.port !== null && target.port === chosenPort ? pretend(this, args) : reallyListen(this, args, target);
    }
    if (target.internal || !(automatic || target.path === 'passenger')) return reallyListen(this, args, target);
    if (this instanceof tls.Server) {
      throw new KnownError('The app listens with TLS', 'passenger ends TLS itself and speaks plain HTTP to apps: use http.createServer.');
    }
    chosen = this;
    chosenPort = target.port;
    if (this instanceof http.Server) leaveIdleConnectionsToTheGateway(this);
    onServer(this);
    onceListening(this, args);
    return bySelf(() => listen.call(this, { fd: descriptor, backlog: BACKLOG }));
  };

  function reallyListen(server, args, { internal }) {
    if (cluster.isPrimary) return listen.apply(server, args);
    if (internal) return bySelf(() => listen.apply(server, args));
    const [options, callback] = net._normalizeArgs(args);
    return bySelf(() => listen.call(server, { ...options, exclusive: true }, callback));
  }

  globalThis.PhusionPassenger = {
    configure(options = {}) {
      if (options.autoInstall === false) automatic = false;
    },
  };
}

// Where the app takes itself for a cluster's worker (single_cluster.js), there is no primary that could listen for it. Node has
// an option for that, `exclusive`, and heeds it for names and ports only.
function bySelf(listen) {
  const { isPrimary } = cluster;
  cluster.isPrimary = true;
  try {
    return listen();
  } finally {
    cluster.isPrimary = isPrimary;
  }
}

// Port and path of any of the forms of net.Server.listen.
function targetOf([first]) {
  if (first !== null && typeof first === 'object') {
    // A handle or a descriptor that the app made itself is not a place that others could connect to by name.
    const internal = first._handle !== undefined || first.fd !== undefined;
    return { port: portOf(first.port), path: first.path ?? null, internal };
  }
  if (first === undefined || typeof first === 'function') return { port: null, path: null, internal: false };
  const port = portOf(first);
  return { port, path: port === null ? String(first) : null, internal: false };
}

function portOf(value) {
  return value !== undefined && value !== null && value !== '' && Number(value) > 0 ? Number(value) : null;
}

function onceListening(server, args) {
  const callback = args.filter((one) => typeof one === 'function').pop();
  if (callback) server.once('listening', callback);
}

function pretend(server, args) {
  onceListening(server, args);
  process.nextTick(() => server.emit('listening'));
  return server;
}

// An app server that closes an idle connection in the moment in which the gateway reuses it fails a request. So only the
// gateway closes them, also when the app sets its own times after `listen` (as the documentation of load balancers advises).
function leaveIdleConnectionsToTheGateway(server) {
  let idleTimeout = 0;
  Object.defineProperty(server, 'keepAliveTimeout', { get: () => idleTimeout, set() {}, configurable: true });
  for (const name of ['headersTimeout', 'requestTimeout', 'timeout']) {
    Object.defineProperty(server, name, { get: () => 0, set() {}, configurable: true });
  }
  const { close } = server;
  server.close = function (...args) {
    idleTimeout = 1; // ms; zero would mean for ever.
    endConnectionsThatBecomeIdle(server);
    return close.apply(this, args);
  };
}

// Node itself waits for a second longer than the timeout says, and has no event for a connection that becomes idle.
function endConnectionsThatBecomeIdle(server) {
  if (!server.closeIdleConnections) return;
  server.closeIdleConnections();
  const ending = setInterval(() => server.closeIdleConnections(), CLOSING_INTERVAL);
  ending.unref();
  server.once('close', () => clearInterval(ending));
}

module.exports = { redirectListen };
