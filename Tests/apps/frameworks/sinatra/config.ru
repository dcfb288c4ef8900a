# frozen_string_literal: true

require 'sinatra/base'

# A classic: routes, a session in a cookie, a template.
class App < Sinatra::Base
  VERSION = File.read(File.join(__dir__, 'version.txt'))

  enable :sessions, :inline_templates
  set :session_secret, 'a test\'s, and nobody\'s secret' * 3
  set :show_exceptions, false
  set :host_authorization, permitted_hosts: []

  get('/') { erb '<h1>Hello from <%= VERSION.strip %></h1>' }
  get('/up') { 'up' }
  get('/version') { VERSION }
  get('/visits') { (session[:visits] = session.fetch(:visits, 0) + 1).to_s }
end

run App
