"""Turns an exception of a booting app into the three texts that a person needs: what it was, where, and what to do."""

import os
import sys
import traceback


class KnownError(Exception):
    """A failure that the loader itself found out about, with its hint."""

    def __init__(self, message, hint, details=''):
        super().__init__(message)
        self.hint = hint
        self.details = details


def summary(error):
    if isinstance(error, KnownError):
        return _first_line(error)
    if isinstance(error, SystemExit):
        return f'The app called exit({error.code!r}) while it was loading'
    if isinstance(error, SyntaxError) and error.filename:
        return f'{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})'
    return f'{type(error).__name__}: {_first_line(error)}'


def details(error):
    if isinstance(error, KnownError) and error.__cause__ is None:
        return error.details
    return ''.join(traceback.format_exception(type(error), error, error.__traceback__))


def hint(error, directory, startup_file):
    if isinstance(error, KnownError):
        return error.hint
    if isinstance(error, SystemExit):
        return 'Look at the last output: an app that exits usually says why first.'
    if isinstance(error, SyntaxError):
        return (
            'Mend the file and line named above; `python -m py_compile FILE` checks a file without running it. '
            f'This is Python {_version()}; another one is chosen by the setting `python`.'
        )
    if isinstance(error, ModuleNotFoundError):
        return _missing_module(error, directory)
    if isinstance(error, ImportError):
        return f'A library is there but has not that name; is it the version that the app expects? This is {sys.executable} (Python {_version()}).'
    if isinstance(error, KeyError) and _raised_by_environment(error):
        return f'The environment variable {error.args[0]} is not set for this app; put it into its .env or under `envvars`.'
    if isinstance(error, PermissionError):
        return f'The app runs as user id {os.geteuid()}; let that user read the path named above.'
    if isinstance(error, OSError):
        return 'Something that the app needs at boot cannot be reached; check its address and whether it runs.'
    module = os.path.splitext(startup_file)[0]
    return f'Start it by hand to see more: cd {directory} && {sys.executable} -c "import {module}"'


def _missing_module(error, directory):
    where = f'{sys.executable} (Python {_version()})'
    requirements = os.path.join(directory, 'requirements.txt')
    if os.path.exists(requirements):
        advice = f'run `{sys.executable} -m pip install -r requirements.txt` in {directory}'
    else:
        advice = f'run `{sys.executable} -m pip install {(error.name or "").partition(".")[0]}`'
    if sys.prefix == sys.base_prefix:
        advice += ', or make a virtual environment in .venv, which is then used by itself; the setting `python` names another interpreter'
    return f'The module {error.name} is not installed for {where}: {advice}.'


def _raised_by_environment(error):
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename in ('<frozen os>', os.__file__)


def _version():
    return '.'.join(str(part) for part in sys.version_info[:3])


def _first_line(error):
    for line in str(error).splitlines():
        if line.strip():
            return line.strip()
    return '(no message)'
