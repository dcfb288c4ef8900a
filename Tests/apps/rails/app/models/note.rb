# frozen_string_literal: true

class Note < ApplicationRecord
  has_one_attached :picture
  validates :text, presence: true, length: { maximum: 200 }
end
