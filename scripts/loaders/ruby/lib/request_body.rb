# frozen_string_literal: true

require 'stringio'

module PhusionPassenger
  # Rack's input for a body that did not arrive together with its head: it is read from the connection as the app asks for
  # it, and kept (in memory, past SPOOL_LIMIT in an unlinked file), so that it can be rewound, as Rack 2 demands.
  class RequestBody
    # The gateway went away in the middle of the body.
    class CutShort < IOError; end

    SPOOL_LIMIT = 128 * 1024
    READ_SIZE = 64 * 1024
    MAX_CHUNK_LINE = 4096

    # +received+ is what came with the head. +length+ is nil for a body in HTTP/1.1 chunks.
    def initialize(connection, received, length)
      @connection = connection
      @may_wait = true
      @received = received
      @length = length
      @remaining = length || 0
      @finished = length&.zero? || false
      @spool = StringIO.new(String.new(capacity: [length || 0, SPOOL_LIMIT].min))
      @spool.binmode
      @spooled = 0
    end

    def read(length = nil, buffer = nil)
      fetch_until(length ? @spool.pos + length : nil)
      buffer ? @spool.read(length, buffer) : @spool.read(length)
    end

    def gets(*arguments)
      fetch_until(nil)
      @spool.gets(*arguments)
    end

    def each(&block)
      fetch_until(nil)
      @spool.each(&block)
      self
    end

    def rewind
      @spool.rewind
    end

    def size
      @length || begin
        fetch_until(nil)
        @spooled
      end
    end

    def external_encoding
      Encoding::BINARY
    end

    # Rack 3 lets an app close its input; what is left of it is dealt with by the worker.
    def close; end

    # True when nothing of the body is left on the connection.
    def finished?
      @finished
    end

    # Gives the file back at the end of the request rather than whenever the collector runs.
    def release
      @spool.close if @spool.is_a?(File)
    end

    # Takes what is already there, up to the spool's limit in memory, without waiting: a small body that the app did not want
    # need not cost its connection.
    def finish_without_waiting
      return true if @finished
      return false if @length && @remaining > SPOOL_LIMIT

      @may_wait = false
      fetch_until(@spooled + SPOOL_LIMIT)
      @finished
    rescue CutShort
      false
    ensure
      @may_wait = true
    end

    private

    def fetch_until(position)
      until @finished || (position && @spooled >= position)
        @length ? fetch_counted : fetch_chunks
      end
    end

    def fetch_counted
      more if @received.empty?
      piece = @received.bytesize <= @remaining ? @received : @received.byteslice(0, @remaining)
      @remaining -= piece.bytesize
      @finished = @remaining.zero?
      store(piece)
      @received = @received.bytesize > piece.bytesize ? @received.byteslice(piece.bytesize..-1) : String.new
    end

    # One step through RFC 9112 section 7.1. @remaining counts the chunk's data and the CR LF behind it.
    def fetch_chunks
      return fetch_chunk_head if @remaining.zero?

      more if @received.empty?
      data = [@remaining - 2, @received.bytesize].min
      if data.positive?
        store(@received.byteslice(0, data))
        take(data)
      else
        take([@remaining, @received.bytesize].min)
      end
    end

    def fetch_chunk_head
      size = Integer(line[/\A\h{1,15}(?=;|\s*\z)/] || raise(CutShort, 'a malformed chunk'), 16)
      if size.positive?
        @remaining = size + 2
      else
        nil until line.empty? # trailers
        @finished = true
      end
    end

    def line
      until (ending = @received.index("\r\n"))
        raise CutShort, 'an endless chunk line' if @received.bytesize > MAX_CHUNK_LINE

        more
      end
      text = @received.byteslice(0, ending)
      @received = @received.byteslice(ending + 2..-1)
      text
    end

    def take(count)
      @received = @received.byteslice(count..-1)
      @remaining -= count
    end

    def more
      buffer = String.new(capacity: READ_SIZE)
      raise CutShort, 'the request body ended early' unless fill(buffer)

      @received = @received.empty? ? buffer : @received << buffer
    end

    def fill(buffer)
      return @connection.readpartial(READ_SIZE, buffer) if @may_wait

      received = @connection.read_nonblock(READ_SIZE, buffer, exception: false)
      received == :wait_readable ? nil : received
    rescue EOFError, Errno::ECONNRESET
      nil
    end

    def store(piece)
      move_to_file if @spool.is_a?(StringIO) && @spooled + piece.bytesize > SPOOL_LIMIT
      position = @spool.pos
      @spool.seek(0, IO::SEEK_END)
      @spool.write(piece)
      @spool.seek(position)
      @spooled += piece.bytesize
    end

    def move_to_file
      require 'tempfile'
      file = Tempfile.create('passenger-body', binmode: true)
      File.unlink(file.path)
      file.write(@spool.string)
      file.seek(@spool.pos)
      @spool = file
    end
  end
end
