"""HTTP/1.1 as the harness needs it: kept-alive connections that break when the relay is killed."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Self

READ_LIMIT = 64 * 1024 * 1024


class Dropped(Exception):
    """The connection ended before the answer was complete: nobody knows whether the request was taken."""


class Refused(Exception):
    """There was no connection: the request was certainly not taken."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    """The first line, and the fields by lower-case name."""
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines if line)
    return first, {name.lower(): value.strip() for name, _, value in fields}


class Connection:
    """One connection to a relay, made anew after each break."""

    def __init__(self, base: str, token: str = "", timeout: float = 30) -> None:
        self.host, _, port = base.removeprefix("http://").partition(":")
        self.port, self.token, self.timeout = int(port), token, timeout
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def get(self, path: str) -> Answer:
        return await self.request("GET", path)

    async def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Raises `Refused` or `Dropped`; a header's name is written with `_` for `-`."""
        await self.send(method, path, body, **headers)
        try:
            async with asyncio.timeout(self.timeout):
                return await self.receive()
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise Dropped(repr(error)) from error

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        if self.streams and (self.streams[0].at_eof() or self.streams[1].is_closing()):
            self.close()  # broken while idle: nothing is in doubt
        _, writer = self.streams or await self.connect()
        fields = {"host": self.host, "content-length": str(len(body)), **headers}
        if self.token:
            fields["x-api-key"] = self.token
        lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {text}" for name, text in fields.items())]
        try:
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
        except OSError as error:
            self.close()
            raise Dropped(repr(error)) from error

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(5):
                self.streams = await asyncio.open_connection(self.host, self.port, limit=READ_LIMIT)
        except (OSError, TimeoutError) as error:
            raise Refused(repr(error)) from error
        return self.streams

    async def receive(self) -> Answer:
        if self.streams is None:
            raise EOFError("closed")
        reader = self.streams[0]
        first, headers = parse_head((await reader.readuntil(b"\r\n\r\n"))[:-4])
        length = int(headers.get("content-length", "0"))
        if headers.get("transfer-encoding") == "chunked":
            body = await self.chunks(reader)
        else:
            body = await reader.readexactly(length)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(first.split(" ")[1]), headers, body)

    async def chunks(self, reader: asyncio.StreamReader) -> bytes:
        parts = []
        while size := int((await reader.readline()).split(b";")[0] or b"x", 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return b"".join(parts)

    def close(self) -> None:
        if self.streams:
            with contextlib.suppress(OSError, RuntimeError):
                self.streams[1].transport.abort()
        self.streams = None
