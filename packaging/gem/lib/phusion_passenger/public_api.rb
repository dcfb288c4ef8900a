# frozen_string_literal: true

require 'phusion_passenger'
