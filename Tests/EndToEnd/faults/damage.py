"""Damage to the queue's file, as a bad disk does it."""

import contextlib
import random
import sqlite3
from pathlib import Path

PAGE = 8192


def merge_log(queue: Path) -> int:
    """Moves the write-ahead log of a stopped relay into its file. Returns the file's pages."""
    with contextlib.closing(sqlite3.connect(queue)) as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert not busy, "the queue is still in use"
    return queue.stat().st_size // PAGE


def spoil_page(queue: Path, number: int, seed: int = 3) -> None:
    """Overwrites the page `number`, from 1, with noise."""
    with open(queue, "r+b") as file:
        file.seek((number - 1) * PAGE)
        file.write(random.Random(seed).randbytes(PAGE))
