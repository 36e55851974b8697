"""What the queues that live in an SQLite file share."""

import contextlib
import sqlite3
from pathlib import Path

from peers.peer import Peer
from peers.server import PeerFailed, disk_bytes


class SqlitePeer(Peer):
    """No server: clients and workers open the file themselves."""

    library_version: str

    @property
    def file(self) -> Path:
        return self.folder / "queue.sqlite"

    def version(self) -> str:
        return f"{self.library_version} (SQLite {sqlite3.sqlite_version})"

    def stored_bytes(self) -> int:
        """With the log (WAL) folded into the file."""
        with contextlib.closing(sqlite3.connect(self.file, timeout=30)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return disk_bytes(self.folder)


def check_synced(connection: sqlite3.Connection) -> None:
    """FULL is 2: in WAL mode the log is synced at every commit."""
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
    if found != [2, "wal"]:
        raise PeerFailed(f"the queue's connection has synchronous, journal_mode = {found}: not synced at each commit")
