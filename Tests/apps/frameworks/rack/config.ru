# frozen_string_literal: true

require 'rack'

# Hanami, Roda and Grape are used like this: small apps behind middleware, mounted at paths of one builder.
VERSION = File.read(File.join(__dir__, 'version.txt'))
PLAIN = { 'content-type' => 'text/plain' }.freeze

module Books
  Show = ->(env) { [200, PLAIN, ["book #{env['PATH_INFO'].delete_prefix('/')} at #{env['SCRIPT_NAME']}"]] }
end

# Middleware that times what is below it.
class Timing
  def initialize(app)
    @app = app
  end

  def call(env)
    began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    status, headers, body = @app.call(env)
    took = Process.clock_gettime(Process::CLOCK_MONOTONIC) - began
    [status, headers.merge('x-app-seconds' => format('%.6f', took)), body]
  end
end

use Timing
use Rack::Head
map('/books') { run Books::Show }
map('/version') { run ->(_env) { [200, PLAIN, [VERSION]] } }
map('/up') { run ->(_env) { [200, PLAIN, ["up\n"]] } }
run ->(_env) { [404, PLAIN, ["nothing here\n"]] }
