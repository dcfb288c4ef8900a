# frozen_string_literal: true

require 'digest'
require 'minitest/autorun'
require_relative 'loader_process'

class TestServing < Minitest::Test
  APP = <<~'RUBY'
    require 'digest'
    $go = Queue.new
    puts 'the app prints while it boots'
    at_exit do
      Process.kill(:TERM, Process.pid)
      puts 'at_exit ran'
    end
    PhusionPassenger.on_event(:starting_worker_process) { |forked| puts "starting, forked: #{forked}" }
    PhusionPassenger.on_event(:starting_request_handler_thread) { puts 'the thread starts' }
    PhusionPassenger.on_event(:stopping_worker_process) { puts 'stopping' }
    PhusionPassenger.on_event(:credentials) { raise 'of Phusion Passenger, and never called' }
    PhusionPassenger.on_event(:oob_work) { puts 'working out of band' }
    PhusionPassenger.on_event(:state) { |state| puts "state #{state.inspect}" }

    class Closable
      def initialize(parts, failing: false) = (@parts, @failing = parts, failing)

      def each
        @parts.each { |part| yield part }
        raise 'failed in the body' if @failing
      end

      def close = puts('body closed')
    end

    run(lambda do |env|
      input = env['rack.input']
      type = { 'Content-Type' => 'text/plain' }
      case env['PATH_INFO']
      when '/env' then [200, type, [env.slice(*env['QUERY_STRING'].split(',')).inspect]]
      when '/echo'
        body = input.read
        input.rewind
        [200, type, ["#{Digest::SHA256.hexdigest(body)} #{body.bytesize} #{input.read == body}"]]
      when '/pieces'
        first = input.read(3)
        [200, type, [[first, input.read(2), input.gets, input.read].inspect]]
      when '/unread' then [200, type, ['did not read']]
      when '/parts' then [200, type, Closable.new(%w[a bc] + ['', 'é'])]
      when '/rails' then [200, type, Closable.new(%w[as Rails]).tap { |body| def body.to_ary = nil }]
      when '/short' then [200, type.merge('Content-Length' => '10'), Closable.new(%w[abc])]
      when '/long' then [200, type.merge('Content-Length' => '2'), %w[abc def]]
      when '/utf8' then [200, type.merge('X-Name' => "caf\xE9".b), ['é', "\xFF".b, 'ü']]
      when '/cookies2' then [200, type.merge('Set-Cookie' => "a=1\nb=2"), ['']]
      when '/cookies3' then [200, type.merge('set-cookie' => %w[a=1 b=2]), ['']]
      when '/status' then [env['QUERY_STRING'].to_i, type, ['a body']]
      when '/big' then [200, type, ['x' * 5_000_000]]
      when '/raise' then raise 'the app failed'
      when '/notimplemented' then raise NotImplementedError, 'a ScriptError'
      when '/halfway' then [200, type, Closable.new(%w[abc], failing: true)]
      when '/endless' then [200, type, Closable.new(Enumerator.new { |y| loop { y << 'x' * 10_000 } })]
      when '/slow' then sleep(1.2) && [200, type, ['slept']]
      when '/spawn'
        [200, type, [`ls -l /proc/self/fd`]]
      when '/hijack'
        io = env['rack.hijack'].call
        io.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhijacked")
        io.close
        [-1, {}, []]
      when '/partial'
        [200, type.merge('rack.hijack' => ->(io) { io.write('partial') && io.close }), []]
      when '/streaming' then [200, type, ->(stream) { stream << 'str' && stream.write('eam', 'ed', '') && stream.close }]
      when '/streamed-echo' then [200, type, ->(stream) { stream.write(stream.read.reverse) && stream.close }]
      when '/streamed-later'
        [200, type, lambda do |stream|
          Thread.new do
            stream.write('first')
            $go.pop
            stream.write('later') && stream.close
          end
        end]
      when '/go' then ($go << 1) && [200, type, ['gone']]
      when '/streamed-halfway' then [200, type, ->(stream) { stream.write('abc') && raise('failed in the stream') }]
      when '/hints'
        env['rack.early_hints'].call('link' => "</a.css>; rel=preload\n</b.js>; rel=preload")
        raise 'failed after the hints' if env['QUERY_STRING'] == 'fail'
        [200, type, ['hinted']]
      when '/finished'
        env['rack.response_finished'] << ->(*) { puts 'first registered' }
        env['rack.response_finished'] << ->(_, status, _, error) { puts "finished #{status.inspect} #{error.inspect}" }
        raise 'unfinished' if env['QUERY_STRING'] == 'fail'
        [201, type, ['ok']]
      when '/upgrade' # the partial hijack of Rack 2
        names = env.values_at('HTTP_CONNECTION', 'HTTP_UPGRADE')
        upgrade = { 'Connection' => 'Upgrade', 'Upgrade' => 'echo' }
        [101, upgrade.merge('rack.hijack' => ->(io) { Thread.new { io.write("#{names} #{io.readpartial(100)}") && io.close } }), []]
      when '/upgrade3' # the streaming body of Rack 3
        [101, { 'connection' => 'upgrade', 'upgrade' => 'echo', 'rack.protocol' => 'echo' }, ->(io) { io.write(io.readpartial(100)) && io.close }]
      when '/socket' # as Action Cable and Faye do it
        env['rack.hijack'].call
        io = env['rack.hijack_io']
        Thread.new do
          io.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
          io.write(io.readpartial(100)) until $go.size.positive?
          io.close
        end
        [-1, {}, []]
      when '/hijack-and-read'
        io = env['rack.hijack'].call
        Thread.new do
          text = input.read
          io.write("HTTP/1.1 200 OK\r\nContent-Length: #{text.bytesize}\r\n\r\n#{text}") && io.close
        end
        [-1, {}, []]
      when '/close' then [200, type.merge('Connection' => 'close'), ['bye']]
      else [404, type, ['no']]
      end
    end)
  RUBY

  def setup
    @loader = LoaderProcess.new('config.ru' => APP)
  end

  def teardown
    @loader.close
  end

  def get(...)
    @loader.get(...)
  end

  def assert_closed(connection)
    assert_nil Timeout.timeout(60) { connection.read(1) }
  end

  def test_the_handshake_tells_every_step_and_then_that_the_worker_is_ready
    steps = @loader.handshake.select { |line| line['type'] == 'step' }.map { |line| line.values_at('step', 'state') }
    names = %w[start_interpreter load_libraries load_app start_serving]
    assert_equal(names.flat_map { |name| [[name, 'begin'], [name, 'end']] }, steps)
    assert_equal({ 'version' => 1, 'type' => 'ready', 'protocol' => 'session', 'concurrency' => 1 }, @loader.handshake.last)
    get('/')
    assert_equal "the app prints while it boots\nstarting, forked: false\nthe thread starts\n", @loader.log
  end

  def test_a_connection_is_kept_for_further_requests
    connection = @loader.connect
    3.times do
      response = get('/env?REQUEST_METHOD,rack.url_scheme', connection: connection)
      assert_equal({ 'REQUEST_METHOD' => 'GET', 'rack.url_scheme' => 'http' }.inspect, response.body)
      assert_equal [response.body.bytesize.to_s], response.headers['content-length']
      assert_empty response.headers['connection']
    end
  end

  def test_out_of_band_work_is_done_when_the_server_says_so_and_not_a_client
    assert_equal 404, get('/', fields: { 'HTTP_PASSENGER_TASK' => 'oob_work' }).status
    refute_match(/out of band/, @loader.log)
    assert_equal 204, get('/', fields: { 'PASSENGER_TASK' => 'oob_work' }).status
    assert_match(/working out of band/, @loader.log)
    assert_equal 204, get('/', fields: { 'PASSENGER_TASK' => 'state standby' }).status
    assert_equal 204, get('/', fields: { 'PASSENGER_TASK' => 'state standby' }).status
    assert_equal 1, @loader.log.scan(/^state :standby$/).size
    assert_equal 404, get('/').status
  end

  def test_a_body_whose_to_ary_gives_nil_is_sent_part_by_part
    connection = @loader.connect
    response = get('/rails', connection: connection)
    assert_equal 'asRails', response.body
    assert_equal ['chunked'], response.headers['transfer-encoding']
    assert_empty get('/rails', connection: connection, method: 'HEAD').headers['content-length']
    assert_equal 404, get('/', connection: connection).status
  end

  def test_two_connections_share_one_worker
    first = @loader.connect
    second = @loader.connect
    3.times do
      assert_equal 404, get('/', connection: first).status
      assert_equal 404, get('/', connection: second).status
    end
    [first, second].each { |connection| @loader.send_request(connection, '/slow') }
    [second, first].each { |connection| assert_equal 'slept', @loader.read_response(connection).body }
  end

  def test_what_was_taken_back_while_another_took_long_is_not_run
    slow, kept, withdrawn = Array.new(3) { @loader.connect }
    [kept, withdrawn].each { |connection| assert_equal 404, get('/', connection: connection).status }
    @loader.send_request(slow, '/slow')
    sleep 0.3
    late = @loader.connect
    [withdrawn, late].each do |connection|
      @loader.send_request(connection, '/raise')
      connection.close
    end
    @loader.send_request(kept, '/')
    assert_equal 'slept', @loader.read_response(slow).body
    assert_equal 404, @loader.read_response(kept).status
    assert_equal 404, get('/').status
    refute_match(/the app failed/, @loader.log)
  end

  def test_a_head_may_come_in_pieces
    connection = @loader.connect
    head = "REQUEST_METHOD\0GET\0PATH_INFO\0/env\0QUERY_STRING\0HTTP_X,HTTP_EMPTY\0HTTP_EMPTY\0\0HTTP_X\0#{'y' * 100_000}\0"
    message = [head.bytesize].pack('N') + head
    [message[0, 2], message[2, 50], message[52..-1]].each { |piece| connection.write(piece) }
    assert_equal({ 'HTTP_X' => 'y' * 100_000, 'HTTP_EMPTY' => '' }.inspect, @loader.read_response(connection).body)
  end

  def test_a_head_over_the_limit_ends_the_connection
    connection = @loader.connect
    connection.write([300_000].pack('N'))
    assert_closed connection
    assert_equal 404, get('/').status
  end

  def test_bodies_of_all_sizes_arrive_whole_and_can_be_rewound
    connection = @loader.connect
    [0, 1, 20_000, 131_072, 131_073, 1_048_576].each do |size|
      body = Random.new(size).bytes(size)
      response = get('/echo', connection: connection, method: 'POST', body: body)
      assert_equal "#{Digest::SHA256.hexdigest(body)} #{size} true", response.body
    end
  end

  def test_chunked_bodies_arrive_whole
    connection = @loader.connect
    body = Random.new(7).bytes(1_000_003)
    chunks = body.scan(/.{1,70000}/mn).map { |chunk| "#{chunk.bytesize.to_s(16)};ext=1\r\n#{chunk}\r\n" }.join
    fields = { 'HTTP_TRANSFER_ENCODING' => 'chunked' }
    2.times do
      response = get('/echo', connection: connection, method: 'POST', body: "#{chunks}0\r\nX-Trailer: 1\r\n\r\n", fields: fields)
      assert_equal "#{Digest::SHA256.hexdigest(body)} #{body.bytesize} true", response.body
    end
    assert_equal 404, get('/', connection: connection).status
  end

  def test_input_is_read_in_pieces_while_it_arrives
    connection = @loader.connect
    @loader.send_request(connection, '/pieces', method: 'POST', fields: { 'CONTENT_LENGTH' => '16' })
    ['ab', "cde\nfgh", "\nijklm\n"].each { |piece| connection.write(piece) }
    assert_equal ['abc', 'de', "\n", "fgh\nijklm\n"].inspect, @loader.read_response(connection).body
  end

  def test_a_small_unread_body_does_not_cost_the_connection
    connection = @loader.connect
    2.times do
      response = get('/unread', connection: connection, method: 'POST', body: 'z' * 50_000)
      assert_equal ['did not read', []], [response.body, response.headers['connection']]
    end
  end

  def test_after_a_big_unread_body_the_whole_response_arrives_and_the_connection_ends
    connection = @loader.connect
    writer = Thread.new do
      @loader.send_request(connection, '/unread', method: 'POST', body: 'z' * 1_048_576)
    rescue Errno::EPIPE, Errno::ECONNRESET
      flunk 'the connection was reset instead of ended'
    end
    response = @loader.read_response(connection)
    assert_equal ['did not read', ['close']], [response.body, response.headers['connection']]
    assert_closed connection
    writer.join(5)
    connection.close
    assert_equal 404, get('/').status
  end

  def test_a_body_of_parts_is_chunked_and_closed
    connection = @loader.connect
    response = get('/parts', connection: connection)
    assert_equal ['abcé'.b, ['chunked']], [response.body.b, response.headers['transfer-encoding']]
    assert_equal 404, get('/', connection: connection).status
    assert_includes @loader.log, 'body closed'
  end

  def test_a_body_shorter_than_its_content_length_ends_the_connection
    connection = @loader.connect
    assert_equal 'abc', get('/short', connection: connection).body
  end

  def test_a_body_longer_than_its_content_length_is_cut
    connection = @loader.connect
    2.times { assert_equal 'ab', get('/long', connection: connection).body }
  end

  def test_parts_in_different_encodings_make_one_body
    response = get('/utf8')
    assert_equal "é\xFFü".b, response.body.b
    assert_equal "caf\xE9".b, response.headers['x-name'][0].b
  end

  def test_several_values_of_a_header_are_several_lines_in_both_versions_of_rack
    %w[/cookies2 /cookies3].each { |path| assert_equal %w[a=1 b=2], get(path).headers['set-cookie'] }
  end

  def test_head_and_bodyless_statuses_have_no_body
    connection = @loader.connect
    head = get('/parts', connection: connection, method: 'HEAD')
    assert_equal [200, []], [head.status, head.headers['transfer-encoding']]
    assert_equal ['6'], get('/status?200', connection: connection, method: 'HEAD').headers['content-length']
    [204, 304].each do |status|
      response = get("/status?#{status}", connection: connection)
      assert_equal [status, []], [response.status, response.headers['content-length']]
    end
    assert_equal 'a body', get('/status?599', connection: connection).body
  end

  def test_a_response_larger_than_the_socket_buffer_arrives_whole
    connection = @loader.connect
    assert_equal 5_000_000, get('/big', connection: connection).body.bytesize
    assert_equal 404, get('/', connection: connection).status
  end

  def test_an_exception_of_the_app_is_a_500_and_the_connection_is_kept
    connection = @loader.connect
    assert_equal 500, get('/raise', connection: connection).status
    assert_equal 500, get('/notimplemented', connection: connection).status
    assert_equal 404, get('/', connection: connection).status
    assert_match(%r{passenger: GET /raise failed: .*the app failed \(RuntimeError\)}, @loader.log)
  end

  def test_an_exception_in_the_middle_of_a_response_ends_the_connection
    connection = @loader.connect
    @loader.send_request(connection, '/halfway')
    assert_match(/3\r\nabc\r\n\z/, Timeout.timeout(60) { connection.read })
    assert_includes @loader.log, 'failed in the body'
    assert_includes @loader.log, 'body closed'
  end

  def test_a_gateway_that_goes_away_ends_an_endless_response
    connection = @loader.connect
    @loader.send_request(connection, '/endless')
    connection.readpartial(100)
    connection.close
    assert_equal 404, get('/').status
    assert_includes @loader.log, 'body closed'
  end

  def test_a_gateway_that_goes_away_in_the_middle_of_a_body_is_not_an_error_of_the_app
    connection = @loader.connect
    @loader.send_request(connection, '/echo', method: 'POST', body: 'abc', fields: { 'CONTENT_LENGTH' => '1000' })
    connection.close
    assert_equal 404, get('/').status
    refute_includes @loader.log, 'failed'
  end

  def test_an_app_may_take_the_connection_over
    connection = @loader.connect
    assert_equal 'hijacked', get('/hijack', connection: connection).body
    assert_closed connection
    response = get('/partial')
    assert_equal ['partial', ['close']], [response.body, response.headers['connection']]
  end

  def test_a_hijacker_may_read_the_request_body_while_the_worker_answers_others
    connection = @loader.connect
    @loader.send_request(connection, '/hijack-and-read', method: 'POST', body: 'abc', fields: { 'CONTENT_LENGTH' => '6' })
    assert_equal 404, get('/').status
    connection.write('def')
    assert_equal 'abcdef', @loader.read_response(connection).body
  end

  def test_a_streaming_body_is_chunked_and_keeps_the_connection
    connection = @loader.connect
    2.times do
      response = get('/streaming', connection: connection)
      assert_equal ['streamed', ['chunked'], []],
                   [response.body, response.headers['transfer-encoding'], response.headers['connection']]
    end
    assert_equal 'cba', get('/streamed-echo', connection: connection, method: 'POST', body: 'abc').body
  end

  def test_a_streaming_body_may_go_on_in_a_thread_and_the_connection_comes_back
    connection = @loader.connect
    @loader.send_request(connection, '/streamed-later')
    4.times { connection.gets("\r\n") }
    assert_equal "5\r\n", connection.gets("\r\n")
    assert_equal 'gone', get('/go').body
    rest = "first\r\n5\r\nlater\r\n0\r\n\r\n"
    assert_equal rest, Timeout.timeout(60) { connection.read(rest.bytesize) }
    assert_equal 404, get('/', connection: connection).status
  end

  def test_a_streaming_body_that_fails_is_seen_as_cut_short
    connection = @loader.connect
    @loader.send_request(connection, '/streamed-halfway')
    assert_match(/3\r\nabc\r\n\z/, Timeout.timeout(60) { connection.read })
    assert_equal 404, get('/').status
  end

  def test_an_upgrade_gives_the_connection_to_the_app
    fields = { 'HTTP_CONNECTION' => 'upgrade', 'HTTP_UPGRADE' => 'echo' }
    { '/upgrade' => '["upgrade", "echo"] ping', '/upgrade3' => 'ping' }.each do |path, answer|
      connection = @loader.connect
      @loader.send_request(connection, path, fields: fields)
      response = @loader.read_response(connection, head_only: true)
      assert_equal [101, ['echo']], [response.status, response.headers['upgrade']]
      assert_equal 'upgrade', response.headers['connection'].join.downcase
      assert_empty response.headers['rack.protocol']
      connection.write('ping')
      assert_equal answer, Timeout.timeout(60) { connection.read }
    end
  end

  def test_a_socket_taken_over_lives_beside_other_requests
    connection = @loader.connect
    @loader.send_request(connection, '/socket', fields: { 'HTTP_CONNECTION' => 'upgrade', 'HTTP_UPGRADE' => 'websocket' })
    assert_equal 101, @loader.read_response(connection, head_only: true).status
    %w[one two].each do |message|
      assert_equal 404, get('/').status
      connection.write(message)
      assert_equal message, Timeout.timeout(60) { connection.readpartial(100) }
    end
    assert_equal 'gone', get('/go').body
    connection.write('last')
    assert_equal 'last', Timeout.timeout(60) { connection.read }
  end

  def test_a_status_that_cannot_end_a_request_is_an_error
    connection = @loader.connect
    [100, 101, 103].each { |status| assert_equal 500, get("/status?#{status}", connection: connection).status }
  end

  def test_early_hints_leave_before_the_response
    connection = @loader.connect
    @loader.send_request(connection, '/hints')
    hints = @loader.read_response(connection, head_only: true)
    assert_equal [103, ['</a.css>; rel=preload', '</b.js>; rel=preload']], [hints.status, hints.headers['link']]
    assert_equal 'hinted', @loader.read_response(connection).body
    assert_equal 103, get('/hints?fail', connection: connection, method: 'HEAD').status
    assert_equal 500, @loader.read_response(connection, head_only: true).status
    assert_equal 404, get('/', connection: connection).status
  end

  def test_the_app_is_told_that_its_response_is_finished
    get('/finished')
    get('/finished?fail')
    get('/')
    assert_match(/finished 201 nil\nfirst registered\n.*finished nil #<RuntimeError: unfinished>\nfirst registered\n/m, @loader.log)
  end

  def test_an_app_may_ask_for_the_connection_to_end
    connection = @loader.connect
    assert_equal ['close'], get('/close', connection: connection).headers['connection']
    assert_closed connection
  end

  def test_subprocesses_of_the_app_inherit_no_sockets
    refute_match(/socket:/, get('/spawn').body)
  end

  def test_term_lets_the_current_request_finish_and_runs_exit_hooks
    busy = @loader.connect
    waiting = @loader.connect
    idle = @loader.connect
    get('/', connection: idle)
    @loader.send_request(busy, '/slow')
    @loader.send_request(waiting, '/status?200')
    Process.kill(:TERM, @loader.pid)
    assert_equal ['slept', 'a body'], [busy, waiting].map { |connection| @loader.read_response(connection).body }
    assert_closed idle
    assert_equal 0, @loader.wait.exitstatus
    assert @loader.log.end_with?("stopping\nat_exit ran\n"), @loader.log
  end

  def test_term_ends_an_idle_worker
    connection = @loader.connect
    Process.kill(:TERM, @loader.pid)
    assert_equal 0, @loader.wait.exitstatus
    assert_closed connection
  end
end
