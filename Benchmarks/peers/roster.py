"""Who is measured, and what must be installed first. Nothing here imports a peer: its packages may be missing yet."""

import ast
import importlib
from dataclasses import dataclass
from pathlib import Path

from peers.peer import Peer


@dataclass(frozen=True)
class Entry:
    name: str
    module: str
    type_name: str
    packages: tuple[str, ...] = ()
    """Debian packages."""
    requirements: tuple[str, ...] = ()
    """From PyPI, with the versions that were tried."""

    def summary(self) -> str:
        """The first line of the module's docstring, read without importing it."""
        source = (Path(__file__).parent / f"{self.module}.py").read_text()
        return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]

    def load(self) -> type[Peer]:
        return getattr(importlib.import_module(f"peers.{self.module}"), self.type_name)


PSYCOPG = "psycopg[binary]==3.3.9"
ROSTER = (
    Entry("redis", "redis_streams", "RedisStreams", ("redis-server",), ("redis[hiredis]==8.1.0",)),
    Entry("rabbitmq", "rabbitmq", "RabbitMQ", ("rabbitmq-server",), ("pamqp==4.0.1",)),
    Entry("beanstalkd", "beanstalkd", "Beanstalkd", ("beanstalkd",)),
    Entry("postgresql", "postgresql", "PostgreSQL", ("postgresql",), (PSYCOPG,)),
    Entry("pgqueuer", "pgqueuer", "PgQueuerPeer", ("postgresql",), (PSYCOPG, "pgqueuer==1.6.0", "asyncpg==0.32.0")),
    Entry("procrastinate", "procrastinate", "Procrastinate", ("postgresql",),
          (PSYCOPG, "psycopg-pool==3.3.3", "procrastinate==3.10.0")),
    Entry("huey", "huey", "Huey", (), ("huey==3.5.4",)),
    Entry("litequeue", "litequeue", "LiteQueuePeer", (), ("litequeue==0.9",)),
)
