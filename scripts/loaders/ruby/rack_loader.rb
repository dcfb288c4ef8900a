# frozen_string_literal: true

# Boots a Rack app in this process and serves it. Started by passenger with the worker's listening socket and the handshake
# pipe as inherited descriptors and everything else in one environment variable; README.md one folder up has the protocol.

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
      # Inherited descriptors lack close-on-exec: without it each subprocess of the app would keep a dead worker's socket open.
      @listener_number = plan.fetch('listener')
      IO.for_fd(@listener_number, autoclose: false).close_on_exec = true
      pipe = IO.for_fd(plan.fetch('handshake'), 'w')
      pipe.close_on_exec = true
      pipe.sync = true
      @handshake = Handshake.new(pipe)
    end

    def run
      worker = boot
      worker.run
      PhusionPassenger.call_event(:stopping_worker_process)
    end

    private

    def boot
      @handshake.run_step('start_interpreter') { $stdout.sync = $stderr.sync = true }
      @handshake.run_step('load_libraries') { load_libraries }
      app = @handshake.run_step('load_app') { load_app }
      @handshake.run_step('start_serving') do
        PhusionPassenger.call_event(:starting_worker_process, false)
        @worker = start_worker(app)
      end
      @handshake.ready(PhusionPassenger.advertised_concurrency_level || @threads)
      @worker
    rescue StandardError, ScriptError, SystemExit, NoMemoryError, SystemStackError => e
      give_up(e)
    end

    def give_up(exception)
      error = BootError.new(exception, directory: @directory, startup_file: @startup_file)
      @handshake.fail(summary: error.summary, details: error.details, hint: error.hint)
      exit 1
    end

    def load_libraries
      require 'bundler/setup' if ENV.key?('BUNDLE_GEMFILE') || File.exist?(File.join(@directory, 'Gemfile'))
      begin
        require 'rack'
      rescue LoadError => e
        raise if e.path != 'rack'

        raise BootError::Known.new('LoadError: cannot load rack, which this app needs', rack_hint)
      end
      require_relative(@threads > 1 ? 'lib/threaded_session_worker' : 'lib/session_worker')
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

    def start_worker(app)
      Process.setproctitle("passenger ruby worker: #{@name}")
      listener = UNIXServer.for_fd(@listener_number)
      # Only Rack 2 and older ask for this key; their constant is a pair of numbers.
      version = Rack::VERSION if Rack.release.to_i < 3
      worker =
        if @threads > 1
          ThreadedSessionWorker.new(app, listener, threads: @threads, time_limit: @time_limit, rack_version: version)
        else
          SessionWorker.new(app, listener, rack_version: version)
        end
      # After the app has loaded, so that a handler of its own does not swallow the stop.
      @stop_signals.each { |signal| trap(signal) { worker.stop } }
      worker
    end
  end
end

plan = ENV.delete('_PASSENGER_WORKER') or abort 'rack_loader.rb is started by passenger; it has no use by hand.'
PhusionPassenger::RackLoader.new(PhusionPassenger::FlatJSON.parse(plan)).run
