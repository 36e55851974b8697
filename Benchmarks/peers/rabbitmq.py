"""RabbitMQ, a durable classic queue: persistent messages with publisher confirms; 16 consumers with a prefetch of 50.

A confirm comes when the message has been written and synced; the broker syncs for many messages at once, in moments
of its own choosing. It is an Erlang program that uses both processors, and so is limited by them more than by the
disk. Publishers are AMQP frames from C, consumers are processes that walk over raw frames. A consumer's acknowledgement
has no answer and is synced later: a crash may deliver such jobs again. So its drain is *not* as durable as that of the
others.
"""

import socket
import struct
from collections.abc import Callable

from pamqp import base, commands, frame
from pamqp.header import ContentHeader, ProtocolHeader

from peers.load import WireRequest
from peers.peer import WirePeer
from peers.server import PeerFailed, Server, accepts, connect, free_port

PREFETCH = 50
METHOD, BODY = 1, 3
CHANNEL = 1


class Connection:
    """Just enough AMQP 0-9-1 to log in and declare; the hot paths below do without it."""

    def __init__(self, port: int) -> None:
        self.socket = connect(port)
        self.replies = self.socket.makefile("rb")
        self.properties: dict[str, object] = {}
        self.socket.sendall(ProtocolHeader(0, 9, 1).marshal())
        self.properties = self.expect(commands.Connection.Start).server_properties
        self.send(commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"), channel=0)
        tune = self.expect(commands.Connection.Tune)
        self.send(commands.Connection.TuneOk(tune.channel_max, tune.frame_max, 0), channel=0)
        self.ask(commands.Connection.Open("/"), commands.Connection.OpenOk, channel=0)
        self.ask(commands.Channel.Open(), commands.Channel.OpenOk)

    def send(self, method: base.Frame, channel: int = CHANNEL) -> None:
        self.socket.sendall(frame.marshal(method, channel))

    def next_frame(self) -> tuple[int, bytes]:
        """Kind and payload."""
        kind, _, size = struct.unpack(">BHL", self.replies.read(7))
        payload = self.replies.read(size + 1)
        return kind, payload[:-1]

    def expect(self, kind: type[base.Frame]) -> base.Frame:
        number, payload = self.next_frame()
        _, _, method = frame.unmarshal(struct.pack(">BHL", number, CHANNEL, len(payload)) + payload + b"\xce")
        if not isinstance(method, kind):
            raise PeerFailed(f"RabbitMQ answered {method.name}, not {kind.name}")
        return method

    def ask(self, method: base.Frame, answer: type[base.Frame], channel: int = CHANNEL) -> base.Frame:
        self.send(method, channel)
        return self.expect(answer)


class RabbitMQ(WirePeer):
    names: Server | None = None

    def start(self) -> None:
        self.port, names_port, node_port = free_port(), free_port(), free_port()
        # A name service of our own: Erlang would otherwise start one that outlives the broker.
        self.names = Server(["epmd", "-port", str(names_port), "-address", "127.0.0.1"], self.folder)
        self.names.wait_until(lambda: accepts(names_port))
        environment = {
            "HOME": str(self.folder), "ERL_EPMD_PORT": str(names_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"bench{self.port}@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port), "RABBITMQ_DIST_PORT": str(node_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"), "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none")}
        self.server = Server(["/usr/lib/rabbitmq/bin/rabbitmq-server"], self.folder, environment=environment)
        self.server.wait_until(lambda: accepts(self.port))
        connection = Connection(self.port)
        connection.ask(commands.Queue.Declare(queue="jobs", durable=True), commands.Queue.DeclareOk)
        self.found_version = str(connection.properties["version"])
        connection.socket.close()

    def version(self) -> str:
        return self.found_version

    def open(self) -> socket.socket:
        connection = Connection(self.port)
        connection.ask(commands.Confirm.Select(), commands.Confirm.SelectOk)
        return connection.socket

    def enqueueing(self) -> WireRequest:
        body = self.text.encode()
        header = ContentHeader(body_size=len(body), properties=commands.Basic.Properties(delivery_mode=2))
        body_frame = struct.pack(">BHL", BODY, CHANNEL, len(body)) + body + b"\xce"
        request = frame.marshal(commands.Basic.Publish(routing_key="jobs"), CHANNEL)
        acknowledgement = struct.pack(">BHLHH", METHOD, CHANNEL, 13, 60, 80)
        return WireRequest(request + frame.marshal(header, CHANNEL) + body_frame, acknowledgement, b"\xce", 21)

    def work(self, concurrency: int, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        connection = Connection(self.port)
        connection.socket.settimeout(None)
        connection.ask(commands.Basic.Qos(prefetch_count=PREFETCH), commands.Basic.QosOk)
        connection.ask(commands.Basic.Consume(queue="jobs"), commands.Basic.ConsumeOk)
        tag = b""
        while True:
            kind, payload = connection.next_frame()
            if kind == METHOD:  # Basic.Deliver: class, method, consumer tag as a short string, then the delivery tag
                tag = payload[5 + payload[4]:13 + payload[4]]
            elif kind == BODY:
                started()
                connection.socket.sendall(struct.pack(">BHLHH", METHOD, CHANNEL, 13, 60, 80) + tag + b"\0\xce")
                finished(1)

    def stop(self) -> None:
        super().stop()
        if self.names:
            self.names.stop()
