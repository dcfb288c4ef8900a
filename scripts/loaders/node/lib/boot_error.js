'use strict';

// Turns what a booting app threw into the three texts that a person needs: what it was, where, and what to do.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const PLACE = /^(\S.*:\d+)\n/;
const CHECK_MILLISECONDS = 5000;

// A failure that the loader itself found out about, with its hint.
class KnownError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

function describe(error, { directory, startupFile }) {
  if (error instanceof KnownError) return { summary: error.message, details: '', hint: error.hint };
  const isError = error instanceof Error;
  const details = error instanceof SyntaxError ? syntaxDetails(error, startupFile) : isError ? String(error.stack) : '';
  return {
    summary: isError ? `${error.name}: ${firstLine(error.message)}${place(details)}` : `The app threw ${firstLine(String(error))}`,
    details,
    hint: hintFor(error, directory, startupFile),
  };
}

function hintFor(error, directory, startupFile) {
  switch (error?.code) {
    case 'MODULE_NOT_FOUND':
    case 'ERR_MODULE_NOT_FOUND':
      return missingModule(error, directory);
    case 'ERR_REQUIRE_ESM':
      return `A CommonJS file requires an ES module: use import() there, or "type": "module" in package.json. This is Node ${process.version}.`;
    case 'EADDRINUSE':
      return 'Only the first listen() is served by passenger; a later one has to find a port of its own.';
    case 'EACCES':
      return `The app runs as user id ${process.geteuid()}; let that user use what is named above.`;
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'ETIMEDOUT':
      return 'Something that the app needs at boot cannot be reached; check its address and whether it runs.';
  }
  if (error instanceof SyntaxError) {
    return `Mend the file and line named above; \`node --check ${startupFile}\` checks a file without running it. This is Node ${process.version}; another one is chosen by the setting \`nodejs\`.`;
  }
  return `Start it by hand to see more: cd ${directory} && ${process.execPath} ${startupFile}`;
}

function missingModule(error, directory) {
  const name = /Cannot find (?:module|package) '([^']+)'/.exec(error.message)?.[1] ?? 'the module';
  if (name.startsWith('.') || path.isAbsolute(name)) {
    return `The file ${name} is not there; was it left out of the repository or of the build?`;
  }
  const install = fs.existsSync(path.join(directory, 'package-lock.json')) ? 'npm ci' : 'npm install';
  return `The package ${name} is not in node_modules: run \`${install}\` in ${directory} (does package.json list it under dependencies?).`;
}

// V8 puts file and line of a syntax error before the stack, and for an ES module nowhere that a program could read: then
// another Node is asked, which prints them.
function syntaxDetails(error, startupFile) {
  const stack = String(error.stack);
  if (PLACE.test(stack)) return stack;
  const check = spawnSync(process.execPath, ['--check', startupFile], { encoding: 'utf8', timeout: CHECK_MILLISECONDS });
  return PLACE.test(check.stderr ?? '') ? check.stderr : stack;
}

function place(details) {
  const found = PLACE.exec(details);
  return found ? ` (${found[1].replace(/^file:\/\//, '')})` : '';
}

function firstLine(text) {
  return text.split('\n').find((line) => line.trim() !== '')?.trim() ?? '(no message)';
}

module.exports = { KnownError, describe };
