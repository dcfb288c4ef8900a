// Node's fetch against a server that runs a sample app; ends with status 0 when all is as it should be.
// usage: node fetch.mjs URL

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

const url = process.argv[2];
const text = async (path, options) => (await fetch(url + path, options)).text();
const body = Buffer.alloc(1 << 20, 'all kinds of bytes ');
const digest = `${createHash('sha256').update(body).digest('hex')} ${body.length}\n`;

const versions = await Promise.all(Array.from({ length: 50 }, () => text('/version')));
assert.deepEqual(new Set(versions), new Set(['1\n']));
assert.equal(await text('/echo', { method: 'POST', body }), digest);
const stream = new Blob([body]).stream();
assert.equal(await text('/echo', { method: 'POST', body: stream, duplex: 'half' }), digest);
assert.equal((await text('/big?bytes=3000001')).length, 3000001);
const head = await fetch(`${url}/big?bytes=1000`, { method: 'HEAD', headers: { 'Accept-Encoding': 'identity' } });
assert.equal(head.headers.get('content-length'), '1000');
assert.equal((await fetch(`${url}/status?code=404`)).status, 404);

const abort = new AbortController();
const endless = await fetch(`${url}/stream`, { signal: abort.signal });
const { value } = await endless.body.getReader().read();
assert.match(Buffer.from(value).toString(), /^tick 0\n/);
abort.abort();
assert.equal(await text('/version'), '1\n');
