# frozen_string_literal: true

require 'minitest/autorun'
require_relative 'loader_process'

# A worker that serves several requests at a time.
class TestThreads < Minitest::Test
  THREADS = 3
  APP = <<~'RUBY'
    $gate = Queue.new
    trap(:USR1) { $gate << 'usr1' }
    PhusionPassenger.on_event(:starting_request_handler_thread) { puts 'a thread starts' }
    at_exit { puts 'at_exit ran' }
    run(lambda do |env|
      type = { 'content-type' => 'text/plain' }
      case env['PATH_INFO']
      when '/env' then [200, type, [env['rack.multithread'].inspect]]
      when '/thread' then [200, type, [Thread.current.name]]
      when '/wait' # until somebody opens the gate
        puts 'waiting'
        [200, type, ["let in: #{$gate.pop}"]]
      when '/open' then $gate << env['QUERY_STRING'] and [200, type, ['opened']]
      when '/echo' then [200, type, [env['rack.input'].read]]
      when '/unread' then [200, type, ['did not read']]
      when '/stubborn'
        begin
          sleep
        rescue StandardError
          [200, type, ['rescued']]
        ensure
          puts 'ensured'
        end
      when '/exit' then exit 3
      when '/streamed'
        [200, type, ->(stream) { Thread.new { stream.write($gate.pop) && stream.close } }]
      when '/hijack'
        io = env['rack.hijack'].call
        Thread.new { io.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") && io.close }
        [-1, {}, []]
      else [200, type, ['hello']]
      end
    end)
  RUBY

  def start(**plan)
    @loader = LoaderProcess.new({ 'config.ru' => APP }, { threads: THREADS }.merge(plan))
  end

  def teardown
    @loader.close
  end

  def get(...)
    @loader.get(...).body
  end

  def send_request(path)
    @loader.connect.tap { |connection| @loader.send_request(connection, path) }
  end

  def read(connection)
    @loader.read_response(connection).body
  end

  # Requests to /wait that the app has begun.
  def wait_for(count, text = "waiting\n")
    Timeout.timeout(60) { Thread.pass until @loader.log.scan(text).size >= count }
  end

  def assert_closed(connection)
    assert_nil Timeout.timeout(60) { connection.read(1) }
  end

  def test_the_handshake_and_the_environment_tell_of_threads
    start
    assert_equal THREADS, @loader.handshake.last['concurrency']
    assert_equal 'true', get('/env')
    wait_for(THREADS, 'a thread starts')
  end

  def test_as_many_requests_as_threads_run_at_once_and_one_more_waits_for_its_turn
    start
    waiting = Array.new(THREADS) { send_request('/wait') }
    wait_for(THREADS)
    last = send_request('/')
    assert_nil last.wait_readable(0.05)
    Process.kill(:USR1, @loader.pid)
    assert_equal 'hello', read(last)
    assert_equal 1, waiting.count { |one| one.wait_readable(0) }
  end

  def test_a_connection_stays_with_its_thread_and_another_thread_takes_what_comes_beside
    start
    connection = @loader.connect
    name = get('/thread', connection: connection)
    assert_match(/\Arequest \d\z/, name)
    3.times { assert_equal name, get('/thread', connection: connection) }
    blocked = send_request('/wait')
    wait_for(1)
    3.times { assert_equal 'hello', get('/', connection: connection) }
    get('/open?now')
    assert_equal 'let in: now', read(blocked)
  end

  def test_more_connections_than_threads_are_all_served_in_any_order
    start
    connections = Array.new(THREADS * 4) { @loader.connect }
    random = Random.new(1)
    200.times do |round|
      chosen = connections.sample(THREADS, random: random)
      chosen.each { |one| @loader.send_request(one, '/echo', method: 'POST', body: "#{round} #{one.fileno}") }
      chosen.reverse_each { |one| assert_equal "#{round} #{one.fileno}", read(one) }
    end
  end

  def test_clients_that_ask_at_the_same_time_get_their_own_answers
    start
    clients = Array.new(THREADS + 2) do |client|
      Thread.new do
        connections = Array.new(2) { @loader.connect }
        Array.new(150) do |round|
          body = "#{client} #{round} " * 300
          get('/echo', connection: connections[round % 2], method: 'POST', body: body) == body
        end.all?
      end
    end
    assert_equal [true], clients.map { |client| client.join(120)&.value }.uniq
  end

  def test_a_big_unread_body_a_hijack_and_a_stream_leave_the_threads_free
    start
    unread = @loader.connect
    @loader.send_request(unread, '/unread', method: 'POST', fields: { 'CONTENT_LENGTH' => '1000000' })
    assert_equal 'did not read', read(unread)
    assert_closed unread
    assert_equal 'ok', get('/hijack')
    stream = send_request('/streamed')
    4.times { stream.gets("\r\n") }
    Array.new(THREADS) { send_request('/wait') }
    wait_for(THREADS)
  end

  def test_a_stream_that_ends_later_gives_its_connection_back
    start
    connection = send_request('/streamed')
    4.times { connection.gets("\r\n") }
    get('/open?later')
    rest = "5\r\nlater\r\n0\r\n\r\n"
    assert_equal rest, Timeout.timeout(60) { connection.read(rest.bytesize) }
    3.times { assert_equal 'hello', get('/', connection: connection) }
  end

  def test_a_request_over_its_time_is_aborted_and_the_others_go_on
    start(abort_after_ms: 2000)
    get('/') # A thread that is free of it gets no exception of an earlier request.
    stuck = send_request('/stubborn')
    50.times { assert_equal 'hello', get('/') }
    assert_closed stuck
    assert_match(%r{ensured\npassenger: GET /stubborn failed: .*it took longer than max_request_time}, @loader.log)
    20.times { assert_equal 'hello', get('/') }
    assert_equal 1, @loader.log.scan('max_request_time').size
    Process.kill(:TERM, @loader.pid)
    assert_equal 0, @loader.wait.exitstatus
  end

  def test_term_lets_all_requests_finish_and_those_already_sent
    start
    idle = @loader.connect
    get('/', connection: idle)
    busy = Array.new(THREADS) { send_request('/wait') }
    wait_for(THREADS)
    sent = Array.new(2) { send_request('/') }
    Process.kill(:TERM, @loader.pid)
    sleep 1 # Of two signals that are pending at once Ruby takes the one of the lower number first.
    Process.kill(:USR1, @loader.pid)
    answers = sent.map { |one| @loader.read_response(one) }
    assert_equal [['hello', ['close']]] * 2, answers.map { |one| [one.body, one.headers['connection']] }
    (THREADS - 1).times do |count|
      assert_equal count + 1, busy.count { |one| one.wait_readable(0) }
      Process.kill(:USR1, @loader.pid)
      Timeout.timeout(60) { Thread.pass until busy.count { |one| one.wait_readable(0) } == count + 2 }
    end
    assert_equal ['let in: usr1'] * THREADS, busy.map { |one| read(one) }
    assert_closed idle
    assert_equal 0, @loader.wait.exitstatus
    assert @loader.log.end_with?("at_exit ran\n"), @loader.log
  end

  def test_exit_in_a_thread_ends_the_worker
    start
    send_request('/exit')
    assert_equal 3, @loader.wait.exitstatus
    assert_includes @loader.log, 'at_exit ran'
  end
end
