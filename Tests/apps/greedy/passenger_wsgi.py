"""An app that takes more than its share; ../README.md has the routes."""

import json
import os
import resource
import signal
import time
from urllib.parse import parse_qsl

BOOT_NICENESS = os.nice(0)
kept = []


def grow(query):
    """So many MiB that this process keeps for itself."""
    kept.append(bytearray(b'x') * (int(query['mb']) << 20))
    return f'{os.getpid()}\n'


def bomb(query):
    """Forks up to n times; the children are in sessions of their own, heed no TERM, and end after so many seconds. With
    `again` they go on forking, so that no process that ends makes room for another: only under a limit."""
    made, error = 0, 'none'
    end = time.time() + float(query['seconds'])
    for _ in range(int(query['n'])):
        try:
            child = os.fork()
        except OSError as failure:
            error = os.strerror(failure.errno)
            break
        if child == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while time.time() < end:
                if 'again' in query:
                    try:
                        os.fork()
                    except OSError:
                        pass
                time.sleep(0.01 if 'again' in query else 0.2)
            os._exit(0)
        made += 1
    return f'{made} {error}\n'


def stubborn(query):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return f'{os.getpid()}\n'


def hang(query):
    stubborn(query)
    time.sleep(1000)
    return ''


def leave(query):
    os._exit(3)


def slow(query):
    time.sleep(float(query['seconds']))
    return f'{os.getpid()}\n'


def rights(query):
    mask = os.umask(0)
    os.umask(mask)
    with open('/proc/self/status') as file:
        status = dict(line.rstrip('\n').split(':\t', 1) for line in file)
    with open('/proc/self/oom_score_adj') as file:
        score = int(file.read())
    return json.dumps({
        'umask': mask,
        'uid': os.getuid(),
        'gid': os.getgid(),
        'groups': sorted(os.getgroups()),
        'noNewPrivileges': int(status['NoNewPrivs']),
        'capabilities': int(status['CapPrm'], 16),
        'openFiles': resource.getrlimit(resource.RLIMIT_NOFILE),
        'oomScore': score,
        'bootNiceness': BOOT_NICENESS,
        'niceness': sorted({os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir('/proc/self/task')}),
        'readable': [path for path in query.get('read', '').split(',') if path and os.access(path, os.R_OK)],
        'writable': [path for path in query.get('write', '').split(',') if path and os.access(path, os.W_OK)],
    }) + '\n'


ROUTES = {'/grow': grow, '/bomb': bomb, '/stubborn': stubborn, '/hang': hang, '/leave': leave, '/slow': slow, '/rights': rights}


def application(environ, start_response):
    route = ROUTES.get(environ['PATH_INFO'], lambda query: f'{os.getpid()}\n')
    body = route(dict(parse_qsl(environ['QUERY_STRING'])))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [body.encode()]
