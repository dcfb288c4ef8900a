# frozen_string_literal: true

require 'socket'
require 'stringio'
require_relative 'request_body'
require_relative 'response'

module PhusionPassenger
  # Serves the session protocol: polls the listener and every idle connection, and answers one request at a time from
  # whichever has one. A worker that stayed with one kept-alive connection would never answer a second event loop, a health
  # probe or a second core, all of which keep connections of their own.
  class SessionWorker
    MAX_HEAD = 256 * 1024
    READ_SIZE = 16 * 1024
    ACCEPT_BATCH = 16
    # Requests that had to wait for longer, in seconds, may have been taken back by the gateway: it closes their connections.
    SLOW = 0.02

    # What is the same in every request's environment, and a place for what every request has: setting a key that is there
    # neither copies the key nor makes the hash grow.
    TEMPLATE = {
      'REQUEST_METHOD' => 'GET', 'SCRIPT_NAME' => '', 'PATH_INFO' => '', 'QUERY_STRING' => '', 'REQUEST_URI' => '',
      'SERVER_PROTOCOL' => 'HTTP/1.1', 'SERVER_NAME' => 'localhost', 'SERVER_PORT' => '80', 'SERVER_SOFTWARE' => 'passenger',
      'rack.multithread' => false, 'rack.multiprocess' => true, 'rack.run_once' => false,
      'rack.url_scheme' => 'http', 'rack.input' => nil, 'rack.hijack?' => true
    }.freeze
    SEPARATOR = "\0"
    NOTHING = ''.b.freeze
    ERROR_HEADERS = { 'content-type' => 'text/plain' }.freeze
    ERROR_BODY = ["The application raised an error; its log has the details.\n"].freeze

    # +owner+: an IO that ends with the process that this worker must not outlive.
    def initialize(app, listener, rack_version: nil, errors: $stderr, owner: nil)
      @app = app
      @listener = listener
      @errors = errors
      @wake_reader, @wake_writer = IO.pipe
      @owner = owner
      @sources = [@wake_reader, @listener, owner].compact
      @lingering = {}.compare_by_identity
      @returned = Thread::Queue.new
      @template = TEMPLATE.merge('rack.errors' => errors, 'rack.hijack' => self, 'rack.early_hints' => method(:send_early_hints))
      @template['rack.version'] = rack_version if rack_version
      @buffer = String.new(capacity: READ_SIZE)
      @response = Response.new { |connection, keep| take_back(connection, keep) }
      @stopping = false
      @careful = false
    end

    # Safe in a signal handler.
    def stop
      @stopping = true
      @wake_writer.write_nonblock('.', exception: false)
    end

    def run
      PhusionPassenger.call_event(:starting_request_handler_thread)
      attend_in_turn(IO.select(@sources)[0]) until @stopping
      finish_what_arrived
    ensure
      # The wake pipe stays: a second signal may come while the exit hooks run.
      (@sources - [@wake_reader]).each(&:close)
    end

    # `env['rack.hijack'].call`: the app takes the connection of the request that is being served.
    def call
      @hijacked = true
      @env['rack.hijack_io'] = @connection
    end

    private

    # After one that took long the others are looked at anew.
    def attend_in_turn(sources)
      careful = @careful
      @careful = false
      began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      sources.each do |source|
        next if careful && abandoned?(source)

        attend(source)
        return @careful = true if Process.clock_gettime(Process::CLOCK_MONOTONIC) - began > SLOW
      end
    end

    # Nothing can be sent, not even nothing, when the other side is closed.
    def abandoned?(source)
      if source.equal?(@listener)
        # What it brings has waited as well.
        @careful = true
        return false
      end
      return false if source.equal?(@wake_reader) || source.equal?(@owner) || @lingering.key?(source)

      source.send('', Socket::MSG_NOSIGNAL)
      false
    rescue Errno::EPIPE, Errno::ECONNRESET
      drop(source)
      true
    end

    def attend(source)
      if source.equal?(@listener) then accept
      elsif source.equal?(@wake_reader) then take_what_was_returned
      elsif source.equal?(@owner) then exit!(1)
      elsif @lingering.key?(source) then linger(source)
      else serve(source)
      end
    end

    def accept
      ACCEPT_BATCH.times do
        connection = @listener.accept_nonblock(exception: false)
        return if connection == :wait_readable

        @sources << connection
      end
    rescue Errno::ECONNABORTED, Errno::EMFILE, Errno::ENFILE => e
      @errors.puts "passenger: cannot accept a connection: #{e.message}"
    end

    # The end of a streaming body whose app went on writing in a thread of its own: called in that thread.
    def take_back(connection, keep)
      @returned << [connection, keep]
      @wake_writer.write_nonblock('.', exception: false)
    end

    def take_what_was_returned
      @wake_reader.read_nonblock(READ_SIZE, @buffer, exception: false)
      until @returned.empty?
        connection, keep = @returned.pop
        @sources << connection
        begin_lingering(connection) unless keep
      end
    end

    # Requests that had been sent when the stop came are answered still, each as its connection's last.
    def finish_what_arrived
      while (ready = IO.select(@sources - [@wake_reader], nil, nil, 0))
        ready[0].each { |source| attend(source) }
      end
    end

    def serve(connection)
      @connection = connection
      received = connection.read_nonblock(READ_SIZE, @buffer, exception: false)
      return if received == :wait_readable
      return drop(connection) if received.nil?

      # A head nearly always comes in one piece, and a body seldom with it.
      length = @buffer.bytesize > 4 ? @buffer.unpack1('N') : nil
      return answer(connection, environment(@buffer.byteslice(4, length)), NOTHING) if @buffer.bytesize == length&.+(4)

      serve_pieces(connection)
    rescue Errno::ECONNRESET, Errno::EPIPE
      drop(connection)
    end

    def serve_pieces(connection)
      return drop(connection) unless (length = complete_head)

      rest = @buffer.bytesize > length + 4 ? @buffer.byteslice(length + 4..-1) : NOTHING
      answer(connection, environment(@buffer.byteslice(4, length)), rest)
    end

    # Returns the head's length, or nil if the connection is of no use.
    def complete_head
      @buffer << @connection.readpartial(READ_SIZE) while @buffer.bytesize < 4
      length = @buffer.unpack1('N')
      if length > MAX_HEAD
        @errors.puts "passenger: a request head of #{length} bytes was refused"
        return nil
      end
      @buffer << @connection.readpartial(READ_SIZE) while @buffer.bytesize < length + 4
      length
    rescue EOFError
      nil
    end

    def environment(head)
      env = @template.dup
      texts = head.split(SEPARATOR, -1)
      index = 0
      last = texts.size - 1
      while index < last
        env[texts[index]] = texts[index + 1]
        index += 2
      end
      env['rack.url_scheme'] = 'https' if env['HTTPS'] == 'on'
      upgrade = env['HTTP_UPGRADE']
      env['rack.protocol'] = upgrade.split(/[ \t]*,[ \t]*/) if upgrade
      env
    end

    def answer(connection, env, rest)
      @env = env
      @hijacked = false
      body = attach_input(env, rest)
      @response.start(connection, env['rack.input'], env['rack.protocol'])
      respond(connection, env, body)
    ensure
      body&.release unless @hijacked
    end

    # Returns the part of the body that is not yet here, or nil.
    def attach_input(env, rest)
      if (length = env['CONTENT_LENGTH'])
        length = Integer(length, 10)
      elsif env['HTTP_TRANSFER_ENCODING'] != 'chunked'
        length = 0
      end
      if length == rest.bytesize
        env['rack.input'] = StringIO.new(rest)
        nil
      else
        env['rack.input'] = RequestBody.new(@connection, rest, length)
      end
    end

    def respond(connection, env, request_body)
      finished = env['rack.response_finished'] = []
      status, headers, body = env.key?('PASSENGER_TASK') ? perform(env['PASSENGER_TASK']) : @app.call(env)
      @hijacked ? forget(connection) : deliver(connection, env, request_body, status, headers, body)
    rescue Response::ConnectionLost, RequestBody::CutShort => error
      drop(connection)
    rescue StandardError, ScriptError, NoMemoryError, SystemStackError => error
      report(error, env)
      fail_request(connection, env, request_body)
    ensure
      call_back(finished, env, status, headers, error) unless finished.empty?
    end

    # What the server tells the app. No client can: what they send has other names.
    def perform(task)
      PhusionPassenger.perform(task)
      [204, {}, []]
    end

    def deliver(connection, env, request_body, status, headers, body)
      begin
        fate = @response.write(env['REQUEST_METHOD'] == 'HEAD', status, headers, body, fate_after(request_body))
      ensure
        body.close if body.respond_to?(:close)
      end
      settle(connection, fate, request_body)
    end

    # What the app wants to have called once its response is done with (Rack 3), the last one first.
    def call_back(finished, env, status, headers, error)
      finished.reverse_each do |callable|
        callable.call(env, status, headers, error)
      rescue StandardError, ScriptError => e
        report(e, env)
      end
    end

    # A client that has gone is noticed by the response itself.
    def send_early_hints(headers)
      @response.write_early_hints(headers) unless @hijacked
      nil
    rescue Response::ConnectionLost
      nil
    end

    def fate_after(request_body)
      return :close if @stopping
      return :keep if request_body.nil?

      request_body.finish_without_waiting ? :keep : :close
    end

    def settle(connection, fate, request_body)
      case fate
      when :given_away
        @hijacked = true
        forget(connection)
      when :close then request_body.nil? || request_body.finished? ? drop(connection) : begin_lingering(connection)
      end
    end

    def fail_request(connection, env, request_body)
      return forget(connection) if @hijacked
      return drop(connection) if @response.begun

      fate = @response.write(env['REQUEST_METHOD'] == 'HEAD', 500, ERROR_HEADERS, ERROR_BODY, fate_after(request_body))
      settle(connection, fate, request_body)
    rescue Response::ConnectionLost
      drop(connection)
    end

    def report(error, env)
      @errors.write("passenger: #{env['REQUEST_METHOD']} #{env['PATH_INFO']} failed: #{error.full_message(highlight: false, order: :top)}\n")
    end

    # Closing a Unix socket that still has unread bytes resets it, and the gateway could lose the response that it has not
    # read yet. So the response is ended, and what still comes is thrown away until the gateway closes.
    def begin_lingering(connection)
      connection.close_write
      @lingering[connection] = true
    rescue Errno::ENOTCONN
      drop(connection)
    end

    def linger(connection)
      finish_lingering(connection) if connection.read_nonblock(RequestBody::READ_SIZE, @buffer, exception: false).nil?
    rescue Errno::ECONNRESET
      finish_lingering(connection)
    end

    def finish_lingering(connection)
      @lingering.delete(connection)
      drop(connection)
    end

    def drop(connection)
      forget(connection)
      connection.close
    end

    def forget(connection)
      @sources.delete(connection)
    end
  end
end
