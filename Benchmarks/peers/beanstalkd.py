"""beanstalkd with a log that is synced at each write (`-b DIR -f0`): put, then reserve + delete by 16 workers.

One thread, and one sync for every put and every delete: no group commit, so 64 clients gain little over one and the
disk is the limit. Workers are processes on plain sockets, one job at a time, as the protocol has it. Reserving is not
logged: after a crash a reserved job is ready again. The log's files are preallocated, 10 MB each; the bytes a job are
those written.
"""

import socket
import subprocess
from collections.abc import Callable

from peers.load import WireRequest
from peers.peer import WirePeer
from peers.server import PeerFailed, Server, accepts, connect, free_port


class Beanstalkd(WirePeer):
    def start(self) -> None:
        self.port = free_port()
        log = self.folder / "binlog"
        log.mkdir()
        command = ["beanstalkd", "-l", "127.0.0.1", "-p", str(self.port), "-b", log, "-f0"]
        self.server = Server(command, self.folder)
        self.server.wait_until(lambda: accepts(self.port))

    def version(self) -> str:
        return subprocess.run(["beanstalkd", "-v"], capture_output=True, check=True).stdout.decode().split()[-1]

    def stored_bytes(self) -> int:
        return sum(len(file.read_bytes().rstrip(b"\0")) for file in (self.folder / "binlog").glob("binlog.*"))

    def open(self) -> socket.socket:
        return connect(self.port)

    def enqueueing(self) -> WireRequest:
        body = self.text.encode()
        request = b"put 0 0 60 %d\r\n%s\r\n" % (len(body), body)
        return WireRequest(request, beginning=b"INSERTED ", ending=b"\r\n", minimum=12)

    def work(self, concurrency: int, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        connection = self.open()
        connection.settimeout(None)
        replies = connection.makefile("rb")
        while True:
            connection.sendall(b"reserve\r\n")
            word, identifier, size = replies.readline().split()
            if word != b"RESERVED":
                raise PeerFailed(f"beanstalkd answered {word!r} to reserve")
            replies.read(int(size) + 2)
            started()
            connection.sendall(b"delete %s\r\n" % identifier)
            answer = replies.readline()
            if answer != b"DELETED\r\n":
                raise PeerFailed(f"beanstalkd answered {answer!r} to delete")
            finished(1)
