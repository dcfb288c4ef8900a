"""Loads the file that an app starts from."""

import importlib.util
import os
import sys

from .boot_error import KnownError


def load(directory, startup_file, names, standard, example):
    """Returns the first of the callables `names` that the file defines; `standard` and `example` are for hints."""
    path = os.path.join(directory, startup_file)
    if not os.path.exists(path):
        raise KnownError(
            f'{startup_file} was not found in {directory}',
            f'{standard}; the setting `startup_file` names another file.',
        )
    # Under its own name, so that whoever imports it again gets the same module.
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    for one in names:
        application = getattr(module, one, None)
        if callable(application):
            return application
    raise KnownError(
        f'{startup_file} has no callable named {" or ".join(names)}',
        f'Name the callable so there, for instance `{example}`.',
    )
