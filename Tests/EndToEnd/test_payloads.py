"""Payloads at rest: sealed under a data key of each tenant, and erased by dropping it."""

import json
import threading

import httpx
import pytest

from world import BIN, VERSION, Program, eventually, fnv1a, job_line, message_body

CANARY = "canary-payload-6b2e"
METADATA = "canary-metadata-71c0"
# A worker that stays with a call as long as a test needs.
SLOW = ("--latency", "60s")


def seals(world, on=True):
    text = world.config.read_text().replace("vault: {encrypt_payloads: true}\n", "")
    world.config.write_text(text + ("vault: {encrypt_payloads: true}\n" if on else ""))


def admin(world, relay):
    return world.client(relay, tenant="ops", scopes="admin")


def answer_mark(body):
    """What the sim's answer to `body` holds, and nothing else does."""
    return f"echo:{fnv1a(body)}".encode()


def holders(world, *marks):
    """Files of the data folder in which one of the marks stands."""
    return {path.name for path in world.data.iterdir() if path.is_file()
            and any(mark in path.read_bytes() for mark in marks)}


def accept_batch(client, *texts):
    requests = [{"custom_id": f"r{number}", "params": json.loads(message_body(text))}
                for number, text in enumerate(texts)]
    return client.http.post("/v1/messages/batches", json={"requests": requests},
                            headers=VERSION).raise_for_status().json()["id"]


def batch_ended(client, batch):
    return client.http.get(f"/v1/messages/batches/{batch}").raise_for_status().json()["processing_status"] == "ended"


def error_code(answer):
    return answer.json()["error"]["details"]["error_code"]


def is_erased(answer):
    assert answer.status_code == 410, answer.text
    return answer.json()["type"] == "error" and error_code(answer) == "payload_erased"


@pytest.mark.parametrize("on", [True, False])
def test_nothing_of_a_payload_stands_in_any_file(world, on):
    seals(world, on)
    _, relay, client = world.serving()
    receiver = world.receiver()
    client.http.post("/v1/webhooks", json={"url": receiver.url, "events": ["job.succeeded"]}).raise_for_status()
    body = message_body(CANARY)
    identifier = client.submit(body, metadata={"x": METADATA})
    assert client.ended(identifier)["metadata"] == {"x": METADATA}
    assert client.result_matches(identifier, body)
    batch = accept_batch(client, f"{CANARY} a", f"{CANARY} b")
    eventually("the batch has ended", lambda: batch_ended(client, batch))
    lines = client.http.get(f"/v1/messages/batches/{batch}/results").raise_for_status().text.splitlines()
    assert [json.loads(line)["result"]["type"] for line in lines] == ["succeeded"] * 2
    eventually("all callbacks came", lambda: len(receiver.ids()) == 3)
    inlined = [json.loads(sent)["data"] for _, sent in receiver.deliveries]
    assert all(data["result"]["body"]["type"] == "message" for data in inlined)
    assert METADATA in str(next(data for data in inlined if data["id"] == identifier))
    world.cli("backup", str(world.data / "copy"))
    marks = (CANARY.encode(), METADATA.encode(), answer_mark(body))
    for mark in marks:
        found = holders(world, mark)
        assert found == set() if on else {"copy"} <= found, (mark, found)
    assert relay.stop() == 0
    assert bool(holders(world, *marks)) is not on
    shown = world.cli("jobs", "show", identifier, "--result").stdout
    assert answer_mark(body).decode() in shown


def test_what_is_acknowledged_survives_kill_9_and_switching_on_and_off(world):
    sim = world.sim()
    world.add_key()
    bodies = {}
    for turn, on in enumerate([False, True, True, False, True]):
        seals(world, on)
        relay = world.relay()
        client = world.client(relay)
        for number in range(10):
            body = message_body(f"{turn} {number}")
            bodies[client.submit(body)] = body
        relay.kill()
    client = world.client(world.relay())
    for identifier, body in bodies.items():
        assert client.ended(identifier)["status"] == "succeeded"
        assert client.result_matches(identifier, body)
    assert sim.stats()


