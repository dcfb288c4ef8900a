# frozen_string_literal: true

# What apps may call. The names are Phusion Passenger's, so that initializers written for it keep working.
module PhusionPassenger
  @handlers = Hash.new { |handlers, event| handlers[event] = [] }
  @telling = Mutex.new

  class << self
    # How many requests at a time the pool should send to this worker; read once, when the worker is ready.
    attr_accessor :advertised_concurrency_level

    # Why the app must be loaded by each worker for itself; nil when workers may be forked from a process that has loaded it.
    attr_reader :preloading_refusal

    # For an app that must not be loaded once and forked: called while it loads. Its workers are then started one by one.
    def refuse_preloading(reason)
      @preloading_refusal = reason.to_s
    end

    # Events: +:starting_worker_process+ (called with whether the process was forked), +:starting_request_handler_thread+ (in
    # each thread that serves requests), +:oob_work+ (out-of-band work, some time after a response had the field
    # X-Passenger-Request-OOB-Work), +:state+ (called with +:live+, +:standby+ or +:draining+ when that is what the worker's version
    # has become) and +:stopping_worker_process+. Other names are accepted, and not called by this version.
    def on_event(name, &block)
      raise ArgumentError, 'a block is needed' unless block

      @handlers[name.to_sym] << block
      nil
    end

    # What the server tells: an event with its arguments. The same state again is none: it may be said more than once.
    def perform(task)
      event, *arguments = task.split.map(&:to_sym)
      is_news = @telling.synchronize do
        known = @last_state
        @last_state = task if event == :state
        event != :state || known != task
      end
      call_event(event, *arguments) if is_news
    end

    # A handler that fails is the app's failure to boot or, at the end, one line in the log.
    def call_event(name, *arguments)
      @handlers[name].each { |handler| handler.call(*arguments) }
      nil
    end
  end
end
