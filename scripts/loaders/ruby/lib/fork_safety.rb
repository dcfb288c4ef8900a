# frozen_string_literal: true

module PhusionPassenger
  # What the two sides of a fork must not share: connections to databases, and the state of random generators. Libraries are
  # looked after if the app has loaded them; what else an app holds open it opens anew in `starting_worker_process`.
  module ForkSafety
    class << self
      # In the preloader, before each fork: a connection that is closed there can be used by nobody twice.
      def before_fork
        attempt('ActiveRecord') { close_active_record } if loaded?(:ActiveRecord, :Base)
        attempt('Sequel') { Sequel::DATABASES.each(&:disconnect) } if loaded?(:Sequel, :DATABASES)
        attempt('Mongoid') { mongoid_clients(:close) } if loaded?(:Mongoid, :Clients)
      end

      # In the worker, before any of the app's handlers.
      def after_fork
        Random.srand
        OpenSSL::Random.seed(Random.urandom(32)) if loaded?(:OpenSSL, :Random)
        attempt('Mongoid') { mongoid_clients(:reconnect) } if loaded?(:Mongoid, :Clients)
      end

      # Threads of the app that its forked workers will not have. Libraries mark those that they start again by themselves.
      def lost_threads
        (Thread.list - [Thread.main]).reject do |thread|
          thread.thread_variable_get(:fork_safe) || thread.name.to_s.start_with?('Timeout') || HARMLESS.match?(thread.inspect)
        end
      end

      # Of the libraries that Rails needs: what they only tidy up with, and do not miss.
      HARMLESS = %r{/concurrent/atomic/ruby_thread_local_var\.rb}
      private_constant :HARMLESS

      private

      # Without loading what is only announced by `autoload`.
      def loaded?(library, constant)
        return false if Object.autoload?(library) || !Object.const_defined?(library)

        namespace = Object.const_get(library)
        namespace.is_a?(Module) && !namespace.autoload?(constant) && namespace.const_defined?(constant, false)
      end

      # Pools stay, and connect anew when they are asked to. Forgetting the connections of a pool in the new process is
      # ActiveRecord's own work (5.2 and later).
      def close_active_record
        handler = ActiveRecord::Base.connection_handler
        all_roles = ActiveRecord.respond_to?(:gem_version) && ActiveRecord.gem_version >= Gem::Version.new('7.1')
        all_roles ? handler.clear_all_connections!(:all) : handler.clear_all_connections!
      end

      def mongoid_clients(message)
        Mongoid::Clients.clients.each_value { |client| client.public_send(message) }
      end

      # A library that fails here would fail the worker at its first query at the latest, and say so there.
      def attempt(library)
        yield
      rescue StandardError => e
        $stderr.puts "passenger: #{library} could not be made ready for a fork: #{e.class}: #{e.message}"
      end
    end
  end
end