def test_an_operator_erases_a_tenant_over_http(world):
    seals(world)
    _, relay, client = world.serving()
    other = world.client(relay, tenant="other")
    ops = admin(world, relay)
    body = message_body(CANARY)
    identifier, kept = client.submit(body, metadata={"x": METADATA}), other.submit(body)
    assert client.ended(identifier)["status"] == other.ended(kept)["status"] == "succeeded"
    batch = accept_batch(client, "a")
    eventually("the batch has ended", lambda: batch_ended(client, batch))
    assert client.http.delete("/admin/v1/tenants/acme/data").status_code == 403
    assert error_code(ops.http.delete("/admin/v1/tenants/nobody/data")) == "tenant_unknown"
    erased = ops.http.delete("/admin/v1/tenants/acme/data").raise_for_status().json()
    assert (erased["tenant"], erased["data_key_dropped"], erased["jobs"], erased["batches"]) == ("acme", True, 2, 1)
    for path in ("", "/result", "/attempts"):
        assert is_erased(client.http.get(f"/v1/jobs/{identifier}{path}"))
    assert is_erased(client.http.post(f"/v1/jobs/{identifier}/retry"))
    assert is_erased(client.http.get(f"/v1/messages/batches/{batch}/results"))
    assert other.http.get(f"/v1/jobs/{kept}/result").status_code == 200
    assert other.http.get(f"/v1/jobs/{identifier}").status_code == 404
    jobs = client.http.get("/v1/jobs").raise_for_status().json()["data"]
    assert [(job["status"], job["metadata"]) for job in jobs] == [("succeeded", None)] * 2
    later = client.submit(body)
    assert client.ended(later)["status"] == "succeeded" and client.result_matches(later, body)
    assert "tenant.erased" in world.cli("audit", "list").stdout
    assert holders(world, CANARY.encode(), METADATA.encode(), answer_mark(body)) == set()
    assert "payload_erased" in world.cli("jobs", "show", identifier, check=False).stderr


def test_running_and_waiting_work_of_an_erased_tenant_ends_as_canceled(world):
    seals(world)
    world.sim(*SLOW)
    world.add_key()
    world.cli("tenants", "set", "acme", "--max-running", "1")
    relay = world.relay()
    client = world.client(relay)
    for number in range(30):
        client.submit(message_body(f"{number}"))
    batch = accept_batch(client, "a", "b")
    eventually("one is running", lambda: client.count("running") == 1)
    admin(world, relay).http.delete("/admin/v1/tenants/acme/data").raise_for_status()
    eventually("all have ended as canceled", lambda: client.count("canceled") == 32, seconds=60)
    eventually("the batch has ended", lambda: batch_ended(client, batch))
    assert "sealed_value_unreadable" not in relay.output
    assert relay.running


def test_plain_data_that_is_erased_stands_in_no_file(world):
    seals(world, on=False)
    _, relay, client = world.serving()
    other = world.client(relay, tenant="other")
    body, others = message_body(CANARY), message_body("somebody else's")
    identifier, kept = client.submit(body, metadata={"x": METADATA}), other.submit(others)
    assert client.ended(identifier)["status"] == other.ended(kept)["status"] == "succeeded"
    marks = (CANARY.encode(), METADATA.encode(), answer_mark(body))
    for mark in marks:
        assert holders(world, mark), mark
    admin(world, relay).http.delete("/admin/v1/tenants/acme/data").raise_for_status()
    eventually("no file holds it", lambda: holders(world, *marks) == set(), seconds=60)
    assert other.result_matches(kept, others)
    assert relay.stop() == 0
    assert holders(world, *marks) == set()


def test_the_command_asks_first_and_reaches_processes_that_run(world):
    """The API and its worker are processes of their own; the command is a third."""
    seals(world)
    world.sim()
    world.add_key()
    api = world.relay("api")
    worker = world.relay("worker")
    client = world.client(api)
    body = message_body(CANARY)
    first = client.submit(body)
    assert client.ended(first)["status"] == "succeeded" and client.result_matches(first, body)
    assert "Would erase of 'acme': 1 jobs" in world.cli("tenants", "erase", "acme", "--dry-run").stdout
    unanswered = world.cli("tenants", "erase", "acme", check=False)
    assert unanswered.returncode != 0 and "--yes" in unanswered.stderr
    assert "Nothing was erased" in world.cli("tenants", "erase", "acme", stdin=b"acne\n", check=False).stdout
    assert client.result_matches(first, body)
    assert "Erased of 'acme': 1 jobs" in world.cli("tenants", "erase", "acme", stdin=b"acme\n").stdout
    assert is_erased(client.http.get(f"/v1/jobs/{first}/result"))
    second = client.submit(body)
    assert client.ended(second)["status"] == "succeeded" and client.result_matches(second, body)
    assert world.cli("tenants", "erase", "nobody", "--yes", check=False).returncode != 0
    assert api.running and worker.running
    assert "sealed_value_unreadable" not in api.output + worker.output


