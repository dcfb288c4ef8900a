# frozen_string_literal: true

module PhusionPassenger
  # Turns an exception of a booting app into the three texts that a person needs: what it was, where, and what to do.
  class BootError
    # A failure that the loader itself found out about, with its hint.
    class Known < StandardError
      attr_reader :hint

      def initialize(message, hint)
        super(message)
        @hint = hint
      end
    end

    def initialize(exception, directory:, startup_file:)
      @exception = exception
      @directory = directory
      @startup_file = startup_file
    end

    def summary
      case @exception
      when Known then first_line
      when SystemExit then "The app called exit(#{@exception.status}) while it was loading"
      else "#{@exception.class}: #{first_line}"
      end
    end

    def details
      return '' if @exception.is_a?(Known) && @exception.cause.nil?

      @exception.full_message(highlight: false, order: :top)
    end

    def hint
      case @exception
      when Known then @exception.hint
      when SystemExit then 'Look at the last output: an app that calls exit or abort usually says why first.'
      when SyntaxError then "Mend the file and line named above; `ruby -c #{@startup_file}` checks a file without running it."
      when LoadError then load_error_hint
      when KeyError then key_error_hint
      when Errno::EACCES then "The app runs as #{user_name}; let that user read the path named above."
      when SystemCallError then 'Something that the app needs at boot cannot be reached; check its address and whether it runs.'
      else bundler_hint || "Start it by hand to see more: cd #{@directory} && #{by_hand}"
      end
    end

    private

    def first_line
      line = @exception.message.to_s.dup.force_encoding(Encoding::UTF_8).scrub.each_line.map(&:strip).find { |l| !l.empty? }
      line || '(no message)'
    end

    def gemfile?
      ENV.key?('BUNDLE_GEMFILE') || File.exist?(File.join(@directory, 'Gemfile'))
    end

    def by_hand
      "#{gemfile? ? 'bundle exec ' : ''}ruby -e 'require \"rack\"; Rack::Builder.parse_file(\"#{@startup_file}\")'"
    end

    def load_error_hint
      name = @exception.path || first_line[/-- (\S+)/, 1] || 'it'
      return "The file #{name} is not there; was it left out of the repository or of the build?" if name.start_with?('/', '.')

      if gemfile?
        "The library #{name} is not in the app's bundle for Ruby #{RUBY_VERSION}: add its gem to the Gemfile and run " \
          "`bundle install` in #{@directory}."
      else
        "The library #{name} is not installed for #{RbConfig.ruby} (Ruby #{RUBY_VERSION}): run `gem install #{name}`, or " \
          'add a Gemfile and run `bundle install`. Another Ruby is chosen by the setting `ruby`.'
      end
    end

    def key_error_hint
      return 'Start it by hand to see more.' unless @exception.respond_to?(:receiver) && environment_missing?

      "The environment variable #{@exception.key} is not set for this app; put it into its .env or under `envvars`."
    end

    def environment_missing?
      @exception.receiver.equal?(ENV)
    rescue ArgumentError
      false
    end

    # Bundler may not have been loaded, so its errors are known by name.
    def bundler_hint
      names = @exception.class.ancestors.map(&:name)
      if names.include?('Bundler::RubyVersionMismatch')
        "This is #{RbConfig.ruby} (Ruby #{RUBY_VERSION}); choose the Gemfile's Ruby by the setting `ruby` or a .ruby-version."
      elsif names.include?('Bundler::BundlerError') || names.include?('Gem::LoadError')
        "Run `bundle install` in #{@directory} with #{RbConfig.ruby} (Ruby #{RUBY_VERSION})."
      end
    end

    def user_name
      require 'etc'
      Etc.getpwuid(Process.euid)&.name || Process.euid.to_s
    end
  end
end
