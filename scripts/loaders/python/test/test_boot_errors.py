import json
import unittest

from loader_process import LoaderProcess


class BootErrorsTest(unittest.TestCase):
    def fail_with(self, files, **plan):
        loader = LoaderProcess(files, **plan)
        self.addCleanup(loader.close)
        error = loader.handshake()[-1]
        self.assertEqual(error['type'], 'error', loader.log())
        self.assertEqual(loader.wait(), 1)
        return error

    def fail_with_app(self, text):
        return self.fail_with({'passenger_wsgi.py': text})

    def test_a_syntax_error_names_file_and_line(self):
        error = self.fail_with_app('x = 1\ndef application(:\n')
        self.assertEqual(error['step'], 'load_app')
        self.assertRegex(error['summary'], r'^SyntaxError: .*passenger_wsgi\.py, line 2\)$')
        self.assertIn('py_compile', error['hint'])

    def test_a_missing_module_says_how_to_install_it(self):
        error = self.fail_with_app('import no_such_module.part')
        self.assertEqual(error['summary'], "ModuleNotFoundError: No module named 'no_such_module'")
        self.assertIn('pip install no_such_module', error['hint'])
        self.assertIn('line 1', error['details'])

    def test_with_requirements_the_hint_installs_those(self):
        error = self.fail_with({'passenger_wsgi.py': 'import no_such_module', 'requirements.txt': ''})
        self.assertIn('pip install -r requirements.txt', error['hint'])

    def test_the_modules_of_the_loader_do_not_hide_the_apps(self):
        error = self.fail_with_app('import wsgi_loader')
        self.assertIn("'wsgi_loader'", error['summary'])

    def test_a_missing_startup_file_is_named(self):
        error = self.fail_with({}, startup_file='other.py')
        self.assertRegex(error['summary'], r'^other\.py was not found in ')
        self.assertIn('startup_file', error['hint'])

    def test_a_missing_application_is_explained(self):
        error = self.fail_with_app('app = 1')
        self.assertIn('no callable named application', error['summary'])

    def test_a_missing_environment_variable_is_named(self):
        error = self.fail_with_app("import os\nos.environ['NO_SUCH_KEY']")
        self.assertIn('NO_SUCH_KEY is not set', error['hint'])

    def test_an_exit_while_loading_is_an_error(self):
        error = self.fail_with_app("import sys\nsys.exit('no database')")
        self.assertEqual(error['summary'], "The app called exit('no database') while it was loading")

    def test_an_enormous_message_stays_within_the_limit_of_a_line(self):
        error = self.fail_with_app("raise ValueError('\\x01\\udcff' * 200_000)")
        self.assertLess(len(json.dumps(error)), 64 * 1024)


if __name__ == '__main__':
    unittest.main()
