# frozen_string_literal: true

require_relative 'body_stream'

module PhusionPassenger
  # Writes one Rack response (2 or 3) as HTTP/1.1. One object serves a worker for its life; `start` and
  # `write` are its whole use.
  #
  # Head and body of a small response leave in a single write: each write costs as much as all the Ruby code of a request.
  class Response
    # The other end of the connection is gone: nobody is left to tell.
    class ConnectionLost < IOError; end

    REASONS = {
      100 => 'Continue', 101 => 'Switching Protocols', 102 => 'Processing', 103 => 'Early Hints', 200 => 'OK', 201 => 'Created',
      202 => 'Accepted', 203 => 'Non-Authoritative Information', 204 => 'No Content', 205 => 'Reset Content',
      206 => 'Partial Content', 207 => 'Multi-Status', 208 => 'Already Reported', 226 => 'IM Used', 300 => 'Multiple Choices',
      301 => 'Moved Permanently', 302 => 'Found', 303 => 'See Other', 304 => 'Not Modified', 307 => 'Temporary Redirect',
      308 => 'Permanent Redirect', 400 => 'Bad Request', 401 => 'Unauthorized', 402 => 'Payment Required', 403 => 'Forbidden',
      404 => 'Not Found', 405 => 'Method Not Allowed', 406 => 'Not Acceptable', 407 => 'Proxy Authentication Required',
      408 => 'Request Timeout', 409 => 'Conflict', 410 => 'Gone', 411 => 'Length Required', 412 => 'Precondition Failed',
      413 => 'Content Too Large', 414 => 'URI Too Long', 415 => 'Unsupported Media Type', 416 => 'Range Not Satisfiable',
      417 => 'Expectation Failed', 421 => 'Misdirected Request', 422 => 'Unprocessable Content', 423 => 'Locked',
      424 => 'Failed Dependency', 425 => 'Too Early', 426 => 'Upgrade Required', 428 => 'Precondition Required',
      429 => 'Too Many Requests', 431 => 'Request Header Fields Too Large', 451 => 'Unavailable For Legal Reasons',
      500 => 'Internal Server Error', 501 => 'Not Implemented', 502 => 'Bad Gateway', 503 => 'Service Unavailable',
      504 => 'Gateway Timeout', 505 => 'HTTP Version Not Supported', 506 => 'Variant Also Negotiates',
      507 => 'Insufficient Storage', 508 => 'Loop Detected', 511 => 'Network Authentication Required'
    }.freeze
    STATUS_LINES = Hash.new { |_, status| "HTTP/1.1 #{status} \r\n".b.freeze }
    REASONS.each { |status, reason| STATUS_LINES[status] = "HTTP/1.1 #{status} #{reason}\r\n".b.freeze }
    STATUS_LINES.freeze

    # Above this, copying a part next to its head costs more than a second write.
    COALESCED = 32 * 1024
    HEAD_SIZE = 512
    CLOSE = "Connection: close\r\n\r\n"
    CHUNKED = "Transfer-Encoding: chunked\r\n"
    LAST_CHUNK = "0\r\n\r\n"
    EARLY_HINTS = "HTTP/1.1 103 Early Hints\r\n"
    DOT = '.'.ord
    private_constant :DOT, :CLOSE, :CHUNKED, :LAST_CHUNK, :EARLY_HINTS

    # Whether anything of the response since `start` was given to the connection: after that there can be no error page.
    attr_reader :begun

    # The block is called with the connection of a streaming body that ended after `write` had returned, and whether to keep it.
    def initialize(&on_return)
      @on_return = on_return
    end

    # +input+ is the request's body, which a streaming response body may read from; +protocols+ are those that the client
    # offers to go over to, or nil.
    def start(connection, input, protocols = nil)
      @connection = connection
      @input = input
      @protocols = protocols
      @begun = false
    end

    # An informational response (RFC 8297). Once the response itself has begun it is too late for one.
    def write_early_hints(headers)
      return if @begun

      out = String.new(EARLY_HINTS)
      headers.each { |name, value| append_field(out, name, value) }
      give(out << "\r\n")
    end

    # +fate+ is :keep or :close: what shall become of the connection if the response does not decide it.
    # Returns :keep, :close, or :given_away when the app has taken the connection over.
    def write(head_only, status, headers, body, fate)
      status = status.to_i
      collect(headers, status)
      status = switch_protocols(status) if @protocol
      fate = :close if @asked_to_close
      return give_away(status, &@hijack.method(:call)) if @hijack
      return write_informational(status, body) if status < 200
      return write_head_only(status, body, fate) if head_only || status == 204 || status == 304
      parts = parts_of(body)
      return write_parts(parts, fate) if parts
      return write_each(body, fate) if body.respond_to?(:each)

      write_stream(body, fate)
    end

    private

    # One pass over the headers: their text into @head, and what they say about framing.
    def collect(headers, status)
      @length = @hijack = @protocol = nil
      @asked_to_close = @framed_by_app = false
      @head = fields = String.new(capacity: HEAD_SIZE) << STATUS_LINES[status]
      headers.each do |name, value|
        name = name.to_s
        next if name.getbyte(4) == DOT && for_the_server(name, value)

        # The names that matter are told apart from the others by their size before any text is compared.
        case name.bytesize
        when 10 then next if connection_header(name, value, status)
        when 14 then next if content_length_header(name, value)
        when 17 then @framed_by_app = true if name.casecmp('transfer-encoding').zero?
        end
        append_field(fields, name, value)
      end
    end

    # What begins with "rack." is never a client's. Other libraries' names may begin with any letters before a dot.
    def for_the_server(name, value)
      return false unless name.start_with?('rack.')

      @hijack = value if name == 'rack.hijack'
      @protocol = value if name == 'rack.protocol' && @protocols&.include?(value)
      true
    end

    # Rack 3's way to ask for an upgrade: `rack.protocol`, beside any status, names one that the client offers. HTTP/1.1 says so
    # with 101 and two fields, which the app may have set by itself.
    def switch_protocols(status)
      @length = nil
      @head[0, STATUS_LINES[status].bytesize] = STATUS_LINES[101]
      @head << 'Upgrade: ' << @protocol << "\r\n" unless @head.match?(/^upgrade:/i)
      @head << "Connection: upgrade\r\n" unless @head.match?(/^connection:/i)
      101
    end

    # Connection belongs to the gateway; of the app's wish only "close" counts, and an upgrade, which names what is upgraded.
    def connection_header(name, value, status)
      return false unless name.casecmp('connection').zero?

      @asked_to_close ||= value.to_s.casecmp('close').zero?
      status != 101
    end

    def content_length_header(name, value)
      return false unless name.casecmp('content-length').zero?

      @length = Integer(value.is_a?(Array) ? value.first : value, 10)
      true
    rescue ArgumentError, TypeError
      raise ArgumentError, "the response's Content-Length is not a number: #{value.inspect}"
    end

    # Several values are an Array in Rack 3, lines of one String in Rack 2.
    def append_field(fields, name, value)
      return value.each { |one| append_field(fields, name, one) } if value.is_a?(Array)

      value = value.to_s
      if value.include?("\n")
        value.split("\n").each { |one| append_field(fields, name, one) }
      else
        fields << name << ': ' << plain(value) << "\r\n"
      end
    end

    # Text that can be appended to a binary string whatever it holds.
    def plain(text)
      text.ascii_only? ? text : text.b
    end

    # Ends the head and hands it over; a small body may be appended. Where RFC 9110 (8.6) forbids Content-Length, +framing+ is nil.
    def head(framing, fate)
      out = @head
      if framing.is_a?(Integer)
        out << 'Content-Length: ' << framing.to_s << "\r\n"
      elsif framing
        out << framing
      end
      out << (fate == :close ? CLOSE : "\r\n")
    end

    def write_head_only(status, body, fate)
      length = @length
      if !length && status != 204 && status != 304
        parts = parts_of(body)
        length = total(parts) if parts
      end
      length = nil if status == 204
      push(head(length, fate))
      fate
    end

    # nil for a body that is not there as a whole. Bodies of Rails respond to +to_ary+, and give nil.
    def parts_of(body)
      body.to_ary if body.respond_to?(:to_ary)
    end

    def write_parts(parts, fate)
      return write_each(parts, fate) if @framed_by_app

      total = total(parts)
      return write_each(parts, fate) if @length && @length != total

      out = head(total, fate)
      parts.each { |part| out = coalesce(out, part) }
      push(out) unless out.empty?
      fate
    end

    def total(parts)
      parts.size == 1 ? parts[0].bytesize : parts.sum(&:bytesize)
    end

    # Parts go out as they come: an event stream must not wait for its second event.
    def write_each(body, fate)
      return write_counted(body, fate) if @length && !@framed_by_app
      return write_as_framed(body, fate) if @framed_by_app

      out = head(CHUNKED, fate)
      body.each do |part|
        next if part.empty?

        out << part.bytesize.to_s(16) << "\r\n"
        out = coalesce(out, part) << "\r\n"
        push(out)
        out = String.new
      end
      push(out << LAST_CHUNK)
      fate
    end

    # The app's own Content-Length is held to: a body that is longer is cut, one that is shorter ends the connection, so that
    # the gateway sees a truncated response and not the next one in its place.
    def write_counted(body, fate)
      left = @length
      out = head(@length, fate)
      body.each do |part|
        part = part.byteslice(0, left) if part.bytesize > left
        next if part.empty?

        left -= part.bytesize
        push(coalesce(out, part))
        out = String.new
      end
      push(out) unless out.empty?
      left.zero? ? fate : :close
    end

    # Transfer-Encoding came from the app (Rack::Chunked): its body is framed already.
    def write_as_framed(body, fate)
      push(head(nil, fate))
      body.each { |part| push(part) }
      fate
    end

    # After 101 the connection speaks another protocol, for which the app needs the connection. Any other status of this kind
    # would leave the gateway waiting for the response.
    def write_informational(status, body)
      return give_away(status) { |connection| body.call(connection) } if status == 101 && body.respond_to?(:call)

      raise ArgumentError, "the app answered with status #{status}, which cannot be a response of its own"
    end

    # Rack 3's streaming body. One that frames itself, or says how long it is, gets the connection as it is.
    def write_stream(body, fate)
      return give_away(200) { |connection| body.call(connection) } if @framed_by_app || @length

      push(head(CHUNKED, fate))
      stream = BodyStream.new(@connection, @input, fate == :keep, &@on_return)
      begin
        body.call(stream)
      rescue Exception
        stream.abandon
        raise
      end
      stream.leave ? :given_away : fate
    rescue Errno::EPIPE, Errno::ECONNRESET
      raise lost
    end

    # The app writes the rest by itself, and the end of the connection is the end of the body.
    def give_away(status)
      push(head(@length, status == 101 ? :keep : :close))
      yield @connection
      :given_away
    end

    def coalesce(out, part)
      return out << plain(part) if out.bytesize + part.bytesize <= COALESCED

      push(out)
      push(part)
      String.new
    end

    def push(bytes)
      return if bytes.empty?

      @begun = true
      give(bytes)
    end

    def give(bytes)
      written = @connection.write_nonblock(bytes, exception: false)
      return if written == bytes.bytesize

      # The rest waits for the gateway, and lets the app's other threads run meanwhile.
      @connection.write(written == :wait_writable ? bytes : bytes.byteslice(written..-1))
    rescue Errno::EPIPE, Errno::ECONNRESET, IOError
      raise lost
    end

    def lost
      ConnectionLost.new('the gateway closed the connection')
    end
  end
end
