# frozen_string_literal: true

module PhusionPassenger
  # The little JSON that the loader speaks: one flat object per line.
  #
  # Ruby's own `json` is a gem. Requiring it before `bundler/setup` would activate the interpreter's version, and an app
  # whose Gemfile.lock names another one would then fail to boot ("You have already activated json …"). The same holds for
  # stringio, tempfile and io-wait (which `socket` loads): none of them may be required before the app's bundle is set up.
  module FlatJSON
    STRING = /"(?:[^"\\]|\\.)*"/m.freeze
    PAIR = /(#{STRING})\s*:\s*(#{STRING}|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/m.freeze
    SHORT = { '\n' => "\n", '\t' => "\t", '\r' => "\r", '\b' => "\b", '\f' => "\f" }.freeze
    ESCAPED = { '"' => '\"', '\\' => '\\\\', "\n" => '\n', "\r" => '\r', "\t" => '\t' }.freeze
    private_constant :STRING, :PAIR, :SHORT, :ESCAPED

    def self.parse(text)
      text.scan(PAIR).to_h { |key, value| [unquote(key), scalar(value)] }
    end

    def self.generate(object)
      "{#{object.map { |key, value| "#{quote(key.to_s)}:#{value.is_a?(Integer) ? value : quote(value.to_s)}" }.join(',')}}"
    end

    def self.scalar(text)
      case text
      when 'null' then nil
      when 'true' then true
      when 'false' then false
      when /\A"/ then unquote(text)
      when /[.eE]/ then Float(text)
      else Integer(text, 10)
      end
    end
    private_class_method :scalar

    def self.unquote(text)
      text[1..-2].gsub(/\\u[dD][89abAB]\h\h\\u[dD][c-fC-F]\h\h|\\u\h{4}|\\./m) do |escape|
        if escape.start_with?('\u')
          units = escape.scan(/\h{4}/).map(&:hex)
          units.pack('n*').force_encoding(Encoding::UTF_16BE).encode(Encoding::UTF_8, invalid: :replace)
        else
          SHORT.fetch(escape) { escape[1] }
        end
      end
    end
    private_class_method :unquote

    def self.quote(text)
      text = text.dup.force_encoding(Encoding::UTF_8) if text.encoding == Encoding::BINARY
      text = text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
      "\"#{text.gsub(/["\\\x00-\x1f\x7f]/) { |c| ESCAPED[c] || format('\u%04x', c.ord) }}\""
    end
    private_class_method :quote
  end
end
