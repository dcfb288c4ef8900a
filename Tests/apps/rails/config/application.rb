# frozen_string_literal: true

require 'rails'
require 'active_record/railtie'
require 'active_job/railtie'
require 'active_storage/engine'
require 'action_controller/railtie'
require 'action_view/railtie'
require 'action_cable/engine'
require 'sprockets/railtie'

module Notes
  # What `rails new` makes, without what this app does not use.
  class Application < Rails::Application
    config.load_defaults 6.1
    config.eager_load = true
    config.cache_classes = Rails.env.production?
    config.consider_all_requests_local = false
    config.public_file_server.enabled = false
    # A test's, and nobody's secret.
    config.secret_key_base = 'notes' * 20
    config.force_ssl = false
    config.log_level = :warn
    config.logger = ActiveSupport::Logger.new($stdout)
    # A release is not written to by its migrations.
    config.active_record.dump_schema_after_migration = false
    # In production those that `rails assets:precompile` has made.
    config.assets.compile = !Rails.env.production?
    config.active_storage.service = :local
    config.action_cable.disable_request_forgery_protection = true
    config.action_cable.mount_path = '/cable'
  end
end
