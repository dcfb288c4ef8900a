# frozen_string_literal: true

require 'minitest/autorun'
require_relative 'loader_process'

# What the specification of Rack 3 asks of a server, whichever Rack is installed.
class TestRack3 < Minitest::Test
  APP = <<~'RUBY'
    # Finds names in any case, and keeps them in lower case, as Rack::Headers does.
    class Headers < Hash
      def []=(name, value)
        super(name.downcase, value)
      end

      def [](name) = super(name.downcase)
    end

    class Both
      def each = yield('iterated')
      def call(stream) = stream.write('called') && stream.close
      def close = puts('both closed')
    end

    class Streaming
      def call(stream)
        # Nothing may be called on a body that is closed.
        raise 'closed before' if @closed

        stream << 'streamed'
        stream.close
      end

      def close
        @closed = true
        puts 'streaming closed'
      end
    end

    STREAM_METHODS = %i[read write << flush close close_read close_write closed?]

    run(lambda do |env|
      type = { 'content-type' => 'text/plain' }
      upgrade = ->(io) { io.write("#{STREAM_METHODS.all? { |name| io.respond_to?(name) }} #{io.gets}") && io.close }
      case env['PATH_INFO']
      when '/env' then [200, type, [env.values_at('rack.protocol', 'SERVER_PROTOCOL').inspect]]
      when '/headers'
        headers = Headers.new
        headers['Content-Type'] = 'text/plain'
        headers['Set-Cookie'] = ['a=1', 'b=2']
        headers['X-Empty'] = ''
        headers['None'] = []
        [200, headers, [headers['CONTENT-TYPE']]]
      when '/own' then [200, type.merge('rack.session.id' => 'secret', 'rack.abcde' => 'secret', 'rack.abcdefgh' => 'secret', 'some.thing' => '1'), ['ok']]
      when '/both' then [200, type, Both.new]
      when '/streaming' then [200, type, Streaming.new]
      when '/stream'
        [200, type, lambda do |stream|
          missing = STREAM_METHODS.reject { |name| stream.respond_to?(name) }
          stream.write(missing.inspect, stream.closed?)
          stream.close_read
          stream.flush
          stream.close
          stream.close
          puts "closed: #{stream.closed?}"
          begin
            stream.write('late')
          rescue IOError => e
            puts "late: #{e.message}"
          end
        end]
      when '/counted' then [200, type.merge('content-length' => '5'), ->(stream) { stream.write('12345') && stream.close }]
      when '/finished'
        env['rack.response_finished'] << lambda do |given, status, headers, error|
          puts "finished #{given.equal?(env)} #{status.inspect} #{headers&.keys.inspect} #{error.inspect}"
        end
        env['rack.response_finished'] << ->(*) { raise 'in a callable' } # The last one is called first.
        case env['QUERY_STRING']
        when 'raise' then raise 'before'
        when 'body' then [200, type, Enumerator.new { |parts| parts << 'x' && raise('in the body') }]
        when 'stream' then [200, type, ->(stream) { stream.close }]
        else [204, {}, []]
        end
      when '/upgrade' then [env['QUERY_STRING'].to_i, { 'rack.protocol' => 'echo', 'x-more' => 'é' }, upgrade]
      when '/upgrade-by-name' then [101, { 'Upgrade' => 'echo', 'Connection' => 'Upgrade', 'rack.protocol' => 'echo' }, upgrade]
      when '/upgrade-parts' then [200, { 'rack.protocol' => 'echo' }, ['no upgrade']]
      when '/upgrade-hijack' then [200, { 'rack.protocol' => 'echo', 'rack.hijack' => upgrade }, []]
      else [404, type, ['no']]
      end
    end)
  RUBY
  OFFER = { 'HTTP_CONNECTION' => 'upgrade', 'HTTP_UPGRADE' => 'chat, echo ,more' }.freeze

  # Both kinds of worker have to.
  { one_thread: 1, threads: 2 }.each do |name, threads|
    %w[headers bodies streams finished protocols upgrades refused_upgrades].each do |what|
      define_method(:"test_#{what}_with_#{name}") do
        @loader = LoaderProcess.new({ 'config.ru' => APP }, { threads: threads })
        send(:"check_#{what}")
        @loader.close
      end
    end
  end

  private

  def get(...)
    @loader.get(...)
  end

  def assert_logged(pattern)
    Timeout.timeout(60) { Thread.pass until @loader.log.match?(pattern) }
  rescue Timeout::Error
    flunk "#{pattern.inspect} is not in\n#{@loader.log}"
  end

  def check_headers
    answer = get('/headers')
    assert_equal [['text/plain'], %w[a=1 b=2]], answer.headers.values_at('content-type', 'set-cookie')
    assert_equal 'text/plain', answer.body
    assert_empty answer.headers['none']
    own = get('/own')
    assert_equal [%w[content-length content-type some.thing], 'ok'], [own.headers.keys.sort, own.body]
  end

  def check_bodies
    connection = @loader.connect
    assert_equal 'iterated', get('/both', connection: connection).body
    assert_equal 'streamed', get('/streaming', connection: connection).body
    # It is closed after its last byte was sent, but before the next request.
    assert_equal 404, get('/', connection: connection).status
    assert_equal 1, @loader.log.scan('streaming closed').size
    head = get('/streaming', connection: connection, method: 'HEAD')
    assert_equal [200, ''], [head.status, head.body]
    assert_equal 404, get('/', connection: connection).status
    assert_equal [1, 2], [@loader.log.scan('both closed').size, @loader.log.scan('streaming closed').size]
  end

  def check_streams
    connection = @loader.connect
    assert_equal '[]false', get('/stream', connection: connection).body
    assert_equal 404, get('/', connection: connection).status
    assert_logged(/closed: true\nlate: closed stream\n/)
    assert_equal '12345', get('/counted').body
  end

  def check_finished
    { '' => 'true 204 [] nil', 'raise' => 'true nil nil #<RuntimeError: before>', 'stream' => 'true 200 ["content-type"] nil' }.each do |query, logged|
      get("/finished?#{query}")
      assert_logged(/^finished #{Regexp.escape(logged)}$/)
    end
    connection = @loader.connect
    @loader.send_request(connection, '/finished?body')
    assert_match(/1\r\nx\r\n\z/, Timeout.timeout(60) { connection.read })
    assert_logged(/^finished true 200 \["content-type"\] #<RuntimeError: in the body>$/)
    assert_logged(/in a callable \(RuntimeError\)/)
    assert_equal 404, get('/').status
  end

  def check_protocols
    assert_equal [%w[chat echo more], 'HTTP/1.1'].inspect, get('/env', fields: OFFER).body
    assert_equal [nil, 'HTTP/1.1'].inspect, get('/env').body
  end

  def check_upgrades
    %w[/upgrade?101 /upgrade?200 /upgrade-by-name /upgrade-hijack].each do |path|
      connection = @loader.connect
      @loader.send_request(connection, path, fields: OFFER)
      answer = @loader.read_response(connection, head_only: true)
      assert_equal [101, ['echo']], [answer.status, answer.headers['upgrade']], path
      assert_equal ['upgrade'], answer.headers['connection'].map(&:downcase), path
      assert_empty answer.headers.keys.grep(/rack|content-length/)
      connection.write("ping\n")
      assert_equal "true ping\n", Timeout.timeout(60) { connection.read }, path
    end
  end

  # The client has not offered it, or the app has no body for it.
  def check_refused_upgrades
    connection = @loader.connect
    @loader.send_request(connection, '/upgrade?200')
    answer = @loader.read_response(connection, head_only: true)
    assert_equal [200, [], ['chunked']], [answer.status, answer.headers['upgrade'], answer.headers['transfer-encoding']]
    assert_equal 200, get('/upgrade-parts').status
    assert_equal 500, get('/upgrade-parts', fields: OFFER).status
  end
end
