'use strict';

const HEADERS = { 'Content-Type': 'text/plain', 'Content-Length': '12' };
require('node:http')
  .createServer((request, response) => {
    response.writeHead(200, HEADERS);
    response.end('hello world\n');
  })
  .listen(process.env.PORT || 3000);
