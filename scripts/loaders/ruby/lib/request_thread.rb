# frozen_string_literal: true

require_relative 'session_worker'

module PhusionPassenger
  # A request took longer than `max_request_time`. Not a StandardError: an app that rescues errors must not go on.
  class RequestOverdue < Exception; end # rubocop:disable Lint/InheritException

  # One of the threads of a ThreadedSessionWorker: serves the connection that it is given, and afterwards waits at it by
  # itself until the desk takes it away. What is shared with the desk is guarded by the desk's lock.
  class RequestThread < SessionWorker
    DEFERRED = { RequestOverdue => :never }.freeze
    AT_ONCE = { RequestOverdue => :immediate }.freeze

    # +time_limit+ is in seconds, or nil.
    def initialize(app, desk, lock, time_limit, **options)
      super(app, nil, **options)
      @template['rack.multithread'] = true
      @sources = [@wake_reader]
      @desk = desk
      @lock = lock
      @time_limit = time_limit
      @given = @began = nil
      @finishing = @aborted = false
    end

    def start(name)
      @thread = Thread.new { Thread.handle_interrupt(DEFERRED) { run } }
      @thread.name = name
      @thread.report_on_exception = false
      # What ends a thread (the app called exit, or there is no memory) ends the worker, as it does with one thread.
      @thread.abort_on_exception = true
    end

    def join(seconds)
      @thread.join(seconds)
    end

    # Every response from now on is its connection's last.
    def begin_stopping
      @stopping = true
    end

    # Ends the thread once nothing is left that was sent to it.
    def finish
      @finishing = true
      wake
    end

    # For the desk, with the lock held, while this thread rests: the next connection. Returns the one that it had waited at.
    def give(connection)
      @given = connection
      wake
      kept
    end

    # With the lock held.
    def kept
      @sources[1]
    end

    # With the lock held: aborts a request that began at +time+ or before. Returns when the present one began.
    def abort_if_begun_by(time)
      return @began if @began.nil? || @began > time

      @aborted = true
      @began = nil
      @thread.raise(RequestOverdue, 'it took longer than max_request_time')
      nil
    end

    def run
      PhusionPassenger.call_event(:starting_request_handler_thread)
      while (connection = next_connection)
        serve(connection)
      end
    ensure
      @sources.each(&:close)
    end

    private

    def wake
      @wake_writer.write_nonblock('.', exception: false)
    end

    # Waits; nil is the end.
    def next_connection
      loop do
        waiting = @lock.synchronize { @desk.rest(self) }
        if waiting
          next if abandoned?(waiting)

          return exchange(waiting)
        end

        ready = wait
        connection = @lock.synchronize do
          @desk.rise(self)
          chosen(ready)
        end
        return connection if connection
        return if ready.nil?
      end
    end

    def wait
      IO.select(@sources, nil, nil, @finishing ? 0 : nil)&.first
    rescue IOError
      # The desk took the connection away, and another thread has closed it, before the waiting began.
      raise unless @given

      [@wake_reader]
    end

    # Something else was waiting for a thread: the desk looks after the connection that was waited at.
    def exchange(connection)
      @desk.take_back(kept, true) if kept
      @sources = [@wake_reader, connection]
      connection
    end

    def chosen(ready)
      return if ready.nil?

      @wake_reader.read_nonblock(READ_SIZE, @buffer, exception: false) if ready[0].equal?(@wake_reader)
      return ready.find { |source| source.equal?(kept) } unless @given

      connection = @given
      @given = nil
      @sources = [@wake_reader, connection]
      connection
    end

    # The connections that need no thread are the desk's.
    def take_back(connection, keep)
      @desk.take_back(connection, keep)
    end

    def begin_lingering(connection)
      forget(connection)
      @desk.take_back(connection, false)
    end

    def respond(connection, env, _request_body)
      return super unless @time_limit

      begin
        @lock.synchronize { @began = Process.clock_gettime(Process::CLOCK_MONOTONIC) }
        Thread.handle_interrupt(AT_ONCE) { super }
      ensure
        aborted = @lock.synchronize do
          @began = nil
          @aborted.tap { @aborted = false }
        end
        # It may have come when the app had just answered: it is taken here, so that it does not hit the next request.
        Thread.handle_interrupt(AT_ONCE) { Thread.pass } if aborted
      end
    rescue RequestOverdue => e
      report(e, env)
      @hijacked ? forget(connection) : drop(connection)
    end
  end
end
