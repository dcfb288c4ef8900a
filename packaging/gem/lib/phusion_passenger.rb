# frozen_string_literal: true

# In a worker the server's loader has defined all this, before the Gemfile was read: then it stays as it is. Elsewhere (a console,
# tests, another server) the same calls do nothing.
module PhusionPassenger
  PACKAGE_NAME = 'passenger' unless const_defined?(:PACKAGE_NAME)
  VERSION_STRING = (Gem.loaded_specs['passenger']&.version || '0').to_s.freeze unless const_defined?(:VERSION_STRING)

  unless respond_to?(:on_event)
    class << self
      attr_accessor :advertised_concurrency_level
      attr_reader :preloading_refusal

      def refuse_preloading(reason)
        @preloading_refusal = reason.to_s
      end

      # There is no worker whose life could have events.
      def on_event(_name)
        raise ArgumentError, 'a block is needed' unless block_given?

        nil
      end

      def call_event(_name, *_arguments); end
    end
  end
end
