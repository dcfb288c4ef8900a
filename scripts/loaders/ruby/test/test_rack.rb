# frozen_string_literal: true

require 'minitest/autorun'
require 'rack'
require_relative 'loader_process'

# Rack::Lint, of the Rack that is installed, between the loader and an app: it raises at whatever either side does wrong.
class TestRack < Minitest::Test
  APP = <<~'RUBY'
    require 'rack/lint'
    require 'uri' # which the linter uses and does not load
    use Rack::Lint
    run(lambda do |env|
      request = Rack::Request.new(env)
      type = { 'content-type' => 'text/plain' }
      case env['PATH_INFO']
      when '/about'
        env['rack.errors'].puts 'written to rack.errors'
        env['rack.errors'].flush
        [200, type, [[request.url, request.host, request.port, request.ip, request.ssl?, request.script_name].inspect]]
      when '/form' then [200, type, [request.params.sort.inspect]]
      when '/upload'
        file = request.params['file']
        [200, type, ["#{file[:filename]} #{file[:tempfile].read.bytesize} #{request.params['more']}"]]
      when '/input'
        input = env['rack.input']
        read = [input.read(2), input.gets, input.read(3, +'')]
        input.rewind
        input.each { |line| read << line }
        read << input.read << input.read(1)
        [200, type, [read.inspect]]
      when '/status' then [request.query_string.to_i, {}, []]
      when '/parts' then [200, type, Enumerator.new { |yielder| 3.times { |number| yielder << "part #{number}," } }]
      when '/file'
        path = "#{__dir__}/config.ru"
        [200, type.merge('content-length' => File.size(path).to_s), Rack::Files.new(__dir__).get(env.merge('PATH_INFO' => '/config.ru'))[2]]
      when '/cookies'
        response = Rack::Response.new('set', 200, type)
        response.set_cookie('a', 'one')
        response.set_cookie('b', value: 'two', path: '/')
        response.finish
      when '/hijack'
        io = env['rack.hijack'].call
        io.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        io.close
        [200, type, []]
      when '/partial'
        [200, type.merge('rack.hijack' => ->(io) { io.write('partial') && io.close }), []]
      when '/session'
        [200, type, [env['rack.multithread'], env['rack.multiprocess'], env['rack.run_once'], env['rack.hijack?']].map(&:inspect)]
      else [404, type, ["none at #{request.path}"]]
      end
    end)
  RUBY

  # Of the sample app's own threads and processes the linter knows nothing, so both kinds of worker are tried.
  { one_thread: 1, threads: 2 }.each do |name, threads|
    define_method(:"test_the_linter_finds_nothing_with_#{name}") do
      @loader = LoaderProcess.new({ 'config.ru' => APP }, { threads: threads })
      use_everything
      refute_match(/Lint|failed/, @loader.log)
      assert_includes @loader.log, 'written to rack.errors'
      @loader.close
    end
  end

  private

  def use_everything
    @connection = @loader.connect
    ask_about_the_request
    ask_with_bodies
    ask_for_kinds_of_answers
    take_connections
  end

  def ask(path, **options)
    @loader.get(path, connection: @connection, **options)
  end

  def ask_about_the_request
    fields = { 'SCRIPT_NAME' => '/shop', 'HTTP_HOST' => 'shop.example:8443', 'SERVER_NAME' => 'shop.example', 'SERVER_PORT' => '8443',
               'HTTPS' => 'on', 'REMOTE_ADDR' => '192.0.2.7', 'HTTP_X_ODD' => "caf\xC3\xA9 \t~", 'HTTP_ACCEPT' => '*/*', 'HTTP_COOKIE' => 'a=1; b=2' }
    expected = ['https://shop.example:8443/shop/about?x=%20', 'shop.example', 8443, '192.0.2.7', true, '/shop']
    assert_equal expected.inspect, ask('/about?x=%20', fields: fields).body
    assert_equal 'none at /%E2%82%AC', ask('/%E2%82%AC').body
    assert_match(/true|false/, ask('/session').body)
  end

  def ask_with_bodies
    form = { 'CONTENT_TYPE' => 'application/x-www-form-urlencoded' }
    assert_equal [['a', '1'], ['b', ' '], ['q', '3']].inspect, ask('/form?q=3', method: 'POST', body: 'a=1&b=+', fields: form).body
    assert_equal [['q', '3']].inspect, ask('/form?q=3', method: 'POST', body: '', fields: form).body
    parts = "--X\r\nContent-Disposition: form-data; name=\"more\"\r\n\r\nyes\r\n--X\r\nContent-Disposition: form-data; name=\"file\"; " \
            "filename=\"big\"\r\n\r\n#{'z' * 300_000}\r\n--X--\r\n"
    multipart = { 'CONTENT_TYPE' => 'multipart/form-data; boundary=X' }
    assert_equal 'big 300000 yes', ask('/upload', method: 'POST', body: parts, fields: multipart).body
    read = ['ab', "c\n", "de\n", "abc\n", "de\n", "f", '', nil].inspect
    %w[POST PUT PATCH DELETE].each { |method| assert_equal read, ask('/input', method: method, body: "abc\nde\nf").body }
    chunked = { 'HTTP_TRANSFER_ENCODING' => 'chunked' }
    assert_equal read, ask('/input', method: 'POST', body: "5\r\nabc\nd\r\n3\r\ne\nf\r\n0\r\n\r\n", fields: chunked).body
  end

  def ask_for_kinds_of_answers
    [200, 201, 204, 301, 304, 404, 500, 503].each do |status|
      assert_equal status, ask("/status?#{status}").status
      assert_equal status, ask("/status?#{status}", method: 'HEAD').status
    end
    assert_equal 'part 0,part 1,part 2,', ask('/parts').body
    assert_equal ['', 200], ask('/parts', method: 'HEAD').to_h.values_at(:body, :status)
    assert_equal APP.bytesize, ask('/file').body.bytesize
    assert_equal ['a=one', 'b=two; path=/'], ask('/cookies').headers['set-cookie']
    %w[GET OPTIONS TRACE].each { |method| assert_equal 404, ask('/none', method: method).status }
  end

  def take_connections
    assert_equal 'ok', @loader.get('/hijack').body
    assert_equal 'partial', @loader.get('/partial').body
    assert_equal 404, ask('/none').status
  end
end
