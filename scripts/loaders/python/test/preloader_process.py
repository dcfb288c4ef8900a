"""A loader as a preloader: the test is the supervisor, which asks for forks and whose children the workers are."""

import collections
import ctypes
import json
import os
import select
import signal
import socket
import struct

from loader_process import SECONDS, LoaderProcess

PR_SET_CHILD_SUBREAPER = 36
CREDENTIALS = struct.Struct('3i')

Worker = collections.namedtuple('Worker', 'pid handshake log_path socket_path')


class PreloaderProcess(LoaderProcess):
    def __init__(self, files, **plan):
        # Workers whose parents have ended become the test's children, as they become the supervisor's.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # The kernel names the sender of each packet, as it does to the supervisor.
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._control.settimeout(SECONDS)
        owner, self._owner = os.pipe()
        self.given = [(control.fileno(), 5), (owner, 6)]
        self._tickets = 0
        self._workers = set()
        super().__init__(files, **{'listener': None, 'control': 5, 'owner': 6, **plan})
        control.close()
        os.close(owner)

    def ask_for_worker(self):
        """Sends the request; what comes of it is read by `control_message`."""
        self._tickets += 1
        socket_path = os.path.join(self.directory, f'w{self._tickets}.sock')
        log_path = os.path.join(self.directory, f'w{self._tickets}.log')
        with socket.socket(socket.AF_UNIX) as listener, open(log_path, 'ab') as log:
            listener.bind(socket_path)
            listener.listen(64)
            handshake, writer = os.pipe()
            descriptors = [listener.fileno(), writer, log.fileno(), log.fileno()]
            socket.send_fds(self._control, [b'spawn %d' % self._tickets], descriptors)
            os.close(writer)
        return handshake, log_path, socket_path

    def control_message(self):
        """A packet on the control socket, and the pid of the process that sent it."""
        message, ancillary, _, _ = self._control.recvmsg(256, socket.CMSG_SPACE(CREDENTIALS.size))
        return message.decode(), CREDENTIALS.unpack(ancillary[0][2])[0]

    def fork_worker(self):
        self.handshake()
        handshake, log_path, socket_path = self.ask_for_worker()
        message, pid = self.control_message()
        if message != f'born {self._tickets}':
            raise AssertionError(f'not born: {message}: {self.log()}')
        self._workers.add(pid)
        data = b''
        while piece := self._read(handshake):
            data += piece
        os.close(handshake)
        return Worker(pid, [json.loads(line) for line in data.splitlines()], log_path, socket_path)

    def _read(self, descriptor):
        if not select.select([descriptor], [], [], SECONDS)[0]:
            raise TimeoutError('no end of the handshake')
        return os.read(descriptor, 65536)

    def ask(self, worker, path):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SECONDS)
        self._connections.append(connection)
        connection.connect(worker.socket_path)
        return self.get(path, connection=connection)

    def wait_for(self, worker):
        """The exit status; a signal is a negative number."""
        descriptor = os.pidfd_open(worker.pid)
        try:
            if not select.select([descriptor], [], [], SECONDS)[0]:
                raise TimeoutError('the worker did not exit')
        finally:
            os.close(descriptor)
        self._workers.discard(worker.pid)
        return os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])

    def close_owner(self):
        os.close(self._owner)
        self._owner = None

    def hang_up(self):
        self._control.close()

    def close(self):
        for pid in self._workers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        super().close()
        self._control.close()
        if self._owner is not None:
            os.close(self._owner)
