'use strict';

// Says which version it is, and what it received.

const { createHash } = require('node:crypto');
const { createServer } = require('node:http');

const VERSION = 1;

function greeting(body) {
  return `version ${VERSION}, ${body.length} bytes, ${createHash('sha256').update(body).digest('hex')}\n`;
}

createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    try {
      const text = greeting(Buffer.concat(parts));
      response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': text.length });
      response.end(text);
    } catch (error) {
      console.error(error);
      response.writeHead(500).end();
    }
  });
}).listen(process.env.PORT || 3000);
