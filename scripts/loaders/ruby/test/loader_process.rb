# frozen_string_literal: true

require 'json'
require 'rbconfig'
require 'socket'
require 'tmpdir'
require 'timeout'

# A loader as a real process, with the descriptors and the environment that passenger gives it.
class LoaderProcess
  LOADER = File.expand_path('../rack_loader.rb', __dir__)
  Response = Struct.new(:status, :headers, :body)

  attr_reader :pid, :directory

  def initialize(files, plan = {})
    @directory = Dir.mktmpdir
    files.each { |name, text| File.write(File.join(@directory, name), text) }
    @socket_path = File.join(@directory, 'w.sock')
    @listener = UNIXServer.new(@socket_path)
    @handshake, @handshake_writer = IO.pipe
    plan = { version: 1, listener: 3, handshake: 4, directory: @directory, startup_file: 'config.ru', app: 'test' }.merge(plan)
    @pid = Process.spawn({ '_PASSENGER_WORKER' => JSON.generate(plan.compact), 'BUNDLE_GEMFILE' => nil, 'TMPDIR' => @directory },
                         RbConfig.ruby, LOADER, spawn_options)
    [@listener, @handshake_writer].each(&:close)
    @connections = []
  end

  # Descriptors and directory of the process.
  def spawn_options
    { 3 => @listener, 4 => @handshake_writer, in: File::NULL, out: [log_path, 'a'], err: %i[child out], chdir: @directory }
  end

  # All lines of the handshake, which ends when the worker is ready or has failed.
  def handshake
    @lines ||= Timeout.timeout(60) { @handshake.read }.lines.map { |line| JSON.parse(line) }
  end

  def log
    File.read(log_path)
  end

  def connect
    handshake
    UNIXSocket.new(@socket_path).tap { |connection| @connections << connection }
  end

  def send_request(connection, path, method: 'GET', body: nil, fields: {})
    path, query = path.split('?', 2)
    fields = { 'REQUEST_METHOD' => method, 'PATH_INFO' => path, 'QUERY_STRING' => query.to_s, 'SCRIPT_NAME' => '',
               'SERVER_NAME' => 'localhost', 'SERVER_PORT' => '80', 'SERVER_PROTOCOL' => 'HTTP/1.1' }.merge(fields)
    fields['CONTENT_LENGTH'] ||= body.bytesize.to_s if body && !fields.key?('HTTP_TRANSFER_ENCODING')
    head = fields.map { |key, value| "#{key}\0#{value}\0" }.join.b
    connection.write([head.bytesize].pack('N'), head, body.to_s)
  end

  def read_response(connection, head_only: false)
    Timeout.timeout(60) do
      status = connection.gets("\r\n")[/\AHTTP\/1\.1 (\d{3})/, 1].to_i
      headers = Hash.new { |hash, key| hash[key] = [] }
      while (line = connection.gets("\r\n").chomp("\r\n")) != ''
        name, value = line.split(': ', 2)
        headers[name.downcase] << value
      end
      Response.new(status, headers, head_only || [204, 304].include?(status) ? '' : read_body(connection, headers))
    end
  end

  def get(path, connection: connect, **options)
    send_request(connection, path, **options)
    read_response(connection, head_only: options[:method] == 'HEAD')
  end

  def wait
    @status ||= Timeout.timeout(60) { Process.wait2(@pid)[1] }
  end

  def close
    @connections.each { |connection| connection.close unless connection.closed? }
    @handshake.close
    unless @status
      Process.kill(:KILL, @pid)
      Process.wait(@pid)
    end
    FileUtils.rm_rf(@directory)
  end

  private

  def log_path
    File.join(@directory, 'output.log')
  end

  def read_body(connection, headers)
    return connection.read(headers['content-length'][0].to_i) unless headers['content-length'].empty?
    return connection.read if headers['transfer-encoding'].empty?

    body = +''
    until (size = connection.gets("\r\n").hex).zero?
      body << connection.read(size)
      connection.read(2)
    end
    connection.read(2)
    body
  end
end
