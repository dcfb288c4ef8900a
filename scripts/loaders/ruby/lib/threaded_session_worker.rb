# frozen_string_literal: true

require_relative 'request_thread'

module PhusionPassenger
  # Serves the session protocol with a fixed number of threads.
  #
  # This object is the desk: it waits at the listener and at the connections that no thread has, and gives the readable ones
  # to idle threads. A thread goes on waiting at the connection that it has served. A gateway uses the connection that it
  # used last, so nearly every request costs what it costs with one thread: no thread wakes another, nothing is handed over.
  # An idle thread that is needed elsewhere leaves its connection to the desk.
  class ThreadedSessionWorker < SessionWorker
    PATIENCE = 60
    private_constant :PATIENCE

    # +time_limit+ (seconds or nil): a request that takes longer is aborted.
    def initialize(app, listener, threads:, time_limit: nil, owner: nil, **options)
      super(app, listener, owner: owner, **options)
      @lock = Mutex.new
      @waiting = []
      @resting = []
      @time_limit = time_limit
      @threads = Array.new(threads) { RequestThread.new(app, self, @lock, time_limit, **options) }
    end

    def run
      @threads.each.with_index(1) { |thread, number| thread.start("request #{number}") }
      until @stopping
        ready, = IO.select(@sources, nil, nil, seconds_to_next_check)
        ready&.each { |source| attend(source) }
      end
      finish
    ensure
      (@sources - [@wake_reader]).each(&:close)
    end

    # With the lock held: the thread is idle from now on, unless a connection that waited is returned.
    def rest(thread)
      @resting << thread if @waiting.empty?
      @waiting.shift
    end

    # With the lock held: it is not idle any more.
    def rise(thread)
      @resting.delete(thread)
    end

    # From any thread.
    public :take_back

    private

    # Readable, and no thread has it.
    def serve(connection)
      forget(connection)
      left = @lock.synchronize do
        # One that has no connection is disturbed in nothing, and the one that rests longest in the least.
        thread = @resting.find { |one| one.kept.nil? } || @resting.first
        if thread
          @resting.delete(thread)
          thread.give(connection)
        else
          @waiting << connection
          nil
        end
      end
      @sources << left if left
    end

    # Also once the stop has come: what arrived before is answered.
    def finish
      @threads.each(&:begin_stopping)
      finish_what_arrived
      @threads.each(&:finish)
      # Not without a limit: Ruby would take threads that wait for nothing but a signal for a deadlock, and break off.
      @threads.each { |thread| nil until thread.join(seconds_to_next_check || PATIENCE) }
      take_what_was_returned
    end

    # Aborts what is overdue. A request that begins while this thread sleeps is overdue after that sleep at the earliest.
    def seconds_to_next_check
      return unless @time_limit

      now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      began = @lock.synchronize { @threads.filter_map { |thread| thread.abort_if_begun_by(now - @time_limit) }.min }
      (began || now) + @time_limit - now
    end
  end
end
