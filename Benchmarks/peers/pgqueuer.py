"""pgqueuer on PostgreSQL (asyncpg, durability `durable`): enqueue one by one; 16 workers in 2 processes, batches of 10.

Beside its own work each insert fires a trigger that notifies the workers, which serialises commits; each finished job
is moved to a log table. Clients are tasks of asyncio in two Python processes, each task with a connection of its own:
with 64 of them the client takes about as much of the processors as the server (`client_cpu_seconds`). A job counts as
finished when its function returns; pgqueuer records that in batches of 10, moments later.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from importlib import metadata

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from peers.clients import AsyncProducer, blocking, in_tasks, python_clients
from peers.load import Load, Producer
from peers.postgresql import PostgresPeer


NO_JIT = {"jit": "off"}
"""As asyncpg's manual advises: its look-up of types is compiled at great cost otherwise, once a connection."""
ENQUEUE_TYPES = "SELECT $1::int[], $2::text[], $3::bytea[], $4::interval[], $5::text[], $6::jsonb[]"
"""Each connection asks for these once, so that looking up types is over when the clock starts."""


class PgQueuerPeer(PostgresPeer):
    worker_processes = 2

    def start(self) -> None:
        super().start()
        asyncio.run(self.install())

    def version(self) -> str:
        return f"{metadata.version('pgqueuer')} (PostgreSQL {super().version()})"

    async def install(self) -> None:
        connection = await asyncpg.connect(self.address)
        await Queries(AsyncpgDriver(connection)).install()
        await connection.close()

    async def connection_without_jit(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.address, server_settings=NO_JIT)

    @contextlib.asynccontextmanager
    async def connecting(self, clients: int) -> AsyncIterator[Sequence[AsyncProducer]]:
        connections = [await self.connection_without_jit() for _ in range(clients)]
        for connection in connections:
            await connection.fetch(ENQUEUE_TYPES, [], [], [], [], [], [])
        yield [self.producer_on(connection) for connection in connections]
        for connection in connections:
            await connection.close()

    def producer_on(self, connection: asyncpg.Connection) -> AsyncProducer:
        queries, payload = Queries(AsyncpgDriver(connection)), self.text.encode()

        async def produce() -> None:
            await queries.enqueue("job", payload)

        return produce

    def load(self, clients: int, seconds: float) -> Load:
        return python_clients(clients, seconds, in_tasks(self.connecting), processes=2)

    def producer(self) -> AbstractContextManager[Producer]:
        return blocking(self.connecting)

    def work(self, concurrency: int, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        asyncio.run(self.work_async(started, finished))

    async def work_async(self, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        queue = PgQueuer.from_asyncpg_connection(await self.connection_without_jit())

        @queue.entrypoint("job")
        async def run(job: Job) -> None:
            started()
            finished(1)

        await queue.run(batch_size=10)
