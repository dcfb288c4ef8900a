# frozen_string_literal: true

require_relative 'flat_json'

module PhusionPassenger
  # The loader's end of the boot conversation: JSON lines on an inherited pipe, closed once the worker is ready or has failed.
  class Handshake
    VERSION = 1
    # The reader takes lines of at most 64 KiB. Escaping can make six bytes of one, so texts are cut by what they cost.
    MAX_LINE = 64 * 1024 - 1
    MAX_SUMMARY = 1000
    MAX_HINT = 2000

    attr_reader :step

    # +pipe+ is anything with +write+ and +close+.
    def initialize(pipe)
      @pipe = pipe
      @step = 'start_interpreter'
    end

    def run_step(name)
      @step = name
      send_line(type: 'step', step: name, state: 'begin')
      result = yield
      send_line(type: 'step', step: name, state: 'end')
      result
    end

    def ready(concurrency)
      send_line(type: 'ready', protocol: 'session', concurrency: concurrency)
      close
    end

    # The app is loaded, and workers can be forked.
    def preloaded
      send_line(type: 'preloaded')
      close
    end

    # The app is loaded, and no worker must be forked from this process.
    def unsuitable(reason)
      send_line(type: 'unsuitable', reason: reason[0, MAX_SUMMARY])
      close
    end

    def fail(summary:, details:, hint:)
      fields = { type: 'error', step: @step, summary: summary[0, MAX_SUMMARY], details: details, hint: hint[0, MAX_HINT] }
      # Halving ends: everything but the details is bounded far below the limit.
      fields[:details] = details = details[0, details.size / 2] until encode(fields).bytesize <= MAX_LINE || details.empty?
      send_line(**fields)
      close
    end

    def close
      @pipe.close unless @pipe.closed?
    end

    private

    def encode(fields)
      FlatJSON.generate({ version: VERSION }.merge(fields))
    end

    def send_line(**fields)
      @pipe.write(encode(fields), "\n")
    rescue Errno::EPIPE
      # The core has given this boot up; it will say so with a signal.
    end
  end
end
