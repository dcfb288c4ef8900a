"""A companion for system tests: notes what happens to it in a file, and that nobody does the same beside it.

    python3 companion.py FILE [stubborn]

Each line is `WHAT VERSION PID DIRECTORY`: start, quiet (USR1), term, doubled. A stubborn one, and its child, take no notice
of TERM.
"""

import fcntl
import os
import signal
import sys
import time

FILE = sys.argv[1]
STUBBORN = 'stubborn' in sys.argv
HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, 'version.txt')) as file:
    VERSION = file.read().strip()


def say(what):
    with open(FILE, 'a') as file:
        file.write(f'{what} {VERSION} {os.getpid()} {os.getcwd()}\n')


def stop(*_):
    say('term')
    if not STUBBORN:
        time.sleep(0.2)  # A job that is finished first.
        sys.exit(0)


signal.signal(signal.SIGUSR1, lambda *_: say('quiet'))
signal.signal(signal.SIGTERM, stop)
lock = open(FILE + '.lock', 'a')
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    say('doubled')
if STUBBORN and os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)
say('start')
print('at work', os.environ['IN_PASSENGER'], os.environ.get('PASSENGER_RELEASE'), flush=True)
while True:
    time.sleep(1)
