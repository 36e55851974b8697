"""A TCP forwarder as a program: passes bytes both ways, each piece after a delay. It may leave by an address of its own.

Usage: forwarder.py LISTEN_HOST TARGET_HOST:PORT DELAY_SECONDS [--port PORT] [--source HOST]
           [--tls CERTIFICATE KEY] [--delays FILE]

FILE holds a JSON object of further delays in seconds by the client's address. It is read anew before each piece.
"""

import argparse
import asyncio
import json
import ssl
from collections.abc import Callable
from pathlib import Path

PIECE = 512


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: Callable[[], float]) -> None:
    try:
        while piece := await reader.read(PIECE):
            await asyncio.sleep(delay())
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(chosen: argparse.Namespace) -> None:
    to_host, to_port = chosen.target.rsplit(":", 1)
    source = (chosen.source, 0) if chosen.source else None

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = await asyncio.open_connection(to_host.strip("[]"), int(to_port), local_addr=source)
        except OSError:
            return writer.close()
        client = writer.get_extra_info("peername")[0]

        def delay() -> float:
            more = json.loads(Path(chosen.delays).read_text()).get(client, 0) if chosen.delays else 0
            return chosen.delay + more

        await asyncio.gather(pass_on(reader, far[1], delay), pass_on(far[0], writer, delay))

    context = None
    if chosen.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*chosen.tls)
    server = await asyncio.start_server(serve, chosen.host, chosen.port, ssl=context)
    host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
    print(f"forwarder listening on http://{host}:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("target")
    parser.add_argument("delay", type=float)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--source")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--delays")
    asyncio.run(main(parser.parse_args()))
