"""An upstream that keeps every byte it is sent and answers what a test tells it to: what claude-sim, which judges its
requests, would refuse, and what it would not show."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MESSAGE = (b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"ok"}],'
           b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}')
def _event(name: bytes, rest: bytes = b"") -> bytes:
    return b'event: %b\ndata: {"type":"%b"%b}\n\n' % (name, name, rest)


EVENTS = [
    _event(b"message_start", b',"message":' + MESSAGE.replace(b'"end_turn"', b"null")),
    _event(b"content_block_start", b',"index":0,"content_block":{"type":"text","text":""}'),
    _event(b"content_block_delta", b',"index":0,"delta":{"type":"text_delta","text":"ok"}'),
    _event(b"content_block_stop", b',"index":0'),
    _event(b"message_delta", b',"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}'),
    _event(b"message_stop"),
]


@dataclass
class Received:
    """One request, as it came over the wire."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    # Set when the answer could not be delivered: whoever called has gone.
    gone: threading.Event = field(default_factory=threading.Event)

    def header(self, name: str) -> str | None:
        return ", ".join(value for key, value in self.headers if key.lower() == name) or None


@dataclass
class Reply:
    """One answer; a body in pieces is sent in chunks, each piece as soon as it is there."""

    body: bytes | Iterable[bytes] = MESSAGE
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=lambda: [("content-type", "application/json")])


def events(pieces: Iterable[bytes] = tuple(EVENTS)) -> Reply:
    return Reply(pieces, headers=[("content-type", "text/event-stream; charset=utf-8"), ("request-id", "req_up")])


class Recorder:
    """Listens on loopback; `answer` makes the reply to a request, or waits as long as a test wants it to."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Reply] = lambda _: Reply()
        self.server = _Server(("127.0.0.1", 0), self._handler())
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def last(self) -> Received:
        return self.received[-1]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                request = Received(self.command, self.path, self.headers.items(), self.rfile.read(length))
                owner.received.append(request)
                try:
                    self.reply(owner.answer(request))
                except OSError:
                    self.close_connection = True
                    request.gone.set()

            def reply(self, reply: Reply) -> None:
                self.send_response_only(reply.status)
                whole = isinstance(reply.body, bytes)
                frame = ("content-length", str(len(reply.body))) if whole else ("transfer-encoding", "chunked")
                for name, value in [*reply.headers, frame]:
                    self.send_header(name, value)
                self.end_headers()
                if whole:
                    self.wfile.write(reply.body)
                    return
                for piece in reply.body:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")

            do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = serve

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 512
