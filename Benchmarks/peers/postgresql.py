"""PostgreSQL without a library: INSERT, its own transaction; FOR UPDATE SKIP LOCKED, then DELETE, by 16 workers.

Every statement is a transaction that is synced before its answer; transactions that end together share a sync. Each of
the 64 connections is a process of the server, so the two processors are the limit. The configuration is initdb's own,
with room for the connections. Inserting is a prepared statement sent from C as `pgbench -M prepared` would; workers are
processes with psycopg 3 that claim 10 jobs in one transaction and delete them in another. When there is nothing they
ask again after 5 ms, which is what the idle start consists of: a NOTIFY at each insert would serialise the commits. The
bytes a job are those of the table and its indexes, without the log (WAL).
"""

import glob
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from peers.load import WireRequest
from peers.peer import Peer, WirePeer
from peers.server import PeerFailed, Server, connect, free_port

SCHEMA = """
CREATE TABLE jobs (id bigserial PRIMARY KEY, claimed_at timestamptz, body text NOT NULL);
CREATE INDEX jobs_waiting ON jobs (id) WHERE claimed_at IS NULL;
"""
CLAIM = """
UPDATE jobs SET claimed_at = now() WHERE id IN (
    SELECT id FROM jobs WHERE claimed_at IS NULL ORDER BY id LIMIT 10 FOR UPDATE SKIP LOCKED) RETURNING id, body
"""
POLL_SECONDS = 0.005
READY = b"Z\0\0\0\x05I"
"""The server's message that it waits for the next command, outside a transaction."""


def program(name: str) -> Path:
    """The newest installed version's: Debian keeps them off the PATH."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4]))
    path = found[-1] if found else shutil.which(name)
    if not path:
        raise PeerFailed(f"{name} is missing; apt-get install postgresql")
    return Path(path)


def message(kind: bytes, content: bytes = b"") -> bytes:
    return kind + struct.pack(">L", len(content) + 4) + content


class PostgresPeer(Peer):
    """A cluster of its own; what pgqueuer and procrastinate share with the bare peer."""

    def start(self) -> None:
        self.port, data = free_port(), self.folder / "cluster"
        data.mkdir()
        user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        if user:
            shutil.chown(data, user, user)
        make = [program("initdb"), "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-locale"]
        done = subprocess.run(make, user=user, cwd="/", capture_output=True)
        if done.returncode:
            hint = f" The user {user} must get through to that folder; RELAY_BENCH_DIR names another." if user else ""
            raise PeerFailed(f"initdb: {done.stderr.decode()[-600:].strip()}{hint}")
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [program("postgres"), "-D", data, "-p", str(self.port), *options]
        self.server = Server(command, self.folder, user=user, stop_signal=signal.SIGINT)
        self.server.wait_until(self.answers)

    @property
    def address(self) -> str:
        return f"postgresql://bench@127.0.0.1:{self.port}/postgres"

    def connection(self) -> psycopg.Connection:
        return psycopg.connect(self.address, autocommit=True)

    def answers(self) -> bool:
        try:
            self.connection().close()
        except psycopg.OperationalError:
            return False
        return True

    def version(self) -> str:
        with self.connection() as connection:
            return connection.execute("SHOW server_version").fetchone()[0].split()[0]

    def stored_bytes(self) -> int:
        """Tables and indexes of users, as files, after a checkpoint."""
        with self.connection() as connection:
            connection.execute("CHECKPOINT")
            return connection.execute(
                "SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_stat_user_tables").fetchone()[0]


class PostgreSQL(PostgresPeer, WirePeer):
    def start(self) -> None:
        super().start()
        with self.connection() as connection:
            connection.execute(SCHEMA)

    def open(self) -> socket.socket:
        connection = connect(self.port)
        start = b"user\0bench\0database\0postgres\0\0"
        connection.sendall(struct.pack(">LL", len(start) + 8, 3 << 16) + start)
        self.until_ready(connection)
        connection.sendall(message(b"P", b"put\0INSERT INTO jobs (body) VALUES ($1)\0\0\0") + message(b"S"))
        self.until_ready(connection)
        return connection

    def until_ready(self, connection: socket.socket) -> None:
        reply = b""
        while not reply.endswith(READY):
            part = connection.recv(65536)
            reply += part
            if not part or reply.startswith(b"E"):
                raise PeerFailed(f"PostgreSQL refused: {reply[:300]!r}")

    def enqueueing(self) -> WireRequest:
        body = self.text.encode()
        bind = b"\0put\0" + struct.pack(">HHL", 0, 1, len(body)) + body + struct.pack(">H", 0)
        request = message(b"B", bind) + message(b"E", b"\0" + struct.pack(">L", 0)) + message(b"S")
        return WireRequest(request, beginning=b"2", ending=READY, minimum=20)

    def work(self, concurrency: int, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        connection = self.connection()
        while True:
            claimed = connection.execute(CLAIM).fetchall()
            if not claimed:
                time.sleep(POLL_SECONDS)
                continue
            started()
            connection.execute("DELETE FROM jobs WHERE id = ANY(%s)", ([identifier for identifier, _ in claimed],))
            finished(len(claimed))
