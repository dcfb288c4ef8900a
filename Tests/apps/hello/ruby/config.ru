# frozen_string_literal: true

HEADERS = { 'content-type' => 'text/plain', 'content-length' => '12' }.freeze
BODY = ["hello world\n"].freeze
run ->(_env) { [200, HEADERS, BODY] }