def test_submissions_that_race_with_erasures_are_all_accounted_for(world):
    seals(world)
    _, relay, client = world.serving()
    ops = admin(world, relay)
    accepted, stop = {}, threading.Event()

    def submit(name):
        with httpx.Client(base_url=client.base, headers={"x-api-key": client.token, **VERSION}, timeout=60) as http:
            number = 0
            while not stop.is_set():
                body = message_body(f"{name} {number}")
                answer = http.post("/v1/jobs", content=b'{"request":' + body + b"}")
                assert answer.status_code == 202, answer.text
                accepted[answer.json()["id"]] = body
                number += 1

    threads = [threading.Thread(target=submit, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for turn in range(8):
        eventually("more is accepted", lambda: len(accepted) >= 20 * (turn + 1))
        ops.http.delete("/admin/v1/tenants/acme/data").raise_for_status()
    enough = len(accepted) + 20
    eventually("more is accepted", lambda: len(accepted) >= enough)
    stop.set()
    for thread in threads:
        thread.join()
    eventually("all have ended", lambda: client.count("queued") + client.count("running") == 0, seconds=60)
    erased = 0
    for identifier, body in accepted.items():
        if client.result(identifier).status_code == 410:
            erased += 1
        else:
            assert client.result_matches(identifier, body)
    assert 0 < erased < len(accepted)
    assert client.count("succeeded") + client.count("canceled") == len(accepted)


def test_keys_rotate_and_a_lost_master_key_is_a_clear_error(world):
    seals(world)
    _, relay, client = world.serving()
    body = message_body(CANARY)
    before = client.submit(body)
    assert client.ended(before)["status"] == "succeeded"
    assert "2 secrets wrapped anew" in world.cli("vault", "rotate").stdout
    assert client.result_matches(before, body)
    assert relay.stop() == 0
    key = world.data / "master.key"
    right = key.read_bytes()
    key.unlink()
    refused = world.started(Program(
        world.logs, BIN / "relay", "serve", "--data", world.data, "--config", world.config, "--listen", "127.0.0.1:0"))
    assert refused.process.wait(30) != 0 and "master.key is missing" in refused.output
    shown = world.cli("jobs", "show", before, "--result", check=False)
    assert shown.returncode != 0 and "sealed_value_unreadable" in shown.stderr and CANARY not in shown.stdout
    key.write_bytes(right)
    key.chmod(0o600)
    assert world.client(world.relay()).result_matches(before, body)


def test_nobody_who_submits_or_settles_hears_of_keys_that_rotate(world):
    """Each submission is its tenant's first: its data key is made while the keys that are to wrap it change."""
    seals(world)
    world.sim()
    world.add_key()
    api, worker = world.relay("api"), world.relay("worker")
    ops = admin(world, api)
    accepted, faults, stop = [], [], threading.Event()

    def token(tenant):
        answer = ops.http.post("/admin/v1/tokens", json={"tenant": tenant, "scopes": ["jobs"]})
        return answer.raise_for_status().json()["key"]

    def submit_one(http, name):
        body = message_body(name)
        answer = http.post("/v1/jobs", content=job_line(body), headers=VERSION)
        return answer, [(answer.json().get("id"), body)]

    def submit_many(http, name):
        bodies = [message_body(f"{name} {number}") for number in range(5)]
        answer = http.post("/v1/jobs", content=b"\n".join(map(job_line, bodies)) + b"\n",
                           headers={"content-type": "application/x-ndjson"})
        return answer, [(json.loads(line).get("id"), body)
                        for line, body in zip(answer.text.splitlines(), bodies, strict=True)]

    def submit(kind, work):
        number = 0
        while not stop.is_set():
            name = f"{kind}-{number}"
            number += 1
            try:
                key = token(name)
                with httpx.Client(base_url=api.url(), headers={"x-api-key": key}, timeout=60) as http:
                    answer, jobs = work(http, name)
                if answer.status_code != 202 or not all(identifier for identifier, _ in jobs):
                    faults.append((name, answer.status_code, answer.text[:500]))
                accepted.extend((key, identifier, body) for identifier, body in jobs)
            except Exception as error:
                faults.append((name, repr(error)))
                return

    def submit_batches():
        number = 0
        while not stop.is_set():
            requests = [{"custom_id": "r", "params": json.loads(message_body(f"b{number}"))}]
            with httpx.Client(base_url=api.url(), headers={"x-api-key": token(f"b-{number}")}, timeout=60) as http:
                answer = http.post("/v1/messages/batches", json={"requests": requests}, headers=VERSION)
            if answer.status_code != 200:
                faults.append((f"batch {number}", answer.status_code, answer.text[:500]))
            number += 1

    threads = [threading.Thread(target=submit, args=(kind, work))
               for kind, work in (("one", submit_one), ("many", submit_many))]
    threads.append(threading.Thread(target=submit_batches))
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            for _ in range(4):
                world.cli("vault", "rewrap")
            world.cli("vault", "rotate")
            assert not faults, faults
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not faults, faults
    assert len(accepted) > 20
    client = world.client(api)
    for key, identifier, body in accepted:
        client.http.headers["x-api-key"] = key
        assert client.ended(identifier)["status"] == "succeeded"
        assert client.result_matches(identifier, body)
        attempts = client.http.get(f"/v1/jobs/{identifier}/attempts").raise_for_status().json()["data"]
        assert sum(attempt["status"] == 200 for attempt in attempts) == 1, attempts
    shown = " ".join(world.cli("status").stdout.split())
    assert all(f"jobs {state} 0" in shown for state in ("errored", "canceled", "expired")), shown
    assert api.running and worker.running
    assert "does not open" not in api.output + worker.output
    assert "0 under older ones" in world.cli("vault", "status").stdout


def test_a_relay_that_cannot_follow_its_stores_keys_says_so_until_it_can(world):
    """Its operators move the store to another master key and forget to give it to the relay."""
    seals(world)
    _, relay, client = world.serving()
    body = message_body(CANARY)
    before = client.submit(body)
    assert client.ended(before)["status"] == "succeeded"
    assert client.http.get("/readyz").status_code == 200
    other = world.folder / "other.yaml"
    safe = world.folder / "safe.key"
    other.write_text(f'vault: {{master_key: "file:{safe}"}}\n')
    world.cli("vault", "rewrap", "--to", f"file:{safe}")
    world.cli("vault", "rewrap", "--config", str(other))
    answer = eventually("it is not ready", lambda: (
        (found := client.http.get("/readyz")).status_code == 503 and found))
    assert error_code(answer) == "store_unavailable" and "keyring" in answer.text and "vault.master_key" in answer.text
    assert str(safe) not in answer.text and str(world.data) not in answer.text
    assert "\nrelay_keyring_known 0\n" in client.http.get("/metrics").text
    eventually("the log says why", lambda: "does not open here" in relay.output and "safe.key" in relay.output)
    listen = relay.url().removeprefix("http://")
    shown = world.cli("status", "--listen", listen).stdout
    assert "does not open here" in shown and "is not ready" in shown
    examined = world.cli("doctor", "--listen", listen, "--config", str(other), check=False)
    assert examined.returncode == 1 and "FAIL  relay at" in examined.stdout and "ok    master key" in examined.stdout
    # What it knows it goes on with; a tenant without a data key has to wait.
    assert client.result_matches(before, body)
    assert client.ended(client.submit(body))["status"] == "succeeded"
    newcomer = world.cli("tokens", "issue", "--tenant", "new", "--scopes", "jobs", "--config", str(other)).stdout.strip()
    refused = client.http.post("/v1/jobs", content=job_line(body), headers={**VERSION, "x-api-key": newcomer})
    assert (refused.status_code, error_code(refused)) == (503, "store_busy")
    world.cli("vault", "rewrap", "--to", f"file:{world.data / 'master.key'}", "--config", str(other))
    eventually("it is ready again", lambda: client.http.get("/readyz").status_code == 200)
    assert "\nrelay_keyring_known 1\n" in client.http.get("/metrics").text
    again = client.http.post("/v1/jobs", content=job_line(body), headers={**VERSION, "x-api-key": newcomer})
    assert again.status_code == 202
    assert "keyring is known again" in relay.output and relay.output.count("does not open here") == 1
