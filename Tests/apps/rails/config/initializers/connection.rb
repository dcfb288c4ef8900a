# frozen_string_literal: true

# Speaks to the database while the app is loaded, as many apps do, so that preloaders have a connection, which no forked worker may
# use. Without migrations there is nothing to ask it yet.
Rails.application.config.after_initialize { ActiveRecord::Base.connection.execute('SELECT 1') }
