"""A stand-in for systemd 252 as the manager of one service, for tests: what sd_notify(3), sd_pid_notify_with_fds(3),
sd_listen_fds(3), sd_watchdog_enabled(3) and systemd.service(5) say of Type=notify, NotifyAccess=main, Restart=always,
KillMode=mixed, WatchdogSec=, WatchdogSignal=SIGKILL and FileDescriptorStoreMax=.

    service_manager.py [--abstract] [--watchdog SECONDS] [--stop-timeout SECONDS] [--store N] [--listen NAME=HOST:PORT]... DIR COMMAND...

SIGUSR1 is `systemctl restart`, SIGHUP `systemctl reload` (with ExecReload=kill -HUP $MAINPID), SIGTERM `systemctl stop`. What
happens is printed, a line each.
"""

import argparse
import array
import ctypes
import os
import select
import signal
import socket
import struct
import sys
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
libc = ctypes.CDLL(None)


def say(*words):
    print(*words, flush=True)


def read_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--abstract', action='store_true')
    parser.add_argument('--watchdog', type=float)
    parser.add_argument('--stop-timeout', type=float, default=40)
    parser.add_argument('--store', type=int, default=64)
    parser.add_argument('--listen', action='append', default=[])
    parser.add_argument('directory')
    parser.add_argument('command', nargs=argparse.REMAINDER)
    return parser.parse_args()


class Service:
    def __init__(self, options):
        self.options = options
        self.store = []  # (name, descriptor)
        self.units = []  # the same, of socket units
        for text in options.listen:
            name, address = text.split('=')
            host, port = address.rsplit(':', 1)
            listener = socket.create_server((host, int(port)), backlog=4096)
            self.units.append((name, listener.detach()))
        self.address = ('\0' if options.abstract else '') + options.directory + '/notify'
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.notify.bind(self.address)
        self.main = None
        self.watchdog_due = None
        self.ready = False

    def start(self):
        sockets = self.units + self.store
        self.ready, self.watchdog_due = False, None
        pid = os.fork()
        if pid == 0:
            self.run(sockets)
        self.main = pid
        say('main', pid, 'with', len(sockets), 'sockets')

    def run(self, sockets):
        try:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.setsid()
            for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            environment = dict(os.environ, NOTIFY_SOCKET=self.address.replace('\0', '@'))
            copies = [fcntl_duplicate(descriptor, 3 + len(sockets)) for _, descriptor in sockets]
            for index, copy in enumerate(copies):
                os.dup2(copy, 3 + index, inheritable=True)
            os.closerange(3 + len(sockets), 4096)
            if sockets:
                environment['LISTEN_FDS'] = str(len(sockets))
                environment['LISTEN_PID'] = str(os.getpid())
                environment['LISTEN_FDNAMES'] = ':'.join(name for name, _ in sockets)
            if self.options.watchdog:
                environment['WATCHDOG_USEC'] = str(int(self.options.watchdog * 1e6))
                environment['WATCHDOG_PID'] = str(os.getpid())
            os.execvpe(self.options.command[0], self.options.command, environment)
        finally:
            os._exit(203)

    def heard(self):
        data, control, _, _ = self.notify.recvmsg(4096, 65536, socket.MSG_CMSG_CLOEXEC)
        descriptors, sender = array.array('i'), 0
        for level, kind, content in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
            elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                sender = struct.unpack('3i', content)[0]
        words = dict(line.split('=', 1) for line in data.decode().splitlines())
        if sender != self.main:  # NotifyAccess=main
            say('ignored', sender, words)
            descriptors and [os.close(number) for number in descriptors]
            return
        if words.get('FDSTORE') == '1':
            self.keep(words, descriptors)
        elif words.get('FDSTOREREMOVE') == '1':
            for name, descriptor in [entry for entry in self.store if entry[0] == words['FDNAME']]:
                os.close(descriptor)
                self.store.remove((name, descriptor))
            say('forgot', words['FDNAME'])
        say('notify', ' '.join(f'{key}={value}' for key, value in words.items()))
        if words.get('READY') == '1':
            self.ready = True
        if self.options.watchdog and self.ready and ('READY' in words or 'WATCHDOG' in words):
            self.watchdog_due = time.monotonic() + self.options.watchdog
        if words.get('STOPPING') == '1':
            self.watchdog_due = None

    def keep(self, words, descriptors):
        if words.get('FDPOLL') != '0':
            say('FDPOLL is not off')
        known = {os.fstat(descriptor).st_ino for _, descriptor in self.store}
        for descriptor in descriptors:
            if os.fstat(descriptor).st_ino in known or len(self.store) >= self.options.store:
                os.close(descriptor)
            else:
                self.store.append((words.get('FDNAME', 'stored'), descriptor))
        say('stored', len(descriptors), words.get('FDNAME'))

    def reap(self):
        """Whether the main process has ended."""
        ended = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid == self.main:
                say('main ended', os.waitstatus_to_exitcode(status))
                ended = True
        if ended:
            while select.select([self.notify], [], [], 0)[0]:
                self.heard()
            self.main = None
            self.kill_rest()
        return ended

    def kill_rest(self):
        """KillMode=mixed: what is left of the service when its main process is gone. It has become ours."""
        while rest := children():
            for pid in rest:
                os.kill(pid, signal.SIGKILL)
            for pid in rest:
                os.waitpid(pid, 0)

    def wait(self, seconds):
        readable, _, _ = select.select([self.notify, wake_reader], [], [], seconds)
        if wake_reader in readable:
            os.read(wake_reader, 4096)
        if self.notify in readable:
            self.heard()

    def stop(self):
        os.kill(self.main, signal.SIGTERM)
        deadline = time.monotonic() + self.options.stop_timeout
        while not self.reap():
            if time.monotonic() > deadline:
                say('timeout of the stop')
                os.kill(self.main, signal.SIGKILL)
                deadline += 1000
            self.wait(1)


def fcntl_duplicate(descriptor, minimum):
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, minimum)


def children():
    own, found = os.getpid(), []
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open(f'/proc/{name}/stat') as file:
                if int(file.read().rsplit(')', 1)[1].split()[1]) == own:
                    found.append(int(name))
        except OSError:
            pass
    return found


asked = []
wake_reader, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)


def main():
    options = read_arguments()
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.set_wakeup_fd(wake_writer)
    for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.append(number))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    service = Service(options)
    service.start()
    while True:
        due = service.watchdog_due
        service.wait(max(0, due - time.monotonic()) if due else None)
        if service.reap():
            time.sleep(0.1)  # RestartSec
            service.start()
        due = service.watchdog_due
        if due and due < time.monotonic():
            say('watchdog timeout')
            service.watchdog_due = None
            os.kill(service.main, signal.SIGKILL)
        while asked:
            number = asked.pop(0)
            if number == signal.SIGHUP:
                os.kill(service.main, signal.SIGHUP)
                continue
            service.stop()
            if number == signal.SIGTERM:
                return 0
            service.start()


if __name__ == '__main__':
    sys.exit(main())
