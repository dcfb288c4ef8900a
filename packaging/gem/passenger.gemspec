# frozen_string_literal: true

Gem::Specification.new do |spec|
  spec.name = 'passenger'
  spec.version = ENV.fetch('PASSENGER_GEM_VERSION')
  spec.summary = 'The Ruby side of the passenger application server'
  spec.description = 'For apps whose Gemfile names passenger: what they may call, and the commands of the server that is installed.'
  spec.authors = ['The passenger authors']
  spec.license = 'MIT'
  spec.required_ruby_version = '>= 2.5'
  spec.files = Dir['lib/**/*.rb', 'exe/*', 'README.md', 'LICENSE']
  spec.bindir = 'exe'
  spec.executables = Dir.children('exe').sort
  # As Phusion Passenger's gem has them: apps that name no other gem get Rack from here.
  spec.add_dependency 'rack', '>= 1.6.13'
  spec.add_dependency 'rake', '>= 0.8.1'
end
