"""An HTTP/2 server over TLS whose every answer a test chooses: it refuses streams, says goodbye, or closes."""

import contextlib
import os
import socket
import ssl
import struct
import threading
from dataclasses import dataclass

import h2.config
import h2.connection
import h2.errors
import h2.events
import hyperframe.frame

from tls_front import Authority
from world import World

ANSWER = b'{"type":"message","content":[]}'


@dataclass
class Request:
    connection: int
    method: str
    path: str
    fate: str


class H2Server:
    """Each request meets the next of `fates`, and `answer` when they are used up.

    `answer`; `refuse` resets the stream with REFUSED_STREAM; `close` and `reset` end the connection unanswered, `reset`
    without a goodbye; `last` answers, and then ends the idle connection, of which it has read all that comes: what is unread would
    reset it, and the answer might be lost. `hold` waits for the connection's next request. If that
    meets `goaway`, the server says GOAWAY, which leaves it out, and answers the one held once a request has come over
    another connection.
    """

    def __init__(self, world: World, authority: Authority, *fates: str):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.certificate, authority.key)
        self.context.set_alpn_protocols(["h2"])
        self.fates, self.requests, self.connections = list(fates), [], 0
        self.closed, self.lock = threading.Semaphore(0), threading.Lock()
        self.has_moved, self.has_ended, self.stays_open = threading.Event(), threading.Event(), False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.base = f"https://localhost:{self.address[1]}"
        threading.Thread(target=self.accept, daemon=True).start()
        world.closers.append(self.close)

    def close(self) -> None:
        self.has_ended.set()
        self.listener.close()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain = self.listener.accept()[0]
                self.connections += 1
                threading.Thread(target=self.serve, args=(plain, self.connections), daemon=True).start()

    def serve(self, plain: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            with self.context.wrap_socket(plain, server_side=True) as connection:
                talk = Talk(self, connection, number)
                with talk.plain:
                    talk.run()
        self.closed.release()

    def meet(self, connection: int, method: str, path: str) -> str:
        with self.lock:
            fate = self.fates.pop(0) if self.fates else "answer"
            self.requests.append(Request(connection, method, path, fate))
            if connection > 1:
                self.has_moved.set()
            return fate


class Talk:
    """One connection."""

    def __init__(self, server: H2Server, connection: ssl.SSLSocket, number: int):
        self.server, self.connection, self.number = server, connection, number
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.plain = socket.socket(fileno=os.dup(connection.fileno()))
        self.heads, self.held, self.last, self.is_settled = {}, None, None, False

    def run(self) -> None:
        self.h2.initiate_connection()
        self.flush()
        while self.has_more() and (data := self.connection.recv(65536)):
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.heads[event.stream_id] = dict(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.SettingsAcknowledged):
                    self.is_settled = True
                elif isinstance(event, h2.events.StreamEnded) and not self.take(event.stream_id):
                    return
            self.flush()
            if self.last is not None and self.is_settled:
                self.answer(self.last)
                return self.flush()

    def has_more(self) -> bool:
        """Whether TLS may look: of a connection that has just ended it would tell the client."""
        if self.connection.pending() or self.plain.recv(1, socket.MSG_PEEK):
            return True
        if self.server.stays_open:
            self.server.has_ended.wait()
        return False

    def take(self, stream: int) -> bool:
        """False ends the connection."""
        head = self.heads.pop(stream)
        fate = self.server.meet(self.number, head[":method"], head[":path"])
        if fate == "refuse":
            self.h2.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
        elif fate == "hold":
            self.held = stream
        elif fate == "last":
            self.last = stream
        elif fate == "goaway":
            self.leave()
        elif fate == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fate != "close":
            self.answer(stream)
        self.flush()
        return fate not in ("goaway", "close", "reset")

    def answer(self, stream: int) -> None:
        head = [(":status", "200"), ("content-type", "application/json"), ("content-length", str(len(ANSWER)))]
        self.h2.send_headers(stream, head)
        self.h2.send_data(stream, ANSWER, end_stream=True)

    def leave(self) -> None:
        # By hand: the library takes the connection for closed once it has said so itself.
        self.connection.sendall(hyperframe.frame.GoAwayFrame(0, last_stream_id=self.held).serialize())
        assert self.server.has_moved.wait(20), "the call that was left out has not come again"
        self.answer(self.held)

    def flush(self) -> None:
        if data := self.h2.data_to_send():
            self.connection.sendall(data)
