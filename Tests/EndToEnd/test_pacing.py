"""A key's rate holds, whatever processes spend it."""

import time

from world import eventually, job_line, message_body


def test_two_workers_and_an_api_share_one_keys_rate(world):
    sim = world.sim("--rps", "20", "--burst", "4")
    world.add_key("--rps", "20")
    client = world.client(world.relay("api"))
    workers = [world.relay("worker"), world.relay("worker")]
    started = time.monotonic()
    client.submit_many([job_line(message_body(f"job {number}")) for number in range(80)])
    for number in range(20):
        answer = client.http.post(
            "/v1/messages", content=message_body(f"call {number}"), headers={"anthropic-version": "2023-06-01"})
        assert answer.status_code == 200, answer.text
    eventually("all jobs have succeeded", lambda: client.count("succeeded") == 80, every=0.2)
    elapsed = time.monotonic() - started
    stats = sim.stats()
    (key,) = [entry for entry in stats["keys"].values() if entry["requests"] >= 100]
    print(f"used {100 / 20 / elapsed:.0%} of the rate; highest second {key['peak_1s']}")
    # 20 evenly spaced, one more where the window has both ends, one for what the way to the socket takes.
    assert key["peak_1s"] <= 22
    assert key["statuses"].get("429", 0) == 0
    assert all(worker.running for worker in workers)
