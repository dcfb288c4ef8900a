// A client that keeps one HTTP/2 connection for as long as the server does: after a GOAWAY (RFC 9113, section 6.8) what is under
// way is read to its end, and the next request opens another. Asks in rounds until its standard input ends; a line of JSON for
// each request.
// usage: node http2.mjs URL AUTHORITY
import { connect } from 'node:http2'
import { randomBytes, createHash } from 'node:crypto'

const [url, authority] = process.argv.slice(2)
const body = randomBytes(16 << 10)
const digest = `${body.length} ${createHash('sha256').update(body).digest('hex')}\n`
let session, isOver = false
process.stdin.on('end', () => { isOver = true }).resume()

function open() {
  if (session && !session.closed && !session.destroyed) return session
  session = connect(url, { rejectUnauthorized: false })
  session.on('error', () => {})
  const own = session
  session.on('goaway', () => own.close())
  return session
}

function ask(kind, headers, content, expected) {
  return new Promise((resolve) => {
    const sample = { kind }
    const done = (failure) => {
      if (sample.ended) return
      sample.ended = true
      if (failure) sample.failure = failure
      process.stdout.write(JSON.stringify(sample) + '\n', resolve)
    }
    let stream
    try {
      stream = open().request({ ':authority': authority, ...headers })
    } catch (error) {
      return done(`${error.code}: ${error.message}`)
    }
    const parts = []
    stream.setTimeout(40_000, () => stream.close())
    stream.on('response', (fields) => { sample.status = fields[':status']; sample.version = fields['x-version'] })
    stream.on('data', (part) => parts.push(part))
    stream.on('error', (error) => done(`${error.code}: ${error.message}`))
    stream.on('close', () => {
      const text = Buffer.concat(parts).toString()
      if (sample.status !== 200) done(`status ${sample.status}`)
      else if (expected && text !== expected) done(`another body than expected: ${text.slice(0, 200)}`)
      else done()
    })
    stream.end(content)
  })
}

while (!isOver) {
  await Promise.all([
    ...[1, 2, 3].map(() => ask('HTTP/2, GET', { ':path': '/' })),
    ask('HTTP/2, POST 16 KiB', { ':path': '/echo', ':method': 'POST' }, body, digest),
  ])
  await new Promise((resolve) => setTimeout(resolve, 250 + Math.random() * 500))
}
session?.close()
