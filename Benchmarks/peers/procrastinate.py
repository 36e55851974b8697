"""procrastinate on PostgreSQL (psycopg 3): defer one by one; 16 workers as 2 processes with a concurrency of 8.

Every transition is a stored function in a transaction of its own, triggers write an event for each, and each insert
notifies the workers. Clients are tasks of asyncio in two Python processes, each with a connection of its pool; the
library's own Python takes a good part of the processors (`client_cpu_seconds`). Ended jobs stay in the table, as is its
default. A job counts as finished when its function returns, moments before that is recorded.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from importlib import metadata

from procrastinate import App, PsycopgConnector
from procrastinate.tasks import Task

from peers.clients import AsyncProducer, blocking, in_tasks, python_clients
from peers.load import Load, Producer
from peers.postgresql import PostgresPeer


class Procrastinate(PostgresPeer):
    worker_processes = 2

    def start(self) -> None:
        super().start()
        asyncio.run(self.install())

    def version(self) -> str:
        return f"{metadata.version('procrastinate')} (PostgreSQL {super().version()})"

    async def install(self) -> None:
        app, _ = self.app(1, lambda: None, lambda jobs: None)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    def app(self, connections: int, started: Callable[[], None], finished: Callable[[int], None]) -> tuple[App, Task]:
        app = App(connector=PsycopgConnector(conninfo=self.address, min_size=connections, max_size=connections))

        @app.task(name="job")
        async def job(body: str) -> None:
            started()
            finished(1)

        return app, job

    @contextlib.asynccontextmanager
    async def connecting(self, clients: int) -> AsyncIterator[Sequence[AsyncProducer]]:
        app, job = self.app(clients, lambda: None, lambda jobs: None)
        async with app.open_async():
            async def produce() -> None:
                await job.defer_async(body=self.text)

            await app.connector.pool.wait()
            yield [produce] * clients

    def load(self, clients: int, seconds: float) -> Load:
        return python_clients(clients, seconds, in_tasks(self.connecting), processes=2)

    def producer(self) -> AbstractContextManager[Producer]:
        return blocking(self.connecting)

    def work(self, concurrency: int, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        asyncio.run(self.work_async(concurrency, started, finished))

    async def work_async(self, concurrency: int, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        app, _ = self.app(concurrency + 1, started, finished)  # one more to listen on
        async with app.open_async():
            await app.run_worker_async(concurrency=concurrency, install_signal_handlers=False)
