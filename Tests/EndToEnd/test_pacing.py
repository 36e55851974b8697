"""A key's rate holds, whatever processes spend it."""

import json
import time

from world import CONFIG, eventually, job_line, message_body


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


def test_workers_that_are_killed_neither_raise_the_rate_nor_keep_it(world):
    sim = world.sim("--rps", "20", "--burst", "4")
    world.add_key("--rps", "20")
    client = world.client(world.relay("api"))
    workers = [world.relay("worker"), world.relay("worker")]
    client.submit_many([job_line(message_body(f"job {number}")) for number in range(160)])
    for count in (20, 50, 80):
        eventually(f"{count} jobs have succeeded", lambda: client.count("succeeded") >= count, every=0.05)
        workers.pop(0).kill()
        workers.append(world.relay("worker"))
    eventually("all jobs have succeeded", lambda: client.count("succeeded") == 160, seconds=60, every=0.2)
    (key,) = [entry for entry in sim.stats()["keys"].values() if entry["requests"] >= 100]
    assert key["peak_1s"] <= 22
    assert key["statuses"].get("429", 0) == 0


def test_a_class_of_models_that_is_spent_holds_up_no_other(world):
    limits = [{"organization": "default", "model_class": "opus-4", "requests_per_second": 1},
              {"organization": "default", "model_class": "haiku-4", "requests_per_second": 200}]
    world.config.write_text(CONFIG + f"pacing: {{limits: {json.dumps(limits)}}}\n")
    sim, _, client = world.serving()

    def jobs(model, count):
        return [job_line(message_body(f"{model} {number}", model=model)) for number in range(count)]

    client.submit_many(jobs("claude-opus-4-1", 1000))
    eventually("the slow ones have begun", lambda: client.count("succeeded") > 0)
    client.submit_many(jobs("claude-haiku-4-5", 600))

    def quick_ones():
        page = client.http.get("/v1/jobs", params={"model": "claude-haiku-4-5", "limit": 1000}).json()["data"]
        return sum(job["status"] == "succeeded" for job in page) == 600

    eventually("the quick ones are through, hours before the slow ones", quick_ones, every=0.5)
    assert client.count("queued") > 900 and sim.stats()["executions"]["max"] == 1
