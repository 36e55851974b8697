"""What clients see while the store cannot be written, and what they find afterwards."""

import time
from collections.abc import Callable

import httpx

from faults.load import Load
from world import Client, eventually


def is_refusal(answer: httpx.Response) -> bool:
    """Whether an answer is the envelope that says that the store cannot be used now."""
    assert (answer.status_code, answer.headers.get("x-relay-error")) == (503, "store_unavailable"), answer.text
    document = answer.json()
    assert document["type"] == "error" and document["error"]["details"]["error_code"] == "store_unavailable"
    return int(answer.headers["retry-after"]) > 0


def is_ready(client: Client) -> bool:
    return client.http.get("/readyz").status_code == 200


def outage(
    client: Client, load: Load, cause: Callable[[], None], cure: Callable[[], None], is_total: bool = True
) -> None:
    """While the cause lasts, submissions are refused and nothing is promised; when it goes, all goes on.

    Not total: a small write succeeds now and then.
    """
    eventually("jobs are taken", lambda: len(load.bodies) > 50)
    cause()
    eventually("/readyz says so", lambda: not is_ready(client), seconds=5)
    eventually("submissions are refused", lambda: load.refusals, seconds=5)
    promised = len(load.bodies)
    for _ in range(10):
        answer = client.http.get("/readyz")
        assert not is_total and answer.status_code == 200 or is_refusal(answer)
        time.sleep(0.1)
    assert not is_total or len(load.bodies) == promised, "a job was acknowledged that could not be stored"
    cure()
    eventually("/readyz is well again", lambda: is_ready(client), seconds=5)
    eventually("jobs are taken again", lambda: len(load.bodies) > promised, seconds=5)
    load.stop()
    assert load.refusals and all(map(is_refusal, load.refusals)) and not load.faults


def all_succeed(client: Client, load: Load) -> None:
    """What was acknowledged, no more and no less, ends well, each job with its own answer."""
    expected = len(load.bodies)
    eventually("all acknowledged jobs have ended", lambda: client.count("succeeded") >= expected, seconds=30)
    assert load.outcomes(client) == {"succeeded": expected}
    states = ["queued", "running", "succeeded", "errored", "canceled", "expired"]
    assert sum(map(client.count, states)) == expected, "a refused job was stored"
