# frozen_string_literal: true

# The sample app in Ruby; ../README.md has the routes.

require 'digest'
require 'json'

# Read once, at boot: a running worker tells which release it was booted from.
VERSION = File.read(File.join(__dir__, 'version.txt')).strip.freeze
LINE = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+\n"

# A body whose parts are made as they are sent.
class Parts
  def initialize(&maker)
    @maker = maker
  end

  def each(&block)
    @maker.call(block)
  end
end

class SampleApp
  TEXT = { 'content-type' => 'text/plain' }.freeze
  JSON_TYPE = { 'content-type' => 'application/json' }.freeze

  def call(env)
    path = env['PATH_INFO']
    route = path == '/' ? :hello : ROUTES[path]
    route ? send(route, env, parameters(env)) : text("no such route: #{path}\n", 404)
  end

  ROUTES = %i[version pid echo big chunked slow stream headers status env up fds uid raise exit]
           .to_h { |name| ["/#{name}", :"get_#{name}"] }.freeze

  private

  def parameters(env)
    env['QUERY_STRING'].split('&').to_h { |pair| pair.split('=', 2).values_at(0, 1) }
  end

  def text(body, status = 200)
    [status, TEXT, [body]]
  end

  def json(value)
    [200, JSON_TYPE, [JSON.generate(value), "\n"]]
  end

  def hello(_env, _query) = text("hello from #{VERSION}\n")

  def get_version(_env, _query) = text("#{VERSION}\n")

  def get_pid(_env, _query) = text("#{Process.pid}\n")

  def get_echo(env, _query)
    digest = Digest::SHA256.new
    length = 0
    while (piece = env['rack.input'].read(65_536))
      digest << piece
      length += piece.bytesize
    end
    text("#{digest.hexdigest} #{length}\n")
  end

  def get_big(_env, query)
    left = Integer(query.fetch('bytes', '0'), 10)
    block = LINE * 1024
    parts = Parts.new do |send|
      while left.positive?
        send.call(left < block.bytesize ? block.byteslice(0, left) : block)
        left -= block.bytesize
      end
    end
    [200, TEXT.merge('content-length' => left.to_s), parts]
  end

  def get_chunked(_env, query)
    chunks = Integer(query.fetch('chunks', '10'), 10)
    [200, TEXT, Parts.new { |send| chunks.times { |n| send.call("chunk #{n}\n") } }]
  end

  def get_slow(_env, query)
    seconds = query.fetch('seconds', '1')
    sleep(Float(seconds))
    text("slept #{seconds}\n")
  end

  def get_stream(_env, _query)
    ticks = Parts.new do |send|
      (0..).each do |n|
        send.call("tick #{n}\n")
        sleep(0.1)
      end
    end
    [200, TEXT, ticks]
  end

  def get_headers(env, _query)
    headers = env.select { |name, _| name.start_with?('HTTP_') || %w[CONTENT_TYPE CONTENT_LENGTH].include?(name) }
                 .to_h { |name, value| [name.delete_prefix('HTTP_').downcase.tr('_', '-'), value] }
    json(method: env['REQUEST_METHOD'], path: env['PATH_INFO'], query: env['QUERY_STRING'], headers: headers)
  end

  def get_status(_env, query)
    code = Integer(query.fetch('code', '200'), 10)
    text("status #{code}\n", code)
  end

  def get_env(_env, _query) = json(ENV.keys.sort)

  def get_up(_env, _query)
    File.exist?(File.join(__dir__, 'unhealthy')) ? text("unhealthy\n", 500) : text("up\n")
  end

  # The directory's own descriptor is gone when its link is read.
  def get_fds(_env, _query)
    targets = Dir.children('/proc/self/fd').to_h { |name| [name, (File.readlink("/proc/self/fd/#{name}") rescue nil)] }
    json(targets.compact)
  end

  def get_uid(_env, _query) = json(uid: Process.uid, gid: Process.gid, groups: Process.groups.sort)

  def get_raise(_env, _query) = raise('the app was asked to raise')

  def get_exit(_env, _query) = exit!(3)
end

run SampleApp.new
