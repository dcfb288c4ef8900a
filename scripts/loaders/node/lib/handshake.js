'use strict';

// The loader's end of the boot conversation: JSON lines on an inherited pipe, closed once the worker is ready or has failed.

const fs = require('node:fs');

const VERSION = 1;
// The reader takes lines of at most 64 KiB; escaping can make six bytes of one character.
const MAX_LINE = 64 * 1024 - 1;
const MAX_SUMMARY = 1000;
const MAX_HINT = 2000;

class Handshake {
  #descriptor;
  #step = 'start_interpreter';

  constructor(descriptor) {
    this.#descriptor = descriptor;
  }

  get isOpen() {
    return this.#descriptor !== null;
  }

  begin(step) {
    this.#step = step;
    this.#send({ type: 'step', step, state: 'begin' });
  }

  end() {
    this.#send({ type: 'step', step: this.#step, state: 'end' });
  }

  ready(concurrency) {
    this.#send({ type: 'ready', protocol: 'http', concurrency });
    this.#close();
  }

  fail({ summary, details, hint }) {
    const fields = { type: 'error', step: this.#step, summary: summary.slice(0, MAX_SUMMARY), details, hint: hint.slice(0, MAX_HINT) };
    // Halving ends: everything but the details is bounded far below the limit.
    while (encode(fields).length > MAX_LINE && fields.details) {
      fields.details = fields.details.slice(0, fields.details.length / 2);
    }
    this.#send(fields);
    this.#close();
  }

  #send(fields) {
    if (!this.isOpen) return;
    let data = encode(fields);
    try {
      while (data.length > 0) data = data.subarray(fs.writeSync(this.#descriptor, data));
    } catch (error) {
      // Otherwise the core has given this boot up; it will say so with a signal.
      if (error.code !== 'EPIPE') throw error;
    }
  }

  #close() {
    fs.closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}

function encode(fields) {
  return Buffer.from(`${JSON.stringify({ version: VERSION, ...fields })}\n`);
}

module.exports = { Handshake };
