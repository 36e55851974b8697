"""kill -9 around a delivery: what has ended is delivered, perhaps twice with one id, never not at all."""

import threading

import pytest

from test_webhook_hostile import OK, Hostile
from world import CONFIG, eventually, message_body

# A claim that died with its worker is seen again after the attempt's time and 5 s.
QUICK = CONFIG.replace("webhooks: {", "webhooks: {timeout: 1s, schedule: [1s, 1s, 1s, 1s], ")
REPEAT_SECONDS = 30


def ids(receiver):
    return [line for head in receiver.heads for line in head.split(b"\r\n") if line.lower().startswith(b"webhook-id:")]


@pytest.fixture
def split(world):
    """An API, and workers to kill."""
    world.config.write_text(QUICK)
    sim = world.sim()
    world.add_key()
    client = world.client(world.relay("api"))
    return client


def test_killed_between_settling_and_delivering(world, split):
    """The receiver's first connection is never answered: the job has ended, its delivery has not, when the worker dies."""
    dying = threading.Event()

    def script(hostile, connection):
        if not dying.is_set():
            dying.wait(20)  # holds the attempt under way
            return
        connection.sendall(OK)

    receiver = Hostile(world, script)
    split.http.post("/v1/webhooks", json={"url": receiver.url}).raise_for_status()
    worker = world.relay("worker")
    identifier = split.submit(message_body())
    assert split.ended(identifier)["status"] == "succeeded"
    eventually("an attempt is under way", lambda: receiver.heads)
    worker.kill()
    dying.set()
    before = len(receiver.heads)
    world.relay("worker")
    eventually("it came again", lambda: len(receiver.heads) > before, seconds=REPEAT_SECONDS)
    assert len(set(ids(receiver))) == 1
    assert split.job(identifier)["status"] == "succeeded"


def test_killed_between_delivering_and_recording(world, split):
    """The worker dies before it can read the 2xx that the receiver has sent."""
    workers = []

    def script(hostile, connection):
        if len(hostile.heads) == 1:
            workers[0].kill()  # all of the request has come; the answer finds nobody
        connection.sendall(OK)

    receiver = Hostile(world, script)
    split.http.post("/v1/webhooks", json={"url": receiver.url}).raise_for_status()
    workers.append(world.relay("worker"))
    split.submit(message_body())
    eventually("the worker died of it", lambda: not workers[0].running)
    world.relay("worker")
    eventually("it came again", lambda: len(receiver.heads) == 2, seconds=REPEAT_SECONDS)
    assert len(set(ids(receiver))) == 1, "receivers could not drop the duplicate"


def test_killed_again_and_again_nothing_is_lost(world, split):
    receiver = world.receiver()
    split.http.post("/v1/webhooks", json={"url": receiver.url}).raise_for_status()
    jobs = set()
    for round_ in range(4):
        worker = world.relay("worker")
        jobs |= {split.submit(message_body(f"{round_}-{number}")) for number in range(25)}
        eventually("some have come", lambda: len(receiver.ids()) >= 20 * (round_ + 1), seconds=REPEAT_SECONDS)
        worker.kill()
    world.relay("worker")
    eventually("all have come", lambda: len(receiver.ids()) == len(jobs), seconds=2 * REPEAT_SECONDS)
