# frozen_string_literal: true

module PhusionPassenger
  # What a streaming body of Rack 3 (one that is called instead of iterated) writes to: each write leaves at once as a chunk
  # (RFC 9112, section 7.1), and closing it ends the response, so that the connection can be kept.
  #
  # An app may go on writing in a thread of its own after its body has returned. The worker then lets go of the connection
  # (`leave`), answers others, and gets it back when the app closes the stream.
  class BodyStream
    LAST_CHUNK = "0\r\n\r\n"
    private_constant :LAST_CHUNK

    # The block is called with the connection and +keep+ when the stream is closed after it was left, in the closing thread.
    def initialize(connection, input, keep, &on_return)
      @connection = connection
      @input = input
      @keep = keep
      @on_return = on_return
      @lock = Mutex.new
      @closed = @left = false
    end

    def read(*arguments)
      @input.read(*arguments)
    end

    def write(*parts)
      parts.sum { |part| write_chunk(part.to_s) }
    end

    def <<(part)
      write(part)
      self
    end

    def flush
      self
    end

    def close
      @lock.synchronize do
        return if @closed

        @closed = true
        @connection.write(LAST_CHUNK)
      end
      @on_return.call(@connection, @keep) if @left
      nil
    rescue SystemCallError, IOError
      # The gateway has gone. While the worker waits for the body it notices by itself.
      @left ? @connection.close : raise
    end
    alias close_write close

    def close_read; end

    def closed?
      @closed
    end

    # After this the stream has the connection. Returns false if the response has ended already.
    def leave
      @lock.synchronize { @left = !@closed }
    end

    # The response failed: nothing more may be written.
    def abandon
      @closed = true
    end

    private

    def write_chunk(part)
      size = part.bytesize
      return 0 if size.zero?

      @lock.synchronize do
        raise IOError, 'closed stream' if @closed

        @connection.write("#{size.to_s(16)}\r\n", part, "\r\n")
      end
      size
    end
  end
end
