"""Limits, budgets and usage of tenants, with real processes."""

import csv
import io
import json
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

from world import VERSION, eventually, job_line, message_body

PRICES = """\
models:
  - {model: claude-sonnet-5*, input: %s, output: %s}
"""


def priced(world, dollars_input="3", dollars_output="15"):
    """Writes a price list that the relay uses from its next start or SIGHUP on."""
    prices = world.folder / "prices.yaml"
    prices.write_text(PRICES % (dollars_input, dollars_output))
    if "prices:" not in world.config.read_text():
        world.config.write_text(world.config.read_text() + f"prices: {{file: {prices}}}\n")


def standing(world, tenant="acme"):
    """Where the day's money stands, in micro-dollars: limit, spent, reserved."""
    for line in world.cli("tenants", "show", tenant).stdout.splitlines():
        if line.startswith("day ") and " usd " in line:
            return [round(float(cell) * 1e6) for cell in line.split()[-3:]]
    raise AssertionError("no budget")


def usage(world, *options):
    text = world.cli("usage", "--csv", *options).stdout
    return list(csv.DictReader(io.StringIO(text)))


def micros(rows):
    return sum(round(float(row["cost_usd"]) * 1e6) for row in rows)


def call(client, text="Hello", **more):
    return client.http.post("/v1/messages", content=message_body(text, **more), headers=VERSION)


def code(answer):
    return answer.headers.get("x-relay-error")


