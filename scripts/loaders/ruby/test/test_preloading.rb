# frozen_string_literal: true

require 'minitest/autorun'
require_relative 'preloader_process'

class TestPreloading < Minitest::Test
  APP = <<~'RUBY'
    require 'securerandom'
    LOADED = Process.pid
    ORDER = []
    PhusionPassenger.on_event(:starting_worker_process) { |forked| ORDER << "started #{forked} in #{Process.pid}" }
    PhusionPassenger.on_event(:stopping_worker_process) { puts 'stopping' }
    at_exit { puts "exit hooks of #{Process.pid}" }
    ROUTES = {
      '/loaded' => -> { "#{LOADED} #{Process.pid}" },
      '/order' => -> { ORDER.join(',') },
      '/random' => -> { [rand(1 << 60), Random.rand(1 << 60), SecureRandom.hex].join(' ') },
      '/fds' => -> { Dir.children('/proc/self/fd').sort_by(&:to_i).map { |fd| "#{fd} #{File.readlink("/proc/self/fd/#{fd}") rescue nil}" }.join("\n") },
      '/group' => -> { "#{Process.getpgrp} #{Process.ppid}" },
      '/say' => -> { puts 'said'; warn 'warned'; 'ok' },
      '/title' => -> { File.read('/proc/self/cmdline').delete("\0") }
    }
    rand
    run ->(env) { [200, { 'content-type' => 'text/plain' }, [ROUTES.fetch(env['PATH_INFO']).call]] }
  RUBY

  def preload(files = { 'config.ru' => APP }, plan = {})
    @preloader = PreloaderProcess.new(files, plan)
  end

  def teardown
    @preloader&.close
  end

  def steps(lines)
    lines.select { |line| line['state'] == 'begin' }.map { |line| line['step'] }
  end

  def test_the_app_is_loaded_once_and_each_worker_is_a_child_of_the_supervisor
    preload
    assert_equal %w[start_interpreter load_libraries load_app prepare_fork], steps(@preloader.handshake)
    assert_equal 'preloaded', @preloader.handshake.last['type']
    workers = Array.new(3) { @preloader.fork_worker }
    workers.each do |worker|
      assert_equal %w[start_serving], steps(worker.handshake_lines)
      assert_equal %w[ready session], worker.handshake_lines.last.values_at('type', 'protocol')
      assert_equal "#{@preloader.pid} #{worker.pid}", @preloader.ask(worker, '/loaded').body
      assert_equal "started true in #{worker.pid}", @preloader.ask(worker, '/order').body
      assert_equal "#{worker.pid} #{Process.pid}", @preloader.ask(worker, '/group').body
      assert_equal 'passenger ruby worker: test', @preloader.ask(worker, '/title').body
    end
    assert_match(/\Apassenger ruby preloader: test/, File.read("/proc/#{@preloader.pid}/cmdline"))
  end

  def test_random_numbers_differ_between_workers
    preload
    numbers = Array.new(3) { @preloader.ask(@preloader.fork_worker, '/random').body.split }
    assert_equal 9, numbers.flatten.uniq.size, numbers.inspect
  end

  def test_a_worker_writes_to_its_own_output
    preload
    worker = @preloader.fork_worker
    @preloader.ask(worker, '/say')
    assert_equal "said\nwarned\n", File.read(worker.log_path)
    assert_equal '', @preloader.log
  end

  def test_a_worker_keeps_no_descriptor_of_the_preloader_nor_of_its_sisters
    preload
    @preloader.fork_worker
    worker = @preloader.fork_worker
    kinds = @preloader.ask(worker, '/fds').body.lines.select { |line| line.to_i < 50 }.map { |line| line.split[1].to_s[/\A[a-z_]+|\A.*/] }
    # Listener and this connection; the owner pipe and both ends of the one that wakes it.
    assert_equal 2, kinds.count('socket'), kinds.inspect
    assert_equal 3, kinds.count('pipe'), kinds.inspect
    assert_empty(Dir.children("/proc/#{@preloader.pid}/fd").map { |fd| File.readlink("/proc/#{@preloader.pid}/fd/#{fd}") }.grep(/w\d\.log/))
  end

  def test_a_dead_worker_refuses_connections
    preload
    worker = @preloader.fork_worker
    Process.kill(:KILL, worker.pid)
    @preloader.wait_for(worker)
    assert_raises(Errno::ECONNREFUSED) { @preloader.connect_to(worker) }
  end

  def test_the_stop_signal_ends_a_worker_with_its_hooks_and_not_the_preloader
    preload
    worker = @preloader.fork_worker
    Process.kill(:TERM, worker.pid)
    assert_equal 0, @preloader.wait_for(worker).exitstatus
    assert_equal "stopping\nexit hooks of #{worker.pid}\n", File.read(worker.log_path)
    assert @preloader.ask(@preloader.fork_worker, '/loaded')
  end

  def test_a_preloader_ends_without_hooks_by_the_stop_signal_and_with_its_control_socket
    preload
    @preloader.fork_worker
    Process.kill(:TERM, @preloader.pid)
    assert_equal 0, @preloader.wait.exitstatus
    assert_equal '', @preloader.log
    @preloader.close
    preload
    @preloader.handshake
    @preloader.hang_up
    assert_equal 0, @preloader.wait.exitstatus
  end

  def test_workers_outlive_their_preloader
    preload
    worker = @preloader.fork_worker
    Process.kill(:KILL, @preloader.pid)
    @preloader.wait
    assert_equal 200, @preloader.ask(worker, '/loaded').status
  end

  def test_a_worker_ends_with_the_owner_pipe
    preload
    worker = @preloader.fork_worker
    @preloader.owner.close
    assert_equal 1, @preloader.wait_for(worker).exitstatus
    # No hooks: whoever would want to know of them is gone.
    assert_equal '', File.read(worker.log_path)
  end

  THREADS = <<~'RUBY'
    PLACES = []
    PhusionPassenger.on_event(:starting_worker_process) { PLACES << Thread.current }
    PhusionPassenger.on_event(:starting_request_handler_thread) { PLACES << Thread.current }
    PhusionPassenger.on_event(:stopping_worker_process) { puts "stopping where it started: #{PLACES.uniq == [Thread.current]}" }
    at_exit { puts 'exit hooks' }
    run(lambda do |env|
      exit 3 if env['PATH_INFO'] == '/exit'
      PLACES << Thread.current
      [200, {}, ["#{PLACES.uniq.size} #{Thread.main == Thread.current}"]]
    end)
  RUBY

  def test_all_that_a_worker_does_is_done_in_one_thread
    preload('config.ru' => THREADS)
    worker = @preloader.fork_worker
    assert_equal '1 false', @preloader.ask(worker, '/').body
    Process.kill(:TERM, worker.pid)
    assert_equal 0, @preloader.wait_for(worker).exitstatus
    assert_equal "stopping where it started: true\nexit hooks\n", File.read(worker.log_path)
  end

  def test_an_app_that_exits_ends_its_worker_with_that_status
    preload('config.ru' => THREADS)
    worker = @preloader.fork_worker
    @preloader.send_request(@preloader.connect_to(worker), '/exit')
    assert_equal 3, @preloader.wait_for(worker).exitstatus
    assert_equal "exit hooks\n", File.read(worker.log_path)
  end

  # What loading leaves free is between what it keeps.
  HOLES = <<~'RUBY'
    LOADED = Array.new(40_000) { |index| String.new("#{index} ", capacity: 500) }
    LOADED.select!.with_index { |_, index| index.even? }
    ALLOCATED = []
    def written_kib = File.read('/proc/self/smaps')[/\[heap\]\n.*?^Private_Dirty: +(\d+)/m, 1].to_i
    run(lambda do |_|
      before = written_kib
      ALLOCATED.replace(Array.new(15_000) { String.new('', capacity: 500) })
      [200, {}, [(written_kib - before).to_s]]
    end)
  RUBY

  def test_what_a_worker_allocates_does_not_unshare_what_was_loaded
    preload('config.ru' => HOLES)
    worker = @preloader.fork_worker
    assert_operator @preloader.ask(worker, '/').body.to_i, :<, 2_000
  end

  def test_an_app_may_refuse
    preload('config.ru' => "PhusionPassenger.refuse_preloading('one process only')\nrun ->(env) { [200, {}, []] }")
    assert_equal ['unsuitable', 'one process only'], @preloader.handshake.last.values_at('type', 'reason')
    assert_equal 0, @preloader.wait.exitstatus
  end

  def test_a_boot_error_is_told_with_its_step
    preload('config.ru' => "raise 'no database'")
    assert_equal ['error', 'load_app', 'RuntimeError: no database'], @preloader.handshake.last.values_at('type', 'step', 'summary')
    assert_equal 1, @preloader.wait.exitstatus
  end

  def test_what_fails_after_the_fork_is_the_worker_s_failure
    preload('config.ru' => "PhusionPassenger.on_event(:starting_worker_process) { raise 'no pool' }\nrun ->(env) { [200, {}, []] }")
    worker = @preloader.fork_worker
    assert_equal ['error', 'start_serving', 'RuntimeError: no pool'], worker.handshake_lines.last.values_at('type', 'step', 'summary')
    assert_equal 1, @preloader.wait_for(worker).exitstatus
    assert_equal 'error', @preloader.fork_worker.handshake_lines.last['type']
  end

  def test_threads_that_workers_will_not_have_are_told_of
    preload('config.ru' => "Thread.new { sleep }.name = 'metrics'\nThread.new { sleep }.thread_variable_set(:fork_safe, true)\n" \
                           'run ->(env) { [200, {}, [(Thread.list - [Thread.main, Thread.current]).size.to_s]] }')
    assert_equal '0', @preloader.ask(@preloader.fork_worker, '/').body
    assert_match(/do not run in its workers: metrics\. Start them/, @preloader.log)
  end

  def test_a_fork_that_is_refused_is_told_with_its_errno
    preload('config.ru' => "def Process.fork = raise(Errno::EAGAIN)\nrun ->(env) { [200, {}, []] }")
    @preloader.handshake
    @preloader.ask_for_worker
    assert_equal ["failed 1 #{Errno::EAGAIN::Errno}", @preloader.pid], @preloader.control_message
    @preloader.ask_for_worker
    assert_equal ["failed 2 #{Errno::EAGAIN::Errno}", @preloader.pid], @preloader.control_message
  end

  # The libraries themselves are not to be had everywhere: these have their names and methods.
  DATABASES = <<~'RUBY'
    LOG = []
    module ActiveRecord
      def self.gem_version = Gem::Version.new(ENV.fetch('AR_VERSION', '7.2.0'))
      class Base
        def self.connection_handler = self
        def self.clear_all_connections!(*roles) = LOG << "active record #{roles} in #{Process.pid == PRELOADER}"
      end
    end
    module Sequel
      class Database
        def disconnect = LOG << "sequel in #{Process.pid == PRELOADER}"
      end
      DATABASES = [Database.new]
    end
    module Mongoid
      module Clients
        def self.clients = { default: Client.new }
      end
      class Client
        def close = LOG << "mongoid close in #{Process.pid == PRELOADER}"
        def reconnect = LOG << "mongoid reconnect in #{Process.pid == PRELOADER}"
      end
    end
    PRELOADER = Process.pid
    PhusionPassenger.on_event(:starting_worker_process) { LOG << 'app' }
    run ->(env) { [200, {}, [LOG.join(', ')]] }
  RUBY

  def test_database_libraries_close_before_the_fork_and_reconnect_in_the_worker
    preload('config.ru' => DATABASES)
    assert_equal 'active record [:all] in true, sequel in true, mongoid close in true, mongoid reconnect in false, app',
                 @preloader.ask(@preloader.fork_worker, '/').body
  end

  def test_libraries_that_are_only_announced_are_not_loaded
    preload('config.ru' => "module ActiveRecord; autoload :Base, '/nonexistent'; end\nautoload :Sequel, '/nonexistent'\n" \
                           "run ->(env) { [200, {}, ['fine']] }")
    assert_equal 'fine', @preloader.ask(@preloader.fork_worker, '/').body
    assert_equal '', @preloader.log
  end

  def test_fork_time_of_a_large_heap
    preload('config.ru' => "HEAP = Array.new(400_000) { |n| \"object number \#{n}, longer than what is embedded\" * 2 }\n" \
                           "run ->(env) { [200, {}, ['fine']] }")
    @preloader.handshake
    times = Array.new(5) do
      began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      @preloader.fork_worker
      (Process.clock_gettime(Process::CLOCK_MONOTONIC) - began) * 1000
    end
    puts "ruby: fork until ready, #{File.read("/proc/#{@preloader.pid}/status")[/VmRSS:\s+(\d+)/, 1].to_i / 1024} MiB: " \
         "#{times.map { |time| time.round(1) }.join(', ')} ms"
    # Generous, for a machine that is busy.
    assert_operator times.min, :<, 500
  end
end
