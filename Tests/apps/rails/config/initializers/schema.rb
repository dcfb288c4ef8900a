# frozen_string_literal: true

# A real app has migrations, and a hook that runs them. While the app is loaded, so that preloaders have a connection, which no
# forked worker may use.
Rails.application.config.after_initialize do
  FileUtils.mkdir_p(Rails.root.join('tmp'))
  connection = ActiveRecord::Base.connection
  connection.execute('CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text VARCHAR NOT NULL)')
end
