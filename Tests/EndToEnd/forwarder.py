"""A TCP forwarder as a program: passes bytes both ways, each piece after a delay. It may leave by an address of its own.

Usage: forwarder.py LISTEN_HOST TARGET_HOST:PORT DELAY_SECONDS [SOURCE_HOST]
"""

import asyncio
import sys

PIECE = 512


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    try:
        while piece := await reader.read(PIECE):
            await asyncio.sleep(delay)
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(host: str, target: str, delay: float, source: str | None) -> None:
    to_host, to_port = target.rsplit(":", 1)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = await asyncio.open_connection(to_host, int(to_port), local_addr=(source, 0) if source else None)
        except OSError:
            return writer.close()
        await asyncio.gather(pass_on(reader, far[1], delay), pass_on(far[0], writer, delay))

    server = await asyncio.start_server(serve, host, 0)
    print(f"forwarder listening on http://{host}:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(main(arguments[0], arguments[1], float(arguments[2]), arguments[3] if len(arguments) > 3 else None))