def test_64_racing_callers_cannot_overspend_on_the_synchronous_path(world):
    priced(world)
    world.cli("tenants", "set", "acme", "--usd-per-day", "0.05")
    sim, _, client = world.serving("--latency", "20ms")
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda number: call(client, f"race {number}"), range(256)))
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 429}, statuses
    assert {code(answer) for answer in answers if answer.status_code == 429} == {"budget_exhausted"}
    limit, spent, reserved = standing(world)
    assert (limit, reserved) == (50_000, 0)
    billed = sum(
        -(-(answer.json()["usage"]["input_tokens"] * 3_000_000 + answer.json()["usage"]["output_tokens"] * 15_000_000)
          // 1_000_000) for answer in answers if answer.status_code == 200)
    assert spent == billed <= limit
    rows = usage(world)
    assert micros(rows) == billed and sum(int(row["requests"]) for row in rows) == len(
        [answer for answer in answers if answer.status_code == 200])
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1 and "$0.05" in refused.text


def test_64_racing_callers_cannot_overspend_with_jobs_and_two_processes(world):
    priced(world)
    world.cli("tenants", "set", "acme", "--usd-per-day", "0.05")
    _, _, client = world.serving()
    other = world.client(world.relay("api"))

    def submit(number):
        chosen = client if number % 2 else other
        return chosen.http.post("/v1/jobs", content=job_line(message_body(f"job {number}")), headers=VERSION)

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(submit, range(300)))
    assert {answer.status_code for answer in answers} == {202, 429}
    for answer in answers:
        if answer.status_code == 202:
            assert client.ended(answer.json()["id"])["status"] == "succeeded"
    limit, spent, reserved = standing(world)
    assert reserved == 0 and 0 < spent <= limit
    assert micros(usage(world)) == spent
    assert "counted" not in world.cli("doctor", check=False).stdout
    lines = client.http.post(
        "/v1/jobs", content=b"\n".join(job_line(message_body("x" * 10, max_tokens=3000)) for _ in range(3)),
        headers={"content-type": "application/x-ndjson"})
    assert lines.status_code == 429 and lines.headers["x-relay-refused"] == "3", lines.text
    assert all("budget_exhausted" in line for line in lines.text.splitlines())
    batch = {"requests": [{"custom_id": f"c{number}", "params": json.loads(message_body(max_tokens=900))}
                          for number in range(4)]}
    answer = client.http.post("/v1/messages/batches", json=batch, headers=VERSION)
    assert answer.status_code == 429 and code(answer) == "budget_exhausted", answer.text
    assert standing(world)[2] == 0


def test_a_stream_counts_and_one_that_is_broken_off_is_not_free(world):
    priced(world)
    world.cli("tenants", "set", "acme", "--usd-per-day", "5")
    _, _, client = world.serving()
    with client.http.stream("POST", "/v1/messages", content=message_body("a stream", stream=True), headers=VERSION) as answer:
        assert answer.status_code == 200
        answer.read()
    spent = eventually("it is settled", lambda: (now := standing(world)) and now[2] == 0 and now[1])
    assert micros(usage(world)) == spent > 0


def test_kill_9_leaves_reservations_that_end(world):
    priced(world)
    world.cli("tenants", "set", "acme", "--usd-per-day", "5")
    sim, relay, client = world.serving("--latency", "60s")
    job = client.submit(message_body("a job"))
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(lambda: call(client, "a call"))
        eventually("both have reserved", lambda: standing(world)[2] > 3000)
        eventually("the job runs", lambda: client.job(job)["status"] == "running")
        before = standing(world)
        relay.kill()
        assert pending.exception() is not None
    assert standing(world) == before
    assert "counted" not in world.cli("doctor", check=False).stdout
    # The minute that a vanished process's calls are kept for is made shorter.
    with sqlite3.connect(world.data / "relay.sqlite") as store:
        store.execute("UPDATE call_reservations SET expires_at = 1")
    sim.kill()
    world.sim()
    client = world.client(world.relay())
    assert client.ended(job)["status"] == "succeeded"
    eventually("the call's reservation is settled", lambda: standing(world)[2] == 0)
    limit, spent, reserved = standing(world)
    assert 0 < spent <= limit and reserved == 0
    assert sum(int(row["maybe_billed"]) for row in usage(world)) == 2
    assert "counted" not in world.cli("doctor", check=False).stdout


def test_limits_hold_follow_and_say_what_they_are(world):
    sim, _, client = world.serving("--latency", "300ms", command="api")
    world.cli("tenants", "set", "acme", "--models", "claude-sonnet-*", "--body", "2KiB", "--concurrency", "2",
              "--queued", "3")
    eventually("the limits are in force", lambda: call(client, model="claude-opus-9").status_code == 403)
    refused = call(client, model="claude-opus-9")
    assert code(refused) == "model_not_allowed" and "claude-sonnet-*" in refused.text
    for path, content in [
        ("/v1/jobs", job_line(message_body(model="claude-opus-9"))),
        ("/v1/messages/count_tokens", message_body(model="claude-opus-9")),
        ("/v1/messages/batches", json.dumps({"requests": [
            {"custom_id": "a", "params": json.loads(message_body(model="claude-opus-9"))}]}).encode()),
    ]:
        answer = client.http.post(path, content=content, headers=VERSION)
        assert (answer.status_code, code(answer)) == (403, "model_not_allowed"), (path, answer.text)
    for path, content in [("/v1/messages", message_body("x" * 4000)), ("/v1/jobs", job_line(message_body("x" * 4000)))]:
        answer = client.http.post(path, content=content, headers=VERSION)
        assert (answer.status_code, code(answer)) == (413, "body_too_large"), path
    lines = client.submit_many([job_line(message_body("ok")), job_line(message_body("x" * 4000))])
    assert "id" in lines[0] and "body_too_large" in json.dumps(lines[1])
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: call(client, f"at once {number}"), range(12)))
    assert sum(answer.status_code == 200 for answer in answers) >= 2
    assert {code(answer) for answer in answers if answer.status_code != 200} == {"tenant_concurrency"}
    assert call(client, "there is room again").status_code == 200
    client.submit(message_body("second")), client.submit(message_body("third"))
    full = client.http.post("/v1/jobs", content=job_line(message_body("fourth")), headers=VERSION)
    assert (full.status_code, code(full)) == (429, "tenant_queue_full") and "3" in full.text
    admin = world.client(world.programs[-1], tenant="root", scopes="admin")
    changed = admin.http.patch("/admin/v1/tenants/acme", json={"queued_jobs": None, "models": None, "usd_per_day": 1.5})
    assert changed.status_code == 200, changed.text
    assert changed.json()["limits"]["queued_jobs"] is None and changed.json()["limits"]["usd_per_day"] == 1.5
    assert changed.json()["limits"]["body_bytes"] == 2048
    assert changed.json()["budget"][0]["usd"]["limit"] == 1.5
    client.submit(message_body("fourth"))
    bad = admin.http.patch("/admin/v1/tenants/acme", json={"concurrency": 0})
    assert bad.status_code == 400 and "concurrency" in bad.text
    assert admin.http.get("/admin/v1/tenants/nobody").status_code == 404
    assert client.http.get("/admin/v1/tenants").status_code == 403
    assert [tenant["name"] for tenant in admin.http.get("/admin/v1/tenants").json()["data"]] == ["acme"]


