# frozen_string_literal: true

# Sends back what it gets, to everybody.
class EchoChannel < ApplicationCable::Channel
  def subscribed
    stream_from 'echo'
  end

  def receive(data)
    ActionCable.server.broadcast('echo', { text: data['text'] })
  end
end
