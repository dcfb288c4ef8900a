# frozen_string_literal: true

# Sends back what a WebSocket's client sends (RFC 6455), over a connection taken by rack.hijack; says hello over HTTP.

require 'digest/sha1'

GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
CLOSE = 8
PING = 9
PONG = 10

def read_frame(io)
  first, second = io.readpartial_exactly(2).bytes
  length = second & 127
  length = io.readpartial_exactly(2).unpack1('n') if length == 126
  length = io.readpartial_exactly(8).unpack1('Q>') if length == 127
  mask = io.readpartial_exactly(4).bytes
  payload = io.readpartial_exactly(length).bytes
  payload.each_index { |index| payload[index] ^= mask[index & 3] }
  [first, payload.pack('C*')]
end

def frame(first, payload)
  size = payload.bytesize
  length = if size < 126 then [size].pack('C')
           elsif size < 65_536 then [126, size].pack('Cn')
           else [127, size].pack('CQ>')
           end
  [first].pack('C') + length + payload
end

# An IO that gives all the bytes asked for, or ends.
class Frames
  def initialize(io)
    @io = io
  end

  def readpartial_exactly(count)
    data = +''.b
    data << @io.readpartial(count - data.bytesize) while data.bytesize < count
    data
  end

  def write(data)
    @io.write(data)
    @io.flush
  end
end

def echo(io, key)
  accept = [Digest::SHA1.digest(key + GUID)].pack('m0')
  frames = Frames.new(io)
  frames.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
               "Sec-WebSocket-Accept: #{accept}\r\n\r\n")
  loop do
    first, payload = read_frame(frames)
    case first & 15
    when CLOSE then break frames.write(frame(first, payload))
    when PING then frames.write(frame(0x80 | PONG, payload))
    when PONG then next
    else frames.write(frame(first, payload))
    end
  end
rescue EOFError, SystemCallError
  # The client is gone.
ensure
  io.close
end

run lambda { |env|
  next [200, { 'content-type' => 'text/plain', 'content-length' => '6' }, ["hello\n"]] unless env['HTTP_UPGRADE']

  env['rack.hijack'].call
  Thread.new(env['rack.hijack_io'], env['HTTP_SEC_WEBSOCKET_KEY']) { |io, key| echo(io, key) }
  [200, {}, []]
}
