# frozen_string_literal: true

Rails.application.routes.draw do
  root to: 'notes#index'
  resources :notes, only: %i[index create show]
  get '/up', to: proc { [200, { 'Content-Type' => 'text/plain' }, ["up\n"]] }
  get '/visits', to: 'visits#show'
  get '/process', to: 'visits#worker'
  get '/raise', to: 'visits#fail'
end
