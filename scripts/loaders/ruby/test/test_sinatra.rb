# frozen_string_literal: true

require 'minitest/autorun'
require_relative 'loader_process'

# A Sinatra app, with one thread and with several.
class TestSinatra < Minitest::Test
  APP = <<~'RUBY'
    require 'sinatra/base'

    class Shop < Sinatra::Base
      enable :sessions
      set :session_secret, 'x' * 64
      set :environment, :production
      set :host_authorization, {}

      get('/hello/:name') { |name| "hello #{name} at #{request.url}" }
      post('/form') { params.to_a.sort.inspect }
      put('/upload') { request.body.read.bytesize.to_s }
      get('/count') { (session[:count] = session.fetch(:count, 0) + 1).to_s }
      get('/stream') { stream { |out| 3.times { |number| out << "part #{number}," } } }
      get('/moved') { redirect '/hello/you', 303 }
      get('/file') { send_file "#{__dir__}/config.ru", type: 'text/plain' }
      get('/fail') { raise 'the app failed' }
      error { 'mended' }
    end

    run Shop
  RUBY

  [1, 3].each do |threads|
    define_method(:"test_it_is_served_with_#{threads}_threads") do
      @loader = LoaderProcess.new({ 'config.ru' => APP }, { threads: threads })
      @connection = @loader.connect
      use_everything
      assert_match(/the app failed/, @loader.log)
      Process.kill(:TERM, @loader.pid)
      assert_equal 0, @loader.wait.exitstatus
    ensure
      @loader.close
    end
  end

  private

  def ask(path, **options)
    @loader.get(path, connection: @connection, **options)
  end

  def use_everything
    assert_equal 'hello you & me at https://shop.example/hello/you%20&%20me?x=1',
                 ask('/hello/you%20&%20me?x=1', fields: { 'HTTP_HOST' => 'shop.example', 'HTTPS' => 'on', 'SERVER_PORT' => '443' }).body
    form = { 'CONTENT_TYPE' => 'application/x-www-form-urlencoded' }
    assert_equal [%w[a 1], %w[b ü]].inspect, ask('/form', method: 'POST', body: 'a=1&b=%C3%BC', fields: form).body.force_encoding('UTF-8')
    assert_equal '300000', ask('/upload', method: 'PUT', body: 'z' * 300_000).body
    count_in_a_session
    assert_equal 'part 0,part 1,part 2,', ask('/stream').body
    assert_equal ['', 200], ask('/stream', method: 'HEAD').to_h.values_at(:body, :status)
    moved = ask('/moved')
    assert_equal [303, 'http://localhost/hello/you'], [moved.status, moved.headers['location'][0]]
    assert_equal APP.bytesize, ask('/file').body.bytesize
    assert_equal [500, 'mended'], ask('/fail').to_h.values_at(:status, :body)
    assert_equal 404, ask('/none').status
  end

  def count_in_a_session
    cookie = nil
    %w[1 2 3].each do |count|
      response = ask('/count', fields: cookie ? { 'HTTP_COOKIE' => cookie } : {})
      cookie = response.headers['set-cookie'][0][/\A[^;]+/]
      assert_equal count, response.body
    end
  end
end
