# frozen_string_literal: true

require 'minitest/autorun'
require_relative 'loader_process'

class TestBootErrors < Minitest::Test
  def fail_with(files, plan = {})
    loader = LoaderProcess.new(files, plan)
    error = loader.handshake.last
    assert_equal 'error', error['type'], loader.log
    assert_equal 1, loader.wait.exitstatus
    error
  ensure
    loader&.close
  end

  def test_a_syntax_error_names_file_and_line
    error = fail_with('config.ru' => "run ->(env) {\n  oops oops = \n}\n")
    assert_equal 'load_app', error['step']
    assert_match(/\ASyntaxError: .*config\.ru:\d+/, error['summary'])
    assert_includes error['hint'], 'ruby -c config.ru'
  end

  def test_a_missing_library_says_how_to_install_it
    error = fail_with('config.ru' => "require 'no_such_gem'\n")
    assert_equal 'LoadError: cannot load such file -- no_such_gem', error['summary']
    assert_match(/gem install no_such_gem/, error['hint'])
    assert_match(/config\.ru:1/, error['details'])
  end

  def test_a_bundle_that_is_not_installed_says_bundle_install
    lock = "GEM\n  remote: https://rubygems.org/\n  specs:\n    no_such_gem (1.0)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  no_such_gem\n"
    error = fail_with('config.ru' => '', 'Gemfile' => "source 'https://rubygems.org'\ngem 'no_such_gem'\n", 'Gemfile.lock' => lock)
    assert_equal 'load_libraries', error['step']
    assert_match(/bundle install/, error['hint'])
  end

  def test_a_missing_startup_file_is_named
    error = fail_with({}, startup_file: 'other.ru')
    assert_match(/\Aother\.ru was not found in /, error['summary'])
    assert_includes error['hint'], 'startup_file'
  end

  def test_a_missing_environment_variable_is_named
    error = fail_with('config.ru' => "ENV.fetch('NO_SUCH_KEY')")
    assert_match(/KeyError: key not found: "NO_SUCH_KEY"/, error['summary'])
    assert_match(/NO_SUCH_KEY is not set/, error['hint'])
  end

  def test_an_exit_while_loading_is_an_error
    error = fail_with('config.ru' => "abort 'no database'")
    assert_equal 'The app called exit(1) while it was loading', error['summary']
  end

  def test_a_config_without_run_is_an_error
    error = fail_with('config.ru' => "use Class.new\n")
    assert_equal 'load_app', error['step']
  end

  def test_a_failing_starting_event_is_an_error_of_its_own_step
    error = fail_with('config.ru' => "PhusionPassenger.on_event(:starting_worker_process) { raise 'no pool' }\nrun ->(env) { [200, {}, []] }")
    assert_equal ['start_serving', 'RuntimeError: no pool'], error.values_at('step', 'summary')
  end

  def test_an_enormous_message_stays_within_the_limit_of_a_line
    error = fail_with('config.ru' => "raise \"\\x01\\xff\\n\" * 200_000")
    assert_operator JSON.generate(error).bytesize, :<, 64 * 1024
  end
end
