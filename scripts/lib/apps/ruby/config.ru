# frozen_string_literal: true

# Says which version it is, and what it received.

require 'digest'

VERSION = 1

def greeting(body)
  "version #{VERSION}, #{body.bytesize} bytes, #{Digest::SHA256.hexdigest(body)}\n"
end

run(lambda do |env|
  text = greeting(env['rack.input']&.read.to_s)
  [200, { 'content-type' => 'text/plain', 'content-length' => text.bytesize.to_s }, [text]]
end)
