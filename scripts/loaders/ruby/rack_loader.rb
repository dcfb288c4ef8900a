# frozen_string_literal: true

# Boots a Rack app in this process and serves it, or forks workers that do. Started by passenger with the worker's listening
# socket and the handshake pipe as inherited descriptors (a preloader: with a control socket and the owner pipe) and everything
# else in one environment variable; README.md one folder up has the protocol.

require_relative 'lib/handshake'
require_relative 'lib/boot_error'
require_relative 'lib/phusion_passenger'

module PhusionPassenger
  class RackLoader
    STOP_SIGNALS = %w[TERM INT QUIT].freeze

    def initialize(plan)
      @directory = plan.fetch('directory')
      @startup_file = plan['startup_file'] || 'config.ru'
      @stop_signals = STOP_SIGNALS | [plan['stop_signal'] || 'TERM']
      @name = plan['app'] || File.basename(@directory)
      @threads = plan['threads'] || 1
      @time_limit = plan['abort_after_ms']&.fdiv(1000)
      @descriptors = plan.slice('listener', 'control', 'owner')
      # Inherited descriptors lack close-on-exec: without it each subprocess of the app would keep a dead worker's socket open.
      @descriptors.each_value { |number| IO.for_fd(number, autoclose: false).close_on_exec = true }
      @handshake = handshake_on(IO.for_fd(plan.fetch('handshake'), 'w'))
    end

    def run
      app = booting { load }
      birth = preload if @descriptors.key?('control')
      # With several threads each request has a thread other than this anyway.
      birth && @threads == 1 ? beside_the_shared_heap { serve(app, birth) } : serve(app, birth)
    end

    private

    def serve(app, birth)
      worker = booting { start(app, birth) }
      worker.run
      PhusionPassenger.call_event(:stopping_worker_process)
    end

    # In a thread other than the one that has loaded the app, to which glibc gives an arena of its own. The main thread would
    # fill the holes that loading has left all over its arena, each in a page that this worker would share otherwise.
    def beside_the_shared_heap(&work)
      thread = Thread.new(&work)
      # `join` raises what ends it.
      thread.report_on_exception = false
      thread.join
    end

    def handshake_on(pipe)
      pipe.close_on_exec = true
      pipe.sync = true
      Handshake.new(pipe)
    end

    def booting
      yield
    rescue StandardError, ScriptError, SystemExit, NoMemoryError, SystemStackError => e
      give_up(e)
    end

    def load
      @handshake.run_step('start_interpreter') { $stdout.sync = $stderr.sync = true }
      @handshake.run_step('load_libraries') { load_libraries }
      @handshake.run_step('load_app') { load_app }
    end

    # Returns in forked workers only.
    def preload
      require_relative 'lib/preloader'
      preloader = Preloader.new(control: @descriptors['control'], owner: @descriptors['owner'])
      refuse(PhusionPassenger.preloading_refusal) if PhusionPassenger.preloading_refusal
      Process.setproctitle("passenger ruby preloader: #{@name}")
      @handshake.run_step('prepare_fork') { Preloader.warm_up }
      tell_of_lost_threads
      @handshake.preloaded
      preloader.run
    end

    def refuse(reason)
      @handshake.unsuitable(reason)
      exit!(0)
    end

    def tell_of_lost_threads
      names = ForkSafety.lost_threads.map { |thread| thread.name || thread.inspect }
      return if names.empty?

      warn "passenger: threads that were started while the app was loaded do not run in its workers: #{names.join(', ')}. " \
           'Start them in PhusionPassenger.on_event(:starting_worker_process), or set spawn_method to direct.'
    end

    def start(app, birth)
      if birth
        @handshake = handshake_on(birth.handshake)
        ForkSafety.after_fork
      end
      @handshake.run_step('start_serving') do
        PhusionPassenger.call_event(:starting_worker_process, !birth.nil?)
        @worker = start_worker(app, birth)
      end
      @handshake.ready(PhusionPassenger.advertised_concurrency_level || @threads)
      @worker
    end

    def give_up(exception)
      error = BootError.new(exception, directory: @directory, startup_file: @startup_file)
      @handshake.fail(summary: error.summary, details: error.details, hint: error.hint)
      exit 1
    end

    def load_libraries
      require 'bundler/setup' if bundled?
      begin
        require 'rack'
      rescue LoadError => e
        raise if e.path != 'rack'

        raise BootError::Known.new('LoadError: cannot load rack, which this app needs', rack_hint)
      end
      require_relative(@threads > 1 ? 'lib/threaded_session_worker' : 'lib/session_worker')
    end

    def bundled?
      ENV.key?('BUNDLE_GEMFILE') || %w[Gemfile gems.rb].any? { |name| File.exist?(File.join(@directory, name)) }
    end

    def rack_hint
      return "Add `gem \"rack\"` to the Gemfile and run `bundle install` in #{@directory}." if defined?(Bundler)

      "Run `gem install rack` for #{RbConfig.ruby} (Debian: `apt install ruby-rack`), or add a Gemfile with it."
    end

    def load_app
      path = File.expand_path(@startup_file, @directory)
      unless File.exist?(path)
        raise BootError::Known.new("#{@startup_file} was not found in #{@directory}",
                                   'A Rack app starts from config.ru; the setting `startup_file` names another file.')
      end
      # Rack 2 returns the app and its options, Rack 3 the app.
      app, = Rack::Builder.parse_file(path)
      return app if app.respond_to?(:call)

      raise BootError::Known.new("#{@startup_file} gave no app", 'Its last line should be `run` with an object that has a `call` method.')
    end

    def start_worker(app, birth)
      Process.setproctitle("passenger ruby worker: #{@name}")
      listener = UNIXServer.for_fd(birth ? birth.listener : @descriptors['listener'])
      # Only Rack 2 and older ask for this key; their constant is a pair of numbers.
      version = Rack::VERSION if Rack.release.to_i < 3
      options = { rack_version: version, owner: birth&.owner }
      worker =
        if @threads > 1
          ThreadedSessionWorker.new(app, listener, threads: @threads, time_limit: @time_limit, **options)
        else
          SessionWorker.new(app, listener, **options)
        end
      # After the app has loaded, so that a handler of its own does not swallow the stop.
      @stop_signals.each { |signal| trap(signal) { worker.stop } }
      worker
    end
  end
end

plan = ENV.delete('_PASSENGER_WORKER') or abort 'rack_loader.rb is started by passenger; it has no use by hand.'
PhusionPassenger::RackLoader.new(PhusionPassenger::FlatJSON.parse(plan)).run
