"""The description at /openapi.json, and what schemathesis finds when it believes every word of it."""

import json
import subprocess
import sys
from pathlib import Path

import httpx

# Every answer is one of those described; nothing that a client can send is answered with a 5xx.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Each example is a call that must be answered; few but of every kind, as all runs of the tests make them.
EXAMPLES = "12"


def test_the_description_is_open_to_all_and_is_openapi(world):
    client = world.client(world.relay("api"))
    document = httpx.get(client.base + "/openapi.json").raise_for_status().json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"] and operation["responses"], f"{method} {path}"
            named = {part["name"] for part in operation["parameters"] if part["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, f"{method} {path}"


def test_schemathesis_finds_no_server_error_and_no_answer_that_is_not_described(world, tmp_path):
    sim, relay, client = world.serving()
    admin = world.client(relay, tenant="ops", scopes="messages,jobs,webhooks,admin")
    # Something to be found under the ids that the routes list.
    client.ended(client.submit(b'{"model":"claude-sonnet-5","max_tokens":8,"messages":[{"role":"user","content":"x"}]}'))
    schemathesis = Path(sys.executable).parent / "schemathesis"
    report = tmp_path / "report.txt"
    with open(report, "wb") as out:
        done = subprocess.run(
            [schemathesis, "run", client.base + "/openapi.json", "--checks", CHECKS, "--max-examples", EXAMPLES,
             "--header", f"x-api-key: {admin.token}", "--header", "anthropic-version: 2023-06-01", "--seed", "1",
             "--phases", "examples,coverage,fuzzing", "--request-timeout", "30", "--continue-on-failure",
             "--exclude-path", "/metrics",
             # An operator who disables the only way out is obeyed: all calls after that are 503, as they should be.
             "--exclude-path", "/admin/v1/egress/{id}/disable"],
            stdout=out, stderr=subprocess.STDOUT, timeout=600, cwd=tmp_path)
    text = report.read_text(errors="replace")
    assert done.returncode == 0, text[-6000:]
    assert relay.running
