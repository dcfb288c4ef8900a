# frozen_string_literal: true

Rails.application.routes.draw do
  root to: 'notes#index'
  resources :notes, only: %i[index create show] do
    get :picture, on: :member
  end
  get '/up', to: proc { [200, { 'Content-Type' => 'text/plain' }, ["up\n"]] }
  get '/version', to: 'visits#version'
  get '/visits', to: 'visits#show'
  get '/process', to: 'visits#worker'
  get '/raise', to: 'visits#fail'
end
