"""The parts of the WSGI loader. Standard library only; Python 3.9 and later."""
