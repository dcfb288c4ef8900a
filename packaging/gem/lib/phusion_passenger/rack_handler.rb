# frozen_string_literal: true

require 'phusion_passenger/program'

# `gem "passenger", require: "phusion_passenger/rack_handler"` makes `rails server` and `rackup` start passenger.
begin
  require 'rack/handler'
rescue LoadError
  # Rack 3 has handlers in a gem of their own, and works without any.
  begin
    require 'rackup/handler'
  rescue LoadError
    nil
  end
end

module PhusionPassenger
  class RackHandler
    def self.run(_app, **options)
      arguments = ['start']
      arguments += ['--address', options[:Host]] if options[:Host]
      arguments += ['--port', options[:Port].to_s] if options[:Port]
      arguments += ['--environment', options[:environment]] if options[:environment]
      Program.run('passenger', arguments)
    end
  end

  handlers = defined?(Rackup::Handler) ? Rackup::Handler : (Rack::Handler if defined?(Rack::Handler))
  if handlers
    handlers.register('passenger', RackHandler)
    # Whoever asks for no other one by name gets this one.
    ENV['RACK_HANDLER'] ||= 'passenger'
  end
end