def test_requests_a_second_are_exact_over_two_processes(world):
    _, first, client = world.serving(command="api")
    other = world.client(world.relay("api"))
    world.cli("tenants", "set", "acme", "--rps", "20")
    time.sleep(2.5)  # both follow within a second; the burst is then whole again
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(
            lambda number: (client if number % 2 else other).http.get("/v1/jobs?limit=1"), range(200)))
    took = time.monotonic() - began
    passed = sum(answer.status_code == 200 for answer in answers)
    assert passed <= 20 * (took + 1) + 2, (passed, took)
    assert passed >= 15
    refused = next(answer for answer in answers if answer.status_code != 200)
    assert (refused.status_code, code(refused)) == (429, "tenant_rate_limited")
    assert refused.headers["retry-after"] == "1"
    world.cli("tenants", "set", "acme", "--rps", "none")
    eventually("it is unlimited again", lambda: all(
        client.http.get("/v1/jobs?limit=1").status_code == 200 for _ in range(60)))


def test_usage_by_command_api_and_csv_and_prices_change_on_sighup(world):
    priced(world)
    sim, relay, client = world.serving()
    job = client.submit(message_body("a job"))
    assert client.ended(job)["status"] == "succeeded"
    assert call(client, "a call").status_code == 200
    odd = '=cmd|"a",b\n'
    assert call(client, model=odd).status_code in (200, 404)
    rows = eventually("synchronous usage is written", lambda: (
        found := usage(world, "--by", "tenant,day,key,model")) and len(found) == 2 and found)
    known = next(row for row in rows if row["model"] == "claude-sonnet-5")
    assert (known["tenant"], known["key"], known["requests"], known["unpriced"]) == ("acme", "default", "2", "0")
    assert known["day"] == time.strftime("%Y-%m-%d", time.gmtime())
    strange = next(row for row in rows if row is not known)
    assert strange["model"] == "'" + odd and strange["unpriced"] == "1"
    own = client.http.get("/v1/usage").json()["data"]
    assert {row["model"] for row in own} == {"claude-sonnet-5", odd} and "tenant" not in own[0]
    cost = next(row for row in own if row["model"] == "claude-sonnet-5")
    assert f"{cost['cost_usd']:.6f}".rstrip("0") == known["cost_usd"].rstrip("0")
    admin = world.client(relay, tenant="root", scopes="admin")
    text = admin.http.get("/admin/v1/usage?tenant=acme&by=tenant,model&format=csv")
    assert text.headers["content-type"].startswith("text/csv")
    assert {row["tenant"] for row in csv.DictReader(io.StringIO(text.text))} == {"acme"}
    assert admin.http.get("/admin/v1/usage?by=colour").status_code == 400
    assert admin.http.get("/admin/v1/usage?since=2999-01-01").json()["data"] == []
    before = micros(usage(world, "--by", "model"))
    priced(world, "300", "300")
    relay.process.send_signal(signal.SIGHUP)
    eventually("it is read", lambda: "configuration read anew" in relay.output)
    assert call(client, "dear").status_code == 200
    eventually("the dearer call is counted", lambda: micros(usage(world, "--by", "model")) > before + 10_000)
    (world.folder / "prices.yaml").write_text("models: [{model: a, input: cheap, output: 1}]\n")
    relay.process.send_signal(signal.SIGHUP)
    eventually("it is refused", lambda: "the old one stays" in relay.output)
    assert world.cli("config", "check", "--config", str(world.config), check=False).returncode != 0


def test_the_upstream_keys_behind_usage_are_the_operators_alone(world):
    sim, relay, client = world.serving()
    client.ended(client.submit(message_body("used")))
    operator = world.client(relay, scopes="messages,admin:read")
    for query in ({"by": "key"}, {"by": "model,key", "format": "csv"}):
        refused = client.http.get("/v1/usage", params=query)
        assert (refused.status_code, refused.headers["x-relay-error"]) == (403, "scope_missing"), refused.text
        assert "default" not in refused.text
    eventually("the use is known", lambda: "default" in operator.http.get("/v1/usage", params={"by": "key"}).text)
    assert "default" not in client.http.get("/v1/usage", params={"by": "model,day"}).text
