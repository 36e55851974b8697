"""Damage to the queue's file, as a bad disk does it."""

import contextlib
import random
import sqlite3
from pathlib import Path

from faults.processes import another_client
from world import CONFIG, Client, World, eventually, job_line, message_body

PAGE = 8192
# Jobs of a process that vanished are taken up soon.
SHORT_LEASES = CONFIG.replace("lease: 3s", "lease: 1s")


def merge_log(queue: Path) -> None:
    """Moves the write-ahead log of a stopped relay into its file."""
    with contextlib.closing(sqlite3.connect(queue)) as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert not busy, "the queue is still in use"


def leaves(queue: Path, tree: str) -> list[int]:
    """The numbers of the pages that hold the rows of a table or the entries of an index, in their order."""
    with contextlib.closing(sqlite3.connect(queue)) as connection:
        found = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (tree,)).fetchall()
    assert found, f"no leaf of {tree}"
    return [number for number, in found]


def spoil_page(queue: Path, number: int, seed: int = 3) -> None:
    """Overwrites the page `number`, from 1, with noise."""
    with open(queue, "r+b") as file:
        file.seek((number - 1) * PAGE)
        file.write(random.Random(seed).randbytes(PAGE))


def damaged(world: World, tree: str, *places: float) -> tuple[dict[str, bytes], str]:
    """A folder with 60 ended and 140 queued jobs, then with spoilt leaves of `tree` at these shares of their number.

    Returns the bodies by job, and a client's token.
    """
    world.config.write_text(SHORT_LEASES.replace("max_attempts: 20", "max_attempts: 2"))
    sim, relay, client = world.serving()
    bodies = submitted(client, 60)
    eventually("the first have ended", lambda: client.count("succeeded") == 60)
    assert relay.stop() == 0
    intake = world.relay("api")
    bodies |= submitted(another_client(world, intake, client.token), 140)
    assert intake.stop() == 0
    queue = world.data / "relay.sqlite"
    merge_log(queue)
    pages = leaves(queue, tree)
    for place in places:
        spoil_page(queue, pages[int(len(pages) * place)])
    return bodies, client.token


def submitted(client: Client, count: int) -> dict[str, bytes]:
    """Submits jobs that fill about half a page each. Returns their bodies by job."""
    batch = [message_body(f"{number} of {count} " + "x" * 3000) for number in range(count)]
    answers = client.submit_many([job_line(body) for body in batch])
    return {answer["id"]: body for answer, body in zip(answers, batch)}


def outcome(client: Client, identifier: str, body: bytes) -> str:
    """What a client learns of a job: its state, `wrong` for another's answer, or the refusal's code."""
    answer = client.http.get(f"/v1/jobs/{identifier}")
    if answer.status_code != 200:
        return answer.headers["x-relay-error"]
    status = answer.json()["status"]
    if status != "succeeded":
        return status
    result = client.result(identifier)
    if result.status_code != 200:
        return result.headers["x-relay-error"]
    return status if client.result_matches(identifier, body) else "wrong"
