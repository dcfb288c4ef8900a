# frozen_string_literal: true

# Answers that tell their version, streams that tell when they are whole, and an echo over WebSockets.

require 'digest'

VERSION = File.read(File.join(__dir__, 'version.txt')).strip.freeze
BROKEN = File.read(File.join(__dir__, 'broken.txt')).strip.freeze
HOARD = [] # rubocop:disable Style/MutableConstant
# Where the numbers of requests are written down as they come.
SEEN = ENV.fetch('SOAK_SEEN', nil)
GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

def text(body, status = 200, more = {})
  headers = { 'content-type' => 'text/plain', 'content-length' => body.bytesize.to_s, 'x-version' => VERSION }
  [status, headers.merge(more), [body]]
end

# Server-sent events; the last one says that it is the last.
class Events
  def initialize(seconds)
    @seconds = seconds
  end

  def each
    (@seconds * 4).to_i.times do
      yield "data: #{VERSION}\n\n"
      sleep 0.25
    end
    yield "event: end\ndata: #{VERSION}\n\n"
  end
end

def exactly(socket, count)
  data = +''.b
  data << socket.readpartial(count - data.bytesize) while data.bytesize < count
  data
end

# Frames of less than 126 bytes, as the clients send.
def echo(socket, key)
  accept = [Digest::SHA1.digest(key + GUID)].pack('m0')
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
               "X-Version: #{VERSION}\r\nSec-WebSocket-Accept: #{accept}\r\n\r\n")
  socket.flush
  loop do
    first, second = exactly(socket, 2).bytes
    mask = exactly(socket, 4).bytes
    payload = exactly(socket, second & 127).bytes.each_with_index.map { |byte, index| byte ^ mask[index & 3] }
    socket.write([first, payload.size].pack('CC') + payload.pack('C*'))
    socket.flush
    break if first & 15 == 8
  end
rescue EOFError, SystemCallError
  # The client is gone.
ensure
  socket.close
end

run(lambda do |env|
  File.write(SEEN, "#{env['HTTP_X_REQUEST']}\n", mode: 'a') if SEEN && env.key?('HTTP_X_REQUEST')
  path = env['PATH_INFO']
  next text("#{BROKEN}\n", BROKEN == 'unhealthy' ? 500 : 200) if path == '/up'
  next text("#{BROKEN}\n", 500, 'x-broken' => BROKEN) if BROKEN == 'errors'

  case path
  when '/echo'
    body = env['rack.input'].read
    text("#{body.bytesize} #{Digest::SHA256.hexdigest(body)}\n")
  when '/slow'
    sleep Float(env['QUERY_STRING'])
    text("slept\n")
  when '/events'
    type = { 'content-type' => 'text/event-stream', 'cache-control' => 'no-cache', 'x-version' => VERSION }
    [200, type, Events.new(Float(env['QUERY_STRING']))]
  when '/socket'
    env['rack.hijack'].call
    Thread.new(env['rack.hijack_io'], env['HTTP_SEC_WEBSOCKET_KEY']) { |socket, key| echo(socket, key) }
    [200, {}, []]
  else
    HOARD << ('x' * (4 << 20)) if BROKEN == 'hog'
    text("version #{VERSION}\n")
  end
end)
