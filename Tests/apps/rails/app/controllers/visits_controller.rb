# frozen_string_literal: true

class VisitsController < ApplicationController
  def show
    session[:visits] = session.fetch(:visits, 0) + 1
    render plain: session[:visits].to_s
  end

  # Which process this is, and which one loaded the app.
  def worker
    render plain: "#{Process.pid} #{LOADED_BY}"
  end

  def version
    render plain: VERSION
  end

  def fail
    raise 'asked to'
  end

  LOADED_BY = Process.pid
  # Read once: a worker tells which release it was booted from.
  VERSION = Rails.root.join('version.txt').read
end
