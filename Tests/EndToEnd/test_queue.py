"""The queue as owners and operators see it: keys, times, cancellation, dead letters, shares, retention, backups."""

import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import httpx

from world import VERSION, eventually, job_line, message_body


def rfc3339(seconds_from_now):
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds_from_now)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_one_key_makes_one_job_however_many_ask_at_once(world):
    _, _, client = world.serving(command="api")
    line, other = job_line(message_body("once")), job_line(message_body("something else"))
    headers = {**VERSION, "idempotency-key": "order-4711"}
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: client.http.post("/v1/jobs", content=line, headers=headers), range(48)))
    assert {answer.status_code for answer in answers} == {200, 202}
    assert sum(answer.status_code == 202 for answer in answers) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    conflict = client.http.post("/v1/jobs", content=other, headers=headers)
    assert conflict.status_code == 409 and "idempotency_conflict" in conflict.text
    assert client.count("queued") == 1


def test_jobs_run_at_their_time_and_expire_at_their_deadline(world):
    _, _, client = world.serving()
    asked = time.time()
    later = client.submit(message_body("later"), run_at=rfc3339(2))
    never = client.submit(message_body("never"), run_at=rfc3339(60), deadline=rfc3339(61))
    short = client.submit(message_body("short"), run_at=rfc3339(1.0), deadline=rfc3339(1.001))
    assert client.job(never)["status"] == "queued"
    assert client.ended(later)["status"] == "succeeded" and time.time() - asked >= 2
    assert client.ended(short)["status"] == "expired"
    assert "deadline_passed" in client.result(short).text


def test_cancelling_a_running_job_closes_its_call_at_once(world):
    world.config.write_text(world.config.read_text().replace("lease: 3s", "lease: 60s"))
    sim, _, client = world.serving("--latency", "30s")
    identifier = client.submit(message_body("too long"))
    eventually("it runs", lambda: client.job(identifier)["status"] == "running")
    started = time.monotonic()
    assert client.http.post(f"/v1/jobs/{identifier}/cancel").json()["cancel_requested"]
    assert client.ended(identifier)["status"] == "canceled"
    assert time.monotonic() - started < 10, "a worker must hear of it long before a third of its lease"


def test_dead_letters_are_listed_and_replayed(world):
    world.config.write_text(world.config.read_text().replace("max_attempts: 20", "max_attempts: 1"))
    sim, relay, client = world.serving("--fault", "500=1")
    dead = [client.submit(message_body(f"dead {n}")) for n in range(4)]
    for identifier in dead:
        assert client.ended(identifier)["status"] == "errored"
    listed = client.http.get("/v1/jobs", params={"dead_letter": "true"}).json()
    assert {job["id"] for job in listed["data"]} == set(dead)
    httpx.post(sim.base + "/sim/faults", content=b"{}").raise_for_status()
    good = client.submit(message_body("good"))
    client.ended(good)

    retried = client.http.post(f"/v1/jobs/{dead[0]}/retry")
    assert retried.status_code == 202 and retried.json()["replay_of"] == dead[0]
    again = client.http.post(f"/v1/jobs/{dead[0]}/retry")
    assert again.status_code == 200 and again.json()["id"] == retried.json()["id"]
    assert client.job(dead[0])["replayed_as"] == retried.json()["id"]
    refused = client.http.post(f"/v1/jobs/{good}/retry")
    assert refused.status_code == 409 and "job_not_replayable" in refused.text
    assert client.ended(retried.json()["id"])["status"] == "succeeded"
    assert client.result_matches(retried.json()["id"], message_body("dead 0"))

    some = world.cli("jobs", "replay", dead[0], dead[1], good, check=False)
    assert some.returncode == 2
    assert re.search(rf"{dead[0]}\s+was replayed before", some.stdout)
    assert re.search(rf"{dead[1]}\s+replayed as job_", some.stdout)
    assert re.search(rf"{good}\s+not replayed: it is succeeded", some.stdout)
    assert dead[2] in world.cli("jobs", "list", "--dead", "--since", "1h").stdout
    assert world.cli("jobs", "replay", "--dead", "--tenant", "acme").stdout == "2 dead letters replayed.\n"
    assert world.cli("jobs", "list", "--dead").stdout == "No such jobs.\n"
    eventually("all replays end", lambda: client.count("succeeded") == 5)


