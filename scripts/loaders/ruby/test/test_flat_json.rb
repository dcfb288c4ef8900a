# frozen_string_literal: true

require 'json'
require 'minitest/autorun'
require_relative '../lib/flat_json'

class TestFlatJSON < Minitest::Test
  FlatJSON = PhusionPassenger::FlatJSON

  def test_it_reads_what_json_writes
    object = { 'text' => "a\"b\\c\nd\u00e9\u{1F600}/", 'number' => -12, 'real' => 1.5e3, 'yes' => true, 'no' => false, 'none' => nil, '' => '' }
    assert_equal object, FlatJSON.parse(JSON.generate(object))
    assert_equal object, FlatJSON.parse(JSON.generate(object, ascii_only: true))
    assert_equal object, FlatJSON.parse(JSON.pretty_generate(object))
  end

  def test_json_reads_what_it_writes
    object = { 'text' => "a\"b\\c\n\u0001\u00e9\u{1F600}\u007f", 'number' => 12 }
    assert_equal object, JSON.parse(FlatJSON.generate(object))
  end

  def test_bytes_that_are_no_text_are_replaced
    assert_equal "a\uFFFDb", JSON.parse(FlatJSON.generate('x' => "a\xFFb"))['x']
    assert_equal "é\uFFFD", JSON.parse(FlatJSON.generate('x' => "é\xFF".b))['x']
  end
end