def test_a_tenant_with_a_long_queue_does_not_hold_up_another(world):
    world.config.write_text(world.config.read_text().replace("concurrency: 64", "concurrency: 4"))
    _, relay, big = world.serving("--latency", "50ms")
    big.submit_many([job_line(message_body(f"big {n}")) for n in range(400)])
    small = world.client(relay, tenant="small")
    identifier = small.submit(message_body("small"), priority=0)
    assert small.ended(identifier)["status"] == "succeeded"
    assert big.count("queued") > 200, "the big tenant's queue must not have been drained first"


def test_a_tenants_limit_holds_and_stats_show_it(world):
    world.cli("tenants", "set", "acme", "--max-running", "2", "--weight", "3")
    _, relay, client = world.serving("--latency", "300ms")
    client.submit_many([job_line(message_body(f"{n}")) for n in range(12)])
    eventually("two run", lambda: client.count("running") == 2)
    for _ in range(10):
        assert client.count("running") <= 2
    stats = world.cli("queue", "stats").stdout
    assert re.search(r"^acme\s+\d+\s+[012]\s+\d+\s+0\s+0\s+0\s+\S+\s+3\s+2$", stats, re.MULTILINE), stats
    assert "On disk" in stats and "Log" in stats
    gauges = client.http.get("/metrics").text
    assert re.search(r'^relay_jobs\{state="running"\} [12]$', gauges, re.MULTILINE), gauges
    assert re.search(r'^relay_store_bytes\{part="log"\} [1-9]', gauges, re.MULTILINE), gauges
    assert "\nrelay_store_readable 1\n" in gauges and "\nrelay_queue_longest_wait_seconds " in gauges
    eventually("all end", lambda: client.count("succeeded") == 12)
    assert world.cli("tenants", "set", "acme", "--weight", "0", check=False).returncode != 0


def test_a_mistyped_data_folder_is_refused_and_not_made(world, tmp_path):
    nowhere = tmp_path / "no-such-relay"
    for command in (("jobs", "list"), ("queue", "stats"), ("status",), ("keys", "list"), ("backup", str(tmp_path / "copy"))):
        refused = world.cli(*command, "--data", str(nowhere), check=False)
        assert refused.returncode != 0 and "holds no queue" in refused.stderr, refused
    assert not nowhere.exists() and not (tmp_path / "copy").exists()


def test_ended_jobs_are_deleted_after_their_time(world):
    world.config.write_text(world.config.read_text() + "retention: {age: 2s}\n")
    _, _, client = world.serving()
    first = client.submit(message_body("forget me"))
    client.ended(first)
    client.ended(client.submit(message_body("the newest stays")))
    eventually("it is deleted", lambda: client.http.get(f"/v1/jobs/{first}").status_code == 404)
    assert client.count("succeeded") == 1


def test_a_backup_taken_under_load_is_restored_whole(world):
    _, relay, client = world.serving("--latency", "5ms")
    done = [client.submit(message_body(f"done {n}")) for n in range(20)]
    for identifier in done:
        client.ended(identifier)
    world.cli("tenants", "set", "acme", "--max-running", "1")
    queued = [answer["id"] for answer in client.submit_many(
        [job_line(message_body(f"queued {n}")) for n in range(300)])]
    copy = world.folder / "copy.sqlite"
    assert "copied" in world.cli("backup", str(copy)).stdout
    assert world.cli("backup", str(copy), check=False).returncode != 0, "an existing file is not overwritten"
    relay.kill()
    restored = world.folder / "restored"
    restored.mkdir(mode=0o700)
    shutil.copy(copy, restored / "relay.sqlite")
    shutil.copy(world.data / "master.key", restored / "master.key")
    world.data = restored
    world.cli("tenants", "set", "acme", "--weight", "1")
    again = world.client(world.relay())
    for identifier in done:
        assert again.job(identifier)["status"] == "succeeded"
    for identifier in queued:
        assert again.ended(identifier)["status"] == "succeeded"
